use std::time::Duration;

use async_trait::async_trait;
use domain::ports::{Build, BuildClaim, BuildFailure, BuildStore, StoreError, TenantSettings};
use sqlx::PgPool;
use uuid::Uuid;

/// On the pool of the `miq_app` role.
#[derive(Clone, Debug)]
pub struct PostgresBuilds(PgPool);

impl PostgresBuilds {
    pub fn new(app: PgPool) -> Self {
        Self(app)
    }
}

#[async_trait]
impl BuildStore for PostgresBuilds {
    async fn forgotten_request(&self, quiet: Duration) -> Result<Option<i64>, StoreError> {
        sqlx::query_scalar!(
            "select requested from app.build_state
            where
                requested > built and (lease_until is null or lease_until < now())
                and not exists (
                    select from app.builds where started_at > now() - make_interval(secs => $1)
                )",
            quiet.as_secs_f64(),
        )
        .fetch_optional(&self.0)
        .await
        .map_err(unavailable)
    }

    async fn begin(&self, lease: Duration) -> Result<BuildClaim, StoreError> {
        let id = Uuid::now_v7();
        let mut tx = self.0.begin().await.map_err(unavailable)?;
        let request = sqlx::query_scalar!(
            "update app.build_state
            set holder = $1, lease_until = now() + make_interval(secs => $2)
            where requested > built and (lease_until is null or lease_until < now())
            returning requested",
            id,
            lease.as_secs_f64(),
        )
        .fetch_optional(&mut *tx)
        .await
        .map_err(unavailable)?;
        let Some(request) = request else {
            // Gives the connection back first: there may be no other.
            tx.rollback().await.map_err(unavailable)?;
            return self.why_not().await;
        };
        sqlx::query!(
            "update app.builds
            set
                state = 'failed', finished_at = now(),
                error_message = 'whoever built it stopped without a word'
            where state = 'running'"
        )
        .execute(&mut *tx)
        .await
        .map_err(unavailable)?;
        sqlx::query!(
            "insert into app.builds (id, request, state) values ($1, $2, 'running')",
            id,
            request,
        )
        .execute(&mut *tx)
        .await
        .map_err(unavailable)?;
        let published_change = sqlx::query_scalar!("select change from serving.data_version")
            .fetch_one(&mut *tx)
            .await
            .map_err(unavailable)?;
        tx.commit().await.map_err(unavailable)?;
        Ok(BuildClaim::Begun(Build { id, request, published_change }))
    }

    async fn renew(&self, build: &Build, lease: Duration) -> Result<bool, StoreError> {
        let renewed = sqlx::query!(
            "update app.build_state set lease_until = now() + make_interval(secs => $2)
            where holder = $1",
            build.id,
            lease.as_secs_f64(),
        )
        .execute(&self.0)
        .await
        .map_err(unavailable)?;
        Ok(renewed.rows_affected() == 1)
    }

    async fn fail(&self, build: &Build, failure: &BuildFailure) -> Result<(), StoreError> {
        let mut tx = self.0.begin().await.map_err(unavailable)?;
        sqlx::query!(
            "update app.build_state set holder = null, lease_until = null where holder = $1",
            build.id,
        )
        .execute(&mut *tx)
        .await
        .map_err(unavailable)?;
        sqlx::query!(
            "update app.builds
            set
                state = 'failed', finished_at = now(), failed_node = $2, error_message = $3,
                transform_ms = $4
            where id = $1 and state = 'running'",
            build.id,
            failure.node,
            failure.message,
            crate::publish::milliseconds(failure.transform),
        )
        .execute(&mut *tx)
        .await
        .map_err(unavailable)?;
        tx.commit().await.map_err(unavailable)
    }

    async fn tenant_settings(&self) -> Result<Vec<TenantSettings>, StoreError> {
        let rows = sqlx::query!(
            r#"select
                id, time_zone, reporting_currency as "reporting_currency!: String",
                meta_conversion_actions
            from app.tenants order by id"#
        )
        .fetch_all(&self.0)
        .await
        .map_err(unavailable)?;
        rows.into_iter()
            .map(|row| {
                Ok(TenantSettings {
                    tenant: row.id.into(),
                    time_zone: row.time_zone.parse().map_err(corrupt)?,
                    reporting_currency: row.reporting_currency.parse().map_err(corrupt)?,
                    meta_conversion_actions: row.meta_conversion_actions,
                })
            })
            .collect()
    }
}

impl PostgresBuilds {
    async fn why_not(&self) -> Result<BuildClaim, StoreError> {
        let state = sqlx::query!(
            r#"select
                b.requested > b.built as "requested!", v.version,
                extract(epoch from b.lease_until - now())::float8 as lease
            from app.build_state as b cross join serving.data_version as v"#
        )
        .fetch_one(&self.0)
        .await
        .map_err(unavailable)?;
        if !state.requested {
            return Ok(BuildClaim::UpToDate { data_version: state.version });
        }
        let lease = state.lease.unwrap_or(0.0).max(0.0);
        Ok(BuildClaim::Busy(Duration::try_from_secs_f64(lease).map_err(corrupt)?))
    }
}

const BUILDS: &str = "the store of builds";

fn unavailable(error: sqlx::Error) -> StoreError {
    crate::unavailable(BUILDS, error)
}

fn corrupt(error: impl Into<domain::ports::BoxError>) -> StoreError {
    StoreError::Corrupt { what: BUILDS, source: error.into() }
}
