//! Google's error envelope, as the Analytics APIs send it.

use serde_json::json;
use warp::http::StatusCode;

use crate::google_ads::status_name;
use crate::oauth::Refusal;
use crate::wire::Answer;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    status: StatusCode,
    message: String,
    retry_after_seconds: Option<u32>,
}

impl Failure {
    pub(super) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), retry_after_seconds: None }
    }

    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    pub(super) fn throttled(seconds: u32) -> Self {
        Self {
            retry_after_seconds: Some(seconds),
            ..Self::new(
                StatusCode::TOO_MANY_REQUESTS,
                "Exhausted concurrent requests quota. Please send fewer requests concurrently.",
            )
        }
    }

    pub(super) fn denied() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "User does not have sufficient permissions for this property. To learn more about \
             Property ID, see https://developers.google.com/analytics/devguides/reporting/data/\
             v1/property-id.",
        )
    }

    pub(super) fn of_token(refusal: Refusal) -> Self {
        if refusal == Refusal::Scope {
            return Self::new(
                StatusCode::FORBIDDEN,
                "Request had insufficient authentication scopes.",
            );
        }
        Self::new(
            StatusCode::UNAUTHORIZED,
            "Request had invalid authentication credentials. Expected OAuth 2 access token, \
             login cookie or other valid authentication credential. See \
             https://developers.google.com/identity/sign-in/web/devconsole-project.",
        )
    }

    pub(super) fn answer(&self) -> Answer {
        self.answer_with(self.status)
    }

    /// The envelope under another status than the one it tells of.
    pub(super) fn answer_with(&self, status: StatusCode) -> Answer {
        let body = json!({ "error": {
            "code": self.status.as_u16(),
            "message": self.message,
            "status": status_name(self.status),
        }});
        let answer = Answer::json(status, &body);
        match self.retry_after_seconds {
            Some(seconds) => answer.with_header("retry-after", seconds.to_string()),
            None => answer,
        }
    }
}
