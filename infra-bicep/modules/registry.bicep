metadata name = 'Container registry'
metadata description = 'Holds the image of the dbt job. About 5 US dollars a month (Basic).'

@description('Required. Where the registry is created.')
param location string

@description('Required. The registry\'s name: 5 to 50 letters and digits.')
@minLength(5)
@maxLength(50)
param name string

@description('Required. Tags of every resource.')
param tags object

@description('Required. The Log Analytics workspace that records pulls and pushes.')
param workspaceId string

resource registry 'Microsoft.ContainerRegistry/registries@2023-07-01' = {
  name: name
  location: location
  tags: tags
  sku: {
    name: 'Basic'
  }
  properties: {
    adminUserEnabled: false
    anonymousPullEnabled: false
    // Basic has no network rules; who may pull and push is a matter of roles alone.
    publicNetworkAccess: 'Enabled'
  }
}

resource audit 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'audit'
  scope: registry
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

@description('The registry\'s name.')
output name string = registry.name

@description('The host that images are pulled from.')
output loginServer string = registry.properties.loginServer
