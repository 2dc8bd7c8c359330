//! What is to be read, and when: slots that are due, and what a person asks for.
//!
//! **Invariant:** a run and its jobs are recorded before any message is sent, and a job without
//! a message is found again. So a crash in between loses nothing, and a message that is sent
//! twice does nothing twice.

mod windows;

use std::sync::Arc;
use std::time::Duration;

use chrono::NaiveDate;
use domain::ports::{
    BuildStore, JobQueue, PlannableAccount, PlannableTenant, PlannedRun, RunPlanning, StoreError,
};
use domain::registry::TRANSFORM_QUEUE;
use domain::{
    BusinessClock, ConnectedAccount, DateRange, JobId, JobMessage, NewJob, Platform, Slot,
    TenantScope, TransformMessage, UserId,
};
use serde::Serialize;

/// Whoever records a job sends its message within this, or is dead.
const SENDING: Duration = Duration::from_mins(1);

/// A message that has not been worked on after this is taken for lost. Queues keep theirs; this
/// finds what was never sent, or went to a poison queue.
const LOST_AFTER: Duration = Duration::from_hours(1);

/// After a build that failed, or whose builder died, the next try; just under the timers' half
/// hour, so that one of them repeats it.
const BUILD_AGAIN_AFTER: Duration = Duration::from_mins(25);

/// How far back an account is read the first time, unless set otherwise.
pub const DEFAULT_BACKFILL_DAYS: u32 = 90;

pub struct Planner {
    pub planning: Arc<dyn RunPlanning>,
    pub builds: Arc<dyn BuildStore>,
    pub queue: Arc<dyn JobQueue>,
    pub clock: Arc<dyn BusinessClock>,
    /// How far back an account is read the first time.
    pub backfill_days: u32,
}

/// What a person wants read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ManualSync {
    /// `None`: all.
    pub platforms: Option<Vec<Platform>>,
    /// `None`: what a slot would read.
    pub range: Option<DateRange>,
    /// `None`: the command line.
    pub requested_by: Option<UserId>,
}

/// A job that would be planned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    pub account: ConnectedAccount,
    pub job: NewJob,
}

/// Why nothing was planned. `Display` may be shown to a person.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    #[error("no account is connected: connect one first, then sync")]
    NoConnections,
    #[error("{last} is still to come: choose a range that ends on {today} or before")]
    InTheFuture { last: NaiveDate, today: NaiveDate },
    #[error(
        "the platforms keep figures from {oldest} on: choose a range that begins then or later"
    )]
    TooOld { oldest: NaiveDate },
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What a timer did, for the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PlatformPlan {
    /// Slots that were due and had not been planned.
    pub slots: usize,
    pub jobs: usize,
    /// Jobs of earlier plans whose message was missing.
    pub resent: usize,
    /// A build that was asked for and forgotten.
    pub build_request: Option<i64>,
}

impl Planner {
    /// Plans the slots of a platform that are due, and sends what has not been sent. A tenant
    /// that cannot be planned does not keep the others from it; the last such error is the
    /// answer, and running again is right.
    #[tracing::instrument(skip(self))]
    pub async fn plan_platform(&self, platform: Platform) -> Result<PlatformPlan, StoreError> {
        let mut plan = PlatformPlan::default();
        let mut failed = None;
        for tenant in self.planning.tenants(platform).await? {
            match self.plan_tenant(tenant, platform).await {
                Ok(None) => {}
                Ok(Some(run)) => {
                    plan.slots += 1;
                    plan.jobs += run.jobs.len();
                }
                Err(error) => {
                    tracing::error!(
                        tenant = %tenant.tenant, error = &error as &dyn std::error::Error,
                        "the slot was not planned"
                    );
                    failed = Some(error);
                }
            }
        }
        plan.resent = self.resend(platform).await?;
        plan.build_request = self.remind_of_build().await?;
        failed.map_or(Ok(plan), Err)
    }

    async fn plan_tenant(
        &self,
        tenant: PlannableTenant,
        platform: Platform,
    ) -> Result<Option<PlannedRun>, StoreError> {
        let slot = Slot::newest_due(tenant.tenant, tenant.time_zone, self.clock.now());
        if self.planning.is_planned(slot, platform).await? {
            return Ok(None);
        }
        let accounts = self.planning.accounts(tenant.tenant, &[platform]).await?;
        let jobs: Vec<_> = accounts.iter().flat_map(|account| self.due(account)).collect();
        let Some(run) = self.planning.plan_slot(slot, platform, &jobs).await? else {
            return Ok(None);
        };
        tracing::info!(
            tenant = %tenant.tenant, run = %run.run_id, date = %slot.date,
            hour = slot.hour.hour(), jobs = run.jobs.len(), "planned a slot"
        );
        self.enqueue(&run).await?;
        Ok(Some(run))
    }

    /// Sends each job to its platform's queue. If that fails half way, a timer sends the rest.
    pub async fn enqueue(&self, run: &PlannedRun) -> Result<(), StoreError> {
        for job in &run.jobs {
            self.send(job.platform, job.id, Duration::ZERO).await?;
        }
        Ok(())
    }

    /// Says that this process will do the run's jobs itself, so that no timer sends them.
    pub async fn take_in_hand(&self, run: &PlannedRun) -> Result<(), StoreError> {
        let ids: Vec<_> = run.jobs.iter().map(|job| job.id).collect();
        self.planning.mark_enqueued(&ids).await
    }

    /// Plans what a person wants read. The jobs are then either sent ([`Planner::enqueue`]) or
    /// done by the caller ([`crate::Sync`]).
    pub async fn plan_manual(
        &self,
        scope: &TenantScope,
        sync: &ManualSync,
    ) -> Result<PlannedRun, PlanError> {
        let drafts = self.dry_run(scope, sync).await?;
        let jobs: Vec<_> = drafts.into_iter().map(|draft| draft.job).collect();
        let run = self.planning.plan_manual(scope, sync.requested_by, &jobs).await?;
        tracing::info!(
            tenant = %scope.tenant(), run = %run.run_id, jobs = run.jobs.len(), "planned a sync"
        );
        Ok(run)
    }

    /// What [`Planner::plan_manual`] would plan.
    pub async fn dry_run(
        &self,
        scope: &TenantScope,
        sync: &ManualSync,
    ) -> Result<Vec<Draft>, PlanError> {
        let platforms = sync.platforms.as_deref().unwrap_or(&Platform::ALL);
        let accounts = self.planning.accounts(scope.tenant(), platforms).await?;
        if accounts.is_empty() {
            return Err(PlanError::NoConnections);
        }
        if let Some(range) = sync.range {
            self.check_range(range, &accounts)?;
        }
        let drafts = accounts.into_iter().flat_map(|account| {
            let jobs = match sync.range {
                Some(range) => windows::chosen(&account, self.today(&account), range),
                None => self.due(&account),
            };
            jobs.into_iter().map(move |job| Draft { account: account.account.clone(), job })
        });
        Ok(drafts.collect())
    }

    /// Some account has to have reached the range's last day, and some platform still to keep
    /// its first.
    fn check_range(
        &self,
        range: DateRange,
        accounts: &[PlannableAccount],
    ) -> Result<(), PlanError> {
        let today = accounts.iter().map(|account| self.today(account)).max();
        if let Some(today) = today.filter(|today| range.last() > *today) {
            return Err(PlanError::InTheFuture { last: range.last(), today });
        }
        let oldest =
            accounts.iter().map(|account| windows::oldest_day(account, self.today(account))).min();
        match oldest.filter(|oldest| range.first() < *oldest) {
            Some(oldest) => Err(PlanError::TooOld { oldest }),
            None => Ok(()),
        }
    }

    fn due(&self, account: &PlannableAccount) -> Vec<NewJob> {
        windows::due(account, self.today(account), self.backfill_days)
    }

    /// On the account's own calendar.
    fn today(&self, account: &PlannableAccount) -> NaiveDate {
        self.clock.today(account.account.time_zone)
    }

    async fn resend(&self, platform: Platform) -> Result<usize, StoreError> {
        let unsent = self.planning.unsent(platform, SENDING, LOST_AFTER).await?;
        for job in &unsent {
            self.send(platform, *job, Duration::ZERO).await?;
        }
        Ok(unsent.len())
    }

    async fn remind_of_build(&self) -> Result<Option<i64>, StoreError> {
        let forgotten = self.builds.forgotten_request(BUILD_AGAIN_AFTER).await?;
        if let Some(request) = forgotten {
            self.request_build(request, Duration::ZERO).await?;
        }
        Ok(forgotten)
    }

    /// Puts a job's message on its queue, to be seen after `delay`.
    pub async fn send(
        &self,
        platform: Platform,
        job: JobId,
        delay: Duration,
    ) -> Result<(), StoreError> {
        let text = serde_json::to_string(&JobMessage { job_id: job }).expect("it is plain data");
        self.queue.send(platform.queue(), &text, delay).await?;
        self.planning.mark_enqueued(&[job]).await
    }

    /// Puts a request on the queue of builds, to be seen after `delay`.
    pub async fn request_build(&self, request: i64, delay: Duration) -> Result<(), StoreError> {
        let text = serde_json::to_string(&TransformMessage { request }).expect("it is plain data");
        self.queue.send(TRANSFORM_QUEUE, &text, delay).await
    }
}
