//! What dbt says comes back, and the platform shows the same.

use std::time::Duration;

use domain::ports::{StoreError, Transformer};
use simulators::azure::Status;
use sqlx::postgres::PgPoolOptions;

use super::stage::{GREEN, Stage, chain};

#[tokio::test]
async fn a_green_build_of_the_real_project_is_green() {
    let stage = Stage::real().await;
    let report = stage.job().build(0, 0).await.unwrap();
    assert!(report.is_green(), "{report:?}");
    assert_eq!(stage.states(), [Status::Succeeded]);
    let built: bool =
        sqlx::query_scalar("select to_regclass('marts.fact_ad_performance') is not null")
            .fetch_one(stage.database.owner())
            .await
            .unwrap();
    assert!(built, "dbt did not run");
    let name = &stage.platform.executions()[0].name;
    assert!(stage.platform.log(name).contains("Completed successfully"), "the log is empty");
}

#[tokio::test]
async fn what_failed_is_named() {
    let stage = Stage::project(&[
        ("models/staging/broken.sql", "{{ config(materialized='table') }} select 1 / 0 as one"),
        ("tests/never_passes.sql", "select 1 as one union all select 2"),
    ])
    .await;
    let mut failed = stage.job().build(0, 0).await.unwrap().failed;
    failed.sort_by(|left, right| left.node.cmp(&right.node));
    let told: Vec<_> = failed.iter().map(|node| (&*node.kind, &*node.node)).collect();
    assert_eq!(told, [("model", "model.miq.broken"), ("test", "test.miq.never_passes")]);
    assert!(failed[0].message.contains("division by zero"), "{}", failed[0].message);
    assert!(failed[1].message.contains("Got 2 results"), "{}", failed[1].message);
    assert_eq!(stage.states(), [Status::Failed], "the portal must show it, too");
}

/// dbt exits as it does when it breaks, so it counts as not run, like in a child process.
#[tokio::test]
async fn a_project_that_dbt_cannot_read_is_named() {
    let stage = Stage::project(&[("models/staging/half.sql", "select {% if %}")]).await;
    let error = stage.job().build(0, 0).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable { what: "dbt", .. }), "{error:?}");
    let told = chain(&error);
    assert!(told.contains("Compilation Error") && told.contains("half.sql"), "{told}");
}

#[tokio::test]
async fn an_end_without_a_report_says_where_the_log_is() {
    let stage = Stage::script("sys.exit(3)").await;
    let error = stage.job().build(0, 0).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable { .. }), "{error:?}");
    let told = chain(&error);
    let name = &stage.platform.executions()[0].name;
    assert!(told.contains("failed before dbt could say why"), "{told}");
    assert!(told.contains("az containerapp job logs show --resource-group marketing-iq"), "{told}");
    assert!(told.contains(&format!("--execution {name} --container dbt")), "{told}");
}

#[tokio::test]
async fn a_database_that_is_away_keeps_the_report_and_is_named() {
    let stage = Stage::script(GREEN).await;
    let nowhere = PgPoolOptions::new()
        .acquire_timeout(Duration::from_millis(200))
        .connect_lazy("postgres://miq_transform@127.0.0.1:1/miq")
        .unwrap();
    let job = stage.job_reporting_to(Duration::from_mins(1), nowhere);
    let error = job.build(0, 0).await.unwrap_err();
    assert_eq!(error.to_string(), "the build's report is not available");
    let kept: i64 = sqlx::query_scalar("select count(*) from raw.build_reports")
        .fetch_one(stage.database.owner())
        .await
        .unwrap();
    assert_eq!(kept, 1);
}

#[tokio::test]
async fn a_start_that_is_answered_later_is_followed() {
    let stage = Stage::script(GREEN).await;
    stage.platform.answer_starts_later();
    assert!(stage.job().build(0, 0).await.unwrap().is_green());
    assert_eq!(stage.states(), [Status::Succeeded]);
}

#[tokio::test]
async fn reports_older_than_a_month_are_deleted() {
    let stage = Stage::script(GREEN).await;
    sqlx::query(
        "insert into raw.build_reports (execution, exit_code, output, reported_at)
        values ('old', 0, '', now() - interval '31 days'), ('young', 0, '', now())",
    )
    .execute(stage.database.owner())
    .await
    .unwrap();
    assert!(stage.job().build(0, 0).await.unwrap().is_green());
    let left: Vec<String> =
        sqlx::query_scalar("select execution from raw.build_reports order by reported_at")
            .fetch_all(stage.database.owner())
            .await
            .unwrap();
    assert_eq!(left, ["young", &stage.platform.executions()[0].name]);
}
