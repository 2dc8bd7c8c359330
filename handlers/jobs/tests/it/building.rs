use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use domain::ports::{
    BuildClaim, BuildStore, QueueConsumer, StoreError, Transformer, Triggered, Triggers,
};
use domain::registry::TRANSFORM_QUEUE;
use jobs::{Functions, Transform, TransformError, TransformOutcome};
use stores::{PostgresBuilds, PostgresQueue};

use crate::fake_dbt::{FakeDbt, GREEN, RED};
use crate::publishing::{data_version, make_marts, publisher};
use crate::world::World;

pub(crate) fn transform(world: &World, dbt: &FakeDbt) -> Transform {
    Transform {
        builds: Arc::clone(&world.builds) as _,
        warehouse: Arc::clone(&world.warehouse) as _,
        transformer: Arc::new(dbt.process.clone()),
        publisher: Arc::new(publisher(world)),
    }
}

pub(crate) async fn request_build(world: &World) {
    sqlx::query("update app.build_state set requested = requested + 1")
        .execute(world.database.owner())
        .await
        .unwrap();
}

async fn let_lease_lapse(world: &World) {
    sqlx::query("update app.build_state set lease_until = now()")
        .execute(world.database.owner())
        .await
        .unwrap();
}

/// Until `path` is there.
async fn appears(path: &Path) -> String {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
    while tokio::time::Instant::now() < deadline {
        match std::fs::read_to_string(path) {
            Ok(text) if text.ends_with('\n') => return text.trim().to_owned(),
            _ => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
    panic!("{} did not appear", path.display());
}

fn is_alive(process: &str) -> bool {
    // A process that has ended but was not collected yet is not alive.
    let state = std::fs::read_to_string(format!("/proc/{process}/stat"));
    match state {
        Ok(stat) => !stat.contains(") Z "),
        Err(_) if Path::new("/proc/self").exists() => false,
        Err(_) => Command::new("kill").args(["-0", process]).output().unwrap().status.success(),
    }
}

async fn dies(process: &str) -> bool {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
    while is_alive(process) {
        if tokio::time::Instant::now() > deadline {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    true
}

#[tokio::test]
async fn nothing_is_built_that_nobody_asked_for() {
    let world = World::new().await;
    make_marts(&world).await;
    let dbt = FakeDbt::new(&world, GREEN);
    let outcome = transform(&world, &dbt).run().await.unwrap();
    assert_eq!(outcome, TransformOutcome::UpToDate { data_version: 0 });
    assert!(dbt.builds().is_empty());
}

#[tokio::test]
async fn requests_that_arrive_during_a_build_are_served_by_one_more() {
    let world = World::new().await;
    make_marts(&world).await;
    let dbt =
        FakeDbt::new(&world, &format!("until [ -e \"$here/go\" ]; do sleep 0.01; done\n{GREEN}"));
    request_build(&world).await;
    let transform = transform(&world, &dbt);
    let during = async {
        appears(&dbt.file("builds")).await;
        for _ in 0..5 {
            request_build(&world).await;
        }
        assert!(matches!(
            transform.run().await.unwrap(),
            TransformOutcome::Busy { wait } if wait > Duration::ZERO
        ));
        std::fs::write(dbt.file("go"), "").unwrap();
    };
    let (outcome, ()) = tokio::join!(transform.run(), during);
    let TransformOutcome::Published(done) = outcome.unwrap() else { panic!("not published") };
    assert_eq!(done.builds, 2);
    assert_eq!(dbt.builds().len(), 2);
    let outcome = transform.run().await.unwrap();
    assert!(matches!(outcome, TransformOutcome::UpToDate { .. }));
}

#[tokio::test]
async fn a_round_for_which_no_time_is_left_is_another_messages() {
    let world = World::new().await;
    make_marts(&world).await;
    let dbt =
        FakeDbt::new(&world, &format!("until [ -e \"$here/go\" ]; do sleep 0.01; done\n{GREEN}"));
    request_build(&world).await;
    let functions = Functions {
        planner: Arc::clone(&world.planner),
        worker: Arc::clone(&world.worker),
        transform: Arc::new(transform(&world, &dbt)),
        next_build_within: Duration::ZERO,
    };
    let deliver = |text: String| functions.run("RunTransform", Triggered::Queue { text });
    let during = async {
        appears(&dbt.file("builds")).await;
        request_build(&world).await;
        std::fs::write(dbt.file("go"), "").unwrap();
    };
    let (told, ()) = tokio::join!(deliver(r#"{"request":1}"#.to_owned()), during);
    assert_eq!(told.unwrap()["outcome"]["builds"], 1);
    assert_eq!(dbt.builds().len(), 1);

    let queue = PostgresQueue::new(world.database.app().clone());
    let next = queue.receive(TRANSFORM_QUEUE, Duration::from_mins(1)).await.unwrap();
    let told = deliver(next.expect("a message for the rest").text).await.unwrap();
    assert_eq!(told["outcome"]["state"], "published");
    assert_eq!(dbt.builds().len(), 2);
    // Nothing is left to ask for.
    assert_eq!(queue.receive(TRANSFORM_QUEUE, Duration::from_mins(1)).await.unwrap(), None);
    let told = deliver(r#"{"request":2}"#.to_owned()).await.unwrap();
    assert_eq!(told["outcome"]["state"], "up to date");
}

#[tokio::test]
async fn a_build_that_fails_publishes_nothing_and_says_what_failed() {
    let world = World::new().await;
    make_marts(&world).await;
    let dbt = FakeDbt::new(&world, RED);
    request_build(&world).await;
    let TransformOutcome::Failed { failed } = transform(&world, &dbt).run().await.unwrap() else {
        panic!("it did not fail");
    };
    assert_eq!(failed.len(), 1);
    assert_eq!(failed[0].node, "test.miq.one_row_per_day");
    assert_eq!(failed[0].message, "Got 3 results");
    assert_eq!(data_version(&world).await, 0);
    let build: (String, String, String) =
        sqlx::query_as("select state, failed_node, error_message from app.builds")
            .fetch_one(world.database.owner())
            .await
            .unwrap();
    let expected = ("failed", "test.miq.one_row_per_day", "Got 3 results");
    assert_eq!((build.0.as_str(), build.1.as_str(), build.2.as_str()), expected);

    // The request stays open, and is served once the models are mended.
    assert_eq!(world.builds.forgotten_request(Duration::from_hours(1)).await.unwrap(), None);
    assert_eq!(world.builds.forgotten_request(Duration::ZERO).await.unwrap(), Some(1));
    dbt.says(GREEN);
    let outcome = transform(&world, &dbt).run().await.unwrap();
    assert!(matches!(outcome, TransformOutcome::Published(_)), "{outcome:?}");
    assert_eq!(world.builds.forgotten_request(Duration::ZERO).await.unwrap(), None);
}

#[tokio::test]
async fn results_of_an_earlier_build_do_not_pass_for_this_ones() {
    let world = World::new().await;
    make_marts(&world).await;
    let dbt = FakeDbt::new(&world, GREEN);
    request_build(&world).await;
    transform(&world, &dbt).run().await.unwrap();
    dbt.says("echo 'Compilation Error: model fact does not parse'; exit 1");
    request_build(&world).await;
    let TransformOutcome::Failed { failed } = transform(&world, &dbt).run().await.unwrap() else {
        panic!("it did not fail");
    };
    assert_eq!((failed[0].node.as_str(), failed[0].kind.as_str()), ("dbt", "project"));
    assert!(failed[0].message.contains("does not parse"), "{failed:?}");
}

#[tokio::test]
async fn a_dbt_that_cannot_be_run_is_an_error_and_the_next_try_need_not_wait() {
    let world = World::new().await;
    make_marts(&world).await;
    let dbt = FakeDbt::new(&world, "echo 'could not connect' >&2; exit 2");
    request_build(&world).await;
    let error = transform(&world, &dbt).run().await.unwrap_err();
    assert!(matches!(error, TransformError::Store(StoreError::Unavailable { .. })), "{error:?}");
    let recorded: String = sqlx::query_scalar("select error_message from app.builds")
        .fetch_one(world.database.owner())
        .await
        .unwrap();
    assert!(recorded.contains("could not connect"), "{recorded}");
    dbt.says(GREEN);
    let outcome = transform(&world, &dbt).run().await.unwrap();
    assert!(matches!(outcome, TransformOutcome::Published(_)), "{outcome:?}");
}

#[tokio::test]
async fn a_build_whose_holder_died_is_taken_over_and_the_dead_one_cannot_publish() {
    let world = World::new().await;
    make_marts(&world).await;
    request_build(&world).await;
    let minute = Duration::from_mins(1);
    let BuildClaim::Begun(dead) = world.builds.begin(minute).await.unwrap() else {
        panic!("nobody builds");
    };
    assert!(matches!(world.builds.begin(minute).await.unwrap(), BuildClaim::Busy(_)));
    let_lease_lapse(&world).await;
    let dbt = FakeDbt::new(&world, GREEN);
    let transform = transform(&world, &dbt);
    let outcome = transform.run().await.unwrap();
    assert!(matches!(outcome, TransformOutcome::Published(_)), "{outcome:?}");
    let version = data_version(&world).await;
    assert!(!world.builds.renew(&dead, minute).await.unwrap());
    let late = transform.publisher.publish(&dead, 99, Duration::ZERO).await;
    assert!(matches!(late, Err(StoreError::NotFound { .. })), "{late:?}");
    assert_eq!(data_version(&world).await, version);
    let states: Vec<String> = sqlx::query_scalar("select state from app.builds order by id")
        .fetch_all(world.database.owner())
        .await
        .unwrap();
    assert_eq!(states, ["failed", "published"]);
}

/// What a builder of many processes looks like.
const ENDLESS: &str = r#"
sleep 1000 &
echo $! > "$here/child.next"
mv "$here/child.next" "$here/child"
wait"#;

#[tokio::test]
async fn dbt_and_its_children_die_with_whoever_waits_for_them() {
    let world = World::new().await;
    let dbt = FakeDbt::new(&world, ENDLESS);
    let process = dbt.process.clone();
    let waiting = tokio::spawn(async move { process.build(0, 1).await });
    let child = appears(&dbt.file("child")).await;
    assert!(is_alive(&child));
    waiting.abort();
    assert!(dies(&child).await, "dbt outlived the one who waited for it");
}

#[tokio::test]
async fn a_dbt_that_does_not_end_is_stopped() {
    let world = World::new().await;
    let mut dbt = FakeDbt::new(&world, ENDLESS);
    dbt.process.timeout = Duration::from_secs(1);
    let error = dbt.process.build(0, 1).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable { .. }), "{error:?}");
    let child = appears(&dbt.file("child")).await;
    assert!(dies(&child).await, "dbt outlived its time");
}

#[tokio::test]
async fn whose_turn_it_is_can_be_asked_over_the_only_connection_there_is() {
    let world = World::new().await;
    let options = world.database.app().connect_options().as_ref().clone();
    let one = sqlx::postgres::PgPoolOptions::new()
        .max_connections(1)
        .acquire_timeout(Duration::from_secs(10))
        .connect_lazy_with(options);
    let claim = PostgresBuilds::new(one).begin(Duration::from_mins(1)).await.unwrap();
    assert!(matches!(claim, BuildClaim::UpToDate { data_version: 0 }), "{claim:?}");
}
