//! The simulators, and a person signed in at them.

use async_trait::async_trait;
use connectors::{
    Endpoints, ExtractError, ExtractRequest, Extracted, OAuthClient, PlatformConfig, Platforms,
    TokenSource,
};
use domain::ports::{
    AuthorizationRequest, Grant, PlatformAccess, PlatformAccount, PlatformError, Redemption,
};
use domain::{ConnectedAccount, ConnectionId, CredentialId, DateRange, Platform, Stream};
use secrecy::SecretString;
use serde_json::Value;
use tokio::sync::Mutex;
use url::Url;

use crate::gather::{Kept, hasty};

/// The login that reaches all accounts.
pub(crate) const AGENCY: &str = "agency@example.com";

const VERIFIER: &str = "a-verifier-of-at-least-forty-three-characters-in-all";

pub(crate) struct World {
    running: simulators::Running,
    http: reqwest::Client,
    pub(crate) platforms: Platforms,
}

impl World {
    pub(crate) async fn start() -> Self {
        let config = simulators::Config { days: 40, ..simulators::Config::default() };
        let running = simulators::start(config).await.unwrap();
        let platforms = Platforms::new(config_for(&running, simulators::CLIENT_SECRET)).unwrap();
        let http =
            reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { running, http, platforms }
    }

    /// The platforms as an application with another secret would see them.
    pub(crate) fn platforms_with_secret(&self, secret: &'static str) -> Platforms {
        Platforms::new(config_for(&self.running, secret)).unwrap()
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let url = format!("{}{path}", self.running.base_url());
        let body = self.http.get(url).send().await.unwrap().bytes().await.unwrap();
        serde_json::from_slice(&body).unwrap()
    }

    pub(crate) async fn control(&self, what: &str, order: Value) {
        let url = format!("{}/_control/{what}", self.running.base_url());
        let answer = self.http.post(url).json(&order).send().await.unwrap();
        assert!(answer.status().is_success(), "{what} {order}");
    }

    /// The code that the consent page sends back for a login.
    pub(crate) async fn code(&self, platform: Platform, login: &str) -> Redemption {
        let redirect_uri = Url::parse("http://127.0.0.1:1/oauth/callback").unwrap();
        let request = AuthorizationRequest {
            platform,
            redirect_uri: redirect_uri.clone(),
            state: "the-state".to_owned(),
            code_verifier: VERIFIER.into(),
            login_hint: Some(login.to_owned()),
        };
        let url = self.platforms.authorization_url(&request).unwrap();
        let answer = self.http.get(url).send().await.unwrap();
        let location = answer.headers()[reqwest::header::LOCATION].to_str().unwrap();
        let back = Url::parse(location).unwrap();
        let value = |name: &str| {
            back.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
        };
        assert_eq!(value("state").as_deref(), Some("the-state"));
        Redemption {
            platform,
            code: value("code").expect("consent is given").into(),
            redirect_uri,
            code_verifier: VERIFIER.into(),
        }
    }

    pub(crate) async fn sign_in(
        &self,
        platform: Platform,
        login: &str,
    ) -> Result<Grant, PlatformError> {
        let redemption = self.code(platform, login).await;
        self.platforms.redeem(&redemption).await
    }

    pub(crate) async fn session(&self, platform: Platform) -> Session<'_> {
        let grant = self.sign_in(platform, AGENCY).await.unwrap();
        let accounts = self.platforms.accounts(platform, &grant.access_token).await.unwrap();
        Session { world: self, platform, grant: Mutex::new(grant), accounts }
    }
}

fn config_for(running: &simulators::Running, secret: &'static str) -> PlatformConfig {
    let url = |path: &str| Url::parse(&format!("{}{path}", running.base_url())).unwrap();
    let app = OAuthClient { id: "marketing-iq".to_owned(), secret: secret.into() };
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
        google_ads_developer_token: None,
        timing: hasty(),
    }
}

/// The agency's login at one platform.
pub(crate) struct Session<'w> {
    world: &'w World,
    platform: Platform,
    grant: Mutex<Grant>,
    pub(crate) accounts: Vec<PlatformAccount>,
}

#[async_trait]
impl TokenSource for Session<'_> {
    async fn access_token(&self) -> Result<SecretString, PlatformError> {
        Ok(self.grant.lock().await.access_token.clone())
    }

    async fn renew(&self) -> Result<SecretString, PlatformError> {
        let mut grant = self.grant.lock().await;
        *grant = self.world.platforms.refresh(self.platform, &grant).await?;
        Ok(grant.access_token.clone())
    }
}

impl Session<'_> {
    pub(crate) async fn extract(
        &self,
        account: &PlatformAccount,
        stream: Stream,
        window: DateRange,
    ) -> (Result<Extracted, ExtractError>, Kept) {
        let account = ConnectedAccount {
            connection: ConnectionId::new(),
            credential: CredentialId::new(),
            platform: self.platform,
            account_id: account.account_id.clone(),
            name: account.name.clone(),
            manager_id: account.manager_id.clone(),
            time_zone: account.time_zone,
            currency: account.currency,
            has_history: true,
        };
        let request = ExtractRequest { account: &account, stream, window };
        let mut kept = Kept::default();
        let extracted = self.world.platforms.extract(&request, self, &mut kept).await;
        (extracted, kept)
    }

    /// What the simulators hold to be true of an account.
    pub(crate) async fn truth(&self, account: &PlatformAccount) -> Value {
        let path = format!("/_truth?platform={}&account_id={}", self.platform, account.account_id);
        let truth = self.world.get(&path).await;
        let accounts = truth["tenants"].as_array().unwrap().iter();
        accounts
            .flat_map(|tenant| tenant["accounts"].as_array().unwrap())
            .next()
            .unwrap_or_else(|| panic!("nothing is true of {account:?}"))
            .clone()
    }
}

/// The days that an account has figures for.
pub(crate) fn span(truth: &Value) -> DateRange {
    let days = truth["days"].as_array().unwrap();
    let date = |day: &Value| day["date"].as_str().unwrap().parse().unwrap();
    DateRange::new(date(days.first().unwrap()), date(days.last().unwrap())).unwrap()
}
