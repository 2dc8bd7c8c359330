use std::time::Duration;

use async_trait::async_trait;
use domain::ports::{Claim, ConnectionTrouble, JobEnd, JobStore, RunState, StoreError};
use domain::{ClaimedJob, JobCounts, JobFailure, JobId};
use sqlx::{Postgres, Transaction};
use uuid::Uuid;

use super::{PostgresRuns, bigint, seconds, unavailable};

#[async_trait]
impl JobStore for PostgresRuns {
    async fn claim(&self, job: JobId, lease: Duration) -> Result<Claim, StoreError> {
        self.claim_job(job, lease).await
    }

    async fn renew(&self, job: &ClaimedJob, lease: Duration) -> Result<bool, StoreError> {
        self.renew_lease(job, lease).await
    }

    async fn begin_extraction(&self, job: &ClaimedJob, manifest: &str) -> Result<(), StoreError> {
        sqlx::query!(
            "update app.etl_jobs set manifest_path = $3
            where id = $1 and attempt = $2 and state = 'running'",
            job.id.uuid(),
            attempt(job),
            manifest,
        )
        .execute(&self.0)
        .await
        .map_err(unavailable)?;
        Ok(())
    }

    async fn record_extraction(
        &self,
        job: &ClaimedJob,
        counts: &JobCounts,
    ) -> Result<(), StoreError> {
        sqlx::query!(
            "update app.etl_jobs
            set
                rows = $3, bytes = $4, requests = requests + $5, extract_ms = extract_ms + $6
            where id = $1 and attempt = $2 and state = 'running'",
            job.id.uuid(),
            attempt(job),
            bigint(counts.rows),
            bigint(counts.bytes),
            bigint(counts.requests),
            bigint(counts.extract_ms),
        )
        .execute(&self.0)
        .await
        .map_err(unavailable)?;
        Ok(())
    }

    async fn succeed(&self, job: &ClaimedJob, load_ms: u64) -> Result<Option<JobEnd>, StoreError> {
        let mut tx = self.begin_report(job).await?;
        let reported = sqlx::query!(
            "update app.etl_jobs
            set
                state = 'succeeded', finished_at = now(), lease_until = null, not_before = null,
                load_ms = load_ms + $3, error_code = null, error_message = null
            where id = $1 and attempt = $2 and state = 'running'",
            job.id.uuid(),
            attempt(job),
            bigint(load_ms),
        )
        .execute(&mut *tx)
        .await
        .map_err(unavailable)?;
        if reported.rows_affected() == 0 {
            return Ok(None);
        }
        connection_works(&mut tx, job).await?;
        finish(tx, job).await
    }

    async fn fail(
        &self,
        job: &ClaimedJob,
        failure: &JobFailure,
        trouble: Option<ConnectionTrouble>,
    ) -> Result<Option<JobEnd>, StoreError> {
        let mut tx = self.begin_report(job).await?;
        let reported = sqlx::query!(
            "update app.etl_jobs
            set
                state = 'failed', finished_at = now(), lease_until = null, not_before = null,
                error_code = $3, error_message = $4
            where id = $1 and attempt = $2 and state = 'running'",
            job.id.uuid(),
            attempt(job),
            failure.code,
            failure.message,
        )
        .execute(&mut *tx)
        .await
        .map_err(unavailable)?;
        if reported.rows_affected() == 0 {
            return Ok(None);
        }
        if let Some(trouble) = trouble {
            connection_troubled(&mut tx, job, trouble, &failure.message).await?;
        }
        finish(tx, job).await
    }

    async fn defer(
        &self,
        job: &ClaimedJob,
        failure: &JobFailure,
        wait: Duration,
        keep_extraction: bool,
    ) -> Result<Option<JobEnd>, StoreError> {
        let mut tx = self.begin_report(job).await?;
        let reported = sqlx::query!(
            "update app.etl_jobs
            set
                state = 'planned', failures = failures + 1, lease_until = null,
                enqueued_at = null,
                not_before = now() + make_interval(secs => $3),
                error_code = $4, error_message = $5,
                manifest_path = case when $6 then manifest_path end
            where id = $1 and attempt = $2 and state = 'running'",
            job.id.uuid(),
            attempt(job),
            seconds(wait),
            failure.code,
            failure.message,
            keep_extraction,
        )
        .execute(&mut *tx)
        .await
        .map_err(unavailable)?;
        if reported.rows_affected() == 0 {
            return Ok(None);
        }
        finish(tx, job).await
    }
}

impl PostgresRuns {
    /// A transaction that holds the job's run.
    async fn begin_report(
        &self,
        job: &ClaimedJob,
    ) -> Result<Transaction<'static, Postgres>, StoreError> {
        let mut tx = self.0.begin().await.map_err(unavailable)?;
        sqlx::query!("select id from app.etl_run_history where id = $1 for update", job.run.uuid())
            .fetch_one(&mut *tx)
            .await
            .map_err(unavailable)?;
        Ok(tx)
    }
}

pub(super) fn attempt(job: &ClaimedJob) -> i32 {
    i32::try_from(job.attempt).unwrap_or(i32::MAX)
}

async fn finish(
    mut tx: Transaction<'static, Postgres>,
    job: &ClaimedJob,
) -> Result<Option<JobEnd>, StoreError> {
    let end = end_of_job(&mut tx, job.run.uuid()).await?;
    tx.commit().await.map_err(unavailable)?;
    Ok(Some(end))
}

/// What the job that has just ended, or was put off, means for its run, whose row is held.
pub(super) async fn end_of_job(
    tx: &mut Transaction<'static, Postgres>,
    run: Uuid,
) -> Result<JobEnd, StoreError> {
    let jobs = sqlx::query!(
        r#"select
            count(*) filter (where state in ('planned', 'running')) as "open!",
            count(*) filter (
                where state in ('planned', 'running')
                and (not_before is null or not_before <= now())
            ) as "ready!",
            count(*) filter (where state = 'succeeded') as "succeeded!",
            count(*) filter (where state = 'failed') as "failed!"
        from app.etl_jobs where run_id = $1"#,
        run,
    )
    .fetch_one(&mut **tx)
    .await
    .map_err(unavailable)?;
    if jobs.open > 0 {
        // What is loaded is not kept waiting for an account that its platform has put off.
        let waits_for_others = jobs.ready == 0 && jobs.succeeded > 0;
        let build_request =
            if waits_for_others { request_early_build(tx, run).await? } else { None };
        return Ok(JobEnd { run: None, build_request });
    }
    let (state, code) = match (jobs.succeeded, jobs.failed) {
        (_, 0) => (RunState::Succeeded, "succeeded"),
        (0, _) => (RunState::Failed, "failed"),
        _ => (RunState::PartlyFailed, "partly_failed"),
    };
    let build_request = if jobs.succeeded > 0 { Some(request_build(tx).await?) } else { None };
    sqlx::query!(
        "update app.etl_run_history
        set state = $2, finished_at = now(), build_request = $3, data_version = null
        where id = $1",
        run,
        code,
        build_request,
    )
    .execute(&mut **tx)
    .await
    .map_err(unavailable)?;
    Ok(JobEnd { run: Some(state), build_request })
}

async fn request_build(tx: &mut Transaction<'static, Postgres>) -> Result<i64, StoreError> {
    sqlx::query_scalar!("update app.build_state set requested = requested + 1 returning requested")
        .fetch_one(&mut **tx)
        .await
        .map_err(unavailable)
}

/// For a run that still waits: unless it has asked, and no build has begun since that could lack
/// what the run has loaded. A build reads how far the loads have come after it has begun, so it
/// has all that was reported before.
async fn request_early_build(
    tx: &mut Transaction<'static, Postgres>,
    run: Uuid,
) -> Result<Option<i64>, StoreError> {
    let is_asked_for = sqlx::query_scalar!(
        r#"select r.build_request is not null and not exists (
            select from app.etl_jobs as j
            where
                j.run_id = r.id and j.state = 'succeeded'
                and j.finished_at > (
                    select max(b.started_at) from app.builds as b
                    where b.request >= r.build_request and b.state <> 'failed'
                )
        ) as "is_asked_for!"
        from app.etl_run_history as r where r.id = $1"#,
        run,
    )
    .fetch_one(&mut **tx)
    .await
    .map_err(unavailable)?;
    if is_asked_for {
        return Ok(None);
    }
    let request = request_build(tx).await?;
    sqlx::query!(
        "update app.etl_run_history set build_request = $2, data_version = null where id = $1",
        run,
        request,
    )
    .execute(&mut **tx)
    .await
    .map_err(unavailable)?;
    Ok(Some(request))
}

/// What the run has asked for and is not built yet.
pub(super) async fn open_request(
    tx: &mut Transaction<'static, Postgres>,
    run: Uuid,
) -> Result<Option<i64>, StoreError> {
    sqlx::query_scalar!(
        r#"select r.build_request as "request!"
        from app.etl_run_history as r cross join app.build_state as b
        where r.id = $1 and r.build_request > b.built"#,
        run,
    )
    .fetch_optional(&mut **tx)
    .await
    .map_err(unavailable)
}

/// A job of the connection has been read and loaded, so its consent holds. If it was the last of
/// the account's first read, the history is there.
async fn connection_works(
    tx: &mut Transaction<'static, Postgres>,
    job: &ClaimedJob,
) -> Result<(), StoreError> {
    sqlx::query!(
        "update app.tenant_oauth_connections set status = 'active', status_detail = null
        where id = $1 and status <> 'active'",
        job.account.connection.uuid(),
    )
    .execute(&mut **tx)
    .await
    .map_err(unavailable)?;
    sqlx::query!(
        "update app.credentials set status = 'active', updated_at = now()
        where id = $1 and status = 'needs_reauth'",
        job.account.credential.uuid(),
    )
    .execute(&mut **tx)
    .await
    .map_err(unavailable)?;
    sqlx::query!(
        "update app.tenant_oauth_connections set history_loaded_at = now()
        where
            id = $1 and history_loaded_at is null
            and exists (
                select from app.etl_jobs as own where own.id = $2 and own.history
            )
            and not exists (
                select from app.etl_jobs as other
                where
                    other.run_id = $3 and other.connection_id = $1
                    and other.history and other.state <> 'succeeded'
            )",
        job.account.connection.uuid(),
        job.id.uuid(),
        job.run.uuid(),
    )
    .execute(&mut **tx)
    .await
    .map_err(unavailable)?;
    Ok(())
}

async fn connection_troubled(
    tx: &mut Transaction<'static, Postgres>,
    job: &ClaimedJob,
    trouble: ConnectionTrouble,
    detail: &str,
) -> Result<(), StoreError> {
    let status = match trouble {
        ConnectionTrouble::NeedsReauth => "needs_reauth",
        ConnectionTrouble::NeedsAttention => "needs_attention",
    };
    sqlx::query!(
        "update app.tenant_oauth_connections set status = $2, status_detail = $3 where id = $1",
        job.account.connection.uuid(),
        status,
        detail,
    )
    .execute(&mut **tx)
    .await
    .map_err(unavailable)?;
    if trouble == ConnectionTrouble::NeedsReauth {
        sqlx::query!(
            "update app.credentials set status = 'needs_reauth', updated_at = now()
            where id = $1 and status = 'active'",
            job.account.credential.uuid(),
        )
        .execute(&mut **tx)
        .await
        .map_err(unavailable)?;
    }
    Ok(())
}
