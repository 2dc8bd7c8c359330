metadata name = 'Monitoring'
metadata description = 'Log Analytics and Application Insights; telemetry is sent with the app\'s identity, not with a key.'

@description('Required. Where the resources are created.')
param location string

@description('Required. The name that all resources of this deployment begin with.')
param prefix string

@description('Required. Tags of every resource.')
param tags object

@description('Optional. How long logs are kept.')
@minValue(30)
@maxValue(730)
param retentionDays int = 30

@description('Optional. Gigabytes a day after which no more is taken in: a bound on the bill.')
param dailyCapGb int = 1

resource workspace 'Microsoft.OperationalInsights/workspaces@2025-07-01' = {
  name: '${prefix}-logs'
  location: location
  tags: tags
  properties: {
    retentionInDays: retentionDays
    sku: {
      name: 'PerGB2018'
    }
    workspaceCapping: {
      dailyQuotaGb: dailyCapGb
    }
    features: {
      disableLocalAuth: true
    }
  }
}

resource insights 'Microsoft.Insights/components@2020-02-02' = {
  name: '${prefix}-insights'
  location: location
  tags: tags
  kind: 'web'
  properties: {
    Application_Type: 'web'
    DisableLocalAuth: true
    IngestionMode: 'LogAnalytics'
    RetentionInDays: retentionDays
    WorkspaceResourceId: workspace.id
  }
}

@description('The resource id of the workspace.')
output workspaceId string = workspace.id

@description('The workspace\'s name.')
output workspaceName string = workspace.name

@description('The resource id of Application Insights.')
output insightsId string = insights.id

@description('The name of Application Insights.')
output insightsName string = insights.name

@description('Where telemetry goes. It holds no key that would be honoured: local authentication is off.')
output connectionString string = insights.properties.ConnectionString
