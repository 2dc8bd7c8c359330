//! Runs done from beginning to end in this process: the command line's `sync`, and the demo.

mod report;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::ports::{FailedNode, PlannedJob, PlannedRun, StoreError};
use domain::{JobCounts, JobFailure, JobId, Platform};
use futures_util::StreamExt;
use futures_util::stream;
use tokio::time::{Instant, sleep};

use crate::{
    JobLabel, JobOutcome, Planner, Transform, TransformDone, TransformError, TransformOutcome,
    WorkError, Worker,
};

use report::Tally;
pub use report::{JobTotals, SyncFailure, SyncReport, SyncSeconds};

/// Jobs of one platform that are worked on at once.
const AT_ONCE: usize = 4;

/// A job that has to wait longer is left to the queues.
const PATIENCE: Duration = Duration::from_secs(90);

/// How long another's build is waited for.
const BUILD_PATIENCE: Duration = Duration::from_mins(30);

/// Another's build, and a store that is away, are asked after this often.
const ASK_AGAIN: Duration = Duration::from_secs(2);

pub struct Sync {
    pub planner: Arc<Planner>,
    pub worker: Arc<Worker>,
    pub transform: Arc<Transform>,
}

/// What is going on, for whoever watches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SyncEvent {
    Planned {
        jobs: usize,
    },
    JobBegun {
        job: JobId,
        platform: Platform,
    },
    JobSucceeded {
        job: JobId,
        label: JobLabel,
        counts: JobCounts,
    },
    JobFailed {
        job: JobId,
        label: JobLabel,
        failure: JobFailure,
    },
    /// It is begun again after `wait`, here if that is not too long.
    JobWaits {
        job: JobId,
        wait: Duration,
    },
    /// Another process has dealt with it.
    JobEnded {
        job: JobId,
    },
    Building,
    /// Another process is building; its end is waited for.
    BuildWaits,
    Published {
        data_version: i64,
        days: u64,
        rows: u64,
    },
}

/// Why a sync was broken off. What it had done stays done.
#[derive(Debug, thiserror::Error)]
pub enum SyncError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Work(#[from] WorkError),
    #[error(transparent)]
    Transform(#[from] TransformError),
    #[error("the build failed in {}, so nothing new was published: {}", .0.node, .0.message)]
    BuildFailed(FailedNode),
    #[error("another process has been building for half an hour; the figures follow when it ends")]
    BuildBusy,
}

/// Called from many jobs at once.
pub type Progress<'a> = &'a (dyn Fn(SyncEvent) + Send + std::marker::Sync);

impl Sync {
    /// Does the jobs of `runs`, then one build for all of them.
    pub async fn run(
        &self,
        runs: &[PlannedRun],
        progress: Progress<'_>,
    ) -> Result<SyncReport, SyncError> {
        let started = Instant::now();
        for run in runs {
            self.planner.take_in_hand(run).await?;
        }
        let jobs: Vec<_> = runs.iter().flat_map(|run| run.jobs.iter().copied()).collect();
        progress(SyncEvent::Planned { jobs: jobs.len() });
        let tally = self.drain(&jobs, progress).await?;
        let done = self.build(progress).await?;
        let runs = runs.iter().map(|run| run.run_id).collect();
        Ok(tally.report(runs, &done, started.elapsed()))
    }

    /// Platforms side by side, so that none waits for another.
    async fn drain(&self, jobs: &[PlannedJob], progress: Progress<'_>) -> Result<Tally, WorkError> {
        let tally = Mutex::new(Tally::of(jobs.len()));
        let mut by_platform: BTreeMap<Platform, Vec<PlannedJob>> = BTreeMap::new();
        for job in jobs {
            by_platform.entry(job.platform).or_default().push(*job);
        }
        let platforms = by_platform.into_values().map(|jobs| async {
            let mut ends = stream::iter(jobs)
                .map(|job| self.job(job, &tally, progress))
                .buffer_unordered(AT_ONCE);
            while let Some(end) = ends.next().await {
                end?;
            }
            Ok::<_, WorkError>(())
        });
        futures_util::future::try_join_all(platforms).await?;
        Ok(tally.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    /// One job, until it has ended or is better left alone. A store that is away for a moment
    /// delays the job and breaks nothing off.
    async fn job(
        &self,
        job: PlannedJob,
        tally: &Mutex<Tally>,
        progress: Progress<'_>,
    ) -> Result<(), WorkError> {
        let PlannedJob { id, platform } = job;
        let tally = || tally.lock().unwrap_or_else(PoisonError::into_inner);
        let started = Instant::now();
        progress(SyncEvent::JobBegun { job: id, platform });
        loop {
            let outcome = match self.worker.run_job(id).await {
                Err(WorkError::Store(error @ StoreError::Unavailable { .. }))
                    if started.elapsed() + ASK_AGAIN < PATIENCE =>
                {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(job = %id, error, "a job is tried again soon");
                    JobOutcome::Later { wait: ASK_AGAIN }
                }
                outcome => outcome?,
            };
            let wait = match outcome {
                JobOutcome::Succeeded { job: label, counts, .. } => {
                    tally().succeeded(&counts);
                    progress(SyncEvent::JobSucceeded { job: id, label, counts });
                    return Ok(());
                }
                JobOutcome::Failed { job: label, failure, .. } => {
                    tally().failed(&label, &failure);
                    progress(SyncEvent::JobFailed { job: id, label, failure });
                    return Ok(());
                }
                // What its run has asked for is built at the end, as for the jobs done here.
                JobOutcome::Ended { .. } => {
                    tally().ended_elsewhere();
                    progress(SyncEvent::JobEnded { job: id });
                    return Ok(());
                }
                JobOutcome::Deferred { job: label, failure, wait, .. } => {
                    if started.elapsed() + wait > PATIENCE {
                        tally().waits(Some((&label, &failure)));
                        progress(SyncEvent::JobWaits { job: id, wait });
                        return Ok(());
                    }
                    wait
                }
                JobOutcome::Later { wait } => wait,
                JobOutcome::Superseded => ASK_AGAIN,
            };
            progress(SyncEvent::JobWaits { job: id, wait });
            if started.elapsed() + wait > PATIENCE {
                tally().waits(None);
                return Ok(());
            }
            sleep(wait + Duration::from_millis(50)).await;
        }
    }

    async fn build(&self, progress: Progress<'_>) -> Result<TransformDone, SyncError> {
        let deadline = Instant::now() + BUILD_PATIENCE;
        progress(SyncEvent::Building);
        loop {
            let done = match self.transform.run().await? {
                TransformOutcome::Published(done) => done,
                TransformOutcome::UpToDate { data_version } => {
                    let mut done = TransformDone::default();
                    done.published.data_version = data_version;
                    done
                }
                TransformOutcome::Failed { failed } => {
                    let first = failed.into_iter().next().expect("something failed");
                    return Err(SyncError::BuildFailed(first));
                }
                TransformOutcome::Busy { wait } => {
                    if Instant::now() > deadline {
                        return Err(SyncError::BuildBusy);
                    }
                    progress(SyncEvent::BuildWaits);
                    sleep(wait.clamp(Duration::from_millis(100), ASK_AGAIN)).await;
                    continue;
                }
            };
            let published = done.published;
            progress(SyncEvent::Published {
                data_version: published.data_version,
                days: published.days,
                rows: published.rows,
            });
            return Ok(done);
        }
    }
}
