//! Rows that the queries of this module hand over as JSON, with exact decimals as text.

use std::str::FromStr;

use chrono::NaiveDate;
use domain::ports::{Campaign, CampaignRow, DayRow, InCurrency, PlatformQuality, StoreError};
use domain::{AdFigures, CampaignKey, CurrencyCode, InvalidCampaignKey, Platform, Quality};
use rust_decimal::Decimal;
use serde::de::Error;
use serde::{Deserialize, Deserializer};

use super::WHAT;

/// What `serving.ad_figures` builds.
#[derive(Debug, Deserialize)]
pub(super) struct AdSums {
    impressions: i64,
    clicks: i64,
    cost: Exact,
    conversions: Exact,
    conversion_value: Option<Exact>,
}

/// A decimal that is refused rather than rounded when it has too many digits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Exact(pub(super) Decimal);

impl FromStr for Exact {
    type Err = rust_decimal::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Decimal::from_str_exact(text).map(Self)
    }
}

impl<'de> Deserialize<'de> for Exact {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <&str>::deserialize(deserializer)?.parse().map_err(D::Error::custom)
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
    StoreError::Corrupt { what: WHAT, source: Box::new(error) }
}
