use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{Platforms, StoreError};
use crate::{DateRange, JobCounts, JobId, JobState, Platform, RunId, Slot, TenantScope, UserId};

/// A tenant's runs as its people see them.
#[async_trait]
pub trait RunHistory: Send + Sync {
    /// Newest first.
    async fn runs(&self, scope: &TenantScope, query: &RunsQuery) -> Result<RunPage, StoreError>;

    /// A run with its jobs. [`StoreError::NotFound`] for one that the scope does not hold.
    async fn run(&self, scope: &TenantScope, id: RunId) -> Result<RunWithJobs, StoreError>;

    /// A manual run that has not ended and reads `range` of every account of `platforms`.
    async fn sync_under_way(
        &self,
        scope: &TenantScope,
        platforms: &Platforms,
        range: DateRange,
    ) -> Result<Option<RunId>, StoreError>;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunsQuery {
    pub limit: u16,
    /// The last run of the page before.
    pub after: Option<RunId>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunPage {
    pub runs: Vec<RunSummary>,
    pub has_more: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    Running,
    Succeeded,
    /// Some jobs failed; the rows of the others count.
    PartlyFailed,
    Failed,
}

/// What started a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunTrigger {
    Slot(Slot),
    /// `None`: the command line.
    Manual(Option<UserId>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunSummary {
    pub id: RunId,
    pub trigger: RunTrigger,
    pub state: RunState,
    pub platforms: Platforms,
    pub created_at: DateTime<Utc>,
    pub finished_at: Option<DateTime<Utc>>,
    /// In which its rows were first served.
    pub data_version: Option<i64>,
    pub jobs: JobTally,
    /// Over all jobs.
    pub counts: JobCounts,
}

/// How many jobs are in each state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JobTally {
    pub planned: u32,
    pub running: u32,
    pub succeeded: u32,
    pub failed: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunWithJobs {
    pub run: RunSummary,
    pub jobs: Vec<JobReport>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobReport {
    pub id: JobId,
    pub platform: Platform,
    pub account_id: String,
    pub stream: String,
    pub window: DateRange,
    pub state: JobState,
    /// How often it has been begun.
    pub attempts: u32,
    pub started_at: Option<DateTime<Utc>>,
    pub finished_at: Option<DateTime<Utc>>,
    /// The platform asked us to wait until then.
    pub not_before: Option<DateTime<Utc>>,
    pub counts: JobCounts,
    pub error: Option<JobError>,
}

/// Why the last attempt failed, in words for the tenant's people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobError {
    pub code: String,
    pub message: String,
}
