using '../main.bicep'

param deploymentName = 'dev'
param operatorEmail = readEnvironmentVariable('MIQ_OPERATOR_EMAIL')
param budgetStart = readEnvironmentVariable('MIQ_BUDGET_START')
param googleClientId = readEnvironmentVariable('MIQ_GOOGLE_CLIENT_ID', '')
param metaAppId = readEnvironmentVariable('MIQ_META_APP_ID', '')
param transformImageTag = readEnvironmentVariable('MIQ_TRANSFORM_IMAGE_TAG', ':latest')
param corsOrigins = [
  'http://localhost:3000'
]
param monthlyBudget = 20
param tags = {
  application: 'marketing-iq'
  environment: 'dev'
}
