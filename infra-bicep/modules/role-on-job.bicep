metadata name = 'Operator of the dbt job'
metadata description = 'The app may look at the dbt job, start it and stop it; it may not change it.'

@description('Required. The dbt job.')
param jobName string

@description('Required. Who may start it.')
param principalId string

var containerAppsJobsOperator = 'b9a307c4-5aa3-4b52-ba60-2b17c136cd7b'

resource job 'Microsoft.App/jobs@2025-01-01' existing = {
  name: jobName
}

resource operator 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(job.id, principalId, containerAppsJobsOperator)
  scope: job
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', containerAppsJobsOperator)
  }
}
