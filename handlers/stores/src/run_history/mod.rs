//! Runs as the api role sees them: a tenant's own.

#[cfg(test)]
mod tests;

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};
use domain::ports::{
    JobError, JobReport, JobTally, Platforms, RunHistory, RunPage, RunState, RunSummary,
    RunTrigger, RunWithJobs, RunsQuery, StoreError,
};
use domain::{
    DateRange, JobCounts, JobId, JobState, Platform, RunId, Slot, SlotHour, Stream, StreamKind,
    TenantId, TenantScope,
};
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::{ScopedPool, unavailable};

/// [`RunHistory`] from the application's tables, as the api role.
#[derive(Clone, Debug)]
pub struct PostgresRunHistory(ScopedPool);

const WHAT: &str = "the run history";

impl PostgresRunHistory {
    pub fn new(pool: ScopedPool) -> Self {
        Self(pool)
    }

    /// The page's runs, or the one run of `id`.
    async fn read(
        &self,
        scope: &TenantScope,
        id: Option<RunId>,
        query: &RunsQuery,
    ) -> Result<Vec<RunRow>, StoreError> {
        let mut transaction = self.0.begin(scope).await?;
        let rows = sqlx::query_as!(
            RunRow,
            r#"
            select
                run.id, run.trigger, run.slot_date, run.slot_hour, run.requested_by, run.state,
                run.created_at, run.finished_at, run.data_version,
                coalesce(jobs.platforms, '{}') as "platforms!",
                coalesce(jobs.planned, 0) as "planned!",
                coalesce(jobs.running, 0) as "running!",
                coalesce(jobs.succeeded, 0) as "succeeded!",
                coalesce(jobs.failed, 0) as "failed!",
                coalesce(jobs.rows, 0) as "rows!",
                coalesce(jobs.bytes, 0) as "bytes!",
                coalesce(jobs.requests, 0) as "requests!",
                coalesce(jobs.extract_ms, 0) as "extract_ms!",
                coalesce(jobs.load_ms, 0) as "load_ms!"
            from (
                select * from app.etl_run_history
                where tenant_id = $1 and ($2::uuid is null or id = $2)
                    and ($3::uuid is null or (created_at, id) < (
                        select created_at, id from app.etl_run_history
                        where tenant_id = $1 and id = $3
                    ))
                order by created_at desc, id desc
                limit $4
            ) as run
            left join lateral (
                select
                    array_agg(distinct platform) as platforms,
                    count(*) filter (where state = 'planned') as planned,
                    count(*) filter (where state = 'running') as running,
                    count(*) filter (where state = 'succeeded') as succeeded,
                    count(*) filter (where state = 'failed') as failed,
                    sum(rows)::bigint as rows,
                    sum(bytes)::bigint as bytes,
                    sum(requests)::bigint as requests,
                    sum(extract_ms)::bigint as extract_ms,
                    sum(load_ms)::bigint as load_ms
                from app.etl_jobs
                where run_id = run.id and tenant_id = $1
            ) as jobs on true
            order by run.created_at desc, run.id desc
            "#,
            scope.tenant().uuid(),
            id.map(RunId::uuid),
            query.after.map(RunId::uuid),
            // One more than asked for says whether there is another page.
            i64::from(query.limit) + 1,
        )
        .fetch_all(&mut *transaction)
        .await
        .map_err(|error| unavailable(WHAT, error))?;
        transaction.commit().await.map_err(|error| unavailable(WHAT, error))?;
        Ok(rows)
    }
}

#[async_trait]
impl RunHistory for PostgresRunHistory {
    async fn runs(&self, scope: &TenantScope, query: &RunsQuery) -> Result<RunPage, StoreError> {
        let rows = self.read(scope, None, query).await?;
        let limit = usize::from(query.limit);
        let has_more = rows.len() > limit;
        let runs = rows.into_iter().take(limit).map(|row| row.summary(scope.tenant()));
        Ok(RunPage { runs: runs.collect::<Result<_, _>>()?, has_more })
    }

    async fn run(&self, scope: &TenantScope, id: RunId) -> Result<RunWithJobs, StoreError> {
        let one = RunsQuery { limit: 1, after: None };
        let row = self.read(scope, Some(id), &one).await?.into_iter().next();
        let run = row.ok_or(StoreError::NotFound { what: "the run" })?.summary(scope.tenant())?;
        let mut transaction = self.0.begin(scope).await?;
        let jobs = sqlx::query_as!(
            JobRow,
            "select id, platform, account_id, stream, window_start, window_end, state, attempt,
                started_at, finished_at, not_before, rows, bytes, requests, extract_ms, load_ms,
                error_code, error_message
            from app.etl_jobs
            where run_id = $1 and tenant_id = $2
            order by platform, account_id, stream, window_start, id",
            id.uuid(),
            scope.tenant().uuid(),
        )
        .fetch_all(&mut *transaction)
        .await
        .map_err(|error| unavailable(WHAT, error))?;
        transaction.commit().await.map_err(|error| unavailable(WHAT, error))?;
        let jobs = jobs.into_iter().map(JobReport::try_from).collect::<Result<_, _>>()?;
        Ok(RunWithJobs { run, jobs })
    }

    async fn sync_under_way(
        &self,
        scope: &TenantScope,
        platforms: &Platforms,
        range: DateRange,
    ) -> Result<Option<RunId>, StoreError> {
        let codes: Vec<_> = platforms.iter().map(|platform| platform.code().to_owned()).collect();
        let daily = Stream::ALL.iter().filter(|stream| stream.kind == StreamKind::Daily);
        let daily: Vec<_> = daily.map(|stream| stream.name.to_owned()).collect();
        let mut transaction = self.0.begin(scope).await?;
        let id = sqlx::query_scalar!(
            "with wanted as (
                select platform, account_id
                from app.tenant_oauth_connections
                where tenant_id = $1 and ($2::text [] = '{}' or platform = any($2))
            )
            select run.id
            from app.etl_run_history as run
            where run.tenant_id = $1 and run.trigger = 'manual' and run.state = 'running'
                and exists (select from wanted)
                and not exists (
                    select from wanted
                    where not exists (
                        select from app.etl_jobs as job
                        where job.run_id = run.id and job.platform = wanted.platform
                            and job.account_id = wanted.account_id and job.stream = any($5)
                            and job.window_start <= $4 and job.window_end >= $3
                        group by job.stream
                        having sum(
                            least(job.window_end, $4) - greatest(job.window_start, $3) + 1
                        ) >= $4::date - $3::date + 1
                    )
                )
            order by run.created_at desc
            limit 1",
            scope.tenant().uuid(),
            codes.as_slice(),
            range.first(),
            range.last(),
            daily.as_slice(),
        )
        .fetch_optional(&mut *transaction)
        .await
        .map_err(|error| unavailable(WHAT, error))?;
        transaction.commit().await.map_err(|error| unavailable(WHAT, error))?;
        Ok(id.map(RunId::from))
    }
}

struct RunRow {
    id: Uuid,
    trigger: String,
    slot_date: Option<NaiveDate>,
    slot_hour: Option<i16>,
    requested_by: Option<Uuid>,
    state: String,
    created_at: DateTime<Utc>,
    finished_at: Option<DateTime<Utc>>,
    data_version: Option<i64>,
    platforms: Vec<String>,
    planned: i64,
    running: i64,
    succeeded: i64,
    failed: i64,
    rows: i64,
    bytes: i64,
    requests: i64,
    extract_ms: i64,
    load_ms: i64,
}

impl RunRow {
    fn summary(self, tenant: TenantId) -> Result<RunSummary, StoreError> {
        let trigger = match (self.trigger.as_str(), self.slot_date, self.slot_hour) {
            ("manual", _, _) => RunTrigger::Manual(self.requested_by.map(Into::into)),
            ("slot", Some(date), Some(hour)) => {
                let hour = SlotHour::ALL
                    .into_iter()
                    .find(|known| i16::from(known.hour()) == hour)
                    .ok_or_else(|| corrupt(format!("a slot at {hour}")))?;
                RunTrigger::Slot(Slot { tenant, date, hour })
            }
            (other, _, _) => return Err(corrupt(format!("a run triggered by {other:?}"))),
        };
        Ok(RunSummary {
            id: self.id.into(),
            trigger,
            state: named::<RunState>(&self.state)?,
            platforms: self
                .platforms
                .iter()
                .map(|code| platform(code))
                .collect::<Result<_, _>>()?,
            created_at: self.created_at,
            finished_at: self.finished_at,
            data_version: self.data_version,
            jobs: JobTally {
                planned: count(self.planned)?,
                running: count(self.running)?,
                succeeded: count(self.succeeded)?,
                failed: count(self.failed)?,
            },
            counts: JobCounts {
                rows: count(self.rows)?,
                bytes: count(self.bytes)?,
                requests: count(self.requests)?,
                extract_ms: count(self.extract_ms)?,
                load_ms: count(self.load_ms)?,
            },
        })
    }
}

struct JobRow {
    id: Uuid,
    platform: String,
    account_id: String,
    stream: String,
    window_start: NaiveDate,
    window_end: NaiveDate,
    state: String,
    attempt: i32,
    started_at: Option<DateTime<Utc>>,
    finished_at: Option<DateTime<Utc>>,
    not_before: Option<DateTime<Utc>>,
    rows: i64,
    bytes: i64,
    requests: i64,
    extract_ms: i64,
    load_ms: i64,
    error_code: Option<String>,
    error_message: Option<String>,
}

impl TryFrom<JobRow> for JobReport {
    type Error = StoreError;

    fn try_from(row: JobRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: JobId::from(row.id),
            platform: platform(&row.platform)?,
            account_id: row.account_id,
            stream: row.stream,
            window: DateRange::new(row.window_start, row.window_end).map_err(corrupt)?,
            state: named::<JobState>(&row.state)?,
            attempts: count(row.attempt.into())?,
            started_at: row.started_at,
            finished_at: row.finished_at,
            not_before: row.not_before,
            counts: JobCounts {
                rows: count(row.rows)?,
                bytes: count(row.bytes)?,
                requests: count(row.requests)?,
                extract_ms: count(row.extract_ms)?,
                load_ms: count(row.load_ms)?,
            },
            error: row
                .error_code
                .map(|code| JobError { code, message: row.error_message.unwrap_or_default() }),
        })
    }
}

fn platform(code: &str) -> Result<Platform, StoreError> {
    code.parse().map_err(|error: domain::UnknownPlatform| corrupt(error))
}

/// A state by the name that JSON and the database share.
fn named<T: DeserializeOwned>(name: &str) -> Result<T, StoreError> {
    serde_json::from_value(name.into()).map_err(corrupt)
}

fn count<T: TryFrom<i64>>(number: i64) -> Result<T, StoreError> {
    number.try_into().map_err(|_| corrupt(format!("the count {number}")))
}

fn corrupt(error: impl Into<domain::ports::BoxError>) -> StoreError {
    StoreError::Corrupt { what: WHAT, source: error.into() }
}
