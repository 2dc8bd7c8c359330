//! Meta's login: a code becomes a short-lived token, that becomes one of about 60 days, and that,
//! while it lives, becomes a fresh one. There is no refresh token, and PKCE is not offered: the
//! app's secret and the state protect the flow.

use domain::Platform;
use domain::ports::{AuthorizationRequest, Grant, PlatformError, Redemption};
use reqwest::{Method, Request, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::{expiry, what_is_consented_to};
use crate::client::{Client, path};
use crate::config::{Endpoints, OAuthClient};
use crate::meta_ads::{Graph, classify};
use crate::versions;

const PLATFORM: Platform = Platform::MetaAds;

/// `ads_read` is all that reading needs; accounts that belong to a business are listed with the
/// second.
const SCOPES: &str = "ads_read,business_management";
const NEEDED: &str = "ads_read";

#[derive(Clone, Debug)]
pub(crate) struct MetaOAuth {
    client: Client,
    dialog_url: Url,
    graph: Graph,
    app: Option<OAuthClient>,
}

#[derive(Deserialize)]
struct TokenAnswer {
    access_token: String,
    /// Absent for tokens that do not expire, such as a system user's.
    expires_in: Option<i64>,
}

#[derive(Deserialize)]
struct Permissions {
    data: Vec<Permission>,
}

#[derive(Deserialize)]
struct Permission {
    permission: String,
    status: String,
}

impl MetaOAuth {
    pub(crate) fn new(client: Client, endpoints: &Endpoints, app: Option<OAuthClient>) -> Self {
        let dialog = [versions::META_GRAPH, "dialog", "oauth"];
        Self {
            client,
            dialog_url: path(&endpoints.meta_dialog_url, &dialog),
            graph: Graph::new(endpoints, app.as_ref()),
            app,
        }
    }

    fn app(&self) -> Result<&OAuthClient, PlatformError> {
        self.app.as_ref().ok_or(PlatformError::NotConfigured(
            PLATFORM,
            "the settings lack Meta's app id and secret",
        ))
    }

    /// `auth_type=rerequest`, for without it Meta does not ask again for what was once declined.
    pub(crate) fn authorization_url(
        &self,
        request: &AuthorizationRequest,
    ) -> Result<Url, PlatformError> {
        let mut url = self.dialog_url.clone();
        url.query_pairs_mut()
            .append_pair("client_id", &self.app()?.id)
            .append_pair("redirect_uri", request.redirect_uri.as_str())
            .append_pair("state", &request.state)
            .append_pair("scope", SCOPES)
            .append_pair("response_type", "code")
            .append_pair("auth_type", "rerequest")
            .extend_pairs(request.login_hint.as_ref().map(|hint| ("login_hint", hint)));
        Ok(url)
    }

    pub(crate) async fn redeem(&self, redemption: &Redemption) -> Result<Grant, PlatformError> {
        let short = self
            .ask_for_token(&[
                ("redirect_uri", redemption.redirect_uri.as_str()),
                ("code", redemption.code.expose_secret()),
            ])
            .await?;
        let long = self.exchange(&short.access_token.into()).await?;
        let token = SecretString::from(long.access_token);
        let scopes = self.scopes(&token).await?;
        if !scopes.iter().any(|scope| scope == NEEDED) {
            let missing = what_is_consented_to(PLATFORM).to_owned();
            return Err(PlatformError::MissingScope(PLATFORM, missing));
        }
        let access_expires_at = expiry(long.expires_in);
        Ok(Grant { access_token: token, access_expires_at, refresh_token: None, scopes })
    }

    pub(crate) async fn refresh(&self, old: &Grant) -> Result<Grant, PlatformError> {
        let fresh = self.exchange(&old.access_token).await?;
        Ok(Grant {
            access_token: fresh.access_token.into(),
            access_expires_at: expiry(fresh.expires_in),
            refresh_token: None,
            scopes: old.scopes.clone(),
        })
    }

    async fn exchange(&self, token: &SecretString) -> Result<TokenAnswer, PlatformError> {
        self.ask_for_token(&[
            ("grant_type", "fb_exchange_token"),
            ("fb_exchange_token", token.expose_secret()),
        ])
        .await
    }

    /// A GET with the app's secret in its query: Meta documents no other way.
    async fn ask_for_token(&self, fields: &[(&str, &str)]) -> Result<TokenAnswer, PlatformError> {
        let app = self.app()?;
        let mut url = self.graph.url(&["oauth", "access_token"]);
        url.query_pairs_mut()
            .append_pair("client_id", &app.id)
            .append_pair("client_secret", app.secret.expose_secret())
            .extend_pairs(fields);
        let request = Request::new(Method::GET, url);
        self.client.json_with_retries(PLATFORM, &request, classify).await
    }

    /// What the person left ticked.
    async fn scopes(&self, token: &SecretString) -> Result<Vec<String>, PlatformError> {
        let request = self.permissions(Method::GET, token)?;
        let Permissions { data } =
            self.client.json_with_retries(PLATFORM, &request, classify).await?;
        let granted = data.into_iter().filter(|each| each.status == "granted");
        Ok(granted.map(|each| each.permission).collect())
    }

    pub(crate) async fn revoke(&self, grant: &Grant) -> Result<(), PlatformError> {
        let request = self.permissions(Method::DELETE, &grant.access_token)?;
        self.client.json_with_retries::<IgnoredAny>(PLATFORM, &request, classify).await?;
        Ok(())
    }

    fn permissions(&self, method: Method, token: &SecretString) -> Result<Request, PlatformError> {
        let url = self.graph.url(&["me", "permissions"]);
        self.graph.request(method, url, token).map_err(|failure| failure.error)
    }
}
