//! A run in answers.

use chrono::{DateTime, NaiveDate, Utc};
use domain::ports::{JobTally, RunState, RunSummary, RunTrigger};
use domain::{JobCounts, Platform, RunId, UserId};
use serde::Serialize;
use utoipa::ToSchema;

use crate::figures::PlatformName;

/// What one slot or one sync planned for the tenant.
#[derive(Serialize, ToSchema)]
pub(super) struct Run {
    #[schema(value_type = uuid::Uuid)]
    id: RunId,
    trigger: TriggerName,
    /// Null for a sync that a person started.
    slot: Option<SlotOut>,
    /// Who started the sync; null for a slot, or where the command line did.
    #[schema(value_type = Option<uuid::Uuid>)]
    requested_by: Option<UserId>,
    #[schema(value_type = RunStateName)]
    state: RunState,
    #[schema(value_type = Vec<PlatformName>)]
    platforms: Vec<Platform>,
    created_at: DateTime<Utc>,
    /// Null while jobs are open.
    finished_at: Option<DateTime<Utc>>,
    /// The data version in which its rows were first served; null until then.
    data_version: Option<i64>,
    jobs: JobTallyOut,
    #[serde(flatten)]
    counts: Counts,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = RunTrigger)]
enum TriggerName {
    Slot,
    Manual,
}

/// One of the tenant's three daily slots, on its own clock.
#[derive(Serialize, ToSchema)]
#[schema(as = Slot)]
struct SlotOut {
    date: NaiveDate,
    /// 6, 14 or 22.
    #[schema(example = 14)]
    hour: u8,
}

#[derive(ToSchema)]
#[schema(as = RunState, rename_all = "snake_case")]
#[expect(dead_code, reason = "the schema of domain::ports::RunState")]
enum RunStateName {
    Running,
    Succeeded,
    /// Some jobs failed; the rows of the others count.
    PartlyFailed,
    Failed,
}

/// How many jobs are in each state.
#[derive(Serialize, ToSchema)]
#[schema(as = JobTally)]
struct JobTallyOut {
    planned: u32,
    running: u32,
    succeeded: u32,
    failed: u32,
}

/// What was moved, and how long it took. Times of jobs that run at once add up.
#[derive(Serialize, ToSchema)]
pub(super) struct Counts {
    /// Rows read from platforms.
    rows: u64,
    /// Compressed bytes kept.
    bytes: u64,
    /// Calls made to platforms, retries included.
    requests: u64,
    extract_ms: u64,
    load_ms: u64,
}

impl From<RunSummary> for Run {
    fn from(run: RunSummary) -> Self {
        let (trigger, slot, requested_by) = match run.trigger {
            RunTrigger::Slot(slot) => {
                let slot = SlotOut { date: slot.date, hour: slot.hour.hour() };
                (TriggerName::Slot, Some(slot), None)
            }
            RunTrigger::Manual(by) => (TriggerName::Manual, None, by),
        };
        Self {
            id: run.id,
            trigger,
            slot,
            requested_by,
            state: run.state,
            platforms: run.platforms.into_iter().collect(),
            created_at: run.created_at,
            finished_at: run.finished_at,
            data_version: run.data_version,
            jobs: run.jobs.into(),
            counts: run.counts.into(),
        }
    }
}

impl From<JobTally> for JobTallyOut {
    fn from(JobTally { planned, running, succeeded, failed }: JobTally) -> Self {
        Self { planned, running, succeeded, failed }
    }
}

impl From<JobCounts> for Counts {
    fn from(counts: JobCounts) -> Self {
        let JobCounts { rows, bytes, requests, extract_ms, load_ms } = counts;
        Self { rows, bytes, requests, extract_ms, load_ms }
    }
}
