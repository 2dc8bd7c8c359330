//! The troubles that a gate makes, and which requests they meet.

use std::time::Duration;

use bytes::Bytes;
use hyper::Response;
use warp::http::{Method, Uri};

/// What happens to a request.
#[derive(Clone, Debug)]
pub enum Fault {
    /// The gate answers as a storage service that refuses, and the server behind it learns
    /// nothing of the request.
    Refuse {
        status: u16,
        /// The service's error code, such as `ServerBusy`.
        code: &'static str,
        /// In whole seconds.
        retry_after: Option<Duration>,
    },
    /// The request waits that long before it is passed on.
    Delay(Duration),
    /// The request is taken and never answered.
    Hold,
    /// The connection breaks once half of the request's body has arrived.
    CutRequest,
    /// The server does what it is asked; the connection breaks before any of its answer.
    LoseAnswer,
    /// The connection breaks after half of the answer's body.
    CutAnswer,
}

impl Fault {
    /// A storage account over its limits.
    pub fn busy(retry_after: Duration) -> Self {
        Self::Refuse { status: 503, code: "ServerBusy", retry_after: Some(retry_after) }
    }

    /// Too many requests from one caller.
    pub fn throttled(retry_after: Duration) -> Self {
        Self::Refuse { status: 429, code: "TooManyRequests", retry_after: Some(retry_after) }
    }

    /// An identity without the role that the request needs.
    pub fn forbidden() -> Self {
        Self::Refuse { status: 403, code: "AuthorizationPermissionMismatch", retry_after: None }
    }
}

/// A fault, which requests it meets, and how often.
#[derive(Clone, Debug)]
pub struct Order {
    pub(super) fault: Fault,
    times: Option<u32>,
    method: Option<Method>,
    target: Option<String>,
}

impl Order {
    /// Meets every request until [`Gate::pass`](super::Gate::pass).
    pub fn always(fault: Fault) -> Self {
        Self { fault, times: None, method: None, target: None }
    }

    /// Meets the next so many requests.
    pub fn next(times: u32, fault: Fault) -> Self {
        Self { times: Some(times), ..Self::always(fault) }
    }

    /// Only requests with this method.
    #[must_use]
    pub fn method(self, method: Method) -> Self {
        Self { method: Some(method), ..self }
    }

    /// Only requests with this text in their path or query.
    #[must_use]
    pub fn target(self, part: impl Into<String>) -> Self {
        Self { target: Some(part.into()), ..self }
    }

    /// Whether the order meets this request; one time less is left then.
    pub(super) fn meets(&mut self, method: &Method, uri: &Uri) -> bool {
        let meets = self.times != Some(0)
            && self.method.as_ref().is_none_or(|wanted| wanted == method)
            && self.target.as_ref().is_none_or(|part| {
                uri.path_and_query().is_some_and(|target| target.as_str().contains(part))
            });
        if meets && let Some(times) = &mut self.times {
            *times -= 1;
        }
        meets
    }
}

/// The answer of a storage service that refuses.
pub(super) fn refusal(status: u16, code: &str, retry_after: Option<Duration>) -> Response<Bytes> {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>{code}</Code><Message>The gate \
         was told to refuse.</Message></Error>"
    );
    let mut answer = Response::builder()
        .status(status)
        .header("content-type", "application/xml")
        .header("x-ms-error-code", code);
    if let Some(wait) = retry_after {
        answer = answer.header("retry-after", wait.as_secs());
    }
    answer.body(body.into()).expect("status and headers are valid")
}
