metadata name = 'Private endpoints'
metadata description = 'One private endpoint per service, with its DNS zone. Each costs about 7 US dollars a month, six of them about 42, before traffic; the default deployment uses service endpoints, which are free.'

@description('Required. Where the endpoints are created.')
param location string

@description('Required. The name that all resources of this deployment begin with.')
param prefix string

@description('Required. Tags of every resource.')
param tags object

@description('Required. The network that resolves the names.')
param networkId string

@description('Required. The subnet that the endpoints stand in.')
param subnetId string

@description('Required. The Functions host\'s own storage account.')
param hostStorageId string

@description('Required. The storage account of tenants\' raw data and of the queues.')
param dataStorageId string

@description('Required. The vault.')
param vaultId string

var suffix = environment().suffixes.storage

var services = [
  {
    name: 'host-blob'
    target: hostStorageId
    group: 'blob'
    zone: 'privatelink.blob.${suffix}'
  }
  {
    name: 'host-queue'
    target: hostStorageId
    group: 'queue'
    zone: 'privatelink.queue.${suffix}'
  }
  {
    name: 'host-table'
    target: hostStorageId
    group: 'table'
    zone: 'privatelink.table.${suffix}'
  }
  {
    name: 'data-blob'
    target: dataStorageId
    group: 'blob'
    zone: 'privatelink.blob.${suffix}'
  }
  {
    name: 'data-queue'
    target: dataStorageId
    group: 'queue'
    zone: 'privatelink.queue.${suffix}'
  }
  {
    name: 'vault'
    target: vaultId
    group: 'vault'
    zone: 'privatelink.vaultcore.azure.net'
  }
]

var zoneNames = [
  'privatelink.blob.${suffix}'
  'privatelink.queue.${suffix}'
  'privatelink.table.${suffix}'
  'privatelink.vaultcore.azure.net'
]

resource zones 'Microsoft.Network/privateDnsZones@2020-06-01' = [
  for zone in zoneNames: {
    name: zone
    location: 'global'
    tags: tags
  }
]

resource links 'Microsoft.Network/privateDnsZones/virtualNetworkLinks@2024-06-01' = [
  for (zone, index) in zoneNames: {
    parent: zones[index]
    name: prefix
    location: 'global'
    tags: tags
    properties: {
      registrationEnabled: false
      // Accounts of others that have private endpoints of their own, such as the one that the
      // registry keeps an image's layers in, are looked up in public.
      resolutionPolicy: 'NxDomainRedirect'
      virtualNetwork: {
        id: networkId
      }
    }
  }
]

resource endpoints 'Microsoft.Network/privateEndpoints@2025-05-01' = [
  for service in services: {
    name: '${prefix}-${service.name}'
    location: location
    tags: tags
    properties: {
      subnet: {
        id: subnetId
      }
      privateLinkServiceConnections: [
        {
          name: service.name
          properties: {
            privateLinkServiceId: service.target
            groupIds: [
              service.group
            ]
          }
        }
      ]
    }
  }
]

resource records 'Microsoft.Network/privateEndpoints/privateDnsZoneGroups@2025-05-01' = [
  for (service, index) in services: {
    parent: endpoints[index]
    name: 'default'
    properties: {
      privateDnsZoneConfigs: [
        {
          name: service.group
          properties: {
            privateDnsZoneId: resourceId('Microsoft.Network/privateDnsZones', service.zone)
          }
        }
      ]
    }
    dependsOn: [
      zones
    ]
  }
]
