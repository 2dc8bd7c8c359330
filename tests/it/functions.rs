//! The custom handler, called in the Functions host's own bytes.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sqlx::Row;

use crate::world::{World, binary};

/// `marketing-iq functions`, as the host starts it.
struct Handler {
    child: Child,
    port: u16,
}

impl Handler {
    fn start(environment: &[(String, String)]) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        drop(listener);
        let child = Command::new(binary())
            .arg("functions")
            .env_clear()
            .envs(environment.iter().cloned())
            .env("FUNCTIONS_CUSTOMHANDLER_PORT", port.to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("the binary starts");
        let handler = Self { child, port };
        let deadline = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < deadline, "the handler never listened");
            std::thread::sleep(Duration::from_millis(5));
        }
        handler
    }

    /// Sends bytes and reads the answer: its status and its body.
    fn exchange(&self, request: &[u8]) -> (u16, Value) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("a connection");
        stream.set_read_timeout(Some(Duration::from_mins(2))).expect("a timeout");
        stream.write_all(request).expect("the request is taken");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("the answer ends");
        let answer = String::from_utf8(answer).expect("the answer is text");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status");
        assert!(head.to_ascii_lowercase().contains("content-type: application/json"), "{head}");
        (status, serde_json::from_str(body).unwrap_or_else(|_| panic!("not JSON: {body:?}")))
    }

    /// Calls a function as the host does: chunked, with the host's headers.
    fn invoke(&self, function: &str, body: &str) -> (u16, Value) {
        let mut chunks = String::new();
        for chunk in body.as_bytes().chunks(1_000) {
            let text = std::str::from_utf8(chunk).expect("the fixtures are ASCII");
            write!(chunks, "{:x}\r\n{text}\r\n", chunk.len()).expect("a string takes it");
        }
        let request = format!(
            "POST /{function} HTTP/1.1\r\n\
             host: 127.0.0.1:{}\r\n\
             x-azure-functions-hostversion: 4.1052.100.26071\r\n\
             x-azure-functions-invocationid: 83a33220-a921-460a-bec0-b3f043dcf1ff\r\n\
             user-agent: Azure-Functions-Host/4.1052.100.26071\r\n\
             transfer-encoding: chunked\r\n\
             traceparent: 00-bb2bd5ee1f5a4c0c9d8e7f6a5b4c3d2e-d3f54c84a1b2c3d4-00\r\n\
             content-type: application/json; charset=utf-8\r\n\
             connection: close\r\n\r\n\
             {chunks}0\r\n\r\n",
            self.port
        );
        self.exchange(request.as_bytes())
    }

    fn timer(&self, function: &str, status: &Value, past_due: bool) -> (u16, Value) {
        let body = json!({
            "Data": {"timer": {
                "Schedule": {"AdjustForDST": true},
                "ScheduleStatus": status,
                "IsPastDue": past_due,
            }},
            "Metadata": {"sys": {
                "MethodName": function,
                "UtcNow": "2026-09-24T13:08:00.0096035Z",
                "RandGuid": "35e6e68c-7d0f-4b0a-9f50-0b6d3cf5a111",
            }},
        });
        self.invoke(function, &body.to_string())
    }

    /// A queue message as the host wraps it: the text as JSON, and that as JSON once more.
    fn message(&self, function: &str, text: &str) -> (u16, Value) {
        let quoted = |text: &str| Value::String(text.to_owned()).to_string();
        let body = json!({
            "Data": {"message": quoted(text)},
            "Metadata": {
                "DequeueCount": "1",
                "ExpirationTime": "2026-11-29T03:06:19+00:00",
                "Id": quoted("52d53c5f-e212-487e-998b-abbe3b9d51e4"),
                "InsertionTime": "2026-11-22T03:06:19+00:00",
                "NextVisibleTime": "2026-11-22T03:16:20+00:00",
                "PopReceipt": quoted("MThGZWIyMDI1MDM6MDY6MjAxMjM0"),
                "sys": {
                    "MethodName": function,
                    "RandGuid": "e59556b5-892a-4465-a19d-4396f0978dab",
                    "UtcNow": "2026-11-22T03:06:20.7562691Z",
                },
            },
        });
        self.invoke(function, &body.to_string())
    }
}

impl Drop for Handler {
    fn drop(&mut self) {
        let _already_gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

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

#[test]
fn faulty_settings_leave_the_handler_up_and_each_call_failing() {
    let settings = [("MIQ_LISTEN".to_owned(), "nowhere".to_owned())];
    let mut handler = Handler::start(&settings);
    let ready = "GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    assert_eq!(handler.exchange(ready.as_bytes()).0, 200);
    let (code, answer) = handler.timer("ExtractMetaAds", &Value::Null, false);
    assert_eq!(code, 500);
    assert_envelope(&answer);
    assert!(answer["Error"].as_str().is_some_and(|error| error.contains("settings")), "{answer}");
    handler.child.kill().expect("it still runs");
    let mut log = String::new();
    let stdout = handler.child.stdout.as_mut().expect("its log");
    stdout.read_to_string(&mut log).expect("the log is text");
    for name in ["MIQ_LISTEN", "MIQ_DATABASE_APP_URL", "MIQ_DATABASE_API_URL"] {
        assert!(log.contains(name), "{name} is not named in {log}");
    }
    for line in log.lines() {
        serde_json::from_str::<Value>(line).unwrap_or_else(|_| panic!("not JSON: {line}"));
    }
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
