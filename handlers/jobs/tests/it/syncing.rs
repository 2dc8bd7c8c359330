//! Whole runs against the simulated platforms, with an executable in dbt's place.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use domain::ports::{Grant, PlatformAccess, QueueConsumer, Triggered, Triggers};
use domain::registry::{FUNCTIONS, Trigger};
use domain::{CredentialId, Platform, SystemClock};
use jobs::{CredentialVault, Functions, Sync, SyncError, SyncEvent};
use serde_json::json;
use simulators::Running;
use stores::{PostgresQueue, SecretsFile};

use crate::building::transform;
use crate::fake_dbt::{FakeDbt, GREEN, RED};
use crate::publishing::{data_version, make_marts};
use crate::simulated::{self, consent};
use crate::world::World;

struct Simulated {
    world: World,
    /// Running until the test ends.
    _simulators: Running,
    consents: Vec<(CredentialId, Platform, Grant)>,
    dbt: FakeDbt,
    sync: Sync,
}

impl Simulated {
    /// A tenant with one account of each platform.
    async fn start() -> Self {
        let config = simulators::Config { days: 40, ..simulators::Config::default() };
        let simulators = simulators::start(config).await.unwrap();
        let world = World::with_platforms(simulated::config(&simulators)).await;
        world.clock.set(simulators.business_now);
        make_marts(&world).await;
        let dbt = FakeDbt::new(&world, GREEN);
        let sync = Sync {
            planner: Arc::clone(&world.planner),
            worker: Arc::clone(&world.worker),
            transform: Arc::new(transform(&world, &dbt)),
        };
        let mut simulated =
            Self { world, _simulators: simulators, consents: Vec::new(), dbt, sync };
        for platform in Platform::ALL {
            simulated.connect(platform).await;
        }
        simulated
    }

    async fn connect(&mut self, platform: Platform) {
        let grant = consent(&self.world.platforms, platform).await;
        let accounts = self.world.platforms.accounts(platform, &grant.access_token).await.unwrap();
        let credential = CredentialId::new();
        self.world.vault.store(credential, &grant).await.unwrap();
        self.world.assign(credential, platform, &accounts[0]).await;
        self.consents.push((credential, platform, grant));
    }

    /// Rows that the models would see, by platform.
    async fn rows(&self) -> Vec<i64> {
        let mut counts = Vec::new();
        for stream in domain::Stream::ALL {
            let count = format!("select count(*) from raw.{}", stream.raw_table);
            counts.push(
                sqlx::query_scalar(sqlx::AssertSqlSafe(count))
                    .fetch_one(self.world.database.owner())
                    .await
                    .unwrap(),
            );
        }
        counts
    }

    /// Takes a message off a queue.
    async fn next_message(&self, queue: &str) -> Option<String> {
        let queues = PostgresQueue::new(self.world.database.app().clone());
        let delivery = queues.receive(queue, Duration::from_mins(1)).await.unwrap()?;
        queues.complete(&delivery).await.unwrap();
        Some(delivery.text)
    }

    fn functions(&self) -> Functions {
        Functions {
            planner: Arc::clone(&self.sync.planner),
            worker: Arc::clone(&self.sync.worker),
            transform: Arc::clone(&self.sync.transform),
            next_build_within: Duration::from_mins(1),
        }
    }
}

#[tokio::test]
async fn a_sync_brings_everything_home_and_a_second_one_changes_nothing() {
    let simulated = Simulated::start().await;
    let heard = Mutex::new(Vec::new());
    let run = simulated.world.plan(None).await;
    let progress = |event: SyncEvent| heard.lock().unwrap().push(event);
    let report = simulated.sync.run(std::slice::from_ref(&run), &progress).await.unwrap();

    assert_eq!(report.jobs.succeeded, run.jobs.len(), "{report:?}");
    assert_eq!(report.data_version, 1);
    let rows = simulated.rows().await;
    assert!(rows.iter().all(|count| *count > 0), "{rows:?}");
    assert_eq!(i64::try_from(report.counts.rows).unwrap(), rows.iter().sum::<i64>());
    assert!(report.counts.requests >= run.jobs.len() as u64);
    let heard = heard.into_inner().unwrap();
    let ended = heard.iter().filter(|event| matches!(event, SyncEvent::JobSucceeded { .. }));
    assert_eq!(ended.count(), run.jobs.len());
    assert!(matches!(heard.last(), Some(SyncEvent::Published { data_version: 1, .. })));

    let run = simulated.world.plan(None).await;
    let report = simulated.sync.run(&[run], &|_| {}).await.unwrap();
    assert_eq!(report.data_version, 2);
    assert_eq!(simulated.rows().await, rows);
}

#[tokio::test]
async fn a_database_that_is_away_for_a_moment_breaks_no_sync_off() {
    let simulated = Simulated::start().await;
    let run = simulated.world.plan(None).await;
    let owner = simulated.world.database.owner();
    sqlx::query("revoke update on app.etl_run_history from miq_app").execute(owner).await.unwrap();
    let (heard, mut waits) = tokio::sync::mpsc::unbounded_channel();
    let progress = move |event: SyncEvent| {
        if matches!(event, SyncEvent::JobWaits { .. }) {
            heard.send(()).unwrap();
        }
    };
    let back = async move {
        waits.recv().await.expect("a job that waits");
        sqlx::query("grant update on app.etl_run_history to miq_app").execute(owner).await.unwrap();
        // Heard to the end, so that telling it does not fail.
        while waits.recv().await.is_some() {}
    };
    let sync = async {
        let progress = progress;
        simulated.sync.run(std::slice::from_ref(&run), &progress).await.unwrap()
    };
    let (report, ()) = tokio::join!(sync, back);
    assert_eq!(report.jobs.succeeded, run.jobs.len(), "{report:?}");
}

#[tokio::test]
async fn a_consent_that_another_process_took_is_used_as_soon_as_the_old_one_is_refused() {
    let simulated = Simulated::start().await;
    let world = &simulated.world;
    let run = world.plan(None).await;
    let report = simulated.sync.run(&[run], &|_| {}).await.unwrap();
    assert!(report.failures.is_empty(), "{report:?}");

    let secrets = SecretsFile::open(world.folder.path().join("secrets")).unwrap();
    let platforms = Arc::clone(&world.platforms) as _;
    let other = CredentialVault::new(Arc::new(secrets), platforms, Arc::new(SystemClock));
    for (credential, platform, dead) in &simulated.consents {
        world.platforms.revoke(*platform, dead).await.unwrap();
        let live = consent(&simulated.world.platforms, *platform).await;
        other.store(*credential, &live).await.unwrap();
    }
    let run = world.plan(None).await;
    let report = simulated.sync.run(&[run], &|_| {}).await.unwrap();
    assert!(report.failures.is_empty(), "{report:?}");
}

#[tokio::test]
async fn one_dead_account_does_not_stop_the_others() {
    let simulated = Simulated::start().await;
    sqlx::query("update app.tenant_oauth_connections set account_id = '1' where platform = $1")
        .bind(Platform::MetaAds.code())
        .execute(simulated.world.database.owner())
        .await
        .unwrap();
    let run = simulated.world.plan(None).await;
    let report = simulated.sync.run(&[run], &|_| {}).await.unwrap();
    assert!(report.failures.iter().all(|failure| failure.job.platform == Platform::MetaAds));
    assert!(!report.failures.is_empty() && report.jobs.succeeded > 0, "{report:?}");
    let state: String = sqlx::query_scalar("select state from app.etl_run_history")
        .fetch_one(simulated.world.database.owner())
        .await
        .unwrap();
    assert_eq!(state, "partly_failed");
    let rows = simulated.rows().await;
    assert!(rows[0] > 0 && rows[2] == 0 && rows[4] > 0, "{rows:?}");
}

#[tokio::test]
async fn a_failed_build_ends_the_sync_with_the_node_and_serves_nothing_new() {
    let simulated = Simulated::start().await;
    simulated.dbt.says(RED);
    let run = simulated.world.plan(None).await;
    let error = simulated.sync.run(&[run], &|_| {}).await.unwrap_err();
    assert!(matches!(&error, SyncError::BuildFailed(_)), "{error:?}");
    assert!(error.to_string().contains("test.miq.one_row_per_day"), "{error}");
    assert_eq!(data_version(&simulated.world).await, 0);
}

#[tokio::test]
async fn timers_and_queues_do_what_a_sync_does() {
    let simulated = Simulated::start().await;
    let functions = simulated.functions();
    for function in FUNCTIONS {
        if let Trigger::Timer(_) = function.trigger {
            let done = functions.run(function.name, Triggered::Timer { past_due: false });
            assert_eq!(done.await.unwrap()["planned"]["slots"], 1);
        }
    }
    for function in FUNCTIONS {
        let Trigger::Queue(queue) = function.trigger else { continue };
        let mut handled = 0;
        while let Some(text) = simulated.next_message(queue.queue).await {
            functions.run(function.name, Triggered::Queue { text }).await.unwrap();
            handled += 1;
        }
        assert!(handled > 0, "nothing came to {}", queue.queue);
    }
    assert_eq!(data_version(&simulated.world).await, 1);
    assert!(simulated.rows().await.iter().all(|count| *count > 0));
    let (state, version): (String, i64) =
        sqlx::query_as("select state, data_version from app.etl_run_history")
            .fetch_one(simulated.world.database.owner())
            .await
            .unwrap();
    assert_eq!((state.as_str(), version), ("succeeded", 1));
}

/// Whoever ended the run died before it asked.
#[tokio::test]
async fn a_message_that_comes_again_asks_for_the_build_that_was_forgotten() {
    let simulated = Simulated::start().await;
    let run = simulated.world.plan(None).await;
    for job in &run.jobs {
        simulated.world.worker.run_job(job.id).await.unwrap();
    }
    assert_eq!(simulated.next_message("transform").await, None);
    let job = run.jobs.iter().find(|job| job.platform == Platform::MetaAds).unwrap();
    let text = json!({ "job_id": job.id }).to_string();
    let functions = simulated.functions();
    let again = functions.run("RunMetaAdsJob", Triggered::Queue { text }).await.unwrap();
    assert_eq!(again["outcome"]["state"], "ended before");
    assert_eq!(simulated.next_message("transform").await.as_deref(), Some(r#"{"request":1}"#));
}

#[tokio::test]
async fn a_message_that_makes_no_sense_is_an_error_with_words() {
    let simulated = Simulated::start().await;
    let functions = simulated.functions();
    let queue = |text: &str| Triggered::Queue { text: text.to_owned() };
    let unknown = json!({ "job_id": domain::JobId::new() }).to_string();
    for (function, triggered, words) in [
        ("RunMetaAdsJob", queue(""), "is empty"),
        ("RunMetaAdsJob", queue("{}"), "is not of the form"),
        ("RunMetaAdsJob", queue(&unknown), "there is no job"),
        ("RunTransform", queue("[1]"), "is not of the form"),
        ("RunTransform", Triggered::Timer { past_due: true }, "another kind of function"),
        ("ExtractMetaAds", queue("x"), "another kind of function"),
        ("Health", queue("x"), "no timer or queue function"),
        ("Nonsense", queue("x"), "no timer or queue function"),
    ] {
        let error = functions.run(function, triggered).await.unwrap_err().to_string();
        assert!(error.contains(words), "{function}: {error}");
    }
}
