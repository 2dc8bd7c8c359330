use chrono::NaiveDate;
use domain::ports::{
    Granularity, InCurrency, Metrics, MetricsQuery, PlatformRow, Served, StoreError,
};
use domain::{AdFigures, CurrencyCode, DateRange, Platform, TenantScope, WebFigures};
use sqlx::types::Json;

use super::records::{ad_figures, currency, each, platform, web_figures};
use super::rows::{QualitySums, all, corrupt};
use super::{WHAT, codes, finish};
use crate::{ScopedPool, unavailable};

pub(super) async fn read(
    pool: &ScopedPool,
    scope: &TenantScope,
    query: &MetricsQuery,
) -> Result<Served<Metrics>, StoreError> {
    let platforms = codes(&query.platforms);
    let mut transaction = pool.begin(scope).await?;
    let row = sqlx::query_file!(
        "src/serving/metrics.sql",
        scope.tenant().uuid(),
        query.range.first(),
        query.range.last(),
        platforms.as_deref(),
        query.granularity == Granularity::Day,
    )
    .fetch_one(&mut *transaction)
    .await
    .map_err(|error| unavailable(WHAT, error))?;
    finish(transaction).await?;
    let (ads, ad_totals) = rows_and_totals(each(row.ads)?)?;
    let (web, web_totals) = rows_and_totals(each(row.web)?)?;
    Ok(Served {
        data_version: row.data_version,
        fresh_at: row.fresh_at,
        quality: all(row.quality.0),
        figures: Metrics { ads, ad_totals, web, web_totals },
    })
}

/// Sums of one platform, or of all where it is left out.
struct PlatformSums<F> {
    first: NaiveDate,
    last: NaiveDate,
    platform: Option<Platform>,
    currency: CurrencyCode,
    figures: F,
}

/// In the order of the query's columns.
type AdRecord =
    (NaiveDate, NaiveDate, Option<String>, String, i64, i64, String, String, Option<String>);

type WebRecord = (NaiveDate, NaiveDate, Option<String>, String, i64, i64, String, String);

impl TryFrom<AdRecord> for PlatformSums<AdFigures> {
    type Error = StoreError;

    fn try_from(record: AdRecord) -> Result<Self, StoreError> {
        let (first, last, code, unit, impressions, clicks, cost, conversions, value) = record;
        Ok(Self {
            first,
            last,
            platform: code.as_deref().map(platform).transpose()?,
            currency: currency(&unit)?,
            figures: ad_figures(impressions, clicks, &(cost, conversions, value))?,
        })
    }
}

impl TryFrom<WebRecord> for PlatformSums<WebFigures> {
    type Error = StoreError;

    fn try_from(record: WebRecord) -> Result<Self, StoreError> {
        let (first, last, code, unit, sessions, engaged_sessions, key_events, revenue) = record;
        Ok(Self {
            first,
            last,
            platform: code.as_deref().map(platform).transpose()?,
            currency: currency(&unit)?,
            figures: web_figures(sessions, engaged_sessions, &(key_events, revenue))?,
        })
    }
}

type RowsAndTotals<F> = (Vec<PlatformRow<F>>, Vec<InCurrency<F>>);

/// Parts the rows of platforms from the totals.
fn rows_and_totals<F>(sums: Vec<PlatformSums<F>>) -> Result<RowsAndTotals<F>, StoreError> {
    let (mut rows, mut totals) = (Vec::with_capacity(sums.len()), Vec::new());
    for PlatformSums { first, last, platform, currency, figures } in sums {
        match platform {
            Some(platform) => {
                let days = DateRange::new(first, last).map_err(corrupt)?;
                rows.push(PlatformRow { days, platform, currency, figures });
            }
            None => totals.push(InCurrency { currency, figures }),
        }
    }
    Ok((rows, totals))
}
