//! What a hostile transform role can do to publishing.

use domain::TenantId;
use domain::ports::StoreError;

use super::{World, fact};
use crate::testing::TestDatabase;

#[tokio::test]
async fn code_in_a_mart_runs_as_the_role_that_planted_it() {
    let world = World::new().await;
    let people = world.people().await;
    assert!(!people.is_empty());
    world
        .as_transform(
            "create function marts.steal() returns text language plpgsql as $$
            begin
                update app.users set password_hash = 'known to the thief';
                return 'stolen';
            exception when others then
                return current_user;
            end $$;",
        )
        .await;
    world.facts(&fact(world.tenant, "marts.steal()", "1")).await;
    assert_eq!(world.publish().await.unwrap().rows, 1);
    assert_eq!(world.served().await, ["miq_transform"]);
    assert_eq!(world.people().await, people);
}

#[tokio::test]
async fn code_in_a_mart_that_fails_publishes_nothing_and_the_next_publish_is_whole() {
    let world = World::new().await;
    let people = world.people().await;
    world
        .as_transform(
            "create function marts.steal() returns text language plpgsql as $$
            begin
                update app.users set password_hash = 'known to the thief';
                return 'stolen';
            end $$;",
        )
        .await;
    let twice = format!(
        "{} union all select f.* from ({}) as f cross join generate_series(1, 2)",
        fact(world.tenant, "'1'", "1"),
        fact(world.tenant, "'2'", "1"),
    );
    for hostile in [
        fact(world.tenant, "marts.steal()", "1"),
        // found out before the first row, among the rows, and when they are put in their place
        "select 1 as nothing".to_owned(),
        fact(world.tenant, "'1'", "'a lot'::text"),
        twice,
    ] {
        world.facts(&hostile).await;
        let error = world.publish().await.unwrap_err();
        assert!(matches!(error, StoreError::Unavailable { .. }), "{hostile}: {error:?}");
        assert!(world.served().await.is_empty(), "{hostile}");
        assert_eq!(world.people().await, people);
        world.facts(&fact(world.tenant, "'7'", "2.5")).await;
    }
    assert_eq!(world.publish().await.unwrap().data_version, 1);
    assert_eq!(world.served().await, ["7"]);
}

#[tokio::test]
async fn rows_of_a_tenant_that_does_not_exist_are_not_published() {
    let world = World::new().await;
    let stranger = TenantId::new();
    world
        .as_transform(&format!(
            "insert into marts.day_changes
            select '{stranger}'::uuid, platform, account_id, date, change from marts.day_changes;
            insert into raw.tenant_settings values ('{stranger}', 'UTC', 'USD', '{{}}', 1);
            insert into marts.dim_accounts
            values ('{stranger}', 'meta_ads', '10', 'Theirs', 'USD', 'UTC');"
        ))
        .await;
    let ours = fact(world.tenant, "'1'", "1");
    world.facts(&format!("{ours} union all {}", fact(stranger, "'2'", "1"))).await;
    let published = world.publish().await.unwrap();
    assert_eq!((published.days, published.rows), (1, 1));
    assert_eq!(world.served().await, ["1"]);
    let accounts: i64 = sqlx::query_scalar("select count(*) from serving.dim_accounts")
        .fetch_one(world.seeded.database.owner())
        .await
        .unwrap();
    assert_eq!(accounts, 0);
}

/// A window that the marts' own code adds while it is read is not one that was found.
#[tokio::test]
async fn rows_beside_the_changed_windows_are_not_published() {
    let world = World::new().await;
    world
        .as_transform(&format!(
            "create function marts.widen() returns text language plpgsql as $$
            begin
                insert into pg_temp.changed_days
                values ('{0}', 'meta_ads', '10', '2024-03-02');
                return '1';
            end $$;
            insert into marts.day_quality
            select '{0}', 'meta_ads', '10', day, true, false, false, false
            from unnest(array['2024-03-01'::date, '2024-03-02']) as day;",
            world.tenant
        ))
        .await;
    world.facts(&fact(world.tenant, "marts.widen()", "1")).await;
    assert_eq!(world.publish().await.unwrap().days, 1);
    let days: Vec<String> = sqlx::query_scalar("select date::text from serving.day_quality")
        .fetch_all(world.seeded.database.owner())
        .await
        .unwrap();
    assert_eq!(days, ["2024-03-01"]);
}

#[tokio::test]
async fn the_app_role_uses_no_schema_in_which_the_transform_role_may_create() {
    let database = TestDatabase::new().await;
    let shared: Vec<String> = sqlx::query_scalar(
        "select nspname::text from pg_namespace
        where
            has_schema_privilege('miq_transform', oid, 'create')
            and has_schema_privilege('miq_app', oid, 'usage')",
    )
    .fetch_all(database.owner())
    .await
    .unwrap();
    assert!(shared.is_empty(), "{shared:?}");
}
