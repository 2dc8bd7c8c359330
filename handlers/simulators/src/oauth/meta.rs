//! Meta's token endpoints on the Graph: exchange, long-lived exchange, inspection, withdrawal.

use chrono::Duration;
use domain::{BusinessClock, SystemClock};
use serde_json::{Value, json};

use super::google::{same_address, verified};
use super::ticket::Kind;
use super::{CLIENT_SECRET, Family, OAuth, Pass, Refusal};
use crate::meta::GraphError;
use crate::wire::Answer;

/// A token from a code, in seconds.
const SHORT: i64 = 5_400;
/// A token from an exchange, in seconds: about sixty days.
const LONG: i64 = 5_183_944;

type Field<'a> = dyn Fn(&str) -> Option<&'a str> + Send + Sync + 'a;

/// `GET /oauth/access_token`.
pub(crate) fn access_token(oauth: &OAuth, field: &Field<'_>) -> Result<Answer, GraphError> {
    let client_id = field("client_id")
        .filter(|id| !id.is_empty())
        .ok_or_else(|| GraphError::new(101, "Missing client_id parameter."))?;
    if field("client_secret") != Some(CLIENT_SECRET) {
        return Err(GraphError::new(1, "Error validating client secret."));
    }
    let (ticket, lifetime) = if field("grant_type") == Some("fb_exchange_token") {
        let token = field("fb_exchange_token")
            .ok_or_else(|| GraphError::new(1, "Missing fb_exchange_token parameter"))?;
        let ticket =
            oauth.ticket(token, Family::Meta, Kind::Access).map_err(GraphError::of_token)?;
        (ticket, LONG)
    } else {
        let code = field("code").ok_or_else(|| GraphError::new(1, "Missing authorization code"))?;
        let ticket = oauth.ticket(code, Family::Meta, Kind::Code).map_err(|refusal| {
            if refusal == Refusal::Expired {
                GraphError::new(100, "This authorization code has expired.").subcode(36_007)
            } else {
                GraphError::new(100, "Invalid verification code format.")
            }
        })?;
        let redirect = ticket
            .redirect
            .as_ref()
            .ok_or_else(|| GraphError::new(100, "Invalid verification code format."))?;
        if !same_address(field("redirect_uri"), &redirect.uri) {
            let message = "Error validating verification code. Please make sure your \
                           redirect_uri is identical to the one you used in the OAuth dialog \
                           request";
            return Err(GraphError::new(100, message).subcode(36_008));
        }
        if !verified(redirect.challenge.as_deref(), field("code_verifier")) {
            return Err(GraphError::new(100, "Code verifier does not match.").subcode(36_008));
        }
        if !oauth.use_code(code) {
            let message = "This authorization code has been used.";
            return Err(GraphError::new(100, message).subcode(36_009));
        }
        (ticket, SHORT)
    };
    if ticket.client_id != client_id {
        return Err(GraphError::new(1, "Error validating application. Invalid application ID."));
    }
    Ok(Answer::ok(&json!({
        "access_token": oauth.issue(&ticket, Kind::Access, Some(Duration::seconds(lifetime))),
        "token_type": "bearer",
        "expires_in": lifetime,
    })))
}

/// `GET /debug_token`: what a token is, asked with the application's own.
pub(crate) fn debug_token(oauth: &OAuth, field: &Field<'_>) -> Result<Answer, GraphError> {
    let app = field("access_token").and_then(|token| token.strip_suffix(CLIENT_SECRET));
    let Some(app_id) = app.and_then(|rest| rest.strip_suffix('|')).filter(|id| !id.is_empty())
    else {
        return Err(GraphError::of_token(Refusal::Invalid));
    };
    let input = field("input_token")
        .ok_or_else(|| GraphError::new(100, "(#100) The parameter input_token is required"))?;
    let data: Value = match oauth.ticket(input, Family::Meta, Kind::Access) {
        Ok(ticket) => json!({
            "app_id": app_id,
            "type": "USER",
            "application": "Marketing IQ",
            "is_valid": true,
            "scopes": ticket.scopes,
            "expires_at": ticket.expires_at.unwrap_or_default(),
            "data_access_expires_at": (SystemClock.now() + Duration::days(90)).timestamp(),
            "user_id": super::Person::find(&ticket.login).map(super::Person::meta_id),
        }),
        Err(refusal) => {
            let error = GraphError::of_token(refusal).body();
            json!({ "is_valid": false, "scopes": [], "error": error["error"] })
        }
    };
    Ok(Answer::ok(&json!({ "data": data })))
}

/// `GET /me/permissions`.
pub(crate) fn permissions(pass: &Pass) -> Answer {
    let granted: Vec<Value> = pass
        .scopes
        .iter()
        .map(|scope| json!({ "permission": scope, "status": "granted" }))
        .collect();
    Answer::ok(&json!({ "data": granted }))
}

/// `DELETE /me/permissions`: ends the whole consent.
pub(crate) fn withdraw(oauth: &OAuth, pass: &Pass) -> Answer {
    oauth.withdraw(&pass.grant);
    Answer::ok(&json!({ "success": true }))
}
