//! What Meta's refusals mean. The HTTP status says little (throttling is a 400): the code and the
//! subcode decide, and in a few cases only the words do.

use std::time::Duration;

use domain::Platform;
use domain::ports::PlatformError;
use serde::Deserialize;

use super::usage;
use crate::client::Answer;
use crate::retry::{Failure, Remedy};

const WRONG_APP: &str = "the app id or secret is wrong: correct the settings";

#[derive(Default, Deserialize)]
#[serde(default)]
struct Refusal {
    error: GraphError,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct GraphError {
    message: String,
    code: Option<i64>,
    error_subcode: i64,
    is_transient: bool,
}

pub(crate) fn classify(platform: Platform, answer: &Answer<'_>) -> Failure {
    let Refusal { error } = serde_json::from_slice(answer.body).unwrap_or_default();
    let Some(code) = error.code else { return answer.by_status(platform) };
    if error.message.contains("reduce the amount of data") {
        return Failure::too_much(platform);
    }
    match (code, error.error_subcode) {
        (100, 1_487_534 | 1_504_018) | (2, 1_504_038) => Failure::too_much(platform),
        (2, 1_504_041 | 1_504_042) => not_understood(platform),
        (1, _)
            if error.message.contains("client secret") || error.message.contains("application") =>
        {
            operator(platform, WRONG_APP)
        }
        // Throttling comes before `is_transient`, which accompanies it.
        (4 | 17 | 32 | 613 | 80_000..=80_014, _) => Failure::throttled(platform, wait_of(answer)),
        // A login's code expired, was used, or was given to another address.
        (100, 36_007..=36_009) => Failure::final_(PlatformError::NeedsReauth(platform)),
        // Also where only a new consent helps (the person changed the password, removed the app,
        // was locked out, or logged out): that may have been given since, in another process.
        (102 | 190, _) => Failure::dead_token(platform),
        (2_635, _) => operator(platform, "its API version is retired: update this application"),
        (3 | 10 | 200..=299, _) | (100, 33) => {
            if error.message.contains("disabled") {
                Failure::final_(PlatformError::AccountDisabled(platform))
            } else {
                Failure::final_(PlatformError::PermissionDenied(platform))
            }
        }
        (100, _) if error.message.contains("issing permission") => {
            Failure::final_(PlatformError::PermissionDenied(platform))
        }
        (100, _) if error.message.contains("ursor") => lost_place(platform),
        (100, _) if error.message.contains("in summary param") => temporary(platform),
        (101, _) => operator(platform, WRONG_APP),
        (100 | 2_500 | 3_018, _) if !error.is_transient => not_understood(platform),
        (-2 | 1 | 2 | 104 | 341 | 960 | 2_601, _) => temporary(platform),
        _ if error.is_transient || answer.status.is_server_error() => temporary(platform),
        _ => answer.by_status(platform),
    }
}

fn wait_of(answer: &Answer<'_>) -> Option<Duration> {
    usage::pause(answer.headers).or_else(|| answer.retry_after())
}

fn temporary(platform: Platform) -> Failure {
    Failure::unavailable(platform, "the platform failed on its own side")
}

fn lost_place(platform: Platform) -> Failure {
    Failure {
        remedy: Remedy::StartOver,
        error: PlatformError::BadAnswer(platform, "its page cursors expire at once".into()),
    }
}

fn not_understood(platform: Platform) -> Failure {
    operator(platform, "it does not understand our query: update this application")
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

    const NO_WAIT: Remedy = Remedy::Again { tries: 5 };

    fn refusal(status: u16, code: i64, subcode: i64, message: &str) -> Failure {
        let body = json!({"error": {"message": message, "type": "OAuthException", "code": code,
            "error_subcode": subcode, "fbtrace_id": "x"}});
        with_headers(status, &body.to_string(), &HeaderMap::new())
    }

    fn with_headers(status: u16, body: &str, headers: &HeaderMap) -> Failure {
        let status = StatusCode::from_u16(status).unwrap();
        classify(Platform::MetaAds, &Answer { status, headers, body: body.as_bytes() })
    }

    #[test]
    fn each_documented_code_has_its_remedy() {
        for (code, subcode, message, remedy, error) in [
            (1, 99, "An unknown error occurred", NO_WAIT, "platform_unavailable"),
            (
                1,
                0,
                "Please reduce the amount of data you're asking for",
                Remedy::Less,
                "too_much_data",
            ),
            (1, 0, "Error validating client secret.", Remedy::GiveUp, "operator_action_needed"),
            (100, 36_009, "", Remedy::GiveUp, "needs_reauth"),
            (2, 1_504_043, "", NO_WAIT, "platform_unavailable"),
            (2, 1_504_038, "", Remedy::Less, "too_much_data"),
            (2, 1_504_041, "", Remedy::GiveUp, "operator_action_needed"),
            (4, 1_504_022, "", NO_WAIT, "throttled"),
            (17, 2_446_079, "User request limit reached", NO_WAIT, "throttled"),
            (613, 1_487_742, "", NO_WAIT, "throttled"),
            (80_004, 2_446_079, "", NO_WAIT, "throttled"),
            (100, 1_487_534, "", Remedy::Less, "too_much_data"),
            (100, 33, "", Remedy::GiveUp, "permission_denied"),
            (
                100,
                0,
                "(#100) Tried accessing nonexisting field",
                Remedy::GiveUp,
                "operator_action_needed",
            ),
            (100, 0, "(#100) Invalid cursor", Remedy::StartOver, "platform_bad_answer"),
            (190, 463, "Error validating access token", Remedy::Renew, "needs_reauth"),
            (190, 458, "Error validating access token", Remedy::Renew, "needs_reauth"),
            (190, 459, "Error validating access token", Remedy::Renew, "needs_reauth"),
            (190, 460, "Error validating access token", Remedy::Renew, "needs_reauth"),
            (190, 464, "Error validating access token", Remedy::Renew, "needs_reauth"),
            (190, 467, "Error validating access token", Remedy::Renew, "needs_reauth"),
            (10, 0, "", Remedy::GiveUp, "permission_denied"),
            (200, 0, "", Remedy::GiveUp, "permission_denied"),
            (2_635, 0, "", Remedy::GiveUp, "operator_action_needed"),
            (960, 0, "", NO_WAIT, "platform_unavailable"),
        ] {
            let failure = refusal(400, code, subcode, message);
            assert_eq!((failure.remedy, failure.error.code()), (remedy, error), "{code}/{subcode}");
        }
    }

    #[test]
    fn a_throttled_call_waits_as_long_as_the_headers_say() {
        let mut headers = HeaderMap::new();
        let usage = r#"{"7":[{"type":"ads_insights","estimated_time_to_regain_access":2}]}"#;
        headers.insert("x-business-use-case-usage", usage.parse().unwrap());
        let failure = with_headers(400, r#"{"error":{"code":80000}}"#, &headers);
        assert_eq!(failure.remedy, Remedy::After(Duration::from_mins(2)));
    }

    #[test]
    fn without_a_code_the_status_decides() {
        let none = HeaderMap::new();
        assert_eq!(with_headers(503, "<html>", &none).error.code(), "platform_unavailable");
        assert_eq!(
            with_headers(200, "Service Unavailable", &none).error.code(),
            "platform_bad_answer"
        );
        assert_eq!(refusal(500, 424_242, 0, "").error.code(), "platform_unavailable");
    }

    #[test]
    fn no_word_of_the_platform_is_shown() {
        for code in [1, 100, 190, 424_242] {
            let failure = refusal(400, code, 0, "SECRET-TEXT");
            assert!(!format!("{failure:?} {}", failure.error).contains("SECRET-TEXT"));
        }
    }
}
