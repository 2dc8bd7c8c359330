use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::ports::{Delivery, JobQueue, QueueConsumer, StoreError};
use host::{Host, HostConfig, QueueSettings};
use serde_json::Value;
use stores::PostgresQueue;
use stores::testing::TestDatabase;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::eventually;
use crate::handler::{Answer, DONE, FAILED, Handler};

const QUEUE: &str = "extract-meta-ads";
const LONG: Duration = Duration::from_hours(1);

/// Quick, so that tests need not wait.
const SETTINGS: QueueSettings = QueueSettings {
    batch_size: 4,
    max_dequeue_count: 5,
    retry_delay: Duration::ZERO,
    lease: Duration::from_secs(30),
    min_polling_interval: Duration::from_millis(20),
    max_polling_interval: Duration::from_millis(50),
};

struct Running {
    database: TestDatabase,
    queue: PostgresQueue,
    stop: CancellationToken,
    host: JoinHandle<()>,
}

impl Running {
    async fn start(handler: &Handler, settings: QueueSettings) -> Self {
        Self::configured(handler, |config| config.queue = settings).await
    }

    async fn configured(handler: &Handler, configure: impl FnOnce(&mut HostConfig)) -> Self {
        let database = TestDatabase::new().await;
        let queue = PostgresQueue::new(database.app().clone());
        let mut config = HostConfig::new(handler.url.clone(), Arc::new(queue.clone()));
        config.queue = SETTINGS;
        configure(&mut config);
        let stop = CancellationToken::new();
        let host = tokio::spawn(Host::new(&config).unwrap().run(stop.clone()));
        Self { database, queue, stop, host }
    }

    async fn send(&self, text: &str) {
        self.queue.send(QUEUE, text, Duration::ZERO).await.unwrap();
    }

    /// The messages of all queues, poison queues included.
    async fn messages(&self) -> i64 {
        sqlx::query_scalar("select count(*) from app.queue_messages")
            .fetch_one(self.database.owner())
            .await
            .unwrap()
    }

    async fn all_done(&self) {
        eventually("all messages are done", async || (self.messages().await == 0).then_some(()))
            .await;
    }

    async fn poisoned(&self) -> Delivery {
        let poison = format!("{QUEUE}-poison");
        eventually("a message is poisoned", async || {
            self.queue.receive(&poison, LONG).await.unwrap()
        })
        .await
    }

    async fn stop(self) {
        self.stop.cancel();
        self.host.await.unwrap();
    }
}

/// Holds calls back until they are let through, one by one.
#[derive(Clone)]
struct Gate(Arc<Semaphore>);

impl Gate {
    fn shut() -> Self {
        Self(Arc::new(Semaphore::new(0)))
    }

    /// A handler whose calls each wait to be let through.
    async fn before_every_call() -> (Self, Handler) {
        let gate = Self::shut();
        let inside = gate.clone();
        let handler = Handler::start(move |_, _| {
            let gate = inside.clone();
            Box::pin(async move {
                gate.pass().await;
                DONE
            })
        })
        .await;
        (gate, handler)
    }

    fn let_through(&self, calls: usize) {
        self.0.add_permits(calls);
    }

    async fn pass(&self) {
        self.0.acquire().await.unwrap().forget();
    }
}

#[tokio::test]
async fn a_message_is_handed_over_as_the_functions_host_does() {
    let handler = Handler::always(DONE).await;
    let running = Running::start(&handler, SETTINGS).await;
    running.send(r#"{"job_id":"j","DequeueCount":"99"}"#).await;
    let call = handler.called(1).await.remove(0);
    assert_eq!((call.method.as_str(), call.path.as_str()), ("POST", "/RunMetaAdsJob"));
    assert_eq!(call.headers["transfer-encoding"], "chunked");
    assert!(!call.headers.contains_key("content-length"));
    assert_eq!(call.headers["content-type"], "application/json; charset=utf-8");
    let version = &call.headers["x-azure-functions-hostversion"];
    assert_eq!(call.headers["user-agent"], format!("Azure-Functions-Host/{version}"));
    assert_eq!(call.headers["x-azure-functions-invocationid"].len(), 36);
    let trace: Vec<_> = call.headers["traceparent"].split('-').map(str::len).collect();
    assert_eq!(trace, [2, 32, 16, 2]);

    let inner = r#"{"job_id":"j","DequeueCount":"99"}"#;
    assert_eq!(call.body["Data"]["message"], Value::from(inner).to_string());
    assert_eq!(call.body["Metadata"]["DequeueCount"], r#""99""#, "the message's field wins");
    assert_eq!(call.body["Metadata"]["sys"]["MethodName"], "RunMetaAdsJob");
    running.all_done().await;
    running.stop().await;
}

#[tokio::test]
async fn each_queue_has_its_own_function() {
    let handler = Handler::always(DONE).await;
    let running = Running::start(&handler, SETTINGS).await;
    for queue in ["extract-google-ads", "extract-google-analytics", "extract-meta-ads", "transform"]
    {
        running.queue.send(queue, "x", Duration::ZERO).await.unwrap();
    }
    let mut paths: Vec<_> = handler.called(4).await.into_iter().map(|call| call.path).collect();
    paths.sort();
    assert_eq!(
        paths,
        ["/RunGoogleAdsJob", "/RunGoogleAnalyticsJob", "/RunMetaAdsJob", "/RunTransform"]
    );
    running.all_done().await;
}

#[tokio::test]
async fn a_failed_message_comes_again_until_it_is_done() {
    let handler =
        Handler::start(|number, _| Box::pin(async move { if number < 2 { FAILED } else { DONE } }))
            .await;
    let running = Running::start(&handler, SETTINGS).await;
    running.send("work").await;
    running.all_done().await;
    let counts: Vec<_> = handler
        .calls()
        .iter()
        .map(|call| call.body["Metadata"]["DequeueCount"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(counts, ["1", "2", "3"]);
}

#[tokio::test]
async fn a_message_that_always_fails_is_poisoned_after_five_deliveries() {
    let handler = Handler::always(FAILED).await;
    let running = Running::start(&handler, SETTINGS).await;
    running.send("bad").await;
    assert_eq!(running.poisoned().await.text, "bad");
    running.send("next").await;
    assert_eq!(running.poisoned().await.text, "next");
    assert_eq!(handler.calls().len(), 10);
}

#[tokio::test]
async fn a_message_whose_holders_were_killed_is_poisoned_without_a_call() {
    let handler = Handler::always(DONE).await;
    let database = TestDatabase::new().await;
    let queue = PostgresQueue::new(database.app().clone());
    queue.send(QUEUE, "deadly", Duration::ZERO).await.unwrap();
    sqlx::query("update app.queue_messages set dequeue_count = 5")
        .execute(database.owner())
        .await
        .unwrap();
    let mut config = HostConfig::new(handler.url.clone(), Arc::new(queue.clone()));
    config.queue = SETTINGS;
    tokio::spawn(Host::new(&config).unwrap().run(CancellationToken::new()));
    let poison = format!("{QUEUE}-poison");
    let poisoned =
        eventually("it is poisoned", async || queue.receive(&poison, LONG).await.unwrap()).await;
    assert_eq!(poisoned.text, "deadly");
    assert_eq!(handler.calls().len(), 0);
}

/// The real host would hang on some of these: here each is a failure.
#[tokio::test]
async fn an_answer_that_the_host_cannot_read_is_a_failure() {
    let json = "application/json";
    for (status, content_type, body) in [
        (200, json, ""),
        (204, json, ""),
        (200, json, "null"),
        (200, json, "{}"),
        (200, json, "[1]"),
        (200, json, "{broken"),
        (200, "text/plain", DONE.body),
        (302, json, DONE.body),
        (404, json, DONE.body),
    ] {
        let handler = Handler::always(Answer { status, content_type, body }).await;
        let settings = QueueSettings { max_dequeue_count: 1, ..SETTINGS };
        let running = Running::start(&handler, settings).await;
        running.send("work").await;
        assert_eq!(running.poisoned().await.text, "work", "{status} {content_type} {body:?}");
        assert_eq!(handler.calls().len(), 1);
    }
}

#[tokio::test]
async fn a_handler_that_is_away_loses_no_message() {
    let handler = Handler::always(DONE).await;
    let nobody = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}/", listener.local_addr().unwrap())
    };
    let running = Running::configured(&handler, |config| {
        config.handler = nobody.parse().unwrap();
        config.queue.max_dequeue_count = 2;
    })
    .await;
    running.send("work").await;
    assert_eq!(running.poisoned().await.text, "work");
}

#[tokio::test]
async fn a_call_that_does_not_end_by_its_deadline_has_failed() {
    let handler = Handler::start(|_, _| Box::pin(std::future::pending())).await;
    let running = Running::configured(&handler, |config| {
        config.deadline = Duration::from_millis(300);
        config.queue.max_dequeue_count = 2;
    })
    .await;
    running.send("work").await;
    assert_eq!(running.poisoned().await.text, "work");
    assert_eq!(handler.calls().len(), 2);
}

#[tokio::test]
async fn a_message_stays_hidden_while_its_work_goes_on() {
    let gate = Gate::shut();
    let inside = gate.clone();
    let handler = Handler::start(move |number, _| {
        let gate = inside.clone();
        Box::pin(async move {
            if number == 0 {
                gate.pass().await;
            }
            DONE
        })
    })
    .await;
    let lease = Duration::from_secs(1);
    let running = Running::start(&handler, QueueSettings { lease, ..SETTINGS }).await;
    running.send("long").await;
    handler.called(1).await;
    // It comes when the lease would have ended three times.
    running.queue.send(QUEUE, "later", lease * 3).await.unwrap();
    let calls = handler.called(2).await;
    assert_eq!(calls[1].body["Data"]["message"], r#""later""#);
    gate.let_through(1);
    running.all_done().await;
    assert_eq!(handler.calls().len(), 2);
}

#[tokio::test]
async fn no_more_messages_are_worked_on_at_once_than_the_batch_size() {
    let (gate, handler) = Gate::before_every_call().await;
    let running = Running::start(&handler, QueueSettings { batch_size: 2, ..SETTINGS }).await;
    for number in 0..6 {
        running.send(&number.to_string()).await;
    }
    for called in 2..=6 {
        handler.called(called).await;
        gate.let_through(1);
    }
    gate.let_through(1);
    running.all_done().await;
    assert_eq!(handler.busiest(), 2);
    assert_eq!(handler.calls().len(), 6);
}

#[tokio::test]
async fn stopping_lets_running_work_end_and_begins_none() {
    let (gate, handler) = Gate::before_every_call().await;
    let running = Running::start(&handler, QueueSettings { batch_size: 1, ..SETTINGS }).await;
    running.send("running").await;
    handler.called(1).await;
    running.send("waiting").await;
    running.stop.cancel();
    assert!(!running.host.is_finished());
    gate.let_through(2);
    running.host.await.unwrap();
    assert_eq!(handler.calls().len(), 1);
    let left = running.queue.receive(QUEUE, LONG).await.unwrap().unwrap();
    assert_eq!((left.text.as_str(), left.dequeue_count), ("waiting", 1));
    assert_eq!(running.queue.receive(QUEUE, LONG).await.unwrap(), None);
}

#[tokio::test]
async fn work_that_outlasts_the_drain_is_given_up_and_comes_again_at_once() {
    let handler = Handler::start(|_, _| Box::pin(std::future::pending())).await;
    let running = Running::configured(&handler, |config| {
        config.drain = Duration::from_millis(200);
    })
    .await;
    running.send("endless").await;
    handler.called(1).await;
    running.stop.cancel();
    running.host.await.unwrap();
    let again = running.queue.receive(QUEUE, LONG).await.unwrap().unwrap();
    assert_eq!((again.text.as_str(), again.dequeue_count), ("endless", 2));
}

#[tokio::test]
async fn the_host_proves_itself_to_its_handler() {
    let handler = Handler::always(DONE).await;
    let running = Running::configured(&handler, |config| {
        config.proof = Some(("x-key", "only the two of us know".into()));
    })
    .await;
    running.send("work").await;
    assert_eq!(handler.called(1).await[0].headers["x-key"], "only the two of us know");
}

/// Queues whose driver has a bug.
struct Broken;

#[async_trait]
impl QueueConsumer for Broken {
    async fn receive(&self, _: &str, _: Duration) -> Result<Option<Delivery>, StoreError> {
        panic!("a bug")
    }

    async fn extend(&self, _: &mut Delivery, _: Duration) -> Result<(), StoreError> {
        panic!("a bug")
    }

    async fn complete(&self, _: &Delivery) -> Result<(), StoreError> {
        panic!("a bug")
    }

    async fn release(&self, _: &Delivery, _: Duration) -> Result<(), StoreError> {
        panic!("a bug")
    }

    async fn poison(&self, _: &Delivery) -> Result<(), StoreError> {
        panic!("a bug")
    }
}

#[tokio::test]
async fn a_host_does_not_live_on_without_one_of_its_parts() {
    let config = HostConfig::new("http://127.0.0.1:1/".parse().unwrap(), Arc::new(Broken));
    let host = tokio::spawn(Host::new(&config).unwrap().run(CancellationToken::new()));
    let ended = tokio::time::timeout(crate::DEADLINE, host).await.expect("it ends");
    assert!(ended.unwrap_err().is_panic());
}
