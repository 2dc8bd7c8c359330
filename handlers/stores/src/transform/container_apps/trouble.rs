//! Why a call to the management API brought no answer, and whether it may be made again.

use std::time::Duration;

use azure_core::error::ErrorKind;
use azure_core::http::headers::RETRY_AFTER;
use azure_core::http::{RawResponse, StatusCode};

use super::ContainerAppsJobId;
use super::wire::Failure;
use crate::azure::explain;

/// Characters of a message from Azure that are kept.
const LONGEST: usize = 300;

/// A failed call.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(super) struct Trouble {
    pub(super) again: Again,
    /// The answer's status, if there was an answer.
    status: Option<StatusCode>,
    /// How long the service asks to wait.
    pub(super) wait: Option<Duration>,
    message: String,
}

/// Whether the call may be made again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Again {
    /// Nothing was done, and later it may be.
    Safe,
    /// It will pass, but what was asked for may have been done.
    Unsure,
    /// It will not pass by itself.
    Never,
}

impl Trouble {
    fn new(again: Again, message: String) -> Self {
        Self { again, status: None, wait: None, message }
    }

    pub(super) fn never(message: String) -> Self {
        Self::new(Again::Never, message)
    }

    /// The same of a call that was made after another had been accepted, which may have had its
    /// effect.
    pub(super) fn after_acceptance(self) -> Self {
        Self { again: Again::Unsure, ..self }
    }

    /// The service does not know what it was asked about.
    pub(super) fn is_not_found(&self) -> bool {
        self.status == Some(StatusCode::NotFound)
    }

    /// The service answered, and not with success.
    pub(super) fn refused(doing: &str, job: &ContainerAppsJobId, response: &RawResponse) -> Self {
        let status = response.status();
        let told = match serde_json::from_slice::<Failure>(response.body().as_ref()) {
            Ok(Failure { error }) => {
                let message: String =
                    error.message.unwrap_or_default().chars().take(LONGEST).collect();
                format!("{} {}: {message}", *status, error.code)
            }
            Err(_) => format!("{}", *status),
        };
        let (again, remedy) = match status {
            StatusCode::TooManyRequests | StatusCode::Conflict => (Again::Safe, String::new()),
            StatusCode::Unauthorized | StatusCode::Forbidden => (
                Again::Never,
                format!("; give the app's identity the role Container Apps Jobs Operator on {job}"),
            ),
            StatusCode::NotFound => (
                Again::Never,
                format!("; MIQ_TRANSFORM_JOB_ID names the job {job}, which infra-bicep creates"),
            ),
            StatusCode::RequestTimeout => (Again::Unsure, String::new()),
            _ if status.is_server_error() => (Again::Unsure, String::new()),
            _ => (Again::Never, String::new()),
        };
        let message = format!("Azure would not {doing} the dbt job ({told}){remedy}");
        Self { status: Some(status), wait: wait_of(response), ..Self::new(again, message) }
    }

    /// There was no answer.
    pub(super) fn unanswered(doing: &str, error: &azure_core::Error) -> Self {
        let again = match error.kind() {
            // Neither reached the service.
            ErrorKind::Connection | ErrorKind::Credential => Again::Safe,
            ErrorKind::Io => Again::Unsure,
            _ => Again::Never,
        };
        let reason = explain(error);
        Self::new(again, format!("Azure could not be asked to {doing} the dbt job: {reason}"))
    }

    /// There was no answer in time.
    pub(super) fn late(doing: &str, after: Duration) -> Self {
        let message =
            format!("Azure did not answer within {after:?} when asked to {doing} the dbt job");
        Self::new(Again::Unsure, message)
    }
}

fn wait_of(response: &RawResponse) -> Option<Duration> {
    let seconds = response.headers().get_optional_str(&RETRY_AFTER)?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}
