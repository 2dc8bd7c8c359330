//! Chooses a backend for every port, once. The only place that knows which.

use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt;
use std::sync::Arc;
use std::time::Duration;

use connectors::Platforms;
use domain::ports::{BuildStore, JobQueue, RawStore, Secrets, Serving};
use domain::{BusinessClock, FixedClock, SystemClock};
use host::{Host, HostConfig};
use http::{AnswerCache, App, HOST_KEY, Health, LoginGuard, Tokens};
use jobs::{CredentialVault, Functions, Planner, Sync, Transform, Worker};
use secrecy::SecretString;
use stores::{
    DatabaseProbe, DbtConnection, DbtProcess, PostgresAuditLog, PostgresBuilds,
    PostgresConnections, PostgresConsents, PostgresCredentials, PostgresIdentity,
    PostgresPublisher, PostgresQueue, PostgresRunHistory, PostgresRuns, PostgresServing,
    PostgresTenants, PostgresWarehouse, RawDirectory, ScopedPool, SecretsFile, connect,
    signing_key,
};

use crate::settings::{Settings, TransformerChoice};

/// Connections of the roles that serve people and jobs; few, for several processes may share a
/// small database.
const APP_CONNECTIONS: u32 = 10;
const API_CONNECTIONS: u32 = 10;
const TRANSFORM_CONNECTIONS: u32 = 6;

/// After this dbt is stopped: a little less than a function may take.
const BUILD_TIMEOUT: Duration = Duration::from_mins(25);

/// Everything that commands work with.
pub(crate) struct Backends {
    app: Arc<App>,
    queue: Arc<PostgresQueue>,
    pub planner: Arc<Planner>,
    pub sync: Sync,
    pub audit: PostgresAuditLog,
}

impl Backends {
    /// Reaches nobody yet: connections are made when they are needed.
    pub(crate) fn choose(settings: &Settings) -> anyhow::Result<Self> {
        let app_pool = connect(&settings.databases.app, APP_CONNECTIONS)?;
        let scoped = ScopedPool::new(connect(&settings.databases.api, API_CONNECTIONS)?);
        let transform_pool = connect(&settings.databases.transform, TRANSFORM_CONNECTIONS)?;
        let system_clock: Arc<dyn BusinessClock> = Arc::new(SystemClock);
        let business_clock: Arc<dyn BusinessClock> = match settings.business_now {
            Some(now) => Arc::new(FixedClock::at(now)),
            None => Arc::new(SystemClock),
        };
        // Raw data, secrets and keys: nobody else's business.
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&settings.data_dir)?;
        let raw: Arc<dyn RawStore> = Arc::new(RawDirectory::new(settings.data_dir.join("raw"))?);
        let secrets: Arc<dyn Secrets> =
            Arc::new(SecretsFile::open(settings.data_dir.join("secrets"))?);
        let key = signing_key::load_or_create(&settings.data_dir.join("token-signing.pem"))?;
        let queue = Arc::new(PostgresQueue::new(app_pool.clone()));
        let platforms = Arc::new(Platforms::new(settings.platforms.clone())?);
        let vault = Arc::new(CredentialVault::new(
            secrets,
            Arc::clone(&platforms) as _,
            Arc::clone(&system_clock),
        ));

        let runs = Arc::new(PostgresRuns::new(app_pool.clone()));
        let builds: Arc<dyn BuildStore> = Arc::new(PostgresBuilds::new(app_pool.clone()));
        let warehouse = Arc::new(PostgresWarehouse::new(transform_pool.clone()));
        let planner = Arc::new(Planner {
            planning: Arc::clone(&runs) as _,
            builds: Arc::clone(&builds),
            queue: Arc::clone(&queue) as Arc<dyn JobQueue>,
            clock: Arc::clone(&business_clock),
            backfill_days: settings.backfill_days,
        });
        let worker = Arc::new(Worker {
            jobs: runs,
            raw,
            warehouse: Arc::clone(&warehouse) as _,
            platforms: Arc::clone(&platforms),
            vault: Arc::clone(&vault),
            clock: Arc::clone(&business_clock),
        });
        let transform = Arc::new(Transform {
            builds,
            warehouse,
            transformer: Arc::new(dbt(settings)?),
            publisher: Arc::new(PostgresPublisher::new(app_pool.clone(), transform_pool)),
        });

        let tokens = Arc::new(Tokens::new(&key, &settings.public_url, Arc::clone(&system_clock))?);
        let serving: Arc<dyn Serving> = Arc::new(PostgresServing::new(scoped.clone()));
        let app = Arc::new(App {
            verifier: Arc::clone(&tokens) as _,
            tokens,
            identity: Arc::new(PostgresIdentity::new(
                app_pool.clone(),
                Arc::clone(&system_clock),
                settings.signup,
                &key,
            )),
            logins: LoginGuard::default(),
            tenants: Arc::new(PostgresTenants::new(
                app_pool.clone(),
                scoped.clone(),
                Arc::clone(&system_clock),
            )),
            consents: Arc::new(PostgresConsents::new(app_pool.clone(), Arc::clone(&system_clock))),
            credentials: Arc::new(PostgresCredentials::new(
                app_pool.clone(),
                Arc::clone(&system_clock),
            )),
            vault,
            platforms,
            connections: Arc::new(PostgresConnections::new(
                scoped.clone(),
                Arc::clone(&system_clock),
            )),
            answers: AnswerCache::new(serving, business_clock, None),
            run_history: Arc::new(PostgresRunHistory::new(scoped.clone())),
            planner: Arc::clone(&planner),
            health: Health::new(vec![Arc::new(DatabaseProbe::new(scoped))]),
            public_url: settings.public_url.clone(),
            triggers: Arc::new(Functions {
                planner: Arc::clone(&planner),
                worker: Arc::clone(&worker),
                transform: Arc::clone(&transform),
            }),
        });
        let sync = Sync { planner: Arc::clone(&planner), worker, transform };
        Ok(Self { app, queue, planner, sync, audit: PostgresAuditLog::new(app_pool) })
    }

    pub(crate) fn app(&self) -> Arc<App> {
        Arc::clone(&self.app)
    }

    /// The embedded host, which calls the handler that listens at `triggers` and knows it by
    /// `key`.
    pub(crate) fn host(
        &self,
        settings: &Settings,
        triggers: SocketAddr,
        key: SecretString,
    ) -> anyhow::Result<Host> {
        let handler = format!("http://{triggers}/").parse()?;
        let mut config = HostConfig::new(handler, Arc::clone(&self.queue) as _);
        config.proof = Some((HOST_KEY, key));
        config.schedules.clone_from(&settings.schedules);
        config.timer_memory = Some(settings.data_dir.join("timers"));
        Ok(Host::new(&config)?)
    }
}

fn dbt(settings: &Settings) -> anyhow::Result<DbtProcess> {
    let TransformerChoice::Process(dbt) = &settings.backends.transformer else {
        anyhow::bail!("not wired")
    };
    Ok(DbtProcess {
        dbt: dbt.command.clone(),
        project_dir: dbt.project.clone(),
        work_dir: settings.data_dir.join("dbt"),
        connection: DbtConnection::from_url(&settings.databases.transform)?,
        environment: dbt.environment.clone(),
        timeout: BUILD_TIMEOUT,
    })
}
