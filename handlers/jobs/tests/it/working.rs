use std::time::Duration;

use domain::ports::{Claim, Grant, JobStore, Publisher, RunState};
use domain::{JobFailure, JobId, Platform};
use jobs::{JobOutcome, WorkError};
use secrecy::SecretString;

use crate::publishing::{begin, make_marts, publish, publisher};
use crate::world::{Landed, World, at, days, insight};

const LEASE: Duration = Duration::from_mins(1);

/// And its run waits for no build.
const ENDED: JobOutcome = JobOutcome::Ended { build_request: None };

/// A run of two jobs, of account 77: snapshot and insights.
async fn planned(world: &World) -> [JobId; 2] {
    world.connect(Platform::MetaAds, "77").await;
    let run = world.plan(Some(days("2024-03-01", "2024-03-02"))).await;
    let [snapshot, insights] = run.jobs.as_slice() else { panic!("{run:?}") };
    [snapshot.id, insights.id]
}

async fn states(world: &World) -> (Vec<String>, String) {
    let jobs = sqlx::query_scalar("select state from app.etl_jobs order by id")
        .fetch_all(world.database.owner());
    let run = sqlx::query_scalar("select state from app.etl_run_history")
        .fetch_one(world.database.owner());
    futures_util::try_join!(jobs, run).unwrap()
}

async fn connection(world: &World) -> (String, Option<String>) {
    sqlx::query_as("select status, status_detail from app.tenant_oauth_connections")
        .fetch_one(world.database.owner())
        .await
        .unwrap()
}

fn grant() -> Grant {
    Grant {
        access_token: SecretString::from("token"),
        access_expires_at: None,
        refresh_token: None,
        scopes: Vec::new(),
    }
}

fn failure(code: &str) -> JobFailure {
    JobFailure { code: code.to_owned(), message: "do this".to_owned(), retry_in: None }
}

#[tokio::test]
async fn a_job_has_one_holder_until_its_lease_lapses() {
    let world = World::new().await;
    let [job, _] = planned(&world).await;
    let (first, _) = world.claim(job).await;
    let Claim::Later(wait) = world.runs.claim(job, LEASE).await.unwrap() else {
        panic!("it was claimed twice");
    };
    assert!(wait <= LEASE && wait > LEASE / 2, "{wait:?}");
    assert!(world.runs.renew(&first, LEASE).await.unwrap());
    world.let_lease_lapse(job).await;
    let (second, _) = world.claim(job).await;
    assert_eq!((first.attempt, second.attempt), (1, 2));
    assert!(!world.runs.renew(&first, LEASE).await.unwrap(), "the first holds on");
}

#[tokio::test]
async fn what_an_earlier_attempt_reports_is_ignored() {
    let world = World::new().await;
    let [job, _] = planned(&world).await;
    let (first, _) = world.claim(job).await;
    world.let_lease_lapse(job).await;
    let (second, _) = world.claim(job).await;
    assert_eq!(world.runs.fail(&first, &failure("old"), None).await.unwrap(), None);
    let wait = Duration::from_secs(9);
    assert_eq!(world.runs.defer(&first, &failure("old"), wait, true).await.unwrap(), None);
    assert_eq!(world.runs.succeed(&first, 1).await.unwrap(), None);
    assert_eq!(states(&world).await.0[0], "running");
    assert!(world.runs.succeed(&second, 1).await.unwrap().is_some());
    assert_eq!(world.runs.succeed(&second, 1).await.unwrap(), None, "it ended twice");
}

#[tokio::test]
async fn a_run_ends_with_its_last_job_and_asks_for_one_build() {
    let world = World::new().await;
    let [first, second] = planned(&world).await;
    let (job, _) = world.claim(first).await;
    let end = world.runs.succeed(&job, 1).await.unwrap().unwrap();
    assert_eq!((end.run, end.build_request), (None, None));
    let (job, _) = world.claim(second).await;
    let end = world.runs.fail(&job, &failure("throttled"), None).await.unwrap().unwrap();
    assert_eq!((end.run, end.build_request), (Some(RunState::PartlyFailed), Some(1)));
    assert_eq!(states(&world).await.1, "partly_failed");
}

#[tokio::test]
async fn a_run_that_brought_nothing_asks_for_no_build() {
    let world = World::new().await;
    for job in planned(&world).await {
        let (job, _) = world.claim(job).await;
        let end = world.runs.fail(&job, &failure("needs_reauth"), None).await.unwrap().unwrap();
        assert_eq!(end.build_request, None);
    }
    assert_eq!(states(&world).await.1, "failed");
}

#[tokio::test]
async fn what_is_loaded_does_not_wait_for_a_job_that_is_put_off() {
    let world = World::new().await;
    let [first, second] = planned(&world).await;
    let (job, _) = world.claim(first).await;
    world.runs.succeed(&job, 1).await.unwrap();
    let (job, _) = world.claim(second).await;
    let wait = Duration::from_mins(10);
    let end = world.runs.defer(&job, &failure("throttled"), wait, true).await.unwrap().unwrap();
    assert_eq!((end.run, end.build_request), (None, Some(1)));
    assert!(matches!(world.runs.claim(second, LEASE).await.unwrap(), Claim::Later(_)));
}

#[tokio::test]
async fn a_dead_consent_fails_the_job_at_once_and_shows_at_its_connection() {
    let world = World::new().await;
    let [job, _] = planned(&world).await;
    // Nothing is in the secret store.
    let outcome = world.worker.run_job(job).await.unwrap();
    let JobOutcome::Failed { failure, .. } = outcome else { panic!("{outcome:?}") };
    assert_eq!(failure.code, "needs_reauth");
    let (status, detail) = connection(&world).await;
    assert_eq!(status, "needs_reauth");
    assert!(detail.unwrap().contains("connect it again"));
    assert_eq!(world.worker.run_job(job).await.unwrap(), ENDED);
}

#[tokio::test]
async fn a_platform_that_is_away_puts_the_job_off_until_it_is_given_up() {
    let world = World::cut_off().await;
    let credential = world.connect_new(Platform::MetaAds, "77").await;
    world.vault.store(credential, &grant()).await.unwrap();
    let run = world.plan(Some(days("2024-03-01", "2024-03-01"))).await;
    let job = run.jobs[0].id;
    for attempt in 1..=5 {
        let outcome = world.worker.run_job(job).await.unwrap();
        match outcome {
            JobOutcome::Deferred { failure, wait, .. } if attempt < 5 => {
                assert_eq!(failure.code, "platform_unavailable");
                assert!(wait >= Duration::from_secs(15));
            }
            JobOutcome::Failed { failure, .. } if attempt == 5 => {
                assert_eq!(failure.code, "platform_unavailable");
            }
            other => panic!("attempt {attempt}: {other:?}"),
        }
        sqlx::query("update app.etl_jobs set not_before = now() - interval '1 second'")
            .execute(world.database.owner())
            .await
            .unwrap();
    }
    assert_eq!(connection(&world).await.0, "active", "the connection is not to blame");
}

#[tokio::test]
async fn an_attempt_that_ended_without_a_word_is_no_failure() {
    let world = World::cut_off().await;
    let credential = world.connect_new(Platform::MetaAds, "77").await;
    world.vault.store(credential, &grant()).await.unwrap();
    let run = world.plan(Some(days("2024-03-01", "2024-03-01"))).await;
    sqlx::query("update app.etl_jobs set attempt = 6")
        .execute(world.database.owner())
        .await
        .unwrap();
    let outcome = world.worker.run_job(run.jobs[0].id).await.unwrap();
    assert!(matches!(outcome, JobOutcome::Deferred { .. }), "{outcome:?}");
}

#[tokio::test]
async fn an_extraction_that_was_brought_home_is_loaded_and_not_fetched_again() {
    let world = World::new().await;
    let [snapshot, insights] = planned(&world).await;
    let (claimed, _) = world.claim(insights).await;
    let rows = [insight("2024-03-01", "1", "5.00"), insight("2024-03-02", "1", "6.00")];
    let landed = Landed {
        job: insights,
        ..Landed::insights(&world, claimed.window, "2024-03-03T00:00:00Z", &rows)
    };
    // As if killed between the manifest and the load.
    let extraction = world.land(landed).await;
    let manifest = extraction.path().manifest();
    world.runs.begin_extraction(&claimed, &manifest).await.unwrap();
    world.let_lease_lapse(insights).await;

    // Without a token nothing could be fetched.
    let outcome = world.worker.run_job(insights).await.unwrap();
    let JobOutcome::Succeeded { counts, .. } = outcome else { panic!("{outcome:?}") };
    assert_eq!((counts.rows, counts.requests), (2, 0));
    let recorded: (i64, i64, i32) =
        sqlx::query_as("select rows, bytes, attempt from app.etl_jobs where id = $1")
            .bind(insights.uuid())
            .fetch_one(world.database.owner())
            .await
            .unwrap();
    assert_eq!((recorded.0, recorded.2), (2, 2));
    assert!(recorded.1 > 0);
    assert!(matches!(world.worker.run_job(snapshot).await.unwrap(), JobOutcome::Failed { .. }));
}

#[tokio::test]
async fn a_manifest_of_another_job_is_not_taken() {
    let world = World::new().await;
    let [_, insights] = planned(&world).await;
    let (claimed, _) = world.claim(insights).await;
    let rows = [insight("2024-03-01", "1", "5.00")];
    let foreign = Landed::insights(&world, claimed.window, "2024-03-03T00:00:00Z", &rows);
    let extraction = world.land(foreign).await;
    world.runs.begin_extraction(&claimed, &extraction.path().manifest()).await.unwrap();
    world.let_lease_lapse(insights).await;
    let outcome = world.worker.run_job(insights).await.unwrap();
    assert!(matches!(outcome, JobOutcome::Failed { .. }), "{outcome:?}");
}

#[tokio::test]
async fn a_stored_extraction_that_is_damaged_is_fetched_anew() {
    let world = World::new().await;
    let [_, insights] = planned(&world).await;
    let (claimed, _) = world.claim(insights).await;
    let rows = [insight("2024-03-01", "1", "5.00")];
    let landed = Landed {
        job: insights,
        ..Landed::insights(&world, claimed.window, "2024-03-03T00:00:00Z", &rows)
    };
    let extraction = world.land(landed).await;
    let part = world.folder.path().join("raw").join(&extraction.manifest().parts[0].path);
    std::fs::write(part, b"damaged").unwrap();
    world.runs.begin_extraction(&claimed, &extraction.path().manifest()).await.unwrap();
    world.let_lease_lapse(insights).await;
    let outcome = world.worker.run_job(insights).await.unwrap();
    let JobOutcome::Deferred { failure, .. } = outcome else { panic!("{outcome:?}") };
    assert_eq!(failure.code, "raw_damaged");
    let kept: Option<String> =
        sqlx::query_scalar("select manifest_path from app.etl_jobs where id = $1")
            .bind(insights.uuid())
            .fetch_one(world.database.owner())
            .await
            .unwrap();
    assert_eq!(kept, None, "the damaged extraction would be tried again");
}

#[tokio::test]
async fn a_job_whose_workers_keep_dying_is_given_up() {
    let world = World::new().await;
    let [job, _] = planned(&world).await;
    sqlx::query("update app.etl_jobs set attempt = 10")
        .execute(world.database.owner())
        .await
        .unwrap();
    let outcome = world.worker.run_job(job).await.unwrap();
    let JobOutcome::Failed { failure, .. } = outcome else { panic!("{outcome:?}") };
    assert_eq!(failure.code, "given_up");
}

#[tokio::test]
async fn a_job_of_a_removed_connection_ends() {
    let world = World::new().await;
    let [first, second] = planned(&world).await;
    sqlx::query("delete from app.tenant_oauth_connections")
        .execute(world.database.owner())
        .await
        .unwrap();
    for job in [first, second] {
        assert_eq!(world.worker.run_job(job).await.unwrap(), ENDED);
    }
    assert_eq!(states(&world).await.1, "failed");
}

#[tokio::test]
async fn whoever_finds_a_job_ended_hears_of_the_build_that_its_run_waits_for() {
    let world = World::new().await;
    let [first, second] = planned(&world).await;
    let (job, _) = world.claim(first).await;
    world.runs.succeed(&job, 1).await.unwrap();
    assert_eq!(world.worker.run_job(first).await.unwrap(), ENDED);
    sqlx::query("delete from app.tenant_oauth_connections")
        .execute(world.database.owner())
        .await
        .unwrap();
    let asked = JobOutcome::Ended { build_request: Some(1) };
    assert_eq!(world.worker.run_job(second).await.unwrap(), asked, "this ended the run");
    assert_eq!(world.worker.run_job(first).await.unwrap(), asked);
    sqlx::query("update app.build_state set built = requested")
        .execute(world.database.owner())
        .await
        .unwrap();
    assert_eq!(world.worker.run_job(first).await.unwrap(), ENDED, "it is built");
}

/// A run of three jobs, of which two are put off: it has asked for its first build.
async fn waiting(world: &World) -> [JobId; 3] {
    for account in ["77", "78", "79"] {
        world.connect(Platform::GoogleAnalytics, account).await;
    }
    let run = world.plan(Some(days("2024-03-01", "2024-03-01"))).await;
    let jobs = [run.jobs[0].id, run.jobs[1].id, run.jobs[2].id];
    let (job, _) = world.claim(jobs[0]).await;
    assert_eq!(world.runs.succeed(&job, 1).await.unwrap().unwrap().build_request, None);
    assert_eq!(put_off(world, jobs[1]).await, None);
    assert_eq!(put_off(world, jobs[2]).await, Some(1));
    jobs
}

/// Begins a job again, which is then refused. Answers the build that was asked for.
async fn put_off(world: &World, job: JobId) -> Option<i64> {
    let (job, _) = begin_again(world, job).await;
    let wait = Duration::from_mins(10);
    let end = world.runs.defer(&job, &failure("throttled"), wait, true).await.unwrap().unwrap();
    end.build_request
}

async fn begin_again(world: &World, job: JobId) -> (domain::ClaimedJob, Option<String>) {
    sqlx::query("update app.etl_jobs set not_before = null where id = $1")
        .bind(job.uuid())
        .execute(world.database.owner())
        .await
        .unwrap();
    world.claim(job).await
}

async fn served_in(world: &World) -> Option<i64> {
    sqlx::query_scalar("select data_version from app.etl_run_history")
        .fetch_one(world.database.owner())
        .await
        .unwrap()
}

#[tokio::test]
async fn what_is_loaded_after_a_build_was_served_is_built_while_others_are_put_off() {
    let world = World::new().await;
    make_marts(&world).await;
    let [_, second, third] = waiting(&world).await;
    let served = publish(&world).await.data_version;
    assert_eq!(served_in(&world).await, Some(served));
    assert_eq!(put_off(&world, third).await, None, "nothing was loaded since");
    let (job, _) = begin_again(&world, second).await;
    let end = world.runs.succeed(&job, 1).await.unwrap().unwrap();
    assert!(end.build_request > Some(1), "{end:?}");
    assert_eq!(served_in(&world).await, None, "not all of it is served");
    assert_eq!(put_off(&world, third).await, None, "it has asked");
}

#[tokio::test]
async fn what_is_loaded_during_a_build_is_left_to_one_that_is_asked_for() {
    let world = World::new().await;
    make_marts(&world).await;
    let [_, second, _] = waiting(&world).await;
    let build = begin(&world).await;
    let (job, _) = begin_again(&world, second).await;
    let end = world.runs.succeed(&job, 1).await.unwrap().unwrap();
    assert_eq!(end.build_request, Some(build.request + 1));
    let served = publisher(&world).publish(&build, 0, Duration::ZERO).await.unwrap();
    assert!(served.more_requested);
    assert_eq!(served_in(&world).await, None);
}

#[tokio::test]
async fn an_unknown_job_is_an_error() {
    let world = World::new().await;
    let unknown = JobId::new();
    let error = world.worker.run_job(unknown).await.unwrap_err();
    assert!(matches!(error, WorkError::UnknownJob(id) if id == unknown));
}

#[tokio::test]
async fn a_first_read_counts_once_all_of_it_has_come() {
    let world = World::new().await;
    world.connect_new(Platform::GoogleAnalytics, "77").await;
    let run = world.plan(None).await;
    assert_eq!(run.jobs.len(), 2, "sixty days in chunks of 31");
    let history = || async {
        sqlx::query_scalar::<_, bool>(
            "select history_loaded_at is not null from app.tenant_oauth_connections",
        )
        .fetch_one(world.database.owner())
        .await
        .unwrap()
    };
    for (job, known_before) in run.jobs.iter().zip([false, false]) {
        assert_eq!(history().await, known_before);
        let (job, _) = world.claim(job.id).await;
        world.runs.succeed(&job, 1).await.unwrap();
    }
    assert!(history().await);
}

#[tokio::test]
async fn a_short_sync_of_a_new_account_does_not_pass_for_its_history() {
    let world = World::new().await;
    world.connect_new(Platform::GoogleAnalytics, "77").await;
    let run = world.plan(Some(days("2024-03-01", "2024-03-01"))).await;
    let (job, _) = world.claim(run.jobs[0].id).await;
    world.runs.succeed(&job, 1).await.unwrap();
    let due = world.planner.dry_run(&world.scope, &jobs::ManualSync::default()).await.unwrap();
    assert!(due.iter().all(|draft| draft.job.history));
    assert_eq!(due.iter().map(|draft| draft.job.window.len()).sum::<usize>(), 60);
}

#[tokio::test]
async fn a_success_heals_the_connection() {
    let world = World::new().await;
    let [first, second] = planned(&world).await;
    world.worker.run_job(first).await.unwrap();
    assert_eq!(connection(&world).await.0, "needs_reauth");
    let (job, _) = world.claim(second).await;
    world.runs.succeed(&job, 1).await.unwrap();
    assert_eq!(connection(&world).await, ("active".to_owned(), None));
}

#[tokio::test]
async fn a_gap_is_measured_from_what_was_really_read() {
    let world = World::new().await;
    let [_, insights] = planned(&world).await;
    let (job, _) = world.claim(insights).await;
    world.runs.succeed(&job, 1).await.unwrap();
    world.clock.set(at("2024-06-30T12:00:00Z"));
    let due = world.planner.dry_run(&world.scope, &jobs::ManualSync::default()).await.unwrap();
    let first = due.iter().map(|draft| draft.job.window.first()).min();
    // The look-back of 28 days that ends on the last day read.
    assert_eq!(first, Some(crate::world::day("2024-02-04")));
}
