//! Against a real Azurite over TLS, with tokens, mostly through a gate that makes trouble.

use std::time::Duration;

use azure_storage_queue::QueueServiceClient;
use azure_storage_queue::models::QueueClientGetPropertiesResultHeaders;
use domain::ports::{Delivery, JobQueue, QueueConsumer, StoreError};
use simulators::azure::{Fault, Gate, Order};
use tokio::time::timeout;
use uuid::Uuid;

use super::{LONGEST_HIDDEN, StorageQueue, seconds};
use crate::azure::Patience;
use crate::azure::testing::{BRISK, SHORT, gate, identity, provided_url, reason};

const QUEUE: &str = "MIQ_TEST_QUEUE_URL";

const LONG: Duration = Duration::from_hours(1);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn meets_the_conformance_suite() {
    let queue = StorageQueue::new(&identity(Patience::USUAL), &provided_url(QUEUE)).unwrap();
    crate::conformance::queue(&queue, async |name| create(&queue.service, name).await).await;
}

#[tokio::test]
async fn a_missing_queue_is_named() {
    let queue = StorageQueue::new(&identity(BRISK), &provided_url(QUEUE)).unwrap();
    for failed in [
        queue.send("nobody-made-it", "x", Duration::ZERO).await,
        queue.receive("nobody-made-it", LONG).await.map(drop),
    ] {
        let reason = reason(failed);
        assert!(reason.contains("the queue nobody-made-it"), "{reason}");
        assert!(reason.contains("deploy infra-bicep"), "{reason}");
    }
}

#[tokio::test]
async fn a_text_that_xml_cannot_carry_is_refused_before_it_is_sent() {
    let stage = Stage::new(BRISK).await;
    for text in ["a\u{1}", "\r\n", &"x".repeat(64 * 1024 + 1)] {
        let sent = stage.queue.send(&stage.name, text, Duration::ZERO).await;
        assert!(matches!(sent, Err(StoreError::Invalid(_))), "{sent:?}");
    }
    assert_eq!(stage.gate.seen(), [""; 0]);
}

#[tokio::test]
async fn the_longest_text_arrives() {
    let stage = Stage::new(BRISK).await;
    let text = "\"".repeat(64 * 1024);
    stage.queue.send(&stage.name, &text, Duration::ZERO).await.unwrap();
    assert_eq!(stage.receive().await.expect("it is there").text, text);
}

#[tokio::test]
async fn jobs_are_dropped_in_a_week_and_poison_never() {
    let stage = Stage::new(BRISK).await;
    create(&stage.queue.service, &format!("{}-poison", stage.name)).await;
    stage.queue.send(&stage.name, "x", Duration::ZERO).await.unwrap();
    let held = stage.receive().await.expect("it is there");
    assert_eq!(held.expires_at - held.inserted_at, chrono::Duration::days(7));
    stage.queue.poison(&held).await.unwrap();
    let poisoned = stage.queue.receive(&format!("{}-poison", stage.name), LONG).await.unwrap();
    let poisoned = poisoned.expect("it has moved");
    assert!(poisoned.expires_at - poisoned.inserted_at > chrono::Duration::days(365 * 100));
}

#[tokio::test]
async fn a_missing_role_is_named() {
    let stage = Stage::new(BRISK).await;
    stage.gate.order(Order::always(Fault::forbidden()));
    for failed in [
        stage.queue.send(&stage.name, "x", Duration::ZERO).await,
        stage.queue.receive(&stage.name, LONG).await.map(drop),
    ] {
        let reason = reason(failed);
        assert!(reason.contains("the identity may not use the queue test-"), "{reason}");
        assert!(reason.contains("give it the role Storage Queue Data Contributor"), "{reason}");
    }
}

#[tokio::test]
async fn a_busy_service_is_asked_again_when_it_says() {
    let stage = Stage::new(BRISK).await;
    let second = Duration::from_secs(1);
    stage.gate.order(Order::next(1, Fault::busy(second)));
    stage.queue.send(&stage.name, "work", Duration::ZERO).await.unwrap();
    stage.gate.order(Order::next(1, Fault::throttled(second)));
    let mut held = stage.receive().await.expect("it is there");
    stage.gate.order(Order::next(1, Fault::busy(second)));
    stage.queue.extend(&mut held, LONG).await.unwrap();
    stage.gate.order(Order::next(1, Fault::throttled(second)));
    stage.queue.complete(&held).await.unwrap();
    assert_eq!(stage.gate.seen().len(), 8, "{:?}", stage.gate.seen());
    assert_eq!(stage.gate.seen()[0], stage.gate.seen()[1]);
}

#[tokio::test]
async fn an_outage_ends_calls_soon_and_loses_nothing() {
    let stage = Stage::new(SHORT).await;
    let direct = StorageQueue::new(&identity(BRISK), &provided_url(QUEUE)).unwrap();
    direct.send(&stage.name, "kept", Duration::ZERO).await.unwrap();
    stage.gate.down().await.unwrap();
    let calls = async {
        reason(stage.queue.send(&stage.name, "x", Duration::ZERO).await);
        reason(stage.queue.receive(&stage.name, LONG).await)
    };
    let reason = timeout(SHORT.whole * 3, calls).await.expect("each call is bounded");
    assert!(reason.contains("no connection"), "{reason}");

    stage.gate.up().await.unwrap();
    let patient = StorageQueue::new(&identity(BRISK), &stage.gate.url()).unwrap();
    let held = patient.receive(&stage.name, LONG).await.unwrap().expect("it is there");
    assert_eq!(held.text, "kept");
    patient.complete(&held).await.unwrap();
}

#[tokio::test]
async fn a_service_that_never_answers_is_given_up() {
    let stage = Stage::new(SHORT).await;
    stage.gate.order(Order::always(Fault::Hold));
    let failed = timeout(SHORT.whole * 2, stage.queue.receive(&stage.name, LONG)).await;
    let reason = reason(failed.expect("the call is bounded"));
    assert!(reason.contains("it did not answer"), "{reason}");
}

/// At least once: it may come twice, never not at all.
#[tokio::test]
async fn a_message_whose_acknowledgement_was_lost_is_there() {
    let stage = Stage::new(BRISK).await;
    stage.gate.order(Order::next(1, Fault::LoseAnswer));
    stage.queue.send(&stage.name, "work", Duration::ZERO).await.unwrap();
    assert_eq!(stage.receive().await.expect("it is there").text, "work");
}

/// Its holder hears that it is gone, which it is.
#[tokio::test]
async fn a_message_whose_deletion_was_not_acknowledged_is_gone() {
    let stage = Stage::new(BRISK).await;
    stage.queue.send(&stage.name, "work", Duration::ZERO).await.unwrap();
    let held = stage.receive().await.expect("it is there");
    stage.gate.order(Order::next(1, Fault::LoseAnswer));
    let completed = stage.queue.complete(&held).await;
    assert!(matches!(completed, Ok(()) | Err(StoreError::NotFound { .. })), "{completed:?}");
    let again = stage.queue.complete(&held).await;
    assert!(matches!(again, Err(StoreError::NotFound { .. })), "{again:?}");
}

#[tokio::test]
async fn a_message_that_cannot_be_moved_is_not_lost() {
    let stage = Stage::new(BRISK).await;
    stage.queue.send(&stage.name, "bad", Duration::ZERO).await.unwrap();
    let held = stage.receive().await.expect("it is there");
    let reason = reason(stage.queue.poison(&held).await);
    assert!(reason.contains(&format!("the queue {}-poison", stage.name)), "{reason}");
    // Still there, only hidden.
    let count = stage.queue.service.queue_client(&stage.name).unwrap();
    let count = count.get_properties(None).await.unwrap();
    assert_eq!(count.approximate_messages_count().unwrap(), Some(1));
}

#[test]
fn waits_are_whole_seconds_that_the_service_knows() {
    for (asked, told) in [
        (Duration::ZERO, 0),
        (Duration::from_millis(1), 1),
        (Duration::from_secs(30), 30),
        (LONGEST_HIDDEN, 604_800),
        (LONGEST_HIDDEN + Duration::from_secs(1), 604_800),
        (Duration::MAX, 604_800),
    ] {
        assert_eq!(seconds(asked), told, "{asked:?}");
    }
}

/// A queue of the test's own, reached through a gate.
struct Stage {
    gate: Gate,
    queue: StorageQueue,
    name: String,
}

impl Stage {
    async fn new(patience: Patience) -> Self {
        let name = format!("test-{}", Uuid::new_v4().simple());
        let direct = StorageQueue::new(&identity(BRISK), &provided_url(QUEUE)).unwrap();
        create(&direct.service, &name).await;
        let gate = gate(QUEUE).await;
        let queue = StorageQueue::new(&identity(patience), &gate.url()).unwrap();
        Self { gate, queue, name }
    }

    async fn receive(&self) -> Option<Delivery> {
        self.queue.receive(&self.name, LONG).await.unwrap()
    }
}

async fn create(service: &QueueServiceClient, name: &str) {
    service.queue_client(name).unwrap().create(None).await.unwrap();
}
