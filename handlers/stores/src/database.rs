//! Connections to PostgreSQL: one pool per role, and the one way into a tenant's rows.

use std::str::FromStr;
use std::time::Duration;

use domain::TenantScope;
use domain::ports::StoreError;
use secrecy::{ExposeSecret, SecretString};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Executor, PgPool, Postgres, Transaction};

/// Who waits for a connection of a pool, and so for how long before the database counts as away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// Somebody who asks for an answer: better told soon than kept.
    Requests,
    /// Work that nobody sits before: it rather stands still for as long as a busy or restarting
    /// server takes than is broken off.
    Work,
}

impl Waiting {
    const fn longest(self) -> Duration {
        match self {
            Self::Requests => Duration::from_secs(5),
            Self::Work => Duration::from_secs(30),
        }
    }
}

/// An unused connection is closed after this, so that a quiet deployment holds few.
const IDLE_TIMEOUT: Duration = Duration::from_mins(5);

/// The server looks after a silent client's machine, and gives up one that is gone after two
/// minutes: it may hold locks. On a socket of the machine itself this has no effect.
const KEEP_ALIVE: &str = "
select
    set_config('tcp_keepalives_idle', '60', false),
    set_config('tcp_keepalives_interval', '15', false),
    set_config('tcp_keepalives_count', '4', false)";

/// The fewest connections that a pool of the `miq_app` role does with: a publish holds one to its
/// end, and its lease is renewed over another.
pub const FEWEST_APP_CONNECTIONS: u32 = 2;

/// The fewest of `miq_transform`: a load holds one to its end, and so does a publish.
pub const FEWEST_TRANSFORM_CONNECTIONS: u32 = 2;

/// The fewest of `miq_api`: a request never holds more than one.
pub const FEWEST_API_CONNECTIONS: u32 = 1;

/// Where each role signs in: `postgres://role:password@host:port/database`.
///
/// A direct connection or a pooler in session mode; a pooler in transaction mode loses the
/// prepared statements that every query here relies on.
#[derive(Clone, Debug)]
pub struct DatabaseUrls {
    /// Runs migrations; needed by `migrate` alone.
    pub owner: SecretString,
    pub app: SecretString,
    pub transform: SecretString,
    pub api: SecretString,
}

/// A pool that connects on first use, so that starting never waits for the database.
///
/// # Errors
/// [`StoreError::Invalid`] if `url` is not a PostgreSQL URL. Whether anyone answers there shows
/// with the first query.
pub fn connect(
    url: &SecretString,
    max_connections: u32,
    waiting: Waiting,
) -> Result<PgPool, StoreError> {
    Ok(PgPoolOptions::new()
        .max_connections(max_connections)
        .acquire_timeout(waiting.longest())
        .idle_timeout(IDLE_TIMEOUT)
        // Not among the parameters that a connection starts with: poolers refuse those they do
        // not know.
        .after_connect(|connection, _| {
            Box::pin(async move { connection.execute(KEEP_ALIVE).await.map(drop) })
        })
        .connect_lazy_with(options(url)?))
}

/// The parsed URL. The URL itself never gets into the error: it holds a password.
pub(crate) fn options(url: &SecretString) -> Result<PgConnectOptions, StoreError> {
    let url = url.expose_secret();
    if !(url.starts_with("postgres://") || url.starts_with("postgresql://")) {
        return Err(invalid_url());
    }
    Ok(PgConnectOptions::from_str(url).map_err(|_| invalid_url())?.application_name("marketing-iq"))
}

fn invalid_url() -> StoreError {
    StoreError::Invalid(
        "the database URL is not of the form postgres://role:password@host:port/database"
            .to_owned(),
    )
}

/// What an error of the database means to a caller that expected none: the database is away or
/// overloaded, or it holds something that cannot be. Callers look for the errors that they do
/// expect (a unique key, a missing row) before they ask here.
pub fn unavailable(what: &'static str, error: sqlx::Error) -> StoreError {
    match error {
        sqlx::Error::RowNotFound => StoreError::NotFound { what },
        sqlx::Error::Decode(_)
        | sqlx::Error::ColumnDecode { .. }
        | sqlx::Error::ColumnNotFound(_)
        | sqlx::Error::TypeNotFound { .. } => StoreError::Corrupt { what, source: Box::new(error) },
        _ => StoreError::Unavailable { what, source: Box::new(error) },
    }
}

/// How long a transaction that holds what others wait for may stand still, and may itself wait.
/// Its client may be a machine that was lost without a word.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// Without a statement from its client: the server ends it then. Far longer than the gap
    /// between two statements, while a mart is read or a part of an extraction is fetched.
    pub(crate) idle: Duration,
    /// For one lock of another.
    pub(crate) lock: Duration,
}

impl Patience {
    pub(crate) const USUAL: Self =
        Self { idle: Duration::from_mins(5), lock: Duration::from_mins(1) };

    /// A transaction that is held to this from its first statement.
    pub(crate) async fn begin(
        self,
        pool: &PgPool,
    ) -> Result<Transaction<'static, Postgres>, sqlx::Error> {
        let mut transaction = pool.begin().await?;
        sqlx::query(
            "select
                set_config('idle_in_transaction_session_timeout', $1, true),
                set_config('lock_timeout', $2, true)",
        )
        .bind(self.idle.as_millis().to_string())
        .bind(self.lock.as_millis().to_string())
        .execute(&mut *transaction)
        .await?;
        Ok(transaction)
    }
}

/// The pool of the `miq_api` role.
///
/// **Invariant:** a tenant's rows are reached through [`ScopedPool::begin`] only. PostgreSQL
/// shows the role no row unless the transaction names its tenant.
#[derive(Clone, Debug)]
pub struct ScopedPool(PgPool);

impl ScopedPool {
    pub fn new(pool: PgPool) -> Self {
        Self(pool)
    }

    /// A transaction that sees the rows of `scope` and no others. The setting ends with the
    /// transaction, so that a connection never carries it to the next one who borrows it.
    pub async fn begin(
        &self,
        scope: &TenantScope,
    ) -> Result<Transaction<'static, Postgres>, StoreError> {
        let mut transaction =
            self.0.begin().await.map_err(|error| unavailable("the database", error))?;
        sqlx::query!("select set_config('app.tenant_ids', $1, true)", scope.setting())
            .fetch_one(&mut *transaction)
            .await
            .map_err(|error| unavailable("the database", error))?;
        Ok(transaction)
    }

    /// For what belongs to no tenant, such as the data version. No tenant's row shows here.
    pub fn without_tenant(&self) -> &PgPool {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_of_another_kind_is_refused_without_being_shown() {
        for url in ["mysql://u:hunter2@h/d", "hunter2", "postgres://u:hunter2@h:port/d"] {
            let error = connect(&SecretString::from(url), 1, Waiting::Requests).unwrap_err();
            assert!(matches!(error, StoreError::Invalid(_)), "{url}");
            assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
        }
    }

    #[tokio::test]
    async fn the_server_looks_after_a_client_that_says_nothing() {
        let database = crate::testing::TestDatabase::new().await;
        let pool = connect(&database.urls().app, 1, Waiting::Requests).unwrap();
        let settings: Vec<String> = sqlx::query_scalar(
            "select setting from pg_settings where name like 'tcp\\_keepalives\\_%' order by name",
        )
        .fetch_all(&pool)
        .await
        .unwrap();
        assert_eq!(settings, ["4", "60", "15"]);
    }

    #[tokio::test]
    async fn a_database_that_is_away_is_unavailable_and_does_not_delay_the_start() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let url = SecretString::from(format!("postgres://u:p@127.0.0.1:{port}/d"));
        let pool = connect(&url, 1, Waiting::Requests).unwrap();
        let error = sqlx::query("select 1").execute(&pool).await.unwrap_err();
        assert!(matches!(unavailable("the test", error), StoreError::Unavailable { .. }));
    }
}
