use std::sync::Arc;

use chrono::{DateTime, NaiveDate, Utc};
use domain::ports::{JobError, JobReport};
use domain::{JobId, JobState, Platform};
use serde::Serialize;
use utoipa::ToSchema;

use super::shape::{Counts, Run};
use crate::figures::{PlatformName, each};
use crate::{App, Document, Endpoint, Problem, Reply, Request};

pub(in crate::endpoints) const ENDPOINT: Endpoint = Endpoint {
    function: "GetRun",
    handle: |app, request| Box::pin(handle(app, request)),
    document,
};

fn document() -> Document {
    Document::answers::<RunAnswer>(200)
}

#[derive(Serialize, ToSchema)]
struct RunAnswer {
    run: Run,
    /// Its jobs, by platform, account, stream and first day.
    data: Vec<Job>,
    /// Always null.
    next_cursor: Option<String>,
}

/// One stream of one account over some days: what is fetched, and fetched again, as a whole.
#[derive(Serialize, ToSchema)]
struct Job {
    #[schema(value_type = uuid::Uuid)]
    id: JobId,
    #[schema(value_type = PlatformName)]
    platform: Platform,
    #[schema(example = "1029")]
    account_id: String,
    #[schema(example = "insights_daily")]
    stream: String,
    window_start: NaiveDate,
    window_end: NaiveDate,
    #[schema(value_type = JobStateName)]
    state: JobState,
    /// How often it has been begun.
    attempts: u32,
    started_at: Option<DateTime<Utc>>,
    finished_at: Option<DateTime<Utc>>,
    /// The platform asked us to wait until then.
    not_before: Option<DateTime<Utc>>,
    #[serde(flatten)]
    counts: Counts,
    /// Why the last attempt failed.
    error: Option<JobErrorOut>,
}

#[derive(ToSchema)]
#[schema(as = JobState, rename_all = "snake_case")]
#[expect(dead_code, reason = "the schema of domain::JobState")]
enum JobStateName {
    Planned,
    Running,
    Succeeded,
    Failed,
}

#[derive(Serialize, ToSchema)]
#[schema(as = JobError)]
struct JobErrorOut {
    #[schema(example = "needs_reauth")]
    code: String,
    /// What happened, and what to do.
    message: String,
}

async fn handle(app: Arc<App>, request: Request) -> Result<Reply, Problem> {
    let scope = request.scope()?;
    let found = app.run_history.run(&scope, request.id("id")?).await?;
    Reply::ok(&RunAnswer { run: found.run.into(), data: each(found.jobs), next_cursor: None })
}

impl From<JobReport> for Job {
    fn from(job: JobReport) -> Self {
        Self {
            id: job.id,
            platform: job.platform,
            account_id: job.account_id,
            stream: job.stream,
            window_start: job.window.first(),
            window_end: job.window.last(),
            state: job.state,
            attempts: job.attempts,
            started_at: job.started_at,
            finished_at: job.finished_at,
            not_before: job.not_before,
            counts: job.counts.into(),
            error: job.error.map(JobErrorOut::from),
        }
    }
}

impl From<JobError> for JobErrorOut {
    fn from(JobError { code, message }: JobError) -> Self {
        Self { code, message }
    }
}
