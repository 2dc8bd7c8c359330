use std::collections::BTreeSet;

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use rust_decimal::Decimal;

use super::StoreError;
use crate::{
    AdFigures, CampaignKey, CurrencyCode, DateRange, Platform, Quality, TenantScope, WebFigures,
};

/// The published figures. Each answer comes from one snapshot and names its data version.
#[async_trait]
pub trait Serving: Send + Sync {
    /// The version that is being served now; zero before the first publish.
    async fn data_version(&self) -> Result<i64, StoreError>;

    /// The zone on whose calendar the tenant's "today" is read.
    async fn time_zone(&self, scope: &TenantScope) -> Result<Tz, StoreError>;

    async fn metrics(
        &self,
        scope: &TenantScope,
        query: &MetricsQuery,
    ) -> Result<Served<Metrics>, StoreError>;

    async fn campaigns(
        &self,
        scope: &TenantScope,
        query: &CampaignsQuery,
    ) -> Result<Served<CampaignPage>, StoreError>;

    /// [`StoreError::NotFound`] for a campaign that the scope does not hold.
    async fn campaign_performance(
        &self,
        scope: &TenantScope,
        query: &PerformanceQuery,
    ) -> Result<Served<Performance>, StoreError>;

    async fn overview(
        &self,
        scope: &TenantScope,
        query: &OverviewQuery,
    ) -> Result<Served<Overview>, StoreError>;
}

/// An answer, and what is known of where it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Served<T> {
    pub data_version: i64,
    /// When the tenant's newest published figures were extracted.
    pub fresh_at: Option<DateTime<Utc>>,
    /// Platforms that said themselves that figures in the range are incomplete.
    pub quality: Vec<PlatformQuality>,
    pub figures: T,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlatformQuality {
    pub platform: Platform,
    /// How many days of the range are affected.
    pub days: u32,
    pub quality: Quality,
}

/// No platform means every platform.
pub type Platforms = BTreeSet<Platform>;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Granularity {
    Day,
    Total,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MetricsQuery {
    pub range: DateRange,
    pub platforms: Platforms,
    pub granularity: Granularity,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metrics {
    pub ads: Vec<PlatformRow<AdFigures>>,
    pub ad_totals: Vec<InCurrency<AdFigures>>,
    pub web: Vec<PlatformRow<WebFigures>>,
    pub web_totals: Vec<InCurrency<WebFigures>>,
}

/// Figures of one platform and currency over some days.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlatformRow<F> {
    /// The first and the last day that has figures; one day in a daily answer.
    pub days: DateRange,
    pub platform: Platform,
    pub currency: CurrencyCode,
    pub figures: F,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InCurrency<F> {
    pub currency: CurrencyCode,
    pub figures: F,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CampaignOrder {
    /// By currency, the costliest first.
    Cost,
    /// By campaign key: the order that a new data version does not change.
    Key,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CampaignsQuery {
    pub range: DateRange,
    pub platforms: Platforms,
    pub order: CampaignOrder,
    /// Also campaigns without figures in the range.
    pub include_idle: bool,
    pub limit: u16,
    /// The last campaign of the page before.
    pub after: Option<CampaignPosition>,
}

/// Where in either order a campaign stands.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CampaignPosition {
    pub currency: CurrencyCode,
    pub cost: Decimal,
    pub key: CampaignKey,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CampaignPage {
    pub campaigns: Vec<CampaignRow>,
    /// Over all pages.
    pub totals: Vec<InCurrency<AdFigures>>,
    pub has_more: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CampaignRow {
    pub campaign: Campaign,
    pub currency: CurrencyCode,
    pub figures: AdFigures,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Campaign {
    pub key: CampaignKey,
    /// The platform's id where its name is not known.
    pub name: String,
    /// As the platform names it: `SEARCH`, `OUTCOME_SALES`.
    pub kind: Option<String>,
    /// As the platform names it: `ENABLED`, `PAUSED`.
    pub status: Option<String>,
    /// Per day, in the account's currency.
    pub budget: Option<Decimal>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PerformanceQuery {
    pub campaign: CampaignKey,
    pub range: DateRange,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Performance {
    pub campaign: Campaign,
    pub days: Vec<DayRow<AdFigures>>,
    pub totals: Vec<InCurrency<AdFigures>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DayRow<F> {
    pub date: NaiveDate,
    pub currency: CurrencyCode,
    pub figures: F,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OverviewQuery {
    pub range: DateRange,
    /// As many days, ending on the day before `range`.
    pub previous: DateRange,
    /// How many campaigns of each currency to name.
    pub top: u16,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overview {
    pub ads: Vec<PlatformOverview<AdFigures>>,
    pub ad_totals: Vec<InCurrency<Compared<AdFigures>>>,
    pub web: Vec<PlatformOverview<WebFigures>>,
    pub web_totals: Vec<InCurrency<Compared<WebFigures>>>,
    /// The costliest of each currency, in [`CampaignOrder::Cost`].
    pub top_campaigns: Vec<CampaignRow>,
}

/// One platform and currency: both periods, and the days of the current one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlatformOverview<F> {
    pub platform: Platform,
    pub currency: CurrencyCode,
    pub figures: Compared<F>,
    pub days: Vec<DayRow<F>>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Compared<F> {
    pub current: F,
    pub previous: F,
}
