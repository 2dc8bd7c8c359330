//! The record that makes an extraction exist: written last, put if absent.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::{CurrencyCode, DateRange, ExtractionPath, JobId, Platform, TenantId};

/// What one attempt at one job brought home.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`Manifest::FORMAT`] of the version that wrote it.
    pub format: u32,
    pub tenant_id: TenantId,
    pub platform: Platform,
    pub account_id: String,
    pub account_name: String,
    pub stream: String,
    pub job_id: JobId,
    pub attempt: u32,
    /// As the platform names it: `v26`, `v26.0`, `v1beta`.
    pub api_version: String,
    /// First and last local day that this extraction covers, both included.
    pub window_start: chrono::NaiveDate,
    pub window_end: chrono::NaiveDate,
    pub account_time_zone: Tz,
    pub account_currency: CurrencyCode,
    pub parts: Vec<Part>,
    pub totals: Totals,
    pub quality: Quality,
    /// The platform's own ids of the requests, for its support desk.
    pub request_ids: Vec<String>,
    pub started_at: DateTime<Utc>,
    pub finished_at: DateTime<Utc>,
}

/// One stored file: a zstd stream of NDJSON, one row a line as the platform sent it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// The file's full path in the raw store.
    pub path: String,
    pub rows: u64,
    /// Of the stored, compressed file.
    pub bytes: u64,
    /// SHA-256 of the stored bytes, in lower-case hexadecimal.
    pub sha256: String,
}

/// Sums over all rows of the additive metrics that the stream has; for reconciliation.
/// Money is in major units of the account's currency.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Totals {
    pub rows: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub impressions: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clicks: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<Decimal>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversions: Option<Decimal>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversion_value: Option<Decimal>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sessions: Option<i64>,
}

/// What the platform itself said about the completeness of its figures.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "four independent flags that a platform sends")]
pub struct Quality {
    /// Estimated from a sample of the events.
    pub sampled: bool,
    /// Rows about few people were withheld.
    pub thresholded: bool,
    /// Rare values were folded into an "(other)" row.
    pub other_row: bool,
    /// The platform cut the answer short.
    pub truncated: bool,
}

impl Quality {
    pub fn merge(&mut self, other: &Self) {
        self.sampled |= other.sampled;
        self.thresholded |= other.thresholded;
        self.other_row |= other.other_row;
        self.truncated |= other.truncated;
    }
}

impl Manifest {
    pub const FORMAT: u32 = 1;

    pub fn window(&self) -> Result<DateRange, crate::InvalidRange> {
        DateRange::new(self.window_start, self.window_end)
    }

    /// Whether this manifest speaks of the extraction at `path`, so that no payload can claim
    /// another tenant's place.
    pub fn belongs_to(&self, path: &ExtractionPath) -> bool {
        self.tenant_id == path.tenant
            && self.platform == path.platform
            && self.account_id == path.account_id
            && self.stream == path.stream
            && self.job_id == path.job
            && self.attempt == path.attempt
    }
}
