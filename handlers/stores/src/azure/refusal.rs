//! What the backends say when Azure refuses, or does not answer.
//!
//! **Invariant:** no text made here holds a URL with a query, a token, or more of a service's
//! answer than its code: the SDK's own errors quote both.

use azure_core::error::ErrorKind;
use azure_core::http::StatusCode;
use azure_core::http::headers::HeaderName;
use domain::ports::StoreError;

/// More of a text from elsewhere is cut off.
const LONGEST: usize = 300;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-ms-request-id");

/// Why a call failed, in words for the log.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Refusal(String);

impl Refusal {
    pub(crate) fn new(why: impl Into<String>) -> Self {
        Self(why.into())
    }
}

/// What a backend uses of Azure, as its errors name it.
#[derive(Clone, Debug)]
pub(crate) struct Resource {
    /// For everyone: `the raw store`.
    pub(crate) what: &'static str,
    /// For who runs the deployment: `the container raw at miq.blob.core.windows.net`.
    pub(crate) name: String,
    /// What the identity needs to use it: `Storage Blob Data Contributor`.
    pub(crate) role: &'static str,
}

impl Resource {
    /// The error, with what to do about it where that is known.
    pub(crate) fn unavailable(&self, error: &azure_core::Error) -> StoreError {
        let Self { name, role, .. } = self;
        let reason = explain(error);
        self.refused(match answered(error) {
            Some((StatusCode::Forbidden, "AuthorizationFailure")) => format!(
                "{name} let nobody in from here: allow this network in its firewall, or give the \
                 identity the role {role} ({reason})"
            ),
            Some((StatusCode::Forbidden, _)) => format!(
                "the identity may not use {name}: give it the role {role}, which can take ten \
                 minutes to hold ({reason})"
            ),
            Some((StatusCode::Unauthorized, _)) => format!(
                "{name} does not know the identity: it must be of the same Entra tenant \
                 ({reason})"
            ),
            _ if *error.kind() == ErrorKind::Credential => {
                format!(
                    "there is no token for {name}: assign the managed identity to this app, or on \
                     a machine of your own sign in with `az login` ({reason})"
                )
            }
            _ => format!("{name}: {reason}"),
        })
    }

    /// It was never made.
    pub(crate) fn missing(&self) -> StoreError {
        self.refused(format!(
            "{} does not exist: deploy infra-bicep, which creates it, or correct its name in the \
             settings",
            self.name
        ))
    }

    pub(crate) fn refused(&self, why: String) -> StoreError {
        StoreError::Unavailable { what: self.what, source: Refusal(why).into() }
    }

    /// The service's answer was not what its documentation says.
    pub(crate) fn strange(&self, why: String) -> StoreError {
        StoreError::Corrupt { what: self.what, source: Refusal(why).into() }
    }
}

/// Status and error code, if the service answered at all.
pub(crate) fn answered(error: &azure_core::Error) -> Option<(StatusCode, &str)> {
    match error.kind() {
        ErrorKind::HttpResponse { status, error_code, .. } => {
            Some((*status, error_code.as_deref().unwrap_or_default()))
        }
        _ => None,
    }
}

/// The causes of an error, one behind the other.
pub(crate) fn explain(error: &azure_core::Error) -> String {
    if *error.kind() != ErrorKind::Credential
        && let Some(answer) = explain_answer(error)
    {
        return answer;
    }
    let mut text = String::new();
    let mut next = Some(error as &(dyn std::error::Error + 'static));
    while let Some(cause) = next {
        let said = match cause.downcast_ref::<reqwest::Error>() {
            Some(error) => {
                // What the SDK says of it before tells nothing more.
                text.clear();
                explain_connection(error).to_owned()
            }
            None => cause.to_string(),
        };
        if !text.contains(&said) {
            if !text.is_empty() {
                text.push_str(": ");
            }
            text.push_str(&said);
        }
        next = cause.source();
    }
    shortened(&text)
}

/// Status, code and the request's id, by which Azure's support finds it.
fn explain_answer(error: &azure_core::Error) -> Option<String> {
    let ErrorKind::HttpResponse { status, error_code, raw_response } = error.kind() else {
        return None;
    };
    let mut text = format!("it answered {}", u16::from(*status));
    if let Some(code) = error_code {
        text.push(' ');
        text.push_str(&shortened(code));
    }
    let id = raw_response.as_ref().and_then(|raw| raw.headers().get_optional_str(&REQUEST_ID));
    if let Some(id) = id {
        text.push_str(", request ");
        text.push_str(&shortened(id));
    }
    Some(text)
}

/// Not the error's own words, which quote the URL.
fn explain_connection(error: &reqwest::Error) -> &'static str {
    if error.is_timeout() {
        "it did not answer in time"
    } else if error.is_connect() {
        "no connection"
    } else {
        "the connection broke"
    }
}

fn shortened(text: &str) -> String {
    let clean = |character: char| if character.is_control() { ' ' } else { character };
    text.chars().take(LONGEST).map(clean).collect()
}
