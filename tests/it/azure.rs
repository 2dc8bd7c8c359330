//! The same work on Azure's backends: a handler that the Functions host calls, a real Azurite, a
//! real Redis, a vault, and dbt as a job elsewhere.

use std::time::{Duration, Instant};

use reqwest::StatusCode;
use serde_json::{Value, json};
use sqlx::Row;

use crate::marts::marts;
use crate::truth::assert_served_is_true;
use crate::world::{Tenant, World, account, tell, text};

/// How long all jobs of a run may take, with what they wait between attempts.
const PATIENCE: Duration = Duration::from_mins(5);

const OVERVIEW: &str = "/api/v1/dashboards/overview?from=2022-01-01&to=2024-12-31";

/// A timer's call, as the Functions host makes it.
async fn fire_timers(world: &World) {
    for timer in ["ExtractGoogleAds", "ExtractMetaAds", "ExtractGoogleAnalytics"] {
        let body = json!({
            "Data": {"timer": {
                "Schedule": {"AdjustForDST": true},
                "ScheduleStatus": null,
                "IsPastDue": false,
            }},
            "Metadata": {"sys": {"MethodName": timer}},
        });
        let answer = world
            .http
            .post(world.url(&format!("/{timer}")))
            .header("x-azure-functions-invocationid", uuid::Uuid::new_v4().to_string())
            .json(&body)
            .send()
            .await
            .expect("the handler answers");
        assert_eq!(answer.status(), StatusCode::OK, "{timer}:\n{}", world.log());
    }
}

/// Waits until every run has ended and is served, with the timers firing meanwhile as they do.
async fn until_served(world: &World) {
    let open = "select (select count(*) from app.etl_run_history where finished_at is null)
        + (select count(*) from app.build_state where requested > built)";
    let deadline = Instant::now() + PATIENCE;
    let mut fired = Instant::now();
    loop {
        let row = sqlx::query(open).fetch_one(world.database.owner()).await.expect("the runs");
        if row.get::<i64, _>(0) == 0 {
            break;
        }
        assert!(Instant::now() < deadline, "the runs did not end:\n{}", world.log());
        if fired.elapsed() > Duration::from_secs(5) {
            fire_timers(world).await;
            fired = Instant::now();
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let bad = "select coalesce(string_agg(concat_ws(' ', platform, stream, error_code, \
               error_message), '; '), '') from app.etl_jobs where state <> 'succeeded'";
    let bad = sqlx::query(bad).fetch_one(world.database.owner()).await.expect("the jobs");
    assert_eq!(bad.get::<String, _>(0), "", "jobs that did not succeed");
}

/// What the API answers of all days, without what differs from one deployment to the next.
async fn overview(world: &World, tenant: &Tenant) -> Value {
    let mut answer = world.get(OVERVIEW, &tenant.token).await.expect(200);
    answer["meta"] = Value::Null;
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn a1_on_azures_backends_the_marts_equal_the_embedded_runs() {
    let embedded = World::start().await;
    let (northwind, bluebird) = embedded.two_tenants().await;
    embedded.synced(&northwind, &[]);
    embedded.synced(&bluebird, &[]);
    let expected = marts(&embedded, &[&northwind, &bluebird]).await;
    let answers = [overview(&embedded, &northwind).await, overview(&embedded, &bluebird).await];
    drop(embedded);

    let world = World::in_cloud("deployment1").await;
    let (northwind, bluebird) = world.two_tenants().await;
    fire_timers(&world).await;
    until_served(&world).await;
    let actual = marts(&world, &[&northwind, &bluebird]).await;
    let differs = expected.lines().zip(actual.lines()).find(|(one, other)| one != other);
    assert!(expected == actual, "the marts differ, first in {differs:?}");
    assert_eq!([overview(&world, &northwind).await, overview(&world, &bluebird).await], answers);

    // Each of them was really used, and nothing was kept on this machine.
    let cloud = world.cloud();
    let wrote = |seen: &[String], what: &str| seen.iter().any(|call| call.contains(what));
    assert!(wrote(&cloud.blob.seen(), "manifest.json"), "no manifest among the blobs");
    assert!(wrote(&cloud.queue.seen(), "/transform/messages"), "no message of the transform queue");
    assert!(wrote(&cloud.vault.seen(), "PUT "), "no secret in the vault");
    assert!(!cloud.jobs.executions().is_empty(), "no execution of the dbt job");
    let deadline = Instant::now() + PATIENCE;
    while cloud.shared_answers(&northwind.id).await == 0 {
        assert!(Instant::now() < deadline, "no answer in Redis");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(!world.data().join("data").exists(), "something was kept on disk");
    tell(&format!("a1: {} rows of marts, equal", actual.lines().count()));
}

/// A backend that can be away.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Backend {
    RawStore,
    Queues,
    Secrets,
    SharedCache,
    Database,
    Transformation,
}

async fn shut(world: &World, backend: Backend) {
    let cloud = world.cloud();
    let shut = match backend {
        Backend::RawStore => cloud.blob.down().await,
        Backend::Queues => cloud.queue.down().await,
        Backend::Secrets => cloud.vault.down().await,
        Backend::SharedCache => cloud.redis.down().await,
        Backend::Database => cloud.database.down().await,
        Backend::Transformation => cloud.jobs.down().await,
    };
    shut.unwrap_or_else(|error| panic!("{backend:?}: {error}"));
}

async fn open(world: &World, backend: Backend) {
    let cloud = world.cloud();
    let opened = match backend {
        Backend::RawStore => cloud.blob.up().await,
        Backend::Queues => cloud.queue.up().await,
        Backend::Secrets => cloud.vault.up().await,
        Backend::SharedCache => cloud.redis.up().await,
        Backend::Database => cloud.database.up().await,
        Backend::Transformation => cloud.jobs.up().await,
    };
    opened.unwrap_or_else(|error| panic!("{backend:?}: {error}"));
}

/// How long each is away, where the long form of the proof was asked for by name.
#[expect(clippy::disallowed_methods, reason = "the long form of a proof is asked for by name")]
fn asked_outage() -> Option<Duration> {
    let seconds = std::env::var("MIQ_SECONDS").ok().and_then(|text| text.parse().ok());
    seconds.map(Duration::from_secs)
}

/// What the target allows.
const RECOVERY: Duration = Duration::from_secs(5);

/// Reads while a backend is away: what is known is served, flagged if there may be newer, and
/// what is not known is refused in words.
async fn assert_reads(world: &World, tenant: &Tenant, away: Backend, days: u32) {
    let known = world.get(OVERVIEW, &tenant.token).await;
    let flagged = known.headers.contains_key("warning");
    known.expect(200);
    let unknown = format!("/api/v1/metrics?from=2024-01-01&to=2024-01-{days:02}");
    let unknown = world.get(&unknown, &tenant.token).await;
    if away == Backend::Database {
        let retry_after = unknown.headers.contains_key("retry-after");
        let problem = unknown.expect(503);
        assert!(retry_after && problem["code"].is_string(), "{problem}");
    } else {
        assert!(!flagged, "{away:?} has nothing to do with which figures are the newest");
        unknown.expect(200);
    }
}

/// The platform corrects a day, so that reading it again makes a difference.
async fn restate(world: &World, tenant: &Tenant, days_ago: usize) {
    let truth = world.truth().await;
    let account = account(&truth, &tenant.name, "meta_ads");
    let day = account["days"].as_array().and_then(|days| days.iter().rev().nth(days_ago));
    let change = json!({
        "platform": "meta_ads",
        "account_id": text(account, "account_id"),
        "date": day.expect("a day")["date"],
        "factor": "1.25",
    });
    world.control("restate", change).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f3_an_outage_of_any_backend_is_survived() {
    let world = World::in_cloud("deployment2").await;
    let (tenant, other) = world.two_tenants().await;
    fire_timers(&world).await;
    until_served(&world).await;
    let outage = asked_outage().unwrap_or(Duration::from_secs(3));
    let sync = || world.post("/api/v1/sync", &tenant.token, json!({"platforms": ["meta_ads"]}));
    let mut slowest = Duration::ZERO;
    let backends = [
        Backend::RawStore,
        Backend::Queues,
        Backend::Secrets,
        Backend::SharedCache,
        Backend::Transformation,
        Backend::Database,
    ];
    for (number, backend) in backends.into_iter().enumerate() {
        let figures = overview(&world, &tenant).await;
        restate(&world, &tenant, number).await;
        shut(&world, backend).await;
        let began = Instant::now();
        let asked = async {
            if backend == Backend::Database {
                let problem = sync().await.expect(503);
                assert!(problem["code"].is_string(), "{problem}");
            } else {
                // Recorded before any message is sent, so it is not lost.
                let started = sync().await.expect(202);
                text(&started, "run_id");
            }
        };
        let read = async {
            let mut day = 10 + u32::try_from(number).expect("few");
            while began.elapsed() < outage {
                // Until the version that was asked for last is too old to be believed.
                tokio::time::sleep(Duration::from_millis(700)).await;
                assert_reads(&world, &tenant, backend, day).await;
                day = 10 + (day + 7) % 19;
            }
            open(&world, backend).await;
            Instant::now()
        };
        let ((), opened) = tokio::join!(asked, read);
        loop {
            let answer = world.get(OVERVIEW, &tenant.token).await;
            if answer.status == StatusCode::OK && !answer.headers.contains_key("warning") {
                break;
            }
            assert!(opened.elapsed() < PATIENCE, "{backend:?}: reads did not recover");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        slowest = slowest.max(opened.elapsed());
        if backend == Backend::Database {
            sync().await.expect(202);
        }
        until_served(&world).await;
        let when = format!("after an outage of {backend:?}");
        assert_ne!(overview(&world, &tenant).await, figures, "nothing was read {when}");
        assert_served_is_true(&world, &[&tenant, &other], &when).await;
    }
    // A time is asked of the proof alone, which has the machine to itself.
    assert!(asked_outage().is_none() || slowest < RECOVERY, "recovery took {slowest:?}");
    tell(&format!(
        "f3: {} outages of {} s, reads recovered within {:.1} s, nothing lost",
        backends.len(),
        outage.as_secs(),
        slowest.as_secs_f64()
    ));
}
