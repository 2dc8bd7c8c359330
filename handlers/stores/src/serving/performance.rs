use domain::TenantScope;
use domain::ports::{Performance, PerformanceQuery, Served, StoreError};
use sqlx::types::Json;

use super::rows::{AdSums, CurrencySums, DaySums, DimCampaign, QualitySums, all};
use super::{WHAT, finish};
use crate::{ScopedPool, unavailable};

pub(super) async fn read(
    pool: &ScopedPool,
    scope: &TenantScope,
    query: &PerformanceQuery,
) -> Result<Served<Performance>, StoreError> {
    let key = query.campaign.to_string();
    let mut transaction = pool.begin(scope).await?;
    let row = sqlx::query_file!(
        "src/serving/performance.sql",
        scope.tenant().uuid(),
        key,
        query.range.first(),
        query.range.last(),
        query.campaign.platform.code(),
        query.campaign.account_id,
    )
    .fetch_optional(&mut *transaction)
    .await
    .map_err(|error| unavailable(WHAT, error))?;
    finish(transaction).await?;
    let row = row.ok_or(StoreError::NotFound { what: "the campaign" })?;
    Ok(Served {
        data_version: row.data_version,
        fresh_at: row.fresh_at,
        quality: all(row.quality.0),
        figures: Performance {
            campaign: row.campaign.0.try_into()?,
            days: all(row.days.0),
            totals: all(row.totals.0),
        },
    })
}
