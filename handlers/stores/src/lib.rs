//! The backends of every port, each held to one conformance suite.
//!
//! **Invariant:** a tenant's rows are read through [`ScopedPool::begin`] only, which takes a
//! checked [`domain::TenantScope`]; PostgreSQL enforces the same once more.

mod database;
mod migrate;
#[cfg(feature = "testing")]
pub mod testing;

pub use database::{DatabaseUrls, ScopedPool, connect, unavailable};
pub use migrate::{MigrationReport, Pending, migrate, pending};
