//! Figures in answers: counts as integers, money and fractions as decimal strings.

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use domain::ports::{Campaign, CampaignRow, DayRow, InCurrency, PlatformQuality, Served};
use domain::{AdChange, AdFigures, CurrencyCode, Platform, WebChange, WebFigures};
use rust_decimal::Decimal;
use serde::Serialize;
use utoipa::ToSchema;

/// A platform's name.
#[derive(ToSchema)]
#[schema(as = Platform, rename_all = "snake_case")]
#[expect(dead_code, reason = "the schema of domain::Platform, which does not know OpenAPI")]
pub(crate) enum PlatformName {
    GoogleAds,
    MetaAds,
    GoogleAnalytics,
}

/// Sums of one currency with the ratios of these sums. A ratio whose denominator is zero or
/// absent is null; ratios are rounded half-even to six places, sums never.
#[derive(Serialize, ToSchema)]
#[schema(as = AdFigures)]
pub(crate) struct AdFiguresOut {
    #[schema(example = 204_823_716)]
    impressions: i64,
    #[schema(example = 36_068)]
    clicks: i64,
    /// In major units of the currency.
    #[schema(example = "55662.15")]
    cost: Decimal,
    #[schema(example = "872")]
    conversions: Decimal,
    /// The sum of the known values; null where the platform sent none at all.
    #[schema(example = "98112.4")]
    conversion_value: Option<Decimal>,
    /// Clicks per impression.
    #[schema(example = "0.000176")]
    ctr: Option<Decimal>,
    /// Cost per click.
    #[schema(example = "1.543256")]
    cpc: Option<Decimal>,
    /// Cost per conversion.
    #[schema(example = "63.832741")]
    cpa: Option<Decimal>,
    /// Conversion value per unit of cost.
    #[schema(example = "1.762641")]
    roas: Option<Decimal>,
}

impl From<AdFigures> for AdFiguresOut {
    fn from(figures: AdFigures) -> Self {
        let ratios = figures.ratios();
        Self {
            impressions: figures.impressions,
            clicks: figures.clicks,
            cost: figures.cost,
            conversions: figures.conversions,
            conversion_value: figures.conversion_value,
            ctr: ratios.ctr,
            cpc: ratios.cpc,
            cpa: ratios.cpa,
            roas: ratios.roas,
        }
    }
}

/// Sums over website traffic. Users are left out: over days or sources they cannot be added.
#[derive(Serialize, ToSchema)]
#[schema(as = WebFigures)]
pub(crate) struct WebFiguresOut {
    #[schema(example = 1_240)]
    sessions: i64,
    #[schema(example = 806)]
    engaged_sessions: i64,
    #[schema(example = "31")]
    key_events: Decimal,
    /// In major units of the currency.
    #[schema(example = "2410.5")]
    revenue: Decimal,
}

impl From<WebFigures> for WebFiguresOut {
    fn from(figures: WebFigures) -> Self {
        Self {
            sessions: figures.sessions,
            engaged_sessions: figures.engaged_sessions,
            key_events: figures.key_events,
            revenue: figures.revenue,
        }
    }
}

/// The change of each figure as a share of what it was: `"0.25"` is a quarter more. Null where
/// there was nothing to compare with.
#[derive(Serialize, ToSchema)]
#[schema(as = AdChange)]
pub(crate) struct AdChangeOut {
    #[schema(example = "0.25")]
    impressions: Option<Decimal>,
    clicks: Option<Decimal>,
    cost: Option<Decimal>,
    conversions: Option<Decimal>,
    conversion_value: Option<Decimal>,
    ctr: Option<Decimal>,
    cpc: Option<Decimal>,
    cpa: Option<Decimal>,
    roas: Option<Decimal>,
}

impl From<AdChange> for AdChangeOut {
    fn from(change: AdChange) -> Self {
        Self {
            impressions: change.impressions,
            clicks: change.clicks,
            cost: change.cost,
            conversions: change.conversions,
            conversion_value: change.conversion_value,
            ctr: change.ctr,
            cpc: change.cpc,
            cpa: change.cpa,
            roas: change.roas,
        }
    }
}

/// The change of each figure as a share of what it was. Null where there was nothing to compare
/// with.
#[derive(Serialize, ToSchema)]
#[schema(as = WebChange)]
pub(crate) struct WebChangeOut {
    #[schema(example = "-0.1")]
    sessions: Option<Decimal>,
    engaged_sessions: Option<Decimal>,
    key_events: Option<Decimal>,
    revenue: Option<Decimal>,
}

impl From<WebChange> for WebChangeOut {
    fn from(change: WebChange) -> Self {
        Self {
            sessions: change.sessions,
            engaged_sessions: change.engaged_sessions,
            key_events: change.key_events,
            revenue: change.revenue,
        }
    }
}

/// All that was asked for, in one currency. Currencies are never added.
#[derive(Serialize, ToSchema)]
pub(crate) struct AdTotal {
    #[schema(value_type = String, example = "USD")]
    currency_code: CurrencyCode,
    #[serde(flatten)]
    figures: AdFiguresOut,
}

impl From<InCurrency<AdFigures>> for AdTotal {
    fn from(total: InCurrency<AdFigures>) -> Self {
        Self { currency_code: total.currency, figures: total.figures.into() }
    }
}

/// All website traffic that was asked for, in one currency.
#[derive(Serialize, ToSchema)]
pub(crate) struct WebTotal {
    #[schema(value_type = String, example = "EUR")]
    currency_code: CurrencyCode,
    #[serde(flatten)]
    figures: WebFiguresOut,
}

impl From<InCurrency<WebFigures>> for WebTotal {
    fn from(total: InCurrency<WebFigures>) -> Self {
        Self { currency_code: total.currency, figures: total.figures.into() }
    }
}

/// One day's advertising figures.
#[derive(Serialize, ToSchema)]
pub(crate) struct DayFigures {
    date: NaiveDate,
    #[schema(value_type = String, example = "USD")]
    currency_code: CurrencyCode,
    #[serde(flatten)]
    figures: AdFiguresOut,
}

impl From<DayRow<AdFigures>> for DayFigures {
    fn from(row: DayRow<AdFigures>) -> Self {
        Self { date: row.date, currency_code: row.currency, figures: row.figures.into() }
    }
}

/// One day's website figures.
#[derive(Serialize, ToSchema)]
pub(crate) struct WebDayFigures {
    date: NaiveDate,
    #[schema(value_type = String, example = "EUR")]
    currency_code: CurrencyCode,
    #[serde(flatten)]
    figures: WebFiguresOut,
}

impl From<DayRow<WebFigures>> for WebDayFigures {
    fn from(row: DayRow<WebFigures>) -> Self {
        Self { date: row.date, currency_code: row.currency, figures: row.figures.into() }
    }
}

/// A campaign as its platform describes it.
#[derive(Serialize, ToSchema)]
#[schema(as = Campaign)]
pub(crate) struct CampaignOut {
    /// Platform, account and the platform's own id of the campaign.
    #[schema(example = "meta_ads-1029-1178")]
    id: String,
    #[schema(value_type = PlatformName)]
    platform: Platform,
    #[schema(example = "1029")]
    account_id: String,
    /// The platform's own id.
    #[schema(example = "1178")]
    campaign_id: String,
    #[schema(example = "Spring sale")]
    name: String,
    /// In the platform's words; null where it is not known.
    #[serde(rename = "type")]
    #[schema(example = "OUTCOME_SALES")]
    kind: Option<String>,
    /// In the platform's words; null where it is not known.
    #[schema(example = "ACTIVE")]
    status: Option<String>,
    /// Per day, in the account's currency; null where the campaign has none of its own.
    #[schema(example = "250")]
    budget: Option<Decimal>,
}

impl From<Campaign> for CampaignOut {
    fn from(campaign: Campaign) -> Self {
        Self {
            id: campaign.key.to_string(),
            platform: campaign.key.platform,
            account_id: campaign.key.account_id,
            campaign_id: campaign.key.campaign_id,
            name: campaign.name,
            kind: campaign.kind,
            status: campaign.status,
            budget: campaign.budget,
        }
    }
}

/// A campaign with its totals in the range.
#[derive(Serialize, ToSchema)]
pub(crate) struct CampaignTotals {
    #[serde(flatten)]
    campaign: CampaignOut,
    #[schema(value_type = String, example = "USD")]
    currency_code: CurrencyCode,
    #[serde(flatten)]
    figures: AdFiguresOut,
}

impl From<CampaignRow> for CampaignTotals {
    fn from(row: CampaignRow) -> Self {
        Self {
            campaign: row.campaign.into(),
            currency_code: row.currency,
            figures: row.figures.into(),
        }
    }
}

/// Where the figures come from.
#[derive(Serialize, ToSchema)]
pub(crate) struct Meta {
    /// Raised by each publish; also in the `etag`.
    #[schema(example = 42)]
    data_version: i64,
    /// When the newest of the tenant's figures were read from a platform; null before the first.
    fresh_at: Option<DateTime<Utc>>,
    /// The tenant's, on whose calendar a range without `to` ends today.
    #[schema(value_type = String, example = "Europe/Berlin")]
    time_zone: Tz,
    quality: QualityOut,
}

/// What platforms said themselves about the completeness of figures in the range.
#[derive(Serialize, ToSchema)]
#[schema(as = Quality)]
struct QualityOut {
    /// No platform reported anything incomplete.
    complete: bool,
    /// One for each platform that did.
    flags: Vec<QualityFlags>,
}

#[derive(Serialize, ToSchema)]
#[expect(clippy::struct_excessive_bools, reason = "four independent flags that a platform sends")]
struct QualityFlags {
    #[schema(value_type = PlatformName)]
    platform: Platform,
    /// How many days of the range are affected.
    days: u32,
    /// Estimated from a sample.
    sampled: bool,
    /// Rows about few people were withheld.
    thresholded: bool,
    /// Rare values were folded into an "(other)" row.
    other_row: bool,
    /// The platform cut its answer short.
    truncated: bool,
}

impl Meta {
    /// Parts an answer into its figures and where they come from.
    pub(crate) fn part<T>(served: Served<T>, time_zone: Tz) -> (Self, T) {
        let flags: Vec<_> = served.quality.into_iter().map(QualityFlags::from).collect();
        let meta = Self {
            data_version: served.data_version,
            fresh_at: served.fresh_at,
            time_zone,
            quality: QualityOut { complete: flags.is_empty(), flags },
        };
        (meta, served.figures)
    }
}

impl From<PlatformQuality> for QualityFlags {
    fn from(PlatformQuality { platform, days, quality }: PlatformQuality) -> Self {
        Self {
            platform,
            days,
            sampled: quality.sampled,
            thresholded: quality.thresholded,
            other_row: quality.other_row,
            truncated: quality.truncated,
        }
    }
}

/// Each row in its shape of an answer.
pub(crate) fn each<A: Into<B>, B>(rows: Vec<A>) -> Vec<B> {
    rows.into_iter().map(Into::into).collect()
}
