//! A deployment of its own for each test: database, simulators, listener.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use connectors::{Endpoints, OAuthClient, PlatformConfig, Platforms, Timing};
use domain::ports::{BoxError, SignUpPolicy, Triggered, Triggers};
use domain::{BusinessClock, FixedClock, SystemClock};
use http::{AnswerCache, App, AppSlot, Health, LoginGuard, Server, Surface, Tokens};
use jobs::{CredentialVault, Planner};
use reqwest::header::{ACCEPT, COOKIE, HeaderMap, LOCATION, SET_COOKIE};
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder};
use secrecy::SecretString;
use serde_json::{Value, json};
use simulators::Running;
use stores::testing::TestDatabase;
use stores::{
    PostgresBuilds, PostgresConnections, PostgresConsents, PostgresCredentials, PostgresIdentity,
    PostgresQueue, PostgresRunHistory, PostgresRuns, PostgresServing, PostgresTenants, SecretsFile,
    signing_key,
};
use tempfile::TempDir;
use url::Url;

pub(crate) const PASSWORD: &str = "correct horse battery staple";
pub(crate) const OWNER: &str = "owner@example.com";
/// A login of the simulators that sees all accounts.
pub(crate) const AGENCY: &str = "agency@example.com";

pub(crate) struct World {
    pub(crate) simulators: Running,
    pub(crate) database: TestDatabase,
    /// The time by which tokens and consents run out.
    pub(crate) clock: FixedClock,
    client: Client,
    address: SocketAddr,
    _data: TempDir,
}

/// An answer, read whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{:#}", self.body);
        self.body
    }

    /// That it is a problem document with this status and code; answers it.
    #[track_caller]
    pub(crate) fn problem(self, status: u16, code: &str) -> Value {
        assert_eq!(self.headers["content-type"], "application/problem+json", "{:#}", self.body);
        let body = self.expect(status);
        assert_eq!(body["code"], code, "{body:#}");
        body
    }
}

/// A consent under way, as the person's browser holds it.
pub(crate) struct Started {
    /// `miq_oauth=…`
    pub(crate) cookie: String,
    /// The callback's URL, with `code` and `state`.
    pub(crate) callback: Url,
    /// The whole `set-cookie`.
    pub(crate) set_cookie: String,
}

impl World {
    pub(crate) async fn start() -> Self {
        let simulators = simulators::start(simulators::Config::default()).await.unwrap();
        let database = TestDatabase::new().await;
        let data = TempDir::new().unwrap();
        let clock = FixedClock::at(SystemClock.now());
        let app = app(&simulators, &database, &data, &clock);
        let slot = AppSlot::ready(app);
        let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
        let server = Server::bind(loopback, Surface::Public, slot).await.unwrap();
        let address = server.address().unwrap();
        tokio::spawn(server.run(std::future::pending()));
        let client = Client::builder().redirect(Policy::none()).build().unwrap();
        Self { simulators, database, clock, client, address, _data: data }
    }

    pub(crate) fn request(&self, method: &str, path: &str) -> RequestBuilder {
        let url = format!("http://{}{path}", self.address);
        self.client.request(method.parse().unwrap(), url).header(ACCEPT, "application/json")
    }

    pub(crate) async fn send(&self, request: RequestBuilder) -> Answer {
        let answer = request.send().await.unwrap();
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let text = answer.text().await.unwrap();
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Answer { status, headers, body }
    }

    pub(crate) async fn get(&self, path: &str, token: &str) -> Answer {
        self.send(self.request("GET", path).bearer_auth(token)).await
    }

    pub(crate) async fn delete(&self, path: &str, token: &str) -> Answer {
        self.send(self.request("DELETE", path).bearer_auth(token)).await
    }

    pub(crate) async fn post(&self, path: &str, token: Option<&str>, body: Value) -> Answer {
        let request = self.request("POST", path).json(&body);
        self.send(match token {
            Some(token) => request.bearer_auth(token),
            None => request,
        })
        .await
    }

    /// The first person, who owns the organization.
    pub(crate) async fn owner(&self) -> Value {
        let body = json!({"email": OWNER, "password": PASSWORD, "name": "Olivia Owner"});
        self.post("/auth/signup", None, body).await.expect(201)
    }

    /// The id of a new tenant of the owner's.
    pub(crate) async fn tenant(&self, owner: &Value, name: &str) -> String {
        let body = json!({
            "name": name, "time_zone": "Europe/Berlin", "reporting_currency": "EUR",
        });
        let created = self.post("/tenants", Some(token(owner)), body).await.expect(201);
        created["id"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn log_in(&self, email: &str, tenant: &str) -> Value {
        let body = json!({"email": email, "password": PASSWORD, "tenant_id": tenant});
        self.post("/auth/login", None, body).await.expect(200)
    }

    /// A new person in the tenant that `admin` is in.
    pub(crate) async fn join(&self, admin: &Value, email: &str, role: &str) -> Value {
        let body = json!({"email": email, "role": role});
        let invited = self.post("/tenants/me/users", Some(token(admin)), body).await.expect(201);
        let body = json!({
            "email": email, "password": PASSWORD, "name": "Some One",
            "invitation": invited["token"],
        });
        self.post("/auth/signup", None, body).await.expect(201)
    }

    /// An owner in their tenant `name`.
    pub(crate) async fn owner_in(&self, name: &str) -> Value {
        let owner = self.owner().await;
        let tenant = self.tenant(&owner, name).await;
        self.log_in(OWNER, &tenant).await
    }

    /// Begins a consent, and lets the person agree at the platform as `login`.
    pub(crate) async fn consent(&self, session: &Value, route: &str, login: &str) -> Started {
        let path = format!("/tenants/me/oauth/{route}");
        let started = self.post(&path, Some(token(session)), json!({"login_hint": login})).await;
        let set_cookie = started.headers[SET_COOKIE].to_str().unwrap().to_owned();
        let body = started.expect(200);
        let url = body["authorization_url"].as_str().unwrap();
        let answer = self.client.get(url).send().await.unwrap();
        let callback = answer.headers()[LOCATION].to_str().unwrap().parse().unwrap();
        let cookie = set_cookie.split(';').next().unwrap().to_owned();
        Started { cookie, callback, set_cookie }
    }

    /// The browser comes back.
    pub(crate) async fn come_back(&self, callback: &Url, cookie: Option<&str>) -> Answer {
        let path = format!("{}?{}", callback.path(), callback.query().unwrap_or_default());
        let request = self.request("GET", &path);
        self.send(match cookie {
            Some(cookie) => request.header(COOKIE, cookie),
            None => request,
        })
        .await
    }

    /// A whole consent; answers the credential's id.
    pub(crate) async fn connected(&self, session: &Value, route: &str, login: &str) -> String {
        let started = self.consent(session, route, login).await;
        let answer = self.come_back(&started.callback, Some(&started.cookie)).await.expect(200);
        answer["credential_id"].as_str().unwrap().to_owned()
    }

    /// Tells the simulators something.
    pub(crate) async fn control(&self, what: &str, body: Value) {
        let url = format!("{}/_control/{what}", self.simulators.base_url());
        let answer = self.client.post(url).json(&body).send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.status());
    }
}

pub(crate) fn token(session: &Value) -> &str {
    session["access_token"].as_str().unwrap()
}

/// No test of these starts a timer or queue function.
struct NoTriggers;

#[async_trait]
impl Triggers for NoTriggers {
    async fn run(&self, function: &str, _: Triggered) -> Result<Value, BoxError> {
        Err(format!("{function} was started").into())
    }
}

fn app(
    simulators: &Running,
    database: &TestDatabase,
    data: &TempDir,
    clock: &FixedClock,
) -> Arc<App> {
    let key = signing_key::load_or_create(&data.path().join("signing.pem")).unwrap();
    let public_url: Url = "https://miq.example".parse().unwrap();
    let clock = || -> Arc<dyn BusinessClock> { Arc::new(clock.clone()) };
    let platforms = Arc::new(Platforms::new(platforms(&simulators.base_url())).unwrap());
    let secrets = Arc::new(SecretsFile::open(data.path().join("secrets")).unwrap());
    let tokens = Arc::new(Tokens::new(&key, &public_url, Arc::new(SystemClock)).unwrap());
    let (app, api) = (|| database.app().clone(), || database.api());
    Arc::new(App {
        verifier: Arc::clone(&tokens) as _,
        tokens,
        identity: Arc::new(PostgresIdentity::new(app(), clock(), SignUpPolicy::Invite, &key)),
        logins: LoginGuard::default(),
        tenants: Arc::new(PostgresTenants::new(app(), api(), clock())),
        consents: Arc::new(PostgresConsents::new(app(), clock())),
        credentials: Arc::new(PostgresCredentials::new(app(), clock())),
        vault: Arc::new(CredentialVault::new(secrets, Arc::clone(&platforms) as _, clock())),
        platforms,
        connections: Arc::new(PostgresConnections::new(api(), clock())),
        answers: AnswerCache::new(Arc::new(PostgresServing::new(api())), clock()),
        run_history: Arc::new(PostgresRunHistory::new(api())),
        planner: Arc::new(Planner {
            planning: Arc::new(PostgresRuns::new(app())),
            builds: Arc::new(PostgresBuilds::new(app())),
            queue: Arc::new(PostgresQueue::new(app())),
            clock: clock(),
            backfill_days: 30,
        }),
        health: Health::new(Vec::new()),
        public_url,
        triggers: Arc::new(NoTriggers),
    })
}

fn platforms(base: &str) -> PlatformConfig {
    let url = |path: &str| format!("{base}{path}").parse().unwrap();
    let client = OAuthClient {
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
        google: Some(client.clone()),
        meta: Some(client),
        timing: Timing { backoff: Duration::from_millis(1), ..Timing::default() },
        ..PlatformConfig::default()
    }
}
