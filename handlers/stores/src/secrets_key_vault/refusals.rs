//! What Key Vault means by its refusals: the status, and the code within the error's `innererror`.
//!
//! <https://learn.microsoft.com/azure/key-vault/general/rest-error-codes>; the inner codes are not
//! listed there and are those that a vault sends.

use azure_core::error::ErrorKind;
use azure_core::http::StatusCode;
use serde::Deserialize;

/// Why a name cannot be written right now.
pub(super) enum Busy {
    /// It is that of a deleted secret, which can be recovered.
    Deleted,
    /// It is being deleted or recovered.
    Changing,
}

pub(super) fn is_missing(error: &azure_core::Error) -> bool {
    error.http_status() == Some(StatusCode::NotFound)
}

pub(super) fn is_disabled(error: &azure_core::Error) -> bool {
    error.http_status() == Some(StatusCode::Forbidden) && inner_is(error, "SecretDisabled")
}

pub(super) fn lets_nobody_in(error: &azure_core::Error) -> bool {
    error.http_status() == Some(StatusCode::Forbidden)
        && (inner_is(error, "ForbiddenByFirewall") || inner_is(error, "ForbiddenByConnection"))
}

/// Whoever is not told why tries to recover: that does no harm to a name that is only changing.
pub(super) fn busy(error: &azure_core::Error) -> Option<Busy> {
    if error.http_status() != Some(StatusCode::Conflict) {
        return None;
    }
    let changing =
        inner_is(error, "ObjectIsBeingDeleted") || inner_is(error, "ObjectIsBeingRecovered");
    Some(if changing { Busy::Changing } else { Busy::Deleted })
}

#[derive(Deserialize)]
struct Body {
    error: Outer,
}

#[derive(Deserialize)]
struct Outer {
    innererror: Option<Inner>,
}

#[derive(Deserialize)]
struct Inner {
    code: Option<String>,
}

fn inner_is(error: &azure_core::Error, code: &str) -> bool {
    let ErrorKind::HttpResponse { raw_response: Some(response), .. } = error.kind() else {
        return false;
    };
    let body: Option<Body> = serde_json::from_slice(response.body()).ok();
    body.and_then(|body| body.error.innererror?.code).is_some_and(|inner| inner == code)
}
