use async_trait::async_trait;
use bytes::Bytes;
use domain::ports::{Load, StoreError};
use domain::{Extraction, StreamKind};
use sqlx::{AssertSqlSafe, PgPool, Postgres, Transaction};
use tokio::sync::OwnedSemaphorePermit;

use crate::database::Patience;

use super::copy_text::{COLUMNS, CopyText};
use super::{lock_changes, unavailable};

/// The COPY text that is gathered before it is sent.
const SEND_AT: usize = 1 << 20;

/// SQLSTATE.
const UNIQUE_VIOLATION: &str = "23505";

/// One transaction: nothing is seen before its end.
pub(super) struct PostgresLoad {
    tx: Transaction<'static, Postgres>,
    extraction: Extraction,
    text: CopyText,
    pending: Vec<u8>,
    /// Given back with the connection.
    _turn: OwnedSemaphorePermit,
}

impl PostgresLoad {
    pub(super) async fn begin(
        pool: &PgPool,
        extraction: &Extraction,
        turn: OwnedSemaphorePermit,
    ) -> Result<Option<Self>, StoreError> {
        let mut tx = Patience::USUAL.begin(pool).await.map_err(unavailable)?;
        // Two loads of one extraction: the second waits, and finds it loaded.
        sqlx::query("select pg_advisory_xact_lock(hashtextextended($1, 0))")
            .bind(extraction.path().to_string())
            .execute(&mut *tx)
            .await
            .map_err(unavailable)?;
        let loaded = sqlx::query_scalar!(
            r#"select exists (
                select from raw.extractions where job_id = $1 and attempt = $2
            ) as "loaded!""#,
            extraction.path().job.uuid(),
            attempt(extraction),
        )
        .fetch_one(&mut *tx)
        .await
        .map_err(unavailable)?;
        if loaded {
            return Ok(None);
        }
        let text = CopyText::new(extraction);
        let (extraction, pending) = (extraction.clone(), Vec::new());
        Ok(Some(Self { tx, extraction, text, pending, _turn: turn }))
    }

    async fn send(&mut self) -> Result<(), StoreError> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let table = self.extraction.stream().raw_table;
        let statement = format!("copy raw.{table} ({COLUMNS}) from stdin");
        let mut copy = self.tx.copy_in_raw(&statement).await.map_err(unavailable)?;
        copy.send(self.pending.as_slice()).await.map_err(unavailable)?;
        copy.finish().await.map_err(refused)?;
        self.pending.clear();
        Ok(())
    }
}

#[async_trait]
impl Load for PostgresLoad {
    async fn rows(&mut self, ndjson: Bytes) -> Result<(), StoreError> {
        self.text.append(&ndjson, &mut self.pending)?;
        if self.pending.len() >= SEND_AT {
            self.send().await?;
        }
        Ok(())
    }

    async fn commit(mut self: Box<Self>) -> Result<(), StoreError> {
        self.send().await?;
        // Held for the few statements that follow, not while rows are copied.
        lock_changes(&mut self.tx).await?;
        let change = sqlx::query_scalar!(r#"select nextval('raw.change_sequence') as "change!""#)
            .fetch_one(&mut *self.tx)
            .await
            .map_err(unavailable)?;
        record(&mut self.tx, &self.extraction, self.text.rows(), change).await?;
        match self.extraction.stream().kind {
            StreamKind::Daily => cover_days(&mut self.tx, &self.extraction, change).await?,
            StreamKind::Snapshot => {
                replace_snapshot(&mut self.tx, &self.extraction, change).await?;
            }
        }
        describe_account(&mut self.tx, &self.extraction).await?;
        delete_superseded(&mut self.tx, &self.extraction).await?;
        self.tx.commit().await.map_err(unavailable)
    }
}

async fn record(
    tx: &mut Transaction<'static, Postgres>,
    extraction: &Extraction,
    rows: u64,
    change: i64,
) -> Result<(), StoreError> {
    let (path, manifest) = (extraction.path(), extraction.manifest());
    sqlx::query!(
        "insert into raw.extractions (
            job_id, attempt, tenant_id, platform, account_id, account_name, account_time_zone,
            account_currency, stream, window_start, window_end, row_count, sampled, thresholded,
            other_row, truncated, manifest_path, started_at, extracted_at, change
        ) values (
            $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19,
            $20
        )",
        path.job.uuid(),
        attempt(extraction),
        path.tenant.uuid(),
        path.platform.code(),
        path.account_id,
        manifest.account_name,
        manifest.account_time_zone.name(),
        manifest.account_currency.as_str(),
        path.stream,
        manifest.window_start,
        manifest.window_end,
        i64::try_from(rows).unwrap_or(i64::MAX),
        manifest.quality.sampled,
        manifest.quality.thresholded,
        manifest.quality.other_row,
        manifest.quality.truncated,
        path.manifest(),
        manifest.started_at,
        manifest.finished_at,
        change,
    )
    .execute(&mut **tx)
    .await
    .map_err(unavailable)?;
    Ok(())
}

/// Each day of the window belongs to the extraction that started last, whether or not it has
/// rows of that day: one that began earlier may hold older figures, however late it finished. Of
/// two that started at once, the later job or attempt wins.
async fn cover_days(
    tx: &mut Transaction<'static, Postgres>,
    extraction: &Extraction,
    change: i64,
) -> Result<(), StoreError> {
    let (path, manifest) = (extraction.path(), extraction.manifest());
    sqlx::query!(
        "insert into raw.covered_days as c (
            tenant_id, platform, account_id, stream, day, job_id, attempt, started_at, extracted_at,
            change
        )
        select $1, $2, $3, $4, days.day::date, $7, $8, $9, $10, $11
        from generate_series($5::date::timestamp, $6::date::timestamp, interval '1 day')
            as days (day)
        on conflict (tenant_id, platform, account_id, stream, day) do update set
            job_id = excluded.job_id,
            attempt = excluded.attempt,
            started_at = excluded.started_at,
            extracted_at = excluded.extracted_at,
            change = excluded.change
        where
            (c.started_at, c.job_id, c.attempt)
            < (excluded.started_at, excluded.job_id, excluded.attempt)",
        path.tenant.uuid(),
        path.platform.code(),
        path.account_id,
        path.stream,
        manifest.window_start,
        manifest.window_end,
        path.job.uuid(),
        attempt(extraction),
        manifest.started_at,
        manifest.finished_at,
        change,
    )
    .execute(&mut **tx)
    .await
    .map_err(unavailable)?;
    Ok(())
}

async fn replace_snapshot(
    tx: &mut Transaction<'static, Postgres>,
    extraction: &Extraction,
    change: i64,
) -> Result<(), StoreError> {
    let (path, manifest) = (extraction.path(), extraction.manifest());
    sqlx::query!(
        "insert into raw.snapshots as s (
            tenant_id, platform, account_id, stream, job_id, attempt, started_at, extracted_at,
            change
        ) values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        on conflict (tenant_id, platform, account_id, stream) do update set
            job_id = excluded.job_id,
            attempt = excluded.attempt,
            started_at = excluded.started_at,
            extracted_at = excluded.extracted_at,
            change = excluded.change
        where
            (s.started_at, s.job_id, s.attempt)
            < (excluded.started_at, excluded.job_id, excluded.attempt)",
        path.tenant.uuid(),
        path.platform.code(),
        path.account_id,
        path.stream,
        path.job.uuid(),
        attempt(extraction),
        manifest.started_at,
        manifest.finished_at,
        change,
    )
    .execute(&mut **tx)
    .await
    .map_err(unavailable)?;
    Ok(())
}

/// Keeps what the account's newest extraction says of the account.
async fn describe_account(
    tx: &mut Transaction<'static, Postgres>,
    extraction: &Extraction,
) -> Result<(), StoreError> {
    let (path, manifest) = (extraction.path(), extraction.manifest());
    sqlx::query!(
        "insert into raw.accounts as a (
            tenant_id, platform, account_id, account_name, account_time_zone, account_currency,
            job_id, attempt, started_at
        ) values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        on conflict (tenant_id, platform, account_id) do update set
            account_name = excluded.account_name,
            account_time_zone = excluded.account_time_zone,
            account_currency = excluded.account_currency,
            job_id = excluded.job_id,
            attempt = excluded.attempt,
            started_at = excluded.started_at
        where
            (a.started_at, a.job_id, a.attempt)
            < (excluded.started_at, excluded.job_id, excluded.attempt)",
        path.tenant.uuid(),
        path.platform.code(),
        path.account_id,
        manifest.account_name,
        manifest.account_time_zone.name(),
        manifest.account_currency.as_str(),
        path.job.uuid(),
        attempt(extraction),
        manifest.started_at,
    )
    .execute(&mut **tx)
    .await
    .map_err(unavailable)?;
    Ok(())
}

/// Removes the rows that another extraction's have replaced, this one's included if it came too
/// late. The raw store keeps them.
async fn delete_superseded(
    tx: &mut Transaction<'static, Postgres>,
    extraction: &Extraction,
) -> Result<(), StoreError> {
    let (path, window) = (extraction.path(), extraction.window());
    let table = extraction.stream().raw_table;
    let statement = match extraction.stream().kind {
        StreamKind::Daily => format!(
            "delete from raw.{table} as r
            using raw.covered_days as c
            where
                r.tenant_id = $1 and r.account_id = $2 and r.day between $5 and $6
                and c.tenant_id = $1 and c.account_id = $2 and c.platform = $3 and c.stream = $4
                and c.day = r.day
                and (r.job_id, r.attempt) <> (c.job_id, c.attempt)"
        ),
        StreamKind::Snapshot => format!(
            "delete from raw.{table} as r
            using raw.snapshots as s
            where
                r.tenant_id = $1 and r.account_id = $2 and r.day is null
                and s.tenant_id = $1 and s.account_id = $2 and s.platform = $3 and s.stream = $4
                and (r.job_id, r.attempt) <> (s.job_id, s.attempt)
                and $5::date <= $6::date"
        ),
    };
    // The table's name is one of the constants of `Stream::ALL`.
    sqlx::query(AssertSqlSafe(statement))
        .bind(path.tenant.uuid())
        .bind(&path.account_id)
        .bind(path.platform.code())
        .bind(&path.stream)
        .bind(window.first())
        .bind(window.last())
        .execute(&mut **tx)
        .await
        .map_err(unavailable)?;
    Ok(())
}

fn attempt(extraction: &Extraction) -> i32 {
    i32::try_from(extraction.path().attempt).unwrap_or(i32::MAX)
}

/// A row that PostgreSQL will not take will never be taken: one that is no data (SQLSTATE class
/// 22), or that repeats another of its extraction (23505, unique violation).
fn refused(error: sqlx::Error) -> StoreError {
    let never_taken = error
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::code)
        .is_some_and(|code| code.starts_with("22") || code == UNIQUE_VIOLATION);
    if never_taken {
        StoreError::Corrupt { what: "the extraction", source: Box::new(error) }
    } else {
        unavailable(error)
    }
}
