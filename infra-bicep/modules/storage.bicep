metadata name = 'Storage account'
metadata description = 'One storage account without keys: only identities of Entra ID reach it.'

@description('Required. Where the account is created.')
param location string

@description('Required. The account\'s name: 3 to 24 lower-case letters and digits.')
@minLength(3)
@maxLength(24)
param name string

@description('Required. Tags of every resource.')
param tags object

@description('Optional. Blob containers to create.')
param containers array = []

@description('Optional. Queues to create; each gets a poison queue beside it.')
param queues array = []

@description('Optional. Subnets whose traffic the firewall lets in.')
param subnetIds array = []

@description('Optional. Whether public endpoints are shut, because private ones stand in the network.')
param privateOnly bool = false

@description('Optional. What the firewall does with traffic from elsewhere. Allow lets identities in from anywhere: only for an account that holds nothing but the program, which pipelines outside the network write.')
@allowed([
  'Deny'
  'Allow'
])
param fromElsewhere string = 'Deny'

@description('Optional. How copies are kept. ZRS survives the loss of a zone.')
@allowed([
  'Standard_LRS'
  'Standard_ZRS'
  'Standard_GZRS'
])
param sku string = 'Standard_ZRS'

@description('Optional. Lowest TLS version. The Functions host\'s own account stays at 1.2 until the platform states 1.3.')
@allowed([
  'TLS1_2'
  'TLS1_3'
])
param minimumTls string = 'TLS1_2'

@description('Optional. Days after which a raw extraction moves to the cool tier; 0 means never.')
param coolAfterDays int = 0

@description('Optional. Days after which a raw extraction is deleted; 0 means never.')
param deleteAfterDays int = 0

@description('Required. The Log Analytics workspace that records reads, writes and deletions.')
param workspaceId string

var poisonQueues = [for queue in queues: '${queue}-poison']

var oldVersions = [
  {
    name: 'delete-old-versions'
    enabled: true
    type: 'Lifecycle'
    definition: {
      filters: {
        blobTypes: [
          'blockBlob'
        ]
      }
      actions: {
        version: {
          delete: {
            daysAfterCreationGreaterThan: 30
          }
        }
      }
    }
  }
]

var rawAges = {
  tierToCool: coolAfterDays > 0 ? {
        daysAfterModificationGreaterThan: coolAfterDays
      } : null
  delete: deleteAfterDays > 0 ? {
        daysAfterModificationGreaterThan: deleteAfterDays
      } : null
}

var rawRules = coolAfterDays > 0 || deleteAfterDays > 0 ? [
      {
        name: 'age-raw-extractions'
        enabled: true
        type: 'Lifecycle'
        definition: {
          filters: {
            blobTypes: [
              'blockBlob'
            ]
            prefixMatch: [
              'raw/tenant-'
            ]
          }
          actions: {
            baseBlob: rawAges
          }
        }
      }
    ] : []

resource account 'Microsoft.Storage/storageAccounts@2025-06-01' = {
  name: name
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: {
    name: sku
  }
  properties: {
    accessTier: 'Hot'
    allowBlobPublicAccess: false
    allowCrossTenantReplication: false
    allowSharedKeyAccess: false
    defaultToOAuthAuthentication: true
    minimumTlsVersion: minimumTls
    publicNetworkAccess: privateOnly ? 'Disabled' : 'Enabled'
    supportsHttpsTrafficOnly: true
    encryption: {
      keySource: 'Microsoft.Storage'
      requireInfrastructureEncryption: true
      services: {
        blob: {
          enabled: true
          keyType: 'Account'
        }
        queue: {
          enabled: true
          keyType: 'Account'
        }
      }
    }
    networkAcls: {
      bypass: 'None'
      defaultAction: fromElsewhere
      virtualNetworkRules: [
        for subnetId in subnetIds: {
          id: subnetId
          action: 'Allow'
        }
      ]
    }
  }
}

resource blobs 'Microsoft.Storage/storageAccounts/blobServices@2025-06-01' = {
  parent: account
  name: 'default'
  properties: {
    isVersioningEnabled: true
    changeFeed: {
      enabled: true
      retentionInDays: 30
    }
    deleteRetentionPolicy: {
      enabled: true
      days: 7
    }
    containerDeleteRetentionPolicy: {
      enabled: true
      days: 7
    }
  }
}

resource blobContainers 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-06-01' = [
  for container in containers: {
    parent: blobs
    name: container
    properties: {
      publicAccess: 'None'
    }
  }
]

resource queueService 'Microsoft.Storage/storageAccounts/queueServices@2025-06-01' = {
  parent: account
  name: 'default'
}

resource jobQueues 'Microsoft.Storage/storageAccounts/queueServices/queues@2025-06-01' = [
  for queue in concat(queues, poisonQueues): {
    parent: queueService
    name: queue
  }
]

resource lifecycle 'Microsoft.Storage/storageAccounts/managementPolicies@2025-06-01' = {
  parent: account
  name: 'default'
  properties: {
    policy: {
      rules: concat(oldVersions, rawRules)
    }
  }
  dependsOn: [
    blobs
  ]
}

resource blobAudit 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'audit'
  scope: blobs
  properties: {
    workspaceId: workspaceId
    logs: [
      {
        categoryGroup: 'audit'
        enabled: true
      }
    ]
  }
}

// Not the reads: the host looks into every queue each few seconds, and each look would be billed.
resource queueAudit 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'audit'
  scope: queueService
  properties: {
    workspaceId: workspaceId
    logs: [
      {
        category: 'StorageWrite'
        enabled: true
      }
    ]
  }
}

@description('The account\'s name.')
output name string = account.name

@description('The resource id of the account.')
output id string = account.id

@description('Where blobs are: https, with a closing slash.')
output blobEndpoint string = account.properties.primaryEndpoints.blob

@description('Where queues are: https, with a closing slash.')
output queueEndpoint string = account.properties.primaryEndpoints.queue

@description('Where tables are: https, with a closing slash.')
output tableEndpoint string = account.properties.primaryEndpoints.table
