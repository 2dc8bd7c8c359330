//! What is read from each platform: one row of [`Stream::ALL`] per kind of row.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::Platform;

/// How a stream's rows relate to days.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StreamKind {
    /// Each row belongs to one local day of the account; a newer extraction replaces whole days.
    Daily,
    /// The rows describe the account as it is now; a newer extraction replaces all of them.
    Snapshot,
}

/// One kind of row of one platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stream {
    pub platform: Platform,
    /// Unique within its platform; the folder in the raw store.
    pub name: &'static str,
    pub kind: StreamKind,
    /// The warehouse table, within schema `raw`, that its rows are loaded into.
    pub raw_table: &'static str,
}

impl Stream {
    /// Campaign × day: impressions, clicks, `costMicros`, conversions, `conversionsValue`.
    pub const GOOGLE_ADS_CAMPAIGN_DAILY: Self = Self {
        platform: Platform::GoogleAds,
        name: "campaign_daily",
        kind: StreamKind::Daily,
        raw_table: "google_ads_campaign_daily",
    };
    /// Campaigns with name, status, channel type and daily budget (micros), removed ones included.
    pub const GOOGLE_ADS_CAMPAIGNS: Self = Self {
        platform: Platform::GoogleAds,
        name: "campaigns",
        kind: StreamKind::Snapshot,
        raw_table: "google_ads_campaigns",
    };
    /// Insights at campaign level × day, action arrays as sent.
    pub const META_ADS_INSIGHTS_DAILY: Self = Self {
        platform: Platform::MetaAds,
        name: "insights_daily",
        kind: StreamKind::Daily,
        raw_table: "meta_ads_insights_daily",
    };
    /// Campaigns with name, effective status, objective and budgets (minor units, as strings).
    pub const META_ADS_CAMPAIGNS: Self = Self {
        platform: Platform::MetaAds,
        name: "campaigns",
        kind: StreamKind::Snapshot,
        raw_table: "meta_ads_campaigns",
    };
    /// `dimensionValues` in the order date (YYYYMMDD), sessionCampaignName, sessionSource,
    /// sessionMedium, sessionDefaultChannelGroup; `metricValues` in the order sessions,
    /// engagedSessions, totalUsers, keyEvents, totalRevenue.
    pub const GOOGLE_ANALYTICS_TRAFFIC_DAILY: Self = Self {
        platform: Platform::GoogleAnalytics,
        name: "traffic_daily",
        kind: StreamKind::Daily,
        raw_table: "google_analytics_traffic_daily",
    };

    pub const ALL: [Self; 5] = [
        Self::GOOGLE_ADS_CAMPAIGN_DAILY,
        Self::GOOGLE_ADS_CAMPAIGNS,
        Self::META_ADS_INSIGHTS_DAILY,
        Self::META_ADS_CAMPAIGNS,
        Self::GOOGLE_ANALYTICS_TRAFFIC_DAILY,
    ];

    pub fn of(platform: Platform) -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(move |stream| stream.platform == platform)
    }

    pub fn find(platform: Platform, name: &str) -> Option<Self> {
        Self::of(platform).find(|stream| stream.name == name)
    }

    /// The local day that a row of a daily stream belongs to; `None` for a snapshot's row.
    pub fn day(self, row: &[u8]) -> Result<Option<NaiveDate>, RowError> {
        if self.kind == StreamKind::Snapshot {
            return Ok(None);
        }
        let day = match self.platform {
            Platform::GoogleAds => {
                let row: GoogleAdsRow = serde_json::from_slice(row).map_err(RowError::Json)?;
                parse_day(row.segments.date, "%Y-%m-%d")?
            }
            Platform::MetaAds => {
                let row: MetaRow = serde_json::from_slice(row).map_err(RowError::Json)?;
                parse_day(row.date_start, "%Y-%m-%d")?
            }
            Platform::GoogleAnalytics => {
                let row: AnalyticsRow = serde_json::from_slice(row).map_err(RowError::Json)?;
                parse_day(row.dimension_values.first().map_or("", |first| &first.value), "%Y%m%d")?
            }
        };
        Ok(Some(day))
    }
}

/// A row that does not have the shape its platform documents.
#[derive(Debug, thiserror::Error)]
pub enum RowError {
    #[error("a row is not the JSON that its platform documents")]
    Json(#[source] serde_json::Error),
    #[error("a row's day {0:?} is not a date")]
    Day(String),
}

fn parse_day(text: &str, format: &str) -> Result<NaiveDate, RowError> {
    NaiveDate::parse_from_str(text, format).map_err(|_| RowError::Day(text.to_owned()))
}

#[derive(Deserialize)]
struct GoogleAdsRow<'a> {
    #[serde(borrow)]
    segments: Segments<'a>,
}

#[derive(Deserialize)]
struct Segments<'a> {
    date: &'a str,
}

#[derive(Deserialize)]
struct MetaRow<'a> {
    date_start: &'a str,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AnalyticsRow<'a> {
    #[serde(borrow)]
    dimension_values: Vec<DimensionValue<'a>>,
}

#[derive(Deserialize)]
struct DimensionValue<'a> {
    #[serde(borrow)]
    value: std::borrow::Cow<'a, str>,
}
