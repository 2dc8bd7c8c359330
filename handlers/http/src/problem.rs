//! Failures as RFC 9457 problem documents, with a stable `code` and a sentence that says what
//! to do. The cause is logged here once and never sent.

use std::time::Duration;

use domain::Denied;
use domain::ports::{BoxError, PlatformError, StoreError};
use serde_json::{Value, json};
use warp::http::StatusCode;

use crate::Reply;

/// What a client is told when its request fails. Boxed: it rides in every `Result`.
#[derive(Debug)]
#[must_use]
pub struct Problem(Box<Parts>);

#[derive(Debug)]
struct Parts {
    status: StatusCode,
    code: &'static str,
    detail: String,
    field: Option<String>,
    retry_after: Option<Duration>,
    header: Option<(&'static str, String)>,
    source: Option<BoxError>,
}

impl Problem {
    fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self(Box::new(Parts {
            status,
            code,
            detail: detail.into(),
            field: None,
            retry_after: None,
            header: None,
            source: None,
        }))
    }

    fn asking_to_wait(mut self, wait: Duration) -> Self {
        self.0.retry_after = Some(wait);
        self
    }

    fn with_header(mut self, name: &'static str, value: String) -> Self {
        self.0.header = Some((name, value));
        self
    }

    fn caused_by(mut self, source: impl Into<BoxError>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// 400: `field` is the member, parameter or header at fault.
    pub fn bad_request(code: &'static str, field: &str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, detail).with_field(field)
    }

    /// 401, with the challenge that RFC 6750 asks for: its `error` is about access tokens alone.
    pub fn unauthenticated(code: &'static str, detail: impl Into<String>) -> Self {
        let error = match code {
            "token_invalid" | "token_expired" => ", error=\"invalid_token\"",
            _ => "",
        };
        Self::new(StatusCode::UNAUTHORIZED, code, detail)
            .with_header("www-authenticate", format!("Bearer realm=\"marketing-iq\"{error}"))
    }

    /// 403: the caller is known and may not.
    pub fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", detail)
    }

    /// 404: there is no such thing, or none that the caller may know of.
    pub fn not_found(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", format!("{what} was not found"))
    }

    /// 409: the request contradicts what is there.
    pub fn conflict(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, code, detail)
    }

    /// 405, with the methods that the path knows.
    pub fn method_not_allowed(allow: &str) -> Self {
        let detail = format!("this path answers {allow}");
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail)
            .with_header("allow", allow.to_owned())
    }

    /// 413.
    pub fn too_large(limit: usize) -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "body_too_large",
            format!("the body is larger than {limit} bytes"),
        )
    }

    /// 415.
    pub fn not_json() -> Self {
        Self::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "not_json",
            "send the body as JSON, with content-type: application/json",
        )
    }

    /// 408: the body did not arrive in time.
    pub fn body_too_slow() -> Self {
        Self::new(StatusCode::REQUEST_TIMEOUT, "body_too_slow", "the body did not arrive in time")
    }

    /// 429: ask again after `wait`.
    pub fn too_many(detail: impl Into<String>, wait: Duration) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", detail).asking_to_wait(wait)
    }

    /// 502: a platform's fault.
    pub fn upstream(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_GATEWAY, code, detail)
    }

    /// 503: something that the deployment needs does not answer.
    pub fn unavailable(detail: impl Into<String>, source: impl Into<BoxError>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail)
            .asking_to_wait(Duration::from_secs(2))
            .caused_by(source)
    }

    /// 503: more is asked at this moment than can be answered.
    pub fn busy(detail: impl Into<String>, wait: Duration) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail).asking_to_wait(wait)
    }

    /// 500: a bug, or damaged data. The client learns nothing but that.
    pub fn internal(source: impl Into<BoxError>) -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "something went wrong here; the operator's log says what",
        )
        .caused_by(source)
    }

    pub fn status(&self) -> u16 {
        self.0.status.as_u16()
    }

    pub fn code(&self) -> &'static str {
        self.0.code
    }

    pub(crate) fn detail(&self) -> &str {
        &self.0.detail
    }

    /// The same problem, blamed on `field`.
    pub fn with_field(mut self, field: &str) -> Self {
        self.0.field = Some(field.to_owned());
        self
    }

    /// The same problem under a code of its own.
    pub fn with_code(mut self, code: &'static str) -> Self {
        self.0.code = code;
        self
    }

    /// Logs the cause, and makes the answer.
    pub(crate) fn into_reply(self) -> Reply {
        let parts = *self.0;
        if let Some(source) = &parts.source {
            let error: &(dyn std::error::Error + 'static) = source.as_ref();
            tracing::error!(code = parts.code, error, detail = %parts.detail, "request failed");
        }
        let mut document = json!({
            "type": "about:blank",
            "title": parts.status.canonical_reason().unwrap_or("Error"),
            "status": parts.status.as_u16(),
            "code": parts.code,
            "detail": parts.detail,
        });
        if let Some(field) = parts.field {
            document["field"] = Value::String(field);
        }
        let mut reply = Reply::problem(parts.status, &document);
        if let Some((name, value)) = parts.header {
            reply = reply.header(name, &value);
        }
        if let Some(wait) = parts.retry_after {
            reply = reply.header("retry-after", &wait.as_secs().max(1).to_string());
        }
        reply
    }
}

impl From<Denied> for Problem {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::NoTenant => Self::forbidden(denied.to_string()).with_code("no_tenant"),
            Denied::Role | Denied::NotOwner => Self::forbidden(denied.to_string()),
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound { what } => Self::not_found(what),
            StoreError::AlreadyExists { .. } => Self::conflict("already_exists", error.to_string()),
            StoreError::Invalid(detail) => {
                Self::new(StatusCode::BAD_REQUEST, "invalid_value", detail)
            }
            StoreError::Unavailable { .. } => Self::unavailable(error.to_string(), error),
            StoreError::Corrupt { .. } => Self::internal(error),
        }
    }
}

impl From<PlatformError> for Problem {
    fn from(error: PlatformError) -> Self {
        let detail = error.to_string();
        match error {
            PlatformError::Throttled(_, wait) => {
                Self::too_many(detail, wait.unwrap_or(Duration::from_secs(30)))
                    .with_code("throttled")
            }
            PlatformError::Unavailable(..) => {
                Self::unavailable(detail, error).with_code("platform_unavailable")
            }
            PlatformError::BadAnswer(..) => {
                Self::upstream("platform_bad_answer", detail).caused_by(error)
            }
            PlatformError::NeedsReauth(_)
            | PlatformError::MissingScope(..)
            | PlatformError::PermissionDenied(_)
            | PlatformError::AccountDisabled(_)
            | PlatformError::TooMuchData(_)
            | PlatformError::Operator(..)
            | PlatformError::NotConfigured(..) => Self::conflict(error.code(), detail),
        }
    }
}
