targetScope = 'resourceGroup'

metadata name = 'Marketing IQ'
metadata description = 'A whole deployment on Azure, except PostgreSQL (Supabase or another) and, if wanted, Redis (Upstash or another): their URLs are secrets of the vault.'

// Parameters

@description('Optional. Where everything is created.')
param location string = resourceGroup().location

@description('Required. Short name of this deployment: 3 to 11 lower-case letters and digits.')
@minLength(3)
@maxLength(11)
param deploymentName string

@description('Required. Who is told of alerts and of the budget.')
param operatorEmail string

@description('Required. Origins of browsers that may call the API, such as https://dashboards.example.com.')
param corsOrigins array

@description('Required. The Google OAuth client id.')
param googleClientId string

@description('Required. The Meta app id.')
param metaAppId string

@description('Optional. The public address of the API, with https and a closing slash. Empty: the one that Azure gives.')
param publicUrl string = ''

@description('Optional. Who may sign up.')
@allowed([
  'invite'
  'open'
  'closed'
])
param signup string = 'invite'

@description('Optional. Private endpoints instead of service endpoints: about 42 US dollars a month more.')
param usePrivateEndpoints bool = false

@description('Optional. Whether the secret redis-url names a Redis cache.')
param useRedis bool = false

@description('Optional. Memory of an instance, in megabytes.')
@allowed([
  512
  2048
  4096
])
param instanceMemoryMb int = 512

@description('Optional. HTTP instances that never sleep.')
param alwaysReadyHttp int = 0

@description('Optional. What a month may cost before the operators are told.')
param monthlyBudget int = 50

@description('Optional. The first day of the month that the budget begins in.')
param budgetStart string = utcNow('yyyy-MM-01')

@description('Optional. The tag of the dbt image, with its colon, or its digest, with its @.')
param transformImageTag string = ':latest'

@description('Optional. Tags of every resource.')
param tags object = {}

// Variables

var unique = uniqueString(resourceGroup().id, deploymentName)
var prefix = 'miq-${deploymentName}'
var compactPrefix = take('miq${deploymentName}${unique}', 22)
var packageContainer = 'app-package'
var rawContainer = 'raw'
var jobQueues = [
  'extract-google-ads'
  'extract-meta-ads'
  'extract-google-analytics'
  'transform'
]
var timers = [
  'ExtractGoogleAds'
  'ExtractMetaAds'
  'ExtractGoogleAnalytics'
]
var appSubnets = [
  network.outputs.appSubnetId
  network.outputs.transformSubnetId
]

// Resources

module identities 'modules/identity.bicep' = {
  params: {
    location: location
    prefix: prefix
    tags: tags
  }
}

module monitoring 'modules/monitoring.bicep' = {
  params: {
    location: location
    prefix: prefix
    tags: tags
  }
}

module network 'modules/network.bicep' = {
  params: {
    location: location
    prefix: prefix
    tags: tags
  }
}

module hostStorage 'modules/storage.bicep' = {
  params: {
    location: location
    name: '${compactPrefix}h'
    tags: tags
    containers: [
      packageContainer
    ]
    subnetIds: appSubnets
    privateOnly: usePrivateEndpoints
    workspaceId: monitoring.outputs.workspaceId
  }
}

module dataStorage 'modules/storage.bicep' = {
  params: {
    location: location
    name: '${compactPrefix}d'
    tags: tags
    containers: [
      rawContainer
    ]
    queues: jobQueues
    subnetIds: appSubnets
    privateOnly: usePrivateEndpoints
    coolAfterDays: 30
    workspaceId: monitoring.outputs.workspaceId
  }
}

module vault 'modules/key-vault.bicep' = {
  params: {
    location: location
    name: '${compactPrefix}kv'
    tags: tags
    subnetIds: appSubnets
    privateOnly: usePrivateEndpoints
    workspaceId: monitoring.outputs.workspaceId
  }
}

module registry 'modules/registry.bicep' = {
  params: {
    location: location
    name: '${compactPrefix}r'
    tags: tags
    workspaceId: monitoring.outputs.workspaceId
  }
}

module transformJob 'modules/transform-job.bicep' = {
  params: {
    location: location
    prefix: prefix
    tags: tags
    subnetId: network.outputs.transformSubnetId
    workspaceId: monitoring.outputs.workspaceId
    identityId: identities.outputs.transformId
    loginServer: registry.outputs.loginServer
    imageTag: transformImageTag
    vaultUri: vault.outputs.uri
  }
}

module roles 'modules/roles.bicep' = {
  params: {
    appPrincipalId: identities.outputs.appPrincipalId
    transformPrincipalId: identities.outputs.transformPrincipalId
    hostStorageName: hostStorage.outputs.name
    dataStorageName: dataStorage.outputs.name
    vaultName: vault.outputs.name
    registryName: registry.outputs.name
    transformJobName: transformJob.outputs.jobName
    insightsName: monitoring.outputs.insightsName
  }
}

module privateEndpoints 'modules/private-endpoints.bicep' = if (usePrivateEndpoints) {
  params: {
    location: location
    prefix: prefix
    tags: tags
    networkId: network.outputs.networkId
    subnetId: network.outputs.endpointSubnetId
    hostStorageId: hostStorage.outputs.id
    dataStorageId: dataStorage.outputs.id
    vaultId: vault.outputs.id
  }
}

module app 'modules/function-app.bicep' = {
  params: {
    location: location
    prefix: prefix
    tags: tags
    subnetId: network.outputs.appSubnetId
    identityId: identities.outputs.appId
    identityClientId: identities.outputs.appClientId
    hostBlobEndpoint: hostStorage.outputs.blobEndpoint
    hostQueueEndpoint: hostStorage.outputs.queueEndpoint
    hostTableEndpoint: hostStorage.outputs.tableEndpoint
    packageContainer: packageContainer
    dataBlobEndpoint: dataStorage.outputs.blobEndpoint
    dataQueueEndpoint: dataStorage.outputs.queueEndpoint
    rawContainer: rawContainer
    vaultUri: vault.outputs.uri
    transformJobId: transformJob.outputs.jobId
    insightsConnectionString: monitoring.outputs.connectionString
    publicUrl: empty(publicUrl) ? 'https://${prefix}-app.azurewebsites.net/' : publicUrl
    corsOrigins: corsOrigins
    signup: signup
    googleClientId: googleClientId
    metaAppId: metaAppId
    useRedis: useRedis
    instanceMemoryMb: instanceMemoryMb
    alwaysReadyHttp: alwaysReadyHttp
  }
  dependsOn: [
    roles
  ]
}

module alerts 'modules/alerts.bicep' = {
  params: {
    location: location
    prefix: prefix
    tags: tags
    emailAddress: operatorEmail
    insightsId: monitoring.outputs.insightsId
    workspaceId: monitoring.outputs.workspaceId
    appId: app.outputs.id
    timers: timers
  }
}

module budget 'modules/budget.bicep' = {
  params: {
    prefix: prefix
    monthlyAmount: monthlyBudget
    startDate: budgetStart
    emailAddress: operatorEmail
  }
}

// Outputs

@description('The app\'s name, for deployments of code.')
output appName string = app.outputs.name

@description('The host name that Azure gave the API.')
output hostName string = app.outputs.hostName

@description('The vault that the secrets of this deployment are put in.')
output vaultName string = vault.outputs.name

@description('The registry that the dbt image is pushed to.')
output registryLoginServer string = registry.outputs.loginServer

@description('The host\'s storage account, where the package lies.')
output hostStorageName string = hostStorage.outputs.name
