//! What a `runReport` asks for, checked.

use chrono::{Days, NaiveDate};
use serde_json::Value;

use super::errors::Failure;
use super::fields::{Dimension, Metric};
use super::filter::Filter;

/// Most dimensions, metrics and date ranges of one request.
const DIMENSIONS: usize = 9;
const METRICS: usize = 10;
const RANGES: usize = 4;

const DEFAULT_LIMIT: usize = 10_000;
const LARGEST_LIMIT: usize = 250_000;

pub(super) struct Report {
    pub(super) dimensions: Vec<&'static Dimension>,
    pub(super) metrics: Vec<&'static Metric>,
    pub(super) ranges: Vec<DateRange>,
    pub(super) filter: Option<Filter>,
    pub(super) order_by: Vec<Order>,
    pub(super) offset: usize,
    pub(super) limit: usize,
    pub(super) keep_empty_rows: bool,
    pub(super) with_quota: bool,
    pub(super) currency: Option<String>,
}

pub(super) struct DateRange {
    pub(super) name: String,
    pub(super) first: NaiveDate,
    pub(super) last: NaiveDate,
}

/// Sorts by the value in a column.
pub(super) struct Order {
    pub(super) column: Column,
    pub(super) descending: bool,
}

#[derive(Clone, Copy)]
pub(super) enum Column {
    Dimension(usize),
    Metric(usize),
}

impl Report {
    /// `today` is the property's.
    pub(super) fn read(body: &Value, today: NaiveDate) -> Result<Self, Failure> {
        let dimensions = names(body, "dimensions")?
            .into_iter()
            .map(|name| Dimension::find(name).ok_or_else(|| unknown("dimension", name)))
            .collect::<Result<Vec<_>, _>>()?;
        let metrics = names(body, "metrics")?
            .into_iter()
            .map(|name| Metric::find(name).ok_or_else(|| unknown("metric", name)))
            .collect::<Result<Vec<_>, _>>()?;
        if dimensions.is_empty() && metrics.is_empty() {
            return Err(Failure::invalid(
                "This request must specify at least one dimension or metric.",
            ));
        }
        if dimensions.len() > DIMENSIONS {
            return Err(Failure::invalid("Requests are limited to 9 dimensions."));
        }
        if metrics.len() > METRICS {
            return Err(Failure::invalid("Requests are limited to 10 metrics."));
        }
        let order_by = list(body, "orderBys")
            .iter()
            .map(|order| read_order(order, &dimensions, &metrics))
            .collect::<Result<_, _>>()?;
        let filter = match &body["dimensionFilter"] {
            Value::Null => None,
            filter => Some(Filter::read(filter)?),
        };
        if !body["metricFilter"].is_null() || !body["comparisons"].is_null() {
            return Err(Failure::invalid("metricFilter and comparisons are not simulated."));
        }
        let limit = integer(body, "limit")?.unwrap_or(DEFAULT_LIMIT);
        Ok(Self {
            dimensions,
            metrics,
            ranges: ranges(body, today)?,
            filter,
            order_by,
            offset: integer(body, "offset")?.unwrap_or(0),
            limit: if limit == 0 { DEFAULT_LIMIT } else { limit.min(LARGEST_LIMIT) },
            keep_empty_rows: body["keepEmptyRows"].as_bool().unwrap_or(false),
            with_quota: body["returnPropertyQuota"].as_bool().unwrap_or(false),
            currency: body["currencyCode"].as_str().map(str::to_owned),
        })
    }
}

fn list<'a>(body: &'a Value, key: &str) -> &'a [Value] {
    body[key].as_array().map_or(&[], Vec::as_slice)
}

fn names<'a>(body: &'a Value, key: &str) -> Result<Vec<&'a str>, Failure> {
    let names: Vec<&str> =
        list(body, key).iter().map(|item| item["name"].as_str().unwrap_or_default()).collect();
    match (1..names.len()).find(|index| names[..*index].contains(&names[*index])) {
        Some(twice) => {
            Err(Failure::invalid(format!("Duplicate {key} name {} is not allowed.", names[twice])))
        }
        None => Ok(names),
    }
}

fn unknown(kind: &str, name: &str) -> Failure {
    Failure::invalid(format!(
        "Field {name} is not a valid {kind}. For a list of valid dimensions and metrics, see \
         https://developers.google.com/analytics/devguides/reporting/data/v1/api-schema "
    ))
}

/// 64-bit integers come as strings from Google's own clients, as numbers from others.
fn integer(body: &Value, key: &str) -> Result<Option<usize>, Failure> {
    let value = match &body[key] {
        Value::Null => return Ok(None),
        Value::String(text) => text.parse().ok(),
        other => other.as_u64().and_then(|number| usize::try_from(number).ok()),
    };
    value.map(Some).ok_or_else(|| Failure::invalid(format!("Invalid value at '{key}'.")))
}

fn ranges(body: &Value, today: NaiveDate) -> Result<Vec<DateRange>, Failure> {
    let asked = list(body, "dateRanges");
    if asked.is_empty() {
        return Err(Failure::invalid("A dateRange is required."));
    }
    if asked.len() > RANGES {
        return Err(Failure::invalid("Requests are limited to 4 dateRanges."));
    }
    asked
        .iter()
        .enumerate()
        .map(|(index, range)| {
            let first = day(&range["startDate"], today)?;
            let last = day(&range["endDate"], today)?;
            if first > last {
                return Err(Failure::invalid(format!(
                    "Invalid dateRange: startDate {first} is after endDate {last}."
                )));
            }
            let name = range["name"].as_str().map_or(format!("date_range_{index}"), str::to_owned);
            Ok(DateRange { name, first, last })
        })
        .collect()
}

/// `YYYY-MM-DD`, `today`, `yesterday` or `NdaysAgo`.
fn day(value: &Value, today: NaiveDate) -> Result<NaiveDate, Failure> {
    let text = value.as_str().unwrap_or_default();
    let ago = |days| today.checked_sub_days(Days::new(days));
    match text {
        "today" => Some(today),
        "yesterday" => ago(1),
        _ => match text.strip_suffix("daysAgo") {
            Some(days) => days.parse().ok().and_then(ago),
            None => NaiveDate::parse_from_str(text, "%Y-%m-%d").ok(),
        },
    }
    .ok_or_else(|| {
        Failure::invalid(format!(
            "Invalid date {text:?}: use YYYY-MM-DD, today, yesterday or NdaysAgo."
        ))
    })
}

fn read_order(
    order: &Value,
    dimensions: &[&Dimension],
    metrics: &[&Metric],
) -> Result<Order, Failure> {
    let column = if let Some(name) = order["dimension"]["dimensionName"].as_str() {
        dimensions.iter().position(|dimension| dimension.name == name).map(Column::Dimension)
    } else if let Some(name) = order["metric"]["metricName"].as_str() {
        metrics.iter().position(|metric| metric.name == name).map(Column::Metric)
    } else {
        None
    };
    let column = column.ok_or_else(|| {
        Failure::invalid("An orderBy must name a dimension or metric of the request.")
    })?;
    Ok(Order { column, descending: order["desc"].as_bool().unwrap_or(false) })
}
