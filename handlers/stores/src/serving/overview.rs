use std::collections::BTreeMap;

use chrono::NaiveDate;
use domain::ports::{
    CampaignRow, Compared, DayRow, InCurrency, Overview, OverviewQuery, PlatformOverview, Served,
    StoreError,
};
use domain::{CurrencyCode, Platform, TenantScope};
use serde::Deserialize;
use sqlx::types::Json;

use super::rows::{AdSums, CampaignSums, QualitySums, WebSums, all};
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
    let (ads, ad_totals) = by_platform(row.ads.0);
    let (web, web_totals) = by_platform(row.web.0);
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
#[derive(Debug, Deserialize)]
struct PeriodSums<S> {
    date: Option<NaiveDate>,
    platform: Option<Platform>,
    currency_code: CurrencyCode,
    current: bool,
    figures: S,
}

type ByPlatform<F> = (Vec<PlatformOverview<F>>, Vec<InCurrency<Compared<F>>>);

fn by_platform<S, F: From<S> + Default>(sums: Vec<PeriodSums<S>>) -> ByPlatform<F> {
    let mut platforms: BTreeMap<_, (Compared<F>, Vec<DayRow<F>>)> = BTreeMap::new();
    let mut totals: BTreeMap<_, Compared<F>> = BTreeMap::new();
    for sum in sums {
        let (currency, figures) = (sum.currency_code, sum.figures.into());
        let compared = match (sum.platform, sum.date) {
            (Some(platform), Some(date)) => {
                let (_, days) = platforms.entry((platform, currency)).or_default();
                days.push(DayRow { date, currency, figures });
                continue;
            }
            (Some(platform), None) => &mut platforms.entry((platform, currency)).or_default().0,
            (None, _) => totals.entry(currency).or_default(),
        };
        if sum.current {
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
