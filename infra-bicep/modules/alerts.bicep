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

@description('Required. The timers that must be heard from.')
param timers array

@description('Required. The functions that a queue\'s message starts.')
param workers array

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

// Names as Kusto's `in` takes them. Telemetry names a function in one column or the other; whether
// `success` is a string or a boolean depends on how the tables are looked at.
var background = join(concat(timers, workers), '", "')

var queries = [
  {
    name: 'http-5xx'
    scope: insightsId
    description: 'The API answered more than five requests with 5xx within a quarter of an hour.'
    severity: 1
    frequency: 'PT5M'
    window: 'PT15M'
    threshold: 5
    query: 'requests | where toint(resultCode) between (500 .. 599) and name !in ("${background}")'
  }
  {
    name: 'functions-failed'
    scope: insightsId
    description: 'A timer or queue function failed three times in an hour.'
    severity: 2
    frequency: 'PT15M'
    window: 'PT1H'
    threshold: 0
    query: 'requests | where tostring(success) =~ "false" and (name in ("${background}") or operation_Name in ("${background}")) | summarize failures = count() by name | where failures >= 3'
  }
  {
    name: 'vault-denied'
    scope: workspaceId
    description: 'The vault refused a request: a role is missing, or somebody tries.'
    severity: 2
    frequency: 'PT15M'
    window: 'PT1H'
    threshold: 0
    // Every client's first call is answered with 401 and asked for a token; 403 is a refusal.
    query: 'AZKVAuditLogs | where HttpStatusCode == 403'
  }
  {
    name: 'poison-messages'
    scope: workspaceId
    description: 'A job failed five times and was put aside: its queue ends in -poison.'
    severity: 1
    frequency: 'PT15M'
    window: 'PT1H'
    threshold: 0
    query: 'StorageQueueLogs | where OperationName == "PutMessage" and Uri contains "-poison/"'
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
      // Tables come into being with their first line: a new workspace has none yet.
      skipQueryValidation: true
      criteria: {
        allOf: [
          {
            query: query.query
            timeAggregation: 'Count'
            operator: 'GreaterThan'
            threshold: query.threshold
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
      skipQueryValidation: true
      criteria: {
        allOf: [
          {
            query: 'requests | where (name == "${timer}" or operation_Name == "${timer}") and tostring(success) =~ "true"'
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
