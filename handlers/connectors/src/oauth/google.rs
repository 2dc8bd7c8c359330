//! Google's OAuth 2.0, for Google Ads and Google Analytics: authorization code with PKCE, offline
//! access, refresh tokens.

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::Platform;
use domain::ports::{AuthorizationRequest, Grant, PlatformError, Redemption};
use reqwest::{Method, Request, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::{expiry, what_is_consented_to};
use crate::client::{Answer, Client, with_form};
use crate::config::{Endpoints, OAuthClient};
use crate::retry::Failure;

#[derive(Clone, Debug)]
pub(crate) struct GoogleOAuth {
    client: Client,
    authorize_url: Url,
    token_url: Url,
    revoke_url: Url,
    app: Option<OAuthClient>,
}

#[derive(Deserialize)]
struct TokenAnswer {
    access_token: String,
    expires_in: Option<i64>,
    refresh_token: Option<String>,
    scope: Option<String>,
}

/// One scope each: a token for the one platform must not read the other.
fn scope(platform: Platform) -> &'static str {
    match platform {
        Platform::GoogleAnalytics => "https://www.googleapis.com/auth/analytics.readonly",
        _ => "https://www.googleapis.com/auth/adwords",
    }
}

/// The S256 challenge of RFC 7636.
fn challenge(verifier: &SecretString) -> String {
    let hash = digest::digest(&digest::SHA256, verifier.expose_secret().as_bytes());
    URL_SAFE_NO_PAD.encode(hash)
}

impl GoogleOAuth {
    pub(crate) fn new(client: Client, endpoints: &Endpoints, app: Option<OAuthClient>) -> Self {
        Self {
            client,
            authorize_url: endpoints.google_authorize_url.clone(),
            token_url: endpoints.google_token_url.clone(),
            revoke_url: endpoints.google_revoke_url.clone(),
            app,
        }
    }

    fn app(&self, platform: Platform) -> Result<&OAuthClient, PlatformError> {
        self.app.as_ref().ok_or(PlatformError::NotConfigured(
            platform,
            "the settings lack Google's OAuth client id and secret",
        ))
    }

    /// `prompt=consent`, for without it Google sends a refresh token on the first consent only.
    pub(crate) fn authorization_url(
        &self,
        request: &AuthorizationRequest,
    ) -> Result<Url, PlatformError> {
        let mut url = self.authorize_url.clone();
        url.query_pairs_mut()
            .append_pair("client_id", &self.app(request.platform)?.id)
            .append_pair("redirect_uri", request.redirect_uri.as_str())
            .append_pair("response_type", "code")
            .append_pair("scope", scope(request.platform))
            .append_pair("access_type", "offline")
            .append_pair("prompt", "consent")
            .append_pair("state", &request.state)
            .append_pair("code_challenge", &challenge(&request.code_verifier))
            .append_pair("code_challenge_method", "S256")
            .extend_pairs(request.login_hint.as_ref().map(|hint| ("login_hint", hint)));
        Ok(url)
    }

    pub(crate) async fn redeem(&self, redemption: &Redemption) -> Result<Grant, PlatformError> {
        let platform = redemption.platform;
        let app = self.app(platform)?;
        let answer = self
            .ask_for_token(
                platform,
                &[
                    ("grant_type", "authorization_code"),
                    ("code", redemption.code.expose_secret()),
                    ("redirect_uri", redemption.redirect_uri.as_str()),
                    ("code_verifier", redemption.code_verifier.expose_secret()),
                    ("client_id", &app.id),
                    ("client_secret", app.secret.expose_secret()),
                ],
            )
            .await?;
        grant(platform, answer, None)
    }

    pub(crate) async fn refresh(
        &self,
        platform: Platform,
        old: &Grant,
    ) -> Result<Grant, PlatformError> {
        let app = self.app(platform)?;
        let Some(refresh_token) = &old.refresh_token else {
            return Err(PlatformError::NeedsReauth(platform));
        };
        let answer = self
            .ask_for_token(
                platform,
                &[
                    ("grant_type", "refresh_token"),
                    ("refresh_token", refresh_token.expose_secret()),
                    ("client_id", &app.id),
                    ("client_secret", app.secret.expose_secret()),
                ],
            )
            .await?;
        grant(platform, answer, Some(old))
    }

    async fn ask_for_token(
        &self,
        platform: Platform,
        fields: &[(&str, &str)],
    ) -> Result<TokenAnswer, PlatformError> {
        let request = with_form(Request::new(Method::POST, self.token_url.clone()), fields);
        self.client.json_with_retries(platform, &request, classify).await
    }

    /// Google withdraws the whole consent, whichever of its tokens is named.
    pub(crate) async fn revoke(
        &self,
        platform: Platform,
        grant: &Grant,
    ) -> Result<(), PlatformError> {
        let token = grant.refresh_token.as_ref().unwrap_or(&grant.access_token);
        let request = with_form(
            Request::new(Method::POST, self.revoke_url.clone()),
            &[("token", token.expose_secret())],
        );
        self.client.json_with_retries::<IgnoredAny>(platform, &request, classify).await?;
        Ok(())
    }
}

/// Refuses a consent with the box unticked: Google lets people do that.
fn grant(
    platform: Platform,
    answer: TokenAnswer,
    old: Option<&Grant>,
) -> Result<Grant, PlatformError> {
    let scopes: Vec<String> = match (&answer.scope, old) {
        (Some(scope), _) => scope.split(' ').map(str::to_owned).collect(),
        (None, Some(old)) => old.scopes.clone(),
        // RFC 6749 §5.1: left out if they are those that were asked for.
        (None, None) => vec![scope(platform).to_owned()],
    };
    if !scopes.iter().any(|granted| granted == scope(platform)) {
        let missing = what_is_consented_to(platform).to_owned();
        return Err(PlatformError::MissingScope(platform, missing));
    }
    let kept = old.and_then(|old| old.refresh_token.clone());
    Ok(Grant {
        access_token: answer.access_token.into(),
        access_expires_at: expiry(answer.expires_in),
        refresh_token: answer.refresh_token.map(SecretString::from).or(kept),
        scopes,
    })
}

fn classify(platform: Platform, answer: &Answer<'_>) -> Failure {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Refusal {
        error: String,
    }
    let Refusal { error } = serde_json::from_slice(answer.body).unwrap_or_default();
    let operator = |fix| Failure::final_(PlatformError::Operator(platform, fix));
    match error.as_str() {
        "invalid_grant" | "invalid_token" => Failure::final_(PlatformError::NeedsReauth(platform)),
        "invalid_client" | "unauthorized_client" | "deleted_client" => {
            operator("its OAuth client id or secret is wrong: correct the settings")
        }
        "redirect_uri_mismatch" => {
            operator("its redirect URI is not registered: add it to the OAuth client")
        }
        "invalid_scope" => operator("its scopes are not allowed: add them to the consent screen"),
        "admin_policy_enforced" => Failure::final_(PlatformError::PermissionDenied(platform)),
        "internal_failure" | "server_error" | "temporarily_unavailable" => {
            Failure::unavailable(platform, "the platform failed on its own side")
        }
        _ => answer.by_status(platform),
    }
}

#[cfg(test)]
mod tests {
    use reqwest::StatusCode;
    use reqwest::header::HeaderMap;

    use super::*;

    fn refusal(status: u16, body: &str) -> Failure {
        let answer = Answer {
            status: StatusCode::from_u16(status).unwrap(),
            headers: &HeaderMap::new(),
            body: body.as_bytes(),
        };
        classify(Platform::GoogleAds, &answer)
    }

    fn answer(scope: Option<&str>, refresh_token: Option<&str>) -> TokenAnswer {
        TokenAnswer {
            access_token: "new".to_owned(),
            expires_in: Some(3599),
            refresh_token: refresh_token.map(str::to_owned),
            scope: scope.map(str::to_owned),
        }
    }

    #[test]
    fn the_challenge_is_that_of_the_rfc() {
        // RFC 7636, appendix B.
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        assert_eq!(challenge(&verifier.into()), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }

    #[test]
    fn an_unticked_box_is_a_missing_scope() {
        let other = answer(Some("openid https://www.googleapis.com/auth/adwords"), None);
        let error = grant(Platform::GoogleAnalytics, other, None).unwrap_err();
        assert_eq!(error.code(), "missing_scope");
    }

    #[test]
    fn the_old_refresh_token_is_kept_until_a_new_one_comes() {
        let scope = Some("https://www.googleapis.com/auth/adwords");
        let first = grant(Platform::GoogleAds, answer(scope, Some("one")), None).unwrap();
        let second = grant(Platform::GoogleAds, answer(None, None), Some(&first)).unwrap();
        assert_eq!(second.refresh_token.as_ref().unwrap().expose_secret(), "one");
        let third = grant(Platform::GoogleAds, answer(scope, Some("two")), Some(&second)).unwrap();
        assert_eq!(third.refresh_token.as_ref().unwrap().expose_secret(), "two");
    }

    #[test]
    fn refusals_name_the_one_who_can_help() {
        for (status, body, code) in [
            (400, r#"{"error":"invalid_grant","error_description":"x"}"#, "needs_reauth"),
            (401, r#"{"error":"invalid_client"}"#, "operator_action_needed"),
            (400, r#"{"error":"redirect_uri_mismatch"}"#, "operator_action_needed"),
            (403, r#"{"error":"admin_policy_enforced"}"#, "permission_denied"),
            (400, r#"{"error":"internal_failure"}"#, "platform_unavailable"),
            (503, "", "platform_unavailable"),
            (429, "", "throttled"),
        ] {
            assert_eq!(refusal(status, body).error.code(), code, "{body}");
        }
    }
}
