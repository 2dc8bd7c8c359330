metadata name = 'Budget'
metadata description = 'Tells the operators before a month costs more than planned. It stops nothing.'

@description('Required. The name that all resources of this deployment begin with.')
param prefix string

@description('Required. What a month may cost, in the subscription\'s currency.')
param monthlyAmount int

@description('Required. The first day of the month that the budget begins in, as YYYY-MM-01. Azure refuses to change it afterwards.')
param startDate string

@description('Required. Who is told.')
param emailAddress string

resource budget 'Microsoft.Consumption/budgets@2024-08-01' = {
  name: '${prefix}-monthly'
  properties: {
    category: 'Cost'
    amount: monthlyAmount
    timeGrain: 'Monthly'
    timePeriod: {
      startDate: startDate
    }
    notifications: {
      'actual-80': {
        enabled: true
        operator: 'GreaterThanOrEqualTo'
        threshold: 80
        thresholdType: 'Actual'
        contactEmails: [
          emailAddress
        ]
      }
      'actual-100': {
        enabled: true
        operator: 'GreaterThanOrEqualTo'
        threshold: 100
        thresholdType: 'Actual'
        contactEmails: [
          emailAddress
        ]
      }
      'forecast-100': {
        enabled: true
        operator: 'GreaterThanOrEqualTo'
        threshold: 100
        thresholdType: 'Forecasted'
        contactEmails: [
          emailAddress
        ]
      }
    }
  }
}
