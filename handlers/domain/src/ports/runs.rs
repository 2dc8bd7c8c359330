use std::time::Duration;

use async_trait::async_trait;
use chrono::NaiveDate;
use chrono_tz::Tz;

use super::{RunState, StoreError};
use crate::{
    ClaimedJob, ConnectedAccount, JobCounts, JobFailure, JobId, NewJob, Platform, RunId, Slot,
    TenantId, TenantScope, UserId,
};

/// Which tenants have what to read, and the runs that are planned for them.
#[async_trait]
pub trait RunPlanning: Send + Sync {
    /// Tenants with an account of `platform` whose credential has not been revoked.
    async fn tenants(&self, platform: Platform) -> Result<Vec<PlannableTenant>, StoreError>;

    /// Those accounts of one tenant. A connection that needs attention is among them: only
    /// reading it again shows that it was seen to.
    async fn accounts(
        &self,
        tenant: TenantId,
        platforms: &[Platform],
    ) -> Result<Vec<PlannableAccount>, StoreError>;

    async fn is_planned(&self, slot: Slot, platform: Platform) -> Result<bool, StoreError>;

    /// Plans `platform`'s part of a slot, or answers `None` because it has been planned before.
    /// All platforms of a slot share one run; one that had ended goes on.
    async fn plan_slot(
        &self,
        slot: Slot,
        platform: Platform,
        jobs: &[NewJob],
    ) -> Result<Option<PlannedRun>, StoreError>;

    async fn plan_manual(
        &self,
        scope: &TenantScope,
        requested_by: Option<UserId>,
        jobs: &[NewJob],
    ) -> Result<PlannedRun, StoreError>;

    /// That messages for these jobs are on their queues, or that this process has them in hand.
    async fn mark_enqueued(&self, jobs: &[JobId]) -> Result<(), StoreError>;

    /// Open jobs of a platform that nobody works on and that may be begun, and for which no
    /// message was sent although they have been ready for `sending`, or the last one so long ago
    /// that it must be lost.
    async fn unsent(
        &self,
        platform: Platform,
        sending: Duration,
        lost_after: Duration,
    ) -> Result<Vec<JobId>, StoreError>;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlannableTenant {
    pub tenant: TenantId,
    pub time_zone: Tz,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannableAccount {
    pub account: ConnectedAccount,
    /// The last day before the first gap in its daily figures, counted from the history read.
    pub read_until: Option<NaiveDate>,
}

/// A run whose jobs are recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedRun {
    pub run_id: RunId,
    pub jobs: Vec<PlannedJob>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlannedJob {
    pub id: JobId,
    pub platform: Platform,
}

/// The jobs' rows, as their workers change them.
///
/// **Invariant:** a worker's report counts only while its attempt is the job's latest.
#[async_trait]
pub trait JobStore: Send + Sync {
    /// Takes the job for `lease`, and raises its attempt. Whoever held it before has lost it.
    async fn claim(&self, job: JobId, lease: Duration) -> Result<Claim, StoreError>;

    /// Holds the job for another `lease`. False if another worker has it by now.
    async fn renew(&self, job: &ClaimedJob, lease: Duration) -> Result<bool, StoreError>;

    /// Where this attempt's manifest will be, if it gets that far; written before it begins.
    async fn begin_extraction(&self, job: &ClaimedJob, manifest: &str) -> Result<(), StoreError>;

    /// What an extraction moved. Rows and bytes replace what was recorded; requests and
    /// milliseconds add up over attempts.
    async fn record_extraction(
        &self,
        job: &ClaimedJob,
        counts: &JobCounts,
    ) -> Result<(), StoreError>;

    /// The job is done; its connection works. `None` if the attempt is no longer the latest.
    async fn succeed(&self, job: &ClaimedJob, load_ms: u64) -> Result<Option<JobEnd>, StoreError>;

    /// The job is given up. `trouble` is shown at its connection.
    async fn fail(
        &self,
        job: &ClaimedJob,
        failure: &JobFailure,
        trouble: Option<ConnectionTrouble>,
    ) -> Result<Option<JobEnd>, StoreError>;

    /// The job goes back to be begun again after `wait`, with one failure more; without
    /// `keep_extraction` it is then extracted anew.
    async fn defer(
        &self,
        job: &ClaimedJob,
        failure: &JobFailure,
        wait: Duration,
        keep_extraction: bool,
    ) -> Result<Option<JobEnd>, StoreError>;
}

/// What asking for a job brought.
#[derive(Clone, Debug)]
pub enum Claim {
    Claimed {
        job: Box<ClaimedJob>,
        /// The manifest that an earlier attempt wrote, or was going to write.
        manifest: Option<String>,
    },
    /// Another worker holds it, or its time has not come: ask again after this.
    Later(Duration),
    /// It has succeeded or failed, or its connection is gone. Whoever ended it may have died
    /// before it passed on `build_request`: what its run asked for and is not built yet.
    Ended { build_request: Option<i64> },
    /// There is no such job.
    Unknown,
}

/// What the person who looks after a connection should know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionTrouble {
    NeedsReauth,
    NeedsAttention,
}

/// What the end of a job meant for its run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JobEnd {
    /// Set if it was the run's last open job.
    pub run: Option<RunState>,
    /// Set if a build was asked for, because nothing of the run can be loaded any more, or for
    /// now.
    pub build_request: Option<i64>,
}
