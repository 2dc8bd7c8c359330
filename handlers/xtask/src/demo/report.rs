//! The JSON object of `--once --json`.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context;
use serde::Serialize;
use serde_json::Value;

use super::figures::{self, PlatformFigures};
use super::isolation::{self, Isolation};
use super::people::Tenant;
use super::stage::Stage;
use super::{Seconds, Work};
use crate::terminal::say;

#[derive(Serialize)]
struct Report<'a> {
    tenants: Vec<TenantReport<'a>>,
    isolation: Isolation,
    seconds: Seconds,
    peak_rss_mb: u64,
}

#[derive(Serialize)]
struct TenantReport<'a> {
    name: &'a str,
    id: &'a str,
    platforms: BTreeMap<&'static str, PlatformFigures>,
}

/// Reads every figure back through the API, tries to see across, and writes it all down.
pub(super) async fn write(stage: &Stage, tenants: &[Tenant], work: Work) -> anyhow::Result<String> {
    let mut reports = Vec::new();
    for tenant in tenants {
        let platforms = figures::read(stage, tenant).await?;
        reports.push(TenantReport { name: &tenant.name, id: &tenant.id, platforms });
    }
    say("Trying to see one tenant's rows with the other's token …");
    let isolation = isolation::check(stage, tenants).await?;
    let report = Report {
        tenants: reports,
        isolation,
        seconds: work.seconds.rounded(),
        // Once more: the questions above were the server's work too.
        peak_rss_mb: work.peak_memory_mb.max(stage.peak_memory_mb()),
    };
    serde_json::to_string(&report).context("the report can be written")
}

/// What a sync says of its parts; its whole time was measured here.
pub(super) fn seconds(report: &Value, took: Duration) -> anyhow::Result<Seconds> {
    let part = |name: &str| {
        report["seconds"][name]
            .as_f64()
            .with_context(|| format!("the sync did not say how long `{name}` took"))
    };
    Ok(Seconds {
        extract: part("extract")?,
        load: part("load")?,
        transform: part("transform")?,
        publish: part("publish")?,
        total: took.as_secs_f64(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_syncs_parts_are_its_own_and_its_whole_is_measured() {
        let report =
            json!({"seconds": {"extract": 1.5, "load": 0.25, "transform": 9, "publish": 0.5}});
        let seconds = seconds(&report, Duration::from_millis(12_345)).unwrap();
        assert_eq!(
            serde_json::to_value(seconds.rounded()).unwrap(),
            json!({"extract": 1.5, "load": 0.25, "transform": 9.0, "publish": 0.5, "total": 12.345})
        );
        assert!(super::seconds(&json!({}), Duration::ZERO).is_err());
    }
}
