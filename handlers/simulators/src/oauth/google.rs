//! Google's token endpoints: exchange, refresh, revoke.

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::Duration;
use serde_json::{Value, json};
use warp::http::StatusCode;

use super::ticket::{Kind, Ticket};
use super::{CLIENT_SECRET, Family, OAuth, Refusal};
use crate::wire::{Answer, Call};

/// How long an access token lasts, in seconds.
const LIFETIME: i64 = 3_599;

/// A refusal in the shape of RFC 6749.
struct Denied(StatusCode, &'static str, &'static str);

const BAD_GRANT: Denied =
    Denied(StatusCode::BAD_REQUEST, "invalid_grant", "Token has been expired or revoked.");

/// `POST /token`.
pub(crate) fn token(oauth: &OAuth, call: &Call) -> Answer {
    let form = call.form();
    let field =
        |name: &str| form.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let answer = client(&field).and_then(|client_id| match field("grant_type") {
        Some("authorization_code") => redeem(oauth, client_id, &field),
        Some("refresh_token") => refresh(oauth, client_id, &field),
        _ => Err(Denied(
            StatusCode::BAD_REQUEST,
            "unsupported_grant_type",
            "Invalid grant_type: use authorization_code or refresh_token",
        )),
    });
    answer.map_or_else(|denied| denied.answer(), |body| Answer::ok(&body))
}

impl Denied {
    fn answer(&self) -> Answer {
        let Self(status, error, description) = self;
        Answer::json(*status, &json!({ "error": error, "error_description": description }))
    }
}

/// The endpoint itself is in trouble.
pub(crate) fn failure(status: StatusCode) -> Answer {
    let error = if status == StatusCode::SERVICE_UNAVAILABLE {
        "temporarily_unavailable"
    } else {
        "internal_failure"
    };
    Denied(status, error, "Try again later.").answer()
}

/// The consent behind a refresh token is gone.
pub(crate) fn dead_grant() -> Answer {
    BAD_GRANT.answer()
}

/// The application that asks; its secret must be right.
fn client<'a>(field: &impl Fn(&str) -> Option<&'a str>) -> Result<&'a str, Denied> {
    let client_id = field("client_id").filter(|id| !id.is_empty()).ok_or(Denied(
        StatusCode::BAD_REQUEST,
        "invalid_request",
        "Could not determine client ID from request.",
    ))?;
    if field("client_secret") != Some(CLIENT_SECRET) {
        return Err(Denied(
            StatusCode::UNAUTHORIZED,
            "invalid_client",
            "The provided client secret is invalid.",
        ));
    }
    Ok(client_id)
}

fn redeem<'a>(
    oauth: &OAuth,
    client_id: &str,
    field: &impl Fn(&str) -> Option<&'a str>,
) -> Result<Value, Denied> {
    let bad = |description| Denied(StatusCode::BAD_REQUEST, "invalid_grant", description);
    let code = field("code").ok_or(Denied(
        StatusCode::BAD_REQUEST,
        "invalid_request",
        "Missing required parameter: code",
    ))?;
    let ticket =
        oauth.ticket(code, Family::Google, Kind::Code).map_err(|_| bad("Malformed auth code."))?;
    let redirect = ticket.redirect.as_ref().ok_or(bad("Malformed auth code."))?;
    if ticket.client_id != client_id {
        return Err(Denied(StatusCode::UNAUTHORIZED, "unauthorized_client", "Unauthorized"));
    }
    if !same_address(field("redirect_uri"), &redirect.uri) {
        return Err(Denied(StatusCode::BAD_REQUEST, "redirect_uri_mismatch", "Bad Request"));
    }
    if !verified(redirect.challenge.as_deref(), field("code_verifier")) {
        return Err(bad("Invalid code verifier."));
    }
    if !oauth.use_code(code) {
        return Err(bad("Bad Request"));
    }
    let mut body = access(oauth, &ticket);
    if redirect.offline {
        body["refresh_token"] = Value::String(oauth.issue(&ticket, Kind::Refresh, None));
    }
    Ok(body)
}

fn refresh<'a>(
    oauth: &OAuth,
    client_id: &str,
    field: &impl Fn(&str) -> Option<&'a str>,
) -> Result<Value, Denied> {
    let token = field("refresh_token").ok_or(Denied(
        StatusCode::BAD_REQUEST,
        "invalid_request",
        "Missing required parameter: refresh_token",
    ))?;
    let ticket =
        oauth.ticket(token, Family::Google, Kind::Refresh).map_err(|refusal| match refusal {
            Refusal::Revoked | Refusal::Expired => BAD_GRANT,
            _ => Denied(StatusCode::BAD_REQUEST, "invalid_grant", "Bad Request"),
        })?;
    if ticket.client_id != client_id {
        return Err(Denied(StatusCode::UNAUTHORIZED, "unauthorized_client", "Unauthorized"));
    }
    Ok(access(oauth, &ticket))
}

fn access(oauth: &OAuth, ticket: &Ticket) -> Value {
    json!({
        "access_token": oauth.issue(ticket, Kind::Access, Some(Duration::seconds(LIFETIME))),
        "expires_in": LIFETIME,
        "scope": ticket.scopes.join(" "),
        "token_type": "Bearer",
    })
}

/// `POST /revoke`: an access or refresh token ends the whole consent.
pub(crate) fn revoke(oauth: &OAuth, call: &Call) -> Answer {
    let form = call.form();
    let token = call
        .query("token")
        .or_else(|| form.iter().find(|(key, _)| key == "token").map(|(_, value)| value.as_str()))
        .unwrap_or_default();
    let ticket = [Kind::Refresh, Kind::Access]
        .into_iter()
        .find_map(|kind| oauth.ticket(token, Family::Google, kind).ok());
    match ticket {
        Some(ticket) => {
            oauth.withdraw(&ticket.grant);
            Answer::ok(&json!({}))
        }
        None => Answer::json(
            StatusCode::BAD_REQUEST,
            &json!({ "error": "invalid_token", "error_description": "Token expired or revoked" }),
        ),
    }
}

/// Whether the two are the same address once both are written the same way.
pub(super) fn same_address(given: Option<&str>, expected: &str) -> bool {
    given.and_then(|given| url::Url::parse(given).ok()).is_some_and(|uri| uri.as_str() == expected)
}

/// Whether the verifier's SHA-256 is the challenge (RFC 7636, S256).
pub(super) fn verified(challenge: Option<&str>, verifier: Option<&str>) -> bool {
    match (challenge, verifier) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(challenge), Some(verifier)) => {
            let hash = digest::digest(&digest::SHA256, verifier.as_bytes());
            URL_SAFE_NO_PAD.encode(hash) == challenge
        }
    }
}
