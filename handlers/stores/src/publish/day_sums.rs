//! What a fact holds, summed by day, account and currency.

/// A serving table of sums.
pub(super) struct DaySums {
    pub(super) table: &'static str,
    metrics: &'static [&'static str],
}

pub(super) const AD_DAYS: DaySums = DaySums {
    table: "ad_days",
    metrics: &["impressions", "clicks", "cost", "conversions", "conversion_value"],
};

/// Without `total_users`, who cannot be added.
pub(super) const WEB_DAYS: DaySums = DaySums {
    table: "web_days",
    metrics: &["sessions", "engaged_sessions", "key_events", "revenue"],
};

const KEY: &str = "tenant_id, date, platform, account_id, currency_code";

impl DaySums {
    /// Sums the facts of `rows`, which stands behind a FROM.
    pub(super) fn put(&self, rows: &str) -> String {
        let Self { table, metrics } = self;
        let columns = metrics.join(", ");
        let sums: Vec<_> = metrics.iter().map(|metric| format!("sum({metric})")).collect();
        format!(
            "insert into serving.{table} ({KEY}, {columns})
            select {KEY}, {} from {rows} group by {KEY}",
            sums.join(", ")
        )
    }
}

/// For tests that put facts where a publish would: makes all sums anew.
#[cfg(feature = "testing")]
pub(crate) fn recount() -> String {
    [(AD_DAYS, "serving.fact_ad_performance"), (WEB_DAYS, "serving.fact_web_performance")]
        .map(|(sums, facts)| format!("delete from serving.{}; {};", sums.table, sums.put(facts)))
        .concat()
}
