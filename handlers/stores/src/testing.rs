//! A migrated database for each test, in a few dozen milliseconds.
//!
//! The server is the one of `MIQ_TEST_DATABASE_URL`. The first test to need it migrates a
//! template, named after the migrations so that later runs find it; each [`TestDatabase`] is a
//! copy, dropped with the value.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::digest;
use secrecy::{ExposeSecret, SecretString};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection, PgPool};
use url::Url;
use uuid::Uuid;

use crate::database::{DatabaseUrls, ScopedPool, options};
use crate::migrate::{migrate, migrator};
use crate::publish::recount;

/// Of all three roles, which belong to the whole server.
const PASSWORD: &str = "marketing-iq-test";

/// Databases of tests that were killed are removed after this.
const LEFTOVER_AGE: Duration = Duration::from_hours(1);

/// Held while a template is made: nextest runs each test in a process of its own.
const TEMPLATE_LOCK: i64 = 0x6d69_715f_7465_7374;

/// A migrated database of its own, with a pool for each role.
pub struct TestDatabase {
    name: String,
    server: SecretString,
    urls: DatabaseUrls,
    owner: PgPool,
    app: PgPool,
    transform: PgPool,
    api: PgPool,
}

impl TestDatabase {
    pub async fn new() -> Self {
        let server = server_url();
        let mut admin = admin(&server).await;
        let template = template(&server, &mut admin).await;
        Self::create(server, admin, &template).await
    }

    /// Without any migration; the roles are there.
    pub async fn empty() -> Self {
        let server = server_url();
        let mut admin = admin(&server).await;
        // Makes the roles, which no two tests may create at once.
        template(&server, &mut admin).await;
        Self::create(server, admin, "template0").await
    }

    async fn create(server: SecretString, mut admin: PgConnection, template: &str) -> Self {
        let name = format!("miq_test_{}_{}", unix_seconds(), Uuid::new_v4().simple());
        run(&mut admin, format!("create database {name} template {template}")).await;
        admin.close().await.expect("the test server went away");
        let urls = urls(&server, &name);
        Self {
            owner: pool(&urls.owner),
            app: pool(&urls.app),
            transform: pool(&urls.transform),
            api: pool(&urls.api),
            name,
            server,
            urls,
        }
    }

    /// The same database; the product's roles reach it by way of `address`.
    #[must_use]
    pub fn by_way_of(mut self, address: SocketAddr) -> Self {
        for pool in [&mut self.app, &mut self.transform, &mut self.api] {
            let direct = pool.connect_options().as_ref().clone();
            let gated = direct.host(&address.ip().to_string()).port(address.port());
            *pool = pool_of(gated);
        }
        self
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn urls(&self) -> &DatabaseUrls {
        &self.urls
    }

    /// Makes the sums by day fit facts that a test wrote itself; a publish does so by itself.
    pub async fn sum_days(&self) {
        sqlx::raw_sql(AssertSqlSafe(recount()))
            .execute(&self.owner)
            .await
            .expect("the sums can be made");
    }

    /// A superuser: sees every row.
    pub fn owner(&self) -> &PgPool {
        &self.owner
    }

    pub fn app(&self) -> &PgPool {
        &self.app
    }

    pub fn transform(&self) -> &PgPool {
        &self.transform
    }

    /// As the product reaches tenants' rows.
    pub fn api(&self) -> ScopedPool {
        ScopedPool::new(self.api.clone())
    }

    /// The api role without its wrapper, for tests that attack it.
    pub fn api_pool(&self) -> &PgPool {
        &self.api
    }
}

impl Drop for TestDatabase {
    /// Best effort: what stays is removed when a later run makes a template.
    ///
    /// Not waited for. The test's runtime may be in the middle of signing in with a connection of
    /// its own; held up here, it would leave the server waiting for the rest, and the server would
    /// not drop the database before it gives that up, a minute later.
    fn drop(&mut self) {
        let (server, name) = (self.server.clone(), self.name.clone());
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime can be built").block_on(async {
                let mut admin = admin(&server).await;
                run(&mut admin, format!("drop database if exists {name} with (force)")).await;
            });
        });
    }
}

/// The superuser URL of the server for tests.
///
/// # Panics
/// If it is not set.
#[expect(clippy::disallowed_methods, reason = "tests have no settings of their own")]
pub fn server_url() -> SecretString {
    let url = std::env::var("MIQ_TEST_DATABASE_URL").unwrap_or_else(|_| {
        panic!(
            "MIQ_TEST_DATABASE_URL is not set. `cargo xtask test` starts PostgreSQL and sets it; \
             to run one test by hand, set it to a superuser's URL such as \
             postgres://postgres@127.0.0.1:5432/postgres"
        )
    });
    SecretString::from(url)
}

/// The URL of a Redis server for tests, without TLS.
///
/// # Panics
/// If it is not set.
#[expect(clippy::disallowed_methods, reason = "tests have no settings of their own")]
pub fn redis_url() -> Url {
    let url = std::env::var("MIQ_TEST_REDIS_URL").unwrap_or_else(|_| {
        panic!(
            "MIQ_TEST_REDIS_URL is not set. `cargo xtask test` starts redis-server and sets it; \
             to run one test by hand, set it to a URL such as redis://127.0.0.1:6379/"
        )
    });
    url.parse().expect("MIQ_TEST_REDIS_URL is a URL")
}

/// URLs of every role for `database` on the test server.
pub fn urls(server: &SecretString, database: &str) -> DatabaseUrls {
    let as_role = |login: Option<(&str, &str)>| {
        let mut url = Url::parse(server.expose_secret()).expect("MIQ_TEST_DATABASE_URL is a URL");
        url.set_path(database);
        if let Some((role, password)) = login {
            url.set_username(role).expect("a database URL has a user");
            url.set_password(Some(password)).expect("a database URL has a password");
        }
        SecretString::from(String::from(url))
    };
    DatabaseUrls {
        owner: as_role(None),
        app: as_role(Some(("miq_app", PASSWORD))),
        transform: as_role(Some(("miq_transform", PASSWORD))),
        api: as_role(Some(("miq_api", PASSWORD))),
    }
}

async fn admin(server: &SecretString) -> PgConnection {
    let options: PgConnectOptions = options(server).expect("MIQ_TEST_DATABASE_URL is a URL");
    options.connect().await.expect("the server of MIQ_TEST_DATABASE_URL does not answer")
}

/// The name of a finished template of the current migrations.
async fn template(server: &SecretString, admin: &mut PgConnection) -> String {
    let name = format!("miq_template_{}", migrations_hash());
    if is_finished(admin, &name).await {
        return name;
    }
    sqlx::query("select pg_advisory_lock($1)")
        .bind(TEMPLATE_LOCK)
        .execute(&mut *admin)
        .await
        .expect("the test server locks");
    if !is_finished(admin, &name).await {
        remove_leftovers(admin).await;
        run(admin, format!("drop database if exists {name} with (force)")).await;
        run(admin, format!("create database {name}")).await;
        migrate(&urls(server, &name)).await.expect("the migrations apply to an empty database");
        // Closed for good, which also marks it as finished.
        run(admin, format!("alter database {name} allow_connections false")).await;
    }
    sqlx::query("select pg_advisory_unlock($1)")
        .bind(TEMPLATE_LOCK)
        .execute(admin)
        .await
        .expect("the test server unlocks");
    name
}

async fn is_finished(admin: &mut PgConnection, template: &str) -> bool {
    sqlx::query_scalar(
        "select exists (select from pg_database where datname = $1 and not datallowconn)",
    )
    .bind(template)
    .fetch_one(admin)
    .await
    .expect("the test server lists its databases")
}

async fn remove_leftovers(admin: &mut PgConnection) {
    let names: Vec<String> = sqlx::query_scalar(
        "select datname from pg_database where starts_with(datname, 'miq_test_')",
    )
    .fetch_all(&mut *admin)
    .await
    .expect("the test server lists its databases");
    for name in names {
        let born = name.split('_').nth(2).and_then(|seconds| seconds.parse::<u64>().ok());
        if born.is_some_and(|born| born + LEFTOVER_AGE.as_secs() < unix_seconds()) {
            run(admin, format!("drop database if exists {name} with (force)")).await;
        }
    }
}

/// `sql` names databases only: those names are made here.
async fn run(admin: &mut PgConnection, sql: String) {
    sqlx::raw_sql(AssertSqlSafe(sql.clone()))
        .execute(admin)
        .await
        .unwrap_or_else(|error| panic!("the test server refused `{sql}`: {error}"));
}

fn pool(url: &SecretString) -> PgPool {
    pool_of(options(url).expect("the URL was made here"))
}

fn pool_of(options: PgConnectOptions) -> PgPool {
    PgPoolOptions::new()
        .max_connections(5)
        .acquire_timeout(Duration::from_secs(30))
        .connect_lazy_with(options)
}

/// Names the template after what is in it.
fn migrations_hash() -> String {
    use std::fmt::Write;

    let mut context = digest::Context::new(&digest::SHA256);
    for migration in migrator().iter() {
        context.update(&migration.version.to_be_bytes());
        context.update(&migration.checksum);
    }
    context.finish().as_ref()[..8].iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a string takes all text");
        text
    })
}

fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| age.as_secs())
}
