//! What is asked of Google Analytics.

use domain::DateRange;
use serde_json::{Value, json};

/// Rows of a page; Google's own limit is 250,000.
const PAGE: u64 = 100_000;

pub(crate) struct Columns {
    pub(crate) dimensions: &'static [&'static str],
    pub(crate) metrics: &'static [&'static str],
}

/// **Invariant:** the warehouse reads these columns by position; see `domain::Stream`.
pub(crate) const TRAFFIC: Columns = Columns {
    dimensions: &[
        "date",
        "sessionCampaignName",
        "sessionSource",
        "sessionMedium",
        "sessionDefaultChannelGroup",
    ],
    metrics: &["sessions", "engagedSessions", "totalUsers", "keyEvents", "totalRevenue"],
};

/// Ordered by all dimensions, so that no row moves from one page to another.
pub(crate) fn report(days: DateRange, offset: u64) -> Value {
    let named = |names: &[&str]| -> Vec<Value> {
        names.iter().map(|name| json!({ "name": name })).collect()
    };
    let order: Vec<_> = TRAFFIC
        .dimensions
        .iter()
        .map(|name| json!({ "dimension": { "dimensionName": name } }))
        .collect();
    json!({
        "dimensions": named(TRAFFIC.dimensions),
        "metrics": named(TRAFFIC.metrics),
        "dateRanges": [{
            "startDate": days.first().to_string(),
            "endDate": days.last().to_string(),
        }],
        "orderBys": order,
        "offset": offset.to_string(),
        "limit": PAGE.to_string(),
        "keepEmptyRows": false,
        "returnPropertyQuota": true,
    })
}

/// The cheapest report, for the zone and currency in its metadata.
pub(crate) fn probe() -> Value {
    json!({
        "metrics": [{ "name": "sessions" }],
        "dateRanges": [{ "startDate": "yesterday", "endDate": "yesterday" }],
        "limit": "1",
    })
}
