//! One job: extract, land, load, report.
//!
//! **Invariant:** every step may be cut off anywhere and done again. Rows without a manifest do
//! not exist; a manifest that is there is loaded, not fetched again; loading twice is loading
//! once; and only the latest attempt's report counts.

mod extraction;
mod failure;

use std::sync::Arc;
use std::time::Duration;

use connectors::Platforms;
use domain::ports::{Claim, JobEnd, JobStore, RawStore, StoreError, Warehouse};
use domain::{
    BusinessClock, ClaimedJob, DateRange, Extraction, JobCounts, JobFailure, JobId, Platform,
};
use serde::Serialize;
use tokio::time::Instant;
use tracing::field::display;
use tracing::{Instrument, Span};

use crate::CredentialVault;
use crate::lease::{LEASE, Lost, while_held};
use crate::load::{LoadError, load};
use failure::{AttemptError, Verdict, given_up, judge};

/// Attempts of which nothing more was heard, before a job is given up.
const MOST_SILENT: u32 = 10;

/// Works on jobs, any number of them at once.
pub struct Worker {
    pub jobs: Arc<dyn JobStore>,
    pub raw: Arc<dyn RawStore>,
    pub warehouse: Arc<dyn Warehouse>,
    pub platforms: Arc<Platforms>,
    pub vault: Arc<CredentialVault>,
    /// The business's: it names the day's folder in the raw store.
    pub clock: Arc<dyn BusinessClock>,
}

/// What a job is about, for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct JobLabel {
    pub platform: Platform,
    pub account_id: String,
    pub stream: &'static str,
    pub window: DateRange,
}

/// How working on a job ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobOutcome {
    Succeeded {
        job: JobLabel,
        counts: JobCounts,
        end: JobEnd,
    },
    Failed {
        job: JobLabel,
        failure: JobFailure,
        end: JobEnd,
    },
    /// It is to be begun again after `wait`.
    Deferred {
        job: JobLabel,
        failure: JobFailure,
        wait: Duration,
        end: JobEnd,
    },
    /// Another worker holds it, or its time has not come: ask again after this.
    Later {
        wait: Duration,
    },
    /// It had ended before. `build_request`: what its run waits for.
    Ended {
        build_request: Option<i64>,
    },
    /// Another worker has taken it over; what this one did does not count.
    Superseded,
}

/// Why a job could not even be worked on. Asking again is right.
#[derive(Debug, thiserror::Error)]
pub enum WorkError {
    #[error("there is no job {0}")]
    UnknownJob(JobId),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Worker {
    /// Works on a job to its end, or until it has to wait.
    pub async fn run_job(&self, id: JobId) -> Result<JobOutcome, WorkError> {
        match self.jobs.claim(id, LEASE).await? {
            Claim::Unknown => Err(WorkError::UnknownJob(id)),
            Claim::Ended { build_request } => Ok(JobOutcome::Ended { build_request }),
            Claim::Later(wait) => Ok(JobOutcome::Later { wait }),
            Claim::Claimed { job, manifest } => {
                // So that what is logged of the whole invocation can be found by them too.
                let caller = Span::current();
                caller.record("tenant", display(job.scope().tenant()));
                caller.record("run", display(job.run));
                let span = tracing::info_span!(
                    "job", job = %job.id, run = %job.run, tenant = %job.scope().tenant(),
                    attempt = job.attempt,
                );
                Ok(self.work(&job, manifest.as_deref()).instrument(span).await?)
            }
        }
    }

    async fn work(
        &self,
        job: &ClaimedJob,
        recorded: Option<&str>,
    ) -> Result<JobOutcome, StoreError> {
        if job.attempt > MOST_SILENT + job.failures {
            let verdict = Verdict { failure: given_up(), keep_extraction: false, trouble: None };
            return self.report_failure(job, verdict).await;
        }
        let attempt = self.extract_and_load(job, recorded);
        match while_held(attempt, || self.jobs.renew(job, LEASE)).await {
            Err(Lost) => {
                tracing::warn!("the job was taken over");
                Ok(JobOutcome::Superseded)
            }
            Ok(Ok(counts)) => self.report_success(job, counts).await,
            Ok(Err(error)) => {
                let verdict = judge(&error, job);
                tracing::warn!(
                    platform = %job.account.platform, account = job.account.account_id,
                    code = verdict.failure.code, retry_in = ?verdict.failure.retry_in,
                    error = &error as &dyn std::error::Error, "the attempt failed"
                );
                self.report_failure(job, verdict).await
            }
        }
    }

    async fn extract_and_load(
        &self,
        job: &ClaimedJob,
        recorded: Option<&str>,
    ) -> Result<JobCounts, AttemptError> {
        let (extraction, counts) = self.extraction(job, recorded).await?;
        let load_ms = self.load(&extraction).await?;
        Ok(JobCounts { load_ms, ..counts })
    }

    async fn load(&self, extraction: &Extraction) -> Result<u64, AttemptError> {
        let started = Instant::now();
        let loaded = load(&*self.raw, &*self.warehouse, extraction).await?;
        tracing::debug!(loaded, rows = extraction.rows(), "loaded");
        Ok(milliseconds(started.elapsed()))
    }

    async fn report_success(
        &self,
        job: &ClaimedJob,
        counts: JobCounts,
    ) -> Result<JobOutcome, StoreError> {
        let end = self.jobs.succeed(job, counts.load_ms).await?;
        Ok(end.map_or(JobOutcome::Superseded, |end| JobOutcome::Succeeded {
            job: JobLabel::of(job),
            counts,
            end,
        }))
    }

    async fn report_failure(
        &self,
        job: &ClaimedJob,
        verdict: Verdict,
    ) -> Result<JobOutcome, StoreError> {
        let Verdict { failure, keep_extraction, trouble } = verdict;
        let label = JobLabel::of(job);
        if let Some(wait) = failure.retry_in {
            let end = self.jobs.defer(job, &failure, wait, keep_extraction).await?;
            return Ok(end.map_or(JobOutcome::Superseded, |end| JobOutcome::Deferred {
                job: label,
                failure,
                wait,
                end,
            }));
        }
        let end = self.jobs.fail(job, &failure, trouble).await?;
        Ok(end.map_or(JobOutcome::Superseded, |end| JobOutcome::Failed {
            job: label,
            failure,
            end,
        }))
    }
}

impl JobLabel {
    fn of(job: &ClaimedJob) -> Self {
        Self {
            platform: job.account.platform,
            account_id: job.account.account_id.clone(),
            stream: job.stream.name,
            window: job.window,
        }
    }
}

impl From<LoadError> for AttemptError {
    fn from(error: LoadError) -> Self {
        match error {
            LoadError::Raw(error) => Self::Raw(error),
            LoadError::Warehouse(error) => Self::Warehouse(error),
            LoadError::Damaged(error) => Self::Damaged(error),
        }
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
