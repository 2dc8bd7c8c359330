using '../main.bicep'

param deploymentName = 'prod'
param operatorEmail = readEnvironmentVariable('MIQ_OPERATOR_EMAIL')
param budgetStart = readEnvironmentVariable('MIQ_BUDGET_START')
param googleClientId = readEnvironmentVariable('MIQ_GOOGLE_CLIENT_ID', '')
param metaAppId = readEnvironmentVariable('MIQ_META_APP_ID', '')
param transformImageTag = readEnvironmentVariable('MIQ_TRANSFORM_IMAGE_TAG', ':latest')
param corsOrigins = [
  readEnvironmentVariable('MIQ_DASHBOARD_ORIGIN')
]
param publicUrl = readEnvironmentVariable('MIQ_PUBLIC_URL', '')
param alwaysReadyHttp = 1
param monthlyBudget = 60
param useRedis = true
param tags = {
  application: 'marketing-iq'
  environment: 'prod'
}
