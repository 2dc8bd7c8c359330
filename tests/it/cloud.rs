//! The managed side of every port for one deployment: a real Azurite and a real Redis behind
//! gates that can be shut, a Key Vault and a Container Apps job that stand in for Azure's.

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use domain::registry::{FUNCTIONS, Trigger};
use host::{Host, HostConfig};
use reqwest::{Client, Method, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use simulators::azure::{Authority, ContainerApps, Gate, KeyVault, TcpGate, TransformJob};
use stores::testing::TestDatabase;
use stores::{AzureIdentity, StorageQueue};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio_util::sync::{CancellationToken, DropGuard};
use url::Url;
use uuid::Uuid;

use crate::world::provided;

const CONTAINER: &str = "raw";

const PATIENCE: Duration = Duration::from_secs(30);

/// What one deployment has on Azure. Each backend can be shut off by itself.
pub(crate) struct Cloud {
    pub(crate) blob: Gate,
    pub(crate) queue: Gate,
    pub(crate) vault: KeyVault,
    pub(crate) jobs: ContainerApps,
    pub(crate) redis: TcpGate,
    pub(crate) database: TcpGate,
    urls: [(&'static str, SecretString); 3],
    token_key: String,
}

impl Cloud {
    /// Of an account of its own, for queues have the same names in every deployment.
    pub(crate) async fn start(account: &str, database: &TestDatabase) -> Self {
        let authority = Authority::open_or_create(Path::new(&provided("MIQ_TEST_CA_DIR")));
        let authority = authority.expect("the test's authority");
        let gate = async |setting: &str| {
            let upstream = of_account(&provided(setting), account);
            Gate::open(&authority, &upstream).await.expect("a gate")
        };
        let (blob, queue) = (gate("MIQ_TEST_BLOB_URL").await, gate("MIQ_TEST_QUEUE_URL").await);
        create_containers_and_queues(&blob.url(), &queue.url()).await;
        let redis = address(&provided("MIQ_TEST_REDIS_URL"));
        let direct = database.urls();
        let server = address(direct.app.expose_secret());
        let gated = TcpGate::plain(server).await.expect("a gate");
        let through = |url: &SecretString| {
            let mut url: Url = url.expose_secret().parse().expect("a URL");
            url.set_port(Some(gated.address().port())).expect("a port");
            SecretString::from(String::from(url))
        };
        let urls = [
            ("MIQ_DATABASE_APP_URL", through(&direct.app)),
            ("MIQ_DATABASE_TRANSFORM_URL", through(&direct.transform)),
            ("MIQ_DATABASE_API_URL", through(&direct.api)),
        ];
        let job = transform_job(urls[1].1.expose_secret().to_owned());
        Self {
            vault: KeyVault::start(&authority).await.expect("a vault"),
            jobs: ContainerApps::start(&authority, job).await.expect("a management API"),
            redis: TcpGate::tls(&authority, redis).await.expect("a gate"),
            database: gated,
            blob,
            queue,
            urls,
            token_key: token_key(),
        }
    }

    /// The settings that choose it, in the place of the embedded defaults'.
    pub(crate) fn settings(&self) -> Vec<(&'static str, String)> {
        let mut settings = vec![
            ("MIQ_RAW_STORE", "blob".to_owned()),
            ("MIQ_BLOB_URL", self.blob.url().to_string()),
            ("MIQ_BLOB_CONTAINER", CONTAINER.to_owned()),
            ("MIQ_QUEUE", "storage".to_owned()),
            ("MIQ_QUEUE_URL", self.queue.url().to_string()),
            ("MIQ_SECRETS", "key-vault".to_owned()),
            ("MIQ_KEY_VAULT_URL", self.vault.url().to_string()),
            ("MIQ_TOKEN_KEY", self.token_key.clone()),
            ("MIQ_TRANSFORMER", "container-apps".to_owned()),
            ("MIQ_TRANSFORM_JOB_ID", self.jobs.job_id()),
            ("MIQ_AZURE_MANAGEMENT_URL", self.jobs.management_url().to_string()),
            ("MIQ_REDIS_URL", self.redis.url("rediss").to_string()),
            // Nowhere: neither a Python nor anything else.
            ("PATH", "/nonexistent".to_owned()),
        ];
        for name in ["SSL_CERT_FILE", "IDENTITY_ENDPOINT", "IDENTITY_HEADER"] {
            settings.push((name, provided(name)));
        }
        settings.extend(self.urls.iter().map(|(name, url)| (*name, url.expose_secret().into())));
        settings
    }

    /// How many answers to this tenant's questions lie in Redis.
    pub(crate) async fn shared_answers(&self, tenant: &str) -> usize {
        let redis = address(&provided("MIQ_TEST_REDIS_URL"));
        let mut redis = TcpStream::connect(redis).await.expect("Redis is there");
        let ask = format!("KEYS miq:answer:{tenant}:*\r\n");
        redis.write_all(ask.as_bytes()).await.expect("Redis takes a command");
        let mut count = String::new();
        BufReader::new(redis).read_line(&mut count).await.expect("Redis answers");
        count.trim().strip_prefix('*').and_then(|count| count.parse().ok()).expect("a list")
    }

    /// What the Functions host does for queues: takes messages and calls the handler with them,
    /// until the guard is dropped.
    pub(crate) fn dispatch_queues(&self, handler: &str) -> DropGuard {
        let identity = AzureIdentity::managed(None).expect("an identity");
        let queue = StorageQueue::new(&identity, &self.queue.url()).expect("a queue");
        let mut config = HostConfig::new(handler.parse().expect("a URL"), Arc::new(queue));
        let never = "0 0 0 1 1 *";
        config.schedules = FUNCTIONS
            .iter()
            .filter_map(|function| match function.trigger {
                Trigger::Timer(timer) => Some((timer.platform, never.to_owned())),
                Trigger::Queue(_) | Trigger::Http(_) => None,
            })
            .collect();
        config.queue.retry_delay = Duration::from_secs(1);
        let stop = CancellationToken::new();
        tokio::spawn(Host::new(&config).expect("a host").run(stop.clone()));
        stop.drop_guard()
    }
}

/// As an operator would make it.
pub(crate) fn token_key() -> String {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let file = folder.path().join("key.pem");
    stores::signing_key::load_or_create(&file).expect("a key");
    std::fs::read_to_string(file).expect("the key")
}

/// What stands in for the image: its own entry point, run by the Python that has dbt.
fn transform_job(database_url: String) -> TransformJob {
    let dbt = PathBuf::from(provided("MIQ_TEST_DBT"));
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("dbt");
    TransformJob {
        name: format!("miq-{}", &Uuid::new_v4().simple().to_string()[..8]),
        python: dbt.with_file_name("python"),
        entrypoint: project.join("container/run_build.py"),
        database_url,
        environment: vec![("PATH".to_owned(), "/usr/local/bin:/usr/bin:/bin".to_owned())],
        replica_timeout: Duration::from_mins(10),
    }
}

/// `https://host:port/account/`, as Azurite takes it.
fn of_account(service: &str, account: &str) -> Url {
    let mut url: Url = service.parse().expect("a URL");
    url.set_path(&format!("/{account}/"));
    url
}

fn address(url: &str) -> SocketAddr {
    let url: Url = url.parse().expect("a URL");
    let (host, port) = (url.host_str().expect("a host"), url.port().unwrap_or(5432));
    let mut known = (host, port).to_socket_addrs().expect("an address");
    known.find(SocketAddr::is_ipv4).expect("an IPv4 address")
}

/// What the Bicep of a deployment creates.
async fn create_containers_and_queues(blob: &Url, queue: &Url) {
    let client = Client::builder().timeout(PATIENCE).build().expect("a client can be built");
    let answer = client
        .get(provided("IDENTITY_ENDPOINT"))
        .query(&[("api-version", "2019-08-01"), ("resource", "https://storage.azure.com/")])
        .header("x-identity-header", provided("IDENTITY_HEADER"))
        .send()
        .await
        .expect("the identity endpoint answers");
    let token: Value = answer.json().await.expect("JSON");
    let token = token["access_token"].as_str().expect("a token");
    let queues = FUNCTIONS.iter().filter_map(|function| match function.trigger {
        Trigger::Queue(queue) => Some(queue.queue),
        Trigger::Timer(_) | Trigger::Http(_) => None,
    });
    let queues = queues.flat_map(|name| [name.to_owned(), format!("{name}-poison")]);
    let mut places = vec![format!("{blob}{CONTAINER}?restype=container")];
    places.extend(queues.map(|name| format!("{queue}{name}")));
    for place in places {
        let created = client
            .request(Method::PUT, &place)
            .bearer_auth(token)
            .header("x-ms-version", "2026-04-06")
            .header("content-length", "0")
            .send()
            .await
            .expect("Azurite answers");
        assert_eq!(created.status(), StatusCode::CREATED, "{place}");
    }
}
