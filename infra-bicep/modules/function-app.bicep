metadata name = 'Function app'
metadata description = 'Flex Consumption with the custom runtime. The template is the one owner of app settings: a deployment replaces them all.'

@description('Required. Where the app is created.')
param location string

@description('Required. The name that all resources of this deployment begin with.')
param prefix string

@description('Required. The app\'s name, unique in all of Azure.')
@minLength(2)
@maxLength(60)
param name string

@description('Required. Tags of every resource.')
param tags object

@description('Required. The subnet that the app sends from.')
param subnetId string

@description('Required. The app\'s identity.')
param identityId string

@description('Required. The client id of that identity.')
param identityClientId string

@description('Required. Where the host\'s own blobs are.')
param hostBlobEndpoint string

@description('Required. Where the host\'s own queues are.')
param hostQueueEndpoint string

@description('Required. Where the host\'s own tables are.')
param hostTableEndpoint string

@description('Required. Where the account of the app\'s package is.')
param packageBlobEndpoint string

@description('Required. The container, in that account, of the app\'s package.')
param packageContainer string

@description('Required. Where tenants\' raw data is.')
param dataBlobEndpoint string

@description('Required. Where the job queues are.')
param dataQueueEndpoint string

@description('Required. The container of raw extractions.')
param rawContainer string

@description('Required. Where the vault is, with a closing slash.')
param vaultUri string

@description('Required. The dbt job that a transformation starts.')
param transformJobId string

@description('Required. Where telemetry goes.')
param insightsConnectionString string

@description('Required. The public address of the API, with https and a closing slash.')
param publicUrl string

@description('Required. Origins of browsers that may call the API. The platform answers preflight requests itself.')
param corsOrigins array

@description('Optional. Who may sign up.')
@allowed([
  'invite'
  'open'
  'closed'
])
param signup string = 'invite'

@description('Optional. The Google OAuth client id; its secret is google-client-secret. Empty: no Google Ads and no Google Analytics.')
param googleClientId string = ''

@description('Optional. Whether the secret google-developer-token is sent to Google Ads.')
param useDeveloperToken bool = false

@description('Optional. The Meta app id; its secret is meta-app-secret. Empty: no Meta Ads.')
param metaAppId string = ''

@description('Optional. Days of history that a new connection reads.')
param backfillDays int = 90

@description('Optional. Whether a Redis cache stands behind the one in each process; its URL is then the secret redis-url.')
param useRedis bool = false

@description('Optional. What is logged, as MIQ_LOG takes it.')
param logFilter string = 'info'

@description('Optional. When timers fire: six-field NCRONTAB in UTC.')
param schedule string = '0 */30 * * * *'

@description('Optional. Memory of an instance, in megabytes.')
@allowed([
  512
  2048
  4096
])
param instanceMemoryMb int = 512

@description('Optional. The most instances that the app may grow to.')
@minValue(40)
@maxValue(1000)
param maximumInstances int = 40

@description('Optional. HTTP instances that never sleep; each is billed around the clock.')
param alwaysReadyHttp int = 0

var secretUri = '${vaultUri}secrets/'

var baseSettings = {
  // The Functions host: state, locks, telemetry, all with the identity.
  AzureWebJobsStorage__blobServiceUri: hostBlobEndpoint
  AzureWebJobsStorage__queueServiceUri: hostQueueEndpoint
  AzureWebJobsStorage__tableServiceUri: hostTableEndpoint
  AzureWebJobsStorage__credential: 'managedidentity'
  AzureWebJobsStorage__clientId: identityClientId
  MIQ_QUEUES__queueServiceUri: dataQueueEndpoint
  MIQ_QUEUES__credential: 'managedidentity'
  MIQ_QUEUES__clientId: identityClientId
  APPLICATIONINSIGHTS_CONNECTION_STRING: insightsConnectionString
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identityClientId};Authorization=AAD'
  // The identity that the handler itself asks for tokens with.
  AZURE_CLIENT_ID: identityClientId
  // When each platform's timer fires.
  MIQ_SCHEDULE_GOOGLE_ADS: schedule
  MIQ_SCHEDULE_META_ADS: schedule
  MIQ_SCHEDULE_GOOGLE_ANALYTICS: schedule
  // The managed side of each port.
  MIQ_RAW_STORE: 'blob'
  MIQ_BLOB_URL: dataBlobEndpoint
  MIQ_BLOB_CONTAINER: rawContainer
  MIQ_QUEUE: 'storage'
  MIQ_QUEUE_URL: dataQueueEndpoint
  MIQ_SECRETS: 'key-vault'
  MIQ_KEY_VAULT_URL: vaultUri
  MIQ_TRANSFORMER: 'container-apps'
  MIQ_TRANSFORM_JOB_ID: transformJobId
  MIQ_AZURE_MANAGEMENT_URL: environment().resourceManager
  // Databases, through the vault.
  MIQ_DATABASE_APP_URL: '@Microsoft.KeyVault(SecretUri=${secretUri}database-app-url/)'
  MIQ_DATABASE_TRANSFORM_URL: '@Microsoft.KeyVault(SecretUri=${secretUri}database-transform-url/)'
  MIQ_DATABASE_API_URL: '@Microsoft.KeyVault(SecretUri=${secretUri}database-api-url/)'
  // Of each instance, and there are many: docs/deploy-azure.md, "The database".
  MIQ_DATABASE_APP_CONNECTIONS: '4'
  MIQ_DATABASE_TRANSFORM_CONNECTIONS: '3'
  MIQ_DATABASE_API_CONNECTIONS: '4'
  MIQ_TOKEN_KEY: '@Microsoft.KeyVault(SecretUri=${secretUri}token-key/)'
  // The API.
  MIQ_PUBLIC_URL: publicUrl
  MIQ_SIGNUP: signup
  MIQ_BACKFILL_DAYS: string(backfillDays)
  MIQ_LOG: logFilter
  MIQ_LOG_FORMAT: 'json'
}

// A reference whose secret is missing is a fault of the settings: what is not used is not set.
var googleSettings = empty(googleClientId) ? {} : {
      MIQ_GOOGLE_CLIENT_ID: googleClientId
      MIQ_GOOGLE_CLIENT_SECRET: '@Microsoft.KeyVault(SecretUri=${secretUri}google-client-secret/)'
    }

var developerTokenSettings = useDeveloperToken ? {
      MIQ_GOOGLE_DEVELOPER_TOKEN: '@Microsoft.KeyVault(SecretUri=${secretUri}google-developer-token/)'
    } : {}

var metaSettings = empty(metaAppId) ? {} : {
      MIQ_META_APP_ID: metaAppId
      MIQ_META_APP_SECRET: '@Microsoft.KeyVault(SecretUri=${secretUri}meta-app-secret/)'
    }

var redisSettings = useRedis ? {
      MIQ_REDIS_URL: '@Microsoft.KeyVault(SecretUri=${secretUri}redis-url/)'
    } : {}

resource plan 'Microsoft.Web/serverfarms@2025-03-01' = {
  name: '${prefix}-plan'
  location: location
  tags: tags
  kind: 'functionapp'
  sku: {
    name: 'FC1'
    tier: 'FlexConsumption'
  }
  properties: {
    reserved: true
    zoneRedundant: false
  }
}

resource app 'Microsoft.Web/sites@2025-03-01' = {
  name: name
  location: location
  tags: tags
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: {
      '${identityId}': {}
    }
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    clientAffinityEnabled: false
    keyVaultReferenceIdentity: identityId
    publicNetworkAccess: 'Enabled'
    virtualNetworkSubnetId: subnetId
    functionAppConfig: {
      deployment: {
        storage: {
          type: 'blobContainer'
          value: '${packageBlobEndpoint}${packageContainer}'
          authentication: {
            type: 'UserAssignedIdentity'
            userAssignedIdentityResourceId: identityId
          }
        }
      }
      runtime: {
        name: 'custom'
        version: '1.0'
      }
      scaleAndConcurrency: {
        alwaysReady: alwaysReadyHttp > 0 ? [
              {
                name: 'http'
                instanceCount: alwaysReadyHttp
              }
            ] : []
        instanceMemoryMB: instanceMemoryMb
        maximumInstanceCount: maximumInstances
        triggers: {
          http: {
            perInstanceConcurrency: 64
          }
        }
      }
      // New versions take over while the old ones finish what they run.
      siteUpdateStrategy: {
        type: 'RollingUpdate'
      }
    }
    siteConfig: {
      ftpsState: 'Disabled'
      http20Enabled: true
      minTlsVersion: '1.3'
      scmMinTlsVersion: '1.3'
      cors: {
        allowedOrigins: corsOrigins
        supportCredentials: false
      }
    }
  }
}

resource settings 'Microsoft.Web/sites/config@2025-03-01' = {
  parent: app
  name: 'appsettings'
  properties: union(baseSettings, googleSettings, developerTokenSettings, metaSettings, redisSettings)
}

resource ftpCredentials 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2025-03-01' = {
  parent: app
  name: 'ftp'
  properties: {
    allow: false
  }
}

resource scmCredentials 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2025-03-01' = {
  parent: app
  name: 'scm'
  properties: {
    allow: false
  }
}

@description('The app\'s name, for deployments.')
output name string = app.name

@description('The resource id of the app.')
output id string = app.id

@description('The host name that Azure gave it.')
output hostName string = app.properties.defaultHostName
