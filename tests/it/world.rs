//! A deployment of its own for each test: database, simulators, data directory, processes.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use reqwest::header::{ACCEPT, COOKIE, LOCATION, SET_COOKIE};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, StatusCode};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use simulators::{Config, Running};
use stores::testing::TestDatabase;
use tempfile::TempDir;
use tokio_util::sync::DropGuard;

use crate::cloud::Cloud;

/// How long anything that is waited for may take before the test fails.
const PATIENCE: Duration = Duration::from_mins(1);

pub(crate) const AGENCY: &str = "agency@example.com";
pub(crate) const PASSWORD: &str = "correct horse battery staple";

/// One deployment, with its API running.
pub(crate) struct World {
    pub(crate) database: TestDatabase,
    pub(crate) simulators: Running,
    pub(crate) http: Client,
    data: TempDir,
    port: u16,
    server: Child,
    cloud: Option<Cloud>,
    /// The host's side of the queues, where the server is a handler and no host itself.
    _queues: Option<DropGuard>,
}

/// A tenant, as its administrator sees it.
#[derive(Clone, Debug)]
pub(crate) struct Tenant {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) token: String,
}

/// An answer, read whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    /// The body, if the status is the expected one.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{:#}", self.body);
        self.body
    }
}

impl World {
    /// A deployment over the simulators' shipped sample.
    pub(crate) async fn start() -> Self {
        Self::with(Config::default()).await
    }

    pub(crate) async fn with(config: Config) -> Self {
        Self::run(config, TestDatabase::new().await, None).await
    }

    /// A deployment on the managed backends, as the Functions host runs it: a handler that is
    /// only called, by queues at once and by timers where a test fires them.
    pub(crate) async fn in_cloud(account: &str) -> Self {
        let database = TestDatabase::new().await;
        let cloud = Cloud::start(account, &database).await;
        Self::run(Config::default(), database, Some(cloud)).await
    }

    async fn run(config: Config, database: TestDatabase, cloud: Option<Cloud>) -> Self {
        let simulators = simulators::start(config).await.expect("the simulators start");
        let data = TempDir::new().expect("a temporary directory");
        let port = free_port();
        let http = Client::builder()
            .redirect(Policy::none())
            .timeout(PATIENCE)
            .build()
            .expect("a client can be built");
        let command = if cloud.is_some() { "functions" } else { "serve" };
        let server = Command::new(binary())
            .arg(command)
            .env_clear()
            .envs(environment(&database, &simulators, data.path(), port, cloud.as_ref()))
            .stdout(log_file(data.path()))
            .stderr(log_file(data.path()))
            .spawn()
            .expect("the binary starts");
        let handler = format!("http://127.0.0.1:{port}/");
        let queues = cloud.as_ref().map(|cloud| cloud.dispatch_queues(&handler));
        let world = Self { database, simulators, http, data, port, server, cloud, _queues: queues };
        world.until_healthy().await;
        world
    }

    /// The environment of every process of this deployment.
    pub(crate) fn environment(&self) -> Vec<(String, String)> {
        let cloud = self.cloud.as_ref();
        environment(&self.database, &self.simulators, self.data.path(), self.port, cloud)
    }

    /// The managed backends, of a deployment that has them.
    pub(crate) fn cloud(&self) -> &Cloud {
        self.cloud.as_ref().expect("this deployment is in the cloud")
    }

    pub(crate) fn data(&self) -> &Path {
        self.data.path()
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// What the server wrote to its log.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.data.path().join("server.log")).unwrap_or_default()
    }

    async fn until_healthy(&self) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Ok(answer) = self.http.get(self.url("/health")).send().await
                && answer.status() == StatusCode::OK
            {
                return;
            }
            assert!(Instant::now() < deadline, "the server did not start:\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Calls an endpoint.
    pub(crate) async fn call(
        &self,
        method: &str,
        path: &str,
        token: Option<&str>,
        body: Option<&Value>,
    ) -> Answer {
        let method: Method = method.parse().expect("a method");
        let mut request =
            self.http.request(method, self.url(path)).header(ACCEPT, "application/json");
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await.expect("the server answers");
        let (status, headers) = (answer.status(), answer.headers().clone());
        let text = answer.text().await.expect("the answer ends");
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Answer { status, headers, body }
    }

    pub(crate) async fn get(&self, path: &str, token: &str) -> Answer {
        self.call("GET", path, Some(token), None).await
    }

    pub(crate) async fn post(&self, path: &str, token: &str, body: Value) -> Answer {
        self.call("POST", path, Some(token), Some(&body)).await
    }

    /// Signs up the first person, who owns the organization.
    pub(crate) async fn owner(&self) -> Value {
        let body = json!({
            "email": "owner@example.com",
            "password": PASSWORD,
            "name": "Olivia Owner",
            "organization": "Example Agency",
        });
        self.call("POST", "/auth/signup", None, Some(&body)).await.expect(201)
    }

    /// Creates a tenant and enters it as the owner.
    pub(crate) async fn tenant(&self, owner: &Value, name: &str) -> Tenant {
        let body = json!({
            "name": name,
            "time_zone": "Europe/Amsterdam",
            "reporting_currency": "EUR",
        });
        let created = self.post("/tenants", text(owner, "access_token"), body).await.expect(201);
        let id = text(&created, "id").to_owned();
        // A session of its own per tenant: refreshing the owner's would rotate its token away.
        let login = json!({
            "email": "owner@example.com",
            "password": PASSWORD,
            "tenant_id": id,
        });
        let entered = self.call("POST", "/auth/login", None, Some(&login)).await.expect(200);
        Tenant { id, name: name.to_owned(), token: text(&entered, "access_token").to_owned() }
    }

    /// Consents at a platform as `login`, as a signed-in browser would; answers the credential.
    pub(crate) async fn consent(&self, tenant: &Tenant, route: &str, login: &str) -> String {
        let path = format!("/tenants/me/oauth/{route}");
        let started = self.post(&path, &tenant.token, json!({"login_hint": login})).await;
        let cookie = started.headers[SET_COOKIE].to_str().expect("a cookie").to_owned();
        let cookie = cookie.split(';').next().expect("a pair").to_owned();
        let body = started.expect(200);
        let mut next = text(&body, "authorization_url").to_owned();
        let back = self.url("/oauth/callback/");
        for _ in 0..5 {
            let mut request = self.http.get(&next).header(ACCEPT, "application/json");
            if next.starts_with(&back) {
                request = request.header(COOKIE, &cookie);
            }
            let answer = request.send().await.expect("the browser gets an answer");
            if let Some(location) = answer.headers().get(LOCATION) {
                location.to_str().expect("a location").clone_into(&mut next);
                continue;
            }
            assert_eq!(answer.status(), StatusCode::OK, "{next}");
            let body: Value = answer.json().await.expect("JSON");
            return text(&body, "credential_id").to_owned();
        }
        panic!("the consent never came back");
    }

    /// Assigns the accounts of the simulators' client of the tenant's name, through `credentials`
    /// of the three platforms.
    pub(crate) async fn assign(&self, tenant: &Tenant, credentials: &[String]) {
        let truth = self.truth().await;
        let ours = account_ids(&truth, &tenant.name);
        for credential in credentials {
            let path = format!("/credentials/{credential}/accounts");
            let accounts = self.get(&path, &tenant.token).await.expect(200);
            for account in accounts["data"].as_array().expect("a list") {
                let account_id = text(account, "account_id");
                if ours.iter().any(|id| id == account_id) {
                    let body = json!({"credential_id": credential, "account_id": account_id});
                    self.post("/tenants/me/connections", &tenant.token, body).await.expect(201);
                }
            }
        }
    }

    /// The two clients of the simulators as tenants, fed by one agency login per platform.
    pub(crate) async fn two_tenants(&self) -> (Tenant, Tenant) {
        let owner = self.owner().await;
        let northwind = self.tenant(&owner, "Northwind Outfitters").await;
        let bluebird = self.tenant(&owner, "Bluebird Travel").await;
        let mut credentials = Vec::new();
        for route in ["google-ads", "meta", "ga"] {
            credentials.push(self.consent(&northwind, route, AGENCY).await);
        }
        self.assign(&northwind, &credentials).await;
        self.assign(&bluebird, &credentials).await;
        (northwind, bluebird)
    }

    /// `marketing-iq sync` for a tenant, to its end.
    pub(crate) fn sync(&self, tenant: &Tenant, arguments: &[&str]) -> Output {
        self.sync_command(tenant, arguments).output().expect("the binary starts")
    }

    pub(crate) fn sync_command(&self, tenant: &Tenant, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command
            .args(["sync", "--json", "--tenant", &tenant.id])
            .args(arguments)
            .env_clear()
            .envs(self.environment())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// A sync that must succeed; answers its report.
    #[track_caller]
    pub(crate) fn synced(&self, tenant: &Tenant, arguments: &[&str]) -> Value {
        let output = self.sync(tenant, arguments);
        assert!(
            output.status.success(),
            "sync failed:\n{}\n{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        serde_json::from_slice(&output.stdout).expect("the report is JSON")
    }

    pub(crate) async fn truth(&self) -> Value {
        self.simulator("GET", "/_truth", Value::Null).await
    }

    /// Tells the simulators something.
    pub(crate) async fn control(&self, what: &str, body: Value) {
        self.simulator("POST", &format!("/_control/{what}"), body).await;
    }

    async fn simulator(&self, method: &str, path: &str, body: Value) -> Value {
        let url = format!("{}{path}", self.simulators.base_url());
        let method: Method = method.parse().expect("a method");
        let answer = self.http.request(method, url).json(&body).send().await;
        let answer = answer.expect("the simulators answer");
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
        let text = answer.text().await.expect("the answer ends");
        serde_json::from_str(&text).unwrap_or(Value::Null)
    }

    /// Kills the API as a machine that loses power would.
    pub(crate) fn kill(&mut self) {
        self.server.kill().expect("the server was running");
        self.server.wait().expect("the server ends");
    }
}

impl Drop for World {
    fn drop(&mut self) {
        // The server may have been killed by the test; either way it must be gone.
        let _already_gone = self.server.kill();
        let _reaped = self.server.wait();
    }
}

pub(crate) fn binary() -> &'static str {
    env!("CARGO_BIN_EXE_marketing-iq")
}

fn log_file(data: &Path) -> std::fs::File {
    let log = std::fs::File::options().create(true).append(true).open(data.join("server.log"));
    log.expect("a log file")
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("a bound address").port()
}

/// What `cargo xtask test` provides.
#[expect(clippy::disallowed_methods, reason = "tests have no settings of their own")]
pub(crate) fn provided(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run `cargo xtask test`"))
}

fn environment(
    database: &TestDatabase,
    simulators: &Running,
    data: &Path,
    port: u16,
    cloud: Option<&Cloud>,
) -> Vec<(String, String)> {
    let platforms = simulators.base_url();
    let urls = database.urls();
    let dbt_project = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("dbt");
    let never = "0 0 0 1 1 *".to_owned();
    let embedded = [
        ("PATH", provided("PATH")),
        ("MIQ_DATA_DIR", data.join("data").display().to_string()),
        ("MIQ_DATABASE_APP_URL", urls.app.expose_secret().to_owned()),
        ("MIQ_DATABASE_TRANSFORM_URL", urls.transform.expose_secret().to_owned()),
        ("MIQ_DATABASE_API_URL", urls.api.expose_secret().to_owned()),
        ("MIQ_LISTEN", format!("127.0.0.1:{port}")),
        ("MIQ_PUBLIC_URL", format!("http://127.0.0.1:{port}/")),
        ("MIQ_BUSINESS_NOW", simulators.business_now.to_rfc3339()),
        ("MIQ_BACKFILL_DAYS", "120".to_owned()),
        ("MIQ_DBT", provided("MIQ_TEST_DBT")),
        ("MIQ_DBT_PROJECT", dbt_project.display().to_string()),
        ("MIQ_GOOGLE_CLIENT_ID", "marketing-iq".to_owned()),
        ("MIQ_GOOGLE_CLIENT_SECRET", "simulator-secret".to_owned()),
        ("MIQ_META_APP_ID", "marketing-iq".to_owned()),
        ("MIQ_META_APP_SECRET", "simulator-secret".to_owned()),
        ("MIQ_GOOGLE_ADS_URL", format!("{platforms}/google-ads")),
        ("MIQ_META_GRAPH_URL", format!("{platforms}/graph")),
        ("MIQ_META_DIALOG_URL", format!("{platforms}/meta")),
        ("MIQ_ANALYTICS_DATA_URL", format!("{platforms}/analytics-data")),
        ("MIQ_ANALYTICS_ADMIN_URL", format!("{platforms}/analytics-admin")),
        ("MIQ_GOOGLE_AUTHORIZE_URL", format!("{platforms}/google/o/oauth2/v2/auth")),
        ("MIQ_GOOGLE_TOKEN_URL", format!("{platforms}/google/token")),
        ("MIQ_GOOGLE_REVOKE_URL", format!("{platforms}/google/revoke")),
        // Timers fire only where a test fires them.
        ("MIQ_SCHEDULE_GOOGLE_ADS", never.clone()),
        ("MIQ_SCHEDULE_META_ADS", never.clone()),
        ("MIQ_SCHEDULE_GOOGLE_ANALYTICS", never),
        ("FUNCTIONS_CUSTOMHANDLER_PORT", port.to_string()),
    ];
    let managed = cloud.map(Cloud::settings).unwrap_or_default();
    // Of two settings of a name the last one counts.
    let settings = embedded.into_iter().chain(managed);
    settings.map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Says the figure of a proof, where `cargo xtask prove` reads it.
#[expect(clippy::print_stdout, reason = "this is the output that was asked for")]
pub(crate) fn tell(figure: &str) {
    println!("{figure}");
}

/// A string member that must be there.
#[track_caller]
pub(crate) fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("no {name} in {value:#}"))
}

/// The accounts of a client of the simulators.
pub(crate) fn account_ids(truth: &Value, client: &str) -> Vec<String> {
    accounts(truth, client).iter().map(|account| text(account, "account_id").to_owned()).collect()
}

/// The accounts of a client with their days, as `/_truth` tells them.
#[track_caller]
pub(crate) fn accounts<'a>(truth: &'a Value, client: &str) -> &'a [Value] {
    truth["tenants"]
        .as_array()
        .and_then(|tenants| tenants.iter().find(|tenant| tenant["name"] == client))
        .and_then(|tenant| tenant["accounts"].as_array())
        .unwrap_or_else(|| panic!("the simulators have no client {client}"))
}

/// An account of a client by its platform's code.
pub(crate) fn account<'a>(truth: &'a Value, client: &str, platform: &str) -> &'a Value {
    accounts(truth, client)
        .iter()
        .find(|account| account["platform"] == platform)
        .unwrap_or_else(|| panic!("{client} has no {platform} account"))
}
