//! The process as the host minds it: when it answers, what its exit codes say, how it ends.

use std::net::TcpListener;
use std::process::Output;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sqlx::{Postgres, Transaction};

use super::handler::{Handler, INVOCATION_ID, PATIENCE, envelope_call, receive, timer_body};
use crate::world::World;

const READY: &[u8] = b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";

/// What the host takes for a wish to be restarted; it never restarts what exits with 0.
const RESTART: i32 = 200;

fn with(environment: &[(String, String)], name: &str, value: &str) -> Vec<(String, String)> {
    let others = environment.iter().filter(|(known, _)| known != name).cloned();
    others.chain([(name.to_owned(), value.to_owned())]).collect()
}

#[test]
fn faulty_settings_leave_the_handler_up_and_each_call_failing() {
    let settings = [("MIQ_LISTEN".to_owned(), "nowhere".to_owned())];
    let handler = Handler::start(&settings);
    assert_eq!(handler.exchange(READY).status, 200);
    let (code, answer) = handler.timer("ExtractMetaAds", &Value::Null, false);
    assert_eq!(code, 500);
    assert!(answer["Error"].as_str().is_some_and(|error| error.contains("settings")), "{answer}");
    let (log, stderr) = handler.killed();
    let told: String = log.iter().map(|line| line["error"].to_string()).collect();
    for name in ["MIQ_LISTEN", "MIQ_DATABASE_APP_URL", "MIQ_DATABASE_API_URL"] {
        assert!(told.contains(name), "{name} is not named in {told}");
    }
    assert_eq!(stderr, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_whose_backends_are_away_is_ready_and_fails_each_call_by_itself() {
    let mut world = World::start().await;
    world.kill();
    let mut environment = world.environment();
    for role in ["app", "api", "transform"] {
        let setting = format!("MIQ_DATABASE_{}_URL", role.to_uppercase());
        let nobody = format!("postgres://miq_{role}:unseen-secret@127.0.0.1:1/miq");
        environment = with(&environment, &setting, &nobody);
    }
    let handler = Handler::start(&environment);
    assert_eq!(handler.exchange(READY).status, 200);
    let (code, answer) = handler.timer("ExtractMetaAds", &Value::Null, false);
    assert_eq!(code, 500, "{answer}");
    assert!(
        answer["Error"].as_str().is_some_and(|error| error.contains("not available")),
        "{answer}"
    );
    assert_eq!(handler.exchange(READY).status, 200, "it lives on");
    let (log, stderr) = handler.killed();
    let failed = log.iter().find(|line| line["message"] == "function failed").expect("a line");
    assert_eq!(failed["invocation_id"], INVOCATION_ID);
    assert!(!format!("{log:?}").contains("unseen-secret"), "a password is logged: {log:#?}");
    assert_eq!(stderr, [""; 0]);
}

/// How `functions` ends that cannot even begin.
fn refused(port: Option<&str>) -> (i32, String) {
    let mut command = Handler::command("functions", &[]);
    if let Some(port) = port {
        command.env("FUNCTIONS_CUSTOMHANDLER_PORT", port);
    }
    let Output { status, stderr, .. } = command.output().expect("the binary runs");
    let told = String::from_utf8(stderr).expect("it is text");
    assert_eq!(told.trim_end().lines().count(), 1, "{told}");
    (status.code().expect("it was not killed"), told)
}

#[test]
fn a_handler_without_a_port_of_its_own_exits_as_an_error_in_one_clear_line() {
    for port in [None, Some(""), Some("http"), Some("70000")] {
        let (code, told) = refused(port);
        assert!(![0, RESTART].contains(&code), "{port:?}: {code}");
        assert!(told.contains("FUNCTIONS_CUSTOMHANDLER_PORT"), "{port:?}: {told}");
    }
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = taken.local_addr().expect("an address").port().to_string();
    let (code, told) = refused(Some(&port));
    assert!(![0, RESTART].contains(&code), "{code}");
    assert!(told.contains(&port) && told.contains("in use"), "{told}");
}

/// Holds up all planning until it is dropped.
async fn planning_held_up(world: &World) -> Transaction<'static, Postgres> {
    let mut held = world.database.owner().begin().await.expect("a transaction");
    sqlx::query("lock table app.tenants in access exclusive mode")
        .execute(&mut *held)
        .await
        .expect("the lock");
    held
}

/// How many statements wait for that lock.
async fn waiting(world: &World) -> i64 {
    sqlx::query_scalar(
        "select count(*) from pg_locks where not granted and database = \
         (select oid from pg_database where datname = current_database())",
    )
    .fetch_one(world.database.owner())
    .await
    .expect("a count")
}

fn timer_call() -> Vec<u8> {
    let function = "ExtractMetaAds";
    envelope_call(function, &timer_body(function, &Value::Null, false))
}

#[tokio::test(flavor = "multi_thread")]
async fn asked_to_stop_it_finishes_its_calls_takes_no_new_ones_and_asks_for_a_restart() {
    let mut world = World::start().await;
    world.kill();
    for signal in ["TERM", "INT"] {
        let handler = Handler::start(&world.environment());
        let held = planning_held_up(&world).await;
        let running = handler.send(&timer_call());
        until_waiting(&world).await;
        handler.signal(signal);
        handler.until("new connections are refused", || handler.connect().is_err());
        held.rollback().await.expect("the lock is given back");
        let answer = receive(running);
        assert_eq!(answer.status, 200, "{signal} cut off a running call: {answer:?}");
        let (status, log, stderr) = handler.ended();
        assert_eq!(status.code(), Some(RESTART), "{signal}");
        assert!(log.iter().any(|line| line["message"] == "function succeeded"), "{log:#?}");
        assert_eq!(stderr, [""; 0]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn asked_a_second_time_it_ends_at_once() {
    let mut world = World::start().await;
    world.kill();
    let handler = Handler::start(&world.environment());
    let held = planning_held_up(&world).await;
    let mut running = handler.send(&timer_call());
    until_waiting(&world).await;
    handler.signal("TERM");
    handler.until("new connections are refused", || handler.connect().is_err());
    handler.signal("TERM");
    let (status, log, _) = handler.ended();
    assert_eq!(status.code(), Some(RESTART));
    assert!(log.iter().all(|line| line["message"] != "function succeeded"), "{log:#?}");
    let mut answer = Vec::new();
    let broken = std::io::Read::read_to_end(&mut running, &mut answer);
    assert!(broken.is_err() || answer.is_empty(), "a call that was given up was answered");
    held.rollback().await.expect("the lock is given back");
}

async fn until_waiting(world: &World) {
    let deadline = Instant::now() + PATIENCE;
    while waiting(world).await == 0 {
        assert!(Instant::now() < deadline, "the call never reached the database");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_embedded_host_fires_its_timers_remembers_them_and_ends_when_asked_to() {
    let mut world = World::start().await;
    world.kill();
    let environment = with(&world.environment(), "MIQ_LOG_FORMAT", "json");
    let environment = with(&environment, "MIQ_SCHEDULE_META_ADS", "* * * * * *");
    let service = Handler::serve(&environment);
    let remembered = world.data().join("data/timers/ExtractMetaAds");
    service.until("the timer has fired", || remembered.exists());
    service.signal("TERM");
    let (status, log, stderr) = service.ended();
    assert_eq!(status.code(), Some(0), "a service that was asked to stop has not failed");
    // The handler takes calls from its own host alone, which has proved itself.
    let fired = log.iter().find(|line| line["message"] == "function succeeded").expect("a line");
    assert_eq!(fired["function"], "ExtractMetaAds");
    assert_eq!(stderr, [""; 0]);
}

#[test]
fn host_json_starts_this_command_and_passes_on_what_it_is_written_for() {
    let host: Value = serde_json::from_str(include_str!("../../../host.json")).expect("JSON");
    assert_eq!(host["version"], "2.0");
    let handler = &host["customHandler"];
    assert_eq!(handler["description"]["defaultExecutablePath"], "marketing-iq");
    assert_eq!(handler["description"]["arguments"], json!(["functions"]));
    assert_eq!(handler["enableProxyingHttpRequest"], true);
    // A port of our own would make restarts wait for each other; routes here would be a second
    // source of functions, which the host refuses beside the function.json files.
    assert_eq!((handler.get("port"), handler.get("http")), (None, None));
    assert_eq!(host["extensions"]["http"]["routePrefix"], "");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_event_is_one_line_that_names_its_invocation_and_trace() {
    let mut world = World::start().await;
    world.kill();
    let handler = Handler::start(&with(&world.environment(), "MIQ_LOG", "debug,sqlx=warn"));
    for _ in 0..3 {
        handler.exchange(READY);
    }
    let before = handler.log().len();
    let secret = json!({"email": "someone@example.com", "password": "unseen-secret-of-someone"});
    let secret = secret.to_string();
    let login = format!(
        "POST /auth/login HTTP/1.1\r\nhost: x\r\nx-azure-functions-invocationid: forged\r\n\
         x-azure-functions-invocationid: 0199c0de-0000-7000-8000-00000000000a\r\n\
         traceparent: 00-{}-d3f54c84a1b2c3d4-00\r\ncontent-type: application/json\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n{secret}",
        "0".repeat(32),
        secret.len(),
    );
    assert_eq!(handler.exchange(login.as_bytes()).status, 401);
    assert_eq!(handler.timer("ExtractMetaAds", &Value::Null, false).0, 200);
    let port = handler.port;
    let (log, stderr) = handler.killed();
    assert_eq!(stderr, [""; 0]);
    for line in &log {
        for name in ["timestamp", "level", "target", "message"] {
            assert!(line[name].is_string(), "no {name} in {line}");
        }
    }
    let of_ours = |line: &&Value| line["target"].as_str().is_some_and(|it| it.starts_with("http"));
    assert_eq!(
        log[..before].iter().filter(of_ours).count(),
        0,
        "the readiness call on {port} is logged"
    );
    let answered = log.iter().find(|line| line["function"] == "LogIn").expect("a line");
    assert_eq!(answered["invocation_id"], "0199c0de-0000-7000-8000-00000000000a");
    assert_eq!(answered.get("trace_id"), None, "a trace of zeros is none: {answered}");
    let timer = log.iter().find(|line| line["message"] == "function succeeded").expect("a line");
    assert_eq!(timer["function"], "ExtractMetaAds");
    assert_eq!(timer["invocation_id"], INVOCATION_ID);
    assert_eq!(timer["trace_id"], super::handler::TRACE_ID);
    let text = format!("{log:?}");
    let mut secrets = vec!["unseen-secret-of-someone".to_owned(), "someone@example.com".to_owned()];
    for (name, value) in world.environment() {
        if name.ends_with("_SECRET") {
            secrets.push(value);
        } else if name.starts_with("MIQ_DATABASE_") {
            let authority = value.split("://").nth(1).expect("a URL");
            secrets.push(authority.split('@').next().expect("a password").to_owned());
        }
    }
    for secret in secrets {
        assert!(!text.contains(&secret), "{secret} is logged");
    }
}
