//! The reading side, on a connection of the `miq_transform` role.
//!
//! PostgreSQL runs what a view, a function or a policy calls with the rights of whoever reads.
//! dbt and its packages write the marts; so it is their own role that reads them, and never one
//! that may touch the application's tables. What leaves this connection is text in COPY's format.

use domain::ports::StoreError;
use futures_util::TryStreamExt;
use sqlx::pool::PoolConnection;
use sqlx::{PgConnection, PgPool, Postgres};

use super::relations::Window;
use super::staging::Staging;

/// The text that is gathered before it is passed on.
const PASS_ON_AT: usize = 1 << 20;

/// One snapshot, in which no load and no build moves. It may write nothing but temporary tables.
const BEGIN: &str = "begin isolation level repeatable read, read only";

/// The windows that changed after $1, up to $2.
const FIND_DAYS: &str = "
insert into pg_temp.changed_days
select distinct tenant_id, platform, account_id, date
from marts.day_changes
where change > $1 and change <= $2";

/// Whoever has a new extraction, of days or of a snapshot, or new settings, and how fresh the
/// tenant's days are.
const FIND_TENANTS: &str = "
insert into pg_temp.changed_tenants
select
    changed.tenant_id,
    (
        select max(d.extracted_at) from raw.covered_days as d
        where d.tenant_id = changed.tenant_id and d.change <= $2
    )
from (
    select tenant_id from raw.extractions where change > $1 and change <= $2
    union
    select tenant_id from raw.tenant_settings where change > $1 and change <= $2
) as changed";

const ANALYZE: &str = "analyze pg_temp.changed_days, pg_temp.changed_tenants";

/// What changed in the marts, as it stood when it was asked for.
pub(super) struct Marts(PoolConnection<Postgres>);

impl Marts {
    /// Finds the windows that changed after `from`, up to `to`; `None` if none did.
    pub(super) async fn open(
        transform: &PgPool,
        from: i64,
        to: i64,
    ) -> Result<Option<Self>, StoreError> {
        let mut connection = transform.acquire().await.map_err(unavailable)?;
        // A COPY that ends early leaves a connection out of step, and the marts' own code may do
        // to the session what it likes: nobody else gets it.
        connection.close_on_drop();
        for statement in [Window::Day.create(), Window::Tenant.create(), BEGIN] {
            sqlx::query(statement).execute(&mut *connection).await.map_err(unavailable)?;
        }
        let mut found = 0;
        for statement in [FIND_DAYS, FIND_TENANTS] {
            let inserted = sqlx::query(statement).bind(from).bind(to).execute(&mut *connection);
            found += inserted.await.map_err(unavailable)?.rows_affected();
        }
        sqlx::query(ANALYZE).execute(&mut *connection).await.map_err(unavailable)?;
        Ok((found > 0).then_some(Self(connection)))
    }

    /// Passes on what `copy_out` selects to the staging table that `copy_in` names, and answers
    /// how many rows that were. At no time is more held than [`PASS_ON_AT`] and a row.
    pub(super) async fn pass_on(
        &mut self,
        copy_out: &str,
        staging: &mut Staging<'_>,
        copy_in: &str,
    ) -> Result<u64, StoreError> {
        let connection: &mut PgConnection = &mut self.0;
        let mut rows = connection.copy_out_raw(copy_out).await.map_err(unavailable)?;
        let mut pending = Vec::with_capacity(PASS_ON_AT);
        let mut passed_on = 0;
        // The server sends each row as a message of its own.
        while let Some(row) = rows.try_next().await.map_err(unavailable)? {
            pending.extend_from_slice(&row);
            if pending.len() >= PASS_ON_AT {
                passed_on += staging.receive(copy_in, &pending).await?;
                pending.clear();
            }
        }
        Ok(passed_on + staging.receive(copy_in, &pending).await?)
    }
}

fn unavailable(error: sqlx::Error) -> StoreError {
    crate::unavailable("the store of marts", error)
}
