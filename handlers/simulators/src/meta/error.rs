//! Errors in the Graph's shape.

use serde_json::{Value, json};
use warp::http::StatusCode;

use crate::oauth::Refusal;
use crate::wire::Answer;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GraphError {
    status: StatusCode,
    code: i64,
    subcode: Option<i64>,
    message: String,
    transient: bool,
    retry_after_seconds: Option<u32>,
}

impl GraphError {
    pub(crate) fn new(code: i64, message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            code,
            subcode: None,
            message: message.into(),
            transient: false,
            retry_after_seconds: None,
        }
    }

    #[must_use]
    pub(crate) fn subcode(self, subcode: i64) -> Self {
        Self { subcode: Some(subcode), ..self }
    }

    pub(super) fn status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    pub(super) fn transient(self) -> Self {
        Self { transient: true, ..self }
    }

    pub(super) fn throttled(seconds: u32) -> Self {
        Self {
            retry_after_seconds: Some(seconds),
            ..Self::new(17, "(#17) User request limit reached").subcode(2_446_079).transient()
        }
    }

    /// Why a token does not open the door.
    pub(crate) fn of_token(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Missing => Self::new(
                2_500,
                "An active access token must be used to query information about the current user.",
            ),
            Refusal::Invalid => Self::new(190, "Invalid OAuth access token."),
            Refusal::Expired => Self::new(
                190,
                "Error validating access token: Session has expired. The current time is later \
                 than the time at which the session expires.",
            )
            .subcode(463),
            Refusal::Revoked => Self::new(
                190,
                "Error validating access token: The user has not authorized the application.",
            )
            .subcode(458),
            Refusal::Scope => Self::new(
                200,
                "(#200) Ad account owner has NOT grant ads_management or ads_read permission",
            )
            .status(StatusCode::FORBIDDEN),
        }
    }

    /// What is not there and what may not be seen answer alike.
    pub(super) fn no_such_object(id: &str) -> Self {
        Self::new(
            100,
            format!(
                "Unsupported get request. Object with ID '{id}' does not exist, cannot be loaded \
                 due to missing permissions, or does not support this operation"
            ),
        )
        .subcode(33)
    }

    pub(super) fn bad_field(name: &str) -> Self {
        Self::new(100, format!("(#100) Tried accessing nonexisting field ({name})"))
    }

    pub(super) fn bad_parameter(name: &str, reason: &str) -> Self {
        Self::new(100, format!("(#100) Invalid parameter {name}: {reason}"))
    }

    pub(crate) fn body(&self) -> Value {
        let mut error = json!({
            "message": self.message,
            "type": "OAuthException",
            "code": self.code,
            "fbtrace_id": uuid::Uuid::new_v4().simple().to_string(),
        });
        if let Some(subcode) = self.subcode {
            error["error_subcode"] = json!(subcode);
        }
        if self.transient {
            error["is_transient"] = json!(true);
        }
        json!({ "error": error })
    }

    pub(super) fn answer(&self) -> Answer {
        let answer = Answer::json(self.status, &self.body());
        match self.retry_after_seconds {
            Some(seconds) => answer.with_header("retry-after", seconds.to_string()),
            None => answer,
        }
    }
}
