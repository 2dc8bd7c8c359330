use std::collections::HashSet;
use std::time::Duration;

use chrono::TimeDelta;
use domain::ports::{JobStore, PlannedRun, QueueConsumer, RunPlanning};
use domain::{DateRange, JobFailure, JobMessage, NewJob, Platform, Slot, StreamKind};
use jobs::{ManualSync, PlanError, PlatformPlan};
use stores::PostgresQueue;

use crate::world::{World, at, day, days};

async fn count(world: &World, statement: &'static str) -> i64 {
    sqlx::query_scalar(statement).fetch_one(world.database.owner()).await.unwrap()
}

async fn slots(world: &World) -> i64 {
    count(world, "select count(*) from app.planned_slots").await
}

async fn runs(world: &World) -> i64 {
    count(world, "select count(*) from app.etl_run_history").await
}

/// Takes all messages off a platform's queue.
async fn messages(world: &World, platform: Platform) -> Vec<JobMessage> {
    let queue = PostgresQueue::new(world.database.app().clone());
    let mut messages = Vec::new();
    while let Some(delivery) =
        queue.receive(platform.queue(), Duration::from_mins(1)).await.unwrap()
    {
        messages.push(serde_json::from_str(&delivery.text).unwrap());
        queue.complete(&delivery).await.unwrap();
    }
    messages
}

#[tokio::test]
async fn a_slot_is_planned_once_however_often_the_timer_fires() {
    let world = World::new().await;
    world.connect(Platform::MetaAds, "77").await;
    let first = world.planner.plan_platform(Platform::MetaAds).await.unwrap();
    assert_eq!((first.slots, first.jobs), (1, 2));
    let again = world.planner.plan_platform(Platform::MetaAds).await.unwrap();
    assert_eq!(again, PlatformPlan::default());
    assert_eq!(messages(&world, Platform::MetaAds).await.len(), 2);
}

#[tokio::test]
async fn two_planners_at_once_plan_once() {
    let world = World::new().await;
    world.connect(Platform::MetaAds, "77").await;
    let plans = futures_util::future::join_all(
        (0..8).map(|_| world.planner.plan_platform(Platform::MetaAds)),
    );
    let planned: usize = plans.await.into_iter().map(|plan| plan.unwrap().slots).sum();
    assert_eq!(planned, 1);
    assert_eq!((slots(&world).await, runs(&world).await), (1, 1));
    assert_eq!(messages(&world, Platform::MetaAds).await.len(), 2);
}

#[tokio::test]
async fn the_platforms_of_a_slot_share_its_run() {
    let world = World::new().await;
    for platform in Platform::ALL {
        world.connect(platform, "77").await;
    }
    for platform in Platform::ALL {
        assert_eq!(world.planner.plan_platform(platform).await.unwrap().slots, 1);
    }
    assert_eq!((slots(&world).await, runs(&world).await), (3, 1));
}

/// New York springs forward on 2024-03-10 and falls back on 2024-11-03.
#[tokio::test]
async fn a_day_that_changes_the_clock_plans_each_slot_once() {
    for (day, hours) in [("2024-03-10", 23), ("2024-11-03", 25)] {
        let world = World::new().await;
        sqlx::query("update app.tenants set time_zone = 'America/New_York'")
            .execute(world.database.owner())
            .await
            .unwrap();
        world.connect(Platform::MetaAds, "77").await;
        let midnight = chrono_tz::America::New_York;
        let start = day.parse::<chrono::NaiveDate>().unwrap().and_hms_opt(0, 0, 0).unwrap();
        let start = start.and_local_timezone(midnight).unwrap().to_utc();
        for half_hour in 0..hours * 2 {
            world.clock.set(start + TimeDelta::minutes(30 * half_hour));
            world.planner.plan_platform(Platform::MetaAds).await.unwrap();
        }
        let of_the_day: Vec<i16> = sqlx::query_scalar(
            "select slot_hour from app.planned_slots where slot_date = $1 order by 1",
        )
        .bind(start.with_timezone(&midnight).date_naive())
        .fetch_all(world.database.owner())
        .await
        .unwrap();
        assert_eq!(of_the_day, [6, 14, 22], "{day}");
    }
}

#[tokio::test]
async fn windows_end_on_the_accounts_own_today() {
    let world = World::new().await;
    world.connect(Platform::MetaAds, "77").await;
    // Past midnight in the tenant's Amsterdam, still the day before in the account's New York.
    world.clock.set(at("2024-03-31T02:30:00Z"));
    world.planner.plan_platform(Platform::MetaAds).await.unwrap();
    let last: Vec<chrono::NaiveDate> =
        sqlx::query_scalar("select distinct window_end from app.etl_jobs")
            .fetch_all(world.database.owner())
            .await
            .unwrap();
    assert_eq!(last, [day("2024-03-30")]);
}

#[tokio::test]
async fn an_account_without_a_live_credential_is_left_out() {
    let world = World::new().await;
    world.connect(Platform::MetaAds, "77").await;
    sqlx::query("update app.credentials set status = 'revoked'")
        .execute(world.database.owner())
        .await
        .unwrap();
    let plan = world.planner.plan_platform(Platform::MetaAds).await.unwrap();
    assert_eq!(plan, PlatformPlan::default());
    let none = world.planner.plan_manual(&world.scope, &ManualSync::default()).await;
    assert!(matches!(none, Err(PlanError::NoConnections)), "{none:?}");
}

#[tokio::test]
async fn a_plan_that_was_cut_off_before_it_was_sent_is_sent_by_the_next_timer() {
    let world = World::new().await;
    let connection = world.connect(Platform::MetaAds, "77").await;
    let slot = Slot::newest_due(world.tenant, chrono_tz::Europe::Amsterdam, at(crate::world::NOW));
    let job = NewJob {
        connection,
        stream: domain::Stream::META_ADS_INSIGHTS_DAILY,
        window: days("2024-03-01", "2024-03-31"),
        history: false,
    };
    let run = world.runs.plan_slot(slot, Platform::MetaAds, &[job]).await.unwrap().unwrap();
    let plan = world.planner.plan_platform(Platform::MetaAds).await.unwrap();
    assert_eq!(plan.resent, 0, "whoever has just planned it is about to send it");
    sqlx::query("update app.etl_jobs set created_at = now() - interval '2 minutes'")
        .execute(world.database.owner())
        .await
        .unwrap();
    let plan = world.planner.plan_platform(Platform::MetaAds).await.unwrap();
    assert_eq!((plan.slots, plan.resent), (0, 1));
    let sent = messages(&world, Platform::MetaAds).await;
    assert_eq!(sent, [JobMessage { job_id: run.jobs[0].id }]);
    let plan = world.planner.plan_platform(Platform::MetaAds).await.unwrap();
    assert_eq!(plan.resent, 0, "what has been sent is not sent at every turn");
}

#[tokio::test]
async fn a_message_that_was_lost_long_ago_is_sent_again_unless_someone_works_on_it() {
    let world = World::new().await;
    world.connect(Platform::MetaAds, "77").await;
    let run = world.plan(Some(days("2024-03-01", "2024-03-02"))).await;
    world.planner.take_in_hand(&run).await.unwrap();
    sqlx::query("update app.etl_jobs set enqueued_at = now() - interval '2 hours'")
        .execute(world.database.owner())
        .await
        .unwrap();
    world.claim(run.jobs[0].id).await;
    let plan = world.planner.plan_platform(Platform::MetaAds).await.unwrap();
    assert_eq!(plan.resent, run.jobs.len() - 1);
}

#[tokio::test]
async fn a_sync_reads_the_range_that_was_asked_for() {
    let world = World::new().await;
    world.connect(Platform::MetaAds, "77").await;
    world.connect(Platform::GoogleAds, "88").await;
    let sync = ManualSync {
        platforms: Some(vec![Platform::GoogleAds]),
        range: Some(days("2024-01-01", "2024-03-31")),
        requested_by: None,
    };
    let drafts = world.planner.dry_run(&world.scope, &sync).await.unwrap();
    assert_eq!(runs(&world).await, 0, "a dry run left a run");
    assert!(drafts.iter().all(|draft| draft.account.account_id == "88"));
    let read: HashSet<_> = drafts
        .iter()
        .filter(|draft| draft.job.stream.kind == StreamKind::Daily)
        .flat_map(|draft| draft.job.window.days())
        .collect();
    assert_eq!(read, days("2024-01-01", "2024-03-31").days().collect());
    let run = world.planner.plan_manual(&world.scope, &sync).await.unwrap();
    assert_eq!(run.jobs.len(), drafts.len());
}

#[tokio::test]
async fn a_range_that_no_platform_has_is_refused_with_one_that_they_have() {
    let world = World::new().await;
    world.connect(Platform::MetaAds, "77").await;
    for (range, remedy) in [
        (days("2024-03-31", "2024-04-01"), "choose a range that ends on 2024-03-31 or before"),
        (days("2019-01-01", "2024-03-01"), "the platforms keep figures from 2021-03-18 on"),
    ] {
        let sync = ManualSync { range: Some(range), ..ManualSync::default() };
        let refused = world.planner.plan_manual(&world.scope, &sync).await.unwrap_err();
        assert!(refused.to_string().contains(remedy), "{refused}");
    }
    assert_eq!(runs(&world).await, 0);
}

/// As if every job of the run had been read, but for those of `gap`, which failed.
async fn read_all_but(world: &World, run: &PlannedRun, gap: Option<DateRange>) {
    for job in &run.jobs {
        let (job, _) = world.claim(job.id).await;
        if gap == Some(job.window) {
            let code = "platform_unavailable".to_owned();
            let failure = JobFailure { code, message: String::new(), retry_in: None };
            world.runs.fail(&job, &failure, None).await.unwrap();
        } else {
            world.runs.succeed(&job, 1).await.unwrap();
        }
    }
}

/// The days that a slot would read.
async fn due(world: &World) -> DateRange {
    let drafts = world.planner.dry_run(&world.scope, &ManualSync::default()).await.unwrap();
    let windows = || drafts.iter().map(|draft| draft.job.window);
    let (first, last) =
        (windows().map(DateRange::first).min(), windows().map(DateRange::last).max());
    DateRange::new(first.unwrap(), last.unwrap()).unwrap()
}

#[tokio::test]
async fn a_gap_is_read_again_until_it_is_closed() {
    let world = World::new().await;
    world.connect_new(Platform::GoogleAnalytics, "77").await;
    let history = world.plan(None).await;
    read_all_but(&world, &history, None).await;
    world.clock.set(at("2024-07-15T12:00:00Z"));
    let with_gap = days("2024-03-02", "2024-07-15");
    assert_eq!(due(&world).await, with_gap, "from the look-back of the last day read, 03-31");

    let oldest = with_gap.chunks(31).next().unwrap();
    let run = world.plan(None).await;
    read_all_but(&world, &run, Some(oldest)).await;
    assert_eq!(due(&world).await, with_gap, "the newer days were read, the gap was not");

    for beside in [days("2024-07-14", "2024-07-14"), days("2023-11-01", "2023-11-30")] {
        let run = world.plan(Some(beside)).await;
        read_all_but(&world, &run, None).await;
        assert_eq!(due(&world).await, with_gap, "{beside:?} does not close it");
    }
    let run = world.plan(Some(oldest)).await;
    read_all_but(&world, &run, None).await;
    assert_eq!(due(&world).await, DateRange::ending(day("2024-07-15"), 30));
}
