//! Refusals in the shape of a `GoogleAdsFailure` inside Google's error envelope.

use serde_json::{Value, json};
use warp::http::StatusCode;

use crate::oauth::Refusal;
use crate::wire::Answer;

/// One refusal; `category` and `code` are the pair of its `errorCode`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    status: StatusCode,
    category: &'static str,
    code: &'static str,
    message: String,
    retry_after_seconds: Option<u32>,
}

impl Failure {
    fn new(
        status: StatusCode,
        category: &'static str,
        code: &'static str,
        message: impl Into<String>,
    ) -> Self {
        Self { status, category, code, message: message.into(), retry_after_seconds: None }
    }

    pub(super) fn query(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "queryError", code, message)
    }

    pub(super) fn request(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "requestError", code, message)
    }

    pub(super) fn date_range(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "dateRangeError", code, message)
    }

    pub(super) fn authorization(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "authorizationError", code, message)
    }

    pub(super) fn throttled(seconds: u32) -> Self {
        Self {
            retry_after_seconds: Some(seconds),
            ..Self::new(
                StatusCode::TOO_MANY_REQUESTS,
                "quotaError",
                "RESOURCE_TEMPORARILY_EXHAUSTED",
                format!("Too many requests. Retry in {seconds} seconds."),
            )
        }
    }

    pub(super) fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internalError",
            "INTERNAL_ERROR",
            "An internal error has occurred.",
        )
    }

    pub(super) fn unavailable() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "internalError",
            "TRANSIENT_ERROR",
            "A transient internal error has occurred. The user should retry.",
        )
    }

    pub(super) fn unsupported_version(version: &str) -> Self {
        Self::request(
            "UNSUPPORTED_VERSION",
            format!(" Version {version} is deprecated. Requests to this version will be blocked."),
        )
    }

    pub(super) fn of_token(refusal: Refusal) -> Self {
        let (code, message) = match refusal {
            Refusal::Missing | Refusal::Invalid => {
                ("OAUTH_TOKEN_INVALID", "OAuth token in the header is not valid.")
            }
            Refusal::Expired => ("OAUTH_TOKEN_EXPIRED", "OAuth token in the header has expired."),
            Refusal::Revoked => {
                ("OAUTH_TOKEN_REVOKED", "OAuth token in the header has been revoked.")
            }
            Refusal::Scope => {
                return Self::new(
                    StatusCode::FORBIDDEN,
                    "authenticationError",
                    "OAUTH_TOKEN_HEADER_INVALID",
                    "Request had insufficient authentication scopes.",
                );
            }
        };
        Self::new(StatusCode::UNAUTHORIZED, "authenticationError", code, message)
    }

    /// The envelope, as a unary call gets it.
    pub(super) fn body(&self, version: &str, request_id: &str) -> Value {
        let mut error = json!({
            "errorCode": { self.category: self.code },
            "message": self.message,
        });
        if let Some(seconds) = self.retry_after_seconds {
            error["details"] = json!({ "quotaErrorDetails": {
                "rateScope": "ACCOUNT",
                "rateName": "Requests per account",
                "retryDelay": format!("{seconds}s"),
            }});
        }
        json!({ "error": {
            "code": self.status.as_u16(),
            "message": headline(self.status),
            "status": status_name(self.status),
            "details": [{
                "@type": format!(
                    "type.googleapis.com/google.ads.googleads.{version}.errors.GoogleAdsFailure"
                ),
                "errors": [error],
                "requestId": request_id,
            }],
        }})
    }

    /// The answer; `searchStream` puts even its errors into an array.
    pub(super) fn answer(&self, version: &str, request_id: &str, streaming: bool) -> Answer {
        let body = self.body(version, request_id);
        let body = if streaming { Value::Array(vec![body]) } else { body };
        Answer::json(self.status, &body).with_header("request-id", request_id)
    }

    pub(super) fn with_status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    /// For tests of the grammar: the pair of the `errorCode`.
    #[cfg(test)]
    pub(super) fn error_code(&self) -> (&'static str, &'static str) {
        (self.category, self.code)
    }
}

fn headline(status: StatusCode) -> &'static str {
    match status {
        StatusCode::BAD_REQUEST => "Request contains an invalid argument.",
        StatusCode::UNAUTHORIZED => {
            "Request had invalid authentication credentials. Expected OAuth 2 access token, \
             login cookie or other valid authentication credential. See \
             https://developers.google.com/identity/sign-in/web/devconsole-project."
        }
        StatusCode::FORBIDDEN => "The caller does not have permission",
        StatusCode::TOO_MANY_REQUESTS => "Resource has been exhausted (e.g. check quota).",
        StatusCode::SERVICE_UNAVAILABLE => "The service is currently unavailable.",
        _ => "Internal error encountered.",
    }
}

/// The name of the gRPC status that Google puts beside an HTTP status.
pub(crate) fn status_name(status: StatusCode) -> &'static str {
    match status {
        StatusCode::BAD_REQUEST => "INVALID_ARGUMENT",
        StatusCode::UNAUTHORIZED => "UNAUTHENTICATED",
        StatusCode::FORBIDDEN => "PERMISSION_DENIED",
        StatusCode::NOT_FOUND => "NOT_FOUND",
        StatusCode::TOO_MANY_REQUESTS => "RESOURCE_EXHAUSTED",
        StatusCode::SERVICE_UNAVAILABLE => "UNAVAILABLE",
        _ => "INTERNAL",
    }
}
