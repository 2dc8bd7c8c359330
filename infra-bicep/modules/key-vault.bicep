metadata name = 'Key Vault'
metadata description = 'Platform tokens, database and cache URLs, the key that signs access tokens. Roles only, purge protection, every access recorded.'

@description('Required. Where the vault is created.')
param location string

@description('Required. The vault\'s name: 3 to 24 letters, digits and dashes.')
@minLength(3)
@maxLength(24)
param name string

@description('Required. Tags of every resource.')
param tags object

@description('Required. Subnets whose traffic the firewall lets in.')
param subnetIds array

@description('Optional. Whether the public endpoint is shut, because a private one stands in the network.')
param privateOnly bool = false

@description('Required. The Log Analytics workspace that records every access.')
param workspaceId string

resource vault 'Microsoft.KeyVault/vaults@2024-11-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    tenantId: tenant().tenantId
    sku: {
      family: 'A'
      name: 'standard'
    }
    enableRbacAuthorization: true
    enableSoftDelete: true
    softDeleteRetentionInDays: 90
    enablePurgeProtection: true
    enabledForDeployment: false
    enabledForDiskEncryption: false
    enabledForTemplateDeployment: false
    publicNetworkAccess: privateOnly ? 'Disabled' : 'Enabled'
    networkAcls: {
      // Microsoft's list of trusted services, which still need a role. The app and the dbt job are not
      // among them: they come through their subnets, also for the references in their settings.
      bypass: 'AzureServices'
      defaultAction: 'Deny'
      virtualNetworkRules: [
        for subnetId in subnetIds: {
          id: subnetId
        }
      ]
    }
  }
}

resource audit 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'audit'
  scope: vault
  properties: {
    workspaceId: workspaceId
    // A table of its own (AZKVAuditLogs) with fixed columns, which the alert reads.
    logAnalyticsDestinationType: 'Dedicated'
    logs: [
      {
        categoryGroup: 'audit'
        enabled: true
      }
    ]
  }
}

@description('The vault\'s name.')
output name string = vault.name

@description('The resource id of the vault.')
output id string = vault.id

@description('Where the vault is: https, with a closing slash.')
output uri string = vault.properties.vaultUri
