metadata name = 'Programs'
metadata description = 'What runs: the dbt job, then the app that starts it. Both need secrets in the vault, the job an image in the registry too: Container Apps refuses a job whose image or secret it cannot fetch.'

@description('Required. Where the programs are created.')
param location string

@description('Required. The name that all resources of this deployment begin with.')
param prefix string

@description('Required. Tags of every resource.')
param tags object

@description('Required. The app\'s name, unique in all of Azure.')
param appName string

@description('Required. The subnet that the app sends from.')
param appSubnetId string

@description('Required. The subnet that the dbt job runs in.')
param transformSubnetId string

@description('Required. The app\'s identity.')
param appIdentityId string

@description('Required. The client id of that identity.')
param appClientId string

@description('Required. The principal of that identity.')
param appPrincipalId string

@description('Required. The dbt job\'s identity.')
param transformIdentityId string

@description('Required. The principal of that identity.')
param transformPrincipalId string

@description('Required. The registry that holds the dbt image.')
param loginServer string

@description('Required. The tag of the dbt image, with its colon, or its digest, with its @.')
param transformImageTag string

@description('Required. The vault.')
param vaultName string

@description('Required. Where the vault is, with a closing slash.')
param vaultUri string

@description('Required. Where the host\'s own blobs, queues and tables are: blob, queue, table.')
param hostEndpoints object

@description('Required. Where raw extractions and the job queues are: blob, queue.')
param dataEndpoints object

@description('Required. The container of raw extractions.')
param rawContainer string

@description('Required. Where the account of the app\'s package is.')
param packageBlobEndpoint string

@description('Required. The container, in that account, of the app\'s package.')
param packageContainer string

@description('Required. Where telemetry goes.')
param insightsConnectionString string

@description('Required. The Log Analytics workspace for the job\'s output.')
param workspaceId string

@description('Required. What the operators chose for the API: publicUrl, corsOrigins, signup, googleClientId, useDeveloperToken, metaAppId, backfillDays, logFilter, useRedis.')
param choices object

@description('Required. Memory of an instance of the app, in megabytes.')
param instanceMemoryMb int

@description('Required. HTTP instances that never sleep.')
param alwaysReadyHttp int

module transformMayReadItsUrl 'role-on-secret.bicep' = {
  params: {
    vaultName: vaultName
    name: 'database-transform-url'
    principalId: transformPrincipalId
  }
}

module transformJob 'transform-job.bicep' = {
  params: {
    location: location
    prefix: prefix
    tags: tags
    subnetId: transformSubnetId
    workspaceId: workspaceId
    identityId: transformIdentityId
    loginServer: loginServer
    imageTag: transformImageTag
    vaultUri: vaultUri
  }
  dependsOn: [
    transformMayReadItsUrl
  ]
}

module appMayStartTheJob 'role-on-job.bicep' = {
  params: {
    jobName: transformJob.outputs.jobName
    principalId: appPrincipalId
  }
}

module app 'function-app.bicep' = {
  params: {
    location: location
    prefix: prefix
    name: appName
    tags: tags
    subnetId: appSubnetId
    identityId: appIdentityId
    identityClientId: appClientId
    hostBlobEndpoint: hostEndpoints.blob
    hostQueueEndpoint: hostEndpoints.queue
    hostTableEndpoint: hostEndpoints.table
    packageBlobEndpoint: packageBlobEndpoint
    packageContainer: packageContainer
    dataBlobEndpoint: dataEndpoints.blob
    dataQueueEndpoint: dataEndpoints.queue
    rawContainer: rawContainer
    vaultUri: vaultUri
    transformJobId: transformJob.outputs.jobId
    insightsConnectionString: insightsConnectionString
    publicUrl: choices.publicUrl
    corsOrigins: choices.corsOrigins
    signup: choices.signup
    googleClientId: choices.googleClientId
    useDeveloperToken: choices.useDeveloperToken
    metaAppId: choices.metaAppId
    backfillDays: choices.backfillDays
    logFilter: choices.logFilter
    useRedis: choices.useRedis
    instanceMemoryMb: instanceMemoryMb
    alwaysReadyHttp: alwaysReadyHttp
  }
  dependsOn: [
    appMayStartTheJob
  ]
}
