//! A tenant's figures, read back through the API with a token of that tenant.

use std::collections::BTreeMap;

use anyhow::bail;
use chrono::NaiveDate;
use domain::Platform;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::people::Tenant;
use super::stage::Stage;

/// All of a tenant's figures on one platform, in one currency.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub(super) enum PlatformFigures {
    Ads(AdPlatform),
    Web(WebPlatform),
}

#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct AdPlatform {
    #[serde(flatten)]
    range: Range,
    #[serde(flatten)]
    figures: AdFigures,
    /// By the platform's own id.
    campaigns: BTreeMap<String, AdFigures>,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct WebPlatform {
    #[serde(flatten)]
    range: Range,
    sessions: i64,
    key_events: Decimal,
    revenue: Decimal,
}

/// The first and the last day with figures.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Range {
    first: NaiveDate,
    last: NaiveDate,
    currency: String,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
struct AdFigures {
    impressions: i64,
    clicks: i64,
    cost: Decimal,
    conversions: Decimal,
}

/// A row of `GET /api/v1/metrics?granularity=total`.
#[derive(Debug, Deserialize)]
struct MetricsRow {
    platform: Platform,
    currency_code: String,
    first_date: NaiveDate,
    last_date: NaiveDate,
    #[serde(flatten)]
    sums: Sums,
}

/// A row of `GET /api/v1/campaigns`.
#[derive(Debug, Deserialize)]
struct CampaignRow {
    platform: Platform,
    campaign_id: String,
    #[serde(flatten)]
    figures: AdSums,
}

/// Advertising platforms and Google Analytics have figures of their own.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Sums {
    Ads(AdSums),
    Web(WebSums),
}

#[derive(Debug, Deserialize)]
struct AdSums {
    impressions: i64,
    clicks: i64,
    cost: Decimal,
    conversions: Decimal,
}

#[derive(Debug, Deserialize)]
struct WebSums {
    sessions: i64,
    key_events: Decimal,
    revenue: Decimal,
}

impl From<AdSums> for AdFigures {
    /// Without the zeros that the stored scale brings.
    fn from(sums: AdSums) -> Self {
        Self {
            impressions: sums.impressions,
            clicks: sums.clicks,
            cost: sums.cost.normalize(),
            conversions: sums.conversions.normalize(),
        }
    }
}

/// Every platform of a tenant over all days that were read.
pub(super) async fn read(
    stage: &Stage,
    tenant: &Tenant,
) -> anyhow::Result<BTreeMap<&'static str, PlatformFigures>> {
    let (from, to) = stage.all_days();
    let path = format!("/api/v1/metrics?granularity=total&from={from}&to={to}");
    let mut metrics = stage.api.get(&path, &tenant.token).await?.expect(200)?;
    let metrics: Vec<MetricsRow> = serde_json::from_value(metrics["data"].take())?;
    let path = format!("/api/v1/campaigns?sort=id&limit=500&from={from}&to={to}");
    let campaigns = stage.api.all(&path, &tenant.token).await?;
    let campaigns: Vec<CampaignRow> =
        campaigns.into_iter().map(serde_json::from_value).collect::<Result<_, _>>()?;
    by_platform(metrics, campaigns)
}

fn by_platform(
    metrics: Vec<MetricsRow>,
    campaigns: Vec<CampaignRow>,
) -> anyhow::Result<BTreeMap<&'static str, PlatformFigures>> {
    let mut platforms = BTreeMap::new();
    for row in metrics {
        let range =
            Range { first: row.first_date, last: row.last_date, currency: row.currency_code };
        let figures = match row.sums {
            Sums::Ads(sums) => PlatformFigures::Ads(AdPlatform {
                range,
                figures: sums.into(),
                campaigns: BTreeMap::new(),
            }),
            Sums::Web(sums) => PlatformFigures::Web(WebPlatform {
                range,
                sessions: sums.sessions,
                key_events: sums.key_events.normalize(),
                revenue: sums.revenue.normalize(),
            }),
        };
        if platforms.insert(row.platform.code(), figures).is_some() {
            bail!("{} answered more than one currency, which no demo account has", row.platform);
        }
    }
    for row in campaigns {
        let Some(PlatformFigures::Ads(platform)) = platforms.get_mut(row.platform.code()) else {
            bail!("campaign {} is on a platform without figures", row.campaign_id);
        };
        if platform.campaigns.insert(row.campaign_id.clone(), row.figures.into()).is_some() {
            bail!("campaign {} was answered twice", row.campaign_id);
        }
    }
    Ok(platforms)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn answers_become_the_report_with_campaigns_and_plain_decimals() {
        let metrics = serde_json::from_value(json!([
            {"platform": "meta_ads", "currency_code": "USD", "first_date": "2023-08-01",
             "last_date": "2023-08-31", "impressions": 10, "clicks": 2, "cost": "58705.230000000",
             "conversions": "1079.000000000", "conversion_value": null, "ctr": "0.2"},
            {"platform": "google_analytics", "currency_code": "EUR", "first_date": "2023-06-01",
             "last_date": "2023-08-31", "sessions": 7, "engaged_sessions": 5,
             "key_events": "1.5", "revenue": "100"},
        ]))
        .unwrap();
        let campaigns = serde_json::from_value(json!([
            {"platform": "meta_ads", "campaign_id": "1178", "id": "meta_ads-1-1178", "impressions": 10,
             "clicks": 2, "cost": "58705.23", "conversions": "1079"},
        ]))
        .unwrap();
        let figures = by_platform(metrics, campaigns).unwrap();
        assert_eq!(
            serde_json::to_value(figures).unwrap(),
            json!({
                "meta_ads": {"first": "2023-08-01", "last": "2023-08-31", "currency": "USD",
                    "impressions": 10, "clicks": 2, "cost": "58705.23", "conversions": "1079",
                    "campaigns": {"1178": {"impressions": 10, "clicks": 2, "cost": "58705.23",
                        "conversions": "1079"}}},
                "google_analytics": {"first": "2023-06-01", "last": "2023-08-31",
                    "currency": "EUR", "sessions": 7, "key_events": "1.5", "revenue": "100"},
            })
        );
    }
}
