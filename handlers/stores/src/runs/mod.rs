//! Runs and their jobs, in the application database.
//!
//! **Invariant:** who changes the state of a job holds its run's row first, then the job's: so
//! a run's last job is seen to be the last, and no two transactions wait for each other.

mod claims;
mod planning;
mod reports;

use std::time::Duration;

use domain::ports::{BoxError, StoreError};
use sqlx::PgPool;

/// On the pool of the `miq_app` role.
#[derive(Clone, Debug)]
pub struct PostgresRuns(PgPool);

impl PostgresRuns {
    pub fn new(app: PgPool) -> Self {
        Self(app)
    }
}

const RUNS: &str = "the store of runs";

fn unavailable(error: sqlx::Error) -> StoreError {
    crate::unavailable(RUNS, error)
}

/// A row that this version did not write.
fn corrupt(error: impl Into<BoxError>) -> StoreError {
    StoreError::Corrupt { what: RUNS, source: error.into() }
}

/// For `make_interval(secs => …)`.
fn seconds(duration: Duration) -> f64 {
    duration.as_secs_f64()
}

/// Counts are far below the type's limit.
fn bigint(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
