use domain::ports::{StoreError, TenantSettings, Warehouse};
use domain::{JobId, Stream, TenantId};
use jobs::LoadError;
use proptest::prelude::*;

use crate::world::{Landed, World, at, days, insight};

/// What the models would read of account 77: (day, campaign, spend).
async fn visible(world: &World) -> Vec<String> {
    sqlx::query_scalar(
        "select concat_ws(' ', r.day, r.payload ->> 'campaign_id', r.payload ->> 'spend')
        from raw.meta_ads_insights_daily as r
        join raw.covered_days as c
            on
                c.tenant_id = r.tenant_id and c.account_id = r.account_id and c.day = r.day
                and c.job_id = r.job_id and c.attempt = r.attempt
        where c.stream = 'insights_daily' and c.platform = 'meta_ads'
        order by 1",
    )
    .fetch_all(world.database.transform())
    .await
    .unwrap()
}

async fn stored(world: &World) -> i64 {
    sqlx::query_scalar("select count(*) from raw.meta_ads_insights_daily")
        .fetch_one(world.database.transform())
        .await
        .unwrap()
}

async fn account_name(world: &World) -> String {
    sqlx::query_scalar("select account_name from raw.accounts")
        .fetch_one(world.database.transform())
        .await
        .unwrap()
}

async fn change(world: &World) -> i64 {
    world.warehouse.newest_change().await.unwrap()
}

const MORNING: &str = "2024-03-03T06:00:00Z";
const NOON: &str = "2024-03-03T12:00:00Z";

#[tokio::test]
async fn loading_twice_leaves_what_loading_once_leaves() {
    let world = World::new().await;
    let rows = [insight("2024-03-01", "1", "5.00"), insight("2024-03-02", "1", "6.00")];
    let window = days("2024-03-01", "2024-03-02");
    let extraction = world.land_and_load(Landed::insights(&world, window, MORNING, &rows)).await;
    let (before, change_before) = (visible(&world).await, change(&world).await);
    assert!(!world.load(&extraction).await, "it was loaded twice");
    assert_eq!(visible(&world).await, before);
    assert_eq!(change(&world).await, change_before);
    assert_eq!(stored(&world).await, 2);
}

#[tokio::test]
async fn two_loads_at_once_load_once() {
    let world = World::new().await;
    let rows = [insight("2024-03-01", "1", "5.00")];
    let window = days("2024-03-01", "2024-03-01");
    let extraction = world.land(Landed::insights(&world, window, MORNING, &rows)).await;
    let loaded = futures_util::future::join_all([world.load(&extraction), world.load(&extraction)]);
    assert_eq!(loaded.await.iter().filter(|loaded| **loaded).count(), 1);
    assert_eq!(stored(&world).await, 1);
}

/// The tests' pool has five connections.
#[tokio::test]
async fn more_loads_than_connections_wait_their_turn() {
    let world = World::new().await;
    let rows = [insight("2024-03-01", "1", "5.00")];
    let window = days("2024-03-01", "2024-03-01");
    let extraction = world.land(Landed::insights(&world, window, MORNING, &rows)).await;
    let mut begun = Vec::new();
    for attempt in 2..5 {
        let landed = Landed { attempt, ..Landed::insights(&world, window, MORNING, &rows) };
        let other = world.land(landed).await;
        begun.push(world.warehouse.begin_load(&other).await.unwrap().unwrap());
    }
    assert!(change(&world).await == 0, "a build finds no connection while loads go on");
    let waiting = world.load(&extraction);
    let ending = async {
        tokio::task::yield_now().await;
        begun.clear();
    };
    let (loaded, ()) = tokio::join!(waiting, ending);
    assert!(loaded);
}

#[tokio::test]
async fn a_newer_extraction_replaces_whole_days() {
    let world = World::new().await;
    let old = [
        insight("2024-03-01", "1", "1.00"),
        insight("2024-03-02", "1", "2.00"),
        insight("2024-03-02", "vanishes", "3.00"),
        insight("2024-03-03", "day-vanishes", "4.00"),
    ];
    let window = days("2024-03-01", "2024-03-03");
    world.land_and_load(Landed::insights(&world, window, MORNING, &old)).await;
    let new = [insight("2024-03-02", "1", "2.50"), insight("2024-03-04", "1", "9.00")];
    let later = days("2024-03-02", "2024-03-04");
    world.land_and_load(Landed::insights(&world, later, NOON, &new)).await;
    assert_eq!(
        visible(&world).await,
        ["2024-03-01 1 1.00", "2024-03-02 1 2.50", "2024-03-04 1 9.00"]
    );
    assert_eq!(stored(&world).await, 3, "superseded rows stayed");
}

#[tokio::test]
async fn an_older_extraction_that_is_loaded_later_loses() {
    let world = World::new().await;
    let window = days("2024-03-01", "2024-03-02");
    let new = [insight("2024-03-01", "1", "5.00")];
    let old = [insight("2024-03-01", "1", "4.00"), insight("2024-03-02", "1", "4.00")];
    world.land_and_load(Landed::insights(&world, window, NOON, &new)).await;
    world.land_and_load(Landed::insights(&world, window, MORNING, &old)).await;
    assert_eq!(visible(&world).await, ["2024-03-01 1 5.00"]);
    assert_eq!(stored(&world).await, 1);
}

#[tokio::test]
async fn the_extraction_that_started_last_holds_a_day_however_late_another_finished() {
    let window = days("2024-03-01", "2024-03-01");
    let (old, new) = ([insight("2024-03-01", "1", "1.00")], [insight("2024-03-01", "1", "2.00")]);
    for report_is_loaded_first in [true, false] {
        let world = World::new().await;
        // The platform took six hours to prepare the report.
        let report = Landed {
            finished_at: at("2024-03-03T12:30:00Z"),
            account_name: "Old name",
            ..Landed::insights(&world, window, MORNING, &old)
        };
        let quick = Landed::insights(&world, window, NOON, &new);
        let in_order = if report_is_loaded_first { [report, quick] } else { [quick, report] };
        for landed in in_order {
            world.land_and_load(landed).await;
        }
        assert_eq!(visible(&world).await, ["2024-03-01 1 2.00"]);
        assert_eq!(account_name(&world).await, "Shop");
        let fresh: chrono::DateTime<chrono::Utc> =
            sqlx::query_scalar("select extracted_at from raw.covered_days")
                .fetch_one(world.database.transform())
                .await
                .unwrap();
        assert_eq!(fresh, at(NOON));
    }
}

#[tokio::test]
async fn an_account_is_as_its_newest_extraction_says() {
    let world = World::new().await;
    let window = days("2024-03-01", "2024-03-01");
    for (read, name) in [(MORNING, "Old"), (NOON, "New"), ("2024-03-03T07:00:00Z", "Between")] {
        let landed = Landed::insights(&world, window, read, &[]);
        world.land_and_load(Landed { account_name: name, ..landed }).await;
    }
    assert_eq!(account_name(&world).await, "New");
}

#[tokio::test]
async fn an_extraction_that_repeats_a_row_is_refused_and_leaves_nothing() {
    let world = World::new().await;
    let window = days("2024-03-01", "2024-03-02");
    let traffic = |campaign: &str, sessions: &str| {
        format!(
            r#"{{"dimensionValues":[{{"value":"20240301"}},{{"value":"{campaign}"}}],"metricValues":[{{"value":"{sessions}"}}]}}"#
        )
    };
    let google = |id: &str, day: &str| {
        format!(r#"{{"campaign":{{"id":"{id}"}},"segments":{{"date":"{day}"}}}}"#)
    };
    let listed = |id: &str| format!(r#"{{"id":"{id}"}}"#);
    // Two rows that differ, and a third that repeats the first with other figures or the same.
    let cases = [
        (
            Stream::META_ADS_INSIGHTS_DAILY,
            [
                insight("2024-03-01", "1", "1.00"),
                insight("2024-03-02", "1", "1.00"),
                insight("2024-03-01", "1", "1.50"),
            ],
        ),
        (Stream::META_ADS_CAMPAIGNS, [listed("1"), listed("2"), listed("1")]),
        (
            Stream::GOOGLE_ADS_CAMPAIGN_DAILY,
            [google("1", "2024-03-01"), google("1", "2024-03-02"), google("1", "2024-03-01")],
        ),
        (
            Stream::GOOGLE_ADS_CAMPAIGNS,
            [google("1", "2024-03-01"), google("2", "2024-03-01"), google("1", "2024-03-01")],
        ),
        (
            Stream::GOOGLE_ANALYTICS_TRAFFIC_DAILY,
            [traffic("a", "1"), traffic("b", "1"), traffic("a", "2")],
        ),
    ];
    for (stream, rows) in cases {
        let before = change(&world).await;
        let landed = Landed { stream, ..Landed::insights(&world, window, NOON, &rows) };
        let extraction = world.land(landed.clone()).await;
        let refused = jobs::load(&*world.raw, &*world.warehouse, &extraction).await.unwrap_err();
        let told = format!("{refused:?}");
        assert!(matches!(refused, LoadError::Warehouse(StoreError::Corrupt { .. })), "{told}");
        assert!(told.contains("already exists"), "the operator is not told which: {told}");
        assert_eq!(change(&world).await, before, "{stream:?}");
        // Read again without it, the job goes through.
        world.land_and_load(Landed { attempt: 2, rows: &rows[..2], ..landed }).await;
        assert!(change(&world).await > before);
    }
}

#[tokio::test]
async fn a_later_attempt_wins_over_one_that_started_at_the_same_time() {
    let world = World::new().await;
    let window = days("2024-03-01", "2024-03-01");
    let (first, second) =
        ([insight("2024-03-01", "1", "1.00")], [insight("2024-03-01", "1", "2.00")]);
    let landed = Landed::insights(&world, window, NOON, &first);
    let again = Landed { attempt: 2, rows: &second, ..landed.clone() };
    world.land_and_load(again).await;
    world.land_and_load(landed).await;
    assert_eq!(visible(&world).await, ["2024-03-01 1 2.00"]);
}

#[tokio::test]
async fn a_snapshot_is_replaced_as_a_whole() {
    let world = World::new().await;
    let snapshot = |read: &str| Landed {
        stream: Stream::META_ADS_CAMPAIGNS,
        ..Landed::insights(&world, days("2024-03-03", "2024-03-03"), read, &[])
    };
    let (old, new) =
        ([r#"{"id":"1"}"#.to_owned(), r#"{"id":"2"}"#.to_owned()], [r#"{"id":"2"}"#.to_owned()]);
    world.land_and_load(Landed { rows: &old, ..snapshot(MORNING) }).await;
    world.land_and_load(Landed { rows: &new, ..snapshot(NOON) }).await;
    world.land_and_load(Landed { rows: &old, ..snapshot("2024-03-03T07:00:00Z") }).await;
    let ids: Vec<String> =
        sqlx::query_scalar("select payload ->> 'id' from raw.meta_ads_campaigns order by 1")
            .fetch_all(world.database.transform())
            .await
            .unwrap();
    assert_eq!(ids, ["2"]);
}

#[tokio::test]
async fn the_tenant_comes_from_the_path() {
    let world = World::new().await;
    let foreign = TenantId::new();
    let row = format!(
        r#"{{"tenant_id":"{foreign}","campaign_id":"1","date_start":"2024-03-01","spend":"1"}}"#
    );
    let window = days("2024-03-01", "2024-03-01");
    world.land_and_load(Landed::insights(&world, window, NOON, &[row])).await;
    let owner: uuid::Uuid = sqlx::query_scalar("select tenant_id from raw.meta_ads_insights_daily")
        .fetch_one(world.database.transform())
        .await
        .unwrap();
    assert_eq!(TenantId::from(owner), world.tenant);
}

#[tokio::test]
async fn accounts_and_tenants_do_not_touch_each_other() {
    let world = World::new().await;
    let window = days("2024-03-01", "2024-03-01");
    let rows = [insight("2024-03-01", "1", "5.00")];
    world.land_and_load(Landed::insights(&world, window, MORNING, &rows)).await;
    let nothing = Landed::insights(&world, window, NOON, &[]);
    world.land_and_load(Landed { account: "78", ..nothing.clone() }).await;
    world.land_and_load(Landed { tenant: TenantId::new(), job: JobId::new(), ..nothing }).await;
    assert_eq!(visible(&world).await, ["2024-03-01 1 5.00"]);
}

#[tokio::test]
async fn text_that_jsonb_cannot_hold_is_replaced() {
    let world = World::new().await;
    let name = r"tab\tquote\u0022 \u00e9 \ud83d\ude00 nul\u0000 half\ud83d slash\\u0000 end";
    let row = format!(r#"{{"date_start":"2024-03-01","campaign_id":"1","name":"{name}"}}"#);
    let window = days("2024-03-01", "2024-03-01");
    world.land_and_load(Landed::insights(&world, window, NOON, &[row])).await;
    let loaded: String =
        sqlx::query_scalar("select payload ->> 'name' from raw.meta_ads_insights_daily")
            .fetch_one(world.database.transform())
            .await
            .unwrap();
    let expected = "tab\tquote\" é 😀 nul\u{fffd} half\u{fffd} slash\\u0000 end";
    assert_eq!(loaded, expected);
}

#[tokio::test]
async fn a_row_outside_its_window_is_refused_and_leaves_nothing() {
    let world = World::new().await;
    let rows = [insight("2024-03-01", "1", "1.00"), insight("2024-03-05", "1", "1.00")];
    let window = days("2024-03-01", "2024-03-02");
    let extraction = world.land(Landed::insights(&world, window, NOON, &rows)).await;
    let refused = jobs::load(&*world.raw, &*world.warehouse, &extraction).await.unwrap_err();
    assert!(matches!(refused, LoadError::Warehouse(StoreError::Corrupt { .. })), "{refused:?}");
    assert_eq!((stored(&world).await, change(&world).await), (0, 0));
}

#[tokio::test]
async fn settings_count_as_a_change_only_when_the_actions_change() {
    let world = World::new().await;
    let settings_in = |time_zone: chrono_tz::Tz, actions: &[&str]| TenantSettings {
        tenant: world.tenant,
        time_zone,
        reporting_currency: "EUR".parse().unwrap(),
        meta_conversion_actions: actions.iter().map(|&action| action.to_owned()).collect(),
    };
    let settings = |actions: &[&str]| settings_in(chrono_tz::Europe::Amsterdam, actions);
    world.warehouse.set_tenants(&[settings(&["lead"])]).await.unwrap();
    let first = change(&world).await;
    world.warehouse.set_tenants(&[settings(&["lead"])]).await.unwrap();
    assert_eq!(change(&world).await, first);
    let moved = settings_in(chrono_tz::Asia::Tokyo, &["lead"]);
    world.warehouse.set_tenants(&[moved]).await.unwrap();
    let zone: String = sqlx::query_scalar("select time_zone from raw.tenant_settings")
        .fetch_one(world.database.transform())
        .await
        .unwrap();
    assert_eq!((zone.as_str(), change(&world).await), ("Asia/Tokyo", first));
    world.warehouse.set_tenants(&[settings(&["lead", "purchase"])]).await.unwrap();
    assert!(change(&world).await > first);
}

/// (first day, length, when it started) of extractions in March.
fn extraction() -> impl Strategy<Value = (u32, u32, u32)> {
    (1_u32..10, 1_u32..8, 0_u32..1_000)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, ..ProptestConfig::default() })]

    /// Whatever the order of loads, each day shows the rows of the extraction that started last
    /// among those that cover it.
    #[test]
    fn any_order_of_loads_shows_the_newest(
        extractions in proptest::collection::vec(extraction(), 1..8),
    ) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let world = World::new().await;
            let mut expected = std::collections::BTreeMap::new();
            for (number, (first, length, minute)) in extractions.iter().enumerate() {
                let started = at(MORNING) + chrono::TimeDelta::minutes(i64::from(*minute));
                let window = days(
                    &format!("2024-03-{first:02}"),
                    &format!("2024-03-{:02}", first + length - 1),
                );
                let rows: Vec<_> = window
                    .days()
                    .map(|day| insight(&day.to_string(), &number.to_string(), "1"))
                    .collect();
                let landed = Landed {
                    started_at: started,
                    ..Landed::insights(&world, window, MORNING, &rows)
                };
                let extraction = world.land_and_load(landed).await;
                let newness = (started, extraction.path().job);
                for day in window.days() {
                    let newest = expected.entry(day).or_insert((newness, number));
                    *newest = (*newest).max((newness, number));
                }
            }
            let expected: Vec<_> =
                expected.iter().map(|(day, (_, number))| format!("{day} {number} 1")).collect();
            assert_eq!(visible(&world).await, expected);
            assert_eq!(stored(&world).await, i64::try_from(expected.len()).unwrap());
        });
    }
}
