use std::sync::Arc;

use aws_lc_rs::{constant_time, digest};
use domain::Platform;
use domain::ports::{PendingConsent, Redemption};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::browser_cookie;
use crate::{App, Document, Endpoint, Problem, Reply, Request};

pub(in crate::endpoints) const ENDPOINT: Endpoint = Endpoint {
    function: "OAuthCallback",
    handle: |app, request| Box::pin(handle(app, request)),
    document,
};

fn document() -> Document {
    Document::answers::<Connected>(200)
        .or_page()
        .queried_by::<Callback>()
        .named_by_one_of(Platform::ALL.map(Platform::route))
        .fails_with(&[400, 404, 409, 429, 502])
}

/// What platforms add beyond this is not needed.
#[derive(Deserialize, ToSchema)]
struct Callback {
    state: Option<String>,
    code: Option<String>,
    /// Instead of a code, when the person declined.
    error: Option<String>,
}

#[derive(Serialize, ToSchema)]
struct Connected {
    credential_id: Uuid,
    /// `google_ads`, `meta_ads` or `google_analytics`.
    #[schema(value_type = String)]
    platform: Platform,
}

async fn handle(app: Arc<App>, request: Request) -> Result<Reply, Problem> {
    let platform = Platform::from_route(request.param("platform"))
        .ok_or_else(|| Problem::not_found("this platform"))?;
    let query: Callback = request.query()?;
    let state = SecretString::from(query.state.ok_or_else(stale)?);
    // Taken before anything else is looked at: whatever comes of it, it works once.
    let consent = app.consents.take(&state).await?.ok_or_else(stale)?;
    if consent.platform != platform {
        return Err(stale());
    }
    check_browser(&request, &consent)?;
    let code = match (query.code, query.error) {
        (Some(code), None) => SecretString::from(code),
        _ => return Err(declined(platform)),
    };
    let connected = connect(&app, consent, code).await?;
    let reply = if wants_json(&request) { Reply::ok(&connected)? } else { page(platform) };
    Ok(reply.header("set-cookie", &browser_cookie::clear(platform, &app.public_url)))
}

/// Exchanges the code, and keeps what it brings: tokens first, so that an active credential
/// always has some.
async fn connect(
    app: &App,
    consent: PendingConsent,
    code: SecretString,
) -> Result<Connected, Problem> {
    let grant = app
        .platforms
        .redeem(&Redemption {
            platform: consent.platform,
            code,
            redirect_uri: consent.redirect_uri.clone(),
            code_verifier: consent.code_verifier.clone(),
        })
        .await?;
    let credential = app.credentials.for_consent(&consent).await?;
    app.vault.store(credential, &grant).await?;
    app.credentials.activate(credential, &grant.scopes).await?;
    Ok(Connected { credential_id: credential.uuid(), platform: consent.platform })
}

fn check_browser(request: &Request, consent: &PendingConsent) -> Result<(), Problem> {
    let cookie = browser_cookie::read(request)
        .map(|value| digest::digest(&digest::SHA256, value.expose_secret().as_bytes()));
    let is_same = cookie.is_some_and(|hash| {
        constant_time::verify_slices_are_equal(hash.as_ref(), &consent.browser_hash).is_ok()
    });
    if is_same {
        return Ok(());
    }
    Err(Problem::bad_request(
        "consent_other_browser",
        "cookie",
        "this consent was started in another browser: start again in this one",
    ))
}

fn declined(platform: Platform) -> Problem {
    let title = platform.title();
    Problem::bad_request(
        "consent_declined",
        "error",
        format!("the consent was not given at {title}: start again to give it"),
    )
}

fn stale() -> Problem {
    Problem::bad_request(
        "consent_invalid",
        "state",
        "this consent was used before, is older than 10 minutes, or is not from here: start again",
    )
}

fn wants_json(request: &Request) -> bool {
    request.header("accept").is_some_and(|accept| accept.contains("application/json"))
}

/// The address bar holds the code and the state: no page may be told where the reader came from.
fn page(platform: Platform) -> Reply {
    let title = platform.title();
    Reply::html(format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>{title} is \
         connected</title><body style=\"font-family:system-ui;margin:4rem auto;max-width:32rem\">\
         <h1>{title} is connected</h1><p>You can close this window.</p>"
    ))
    .header("content-security-policy", "default-src 'none'; style-src 'unsafe-inline'")
    .header("referrer-policy", "no-referrer")
}
