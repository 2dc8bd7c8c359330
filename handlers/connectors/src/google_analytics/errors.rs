//! What Google Analytics' refusals mean.

use std::time::Duration;

use domain::Platform;
use domain::ports::PlatformError;

use crate::client::Answer;
use crate::google_error::GoogleError;
use crate::retry::{Failure, Remedy};

/// Ten server errors an hour use up a quota of their own: at most three retries.
const TRIES: u32 = 4;

/// The words that tell one used-up quota from another, and how long each takes to come back.
const QUOTAS: [(&str, Duration); 6] = [
    ("concurrent requests", Duration::from_secs(30)),
    ("tokens for a project per hour", Duration::from_mins(30)),
    ("potentially thresholded", Duration::from_mins(30)),
    ("server errors", Duration::from_hours(1)),
    ("per hour", Duration::from_mins(30)),
    ("per day", Duration::from_hours(1)),
];

pub(crate) fn classify(platform: Platform, answer: &Answer<'_>) -> Failure {
    let error = GoogleError::read(answer.body);
    let status = answer.status.as_u16();
    match (error.status.as_str(), status) {
        ("RESOURCE_EXHAUSTED", _) | (_, 429) => throttled(platform, &error, answer),
        ("UNAUTHENTICATED", _) | (_, 401) => Failure::dead_token(platform),
        ("PERMISSION_DENIED", _) if error.has_reason("ACCESS_TOKEN_SCOPE_INSUFFICIENT") => {
            let scope = crate::oauth::what_is_consented_to(platform).to_owned();
            Failure::final_(PlatformError::MissingScope(platform, scope))
        }
        ("PERMISSION_DENIED", _) if error.has_reason("SERVICE_DISABLED") => operator(
            platform,
            "the Google Analytics Data and Admin APIs are not enabled in its Cloud project",
        ),
        ("PERMISSION_DENIED" | "NOT_FOUND", _) => {
            Failure::final_(PlatformError::PermissionDenied(platform))
        }
        ("INVALID_ARGUMENT", _) if error.message.contains("page token") => Failure {
            remedy: Remedy::StartOver,
            error: PlatformError::BadAnswer(platform, "its page tokens expire at once".into()),
        },
        ("INVALID_ARGUMENT", _) => {
            operator(platform, "it does not understand our query: update this application")
        }
        ("INTERNAL" | "UNAVAILABLE" | "UNKNOWN" | "DEADLINE_EXCEEDED", _) | (_, 500..) => {
            match answer.by_status(platform) {
                named @ Failure { remedy: Remedy::After(_), .. } => named,
                _ => failing(platform),
            }
        }
        // A version that is gone answers with a page that is no JSON.
        ("", 404) => operator(platform, "its API version is retired: update this application"),
        _ => answer.by_status(platform),
    }
}

fn throttled(platform: Platform, error: &GoogleError, answer: &Answer<'_>) -> Failure {
    let by_words = || QUOTAS.iter().find(|(words, _)| error.message.contains(words));
    let wait = answer
        .retry_after()
        .or_else(|| error.retry_delay())
        .or_else(|| by_words().map(|(_, wait)| *wait));
    Failure::throttled(platform, wait)
}

fn failing(platform: Platform) -> Failure {
    let source = "the platform failed on its own side";
    Failure {
        remedy: Remedy::Again { tries: TRIES },
        error: PlatformError::Unavailable(platform, source.into()),
    }
}

fn operator(platform: Platform, fix: &'static str) -> Failure {
    Failure::final_(PlatformError::Operator(platform, fix))
}

#[cfg(test)]
mod tests {
    use reqwest::StatusCode;
    use reqwest::header::HeaderMap;
    use serde_json::json;

    use super::*;

    fn refusal(status: u16, name: &str, message: &str) -> Failure {
        let body =
            json!({"error": {"code": status, "status": name, "message": message}}).to_string();
        let answer = Answer {
            status: StatusCode::from_u16(status).unwrap(),
            headers: &HeaderMap::new(),
            body: body.as_bytes(),
        };
        classify(Platform::GoogleAnalytics, &answer)
    }

    #[test]
    fn each_documented_refusal_has_its_remedy() {
        let half_hour = Remedy::After(Duration::from_mins(30));
        for (status, name, message, remedy, error) in [
            (
                429,
                "RESOURCE_EXHAUSTED",
                "Exhausted concurrent requests quota.",
                Remedy::After(Duration::from_secs(30)),
                "throttled",
            ),
            (
                429,
                "RESOURCE_EXHAUSTED",
                "Exhausted property tokens for a project per hour.",
                half_hour,
                "throttled",
            ),
            (
                429,
                "RESOURCE_EXHAUSTED",
                "Exhausted potentially thresholded requests quota.",
                half_hour,
                "throttled",
            ),
            (
                429,
                "RESOURCE_EXHAUSTED",
                "Exhausted server errors quota.",
                Remedy::After(Duration::from_hours(1)),
                "throttled",
            ),
            (401, "UNAUTHENTICATED", "", Remedy::Renew, "needs_reauth"),
            (403, "PERMISSION_DENIED", "", Remedy::GiveUp, "permission_denied"),
            (400, "INVALID_ARGUMENT", "", Remedy::GiveUp, "operator_action_needed"),
            (500, "INTERNAL", "", Remedy::Again { tries: 4 }, "platform_unavailable"),
            (503, "UNAVAILABLE", "", Remedy::Again { tries: 4 }, "platform_unavailable"),
            (404, "", "", Remedy::GiveUp, "operator_action_needed"),
        ] {
            let failure = refusal(status, name, message);
            assert_eq!(
                (failure.remedy, failure.error.code()),
                (remedy, error),
                "{status} {message}"
            );
        }
    }
}
