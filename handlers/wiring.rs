//! Chooses a backend for every port, once. The only place that knows which.

mod ports;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use connectors::Platforms;
use domain::ports::{BuildStore, QueueConsumer, Serving};
use domain::{BusinessClock, FixedClock, SystemClock};
use host::{Host, HostConfig};
use http::{AnswerCache, App, HOST_KEY, Health, INVOCATION_DEADLINE, LoginGuard, Tokens};
use jobs::{CredentialVault, Functions, Planner, Sync, Transform, Worker};
use secrecy::SecretString;
use stores::{
    DatabaseProbe, PostgresAuditLog, PostgresBuilds, PostgresConnections, PostgresConsents,
    PostgresCredentials, PostgresIdentity, PostgresPublisher, PostgresRunHistory, PostgresRuns,
    PostgresServing, PostgresTenants, PostgresWarehouse, ScopedPool, Waiting, connect,
};

use self::ports::{BUILD_TIMEOUT, Ports};
use crate::settings::Settings;

/// What a publish is given after the longest build.
const PUBLISH_TIME: Duration = Duration::from_mins(2);

/// So that a second build in a call, and its publish, fit in before the function's deadline.
const NEXT_BUILD_WITHIN: Duration =
    INVOCATION_DEADLINE.saturating_sub(BUILD_TIMEOUT.saturating_add(PUBLISH_TIME));

/// Everything that commands work with.
pub(crate) struct Backends {
    app: Arc<App>,
    consumer: Arc<dyn QueueConsumer>,
    pub planner: Arc<Planner>,
    pub sync: Sync,
    pub audit: PostgresAuditLog,
}

impl Backends {
    /// Reaches nobody yet: connections are made when they are needed.
    ///
    /// `app`: who waits for the connections that requests and jobs share.
    pub(crate) fn choose(settings: &Settings, app: Waiting) -> anyhow::Result<Self> {
        let sizes = settings.pool_sizes;
        let databases = &settings.databases;
        let app_pool = connect(&databases.app, sizes.app, app)?;
        let scoped = ScopedPool::new(connect(&databases.api, sizes.api, Waiting::Requests)?);
        let transform_pool = connect(&databases.transform, sizes.transform, Waiting::Work)?;
        let system_clock: Arc<dyn BusinessClock> = Arc::new(SystemClock);
        let business_clock: Arc<dyn BusinessClock> = match settings.business_now {
            Some(now) => Arc::new(FixedClock::at(now)),
            None => Arc::new(SystemClock),
        };
        let Ports { raw, queue, consumer, secrets, transformer, shared_cache, token_key } =
            Ports::choose(settings, &app_pool, &transform_pool)?;
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
            queue,
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
            transformer,
            publisher: Arc::new(PostgresPublisher::new(app_pool.clone(), transform_pool)),
        });

        let tokens =
            Arc::new(Tokens::new(&token_key, &settings.public_url, Arc::clone(&system_clock))?);
        let serving: Arc<dyn Serving> = Arc::new(PostgresServing::new(scoped.clone()));
        let answers = AnswerCache::new(serving, business_clock);
        let app = Arc::new(App {
            verifier: Arc::clone(&tokens) as _,
            tokens,
            identity: Arc::new(PostgresIdentity::new(
                app_pool.clone(),
                Arc::clone(&system_clock),
                settings.signup,
                &token_key,
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
            answers: match shared_cache {
                Some(shared) => answers.sharing(shared, &token_key),
                None => answers,
            },
            run_history: Arc::new(PostgresRunHistory::new(scoped.clone())),
            planner: Arc::clone(&planner),
            health: Health::new(vec![Arc::new(DatabaseProbe::new(scoped))]),
            public_url: settings.public_url.clone(),
            triggers: Arc::new(Functions {
                planner: Arc::clone(&planner),
                worker: Arc::clone(&worker),
                transform: Arc::clone(&transform),
                next_build_within: NEXT_BUILD_WITHIN,
            }),
        });
        let sync = Sync { planner: Arc::clone(&planner), worker, transform };
        Ok(Self { app, consumer, planner, sync, audit: PostgresAuditLog::new(app_pool) })
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
        let mut config = HostConfig::new(handler, Arc::clone(&self.consumer));
        config.proof = Some((HOST_KEY, key));
        config.schedules.clone_from(&settings.schedules);
        config.timer_memory = Some(settings.data_dir.join("timers"));
        Ok(Host::new(&config)?)
    }
}
