//! How Google Ads writes rows: 64-bit integers as strings, doubles as numbers, zeros left out.

use domain::ports::BoxError;
use domain::{Stream, Totals};
use rust_decimal::Decimal;
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::figures::{Figure, add, add_count, count, decimal, micros};
use crate::harvest::{Described, RowFormat};

pub(crate) fn format(stream: Stream) -> Option<RowFormat> {
    match stream {
        Stream::GOOGLE_ADS_CAMPAIGN_DAILY => {
            Some(RowFormat { read: read_daily, describe, no_rows: no_daily_rows })
        }
        Stream::GOOGLE_ADS_CAMPAIGNS => Some(RowFormat {
            read: read_campaign,
            describe: |_| Described::default(),
            no_rows: Totals::default,
        }),
        _ => None,
    }
}

#[derive(Deserialize)]
struct Daily<'a> {
    #[serde(borrow)]
    segments: Segments<'a>,
    #[serde(borrow, default)]
    metrics: Metrics<'a>,
}

#[derive(Deserialize)]
struct Segments<'a> {
    date: &'a str,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metrics<'a> {
    #[serde(borrow)]
    impressions: Figure<'a>,
    #[serde(borrow)]
    clicks: Figure<'a>,
    #[serde(borrow)]
    cost_micros: Figure<'a>,
    #[serde(borrow)]
    conversions: Figure<'a>,
    #[serde(borrow)]
    conversions_value: Figure<'a>,
}

fn no_daily_rows() -> Totals {
    Totals {
        impressions: Some(0),
        clicks: Some(0),
        cost: Some(Decimal::ZERO),
        conversions: Some(Decimal::ZERO),
        conversion_value: Some(Decimal::ZERO),
        ..Totals::default()
    }
}

fn read_daily<'r>(row: &'r str, totals: &mut Totals) -> Result<Option<&'r str>, BoxError> {
    let Daily { segments, metrics } = serde_json::from_str(row)?;
    add_count(&mut totals.impressions, count(metrics.impressions)?)?;
    add_count(&mut totals.clicks, count(metrics.clicks)?)?;
    add(&mut totals.cost, micros(metrics.cost_micros)?)?;
    add(&mut totals.conversions, decimal(metrics.conversions)?)?;
    add(&mut totals.conversion_value, decimal(metrics.conversions_value)?)?;
    Ok(Some(segments.date))
}

fn read_campaign<'r>(row: &'r str, _: &mut Totals) -> Result<Option<&'r str>, BoxError> {
    #[derive(Deserialize)]
    struct Snapshot {
        #[serde(rename = "campaign")]
        _campaign: IgnoredAny,
    }
    serde_json::from_str::<Snapshot>(row)?;
    Ok(None)
}

fn describe(row: &str) -> Described {
    #[derive(Deserialize)]
    struct Row {
        customer: Customer,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Customer {
        currency_code: String,
        time_zone: String,
    }
    serde_json::from_str(row).map_or_else(
        |_| Described::default(),
        |Row { customer }| Described {
            time_zone: customer.time_zone.parse().ok(),
            currency: customer.currency_code.parse().ok(),
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the API sends it.
    const ROW: &str = r#"{"customer":{"resourceName":"customers/1234567890","id":"1234567890","currencyCode":"EUR","timeZone":"Europe/Amsterdam"},"campaign":{"resourceName":"customers/1234567890/campaigns/111","status":"ENABLED","advertisingChannelType":"SEARCH","name":"Brand \"NL\"","id":"111"},"metrics":{"clicks":"486","conversionsValue":180.70756678,"conversions":4.143961,"costMicros":"312690000","allConversions":5.0,"impressions":"1149"},"segments":{"date":"2026-11-20"}}"#;

    #[test]
    fn a_row_is_counted_exactly() {
        let mut totals = no_daily_rows();
        for _ in 0..3 {
            assert_eq!(read_daily(ROW, &mut totals).unwrap(), Some("2026-11-20"));
        }
        assert_eq!((totals.impressions, totals.clicks), (Some(3447), Some(1458)));
        assert_eq!(totals.cost.unwrap().normalize().to_string(), "938.07");
        assert_eq!(totals.conversions.unwrap().to_string(), "12.431883");
        assert_eq!(totals.conversion_value.unwrap().to_string(), "542.12270034");
    }

    #[test]
    fn what_is_left_out_is_zero_and_what_is_malformed_is_refused() {
        let mut totals = no_daily_rows();
        read_daily(r#"{"segments":{"date":"2026-11-20"}}"#, &mut totals).unwrap();
        assert_eq!(totals, no_daily_rows());
        for row in ["{}", r#"{"segments":{"date":"2026-11-20"},"metrics":{"clicks":"x"}}"#] {
            assert!(read_daily(row, &mut totals).is_err(), "{row}");
        }
        assert!(read_campaign("{}", &mut totals).is_err());
    }

    #[test]
    fn a_row_names_zone_and_currency() {
        let described = describe(ROW);
        assert_eq!(described.time_zone, Some(chrono_tz::Europe::Amsterdam));
        assert_eq!(described.currency, Some("EUR".parse().unwrap()));
    }
}
