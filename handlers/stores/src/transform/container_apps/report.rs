//! What dbt said, as the job left it in the warehouse.

use std::time::Duration;

use domain::ports::StoreError;
use sqlx::PgPool;

use crate::transform::dbt_results::Ended;

/// Before each further attempt to read the report: the build behind it took minutes.
const PAUSES: [Duration; 3] =
    [Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4)];

/// The report of an execution, if dbt ran in it. On the pool of the transform role.
pub(super) async fn of(reports: &PgPool, execution: &str) -> Result<Option<Ended>, StoreError> {
    let mut pauses = PAUSES.into_iter();
    loop {
        match (once(reports, execution).await, pauses.next()) {
            (Err(error), Some(pause)) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "the report of a build was not read"
                );
                tokio::time::sleep(pause).await;
            }
            (result, _) => {
                return result.map_err(|error| crate::unavailable("the build's report", error));
            }
        }
    }
}

async fn once(reports: &PgPool, execution: &str) -> sqlx::Result<Option<Ended>> {
    let row = sqlx::query!(
        "select exit_code, results, output from raw.build_reports where execution = $1",
        execution
    )
    .fetch_optional(reports)
    .await?;
    Ok(row.map(|row| Ended {
        exit_code: Some(row.exit_code),
        results: row.results.map(String::into_bytes),
        output: row.output,
    }))
}
