metadata name = 'Alerts'
metadata description = 'What wakes a person: 5xx, failed functions, a timer that stopped, poison messages, a vault that refuses.'

@description('Required. Where the rules are created.')
param location string

@description('Required. The name that all resources of this deployment begin with.')
param prefix string

@description('Required. Tags of every resource.')
param tags object

@description('Required. Who is told.')
param emailAddress string

@description('Required. Application Insights of the app.')
param insightsId string

@description('Required. The Log Analytics workspace.')
param workspaceId string

@description('Required. The function app.')
param appId string

@description('Required. The timers that must be heard from.')
param timers array

resource group 'Microsoft.Insights/actionGroups@2024-10-01-preview' = {
  name: '${prefix}-operators'
  location: 'global'
  tags: tags
  properties: {
    enabled: true
    groupShortName: 'marketingiq'
    emailReceivers: [
      {
        name: 'operators'
        emailAddress: emailAddress
        useCommonAlertSchema: true
      }
    ]
  }
}

resource serverErrors 'Microsoft.Insights/metricAlerts@2018-03-01' = {
  name: '${prefix}-http-5xx'
  location: 'global'
  tags: tags
  properties: {
    description: 'The API answers with 5xx.'
    enabled: true
    severity: 1
    scopes: [
      appId
    ]
    evaluationFrequency: 'PT5M'
    windowSize: 'PT15M'
    criteria: {
      'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
      allOf: [
        {
          name: 'Http5xx'
          criterionType: 'StaticThresholdCriterion'
          metricName: 'Http5xx'
          operator: 'GreaterThan'
          threshold: 5
          timeAggregation: 'Total'
        }
      ]
    }
    actions: [
      {
        actionGroupId: group.id
      }
    ]
  }
}

var queries = [
  {
    name: 'functions-failed'
    scope: insightsId
    description: 'A timer or queue function failed three times in an hour.'
    severity: 2
    frequency: 'PT15M'
    window: 'PT1H'
    query: 'requests | where success == false and operation_Name !startswith "GET" and operation_Name !startswith "POST" | summarize failures = count() by operation_Name | where failures >= 3'
  }
  {
    name: 'vault-denied'
    scope: workspaceId
    description: 'The vault refused a request: a role is missing, or somebody tries.'
    severity: 2
    frequency: 'PT15M'
    window: 'PT1H'
    query: 'AzureDiagnostics | where ResourceProvider == "MICROSOFT.KEYVAULT" and httpStatusCode_d in (401, 403) and identity_claim_appid_g != ""'
  }
  {
    name: 'poison-messages'
    scope: workspaceId
    description: 'A job failed five times and was put aside: its queue ends in -poison.'
    severity: 1
    frequency: 'PT15M'
    window: 'PT1H'
    query: 'StorageQueueLogs | where OperationName == "PutMessage" and Uri has "-poison"'
  }
]

resource logAlerts 'Microsoft.Insights/scheduledQueryRules@2025-01-01-preview' = [
  for query in queries: {
    name: '${prefix}-${query.name}'
    location: location
    tags: tags
    kind: 'LogAlert'
    properties: {
      displayName: '${prefix} ${query.name}'
      description: query.description
      enabled: true
      severity: query.severity
      scopes: [
        query.scope
      ]
      evaluationFrequency: query.frequency
      windowSize: query.window
      criteria: {
        allOf: [
          {
            query: query.query
            timeAggregation: 'Count'
            operator: 'GreaterThan'
            threshold: 0
            failingPeriods: {
              numberOfEvaluationPeriods: 1
              minFailingPeriodsToAlert: 1
            }
          }
        ]
      }
      actions: {
        actionGroups: [
          group.id
        ]
      }
    }
  }
]

// A timer whose setting is missing is disabled without a word; only its silence tells.
resource heartbeats 'Microsoft.Insights/scheduledQueryRules@2025-01-01-preview' = [
  for timer in timers: {
    name: '${prefix}-heartbeat-${toLower(timer)}'
    location: location
    tags: tags
    kind: 'LogAlert'
    properties: {
      displayName: '${prefix} ${timer} is silent'
      description: '${timer} has not succeeded for an hour; it fires every 30 minutes.'
      enabled: true
      severity: 1
      scopes: [
        insightsId
      ]
      evaluationFrequency: 'PT30M'
      windowSize: 'PT1H'
      criteria: {
        allOf: [
          {
            query: 'requests | where operation_Name == "${timer}" and success == true'
            timeAggregation: 'Count'
            operator: 'LessThan'
            threshold: 1
            failingPeriods: {
              numberOfEvaluationPeriods: 1
              minFailingPeriodsToAlert: 1
            }
          }
        ]
      }
      actions: {
        actionGroups: [
          group.id
        ]
      }
    }
  }
]

@description('The resource id of the action group, for alerts of one\'s own.')
output actionGroupId string = group.id
