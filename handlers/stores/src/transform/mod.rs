//! Builds: whose turn it is, and dbt as a child process or as a job in the cloud.

mod builds;
mod container_apps;
mod dbt;
mod dbt_results;

pub use builds::PostgresBuilds;
pub use container_apps::{ContainerAppsConfig, ContainerAppsJob, ContainerAppsJobId};
pub use dbt::{DbtConnection, DbtProcess};
