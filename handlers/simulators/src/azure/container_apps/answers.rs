//! How Azure Resource Manager says no, and how it greets a token.

use std::time::Duration;

use serde_json::json;
use warp::http::StatusCode;

use super::{Orders, Platform};
use crate::azure::tokens::Refusal;
use crate::wire::{Answer, Call};

const API_VERSIONS: [&str; 3] = ["2024-03-01", "2025-01-01", "2025-07-01"];

/// With and without the slash: both are in use.
const AUDIENCES: [&str; 2] = ["https://management.azure.com", "https://management.azure.com/"];

pub(super) fn error(status: StatusCode, code: &str, message: &str) -> Answer {
    Answer::json(status, &json!({"error": {"code": code, "message": message}}))
}

pub(super) fn resource_not_found(id: &str) -> Answer {
    let message = format!("The Resource '{id}' was not found.");
    error(StatusCode::NOT_FOUND, "ResourceNotFound", &message)
}

/// Who may not come in, in the order in which the service looks: token, version, rate, role.
pub(super) fn refusal(platform: &Platform, call: &Call, action: &str) -> Option<Answer> {
    let claims = match call.bearer().map(|token| platform.tokens.check(token, &AUDIENCES)) {
        Some(Ok(claims)) => claims,
        other => return Some(unauthenticated(other.and_then(Result::err))),
    };
    match call.query("api-version") {
        Some(version) if API_VERSIONS.contains(&version) => {}
        Some(version) => {
            let message = format!(
                "No registered resource provider found for API version '{version}' for type 'jobs'."
            );
            return Some(error(StatusCode::BAD_REQUEST, "NoRegisteredProviderFound", &message));
        }
        None => {
            let message =
                "The api-version query parameter (?api-version=) is required for all requests.";
            return Some(error(StatusCode::BAD_REQUEST, "MissingApiVersionParameter", message));
        }
    }
    let mut orders = platform.orders();
    if let Some(answer) = trouble(&mut orders) {
        return Some(answer);
    }
    if orders.forbidden {
        let (oid, scope) = (&claims.oid, platform.job.id());
        let message = format!(
            "The client '{}' with object id '{oid}' does not have authorization to perform action \
             'Microsoft.App/jobs/{action}' over scope '{scope}' or the scope is invalid. If access \
             was recently granted, please refresh your credentials.",
            claims.appid
        );
        return Some(error(StatusCode::FORBIDDEN, "AuthorizationFailed", &message));
    }
    None
}

pub(super) fn throttled(retry_after: Duration) -> Answer {
    let message = "Number of requests for subscription and operation type exceeded the limit.";
    error(StatusCode::TOO_MANY_REQUESTS, "SubscriptionRequestsThrottled", message)
        .with_header("retry-after", retry_after.as_secs().to_string())
}

fn trouble(orders: &mut Orders) -> Option<Answer> {
    if orders.throttled > 0 {
        orders.throttled -= 1;
        return Some(throttled(orders.retry_after));
    }
    if orders.unavailable > 0 {
        orders.unavailable -= 1;
        let message = "The service is temporarily unavailable.";
        return Some(error(StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable", message));
    }
    None
}

fn unauthenticated(refusal: Option<Refusal>) -> Answer {
    let (code, message) = match refusal {
        None => (
            "AuthenticationFailed",
            "Authentication failed. The 'Authorization' header is missing.".to_owned(),
        ),
        Some(Refusal::Unknown) => {
            ("InvalidAuthenticationToken", "The access token is invalid.".to_owned())
        }
        Some(Refusal::Expired) => {
            ("ExpiredAuthenticationToken", "The access token expiry UTC time is over.".to_owned())
        }
        Some(Refusal::Audience { found }) => (
            "InvalidAuthenticationTokenAudience",
            format!(
                "The access token has been obtained for wrong audience or resource '{found}'. It \
                 should exactly match with one of the allowed audiences '{}'.",
                AUDIENCES.join("','")
            ),
        ),
    };
    let challenge = "Bearer authorization_uri=\"https://login.microsoftonline.com/\", \
                     error=\"invalid_token\"";
    error(StatusCode::UNAUTHORIZED, code, &message).with_header("www-authenticate", challenge)
}
