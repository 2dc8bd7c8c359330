//! The GAQL that is sent. No query filters on status: a removed campaign keeps its history, and
//! leaving it out would lose its spend.

use domain::{DateRange, Stream, StreamKind};

const CAMPAIGN_DAILY: &str = "SELECT campaign.id, campaign.name, campaign.status, \
    campaign.advertising_channel_type, customer.id, customer.currency_code, customer.time_zone, \
    segments.date, metrics.impressions, metrics.clicks, metrics.cost_micros, \
    metrics.conversions, metrics.conversions_value, metrics.all_conversions, \
    metrics.view_through_conversions, metrics.interactions FROM campaign";

/// `start_date` and `end_date` exist in no living version.
const CAMPAIGNS: &str = "SELECT campaign.id, campaign.name, campaign.status, \
    campaign.advertising_channel_type, campaign.start_date_time, campaign.end_date_time, \
    campaign_budget.amount_micros, campaign.bidding_strategy_type FROM campaign";

/// Every account below (or the account itself at level 0).
pub(crate) const CUSTOMER_CLIENTS: &str = "SELECT customer_client.client_customer, \
    customer_client.level, customer_client.id, customer_client.manager, \
    customer_client.time_zone, customer_client.currency_code, \
    customer_client.descriptive_name, customer_client.status, customer_client.test_account, \
    customer_client.hidden FROM customer_client";

pub(crate) fn report(stream: Stream, days: DateRange) -> String {
    match stream.kind {
        StreamKind::Snapshot => CAMPAIGNS.to_owned(),
        StreamKind::Daily => format!(
            "{CAMPAIGN_DAILY} WHERE segments.date BETWEEN '{}' AND '{}'",
            days.first(),
            days.last()
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_named_in_the_query_and_snapshots_have_none() {
        let days =
            DateRange::new("2026-10-24".parse().unwrap(), "2026-11-22".parse().unwrap()).unwrap();
        let daily = report(Stream::GOOGLE_ADS_CAMPAIGN_DAILY, days);
        assert!(
            daily.ends_with(
                "FROM campaign WHERE segments.date BETWEEN '2026-10-24' AND '2026-11-22'"
            ),
            "{daily}"
        );
        assert!(!report(Stream::GOOGLE_ADS_CAMPAIGNS, days).contains("WHERE"));
    }
}
