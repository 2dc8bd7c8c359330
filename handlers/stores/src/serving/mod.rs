//! Published figures as the API reads them.
//!
//! Each answer is one statement, hence one snapshot: the data version that it names is the one
//! that its figures belong to.

mod campaigns;
mod metrics;
mod overview;
mod performance;
mod records;
mod rows;
#[cfg(test)]
mod tests;

use async_trait::async_trait;
use chrono_tz::Tz;
use domain::TenantScope;
use domain::ports::{
    CampaignPage, CampaignsQuery, Metrics, MetricsQuery, Overview, OverviewQuery, Performance,
    PerformanceQuery, Platforms, Served, Serving, StoreError,
};
use sqlx::{Postgres, Transaction};

use crate::{ScopedPool, unavailable};

/// [`Serving`] from the tables of schema `serving`, as the api role.
#[derive(Clone, Debug)]
pub struct PostgresServing(ScopedPool);

const WHAT: &str = "the store of published figures";

impl PostgresServing {
    pub fn new(pool: ScopedPool) -> Self {
        Self(pool)
    }
}

#[async_trait]
impl Serving for PostgresServing {
    async fn data_version(&self) -> Result<i64, StoreError> {
        sqlx::query_scalar!("select version from serving.data_version")
            .fetch_one(self.0.without_tenant())
            .await
            .map_err(|error| unavailable("the data version", error))
    }

    async fn time_zone(&self, scope: &TenantScope) -> Result<Tz, StoreError> {
        let mut transaction = self.0.begin(scope).await?;
        let zone = sqlx::query_scalar!(
            "select time_zone from app.tenants where id = $1",
            scope.tenant().uuid()
        )
        .fetch_one(&mut *transaction)
        .await
        .map_err(|error| unavailable("the tenant", error))?;
        finish(transaction).await?;
        zone.parse().map_err(|error: chrono_tz::ParseError| StoreError::Corrupt {
            what: "the tenant's time zone",
            source: Box::new(error),
        })
    }

    async fn metrics(
        &self,
        scope: &TenantScope,
        query: &MetricsQuery,
    ) -> Result<Served<Metrics>, StoreError> {
        metrics::read(&self.0, scope, query).await
    }

    async fn campaigns(
        &self,
        scope: &TenantScope,
        query: &CampaignsQuery,
    ) -> Result<Served<CampaignPage>, StoreError> {
        campaigns::read(&self.0, scope, query).await
    }

    async fn campaign_performance(
        &self,
        scope: &TenantScope,
        query: &PerformanceQuery,
    ) -> Result<Served<Performance>, StoreError> {
        performance::read(&self.0, scope, query).await
    }

    async fn overview(
        &self,
        scope: &TenantScope,
        query: &OverviewQuery,
    ) -> Result<Served<Overview>, StoreError> {
        overview::read(&self.0, scope, query).await
    }
}

/// Ends a transaction that only read.
async fn finish(transaction: Transaction<'static, Postgres>) -> Result<(), StoreError> {
    transaction.commit().await.map_err(|error| unavailable(WHAT, error))
}

/// The codes to filter by; `None` for every platform.
fn codes(platforms: &Platforms) -> Option<Vec<String>> {
    let codes = platforms.iter().map(|platform| platform.code().to_owned());
    (!platforms.is_empty()).then(|| codes.collect())
}
