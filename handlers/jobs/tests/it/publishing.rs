use std::time::Duration;

use domain::JobId;
use domain::ports::{
    Build, BuildClaim, BuildStore, Published, Publisher, TenantSettings, Warehouse,
};
use stores::PostgresPublisher;

use crate::building::request_build;
use crate::world::{Landed, World, days, insight, tenant};

/// Marts of the dbt project's shape. The fact is a view of what is loaded, so that a test need
/// not build it.
pub(crate) async fn make_marts(world: &World) {
    let statements = "
        create table marts.fact_web_performance (like serving.fact_web_performance);
        create table marts.dim_accounts (like serving.dim_accounts);
        create table marts.dim_campaigns (like serving.dim_campaigns);
        create view marts.day_quality as
            select
                c.tenant_id, c.platform, c.account_id, c.day as date, e.sampled, e.thresholded,
                e.other_row, e.truncated
            from raw.covered_days as c join raw.extractions as e using (job_id, attempt)
            where e.sampled;
        create view marts.day_changes as
            select
                c.tenant_id, c.platform, c.account_id, c.stream, c.day as date, c.extracted_at,
                greatest(c.change, coalesce(s.change, 0)) as change
            from raw.covered_days as c left join raw.tenant_settings as s using (tenant_id);
        create view marts.fact_ad_performance as
            select
                r.tenant_id, r.day as date, r.payload ->> 'campaign_id' as campaign_key,
                'meta_ads' as platform, r.account_id, r.payload ->> 'campaign_id' as campaign_id,
                'USD' as currency_code, 1::bigint as impressions, 1::bigint as clicks,
                (r.payload ->> 'spend')::numeric as cost, 0::numeric as conversions,
                null::numeric as conversion_value, 1::numeric as ctr, 1::numeric as cpc,
                null::numeric as cpa, null::numeric as roas
            from raw.meta_ads_insights_daily as r
            join raw.covered_days as c
                on
                    r.tenant_id = c.tenant_id and r.account_id = c.account_id
                    and r.day = c.day and r.job_id = c.job_id and r.attempt = c.attempt;
        grant select on all tables in schema marts to miq_transform;";
    sqlx::raw_sql(statements).execute(world.database.owner()).await.unwrap();
}

pub(crate) fn publisher(world: &World) -> PostgresPublisher {
    PostgresPublisher::new(world.database.app().clone(), world.database.transform().clone())
}

pub(crate) async fn data_version(world: &World) -> i64 {
    sqlx::query_scalar("select version from serving.data_version")
        .fetch_one(world.database.owner())
        .await
        .unwrap()
}

async fn served(world: &World) -> Vec<String> {
    sqlx::query_scalar(
        "select concat_ws(' ', date, campaign_key, trim_scale(cost))
        from serving.fact_ad_performance order by 1",
    )
    .fetch_all(world.database.owner())
    .await
    .unwrap()
}

/// Asks for a build and begins it.
pub(crate) async fn begin(world: &World) -> Build {
    request_build(world).await;
    let BuildClaim::Begun(build) = world.builds.begin(Duration::from_mins(1)).await.unwrap() else {
        panic!("nobody builds");
    };
    build
}

pub(crate) async fn publish(world: &World) -> Published {
    let build = begin(world).await;
    let through = world.warehouse.newest_change().await.unwrap();
    publisher(world).publish(&build, through, Duration::ZERO).await.unwrap()
}

const MORNING: &str = "2024-03-04T06:00:00Z";
const NOON: &str = "2024-03-04T12:00:00Z";

#[tokio::test]
async fn what_was_loaded_is_served_with_a_new_version() {
    let world = World::new().await;
    make_marts(&world).await;
    let rows = [insight("2024-03-01", "1", "5.00"), insight("2024-03-02", "1", "6.00")];
    let window = days("2024-03-01", "2024-03-03");
    let landed = Landed { sampled: true, ..Landed::insights(&world, window, MORNING, &rows) };
    world.land_and_load(landed).await;
    let published = publish(&world).await;
    assert_eq!((published.data_version, published.days, published.rows), (1, 3, 2));
    assert_eq!(served(&world).await, ["2024-03-01 1 5", "2024-03-02 1 6"]);
    let quality: i64 = sqlx::query_scalar("select count(*) from serving.day_quality")
        .fetch_one(world.database.owner())
        .await
        .unwrap();
    assert_eq!(quality, 3);
    let fresh: chrono::DateTime<chrono::Utc> =
        sqlx::query_scalar("select fresh_at from serving.tenant_freshness where tenant_id = $1")
            .bind(world.tenant.uuid())
            .fetch_one(world.database.owner())
            .await
            .unwrap();
    assert_eq!(fresh, crate::world::at(MORNING));
}

#[tokio::test]
async fn a_publish_without_changes_leaves_the_version() {
    let world = World::new().await;
    make_marts(&world).await;
    let rows = [insight("2024-03-01", "1", "5.00")];
    let window = days("2024-03-01", "2024-03-01");
    world.land_and_load(Landed::insights(&world, window, MORNING, &rows)).await;
    assert_eq!(publish(&world).await.data_version, 1);
    let again = publish(&world).await;
    assert_eq!((again.data_version, again.days, again.rows), (1, 0, 0));
    assert_eq!(served(&world).await.len(), 1);
}

#[tokio::test]
async fn a_vanished_row_and_a_vanished_day_are_gone_and_other_days_stay() {
    let world = World::new().await;
    make_marts(&world).await;
    let old = [
        insight("2024-03-01", "1", "1.00"),
        insight("2024-03-02", "1", "2.00"),
        insight("2024-03-02", "2", "3.00"),
        insight("2024-03-03", "1", "4.00"),
    ];
    world
        .land_and_load(Landed::insights(&world, days("2024-03-01", "2024-03-03"), MORNING, &old))
        .await;
    publish(&world).await;
    let new = [insight("2024-03-02", "1", "2.50")];
    let later = Landed::insights(&world, days("2024-03-02", "2024-03-03"), NOON, &new);
    world.land_and_load(later).await;
    let published = publish(&world).await;
    assert_eq!((published.data_version, published.days), (2, 2));
    assert_eq!(served(&world).await, ["2024-03-01 1 1", "2024-03-02 1 2.5"]);
}

#[tokio::test]
async fn a_load_that_commits_during_a_build_is_left_to_the_next() {
    let world = World::new().await;
    make_marts(&world).await;
    let window = days("2024-03-01", "2024-03-01");
    let old = [insight("2024-03-01", "1", "1.00")];
    world.land_and_load(Landed::insights(&world, window, MORNING, &old)).await;
    let build = begin(&world).await;
    let through = world.warehouse.newest_change().await.unwrap();
    let new = [insight("2024-03-01", "1", "2.00")];
    world.land_and_load(Landed::insights(&world, window, NOON, &new)).await;
    let first = publisher(&world).publish(&build, through, Duration::ZERO).await.unwrap();
    assert_eq!(first.days, 0, "a day beyond the build was published");
    publish(&world).await;
    assert_eq!(served(&world).await, ["2024-03-01 1 2"]);
}

#[tokio::test]
async fn new_settings_republish_the_tenants_days_and_no_others() {
    let world = World::new().await;
    make_marts(&world).await;
    let window = days("2024-03-01", "2024-03-01");
    let rows = [insight("2024-03-01", "1", "1.00")];
    let landed = Landed::insights(&world, window, MORNING, &rows);
    world.land_and_load(landed.clone()).await;
    let (other, _) = tenant(&world.database, "UTC").await;
    world.land_and_load(Landed { tenant: other, job: JobId::new(), ..landed }).await;
    assert_eq!(publish(&world).await.days, 2);
    let settings = TenantSettings {
        tenant: world.tenant,
        time_zone: chrono_tz::UTC,
        reporting_currency: "EUR".parse().unwrap(),
        meta_conversion_actions: vec!["lead".to_owned()],
    };
    world.warehouse.set_tenants(&[settings]).await.unwrap();
    let published = publish(&world).await;
    assert_eq!((published.data_version, published.days), (2, 1));
}

#[tokio::test]
async fn runs_learn_in_which_version_they_are_served() {
    let world = World::new().await;
    make_marts(&world).await;
    world.connect(domain::Platform::GoogleAnalytics, "77").await;
    let run = world.plan(Some(days("2024-03-01", "2024-03-01"))).await;
    let (job, _) = world.claim(run.jobs[0].id).await;
    domain::ports::JobStore::succeed(&*world.runs, &job, 1).await.unwrap();
    let published = publish(&world).await;
    let version: Option<i64> = sqlx::query_scalar("select data_version from app.etl_run_history")
        .fetch_one(world.database.owner())
        .await
        .unwrap();
    assert_eq!(version, Some(published.data_version));
}

/// Until a connection of the test's database waits for a row.
async fn someone_waits(world: &World) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
    let waits = "select exists (
        select from pg_stat_activity
        where datname = current_database() and wait_event_type = 'Lock'
    )";
    while !sqlx::query_scalar::<_, bool>(waits).fetch_one(world.database.owner()).await.unwrap() {
        assert!(tokio::time::Instant::now() < deadline, "nobody waits");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// A report holds its run's row, then asks for a build.
#[tokio::test]
async fn a_publish_and_a_report_of_the_same_run_do_not_wait_for_each_other() {
    let world = World::new().await;
    make_marts(&world).await;
    world.connect(domain::Platform::GoogleAnalytics, "77").await;
    let run = world.plan(Some(days("2024-03-01", "2024-03-01"))).await;
    let (job, _) = world.claim(run.jobs[0].id).await;
    domain::ports::JobStore::succeed(&*world.runs, &job, 1).await.unwrap();
    let build = begin(&world).await;
    let mut report = world.database.app().begin().await.unwrap();
    sqlx::query("select from app.etl_run_history for update").execute(&mut *report).await.unwrap();
    let publisher = publisher(&world);
    let publish = publisher.publish(&build, 0, Duration::ZERO);
    let report = async {
        someone_waits(&world).await;
        sqlx::query("update app.build_state set requested = requested + 1")
            .execute(&mut *report)
            .await?;
        report.commit().await
    };
    let (served, reported) = futures_util::future::join(publish, report).await;
    reported.unwrap();
    assert!(served.unwrap().more_requested);
}
