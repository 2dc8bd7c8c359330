//! What Google Ads' refusals mean. The HTTP status of most codes is not documented, so the code
//! decides, and the status only where there is none.

use std::time::Duration;

use domain::Platform;
use domain::ports::PlatformError;

use crate::client::Answer;
use crate::google_error::GoogleError;
use crate::retry::{Failure, Remedy};

/// A used-up day of operations; the quota day is not told, so we look again each hour.
const DAILY_QUOTA: Duration = Duration::from_hours(1);

pub(crate) fn classify(platform: Platform, answer: &Answer<'_>) -> Failure {
    let error = GoogleError::read(answer.body);
    let wait = error.retry_delay().or_else(|| answer.retry_after());
    error
        .ads_codes()
        .find_map(|code| by_code(platform, code, wait))
        .unwrap_or_else(|| by_status(platform, &error, answer, wait))
}

fn by_code(platform: Platform, code: &str, wait: Option<Duration>) -> Option<Failure> {
    let operator = |fix: &'static str| Failure::final_(PlatformError::Operator(platform, fix));
    Some(match code {
        // From the fourth on only a new consent helps: that may have been given since, in another
        // process.
        "OAUTH_TOKEN_EXPIRED"
        | "OAUTH_TOKEN_INVALID"
        | "OAUTH_TOKEN_HEADER_INVALID"
        | "OAUTH_TOKEN_REVOKED"
        | "OAUTH_TOKEN_DISABLED"
        | "NOT_ADS_USER"
        | "GOOGLE_ACCOUNT_DELETED"
        | "GOOGLE_ACCOUNT_USER_DELETED"
        | "TWO_STEP_VERIFICATION_NOT_ENROLLED" => Failure::dead_token(platform),
        "USER_PERMISSION_DENIED"
        | "INVALID_LOGIN_CUSTOMER_ID_SERVING_CUSTOMER_ID_COMBINATION"
        | "CUSTOMER_NOT_FOUND" => Failure::final_(PlatformError::PermissionDenied(platform)),
        "CUSTOMER_NOT_ENABLED" => Failure::final_(PlatformError::AccountDisabled(platform)),
        "CLOUD_PROJECT_NOT_APPROVED_FOR_PRODUCTION" | "CLOUD_PROJECT_NOT_FOUND" => {
            operator("its Cloud project is not approved for production: apply for API access")
        }
        "PROJECT_DISABLED" => operator("the API is not enabled in its Cloud project: enable it"),
        "MISSING_TOS" => operator("the API's terms of service are not accepted: accept them"),
        "UNSUPPORTED_VERSION" => operator("its API version is retired: update this application"),
        "RESOURCE_TEMPORARILY_EXHAUSTED" => Failure::throttled(platform, wait),
        "RESOURCE_EXHAUSTED" | "EXCESSIVE_LONG_TERM_QUERY_RESOURCE_CONSUMPTION" => {
            Failure::throttled(platform, Some(wait.unwrap_or(DAILY_QUOTA)))
        }
        "EXCESSIVE_SHORT_TERM_QUERY_RESOURCE_CONSUMPTION" => {
            Failure { remedy: Remedy::AgainOrLess, error: PlatformError::Throttled(platform, wait) }
        }
        "INTERNAL_ERROR" | "TRANSIENT_ERROR" | "DEADLINE_EXCEEDED" => struggling(platform),
        _ => return None,
    })
}

fn by_status(
    platform: Platform,
    error: &GoogleError,
    answer: &Answer<'_>,
    wait: Option<Duration>,
) -> Failure {
    match error.status.as_str() {
        "UNAUTHENTICATED" => Failure::dead_token(platform),
        "RESOURCE_EXHAUSTED" => Failure::throttled(platform, wait),
        "INTERNAL" | "UNAVAILABLE" | "DEADLINE_EXCEEDED" | "UNKNOWN" | "CANCELLED" => {
            struggling(platform)
        }
        "PERMISSION_DENIED" if error.has_reason("ACCESS_TOKEN_SCOPE_INSUFFICIENT") => {
            let scope = crate::oauth::what_is_consented_to(platform).to_owned();
            Failure::final_(PlatformError::MissingScope(platform, scope))
        }
        "PERMISSION_DENIED" if error.has_reason("SERVICE_DISABLED") => {
            Failure::final_(PlatformError::Operator(
                platform,
                "the API is not enabled in its Cloud project: enable it",
            ))
        }
        "PERMISSION_DENIED" => Failure::final_(PlatformError::PermissionDenied(platform)),
        "INVALID_ARGUMENT" => Failure::final_(PlatformError::Operator(
            platform,
            "it does not understand our query: update this application",
        )),
        _ => answer.by_status(platform),
    }
}

/// Failed on its own side, perhaps because too much was asked of it.
fn struggling(platform: Platform) -> Failure {
    let source = "the platform failed on its own side";
    Failure {
        remedy: Remedy::AgainOrLess,
        error: PlatformError::Unavailable(platform, source.into()),
    }
}

#[cfg(test)]
mod tests {
    use reqwest::StatusCode;
    use reqwest::header::HeaderMap;
    use serde_json::json;

    use super::*;

    fn refusal(status: u16, code: &str) -> Failure {
        let body = json!([{"error": {"code": status, "details": [
            {"errors": [{"errorCode": {"anyError": code}}], "requestId": "abc"}]}}]);
        classify_body(status, &body.to_string())
    }

    fn classify_body(status: u16, body: &str) -> Failure {
        let status = StatusCode::from_u16(status).unwrap();
        let headers = HeaderMap::new();
        classify(Platform::GoogleAds, &Answer { status, headers: &headers, body: body.as_bytes() })
    }

    #[test]
    fn each_documented_code_has_its_remedy() {
        let again = Failure::throttled(Platform::GoogleAds, None).remedy;
        for (status, code, remedy, error) in [
            (401, "OAUTH_TOKEN_EXPIRED", Remedy::Renew, "needs_reauth"),
            (401, "OAUTH_TOKEN_REVOKED", Remedy::Renew, "needs_reauth"),
            (403, "NOT_ADS_USER", Remedy::Renew, "needs_reauth"),
            (403, "USER_PERMISSION_DENIED", Remedy::GiveUp, "permission_denied"),
            (403, "CUSTOMER_NOT_ENABLED", Remedy::GiveUp, "account_disabled"),
            (
                403,
                "CLOUD_PROJECT_NOT_APPROVED_FOR_PRODUCTION",
                Remedy::GiveUp,
                "operator_action_needed",
            ),
            (400, "UNSUPPORTED_VERSION", Remedy::GiveUp, "operator_action_needed"),
            (429, "RESOURCE_TEMPORARILY_EXHAUSTED", again, "throttled"),
            (429, "RESOURCE_EXHAUSTED", Remedy::After(DAILY_QUOTA), "throttled"),
            (
                429,
                "EXCESSIVE_SHORT_TERM_QUERY_RESOURCE_CONSUMPTION",
                Remedy::AgainOrLess,
                "throttled",
            ),
            (500, "INTERNAL_ERROR", Remedy::AgainOrLess, "platform_unavailable"),
            (503, "TRANSIENT_ERROR", Remedy::AgainOrLess, "platform_unavailable"),
        ] {
            let failure = refusal(status, code);
            assert_eq!((failure.remedy, failure.error.code()), (remedy, error), "{code}");
        }
    }

    #[test]
    fn without_a_known_code_the_status_decides() {
        for (status, body, error) in [
            (401, "", "needs_reauth"),
            (403, "", "permission_denied"),
            (429, "{}", "throttled"),
            (500, "<html>", "platform_unavailable"),
            (503, "", "platform_unavailable"),
            (404, "<html>", "platform_bad_answer"),
            (
                400,
                r#"[{"error":{"status":"INVALID_ARGUMENT","details":[{"errors":[
                    {"errorCode":{"queryError":"UNRECOGNIZED_FIELD"}}]}]}}]"#,
                "operator_action_needed",
            ),
            (
                403,
                r#"{"error":{"status":"PERMISSION_DENIED","details":[
                    {"reason":"ACCESS_TOKEN_SCOPE_INSUFFICIENT"}]}}"#,
                "missing_scope",
            ),
        ] {
            assert_eq!(classify_body(status, body).error.code(), error, "{status} {body}");
        }
    }

    #[test]
    fn the_wait_that_google_names_is_kept() {
        let body = r#"{"error":{"status":"RESOURCE_EXHAUSTED","details":[{"errors":[
            {"errorCode":{"quotaError":"RESOURCE_TEMPORARILY_EXHAUSTED"},
             "details":{"quotaErrorDetails":{"retryDelay":"30s"}}}]}]}}"#;
        assert_eq!(classify_body(429, body).remedy, Remedy::After(Duration::from_secs(30)));
    }

    #[test]
    fn no_word_of_the_platform_is_shown() {
        let body = r#"{"error":{"status":"INTERNAL","message":"SECRET-TEXT"}}"#;
        assert!(!format!("{:?}", classify_body(500, body)).contains("SECRET-TEXT"));
    }
}
