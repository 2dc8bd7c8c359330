//! Builds: whose turn it is, and dbt as a child process.

mod builds;
mod dbt;
mod dbt_results;

pub use builds::PostgresBuilds;
pub use dbt::{DbtConnection, DbtProcess};
