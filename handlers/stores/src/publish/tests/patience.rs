//! A publisher beside another that does not move.

use std::time::Duration;

use domain::ports::{BuildStore, Publisher, StoreError};
use sqlx::postgres::PgPoolOptions;

use super::super::lock_version;
use super::{World, fact};
use crate::PostgresBuilds;
use crate::database::{FEWEST_APP_CONNECTIONS, FEWEST_TRANSFORM_CONNECTIONS, Patience};
use crate::publish::PostgresPublisher;

#[tokio::test]
async fn a_publisher_that_was_lost_does_not_keep_the_next_from_publishing() {
    let world = World::new().await;
    world.facts(&fact(world.tenant, "1", "10.0")).await;
    let mut lost = world.publisher();
    lost.patience.idle = Duration::from_millis(200);
    // Its machine is gone: it says nothing more, and nothing ends its connection.
    let mut held = lost.patience.begin(&lost.app).await.unwrap();
    lock_version(&mut held).await.unwrap();
    assert_eq!(world.publish().await.unwrap().data_version, 1);
    assert_eq!(world.served().await, ["1"]);
    drop(held);
}

#[tokio::test]
async fn a_publisher_that_waits_too_long_for_another_publishes_nothing_and_may_try_again() {
    let world = World::new().await;
    world.facts(&fact(world.tenant, "1", "10.0")).await;
    let mut other = Patience::USUAL.begin(world.seeded.database.app()).await.unwrap();
    lock_version(&mut other).await.unwrap();
    let mut publisher = world.publisher();
    publisher.patience.lock = Duration::from_millis(100);
    let build = world.build().await;
    let refused = publisher.publish(&build, 1, Duration::ZERO).await;
    assert!(matches!(refused, Err(StoreError::Unavailable { .. })), "{refused:?}");
    assert!(world.served().await.is_empty());
    drop(other);
    publisher.publish(&build, 1, Duration::ZERO).await.unwrap();
    assert_eq!(world.served().await, ["1"]);
}

/// With the fewest connections that a deployment may be given.
#[tokio::test]
async fn a_build_is_renewed_while_its_publish_holds_a_connection() {
    let world = World::new().await;
    world.facts(&fact(world.tenant, "1", "10.0")).await;
    let pool = |of: &sqlx::PgPool, connections| {
        PgPoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(Duration::from_secs(10))
            .connect_lazy_with(of.connect_options().as_ref().clone())
    };
    let app = pool(world.seeded.database.app(), FEWEST_APP_CONNECTIONS);
    let transform = pool(world.seeded.database.transform(), FEWEST_TRANSFORM_CONNECTIONS);
    let build = world.build().await;
    let mut other = Patience::USUAL.begin(world.seeded.database.owner()).await.unwrap();
    lock_version(&mut other).await.unwrap();
    let publisher = PostgresPublisher::new(app.clone(), transform.clone());
    let publishing = publisher.publish(&build, 1, Duration::ZERO);
    let meanwhile = async {
        let builds = PostgresBuilds::new(app);
        while publishers_waiting(&world).await == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        // Of the transform role's too, one is left to a load.
        let _load = transform.acquire().await.unwrap();
        assert!(builds.renew(&build, Duration::from_mins(1)).await.unwrap());
        drop(other);
        publish_ends(&world).await;
    };
    let (outcome, ()) = tokio::join!(publishing, meanwhile);
    assert_eq!(outcome.unwrap().data_version, 1);
}

/// How many publishers wait for another's lock.
async fn publishers_waiting(world: &World) -> i64 {
    sqlx::query_scalar(
        "select count(*) from pg_stat_activity \
         where datname = current_database() and usename = 'miq_app' and wait_event_type = 'Lock'",
    )
    .fetch_one(world.seeded.database.owner())
    .await
    .unwrap()
}

/// Until the publish has been seen by others.
async fn publish_ends(world: &World) {
    while world.served().await.is_empty() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
