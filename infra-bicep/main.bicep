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

@description('Optional. Whether only what programs need is created, and not the programs. The first deployment sets this: the app and the dbt job want secrets in the vault and an image in the registry.')
param foundationOnly bool = false

@description('Optional. The Google OAuth client id. Empty: no Google Ads and no Google Analytics.')
param googleClientId string = ''

@description('Optional. Whether the secret google-developer-token is sent to Google Ads, which has ignored it since September 2026.')
param useDeveloperToken bool = false

@description('Optional. The Meta app id. Empty: no Meta Ads.')
param metaAppId string = ''

@description('Optional. The public address of the API, with https and a closing slash. Empty: the one that Azure gives.')
param publicUrl string = ''

@description('Optional. Who may sign up.')
@allowed([
  'invite'
  'open'
  'closed'
])
param signup string = 'invite'

@description('Optional. Days of history that a new connection reads.')
@minValue(1)
@maxValue(1110)
param backfillDays int = 90

@description('Optional. What is logged, as MIQ_LOG takes it.')
param logFilter string = 'info'

@description('Optional. Days after which raw extractions move to the cool tier; 0 means never.')
param rawCoolAfterDays int = 30

@description('Optional. Days after which raw extractions are deleted; 0 means never. What was loaded does not need them.')
param rawDeleteAfterDays int = 0

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

@description('Required. The first day of the month of the first deployment, as YYYY-MM-01. Azure refuses to change it afterwards.')
param budgetStart string

@description('Optional. The tag of the dbt image, with its colon, or its digest, with its @.')
param transformImageTag string = ':latest'

@description('Optional. Tags of every resource.')
param tags object = {}

// Variables

var unique = uniqueString(resourceGroup().id, deploymentName)
var prefix = 'miq-${deploymentName}'
var compactPrefix = take('miq${deploymentName}${unique}', 22)
// The host name has to be unique in all of Azure.
var appName = '${prefix}-${take(unique, 6)}'
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
var workers = [
  'RunGoogleAdsJob'
  'RunMetaAdsJob'
  'RunGoogleAnalyticsJob'
  'RunTransform'
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
    coolAfterDays: rawCoolAfterDays
    deleteAfterDays: rawDeleteAfterDays
    workspaceId: monitoring.outputs.workspaceId
  }
}

// The program alone, apart from the host's state and the tenants' data, so that a pipeline outside
// the network can write it without a hole in their firewalls.
module packageStorage 'modules/storage.bicep' = {
  params: {
    location: location
    name: '${compactPrefix}p'
    tags: tags
    containers: [
      packageContainer
    ]
    fromElsewhere: 'Allow'
    sku: 'Standard_LRS'
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

module roles 'modules/roles.bicep' = {
  params: {
    appPrincipalId: identities.outputs.appPrincipalId
    transformPrincipalId: identities.outputs.transformPrincipalId
    hostStorageName: hostStorage.outputs.name
    dataStorageName: dataStorage.outputs.name
    packageStorageName: packageStorage.outputs.name
    vaultName: vault.outputs.name
    registryName: registry.outputs.name
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

module programs 'modules/programs.bicep' = if (!foundationOnly) {
  params: {
    location: location
    prefix: prefix
    tags: tags
    appName: appName
    appSubnetId: network.outputs.appSubnetId
    transformSubnetId: network.outputs.transformSubnetId
    appIdentityId: identities.outputs.appId
    appClientId: identities.outputs.appClientId
    appPrincipalId: identities.outputs.appPrincipalId
    transformIdentityId: identities.outputs.transformId
    transformPrincipalId: identities.outputs.transformPrincipalId
    loginServer: registry.outputs.loginServer
    transformImageTag: transformImageTag
    vaultName: vault.outputs.name
    vaultUri: vault.outputs.uri
    hostEndpoints: {
      blob: hostStorage.outputs.blobEndpoint
      queue: hostStorage.outputs.queueEndpoint
      table: hostStorage.outputs.tableEndpoint
    }
    dataEndpoints: {
      blob: dataStorage.outputs.blobEndpoint
      queue: dataStorage.outputs.queueEndpoint
    }
    rawContainer: rawContainer
    packageBlobEndpoint: packageStorage.outputs.blobEndpoint
    packageContainer: packageContainer
    insightsConnectionString: monitoring.outputs.connectionString
    workspaceId: monitoring.outputs.workspaceId
    choices: {
      publicUrl: empty(publicUrl) ? 'https://${appName}.azurewebsites.net/' : publicUrl
      corsOrigins: corsOrigins
      signup: signup
      googleClientId: googleClientId
      useDeveloperToken: useDeveloperToken
      metaAppId: metaAppId
      backfillDays: backfillDays
      logFilter: logFilter
      useRedis: useRedis
    }
    instanceMemoryMb: instanceMemoryMb
    alwaysReadyHttp: alwaysReadyHttp
  }
  dependsOn: [
    roles
    privateEndpoints
  ]
}

module alerts 'modules/alerts.bicep' = if (!foundationOnly) {
  params: {
    location: location
    prefix: prefix
    tags: tags
    emailAddress: operatorEmail
    insightsId: monitoring.outputs.insightsId
    workspaceId: monitoring.outputs.workspaceId
    timers: timers
    workers: workers
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
output appName string = appName

@description('Where the API is, as Azure names it.')
output apiUrl string = 'https://${appName}.azurewebsites.net/'

@description('The vault that the secrets of this deployment are put in.')
output vaultName string = vault.outputs.name

@description('The registry that the dbt image is pushed to.')
output registryLoginServer string = registry.outputs.loginServer

@description('The storage account of the app\'s package.')
output packageStorageName string = packageStorage.outputs.name

@description('The container, in that account, of the app\'s package.')
output packageContainer string = packageContainer
