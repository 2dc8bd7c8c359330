//! The simulated platforms, as these tests use them.

use std::time::Duration;

use connectors::{Endpoints, OAuthClient, PlatformConfig, Platforms, Timing};
use domain::Platform;
use domain::ports::{AuthorizationRequest, Grant, PlatformAccess, Redemption};
use reqwest::header::LOCATION;
use reqwest::redirect::Policy;
use secrecy::SecretString;
use simulators::Running;
use url::Url;

/// Where they are, with waits that a test can afford.
pub(crate) fn config(simulators: &Running) -> PlatformConfig {
    let base = simulators.base_url();
    let url = |path: &str| -> Url { format!("{base}{path}").parse().unwrap() };
    let soon = Duration::from_millis(1);
    let app = OAuthClient {
        id: "marketing-iq".to_owned(),
        secret: SecretString::from(simulators::CLIENT_SECRET),
    };
    PlatformConfig {
        endpoints: Endpoints {
            google_ads_url: url("/google-ads"),
            meta_graph_url: url("/graph"),
            meta_dialog_url: url("/meta"),
            analytics_data_url: url("/analytics-data"),
            analytics_admin_url: url("/analytics-admin"),
            google_authorize_url: url("/google/o/oauth2/v2/auth"),
            google_token_url: url("/google/token"),
            google_revoke_url: url("/google/revoke"),
        },
        google: Some(app.clone()),
        meta: Some(app),
        timing: Timing {
            backoff: soon,
            longest_backoff: soon,
            first_poll: soon,
            longest_poll: soon,
            ..Timing::default()
        },
        ..PlatformConfig::default()
    }
}

/// What the agency's consent at a platform brings.
pub(crate) async fn consent(platforms: &Platforms, platform: Platform) -> Grant {
    let redirect_uri: Url = "https://miq.example/back".parse().unwrap();
    let code_verifier = SecretString::from("v".repeat(43));
    let request = AuthorizationRequest {
        platform,
        redirect_uri: redirect_uri.clone(),
        state: "state".to_owned(),
        code_verifier: code_verifier.clone(),
        login_hint: Some("agency@example.com".to_owned()),
    };
    let page = platforms.authorization_url(&request).unwrap();
    let browser = reqwest::Client::builder().redirect(Policy::none()).build().unwrap();
    let answer = browser.get(page).send().await.unwrap();
    let back: Url = answer.headers()[LOCATION].to_str().unwrap().parse().unwrap();
    let code = back.query_pairs().find(|(name, _)| name == "code").unwrap().1.into_owned();
    let redemption =
        Redemption { platform, code: SecretString::from(code), redirect_uri, code_verifier };
    platforms.redeem(&redemption).await.unwrap()
}
