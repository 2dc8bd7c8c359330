metadata name = 'Roles of the GitHub workflows'
metadata description = 'Looking at a change, making it, and deploying code: three identities, each with no more than its job.'

@description('Required. The name that all resources of this deployment begin with.')
param prefix string

@description('Required. Who previews changes of the infrastructure.')
param previewPrincipalId string

@description('Required. Who makes them.')
param infraPrincipalId string

@description('Required. Who deploys code and the dbt image.')
param deployPrincipalId string

@description('Required. The function app.')
param appName string

@description('Required. The storage account of the app\'s package.')
param packageStorageName string

@description('Required. The container, in that account, of the app\'s package.')
param packageContainer string

@description('Required. The registry of the dbt image.')
param registryName string

var roles = {
  acrPull: '7f951dda-4ed3-4680-a7ca-43fe172d538d'
  acrPush: '8311e382-0749-4cb8-b61a-304f252e45ec'
  containerAppsJobsContributor: '4e3d2b60-56ae-4dc6-a233-09c8e5a82e68'
  containerAppsJobsOperator: 'b9a307c4-5aa3-4b52-ba60-2b17c136cd7b'
  contributor: 'b24988ac-6180-42a0-ab88-20f7382dd24c'
  keyVaultSecretsOfficer: 'b86a8fe4-44ce-4948-aee5-eccb2c155cd7'
  keyVaultSecretsUser: '4633458b-17de-408a-b874-0445c86b69e6'
  managedIdentityOperator: 'f1a07417-d97a-45cb-824c-7a7467783830'
  monitoringMetricsPublisher: '3913510d-42f4-4e42-8a64-420c390055eb'
  reader: 'acdd72a7-3385-48ef-bd42-f606fba81ae7'
  roleBasedAccessControlAdministrator: 'f58310d9-a9f6-439a-9e8d-f62e7b41a168'
  storageBlobDataContributor: 'ba92f5b4-2d11-453d-a403-e96b0029c9fe'
  storageBlobDataOwner: 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b'
  storageQueueDataContributor: '974c5e8b-45b9-4653-ba55-5f855dd0fb88'
  storageTableDataContributor: '0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3'
  websiteContributor: 'de139f84-1756-47ae-9be6-808fbbe84772'
}

// The roles that main.bicep gives, and no others: above all neither Owner nor this administrator.
var assignable = join([
  roles.acrPull
  roles.containerAppsJobsOperator
  roles.keyVaultSecretsOfficer
  roles.keyVaultSecretsUser
  roles.monitoringMetricsPublisher
  roles.storageBlobDataContributor
  roles.storageBlobDataOwner
  roles.storageQueueDataContributor
  roles.storageTableDataContributor
], ', ')
var given = '(!(ActionMatches{\'Microsoft.Authorization/roleAssignments/write\'})) OR (@Request[Microsoft.Authorization/roleAssignments:RoleDefinitionId] ForAnyOfAnyValues:GuidEquals {${assignable}})'
var taken = '(!(ActionMatches{\'Microsoft.Authorization/roleAssignments/delete\'})) OR (@Resource[Microsoft.Authorization/roleAssignments:RoleDefinitionId] ForAnyOfAnyValues:GuidEquals {${assignable}})'

resource app 'Microsoft.Web/sites@2025-03-01' existing = {
  name: appName
}

resource job 'Microsoft.App/jobs@2025-01-01' existing = {
  name: '${prefix}-dbt'
}

resource jobIdentity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' existing = {
  name: '${prefix}-transform'
}

resource registry 'Microsoft.ContainerRegistry/registries@2023-07-01' existing = {
  name: registryName
}

resource packageStorage 'Microsoft.Storage/storageAccounts@2025-06-01' existing = {
  name: packageStorageName
}

resource blobs 'Microsoft.Storage/storageAccounts/blobServices@2025-06-01' existing = {
  parent: packageStorage
  name: 'default'
}

resource packages 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-06-01' existing = {
  parent: blobs
  name: packageContainer
}

// Preview: reads everything but secrets and data, and asks what a deployment would change.
resource previewRole 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {
  name: guid(resourceGroup().id, prefix, 'preview')
  properties: {
    roleName: '${prefix} preview of deployments'
    description: 'May ask what a deployment would change, and change nothing.'
    type: 'CustomRole'
    permissions: [
      {
        actions: [
          'Microsoft.Resources/deployments/read'
          'Microsoft.Resources/deployments/validate/action'
          'Microsoft.Resources/deployments/whatIf/action'
          'Microsoft.Resources/deployments/operationStatuses/read'
        ]
      }
    ]
    assignableScopes: [
      resourceGroup().id
    ]
  }
}

resource previewAsks 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(resourceGroup().id, previewPrincipalId, 'preview')
  properties: {
    principalId: previewPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: previewRole.id
  }
}

resource previewReads 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(resourceGroup().id, previewPrincipalId, roles.reader)
  properties: {
    principalId: previewPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.reader)
  }
}

// Infrastructure: creates what main.bicep creates, and gives the roles that it gives.
resource infraChanges 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(resourceGroup().id, infraPrincipalId, roles.contributor)
  properties: {
    principalId: infraPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.contributor)
  }
}

resource infraGivesRoles 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(resourceGroup().id, infraPrincipalId, roles.roleBasedAccessControlAdministrator)
  properties: {
    principalId: infraPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.roleBasedAccessControlAdministrator)
    conditionVersion: '2.0'
    condition: '(${given}) AND (${taken})'
  }
}

// Code: restarts the app and reads its functions, writes the package, pushes the image, and points
// the job at it.
resource deployOnApp 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(app.id, deployPrincipalId, roles.websiteContributor)
  scope: app
  properties: {
    principalId: deployPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.websiteContributor)
  }
}

resource deployOnPackages 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(packages.id, deployPrincipalId, roles.storageBlobDataContributor)
  scope: packages
  properties: {
    principalId: deployPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.storageBlobDataContributor)
  }
}

resource deployOnRegistry 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(registry.id, deployPrincipalId, roles.acrPush)
  scope: registry
  properties: {
    principalId: deployPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.acrPush)
  }
}

resource deployOnJob 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(job.id, deployPrincipalId, roles.containerAppsJobsContributor)
  scope: job
  properties: {
    principalId: deployPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.containerAppsJobsContributor)
  }
}

// Whoever updates a job must be allowed to hand it its identity, though it has that identity already.
resource deployOnJobIdentity 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(jobIdentity.id, deployPrincipalId, roles.managedIdentityOperator)
  scope: jobIdentity
  properties: {
    principalId: deployPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.managedIdentityOperator)
  }
}
