//! Jobs: one connection, one stream, one window of days. Re-fetched whole when retried.

use std::time::Duration;

use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use crate::{
    ConnectionId, CredentialId, CurrencyCode, DateRange, JobId, Platform, RunId, Stream, TenantId,
    TenantScope,
};

/// The text of a message on a platform's queue. The job's row holds all else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobMessage {
    pub job_id: JobId,
}

/// The text of a message on the transform queue: build all that was loaded, up to this request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransformMessage {
    pub request: i64,
}

/// A platform account that a tenant reads through a credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectedAccount {
    pub connection: ConnectionId,
    pub credential: CredentialId,
    pub platform: Platform,
    /// Bare: no dashes, no `act_`, no `properties/`.
    pub account_id: String,
    pub name: String,
    /// Google Ads: the manager account through which the login reaches this one.
    pub manager_id: Option<String>,
    pub time_zone: Tz,
    pub currency: CurrencyCode,
    /// Whether a daily stream of it has been loaded before; until then its history is read.
    pub has_history: bool,
}

/// A job to be planned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewJob {
    pub connection: ConnectionId,
    pub stream: Stream,
    pub window: DateRange,
    /// Part of the account's first read; once all such jobs of a run have succeeded, its
    /// history is loaded.
    pub history: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    Planned,
    Running,
    Succeeded,
    Failed,
}

/// A job that a worker holds. A later claim raises `attempt`, and what an earlier attempt then
/// reports is ignored.
#[derive(Clone, Debug)]
pub struct ClaimedJob {
    pub id: JobId,
    pub run: RunId,
    pub attempt: u32,
    /// Earlier attempts that reported a failure. The others ended without a word.
    pub failures: u32,
    pub account: ConnectedAccount,
    pub stream: Stream,
    pub window: DateRange,
    tenant: TenantId,
}

impl ClaimedJob {
    /// For the store that has just claimed the job's row.
    pub fn from_claimed_row(
        id: JobId,
        run: RunId,
        tenant: TenantId,
        attempt: u32,
        account: ConnectedAccount,
        stream: Stream,
        window: DateRange,
    ) -> Self {
        Self { id, run, attempt, failures: 0, account, stream, window, tenant }
    }

    /// The same, after so many attempts that failed.
    #[must_use]
    pub fn after_failures(self, failures: u32) -> Self {
        Self { failures, ..self }
    }

    /// The tenant that the job works for.
    pub fn scope(&self) -> TenantScope {
        TenantScope::of(self.tenant)
    }
}

/// What a job moved and how long each half took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobCounts {
    pub rows: u64,
    /// Compressed bytes in the raw store.
    pub bytes: u64,
    /// Calls made to the platform, retries included.
    pub requests: u64,
    pub extract_ms: u64,
    pub load_ms: u64,
}

/// Why a job failed, in words that a person may read. Never a platform's raw text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobFailure {
    /// Stable: `throttled`, `needs_reauth`, `account_disabled`, `platform_unavailable`, …
    pub code: String,
    /// One sentence that says what to do.
    pub message: String,
    /// When to try again; `None` if trying again is no use.
    pub retry_in: Option<Duration>,
}
