//! The embedded warehouse: raw tables in PostgreSQL, on the pool of the `miq_transform` role.
//!
//! **Invariant:** what a build has to pick up gets its change number under [`lock_changes`], in
//! the transaction that commits it. So the numbers are in the order of the commits, and whoever
//! has seen change *n* has seen all before it.

mod copy_text;
mod load;
mod settings;

use std::sync::Arc;

use async_trait::async_trait;
use domain::Extraction;
use domain::ports::{Load, StoreError, TenantSettings, Warehouse};
use sqlx::{PgPool, Postgres, Transaction};
use tokio::sync::Semaphore;

use crate::database::Patience;
use load::PostgresLoad;

/// Connections that loads leave to what a build asks for, where there are more than that.
const KEPT_FREE: u32 = 2;

#[derive(Clone, Debug)]
pub struct PostgresWarehouse {
    pool: PgPool,
    /// A load holds its connection until its end. More of them than connections would run into
    /// the pool's deadline; here they wait their turn.
    loads: Arc<Semaphore>,
}

impl PostgresWarehouse {
    pub fn new(transform: PgPool) -> Self {
        let connections = transform.options().get_max_connections();
        let at_once = usize::try_from(connections.saturating_sub(KEPT_FREE).max(1))
            .expect("a pool's size fits");
        Self { pool: transform, loads: Arc::new(Semaphore::new(at_once)) }
    }
}

#[async_trait]
impl Warehouse for PostgresWarehouse {
    async fn begin_load(
        &self,
        extraction: &Extraction,
    ) -> Result<Option<Box<dyn Load>>, StoreError> {
        let turn = Arc::clone(&self.loads).acquire_owned().await.expect("it is never closed");
        let load = PostgresLoad::begin(&self.pool, extraction, turn).await?;
        Ok(load.map(|load| Box::new(load) as Box<dyn Load>))
    }

    async fn set_tenants(&self, tenants: &[TenantSettings]) -> Result<(), StoreError> {
        let mut tx = Patience::USUAL.begin(&self.pool).await.map_err(unavailable)?;
        lock_changes(&mut tx).await?;
        settings::set(&mut tx, tenants).await?;
        tx.commit().await.map_err(unavailable)
    }

    async fn newest_change(&self) -> Result<i64, StoreError> {
        let mut tx = Patience::USUAL.begin(&self.pool).await.map_err(unavailable)?;
        lock_changes(&mut tx).await?;
        let change = sqlx::query_scalar!(
            r#"select greatest(
                (select coalesce(max(change), 0) from raw.extractions),
                (select coalesce(max(change), 0) from raw.tenant_settings)
            ) as "change!""#
        )
        .fetch_one(&mut *tx)
        .await
        .map_err(unavailable)?;
        tx.commit().await.map_err(unavailable)?;
        Ok(change)
    }
}

/// "miq chan" as a number: any constant that nothing else in the database locks.
const CHANGES_LOCK: i64 = 0x6d69_7120_6368_616e;

/// Whoever holds it is in a transaction of [`Patience`]: all loads and builds wait for this one.
async fn lock_changes(tx: &mut Transaction<'static, Postgres>) -> Result<(), StoreError> {
    sqlx::query("select pg_advisory_xact_lock($1)")
        .bind(CHANGES_LOCK)
        .execute(&mut **tx)
        .await
        .map_err(unavailable)?;
    Ok(())
}

fn unavailable(error: sqlx::Error) -> StoreError {
    crate::unavailable("the warehouse", error)
}
