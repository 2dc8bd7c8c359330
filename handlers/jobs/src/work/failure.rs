//! What a failed attempt means: try again, and when; or give up, and whom to tell.

use std::time::Duration;

use domain::ports::{ConnectionTrouble, PlatformError, StoreError};
use domain::{ClaimedJob, InvalidExtraction, JobFailure};

use crate::unpack::UnpackError;

/// Attempts that end in a failure of which we hear, before the job is given up.
const MOST_FAILURES: u32 = 5;

/// The first wait; each later one is four times as long.
const FIRST_WAIT: Duration = Duration::from_secs(15);

/// No wait is longer, unless the platform says so.
const LONGEST_WAIT: Duration = Duration::from_mins(30);

/// Why an attempt failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AttemptError {
    #[error(transparent)]
    Platform(#[from] PlatformError),
    #[error("the raw store failed")]
    Raw(#[source] StoreError),
    #[error("the warehouse failed")]
    Warehouse(#[source] StoreError),
    #[error("the application database failed")]
    Runs(#[source] StoreError),
    #[error("what was stored cannot be loaded")]
    Damaged(#[source] UnpackError),
    #[error("what was stored cannot be loaded")]
    Invalid(#[from] InvalidExtraction),
    #[error("the connector counted {read} rows, and {landed} were stored")]
    LostRows { read: u64, landed: u64 },
}

/// What to do about a failed attempt.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// `retry_in` decides.
    pub(crate) failure: JobFailure,
    /// What was extracted is good, and is loaded by the next attempt.
    pub(crate) keep_extraction: bool,
    pub(crate) trouble: Option<ConnectionTrouble>,
}

pub(crate) fn judge(error: &AttemptError, job: &ClaimedJob) -> Verdict {
    let (code, message, keep_extraction) = match error {
        AttemptError::Platform(error) => (error.code(), error.to_string(), false),
        AttemptError::Raw(_) | AttemptError::Runs(_) => (
            "storage_unavailable",
            "storage is not available; the work is tried again".into(),
            true,
        ),
        AttemptError::Warehouse(StoreError::Corrupt { .. }) => (
            "unreadable_rows",
            "the platform sent rows that cannot be read, or one twice; the operator's log says which"
                .into(),
            false,
        ),
        AttemptError::Warehouse(_) => (
            "warehouse_unavailable",
            "the warehouse is not available; the work is tried again".into(),
            true,
        ),
        AttemptError::Damaged(_) | AttemptError::Invalid(_) | AttemptError::LostRows { .. } => (
            "raw_damaged",
            "the stored extraction is damaged; the account is read again".into(),
            false,
        ),
    };
    let another_try = is_worth_another_try(error) && job.failures + 1 < MOST_FAILURES;
    let retry_in = another_try.then(|| asked_wait(error).max(back_off(job)));
    Verdict {
        failure: JobFailure { code: code.to_owned(), message, retry_in },
        keep_extraction,
        trouble: trouble(error),
    }
}

/// For a job whose attempts kept ending without a word.
pub(crate) fn given_up() -> JobFailure {
    JobFailure {
        code: "given_up".to_owned(),
        message: "the work was begun many times and never came to an end; ask the operator"
            .to_owned(),
        retry_in: None,
    }
}

fn is_worth_another_try(error: &AttemptError) -> bool {
    match error {
        AttemptError::Platform(error) => match error {
            PlatformError::Throttled(..)
            | PlatformError::Unavailable(..)
            | PlatformError::BadAnswer(..) => true,
            PlatformError::NeedsReauth(_)
            | PlatformError::MissingScope(..)
            | PlatformError::PermissionDenied(_)
            | PlatformError::AccountDisabled(_)
            | PlatformError::TooMuchData(_)
            | PlatformError::Operator(..)
            | PlatformError::NotConfigured(..) => false,
        },
        AttemptError::Raw(_)
        | AttemptError::Warehouse(_)
        | AttemptError::Runs(_)
        | AttemptError::Damaged(_)
        | AttemptError::Invalid(_)
        | AttemptError::LostRows { .. } => true,
    }
}

/// The wait that the platform asked for, if it did.
fn asked_wait(error: &AttemptError) -> Duration {
    match error {
        AttemptError::Platform(PlatformError::Throttled(_, Some(wait))) => *wait,
        _ => Duration::ZERO,
    }
}

fn trouble(error: &AttemptError) -> Option<ConnectionTrouble> {
    let AttemptError::Platform(error) = error else { return None };
    match error {
        PlatformError::NeedsReauth(_) | PlatformError::MissingScope(..) => {
            Some(ConnectionTrouble::NeedsReauth)
        }
        PlatformError::PermissionDenied(_) | PlatformError::AccountDisabled(_) => {
            Some(ConnectionTrouble::NeedsAttention)
        }
        _ => None,
    }
}

/// Up to a quarter longer than its step, by the job's id, so that jobs that were refused
/// together do not come back together.
fn back_off(job: &ClaimedJob) -> Duration {
    let step = FIRST_WAIT.saturating_mul(4_u32.saturating_pow(job.failures));
    let step = step.min(LONGEST_WAIT);
    let [.., last] = *job.id.uuid().as_bytes();
    step + step / 4 * u32::from(last) / u32::from(u8::MAX)
}

#[cfg(test)]
mod tests {
    use domain::{
        ConnectedAccount, ConnectionId, CredentialId, DateRange, JobId, Platform, RunId, Stream,
        TenantId,
    };

    use super::*;

    /// After an attempt that ended without a word, and so many that failed.
    fn job(failures: u32) -> ClaimedJob {
        let account = ConnectedAccount {
            connection: ConnectionId::new(),
            credential: CredentialId::new(),
            platform: Platform::MetaAds,
            account_id: "1".to_owned(),
            name: "Shop".to_owned(),
            manager_id: None,
            time_zone: chrono_tz::UTC,
            currency: "EUR".parse().unwrap(),
            has_history: true,
        };
        let window = DateRange::ending("2024-03-31".parse().unwrap(), 28);
        let stream = Stream::META_ADS_INSIGHTS_DAILY;
        let (run, tenant) = (RunId::new(), TenantId::new());
        let attempt = failures + 2;
        ClaimedJob::from_claimed_row(JobId::new(), run, tenant, attempt, account, stream, window)
            .after_failures(failures)
    }

    fn verdict(error: PlatformError, failures: u32) -> Verdict {
        judge(&error.into(), &job(failures))
    }

    #[test]
    fn waits_grow_and_end() {
        let waits: Vec<_> = (0..MOST_FAILURES)
            .map(|failures| {
                let error = PlatformError::Unavailable(Platform::MetaAds, "down".into());
                verdict(error, failures).failure.retry_in
            })
            .collect();
        assert_eq!(waits[4], None);
        assert!(waits[..4].is_sorted() && waits[0] >= Some(FIRST_WAIT), "{waits:?}");
        assert!(waits[3] <= Some(LONGEST_WAIT * 5 / 4), "{waits:?}");
    }

    #[test]
    fn a_platform_that_names_its_wait_is_believed() {
        let hour = Duration::from_hours(1);
        let throttled = verdict(PlatformError::Throttled(Platform::MetaAds, Some(hour)), 0);
        assert_eq!(throttled.failure.retry_in, Some(hour));
        assert_eq!(throttled.trouble, None);
        let brief = PlatformError::Throttled(Platform::MetaAds, Some(Duration::from_secs(1)));
        assert!(verdict(brief, 0).failure.retry_in >= Some(FIRST_WAIT));
    }

    #[test]
    fn a_dead_consent_or_account_is_given_up_at_once_and_shown_at_its_connection() {
        let dead = verdict(PlatformError::NeedsReauth(Platform::MetaAds), 0);
        assert_eq!(dead.failure.retry_in, None);
        assert_eq!(dead.failure.code, "needs_reauth");
        assert_eq!(dead.trouble, Some(ConnectionTrouble::NeedsReauth));
        let disabled = verdict(PlatformError::AccountDisabled(Platform::MetaAds), 0);
        assert_eq!(disabled.failure.retry_in, None);
        assert_eq!(disabled.trouble, Some(ConnectionTrouble::NeedsAttention));
    }

    #[test]
    fn rows_that_no_warehouse_takes_are_read_anew_until_the_job_fails() {
        let refused = |number| {
            let source = "twice".into();
            let refused = StoreError::Corrupt { what: "the extraction", source };
            judge(&AttemptError::Warehouse(refused), &job(number))
        };
        let first = refused(1);
        assert!(!first.keep_extraction && first.failure.retry_in.is_some());
        let last = (1..10).map(refused).find(|verdict| verdict.failure.retry_in.is_none());
        assert_eq!(last.expect("it ends").failure.code, "unreadable_rows");
    }

    #[test]
    fn only_a_good_extraction_is_loaded_again() {
        let away = || StoreError::Unavailable { what: "the warehouse", source: "down".into() };
        assert!(judge(&AttemptError::Warehouse(away()), &job(0)).keep_extraction);
        let damaged = UnpackError::Damaged { path: "p".to_owned(), reason: "r" };
        let verdict = judge(&AttemptError::Damaged(damaged), &job(0));
        assert!(!verdict.keep_extraction && verdict.failure.retry_in.is_some());
    }
}
