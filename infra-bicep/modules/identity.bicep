metadata name = 'Identities'
metadata description = 'The two identities of a deployment: the app, and the dbt job. User-assigned, so that their roles exist before either starts.'

@description('Required. Where the identities are created.')
param location string

@description('Required. The name that all resources of this deployment begin with.')
param prefix string

@description('Required. Tags of every resource.')
param tags object

resource app 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: '${prefix}-app'
  location: location
  tags: tags
}

resource transform 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: '${prefix}-transform'
  location: location
  tags: tags
}

@description('The resource id of the app\'s identity.')
output appId string = app.id

@description('The client id of the app\'s identity, as azure_identity and the Functions host ask for it.')
output appClientId string = app.properties.clientId

@description('The principal that the app\'s roles are given to.')
output appPrincipalId string = app.properties.principalId

@description('The resource id of the dbt job\'s identity.')
output transformId string = transform.id

@description('The principal that the dbt job\'s roles are given to.')
output transformPrincipalId string = transform.properties.principalId
