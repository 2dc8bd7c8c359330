use domain::TenantScope;
use domain::ports::{CampaignOrder, CampaignPage, CampaignRow, CampaignsQuery, Served, StoreError};
use sqlx::types::Json;

use super::rows::{AdSums, CampaignSums, CurrencySums, QualitySums, all};
use super::{WHAT, codes, finish};
use crate::{ScopedPool, unavailable};

pub(super) async fn read(
    pool: &ScopedPool,
    scope: &TenantScope,
    query: &CampaignsQuery,
) -> Result<Served<CampaignPage>, StoreError> {
    let platforms = codes(&query.platforms);
    let after = query.after.as_ref();
    let after_key = after.map(|position| position.key.to_string());
    let after_currency = after.map(|position| position.currency.to_string());
    let mut transaction = pool.begin(scope).await?;
    let row = sqlx::query_file!(
        "src/serving/campaigns.sql",
        scope.tenant().uuid(),
        query.range.first(),
        query.range.last(),
        platforms.as_deref(),
        query.include_idle,
        query.order == CampaignOrder::Cost,
        after_key,
        after_currency,
        after.map(|position| position.cost),
        // One more than asked for says whether there is another page.
        i64::from(query.limit) + 1,
    )
    .fetch_one(&mut *transaction)
    .await
    .map_err(|error| unavailable(WHAT, error))?;
    finish(transaction).await?;
    let limit = usize::from(query.limit);
    let has_more = row.campaigns.0.len() > limit;
    let campaigns = row.campaigns.0.into_iter().take(limit).map(CampaignRow::try_from);
    Ok(Served {
        data_version: row.data_version,
        fresh_at: row.fresh_at,
        quality: all(row.quality.0),
        figures: CampaignPage {
            campaigns: campaigns.collect::<Result<_, _>>()?,
            totals: all(row.totals.0),
            has_more,
        },
    })
}
