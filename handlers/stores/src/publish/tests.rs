//! What a hostile transform role can do to publishing. That publishing is right with honest marts
//! is tested where the loads are.

use std::time::Duration;

use domain::TenantId;
use domain::ports::{BuildClaim, BuildStore, Published, Publisher, StoreError};
use sqlx::AssertSqlSafe;

use super::PostgresPublisher;
use crate::PostgresBuilds;
use crate::seeded::Seeded;
use crate::testing::TestDatabase;

struct World {
    seeded: Seeded,
    tenant: TenantId,
}

/// A mart's select list for one row of the tenant on a day.
fn fact(tenant: TenantId, campaign: &str, cost: &str) -> String {
    format!(
        "select
            '{tenant}'::uuid as tenant_id, '2024-03-01'::date as date,
            'meta_ads-10-' || {campaign} as campaign_key, 'meta_ads' as platform,
            '10' as account_id, {campaign}::text as campaign_id, 'USD' as currency_code,
            1::bigint as impressions, 1::bigint as clicks, {cost} as cost,
            1::numeric as conversions, null::numeric as conversion_value, 1::numeric as ctr,
            1::numeric as cpc, 1::numeric as cpa, null::numeric as roas"
    )
}

impl World {
    /// A tenant with one changed day, whose ad facts are those of `facts`.
    async fn new() -> Self {
        let seeded = Seeded::new().await;
        let tenant = seeded.acme;
        let world = Self { seeded, tenant };
        world
            .as_transform(&format!(
                "create table marts.fact_web_performance (
                    tenant_id uuid, date date, traffic_key text, platform text, account_id text,
                    campaign_name text, source text, medium text, channel text,
                    currency_code text, sessions bigint, engaged_sessions bigint,
                    total_users bigint, key_events numeric, revenue numeric
                );
                create table marts.dim_accounts (
                    tenant_id uuid, platform text, account_id text, name text,
                    currency_code text, time_zone text
                );
                create table marts.dim_campaigns (
                    tenant_id uuid, campaign_key text, platform text, account_id text,
                    campaign_id text, name text, type text, status text, budget numeric,
                    currency_code text
                );
                create table marts.day_quality (
                    tenant_id uuid, platform text, account_id text, date date, sampled boolean,
                    thresholded boolean, other_row boolean, truncated boolean
                );
                create table marts.day_changes as
                select
                    '{tenant}'::uuid as tenant_id, 'meta_ads' as platform, '10' as account_id,
                    '2024-03-01'::date as date, 1::bigint as change;"
            ))
            .await;
        world
    }

    async fn as_transform(&self, sql: &str) {
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))
            .execute(self.seeded.database.transform())
            .await
            .unwrap();
    }

    async fn facts(&self, select: &str) {
        self.as_transform(&format!(
            "drop view if exists marts.fact_ad_performance;
            create view marts.fact_ad_performance as {select};"
        ))
        .await;
    }

    async fn publish(&self) -> Result<Published, StoreError> {
        sqlx::query(
            "update app.build_state set requested = requested + 1, holder = null, \
             lease_until = null",
        )
        .execute(self.seeded.database.owner())
        .await
        .unwrap();
        let builds = PostgresBuilds::new(self.seeded.database.app().clone());
        let BuildClaim::Begun(build) = builds.begin(Duration::from_mins(1)).await.unwrap() else {
            panic!("nobody builds");
        };
        PostgresPublisher::new(
            self.seeded.database.app().clone(),
            self.seeded.database.transform().clone(),
        )
        .publish(&build, 1, Duration::ZERO)
        .await
    }

    /// The campaign ids that are served.
    async fn served(&self) -> Vec<String> {
        sqlx::query_scalar("select campaign_id from serving.fact_ad_performance order by 1")
            .fetch_all(self.seeded.database.owner())
            .await
            .unwrap()
    }

    async fn people(&self) -> Vec<String> {
        sqlx::query_scalar("select u::text from app.users as u order by 1")
            .fetch_all(self.seeded.database.owner())
            .await
            .unwrap()
    }
}

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
