//! The answer to a `runReport`.

use std::collections::BTreeMap;

use domain::Platform;
use serde_json::{Value, json};

use super::errors::Failure;
use super::request::{Column, Report};
use crate::universe::{Account, WebFigures};
use crate::world::World;

/// One row before it is written: what it is about, then its figures.
struct Row {
    dimensions: Vec<String>,
    figures: WebFigures,
}

/// `numbered` writes enumerations as numbers, as Google's own clients ask for.
pub(super) fn run(
    world: &World,
    account: &Account,
    report: &Report,
    numbered: bool,
) -> Result<Value, Failure> {
    let currency = account.currency.as_str();
    if report.currency.as_deref().is_some_and(|asked| asked != currency) {
        return Err(Failure::invalid(format!(
            "Only the property's own currency {currency} is simulated."
        )));
    }
    let mut rows = collect(world, account, report);
    sort(&mut rows, report);
    let row_count = rows.len();
    let page: Vec<Value> =
        rows.iter().skip(report.offset).take(report.limit).map(|row| write(row, report)).collect();

    let mut dimension_headers: Vec<Value> =
        report.dimensions.iter().map(|dimension| json!({ "name": dimension.name })).collect();
    if report.ranges.len() > 1 {
        dimension_headers.push(json!({ "name": "dateRange" }));
    }
    let metric_headers: Vec<Value> = report
        .metrics
        .iter()
        .map(|metric| {
            let kind = if numbered { json!(metric.kind.1) } else { json!(metric.kind.0) };
            json!({ "name": metric.name, "type": kind })
        })
        .collect();
    let mut answer = json!({
        "metricHeaders": metric_headers,
        "metadata": { "currencyCode": currency, "timeZone": account.time_zone.name() },
        "kind": "analyticsData#runReport",
    });
    if !dimension_headers.is_empty() {
        answer["dimensionHeaders"] = Value::Array(dimension_headers);
    }
    if row_count > 0 {
        answer["rowCount"] = json!(row_count);
    } else {
        answer["metadata"]["emptyReason"] = json!("NO_DATA");
    }
    if !page.is_empty() {
        answer["rows"] = Value::Array(page);
    }
    if report.with_quota {
        answer["propertyQuota"] = quota(world, account);
    }
    Ok(answer)
}

/// Adds up all lines of traffic that look the same in the report's dimensions. Users are added
/// too: unlike the real property, the simulated one never sees a person twice.
fn collect(world: &World, account: &Account, report: &Report) -> Vec<Row> {
    let mut rows: BTreeMap<Vec<String>, WebFigures> = BTreeMap::new();
    for range in &report.ranges {
        for date in world.days(account, range.first, range.last) {
            for line in account.traffic() {
                if !report.filter.as_ref().is_none_or(|filter| filter.passes(line, date)) {
                    continue;
                }
                let Some(figures) = world.web_day(account, line, date) else { continue };
                let mut key: Vec<String> =
                    report.dimensions.iter().map(|dimension| dimension.value(line, date)).collect();
                if report.ranges.len() > 1 {
                    key.push(range.name.clone());
                }
                let total = rows.entry(key).or_default();
                *total = std::mem::take(total) + figures;
            }
        }
    }
    let has_figures =
        |figures: &WebFigures| report.metrics.iter().any(|metric| !metric.value(figures).is_zero());
    rows.into_iter()
        .filter(|(_, figures)| {
            report.keep_empty_rows || report.metrics.is_empty() || has_figures(figures)
        })
        .map(|(dimensions, figures)| Row { dimensions, figures })
        .collect()
}

fn sort(rows: &mut [Row], report: &Report) {
    for order in report.order_by.iter().rev() {
        rows.sort_by(|left, right| {
            let ordering = match order.column {
                Column::Dimension(index) => left.dimensions[index].cmp(&right.dimensions[index]),
                Column::Metric(index) => {
                    let metric = report.metrics[index];
                    metric.value(&left.figures).cmp(&metric.value(&right.figures))
                }
            };
            if order.descending { ordering.reverse() } else { ordering }
        });
    }
}

fn write(row: &Row, report: &Report) -> Value {
    let dimensions: Vec<Value> =
        row.dimensions.iter().map(|value| json!({ "value": value })).collect();
    let metrics: Vec<Value> = report
        .metrics
        .iter()
        .map(|metric| json!({ "value": metric.value(&row.figures).normalize().to_string() }))
        .collect();
    let mut written = json!({});
    if !dimensions.is_empty() {
        written["dimensionValues"] = Value::Array(dimensions);
    }
    if !metrics.is_empty() {
        written["metricValues"] = Value::Array(metrics);
    }
    written
}

/// Three tokens a call, off the standard property's quotas.
fn quota(world: &World, account: &Account) -> Value {
    let spent = 3 * world.stats.of_account(Platform::GoogleAnalytics, &account.id);
    let left = |of: u64| json!({ "consumed": 3, "remaining": of.saturating_sub(spent) });
    json!({
        "tokensPerDay": left(200_000),
        "tokensPerHour": left(40_000),
        "concurrentRequests": { "consumed": 0, "remaining": 10 },
        "serverErrorsPerProjectPerHour": { "consumed": 0, "remaining": 10 },
        "potentiallyThresholdedRequestsPerHour": { "consumed": 0, "remaining": 120 },
        "tokensPerProjectPerHour": left(14_000),
    })
}
