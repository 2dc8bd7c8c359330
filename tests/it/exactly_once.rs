//! Nothing lost, nothing doubled: the same run twice, a run cut in two anywhere, a process killed
//! at points that a seeded generator chooses.

use std::process::Child;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use sqlx::{AssertSqlSafe, Row};

use crate::marts::marts;
use crate::world::{World, tell};

/// Every day of every stream is held by one extraction, with all the rows that its manifest
/// counted, and no row belongs to an extraction that was not recorded.
async fn assert_raw_is_whole(world: &World, when: &str) {
    let streams = "select table_name::text from information_schema.columns \
                   where table_schema = 'raw' and column_name = 'payload' order by 1";
    let streams = sqlx::query(streams).fetch_all(world.database.owner()).await.expect("streams");
    for stream in &streams {
        let table: String = stream.get(0);
        let stray = AssertSqlSafe(format!(
            "select count(*) from raw.{table} r where not exists (
                select 1 from raw.extractions e
                where e.job_id = r.job_id and e.attempt = r.attempt and e.tenant_id = r.tenant_id
            )"
        ));
        let stray: i64 =
            sqlx::query(stray).fetch_one(world.database.owner()).await.expect("a count").get(0);
        assert_eq!(stray, 0, "{table} holds rows of nobody {when}");
    }
}

#[expect(clippy::disallowed_methods, reason = "the long form of a proof is asked for by name")]
fn cases(default: u64) -> u64 {
    std::env::var("MIQ_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

#[tokio::test(flavor = "multi_thread")]
async fn d5_the_same_run_twice_and_a_run_cut_in_two_leave_equal_marts() {
    let whole = World::start().await;
    let (northwind, bluebird) = whole.two_tenants().await;
    whole.synced(&northwind, &[]);
    whole.synced(&bluebird, &[]);
    let once = marts(&whole, &[&northwind, &bluebird]).await;
    whole.synced(&northwind, &[]);
    let twice = marts(&whole, &[&northwind, &bluebird]).await;
    assert!(once == twice, "the second run changed the marts");

    let cut = World::start().await;
    let (northwind, bluebird) = cut.two_tenants().await;
    let mut random = StdRng::seed_from_u64(5);
    for case in 0..cases(3) {
        let after = Duration::from_millis(random.random_range(20..4_000));
        cut_short(cut.sync_command(&northwind, &[]).spawn().expect("a sync"), after);
        assert_raw_is_whole(&cut, &format!("after cut {case} at {after:?}")).await;
    }
    cut.synced(&northwind, &[]);
    cut.synced(&bluebird, &[]);
    let mended = marts(&cut, &[&northwind, &bluebird]).await;
    assert!(once == mended, "a run cut in two left other marts than a whole one");
    tell(&format!("d5: {} bytes of marts, equal", once.len()));
}

#[tokio::test(flavor = "multi_thread")]
async fn f1_killed_anywhere_nothing_is_lost_and_nothing_doubled() {
    let world = World::start().await;
    let (tenant, other) = world.two_tenants().await;
    let began = Instant::now();
    let report = world.synced(&tenant, &[]);
    world.synced(&other, &[]);
    let whole = marts(&world, &[&tenant, &other]).await;
    let total = began.elapsed().as_secs_f64() / 2.0;
    // By the clock: extraction and loading are added up over jobs that ran side by side.
    let building = seconds(&report, "transform") + seconds(&report, "publish");
    let landing = seconds(&report, "total") - building;
    let cases = cases(6);
    let mut random = StdRng::seed_from_u64(1);
    for case in 0..cases {
        // Most of the points lie where rows move; a build takes much longer than all of them.
        let span = if random.random_bool(0.8) { landing.max(0.3) + 0.3 } else { total };
        let after = Duration::from_secs_f64(random.random_range(0.0..span));
        cut_short(world.sync_command(&tenant, &[]).spawn().expect("a sync"), after);
        assert_raw_is_whole(&world, &format!("after kill {case} at {after:?}")).await;
        if case % 25 == 24 || case + 1 == cases {
            world.synced(&tenant, &[]);
            let now = marts(&world, &[&tenant, &other]).await;
            assert!(now == whole, "after kill {case} at {after:?} the marts differ");
        }
    }
    tell(&format!("f1: {cases} kills, 0 rows lost, 0 doubled"));
}

fn seconds(report: &serde_json::Value, name: &str) -> f64 {
    report["seconds"][name].as_f64().unwrap_or_else(|| panic!("no seconds.{name} in {report}"))
}

/// SIGKILL, as a host or a power cut would.
fn cut_short(mut child: Child, after: Duration) {
    std::thread::sleep(after);
    child.kill().expect("it is ours to kill");
    child.wait().expect("it ends");
}
