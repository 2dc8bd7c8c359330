//! How Google Analytics writes rows: values by position, all of them strings.

use domain::ports::BoxError;
use domain::{Stream, Totals};
use rust_decimal::Decimal;
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::figures::{Figure, add, add_count, count, decimal};
use crate::harvest::{Described, RowFormat};

pub(crate) fn format(stream: Stream) -> Option<RowFormat> {
    match stream {
        Stream::GOOGLE_ANALYTICS_TRAFFIC_DAILY => Some(RowFormat {
            read: read_traffic,
            // The report's metadata names zone and currency; its rows do not.
            describe: |_| Described::default(),
            no_rows: no_traffic,
        }),
        _ => None,
    }
}

/// In the order of `query::TRAFFIC`; a row with more or fewer values is refused.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Traffic<'a> {
    #[serde(borrow)]
    dimension_values: (Day<'a>, IgnoredAny, IgnoredAny, IgnoredAny, IgnoredAny),
    #[serde(borrow)]
    metric_values: [Metric<'a>; 5],
}

#[derive(Deserialize)]
struct Day<'a> {
    value: &'a str,
}

#[derive(Deserialize)]
struct Metric<'a> {
    #[serde(borrow)]
    value: Figure<'a>,
}

fn no_traffic() -> Totals {
    Totals {
        sessions: Some(0),
        conversions: Some(Decimal::ZERO),
        conversion_value: Some(Decimal::ZERO),
        ..Totals::default()
    }
}

fn read_traffic<'r>(row: &'r str, totals: &mut Totals) -> Result<Option<&'r str>, BoxError> {
    let row: Traffic<'_> = serde_json::from_str(row)?;
    let [sessions, _engaged, _users, key_events, revenue] = &row.metric_values;
    add_count(&mut totals.sessions, count(sessions.value)?)?;
    add(&mut totals.conversions, decimal(key_events.value)?)?;
    add(&mut totals.conversion_value, decimal(revenue.value)?)?;
    Ok(Some(row.dimension_values.0.value))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROW: &str = r#"{"dimensionValues":[{"value":"20261120"},{"value":"Brand \"NL\""},{"value":"google"},{"value":"cpc"},{"value":"Paid Search"}],"metricValues":[{"value":"12"},{"value":"9"},{"value":"11"},{"value":"2"},{"value":"3.5"}]}"#;

    #[test]
    fn a_row_is_counted_exactly() {
        let mut totals = no_traffic();
        for _ in 0..2 {
            assert_eq!(read_traffic(ROW, &mut totals).unwrap(), Some("20261120"));
        }
        assert_eq!(totals.sessions, Some(24));
        assert_eq!(totals.conversions.unwrap().to_string(), "4");
        assert_eq!(totals.conversion_value.unwrap().to_string(), "7.0");
    }

    #[test]
    fn a_row_with_other_columns_is_refused() {
        let fewer = ROW.replace(r#",{"value":"3.5"}"#, "");
        let more = ROW.replace(r#"{"value":"3.5"}"#, r#"{"value":"3.5"},{"value":"1"}"#);
        for row in [fewer, more] {
            assert!(read_traffic(&row, &mut no_traffic()).is_err(), "{row}");
        }
    }
}
