metadata name = 'dbt job'
metadata description = 'A Container Apps job that runs one dbt build when the app starts it, and costs nothing between builds.'

@description('Required. Where the job is created.')
param location string

@description('Required. The name that all resources of this deployment begin with.')
param prefix string

@description('Required. Tags of every resource.')
param tags object

@description('Required. The subnet that the job runs in.')
param subnetId string

@description('Required. The Log Analytics workspace for the job\'s output.')
param workspaceId string

@description('Required. The job\'s identity: pulls the image, reads the database URL.')
param identityId string

@description('Required. The registry that holds the image.')
param loginServer string

@description('Optional. The image\'s tag, or digest with its @.')
param imageTag string = ':latest'

@description('Required. Where the vault is, with a closing slash.')
param vaultUri string

@description('Optional. Seconds after which a build is ended.')
param timeoutSeconds int = 1500

resource environment 'Microsoft.App/managedEnvironments@2025-01-01' = {
  name: '${prefix}-transform'
  location: location
  tags: tags
  properties: {
    appLogsConfiguration: {
      destination: 'azure-monitor'
    }
    vnetConfiguration: {
      infrastructureSubnetId: subnetId
      internal: true
    }
    workloadProfiles: [
      {
        name: 'Consumption'
        workloadProfileType: 'Consumption'
      }
    ]
    zoneRedundant: false
  }
}

resource logs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'logs'
  scope: environment
  properties: {
    workspaceId: workspaceId
    logs: [
      {
        categoryGroup: 'allLogs'
        enabled: true
      }
    ]
  }
}

resource job 'Microsoft.App/jobs@2025-01-01' = {
  name: '${prefix}-dbt'
  location: location
  tags: tags
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: {
      '${identityId}': {}
    }
  }
  properties: {
    environmentId: environment.id
    workloadProfileName: 'Consumption'
    configuration: {
      triggerType: 'Manual'
      manualTriggerConfig: {
        parallelism: 1
        replicaCompletionCount: 1
      }
      // A build that failed is repeated by the app, which knows whether that can help.
      replicaRetryLimit: 0
      replicaTimeout: timeoutSeconds
      registries: [
        {
          server: loginServer
          identity: identityId
        }
      ]
      secrets: [
        {
          name: 'database-transform-url'
          keyVaultUrl: '${vaultUri}secrets/database-transform-url'
          identity: identityId
        }
      ]
    }
    template: {
      containers: [
        {
          name: 'dbt'
          image: '${loginServer}/marketing-iq-dbt${imageTag}'
          resources: {
            cpu: json('1.0')
            memory: '2Gi'
          }
          env: [
            {
              name: 'MIQ_DATABASE_TRANSFORM_URL'
              secretRef: 'database-transform-url'
            }
            {
              name: 'MIQ_DBT_SSLMODE'
              value: 'require'
            }
          ]
        }
      ]
    }
  }
}

@description('The resource id of the job, which the app starts it by.')
output jobId string = job.id

@description('The job\'s name.')
output jobName string = job.name
