//! What a vault answers when it does not do what it is asked, in its own words where programs
//! read them: the code and the inner code.

use serde_json::{Value, json};
use warp::http::StatusCode;

use crate::azure::tokens::TENANT_ID;
use crate::wire::Answer;

/// Why a request is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// 401: no token, or one that is not accepted. The answer says where tokens come from.
    Unauthorized(String),
    /// 400: something about the request is wrong.
    BadParameter(String),
    /// 403: the caller has no role for it.
    Role { action: &'static str },
    /// 403: the secret's newest version, or the one asked for, is disabled.
    Disabled,
    /// 403: the vault keeps what was deleted until its time is over.
    PurgeProtected,
    /// 404
    NotFound(String),
    /// 404: not among the deleted ones.
    NotDeleted(String),
    /// 409: deleted, so that its name is taken.
    Deleted(String),
    /// 409: the deletion has not come to its end.
    BeingDeleted,
    /// 409: the recovery has not come to its end.
    BeingRecovered,
    /// 429, with seconds to wait
    Throttled(u64),
    /// 404, without a body that means anything: no such operation.
    NoRoute,
}

impl Refusal {
    fn parts(&self) -> (StatusCode, &'static str, String, Option<&'static str>) {
        match self {
            Self::Unauthorized(message) => {
                (StatusCode::UNAUTHORIZED, "Unauthorized", message.clone(), None)
            }
            Self::BadParameter(message) => {
                (StatusCode::BAD_REQUEST, "BadParameter", message.clone(), None)
            }
            Self::Role { action } => (
                StatusCode::FORBIDDEN,
                "Forbidden",
                format!(
                    "Caller is not authorized to perform action on resource.\r\n\
                     Action: 'Microsoft.KeyVault/vaults/secrets/{action}'"
                ),
                Some("ForbiddenByRbac"),
            ),
            Self::Disabled => (
                StatusCode::FORBIDDEN,
                "Forbidden",
                "Operation get is not allowed on a disabled secret.".to_owned(),
                Some("SecretDisabled"),
            ),
            Self::PurgeProtected => (
                StatusCode::FORBIDDEN,
                "Forbidden",
                "Operation \"purge\" is not allowed because purge protection is enabled for this \
                 vault."
                    .to_owned(),
                None,
            ),
            Self::NotFound(name) => (
                StatusCode::NOT_FOUND,
                "SecretNotFound",
                format!("A secret with (name/id) {name} was not found in this key vault."),
                None,
            ),
            Self::NotDeleted(name) => (
                StatusCode::NOT_FOUND,
                "SecretNotFound",
                format!("Deleted Secret not found: {name}"),
                None,
            ),
            Self::Deleted(name) => (
                StatusCode::CONFLICT,
                "Conflict",
                format!(
                    "Secret {name} is currently in a deleted but recoverable state, and its name \
                     cannot be reused."
                ),
                Some("ObjectIsDeletedButRecoverable"),
            ),
            Self::BeingDeleted => (
                StatusCode::CONFLICT,
                "Conflict",
                "Secret is currently being deleted.".to_owned(),
                Some("ObjectIsBeingDeleted"),
            ),
            Self::BeingRecovered => (
                StatusCode::CONFLICT,
                "Conflict",
                "Secret is currently being recovered.".to_owned(),
                Some("ObjectIsBeingRecovered"),
            ),
            Self::Throttled(_) => (
                StatusCode::TOO_MANY_REQUESTS,
                "Throttled",
                "Request was not processed because too many requests were received. Reason: \
                 VaultRequestTypeLimitReached"
                    .to_owned(),
                None,
            ),
            Self::NoRoute => {
                (StatusCode::NOT_FOUND, "NotFound", "No such operation.".to_owned(), None)
            }
        }
    }

    pub(super) fn answer(&self) -> Answer {
        let (status, code, message, inner) = self.parts();
        let mut error = json!({ "code": code, "message": message });
        if let Some(inner) = inner {
            error["innererror"] = json!({ "code": inner });
        }
        let answer = Answer::json(status, &Value::from_iter([("error", error)]));
        match self {
            Self::Unauthorized(_) => answer.with_header(
                "www-authenticate",
                format!(
                    "Bearer authorization=\"https://login.microsoftonline.com/{TENANT_ID}\", \
                     resource=\"{}\"",
                    super::AUDIENCE
                ),
            ),
            Self::Throttled(seconds) => answer.with_header("retry-after", seconds.to_string()),
            _ => answer,
        }
    }
}
