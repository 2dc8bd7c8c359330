//! The backends of every port. Those of the raw store, the queues and the secrets are held to one
//! conformance suite each, which any further backend has to pass too.
//!
//! **Invariant:** a tenant's rows are read through [`ScopedPool::begin`] only, which takes a
//! checked [`domain::TenantScope`]; PostgreSQL enforces the same once more.

mod audit;
mod azure;
mod cache_redis;
#[cfg(feature = "testing")]
pub mod conformance;
mod connections;
mod database;
mod health;
mod identity;
mod migrate;
mod oauth_states;
mod opaque_token;
mod operator_log;
mod passwords;
mod platform_credentials;
mod publish;
mod queue_postgres;
mod queue_storage;
mod queue_text;
mod raw_blob;
mod raw_directory;
mod raw_name;
mod run_history;
mod runs;
mod secret_name;
mod secrets_file;
mod secrets_key_vault;
#[cfg(test)]
mod seeded;
mod serving;
pub mod signing_key;
mod stored;
mod tenants;
#[cfg(feature = "testing")]
pub mod testing;
mod transform;
mod warehouse;

pub use azure::AzureIdentity;
pub use cache_redis::RedisCache;
pub use connections::PostgresConnections;
pub use database::{
    DatabaseUrls, FEWEST_API_CONNECTIONS, FEWEST_APP_CONNECTIONS, FEWEST_TRANSFORM_CONNECTIONS,
    ScopedPool, Waiting, connect, unavailable,
};
pub use health::DatabaseProbe;
pub use identity::PostgresIdentity;
pub use migrate::{MigrationReport, migrate, pending};
pub use oauth_states::PostgresConsents;
pub use operator_log::PostgresAuditLog;
pub use platform_credentials::PostgresCredentials;
pub use publish::PostgresPublisher;
pub use queue_postgres::PostgresQueue;
pub use queue_storage::StorageQueue;
pub use raw_blob::BlobRawStore;
pub use raw_directory::RawDirectory;
pub use run_history::PostgresRunHistory;
pub use runs::PostgresRuns;
pub use secrets_file::SecretsFile;
pub use secrets_key_vault::KeyVaultSecrets;
pub use serving::PostgresServing;
pub use sqlx::PgPool;
pub use tenants::PostgresTenants;
pub use transform::{
    ContainerAppsConfig, ContainerAppsJob, ContainerAppsJobId, DbtConnection, DbtProcess,
    PostgresBuilds,
};
pub use warehouse::PostgresWarehouse;
