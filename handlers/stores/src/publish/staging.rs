//! The writing side, in a transaction of the `miq_app` role.
//!
//! **Invariant:** nothing here reads what `miq_transform` owns, and no name is looked up outside
//! of PostgreSQL's own catalog. What arrives is data: COPY holds it to the columns' types, and
//! only windows of tenants that exist are replaced by it.

use domain::ports::StoreError;
use sqlx::{AssertSqlSafe, Postgres, SqlSafeStr, Transaction};

use super::relations::{RELATIONS, Window};
use super::unavailable;

/// What will be replaced.
#[derive(sqlx::FromRow)]
pub(super) struct Windows {
    pub(super) days: i64,
    pub(super) tenants: i64,
}

/// Rows that were received and are not yet served.
pub(super) struct Staging<'t>(&'t mut Transaction<'static, Postgres>);

const SEARCH_PATH: &str = "set local search_path to pg_catalog, pg_temp";

const ANALYZE: &str = "analyze pg_temp.changed_days, pg_temp.changed_tenants";

const COUNT: &str = "
select
    (select count(*) from pg_temp.changed_days) as days,
    (select count(*) from pg_temp.changed_tenants) as tenants";

const SET_FRESHNESS: &str = "
insert into serving.tenant_freshness as s (tenant_id, fresh_at)
select tenant_id, fresh_at from pg_temp.changed_tenants where fresh_at is not null
on conflict (tenant_id) do update set fresh_at = greatest(s.fresh_at, excluded.fresh_at)";

impl<'t> Staging<'t> {
    pub(super) async fn begin(
        tx: &'t mut Transaction<'static, Postgres>,
    ) -> Result<Self, StoreError> {
        let mut staging = Self(tx);
        staging.execute(SEARCH_PATH).await?;
        for window in [Window::Day, Window::Tenant] {
            staging.execute(AssertSqlSafe(format!("{} on commit drop", window.create()))).await?;
        }
        for relation in &RELATIONS {
            staging.execute(AssertSqlSafe(relation.create_staging())).await?;
        }
        Ok(staging)
    }

    /// Takes whole rows in COPY's text format. Answers how many they were.
    pub(super) async fn receive(&mut self, copy_in: &str, rows: &[u8]) -> Result<u64, StoreError> {
        if rows.is_empty() {
            return Ok(0);
        }
        let mut copy = self.0.copy_in_raw(copy_in).await.map_err(unavailable)?;
        copy.send(rows).await.map_err(unavailable)?;
        copy.finish().await.map_err(unavailable)
    }

    /// Once the windows have been received, and before their rows are: drops those of tenants
    /// that do not exist.
    pub(super) async fn keep_known_tenants(&mut self) -> Result<Windows, StoreError> {
        let mut strangers = 0;
        for window in [Window::Day, Window::Tenant] {
            strangers += self.execute(AssertSqlSafe(window.keep_known_tenants())).await?;
        }
        if strangers > 0 {
            tracing::warn!(
                windows = strangers,
                "the marts hold figures of tenants that do not exist; they are not published"
            );
        }
        self.execute(ANALYZE).await?;
        sqlx::query_as::<_, Windows>(COUNT).fetch_one(&mut **self.0).await.map_err(unavailable)
    }

    /// Puts what was received in the place of what is served. Answers how many facts that were.
    pub(super) async fn serve(mut self) -> Result<u64, StoreError> {
        let mut facts = 0;
        for relation in &RELATIONS {
            self.execute(AssertSqlSafe(relation.forget())).await?;
            let rows = self.execute(AssertSqlSafe(relation.put())).await?;
            if let Some(sums) = &relation.sums {
                facts += rows;
                self.execute(AssertSqlSafe(relation.by.forget(sums.table))).await?;
                self.execute(AssertSqlSafe(sums.put(&relation.staged()))).await?;
            }
        }
        self.execute(SET_FRESHNESS).await?;
        Ok(facts)
    }

    async fn execute(&mut self, statement: impl SqlSafeStr) -> Result<u64, StoreError> {
        let done = sqlx::query(statement).execute(&mut **self.0).await.map_err(unavailable)?;
        Ok(done.rows_affected())
    }
}
