//! How Meta writes rows: every figure a string, money in major units, zeros left out.

use domain::ports::BoxError;
use domain::{Stream, Totals};
use rust_decimal::Decimal;
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::figures::{Figure, add, add_count, count, decimal};
use crate::harvest::{Described, RowFormat};

pub(crate) fn format(stream: Stream) -> Option<RowFormat> {
    match stream {
        Stream::META_ADS_INSIGHTS_DAILY => {
            Some(RowFormat { read: read_insight, describe, no_rows: no_insights })
        }
        Stream::META_ADS_CAMPAIGNS => Some(RowFormat {
            read: read_campaign,
            describe: |_| Described::default(),
            no_rows: Totals::default,
        }),
        _ => None,
    }
}

#[derive(Deserialize)]
struct Insight<'a> {
    date_start: &'a str,
    date_stop: &'a str,
    #[serde(borrow)]
    spend: Figure<'a>,
    #[serde(borrow)]
    impressions: Figure<'a>,
    #[serde(borrow)]
    clicks: Figure<'a>,
}

#[derive(Debug, thiserror::Error)]
#[error("a row spans more than one day")]
struct SeveralDays;

/// Which actions are conversions is each tenant's choice, so they are not summed here.
fn no_insights() -> Totals {
    Totals { impressions: Some(0), clicks: Some(0), cost: Some(Decimal::ZERO), ..Totals::default() }
}

fn read_insight<'r>(row: &'r str, totals: &mut Totals) -> Result<Option<&'r str>, BoxError> {
    let insight: Insight<'_> = serde_json::from_str(row)?;
    if insight.date_start != insight.date_stop {
        return Err(SeveralDays.into());
    }
    add_count(&mut totals.impressions, count(insight.impressions)?)?;
    add_count(&mut totals.clicks, count(insight.clicks)?)?;
    add(&mut totals.cost, decimal(insight.spend)?)?;
    Ok(Some(insight.date_start))
}

fn read_campaign<'r>(row: &'r str, _: &mut Totals) -> Result<Option<&'r str>, BoxError> {
    #[derive(Deserialize)]
    struct Campaign {
        #[serde(rename = "id")]
        _id: IgnoredAny,
    }
    serde_json::from_str::<Campaign>(row)?;
    Ok(None)
}

fn describe(row: &str) -> Described {
    #[derive(Deserialize)]
    struct Row {
        account_currency: String,
    }
    let currency =
        serde_json::from_str::<Row>(row).ok().and_then(|row| row.account_currency.parse().ok());
    Described { time_zone: None, currency }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROW: &str = r#"{"account_id":"123","account_currency":"EUR","campaign_id":"1","campaign_name":"C","spend":"12.34","impressions":"1000","clicks":"20","actions":[{"action_type":"link_click","value":"15"}],"date_start":"2026-11-20","date_stop":"2026-11-20"}"#;

    #[test]
    fn a_row_is_counted_exactly() {
        let mut totals = no_insights();
        for _ in 0..10 {
            assert_eq!(read_insight(ROW, &mut totals).unwrap(), Some("2026-11-20"));
        }
        assert_eq!(totals.cost.unwrap().to_string(), "123.40");
        assert_eq!((totals.impressions, totals.clicks), (Some(10_000), Some(200)));
        assert_eq!(totals.conversions, None);
        assert_eq!(describe(ROW).currency, Some("EUR".parse().unwrap()));
    }

    #[test]
    fn a_row_of_several_days_is_refused() {
        let row = ROW.replace(r#""date_stop":"2026-11-20""#, r#""date_stop":"2026-11-21""#);
        assert!(read_insight(&row, &mut no_insights()).is_err());
    }
}
