//! Whatever a host sends and whatever the work does: through the listener, over a socket.

use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use domain::ports::{Triggered, Triggers};
use domain::registry::{FUNCTIONS, Trigger};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::timeout;

use super::*;
use crate::testing::TestApp;
use crate::{HOST_KEY, Server, Surface};

/// Longer than anything here takes, unless it never ends.
const PATIENCE: Duration = Duration::from_secs(30);
const SOON: Duration = Duration::from_millis(100);
const INVOCATION: (&str, &str) =
    ("x-azure-functions-invocationid", "83a33220-a921-460a-bec0-b3f043dcf1ff");

/// Does as its message says; tells what it was handed otherwise.
#[derive(Default)]
struct Obedient {
    cancelled: Arc<Notify>,
}

/// Notices that its work is dropped.
struct Dropped(Arc<Notify>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

#[async_trait]
impl Triggers for Obedient {
    async fn run(&self, _: &str, triggered: Triggered) -> Result<Value, BoxError> {
        match triggered {
            Triggered::Timer { past_due } => Ok(json!({ "past_due": past_due })),
            Triggered::Queue { text } => match text.as_str() {
                "panic" => panic!("as it was told"),
                "fail" => Err("it went\nwrong: \"so\"".into()),
                "null" => Ok(Value::Null),
                "hang" => {
                    let _dropped = Dropped(Arc::clone(&self.cancelled));
                    std::future::pending().await
                }
                text => Ok(Value::String(text.to_owned())),
            },
        }
    }
}

struct Running {
    _app: TestApp,
    address: SocketAddr,
    client: reqwest::Client,
}

impl Running {
    async fn start(surface: Surface, triggers: Obedient) -> Self {
        Self::configured(surface, triggers, |_| {}).await
    }

    async fn configured(
        surface: Surface,
        triggers: Obedient,
        configure: impl FnOnce(&mut Server),
    ) -> Self {
        let app = TestApp::triggering(Arc::new(triggers)).await;
        let mut server = app.bind(surface).await;
        configure(&mut server);
        let address = server.address().unwrap();
        tokio::spawn(server.run(std::future::pending()));
        let client = reqwest::Client::builder().timeout(PATIENCE).build().unwrap();
        Self { _app: app, address, client }
    }

    fn post(&self, path: &str) -> reqwest::RequestBuilder {
        self.client.post(format!("http://{}{path}", self.address))
    }

    /// Hands over a message as the host encodes it.
    async fn message(&self, text: &str) -> (u16, Value) {
        let body = json!({"Data": {"message": json!(text).to_string()}, "Metadata": {}});
        let request = self.post("/RunTransform").header(INVOCATION.0, INVOCATION.1);
        envelope_of(request.body(body.to_string()).send().await.unwrap()).await
    }
}

/// What every call must get: anything else fails to be read by the host, or hangs it.
async fn envelope_of(answer: reqwest::Response) -> (u16, Value) {
    let status = answer.status().as_u16();
    assert!([200, 500].contains(&status), "{status}");
    assert_eq!(answer.headers()[CONTENT_TYPE], "application/json");
    let body: Value = answer.json().await.unwrap();
    assert_eq!(body["Outputs"], json!({}), "no function has an output binding: {body}");
    // A bare string might be taken for base64.
    assert_eq!(body["ReturnValue"], Value::Null, "{body}");
    let logs = body["Logs"].as_array().unwrap();
    assert!(logs.iter().all(Value::is_string), "{body}");
    assert_eq!(body["Error"].is_string(), status == 500, "{body}");
    (status, body)
}

#[tokio::test]
async fn whatever_the_work_does_the_host_gets_an_answer_it_can_read() {
    let running = Running::start(Surface::Both, Obedient::default()).await;
    for (text, status, said) in [
        ("panic", 500, "panicked"),
        ("fail", 500, "it went\nwrong: \"so\""),
        ("null", 200, "null"),
        // Valid base64, as each of its ids would be.
        ("test", 200, "\"test\""),
        ("0199c0de000070008000000000000009", 200, "\"0199c0de000070008000000000000009\""),
    ] {
        let (answered, body) = running.message(text).await;
        assert_eq!(answered, status, "{text}: {body}");
        assert!(body["Logs"][0].as_str().unwrap().contains(said), "{text}: {body}");
    }
}

#[tokio::test]
async fn work_that_exceeds_its_deadline_is_cancelled_and_has_failed() {
    let cancelled = Arc::new(Notify::new());
    let triggers = Obedient { cancelled: Arc::clone(&cancelled) };
    let running = Running::configured(Surface::Both, triggers, |server| {
        server.set_invocation_deadline(SOON);
    })
    .await;
    let (status, body) = running.message("hang").await;
    assert_eq!(status, 500);
    assert!(body["Error"].as_str().unwrap().contains("deadline"), "{body}");
    timeout(PATIENCE, cancelled.notified()).await.expect("the work is dropped");
}

#[tokio::test]
async fn a_call_whose_body_never_ends_fails_in_json() {
    let running = Running::configured(Surface::Both, Obedient::default(), |server| {
        server.set_body_deadline(SOON);
    })
    .await;
    let head = format!(
        "POST /RunTransform HTTP/1.1\r\nhost: x\r\n{}: {}\r\ntransfer-encoding: chunked\r\n\
         connection: close\r\n\r\n8\r\n{{\"Data\":\r\n",
        INVOCATION.0, INVOCATION.1
    );
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    timeout(PATIENCE, stream.read_to_string(&mut answer)).await.expect("it is answered").unwrap();
    assert!(answer.starts_with("HTTP/1.1 500 "), "{answer}");
    assert!(answer.contains("did not arrive in time"), "{answer}");
}

/// When the host's own time-out strikes, it kills the process with everything else in it.
#[test]
fn our_deadline_ends_before_the_hosts() {
    let host: Value = serde_json::from_str(include_str!("../../../../host.json")).unwrap();
    let time = host["functionTimeout"].as_str().unwrap();
    let fields: Vec<u64> = time.split(':').map(|field| field.parse().unwrap()).collect();
    let [hours, minutes, seconds] = fields[..] else { panic!("{time}") };
    let functions = Duration::from_secs(hours * 3_600 + minutes * 60 + seconds);
    // Enough to give the answer, however busy the machine is.
    assert!(INVOCATION_DEADLINE + Duration::from_mins(1) < functions, "{time}");
    assert!(crate::body::BODY_DEADLINE + crate::slot::START_UP < INVOCATION_DEADLINE);
}

#[tokio::test]
async fn an_embedded_host_must_prove_itself() {
    let key = "3f0c8c0e5d7f4f6a";
    let running = Running::start(Surface::Triggers(key.into()), Obedient::default()).await;
    let body = json!({"Data": {"timer": {"IsPastDue": true}}}).to_string();
    let call = |key: Option<&str>| {
        let request = running.post("/ExtractMetaAds").header(INVOCATION.0, INVOCATION.1);
        let request = request.body(body.clone());
        match key {
            Some(key) => request.header(HOST_KEY, key),
            None => request,
        }
    };
    for forged in [None, Some(""), Some("x"), Some(&key[1..]), Some("3F0C8C0E5D7F4F6A")] {
        let refused = call(forged).send().await.unwrap();
        assert_eq!(refused.status().as_u16(), 404, "{forged:?}");
    }
    let (status, body) = envelope_of(call(Some(key)).send().await.unwrap()).await;
    assert_eq!((status, &body["Logs"][0]), (200, &json!(r#"{"past_due":true}"#)));
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,20}".prop_map(Value::from),
        prop_oneof![Just("panic"), Just("fail"), Just("null")].prop_map(Value::from),
    ];
    let name = prop_oneof![
        Just("Data".to_owned()),
        Just("Metadata".to_owned()),
        Just("message".to_owned()),
        Just("timer".to_owned()),
        Just("IsPastDue".to_owned()),
        "\\PC{0,8}",
    ];
    leaf.prop_recursive(4, 40, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(name.clone(), inner, 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Bodies from noise to what a host would send but for its value.
fn any_body() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..300),
        any_json().prop_map(|json| json.to_string().into_bytes()),
        any_json().prop_map(|value| {
            json!({"Data": {"message": value, "timer": value}}).to_string().into_bytes()
        }),
        any_json().prop_map(|value| {
            let twice = json!(value.to_string()).to_string();
            json!({"Data": {"message": twice, "timer": twice}}).to_string().into_bytes()
        }),
    ]
}

fn any_header() -> impl Strategy<Value = HeaderValue> {
    prop::collection::vec(any::<u8>(), 0..60)
        .prop_filter_map("no header can hold it", |bytes| HeaderValue::from_bytes(&bytes).ok())
}

#[test]
fn any_envelope_gets_an_answer_that_the_host_can_read() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let running = runtime.block_on(Running::start(Surface::Both, Obedient::default()));
    let names: Vec<_> = FUNCTIONS
        .iter()
        .filter(|function| !matches!(function.trigger, Trigger::Http(_)))
        .map(|function| function.name)
        .collect();
    let calls = (prop::sample::select(names), any_body(), any_header(), any_header());
    let mut runner = TestRunner::new(ProptestConfig { cases: 400, ..ProptestConfig::default() });
    let ran = runner.run(&calls, |(name, body, trace, content_type)| {
        let request = running
            .post(&format!("/{name}"))
            .header(INVOCATION.0, INVOCATION.1)
            .header("traceparent", trace)
            .header(CONTENT_TYPE, content_type)
            .body(body);
        runtime.block_on(async { envelope_of(request.send().await.unwrap()).await });
        Ok(())
    });
    runtime.block_on(async move { drop(running) });
    ran.unwrap();
}
