//! From the marts to the serving tables: read as `miq_transform`, written as `miq_app`.
//!
//! **Invariant:** one transaction, which also gives the right to build back. If that right was
//! lost, or anything else fails, nothing was published. And a publisher that is lost in the middle
//! does not keep the next from publishing: [`Patience`].
//!
//! The marts' own tables come and go with dbt, so that these statements cannot be checked
//! against them when this crate is compiled; the dbt project's contracts and the tests that run
//! both hold them together.

mod day_sums;
mod marts;
mod relations;
mod staging;
#[cfg(test)]
mod tests;

use std::time::Duration;

use async_trait::async_trait;
use domain::ports::{Build, Published, Publisher, StoreError};
use sqlx::{PgPool, Postgres, Transaction};
use uuid::Uuid;

use crate::database::Patience;
use marts::Marts;
use relations::{RELATIONS, Window};
use staging::Staging;

#[cfg(feature = "testing")]
pub(crate) use day_sums::recount;

#[derive(Clone, Debug)]
pub struct PostgresPublisher {
    app: PgPool,
    transform: PgPool,
    patience: Patience,
}

impl PostgresPublisher {
    /// `app` signs in as `miq_app` and writes, `transform` as `miq_transform` and reads.
    pub fn new(app: PgPool, transform: PgPool) -> Self {
        Self { app, transform, patience: Patience::USUAL }
    }
}

#[async_trait]
impl Publisher for PostgresPublisher {
    async fn publish(
        &self,
        build: &Build,
        through_change: i64,
        transform: Duration,
    ) -> Result<Published, StoreError> {
        let started = tokio::time::Instant::now();
        let mut tx = self.patience.begin(&self.app).await.map_err(unavailable)?;
        let served = lock_version(&mut tx).await?;
        let copied = copy(&self.transform, &mut tx, served.change, through_change).await?;
        let data_version = if copied.changed { served.version + 1 } else { served.version };
        if copied.changed {
            set_version(&mut tx, data_version, through_change).await?;
        }
        let runs = lock_runs(&mut tx, build).await?;
        let more_requested = give_back(&mut tx, build).await?;
        let timing = (transform, started.elapsed());
        record(&mut tx, build, data_version, timing).await?;
        record_at_runs(&mut tx, &runs, data_version).await?;
        tx.commit().await.map_err(unavailable)?;
        Ok(Published { data_version, days: copied.days, rows: copied.rows, more_requested })
    }
}

struct Served {
    version: i64,
    change: i64,
}

/// What was copied.
struct Copied {
    /// Whether anything at all changed, be it only that a day was read again.
    changed: bool,
    days: u64,
    rows: u64,
}

async fn copy(
    transform: &PgPool,
    tx: &mut Transaction<'static, Postgres>,
    from: i64,
    to: i64,
) -> Result<Copied, StoreError> {
    let Some(mut marts) = Marts::open(transform, from, to).await? else {
        return Ok(Copied { changed: false, days: 0, rows: 0 });
    };
    let mut staging = Staging::begin(tx).await?;
    for window in [Window::Day, Window::Tenant] {
        marts.pass_on(&window.copy_out(), &mut staging, &window.copy_in()).await?;
    }
    let windows = staging.keep_known_tenants().await?;
    for relation in &RELATIONS {
        marts.pass_on(&relation.copy_out(), &mut staging, &relation.copy_in()).await?;
    }
    drop(marts);
    let rows = staging.serve().await?;
    Ok(Copied {
        changed: windows.days + windows.tenants > 0,
        days: windows.days.unsigned_abs(),
        rows,
    })
}

/// Two publishers never run side by side.
async fn lock_version(tx: &mut Transaction<'static, Postgres>) -> Result<Served, StoreError> {
    sqlx::query_as!(Served, "select version, change from serving.data_version for update")
        .fetch_one(&mut **tx)
        .await
        .map_err(unavailable)
}

async fn set_version(
    tx: &mut Transaction<'static, Postgres>,
    version: i64,
    change: i64,
) -> Result<(), StoreError> {
    sqlx::query!(
        "update serving.data_version set version = $1, change = $2, published_at = now()",
        version,
        change,
    )
    .execute(&mut **tx)
    .await
    .map_err(unavailable)?;
    Ok(())
}

/// The runs that the build serves. Whoever reports a job holds its run and then asks for a
/// build, so the runs come before the row of requests here too. None is added later: all that
/// asked had committed when the build began.
async fn lock_runs(
    tx: &mut Transaction<'static, Postgres>,
    build: &Build,
) -> Result<Vec<Uuid>, StoreError> {
    sqlx::query_scalar!(
        "select id from app.etl_run_history
        where build_request <= $1 and data_version is null
        order by id
        for update",
        build.request,
    )
    .fetch_all(&mut **tx)
    .await
    .map_err(unavailable)
}

/// Late in the transaction, because the row that it locks is also the one in which runs ask for
/// builds. Answers whether one did since this build began.
async fn give_back(
    tx: &mut Transaction<'static, Postgres>,
    build: &Build,
) -> Result<bool, StoreError> {
    let requested = sqlx::query_scalar!(
        "update app.build_state set built = $2, holder = null, lease_until = null
        where holder = $1
        returning requested",
        build.id,
        build.request,
    )
    .fetch_optional(&mut **tx)
    .await
    .map_err(unavailable)?;
    let requested = requested.ok_or(StoreError::NotFound { what: "the right to publish" })?;
    Ok(requested > build.request)
}

async fn record(
    tx: &mut Transaction<'static, Postgres>,
    build: &Build,
    data_version: i64,
    (transform, publish): (Duration, Duration),
) -> Result<(), StoreError> {
    sqlx::query!(
        "update app.builds
        set
            state = 'published', finished_at = now(), data_version = $2, transform_ms = $3,
            publish_ms = $4
        where id = $1",
        build.id,
        data_version,
        milliseconds(transform),
        milliseconds(publish),
    )
    .execute(&mut **tx)
    .await
    .map_err(unavailable)?;
    Ok(())
}

async fn record_at_runs(
    tx: &mut Transaction<'static, Postgres>,
    runs: &[Uuid],
    data_version: i64,
) -> Result<(), StoreError> {
    sqlx::query!(
        "update app.etl_run_history set data_version = $2 where id = any($1)",
        runs,
        data_version,
    )
    .execute(&mut **tx)
    .await
    .map_err(unavailable)?;
    Ok(())
}

pub(crate) fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

fn unavailable(error: sqlx::Error) -> StoreError {
    crate::unavailable("the store of published figures", error)
}
