//! Every row of every stream, against what the simulators hold to be true.

use std::collections::BTreeMap;

use domain::{DateRange, Platform, Stream, Totals};
use rust_decimal::Decimal;
use serde_json::Value;

use crate::simulated::{World, span};

/// Day and campaign (or line of traffic) → figures.
type Figures = BTreeMap<(String, String), Vec<Option<Decimal>>>;

const PURCHASE: &str = "offsite_conversion.fb_pixel_purchase";

/// A figure, whether it is written as a number or as a string; zero where it is left out.
fn number(value: &Value) -> Decimal {
    match value {
        Value::Null => Decimal::ZERO,
        Value::String(text) => text.parse().unwrap(),
        other => other.to_string().parse().unwrap(),
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn read_row(platform: Platform, row: &Value) -> ((String, String), Vec<Option<Decimal>>) {
    match platform {
        Platform::GoogleAds => {
            let metrics = &row["metrics"];
            let figures = [
                number(&metrics["impressions"]),
                number(&metrics["clicks"]),
                number(&metrics["costMicros"]) / Decimal::from(1_000_000),
                number(&metrics["conversions"]),
                number(&metrics["conversionsValue"]),
            ];
            let key = (text(&row["segments"]["date"]), text(&row["campaign"]["id"]));
            (key, figures.map(Some).into())
        }
        Platform::MetaAds => {
            let action = |list: &Value| {
                let list = list.as_array()?;
                let action = list.iter().find(|action| action["action_type"] == PURCHASE)?;
                Some(number(&action["value"]))
            };
            let figures = vec![
                Some(number(&row["impressions"])),
                Some(number(&row["clicks"])),
                Some(number(&row["spend"])),
                Some(action(&row["actions"]).unwrap_or_default()),
                action(&row["action_values"]),
            ];
            ((text(&row["date_start"]), text(&row["campaign_id"])), figures)
        }
        Platform::GoogleAnalytics => {
            let dimensions: Vec<_> = row["dimensionValues"]
                .as_array()
                .unwrap()
                .iter()
                .map(|dimension| text(&dimension["value"]))
                .collect();
            let metrics = row["metricValues"].as_array().unwrap();
            let figures = metrics.iter().map(|metric| Some(number(&metric["value"]))).collect();
            let day = &dimensions[0];
            let day = format!("{}-{}-{}", &day[..4], &day[4..6], &day[6..]);
            ((day, dimensions[1..].join("|")), figures)
        }
    }
}

fn read_truth(platform: Platform, row: &Value) -> (String, Vec<Option<Decimal>>) {
    let read = |names: &[&str]| -> Vec<_> {
        names.iter().map(|name| (!row[name].is_null()).then(|| number(&row[name]))).collect()
    };
    if platform == Platform::GoogleAnalytics {
        let key = ["campaign_name", "source", "medium", "channel"].map(|name| text(&row[name]));
        let names = ["sessions", "engaged_sessions", "total_users", "key_events", "revenue"];
        (key.join("|"), read(&names))
    } else {
        let names = ["impressions", "clicks", "cost", "conversions", "conversion_value"];
        (text(&row["campaign_id"]), read(&names))
    }
}

fn figures_of(platform: Platform, lines: &[String]) -> Figures {
    let rows = lines.iter().map(|line| read_row(platform, &serde_json::from_str(line).unwrap()));
    let figures: Figures = rows.collect();
    assert_eq!(figures.len(), lines.len(), "no key comes twice");
    figures
}

fn truth_of(platform: Platform, truth: &Value, window: DateRange) -> Figures {
    let mut figures = Figures::new();
    for day in truth["days"].as_array().unwrap() {
        let date = text(&day["date"]);
        if !window.contains(date.parse().unwrap()) {
            continue;
        }
        let rows = day.get("campaigns").or_else(|| day.get("rows")).unwrap();
        for row in rows.as_array().unwrap() {
            let (key, values) = read_truth(platform, row);
            figures.insert((date.clone(), key), values);
        }
    }
    figures
}

fn assert_totals(platform: Platform, totals: &Totals, figures: &Figures) {
    let sum = |column: usize| -> Decimal {
        figures.values().map(|values| values[column].unwrap_or_default()).sum()
    };
    let counts = |count: Option<i64>| count.map(Decimal::from);
    assert_eq!(totals.rows, figures.len() as u64);
    if platform == Platform::GoogleAnalytics {
        assert_eq!(counts(totals.sessions), Some(sum(0)));
        assert_eq!(totals.conversions, Some(sum(3)));
        assert_eq!(totals.conversion_value, Some(sum(4)));
        return;
    }
    assert_eq!(counts(totals.impressions), Some(sum(0)));
    assert_eq!(counts(totals.clicks), Some(sum(1)));
    assert_eq!(totals.cost, Some(sum(2)));
    if platform == Platform::GoogleAds {
        assert_eq!(totals.conversions, Some(sum(3)));
        assert_eq!(totals.conversion_value, Some(sum(4)));
    }
}

async fn daily_rows_are_true(stream: Stream) {
    let world = World::start().await;
    let session = world.session(stream.platform).await;
    assert!(session.accounts.len() > 1);
    for account in &session.accounts {
        let truth = session.truth(account).await;
        let all = span(&truth);
        // Meta is read at once for few days and by a report run for many.
        for window in [all, DateRange::ending(all.last(), 3)] {
            let (extracted, kept) = session.extract(account, stream, window).await;
            let extracted = extracted.unwrap();
            let expected = truth_of(stream.platform, &truth, window);
            assert!(!expected.is_empty());
            assert_eq!(figures_of(stream.platform, &kept.lines), expected, "{account:?} {window}");
            assert_totals(stream.platform, &extracted.totals, &expected);
            assert_eq!(extracted.reported_currency, Some(account.currency));
            if stream.platform != Platform::MetaAds {
                assert_eq!(extracted.reported_time_zone, Some(account.time_zone));
            }
        }
    }
}

#[tokio::test]
async fn google_ads_campaign_days_are_true() {
    daily_rows_are_true(Stream::GOOGLE_ADS_CAMPAIGN_DAILY).await;
}

#[tokio::test]
async fn meta_insights_are_true() {
    daily_rows_are_true(Stream::META_ADS_INSIGHTS_DAILY).await;
}

#[tokio::test]
async fn google_analytics_traffic_is_true() {
    daily_rows_are_true(Stream::GOOGLE_ANALYTICS_TRAFFIC_DAILY).await;
}

#[tokio::test]
async fn every_campaign_with_figures_has_a_name() {
    let world = World::start().await;
    for [daily, listing] in [
        [Stream::GOOGLE_ADS_CAMPAIGN_DAILY, Stream::GOOGLE_ADS_CAMPAIGNS],
        [Stream::META_ADS_INSIGHTS_DAILY, Stream::META_ADS_CAMPAIGNS],
    ] {
        let session = world.session(daily.platform).await;
        for account in &session.accounts {
            let truth = session.truth(account).await;
            let (extracted, kept) = session.extract(account, listing, span(&truth)).await;
            assert_eq!(extracted.unwrap().totals.rows, kept.lines.len() as u64);
            let mut named = kept.lines.iter().map(|line| campaign_of(line)).collect::<Vec<_>>();
            assert!(named.len() > 1);
            // Meta lists no deleted campaigns; their insights name them.
            if daily.platform == Platform::MetaAds {
                let (_, kept) = session.extract(account, daily, span(&truth)).await;
                named.extend(kept.lines.iter().map(|line| campaign_of(line)));
            }
            for (_, campaign) in truth_of(daily.platform, &truth, span(&truth)).keys() {
                assert!(named.contains(campaign), "{campaign} is not among {named:?}");
            }
        }
    }
}

/// The id of a campaign that a row names.
fn campaign_of(line: &str) -> String {
    let row: Value = serde_json::from_str(line).unwrap();
    let (id, name) = match &row["campaign"] {
        Value::Null if row["campaign_id"].is_null() => (&row["id"], &row["name"]),
        Value::Null => (&row["campaign_id"], &row["campaign_name"]),
        campaign => (&campaign["id"], &campaign["name"]),
    };
    assert!(!text(name).is_empty());
    text(id)
}
