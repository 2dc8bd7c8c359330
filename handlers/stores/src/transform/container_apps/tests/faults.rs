//! Whatever goes wrong between the two, dbt never runs on for nobody, and never twice.

use std::time::Duration;

use domain::ports::{StoreError, Transformer};
use simulators::azure::Status;
use tokio_util::sync::CancellationToken;

use super::stage::{ENDLESS, GREEN, Stage, chain, write};
use crate::AzureIdentity;
use crate::transform::{ContainerAppsConfig, ContainerAppsJob, ContainerAppsJobId};

#[tokio::test]
async fn a_build_out_of_time_is_stopped() {
    let stage = Stage::script(ENDLESS).await;
    let error = stage.job_within(Duration::from_secs(3)).build(0, 0).await.unwrap_err();
    let told = chain(&error);
    assert!(told.contains("did not end within 3s and was stopped"), "{told}");
    stage.until_states(&[Status::Stopped]).await;
}

#[tokio::test]
async fn an_image_that_cannot_be_pulled_is_hinted_at() {
    let stage = Stage::script(GREEN).await;
    stage.platform.image_missing(true);
    let error = stage.job_within(Duration::from_secs(3)).build(0, 0).await.unwrap_err();
    let told = chain(&error);
    assert!(told.contains("ContainerAppSystemLogs") && told.contains("image"), "{told}");
    stage.until_states(&[Status::Stopped]).await;
}

#[tokio::test]
async fn a_dropped_build_is_stopped() {
    let stage = Stage::script(ENDLESS).await;
    let job = stage.job();
    let build = tokio::spawn(async move { job.build(0, 0).await });
    stage.until_states(&[Status::Running]).await;
    build.abort();
    stage.until_states(&[Status::Stopped]).await;
}

#[tokio::test]
async fn what_a_killed_process_left_running_ends_before_the_next_begins() {
    let left = format!("if 'LEFT' in os.environ:\n    {ENDLESS}{GREEN}");
    let stage = Stage::script(&left).await;
    // Enough to fill more than a page.
    for _ in 0..3 {
        stage.platform.start_by_hand(&[("LEFT", "1")]).unwrap();
    }
    assert!(stage.job().build(0, 0).await.unwrap().is_green());
    let executions = stage.platform.executions();
    let [earlier @ .., last] = &executions[..] else { panic!("nothing ran") };
    assert_eq!((earlier.len(), last.status), (3, Status::Succeeded));
    for execution in earlier {
        assert_eq!(execution.status, Status::Stopped);
        assert!(execution.ended.unwrap() <= last.began, "dbt ran twice at once");
    }
}

#[tokio::test]
async fn a_start_whose_answer_is_lost_leaves_nothing_running() {
    let stage = Stage::script(ENDLESS).await;
    stage.platform.lose_next_start();
    let error = stage.job().build(0, 0).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable { .. }), "{error:?}");
    assert_eq!(stage.states(), [Status::Stopped], "{}", chain(&error));
}

/// Longer ago than the stage's platform lets an execution run and takes to stop it.
#[tokio::test]
async fn an_execution_that_the_platform_lost_sight_of_holds_up_no_build() {
    let stage = Stage::script(GREEN).await;
    stage.platform.strand(Duration::from_mins(5)).unwrap();
    assert!(stage.job().build(0, 0).await.unwrap().is_green());
    assert_eq!(stage.states(), [Status::Unknown, Status::Succeeded]);
}

#[tokio::test]
async fn an_execution_that_is_gone_once_it_was_listed_has_ended() {
    let stage = Stage::script(&format!("if 'LEFT' in os.environ:\n    {ENDLESS}{GREEN}")).await;
    stage.platform.start_by_hand(&[("LEFT", "1")]).unwrap();
    stage.platform.forget_once_listed();
    assert!(stage.job().build(0, 0).await.unwrap().is_green());
    assert_eq!(stage.states(), [Status::Succeeded]);
}

/// Another may have taken over by the time that a start would succeed.
#[tokio::test]
async fn a_dropped_build_starts_nothing_any_more() {
    let stage = Stage::script(ENDLESS).await;
    stage.platform.throttle_starts(1, Duration::from_secs(20));
    let (job, dropped) = (stage.job(), CancellationToken::new());
    let told = dropped.clone();
    let build = tokio::spawn(async move { job.run(0, 0, told).await });
    stage.until(|| stage.platform.calls().iter().any(|call| call == "POST start")).await;
    dropped.cancel();
    let error = build.await.unwrap().unwrap_err();
    assert!(chain(&error).contains("nobody waits for the build any more"), "{}", chain(&error));
    assert!(stage.states().is_empty(), "{:?}", stage.states());
}

#[tokio::test]
async fn a_build_that_is_dropped_while_its_start_is_under_way_is_stopped() {
    let stage = Stage::script(ENDLESS).await;
    stage.platform.answer_starts_later();
    let (job, dropped) = (stage.job(), CancellationToken::new());
    let told = dropped.clone();
    let build = tokio::spawn(async move { job.run(0, 0, told).await });
    stage.until_states(&[Status::Running]).await;
    dropped.cancel();
    build.await.unwrap().unwrap_err();
    stage.until_states(&[Status::Stopped]).await;
}

#[tokio::test]
async fn a_start_whose_answer_is_lost_ends_no_execution_of_another_build() {
    let stage = Stage::script(ENDLESS).await;
    let (job, dropped) = (stage.job(), CancellationToken::new());
    let template = job.prepare().await.unwrap();
    // As the one does that has taken over.
    let other = job.start(&template, &dropped).await.unwrap();
    stage.platform.lose_next_start();
    job.start(&template, &dropped).await.unwrap_err();
    assert_eq!(stage.states(), [Status::Running, Status::Stopped]);
    assert_eq!(stage.platform.executions()[0].name, other);
}

#[tokio::test]
async fn a_refusal_names_the_role_that_is_missing() {
    let stage = Stage::script(GREEN).await;
    stage.platform.forbid(true);
    let error = stage.job().build(0, 0).await.unwrap_err();
    let told = chain(&error);
    assert!(told.contains("Container Apps Jobs Operator"), "{told}");
    assert!(told.contains("403 AuthorizationFailed"), "{told}");
    assert!(stage.states().is_empty());

    stage.platform.forbid(false);
    assert!(stage.job().build(0, 0).await.unwrap().is_green());
}

#[tokio::test]
async fn a_job_that_does_not_exist_is_named() {
    let stage = Stage::script(GREEN).await;
    let other = stage.platform.job_id().replace("miq-dbt", "other");
    let config = ContainerAppsConfig {
        job: ContainerAppsJobId::parse(&other).unwrap(),
        management_url: stage.platform.management_url(),
        timeout: Duration::from_mins(1),
    };
    let identity = AzureIdentity::managed(None).unwrap();
    let reports = stage.database.transform().clone();
    let job = ContainerAppsJob::new(&identity, config, reports).unwrap();
    let told = chain(&job.build(0, 0).await.unwrap_err());
    assert!(told.contains("MIQ_TRANSFORM_JOB_ID") && told.contains("jobs/other"), "{told}");
}

#[tokio::test]
async fn throttling_and_short_outages_are_waited_out() {
    let stage = Stage::script(GREEN).await;
    stage.platform.throttle(2, Duration::from_secs(1));
    assert!(stage.job().build(0, 0).await.unwrap().is_green());
    stage.platform.fail(2);
    assert!(stage.job().build(0, 0).await.unwrap().is_green());
    assert_eq!(stage.states(), [Status::Succeeded; 2], "each build starts once");
}

#[tokio::test]
async fn an_execution_that_is_not_known_at_once_is_waited_for() {
    let stage = Stage::script(GREEN).await;
    stage.platform.overlook_executions(2);
    assert!(stage.job().build(0, 0).await.unwrap().is_green());
    assert_eq!(stage.states(), [Status::Succeeded]);
}

#[tokio::test]
async fn a_management_api_that_is_away_for_a_while_loses_no_build() {
    let stage = Stage::script(&format!(
        "while not (folder / 'go').exists():\n    time.sleep(0.02)\n{GREEN}"
    ))
    .await;
    let job = stage.job();
    let build = tokio::spawn(async move { job.build(0, 0).await });
    let looked = || stage.platform.calls().iter().any(|call| call.starts_with("GET executions/"));
    stage.until(looked).await;
    stage.platform.down().await.unwrap();
    write(&stage.folder.path().join("go"), "");
    stage.until_states(&[Status::Succeeded]).await;
    assert!(!build.is_finished(), "it could not know");
    stage.platform.up().await.unwrap();
    assert!(build.await.unwrap().unwrap().is_green());
}
