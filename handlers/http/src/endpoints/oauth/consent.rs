//! Starting a consent: alike for all platforms.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use domain::ports::{AuthorizationRequest, NewConsent};
use domain::{EmailAddress, Platform};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use url::Url;
use utoipa::ToSchema;

use super::browser_cookie;
use crate::fields::parsed_if_given;
use crate::{App, Document, Problem, Reply, Request};

pub(super) fn document() -> Document {
    Document::answers::<StartedConsent>(200).may_take::<StartConsent>().fails_with(&[409])
}

#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct StartConsent {
    /// The e-mail address of the login to propose; the credential is listed under it.
    login_hint: Option<String>,
}

#[derive(Serialize, ToSchema)]
struct StartedConsent {
    /// Where to send the person's browser.
    authorization_url: String,
    expires_at: DateTime<Utc>,
}

pub(super) async fn start(
    app: Arc<App>,
    request: Request,
    platform: Platform,
) -> Result<Reply, Problem> {
    let scope = request.scope()?;
    let body: StartConsent = request.json_or_default()?;
    let login: Option<EmailAddress> = parsed_if_given("login_hint", body.login_hint.as_deref())?;
    let consent = NewConsent {
        platform,
        redirect_uri: redirect_uri(&app.public_url, platform),
        login_hint: login.map(|login| login.as_str().to_owned()),
    };
    let begun = app.consents.begin(&scope, request.caller()?, &consent).await?;
    let authorization_url = app.platforms.authorization_url(&AuthorizationRequest {
        platform,
        redirect_uri: consent.redirect_uri,
        state: begun.state.expose_secret().to_owned(),
        code_verifier: begun.code_verifier,
        login_hint: consent.login_hint,
    })?;
    let cookie = browser_cookie::set(&begun.browser, platform, &app.public_url);
    let reply = Reply::ok(&StartedConsent {
        authorization_url: authorization_url.into(),
        expires_at: begun.expires_at,
    })?;
    Ok(reply.header("set-cookie", &cookie))
}

/// `{public_url}/oauth/callback/{platform}`: registered at the platform, so it never varies.
fn redirect_uri(public_url: &Url, platform: Platform) -> Url {
    let base = public_url.as_str().trim_end_matches('/');
    format!("{base}{}", browser_cookie::path(platform))
        .parse()
        .expect("a URL with a path after it is a URL")
}
