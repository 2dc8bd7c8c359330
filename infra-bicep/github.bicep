targetScope = 'resourceGroup'

metadata name = 'Identities of the GitHub workflows'
metadata description = 'Deployed once, by hand, by an owner of the resource group, after main.bicep: no workflow may raise its own rights. Sign-in is OIDC, so GitHub keeps no secret.'

@description('Optional. Where the identities are created.')
param location string = resourceGroup().location

@description('Required. The same as main.bicep was given.')
param deploymentName string

@description('Required. The repository as it stands in the subject of GitHub\'s tokens: OWNER/NAME, or OWNER@ID/NAME@ID where GitHub adds the ids. A sign-in that fails with AADSTS700213 names the subject that was sent.')
param githubRepository string

@description('Required. Output of main.bicep.')
param appName string

@description('Required. Output of main.bicep.')
param packageStorageName string

@description('Required. Output of main.bicep.')
param packageContainer string

@description('Required. Output of main.bicep, up to its first dot.')
param registryName string

@description('Optional. Tags of every resource.')
param tags object = {}

var prefix = 'miq-${deploymentName}'
var issuer = 'https://token.actions.githubusercontent.com'
var audiences = [
  'api://AzureADTokenExchange'
]

// Each workflow's job runs in a GitHub environment of its own, and each environment signs in as an
// identity of its own. Who may approve a run is set at the environment.
resource preview 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: '${prefix}-github-preview'
  location: location
  tags: tags
}

resource previewTrust 'Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials@2024-11-30' = {
  parent: preview
  name: 'github'
  properties: {
    issuer: issuer
    subject: 'repo:${githubRepository}:environment:${deploymentName}-preview'
    audiences: audiences
  }
}

resource infra 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: '${prefix}-github-infra'
  location: location
  tags: tags
}

resource infraTrust 'Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials@2024-11-30' = {
  parent: infra
  name: 'github'
  properties: {
    issuer: issuer
    subject: 'repo:${githubRepository}:environment:${deploymentName}-infra'
    audiences: audiences
  }
}

resource deploy 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: '${prefix}-github-deploy'
  location: location
  tags: tags
}

resource deployTrust 'Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials@2024-11-30' = {
  parent: deploy
  name: 'github'
  properties: {
    issuer: issuer
    subject: 'repo:${githubRepository}:environment:${deploymentName}'
    audiences: audiences
  }
}

module roles 'modules/github-roles.bicep' = {
  params: {
    prefix: prefix
    previewPrincipalId: preview.properties.principalId
    infraPrincipalId: infra.properties.principalId
    deployPrincipalId: deploy.properties.principalId
    appName: appName
    packageStorageName: packageStorageName
    packageContainer: packageContainer
    registryName: registryName
  }
}

@description('AZURE_CLIENT_ID of the environment whose name ends in -preview.')
output previewClientId string = preview.properties.clientId

@description('AZURE_CLIENT_ID of the environment whose name ends in -infra.')
output infraClientId string = infra.properties.clientId

@description('AZURE_CLIENT_ID of the environment that code is deployed to.')
output deployClientId string = deploy.properties.clientId
