use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::{FixedClock, Platform};
use host::{Host, HostConfig, HostError, TimerRetry};
use serde_json::{Value, json};
use stores::PostgresQueue;
use stores::testing::TestDatabase;
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::handler::{DONE, FAILED, Handler};

/// No other timer fires while a test runs.
const NEVER: &str = "0 0 0 29 2 Mon";

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

struct Running {
    _database: TestDatabase,
    clock: FixedClock,
    stop: CancellationToken,
    host: JoinHandle<()>,
}

impl Running {
    /// Meta Ads' timer alone, with a clock that stands at `now`.
    async fn start(
        handler: &Handler,
        now: &str,
        schedule: &str,
        configure: impl FnOnce(&mut HostConfig),
    ) -> Self {
        let database = TestDatabase::new().await;
        let queues = Arc::new(PostgresQueue::new(database.app().clone()));
        let clock = FixedClock::at(at(now));
        let mut config = HostConfig::new(handler.url.clone(), queues);
        config.clock = Arc::new(clock.clone());
        config.schedules = Platform::ALL
            .map(|platform| {
                let schedule = if platform == Platform::MetaAds { schedule } else { NEVER };
                (platform, schedule.to_owned())
            })
            .into();
        config.timer_retry.delay = Duration::ZERO;
        configure(&mut config);
        let stop = CancellationToken::new();
        let host = tokio::spawn(Host::new(&config).unwrap().run(stop.clone()));
        Self { _database: database, clock, stop, host }
    }

    async fn stop(self) {
        self.stop.cancel();
        self.host.await.unwrap();
    }
}

fn timer(call: &crate::handler::Call) -> &Value {
    &call.body["Data"]["timer"]
}

#[tokio::test]
async fn a_timer_fires_at_its_times_and_tells_of_the_last() {
    let handler = Handler::always(DONE).await;
    let running = Running::start(&handler, "2026-09-24T12:59:58Z", "0 */30 * * * *", |_| {}).await;

    running.clock.set(at("2026-09-24T13:00:00Z"));
    let calls = handler.called(1).await;
    assert_eq!((calls[0].method.as_str(), calls[0].path.as_str()), ("POST", "/ExtractMetaAds"));
    assert_eq!(calls[0].headers["transfer-encoding"], "chunked");
    assert_eq!(
        *timer(&calls[0]),
        json!({
            "Schedule": {"AdjustForDST": true},
            "ScheduleStatus": {
                "Last": "0001-01-01T00:00:00",
                "Next": "2026-09-24T13:00:00+00:00",
                "LastUpdated": "2026-09-24T12:59:58+00:00",
            },
            "IsPastDue": false,
        })
    );
    assert_eq!(calls[0].body["Metadata"]["sys"]["UtcNow"], "2026-09-24T13:00:00Z");

    running.clock.set(at("2026-09-24T13:30:00Z"));
    let calls = handler.called(2).await;
    assert_eq!(
        timer(&calls[1])["ScheduleStatus"],
        json!({
            "Last": "2026-09-24T13:00:00+00:00",
            "Next": "2026-09-24T13:30:00+00:00",
            "LastUpdated": "2026-09-24T13:00:00+00:00",
        }),
        "it fires once for a time"
    );
}

#[tokio::test]
async fn missed_times_are_made_up_for_once_as_past_due() {
    let handler = Handler::always(DONE).await;
    let folder = tempfile::tempdir().unwrap();
    let start = async |now: &str| {
        let memory = folder.path().join("timers");
        Running::start(&handler, now, "0 */30 * * * *", |config| {
            config.timer_memory = Some(memory);
        })
        .await
    };
    let before = start("2026-09-24T11:29:59Z").await;
    before.clock.set(at("2026-09-24T11:30:00Z"));
    let calls = handler.called(1).await;
    assert_eq!(timer(&calls[0])["IsPastDue"], false);
    before.stop().await;

    let running = start("2026-09-24T13:10:00Z").await;
    let calls = handler.called(2).await;
    assert_eq!(timer(&calls[1])["IsPastDue"], true);
    let status = &timer(&calls[1])["ScheduleStatus"];
    assert_eq!(status["Last"], "2026-09-24T11:30:00+00:00");
    assert_eq!(status["Next"], "2026-09-24T12:00:00+00:00", "the first missed time");

    running.clock.set(at("2026-09-24T13:30:00Z"));
    let calls = handler.called(3).await;
    assert_eq!(timer(&calls[2])["IsPastDue"], false);
    assert_eq!(timer(&calls[2])["ScheduleStatus"]["Next"], "2026-09-24T13:30:00+00:00");
}

#[tokio::test]
async fn a_timer_of_seconds_has_no_status() {
    let handler = Handler::always(DONE).await;
    let running = Running::start(&handler, "2026-09-24T13:10:00Z", "*/10 * * * * *", |_| {}).await;
    running.clock.set(at("2026-09-24T13:10:10Z"));
    let calls = handler.called(1).await;
    assert_eq!(
        *timer(&calls[0]),
        json!({"Schedule": {"AdjustForDST": true}, "ScheduleStatus": null, "IsPastDue": false})
    );
}

#[tokio::test]
async fn a_failed_timer_is_tried_again_as_its_definition_says() {
    let handler = Handler::start(|number, _| {
        Box::pin(async move { if number == 2 { DONE } else { FAILED } })
    })
    .await;
    let running = Running::start(&handler, "2026-09-24T12:59:59Z", "0 */30 * * * *", |_| {}).await;
    running.clock.set(at("2026-09-24T13:00:00Z"));
    let calls = handler.called(3).await;
    let retries: Vec<_> = calls
        .iter()
        .map(|call| call.body["Metadata"]["RetryContext"]["RetryCount"].clone())
        .collect();
    assert_eq!(retries, [Value::Null, json!(1), json!(2)]);
    assert!(calls.iter().all(|call| timer(call) == timer(&calls[0])), "of the same time");

    // It fails again at the next time: four calls, then it waits for the time after.
    running.clock.set(at("2026-09-24T13:30:00Z"));
    handler.called(7).await;
    running.clock.set(at("2026-09-24T14:00:00Z"));
    let calls = handler.called(8).await;
    assert_eq!(timer(&calls[6])["ScheduleStatus"]["Next"], "2026-09-24T13:30:00+00:00");
    assert_eq!(timer(&calls[7])["ScheduleStatus"]["Next"], "2026-09-24T14:00:00+00:00");
}

#[tokio::test]
async fn a_timer_never_overlaps_itself() {
    let handler = Handler::start(|_, _| {
        Box::pin(async {
            sleep(Duration::from_millis(1_500)).await;
            DONE
        })
    })
    .await;
    let _running = Running::start(&handler, "2026-09-24T13:00:00Z", "* * * * * *", |config| {
        // The machine's clock: several times come due during each call.
        config.clock = Arc::new(domain::SystemClock);
    })
    .await;
    handler.called(3).await;
    assert_eq!(handler.busiest(), 1);
}

#[tokio::test]
async fn a_bad_schedule_names_its_setting() {
    let database = TestDatabase::new().await;
    let queues = Arc::new(PostgresQueue::new(database.app().clone()));
    let mut config = HostConfig::new("http://127.0.0.1:1/".parse().unwrap(), queues);
    config.schedules = vec![(Platform::GoogleAds, "every day".to_owned())];
    config.timer_retry = TimerRetry::default();
    let error = Host::new(&config).err().expect("it is no schedule");
    assert!(matches!(error, HostError::Schedule { setting: "MIQ_SCHEDULE_GOOGLE_ADS", .. }));
}
