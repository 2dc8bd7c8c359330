use domain::TenantScope;
use domain::ports::{Granularity, Metrics, MetricsQuery, Served, StoreError};
use sqlx::types::Json;

use super::rows::{AdSums, PlatformSums, QualitySums, WebSums, all, rows_and_totals};
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
    let (ads, ad_totals) = rows_and_totals(row.ads.0)?;
    let (web, web_totals) = rows_and_totals(row.web.0)?;
    Ok(Served {
        data_version: row.data_version,
        fresh_at: row.fresh_at,
        quality: all(row.quality.0),
        figures: Metrics { ads, ad_totals, web, web_totals },
    })
}
