use std::time::Duration;

use domain::{JobCounts, JobFailure, RunId};
use serde::Serialize;

use crate::{JobLabel, TransformDone};

/// What a sync did.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SyncReport {
    pub runs: Vec<RunId>,
    pub jobs: JobTotals,
    /// Over all jobs.
    pub counts: JobCounts,
    pub seconds: SyncSeconds,
    pub failures: Vec<SyncFailure>,
    /// The version that is served now.
    pub data_version: i64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct JobTotals {
    pub planned: usize,
    pub succeeded: usize,
    pub failed: usize,
    /// Put off for so long that they are left to the queues.
    pub waiting: usize,
    /// Ended by another process.
    pub elsewhere: usize,
}

/// `extract` and `load` are added up over jobs that ran side by side; `total` is by the clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct SyncSeconds {
    pub extract: f64,
    pub load: f64,
    pub transform: f64,
    pub publish: f64,
    pub total: f64,
}

/// A job that has not brought its rows, in words for a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SyncFailure {
    #[serde(flatten)]
    pub job: JobLabel,
    pub code: String,
    pub message: String,
}

/// What has been heard of the jobs so far.
#[derive(Debug, Default)]
pub(super) struct Tally {
    jobs: JobTotals,
    counts: JobCounts,
    failures: Vec<SyncFailure>,
}

impl Tally {
    pub(super) fn of(planned: usize) -> Self {
        Self { jobs: JobTotals { planned, ..JobTotals::default() }, ..Self::default() }
    }

    pub(super) fn succeeded(&mut self, counts: &JobCounts) {
        self.jobs.succeeded += 1;
        self.counts.rows += counts.rows;
        self.counts.bytes += counts.bytes;
        self.counts.requests += counts.requests;
        self.counts.extract_ms += counts.extract_ms;
        self.counts.load_ms += counts.load_ms;
    }

    pub(super) fn failed(&mut self, job: &JobLabel, failure: &JobFailure) {
        self.jobs.failed += 1;
        self.note(job, failure);
    }

    pub(super) fn waits(&mut self, known: Option<(&JobLabel, &JobFailure)>) {
        self.jobs.waiting += 1;
        if let Some((job, failure)) = known {
            self.note(job, failure);
        }
    }

    pub(super) fn ended_elsewhere(&mut self) {
        self.jobs.elsewhere += 1;
    }

    fn note(&mut self, job: &JobLabel, failure: &JobFailure) {
        self.failures.push(SyncFailure {
            job: job.clone(),
            code: failure.code.clone(),
            message: failure.message.clone(),
        });
    }

    pub(super) fn report(
        self,
        runs: Vec<RunId>,
        done: &TransformDone,
        total: Duration,
    ) -> SyncReport {
        let milliseconds = |count: u64| Duration::from_millis(count).as_secs_f64();
        let seconds = SyncSeconds {
            extract: milliseconds(self.counts.extract_ms),
            load: milliseconds(self.counts.load_ms),
            transform: done.transform.as_secs_f64(),
            publish: done.publish.as_secs_f64(),
            total: total.as_secs_f64(),
        };
        SyncReport {
            runs,
            jobs: self.jobs,
            counts: self.counts,
            seconds,
            failures: self.failures,
            data_version: done.published.data_version,
        }
    }
}
