//! Rows as the queries of this module hand them over: JSON with exact decimals as text.

use chrono::NaiveDate;
use domain::ports::{
    Campaign, CampaignRow, DayRow, InCurrency, PlatformQuality, PlatformRow, StoreError,
};
use domain::{
    AdFigures, CampaignKey, CurrencyCode, DateRange, InvalidCampaignKey, Platform, Quality,
    WebFigures,
};
use rust_decimal::Decimal;
use serde::de::Error;
use serde::{Deserialize, Deserializer};

/// What `serving.ad_figures` builds.
#[derive(Debug, Deserialize)]
pub(super) struct AdSums {
    impressions: i64,
    clicks: i64,
    cost: Exact,
    conversions: Exact,
    conversion_value: Option<Exact>,
}

/// What `serving.web_figures` builds.
#[derive(Debug, Deserialize)]
pub(super) struct WebSums {
    sessions: i64,
    engaged_sessions: i64,
    key_events: Exact,
    revenue: Exact,
}

/// A decimal that is refused rather than rounded when it has too many digits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Exact(pub(super) Decimal);

impl<'de> Deserialize<'de> for Exact {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <&str>::deserialize(deserializer)?;
        Decimal::from_str_exact(text).map(Self).map_err(D::Error::custom)
    }
}

impl From<AdSums> for AdFigures {
    fn from(sums: AdSums) -> Self {
        Self {
            impressions: sums.impressions,
            clicks: sums.clicks,
            cost: sums.cost.0,
            conversions: sums.conversions.0,
            conversion_value: sums.conversion_value.map(|value| value.0),
        }
    }
}

impl From<WebSums> for WebFigures {
    fn from(sums: WebSums) -> Self {
        Self {
            sessions: sums.sessions,
            engaged_sessions: sums.engaged_sessions,
            key_events: sums.key_events.0,
            revenue: sums.revenue.0,
        }
    }
}

/// Sums of one platform, or of all where it is left out.
#[derive(Debug, Deserialize)]
pub(super) struct PlatformSums<S> {
    first: NaiveDate,
    last: NaiveDate,
    platform: Option<Platform>,
    currency_code: CurrencyCode,
    figures: S,
}

pub(super) type RowsAndTotals<F> = (Vec<PlatformRow<F>>, Vec<InCurrency<F>>);

/// Parts the rows of platforms from the totals.
pub(super) fn rows_and_totals<S, F: From<S>>(
    sums: Vec<PlatformSums<S>>,
) -> Result<RowsAndTotals<F>, StoreError> {
    let (mut rows, mut totals) = (Vec::with_capacity(sums.len()), Vec::new());
    for sum in sums {
        let (currency, figures) = (sum.currency_code, sum.figures.into());
        match sum.platform {
            Some(platform) => {
                let days = DateRange::new(sum.first, sum.last).map_err(corrupt)?;
                rows.push(PlatformRow { days, platform, currency, figures });
            }
            None => totals.push(InCurrency { currency, figures }),
        }
    }
    Ok((rows, totals))
}

#[derive(Debug, Deserialize)]
pub(super) struct CurrencySums<S> {
    currency_code: CurrencyCode,
    figures: S,
}

impl<S, F: From<S>> From<CurrencySums<S>> for InCurrency<F> {
    fn from(sums: CurrencySums<S>) -> Self {
        Self { currency: sums.currency_code, figures: sums.figures.into() }
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct DaySums<S> {
    date: NaiveDate,
    currency_code: CurrencyCode,
    figures: S,
}

impl<S, F: From<S>> From<DaySums<S>> for DayRow<F> {
    fn from(sums: DaySums<S>) -> Self {
        Self { date: sums.date, currency: sums.currency_code, figures: sums.figures.into() }
    }
}

/// A row of `dim_campaigns`; all but the key is absent where the dimension lacks it.
#[derive(Debug, Deserialize)]
pub(super) struct DimCampaign {
    campaign_key: String,
    name: Option<String>,
    kind: Option<String>,
    status: Option<String>,
    budget: Option<Exact>,
}

impl TryFrom<DimCampaign> for Campaign {
    type Error = StoreError;

    fn try_from(dim: DimCampaign) -> Result<Self, StoreError> {
        let key: CampaignKey =
            dim.campaign_key.parse().map_err(|error: InvalidCampaignKey| corrupt(error))?;
        Ok(Self {
            name: dim.name.unwrap_or_else(|| key.campaign_id.clone()),
            key,
            kind: dim.kind,
            status: dim.status,
            budget: dim.budget.map(|budget| budget.0),
        })
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct CampaignSums {
    campaign: DimCampaign,
    currency_code: CurrencyCode,
    figures: AdSums,
}

impl TryFrom<CampaignSums> for CampaignRow {
    type Error = StoreError;

    fn try_from(sums: CampaignSums) -> Result<Self, StoreError> {
        Ok(Self {
            campaign: sums.campaign.try_into()?,
            currency: sums.currency_code,
            figures: sums.figures.into(),
        })
    }
}

#[derive(Debug, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "four independent flags that a platform sends")]
pub(super) struct QualitySums {
    platform: Platform,
    days: u32,
    sampled: bool,
    thresholded: bool,
    other_row: bool,
    truncated: bool,
}

impl From<QualitySums> for PlatformQuality {
    fn from(sums: QualitySums) -> Self {
        let QualitySums { platform, days, sampled, thresholded, other_row, truncated } = sums;
        Self { platform, days, quality: Quality { sampled, thresholded, other_row, truncated } }
    }
}

pub(super) fn all<A: Into<B>, B>(rows: Vec<A>) -> Vec<B> {
    rows.into_iter().map(Into::into).collect()
}

pub(super) fn corrupt(error: impl std::error::Error + Send + Sync + 'static) -> StoreError {
    StoreError::Corrupt { what: "the published figures", source: Box::new(error) }
}
