//! The custom handler, called in the Functions host's own bytes.

mod fixtures;
mod handler;
mod process;

use serde_json::{Value, json};
use sqlx::Row;

pub(crate) use handler::Handler;

use crate::world::World;

#[track_caller]
fn assert_envelope(answer: &Value) {
    let object = answer.as_object().expect("an object");
    assert!(!object.is_empty(), "an empty object hangs the host");
    assert!(answer["Outputs"].is_object() && answer["Logs"].is_array(), "{answer}");
}

async fn count(world: &World, query: &'static str) -> i64 {
    sqlx::query(query).fetch_one(world.database.owner()).await.expect(query).get(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn timers_and_queues_work_in_the_hosts_bytes() {
    let mut world = World::start().await;
    world.two_tenants().await;
    // Its embedded host would do the jobs before the calls of this test could.
    world.kill();
    let handler = Handler::start(&world.environment());
    let timers = ["ExtractGoogleAds", "ExtractMetaAds", "ExtractGoogleAnalytics"];
    let statuses = [
        Value::Null,
        json!({
            "Last": "0001-01-01T00:00:00",
            "Next": "2026-09-24T13:30:00+00:00",
            "LastUpdated": "0001-01-01T00:00:00",
        }),
        json!({
            "Last": "2026-09-24T13:08:00.0096035+00:00",
            "Next": "2026-09-24T13:09:00+00:00",
            "LastUpdated": "2026-09-24T13:08:00.0096035+00:00",
        }),
    ];
    let mut planned = Vec::new();
    for (status, past_due) in statuses.iter().zip([false, false, true]) {
        for timer in timers {
            let (code, answer) = handler.timer(timer, status, past_due);
            assert_eq!(code, 200, "{timer}: {answer}");
            assert_envelope(&answer);
        }
        planned.push(count(&world, "select count(*) from app.etl_jobs").await);
    }
    assert!(planned[0] > 0, "the first firing planned nothing");
    assert_eq!(planned, [planned[0]; 3], "the same slot was planned again");
    assert_eq!(count(&world, "select count(*) from app.etl_run_history").await, 2);
    assert_eq!(count(&world, "select count(*) from app.planned_slots").await, 6);

    let jobs = sqlx::query("select id, platform from app.etl_jobs");
    let jobs = jobs.fetch_all(world.database.owner()).await.expect("the jobs");
    for job in &jobs {
        let function = match job.get::<&str, _>(1) {
            "google_ads" => "RunGoogleAdsJob",
            "meta_ads" => "RunMetaAdsJob",
            _ => "RunGoogleAnalyticsJob",
        };
        let text = json!({"job_id": job.get::<uuid::Uuid, _>(0)}).to_string();
        for time in ["first", "second"] {
            let (code, answer) = handler.message(function, &text);
            assert_eq!(code, 200, "{function} the {time} time: {answer}");
            assert_envelope(&answer);
        }
    }
    let open = "select coalesce(string_agg(concat_ws(' ', platform, stream, state, attempt, \
                error_code, error_message), '; '), '') from app.etl_jobs where state <> 'succeeded'";
    let open = sqlx::query(open).fetch_one(world.database.owner()).await.expect("the jobs");
    assert_eq!(open.get::<String, _>(0), "", "jobs that did not succeed");
    let (code, answer) = handler.message("RunTransform", &json!({"request": 1}).to_string());
    assert_eq!(code, 200, "{answer}");
    assert_eq!(
        count(&world, "select count(*) from app.etl_run_history where state = 'succeeded'").await,
        2
    );
    assert_eq!(count(&world, "select version from serving.data_version").await, 1);
    assert!(count(&world, "select count(*) from serving.fact_ad_performance").await > 0);

    // What is logged of a job can be found by all that it belongs to, in one flat line.
    let (log, stderr) = handler.killed();
    assert_eq!(stderr, [""; 0], "the host takes each line of stderr for an error");
    let of_jobs: Vec<_> = log
        .iter()
        .filter(|line| line["done"].as_str().is_some_and(|done| done.contains("\"succeeded\"")))
        .collect();
    assert_eq!(of_jobs.len(), jobs.len(), "{log:#?}");
    for line in of_jobs {
        for name in ["function", "invocation_id", "trace_id", "tenant", "run"] {
            assert!(line[name].is_string(), "no {name} in {line}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hosts_that_fire_a_slot_at_once_plan_it_once() {
    let world = World::start().await;
    world.two_tenants().await;
    let handlers = [Handler::start(&world.environment()), Handler::start(&world.environment())];
    std::thread::scope(|scope| {
        for handler in &handlers {
            for _ in 0..4 {
                scope.spawn(|| {
                    let (code, answer) = handler.timer("ExtractMetaAds", &Value::Null, false);
                    assert_eq!(code, 200, "{answer}");
                });
            }
        }
    });
    assert_eq!(count(&world, "select count(*) from app.etl_run_history").await, 2);
    let doubled = "select count(*) from (select 1 from app.etl_jobs \
                   group by connection_id, stream, window_start having count(*) > 1) as doubled";
    assert_eq!(count(&world, doubled).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_host_would_never_send_fails_in_json() {
    let world = World::start().await;
    let handler = Handler::start(&world.environment());
    let bodies = [
        "",
        "   ",
        "null",
        "{",
        "[]",
        "{}",
        r#"{"Data":null}"#,
        r#"{"Data":{"message":null,"timer":null}}"#,
        r#"{"Data":{"message":"\"not a job\"","timer":"not a timer"}}"#,
        r#"{"Data":{"message":"\"{\\\"job_id\\\":7}\"","timer":7}}"#,
    ];
    for function in ["ExtractMetaAds", "RunMetaAdsJob", "RunTransform"] {
        for body in bodies {
            let (code, answer) = handler.invoke(function, body);
            assert_eq!(code, 500, "{function} took {body:?}: {answer}");
            assert_envelope(&answer);
        }
    }
    let unknown = json!({"job_id": "00000000-0000-7000-8000-000000000000"}).to_string();
    let (_, answer) = handler.message("RunMetaAdsJob", &unknown);
    assert_envelope(&answer);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outsider_cannot_start_a_function() {
    let world = World::start().await;
    for name in ["ExtractMetaAds", "extractmetaads", "RunTransform", "RUNTRANSFORM"] {
        let body = json!({"Data": {"timer": {"IsPastDue": false}, "message": "x"}});
        let request = world
            .http
            .post(world.url(&format!("/{name}")))
            .header("x-azure-functions-invocationid", "83a33220-a921-460a-bec0-b3f043dcf1ff")
            .json(&body);
        assert_eq!(request.send().await.expect("an answer").status().as_u16(), 404, "{name}");
    }
}
