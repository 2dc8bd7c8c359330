use std::collections::BTreeMap;

use chrono::NaiveDate;
use domain::ports::{
    CampaignRow, Compared, DayRow, InCurrency, Overview, OverviewQuery, PlatformOverview, Served,
    StoreError,
};
use domain::{AdFigures, CurrencyCode, Platform, TenantScope, WebFigures};
use sqlx::types::Json;

use super::records::{ad_figures, currency, each, platform, web_figures};
use super::rows::{CampaignSums, QualitySums, all};
use super::{WHAT, finish};
use crate::{ScopedPool, unavailable};

pub(super) async fn read(
    pool: &ScopedPool,
    scope: &TenantScope,
    query: &OverviewQuery,
) -> Result<Served<Overview>, StoreError> {
    let mut transaction = pool.begin(scope).await?;
    let row = sqlx::query_file!(
        "src/serving/overview.sql",
        scope.tenant().uuid(),
        query.range.first(),
        query.range.last(),
        query.previous.first(),
        i64::from(query.top),
    )
    .fetch_one(&mut *transaction)
    .await
    .map_err(|error| unavailable(WHAT, error))?;
    finish(transaction).await?;
    let (ads, ad_totals) = by_platform(each(row.ads)?);
    let (web, web_totals) = by_platform(each(row.web)?);
    let top_campaigns = row.top.0.into_iter().map(CampaignRow::try_from);
    Ok(Served {
        data_version: row.data_version,
        fresh_at: row.fresh_at,
        quality: all(row.quality.0),
        figures: Overview {
            ads,
            ad_totals,
            web,
            web_totals,
            top_campaigns: top_campaigns.collect::<Result<_, _>>()?,
        },
    })
}

/// A day of the current period, or, without a date, either period as a whole: of a platform, or,
/// without one, of all.
struct PeriodSums<F> {
    date: Option<NaiveDate>,
    platform: Option<Platform>,
    currency: CurrencyCode,
    current: bool,
    figures: F,
}

/// In the order of the query's columns.
type AdRecord =
    (Option<NaiveDate>, Option<String>, String, bool, i64, i64, String, String, Option<String>);

type WebRecord = (Option<NaiveDate>, Option<String>, String, bool, i64, i64, String, String);

impl TryFrom<AdRecord> for PeriodSums<AdFigures> {
    type Error = StoreError;

    fn try_from(record: AdRecord) -> Result<Self, StoreError> {
        let (date, code, unit, current, impressions, clicks, cost, conversions, value) = record;
        Ok(Self {
            date,
            platform: code.as_deref().map(platform).transpose()?,
            currency: currency(&unit)?,
            current,
            figures: ad_figures(impressions, clicks, &(cost, conversions, value))?,
        })
    }
}

impl TryFrom<WebRecord> for PeriodSums<WebFigures> {
    type Error = StoreError;

    fn try_from(record: WebRecord) -> Result<Self, StoreError> {
        let (date, code, unit, current, sessions, engaged_sessions, key_events, revenue) = record;
        Ok(Self {
            date,
            platform: code.as_deref().map(platform).transpose()?,
            currency: currency(&unit)?,
            current,
            figures: web_figures(sessions, engaged_sessions, &(key_events, revenue))?,
        })
    }
}

type ByPlatform<F> = (Vec<PlatformOverview<F>>, Vec<InCurrency<Compared<F>>>);

fn by_platform<F: Default>(sums: Vec<PeriodSums<F>>) -> ByPlatform<F> {
    let mut platforms: BTreeMap<_, (Compared<F>, Vec<DayRow<F>>)> = BTreeMap::new();
    let mut totals: BTreeMap<_, Compared<F>> = BTreeMap::new();
    for PeriodSums { date, platform, currency, current, figures } in sums {
        let compared = match (platform, date) {
            (Some(platform), Some(date)) => {
                let (_, days) = platforms.entry((platform, currency)).or_default();
                days.push(DayRow { date, currency, figures });
                continue;
            }
            (Some(platform), None) => &mut platforms.entry((platform, currency)).or_default().0,
            (None, _) => totals.entry(currency).or_default(),
        };
        if current {
            compared.current = figures;
        } else {
            compared.previous = figures;
        }
    }
    let platforms = platforms.into_iter().map(|((platform, currency), (figures, days))| {
        PlatformOverview { platform, currency, figures, days }
    });
    let totals = totals.into_iter().map(|(currency, figures)| InCurrency { currency, figures });
    (platforms.collect(), totals.collect())
}
