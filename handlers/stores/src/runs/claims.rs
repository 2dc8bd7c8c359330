use std::time::Duration;

use domain::ports::{Claim, StoreError};
use domain::{ClaimedJob, ConnectedAccount, DateRange, JobId, Stream};
use sqlx::{Postgres, Transaction};
use uuid::Uuid;

use super::{PostgresRuns, corrupt, reports, seconds, unavailable};

impl PostgresRuns {
    pub(super) async fn claim_job(&self, job: JobId, lease: Duration) -> Result<Claim, StoreError> {
        let mut tx = self.0.begin().await.map_err(unavailable)?;
        let run = sqlx::query_scalar!(
            "select r.id from app.etl_run_history as r
            where r.id = (select j.run_id from app.etl_jobs as j where j.id = $1)
            for update",
            job.uuid(),
        )
        .fetch_optional(&mut *tx)
        .await
        .map_err(unavailable)?;
        let Some(run) = run else { return Ok(Claim::Unknown) };
        let standing = standing(&mut tx, job).await?;
        let claim = match standing {
            Standing::Ended => ended(&mut tx, run).await?,
            Standing::Later(wait) => Claim::Later(wait),
            Standing::WithoutConnection => {
                give_up_without_connection(&mut tx, job).await?;
                reports::end_of_job(&mut tx, run).await?;
                ended(&mut tx, run).await?
            }
            Standing::Free => take(&mut tx, job, lease).await?,
        };
        tx.commit().await.map_err(unavailable)?;
        Ok(claim)
    }

    pub(super) async fn renew_lease(
        &self,
        job: &ClaimedJob,
        lease: Duration,
    ) -> Result<bool, StoreError> {
        let renewed = sqlx::query!(
            "update app.etl_jobs set lease_until = now() + make_interval(secs => $3)
            where id = $1 and attempt = $2 and state = 'running'",
            job.id.uuid(),
            reports::attempt(job),
            seconds(lease),
        )
        .execute(&self.0)
        .await
        .map_err(unavailable)?;
        Ok(renewed.rows_affected() == 1)
    }
}

async fn ended(tx: &mut Transaction<'static, Postgres>, run: Uuid) -> Result<Claim, StoreError> {
    Ok(Claim::Ended { build_request: reports::open_request(tx, run).await? })
}

/// Whether a job can be begun.
enum Standing {
    Free,
    Later(Duration),
    WithoutConnection,
    Ended,
}

async fn standing(
    tx: &mut Transaction<'static, Postgres>,
    job: JobId,
) -> Result<Standing, StoreError> {
    let row = sqlx::query!(
        r#"select
            state, connection_id,
            extract(epoch from
                greatest(not_before, case when state = 'running' then lease_until end) - now()
            )::float8 as wait
        from app.etl_jobs where id = $1 for update"#,
        job.uuid(),
    )
    .fetch_one(&mut **tx)
    .await
    .map_err(unavailable)?;
    if !matches!(row.state.as_str(), "planned" | "running") {
        return Ok(Standing::Ended);
    }
    if let Some(wait) = row.wait.filter(|wait| *wait > 0.0) {
        return Ok(Standing::Later(Duration::try_from_secs_f64(wait).map_err(corrupt)?));
    }
    Ok(if row.connection_id.is_some() { Standing::Free } else { Standing::WithoutConnection })
}

async fn give_up_without_connection(
    tx: &mut Transaction<'static, Postgres>,
    job: JobId,
) -> Result<(), StoreError> {
    sqlx::query!(
        "update app.etl_jobs
        set
            state = 'failed', finished_at = now(), attempt = attempt + 1, lease_until = null,
            error_code = 'connection_removed',
            error_message = 'the account was removed from the tenant before it was read'
        where id = $1",
        job.uuid(),
    )
    .execute(&mut **tx)
    .await
    .map_err(unavailable)?;
    Ok(())
}

async fn take(
    tx: &mut Transaction<'static, Postgres>,
    job: JobId,
    lease: Duration,
) -> Result<Claim, StoreError> {
    let row = sqlx::query!(
        r#"update app.etl_jobs as j
        set
            state = 'running', attempt = j.attempt + 1, not_before = null,
            lease_until = now() + make_interval(secs => $2),
            started_at = coalesce(j.started_at, now())
        from app.tenant_oauth_connections as c
        where j.id = $1 and c.id = j.connection_id
        returning
            j.run_id, j.tenant_id, j.attempt, j.failures, j.stream, j.window_start,
            j.window_end, j.manifest_path, c.id as connection_id, c.credential_id, c.platform, c.account_id,
            c.name, c.manager_id, c.time_zone, c.currency as "currency!: String",
            c.history_loaded_at is not null as "has_history!""#,
        job.uuid(),
        seconds(lease),
    )
    .fetch_one(&mut **tx)
    .await
    .map_err(unavailable)?;
    let platform = row.platform.parse().map_err(corrupt)?;
    let account = ConnectedAccount {
        connection: row.connection_id.into(),
        credential: row.credential_id.into(),
        platform,
        account_id: row.account_id,
        name: row.name,
        manager_id: row.manager_id,
        time_zone: row.time_zone.parse().map_err(corrupt)?,
        currency: row.currency.parse().map_err(corrupt)?,
        has_history: row.has_history,
    };
    let stream = Stream::find(platform, &row.stream)
        .ok_or_else(|| corrupt(format!("no stream {:?} of {platform}", row.stream)))?;
    let claimed = ClaimedJob::from_claimed_row(
        job,
        Uuid::into(row.run_id),
        row.tenant_id.into(),
        u32::try_from(row.attempt).map_err(corrupt)?,
        account,
        stream,
        DateRange::new(row.window_start, row.window_end).map_err(corrupt)?,
    )
    .after_failures(u32::try_from(row.failures).map_err(corrupt)?);
    Ok(Claim::Claimed { job: Box::new(claimed), manifest: row.manifest_path })
}
