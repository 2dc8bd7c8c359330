metadata name = 'Network'
metadata description = 'A virtual network with one subnet for the app, one for the dbt job, one for private endpoints. Service endpoints are free; private endpoints are priced where they are declared.'

@description('Required. Where the network is created.')
param location string

@description('Required. The name that all resources of this deployment begin with.')
param prefix string

@description('Required. Tags of every resource.')
param tags object

@description('Optional. The network\'s address space.')
param addressPrefix string = '10.40.0.0/22'

@description('Optional. The app\'s part of it: at least a /27, one address per instance.')
param appPrefix string = '10.40.0.0/26'

@description('Optional. The dbt job\'s part of it: at least a /27.')
param transformPrefix string = '10.40.0.64/26'

@description('Optional. The private endpoints\' part of it.')
param endpointPrefix string = '10.40.0.128/26'

var serviceEndpoints = [
  {
    service: 'Microsoft.Storage'
  }
  {
    service: 'Microsoft.KeyVault'
  }
]

resource appRules 'Microsoft.Network/networkSecurityGroups@2025-05-01' = {
  name: '${prefix}-app'
  location: location
  tags: tags
  properties: {
    securityRules: [
      {
        name: 'deny-inbound-from-internet'
        properties: {
          priority: 4000
          direction: 'Inbound'
          access: 'Deny'
          protocol: '*'
          sourceAddressPrefix: 'Internet'
          sourcePortRange: '*'
          destinationAddressPrefix: '*'
          destinationPortRange: '*'
        }
      }
    ]
  }
}

resource network 'Microsoft.Network/virtualNetworks@2025-05-01' = {
  name: '${prefix}-network'
  location: location
  tags: tags
  properties: {
    addressSpace: {
      addressPrefixes: [
        addressPrefix
      ]
    }
    subnets: [
      {
        name: 'app'
        properties: {
          addressPrefix: appPrefix
          serviceEndpoints: serviceEndpoints
          networkSecurityGroup: {
            id: appRules.id
          }
          delegations: [
            {
              name: 'flex-consumption'
              properties: {
                serviceName: 'Microsoft.App/environments'
              }
            }
          ]
        }
      }
      {
        name: 'transform'
        properties: {
          addressPrefix: transformPrefix
          serviceEndpoints: serviceEndpoints
          networkSecurityGroup: {
            id: appRules.id
          }
          delegations: [
            {
              name: 'container-apps'
              properties: {
                serviceName: 'Microsoft.App/environments'
              }
            }
          ]
        }
      }
      {
        name: 'endpoints'
        properties: {
          addressPrefix: endpointPrefix
          privateEndpointNetworkPolicies: 'Enabled'
          networkSecurityGroup: {
            id: appRules.id
          }
        }
      }
    ]
  }
}

@description('The resource id of the network.')
output networkId string = network.id

@description('The subnet that the function app sends from.')
output appSubnetId string = '${network.id}/subnets/app'

@description('The subnet that the dbt job runs in.')
output transformSubnetId string = '${network.id}/subnets/transform'

@description('The subnet that private endpoints stand in.')
output endpointSubnetId string = '${network.id}/subnets/endpoints'
