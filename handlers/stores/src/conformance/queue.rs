use std::collections::HashMap;
use std::time::Duration;

use domain::ports::{Delivery, JobQueue, QueueConsumer, StoreError};
use futures_util::future::join_all;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

/// Longer than any test runs: what is hidden for so long stays hidden.
const LONG: Duration = Duration::from_hours(1);

/// The shortest that every backend knows.
const SHORT: Duration = Duration::from_secs(1);

/// Until when a message that must come may take.
const DEADLINE: Duration = Duration::from_secs(30);

/// Runs the suite on queues of its own, each of which `prepare` creates where the backend needs
/// it. Names are of at most 63 lower-case letters, digits and dashes.
///
/// # Panics
/// If the backend breaks the contract.
pub async fn queue<Q: JobQueue + QueueConsumer>(queue: &Q, prepare: impl AsyncFn(&str)) {
    let new_queue = async || {
        let name = format!("conformance-{}", Uuid::new_v4().simple());
        prepare(&name).await;
        prepare(&format!("{name}-poison")).await;
        name
    };
    a_message_is_delivered_until_it_is_completed(queue, &new_queue().await).await;
    texts_arrive_as_they_were_sent(queue, &new_queue().await).await;
    texts_that_some_backend_cannot_carry_are_refused(queue, &new_queue().await).await;
    queues_do_not_mix(queue, &new_queue().await, &new_queue().await).await;
    a_delayed_message_comes_later(queue, &new_queue().await).await;
    a_silent_holder_loses_the_message(queue, &new_queue().await).await;
    extending_keeps_the_message(queue, &new_queue().await).await;
    a_released_message_comes_again(queue, &new_queue().await).await;
    a_poisoned_message_moves(queue, &new_queue().await).await;
    many_receivers_share_no_message(queue, &new_queue().await).await;
}

async fn a_message_is_delivered_until_it_is_completed<Q: JobQueue + QueueConsumer>(
    queue: &Q,
    name: &str,
) {
    queue.send(name, "work", Duration::ZERO).await.expect("a message is sent");
    let delivery = arrives(queue, name, LONG).await;
    assert_eq!((delivery.queue.as_str(), delivery.text.as_str()), (name, "work"));
    assert_eq!(delivery.dequeue_count, 1);
    assert!(delivery.inserted_at < delivery.next_visible_at);
    assert!(delivery.next_visible_at < delivery.expires_at);
    assert_nothing_visible(queue, name).await;

    queue.complete(&delivery).await.expect("the holder completes");
    assert_lost(queue, &delivery).await;
    assert_nothing_visible(queue, name).await;
}

async fn texts_arrive_as_they_were_sent<Q: JobQueue + QueueConsumer>(queue: &Q, name: &str) {
    let long = "x".repeat(40_000);
    for text in
        [r#"{"job_id":"1 & 2"}"#, "\"quoted\" <xml/> &amp;", "größer 漢字 🚀", " \n ", &long]
    {
        queue.send(name, text, Duration::ZERO).await.expect("a message is sent");
        let delivery = arrives(queue, name, LONG).await;
        assert_eq!(delivery.text, text);
        queue.complete(&delivery).await.expect("the holder completes");
    }
}

async fn texts_that_some_backend_cannot_carry_are_refused<Q: JobQueue + QueueConsumer>(
    queue: &Q,
    name: &str,
) {
    for text in ["a\0b", "a\rb", "\u{1b}", "\u{ffff}", &"x".repeat(64 * 1024 + 1)] {
        let sent = queue.send(name, text, Duration::ZERO).await;
        assert!(matches!(sent, Err(StoreError::Invalid(_))), "{sent:?}");
    }
    assert_nothing_visible(queue, name).await;
}

async fn queues_do_not_mix<Q: JobQueue + QueueConsumer>(queue: &Q, one: &str, other: &str) {
    queue.send(one, "one", Duration::ZERO).await.expect("a message is sent");
    queue.send(other, "other", Duration::ZERO).await.expect("a message is sent");
    assert_eq!(arrives(queue, one, LONG).await.text, "one");
    assert_nothing_visible(queue, one).await;
    assert_eq!(arrives(queue, other, LONG).await.text, "other");
}

async fn a_delayed_message_comes_later<Q: JobQueue + QueueConsumer>(queue: &Q, name: &str) {
    queue.send(name, "much later", LONG).await.expect("a message is sent");
    assert_nothing_visible(queue, name).await;
    queue.send(name, "soon", SHORT).await.expect("a message is sent");
    assert_eq!(arrives(queue, name, LONG).await.text, "soon");
}

async fn a_silent_holder_loses_the_message<Q: JobQueue + QueueConsumer>(queue: &Q, name: &str) {
    queue.send(name, "work", Duration::ZERO).await.expect("a message is sent");
    let first = arrives(queue, name, SHORT).await;
    let second = arrives(queue, name, LONG).await;
    assert_eq!((&second.id, second.dequeue_count), (&first.id, 2));
    assert_ne!(second.receipt, first.receipt);
    assert_lost(queue, &first).await;
    assert_nothing_visible(queue, name).await;
    queue.complete(&second).await.expect("the second holder completes");
}

async fn extending_keeps_the_message<Q: JobQueue + QueueConsumer>(queue: &Q, name: &str) {
    queue.send(name, "work", Duration::ZERO).await.expect("a message is sent");
    let mut held = arrives(queue, name, SHORT).await;
    queue.extend(&mut held, LONG).await.expect("the holder extends");
    // Shown after the first visibility would have ended.
    queue.send(name, "later", SHORT * 2).await.expect("a message is sent");
    assert_eq!(arrives(queue, name, LONG).await.text, "later");
    queue.complete(&held).await.expect("the extended delivery completes");
}

async fn a_released_message_comes_again<Q: JobQueue + QueueConsumer>(queue: &Q, name: &str) {
    queue.send(name, "work", Duration::ZERO).await.expect("a message is sent");
    let first = arrives(queue, name, LONG).await;
    queue.release(&first, Duration::ZERO).await.expect("the holder releases");
    assert_lost(queue, &first).await;
    let second = arrives(queue, name, LONG).await;
    assert_eq!((second.text.as_str(), second.dequeue_count), ("work", 2));
    queue.release(&second, LONG).await.expect("the holder releases");
    assert_nothing_visible(queue, name).await;
}

async fn a_poisoned_message_moves<Q: JobQueue + QueueConsumer>(queue: &Q, name: &str) {
    queue.send(name, "bad", Duration::ZERO).await.expect("a message is sent");
    let held = arrives(queue, name, LONG).await;
    queue.poison(&held).await.expect("the holder poisons");
    assert_lost(queue, &held).await;
    assert_nothing_visible(queue, name).await;
    let poison = format!("{name}-poison");
    let poisoned = arrives(queue, &poison, LONG).await;
    assert_eq!((poisoned.text.as_str(), poisoned.dequeue_count), ("bad", 1));
    // Nor has who no longer held it put it there once more.
    assert_nothing_visible(queue, &poison).await;
}

async fn many_receivers_share_no_message<Q: JobQueue + QueueConsumer>(queue: &Q, name: &str) {
    const MESSAGES: usize = 40;
    let texts: Vec<_> = (0..MESSAGES).map(|number| number.to_string()).collect();
    for sent in join_all(texts.iter().map(|text| queue.send(name, text, Duration::ZERO))).await {
        sent.expect("a message is sent");
    }
    let receivers = (0..8).map(|_| async {
        let mut received = Vec::new();
        while let Some(delivery) = queue.receive(name, LONG).await.expect("the queue answers") {
            received.push(delivery.text);
        }
        received
    });
    let mut times = HashMap::new();
    for text in join_all(receivers).await.into_iter().flatten() {
        *times.entry(text).or_insert(0) += 1;
    }
    // A receiver may see the queue as empty while others hold its messages' locks.
    while times.len() < MESSAGES {
        *times.entry(arrives(queue, name, LONG).await.text).or_insert(0) += 1;
    }
    assert!(times.values().all(|times| *times == 1), "delivered more than once: {times:?}");
}

/// The next message, which must come before the deadline.
async fn arrives<Q: QueueConsumer>(queue: &Q, name: &str, visibility: Duration) -> Delivery {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(delivery) = queue.receive(name, visibility).await.expect("the queue answers") {
            return delivery;
        }
        assert!(Instant::now() < deadline, "no message came");
        sleep(Duration::from_millis(50)).await;
    }
}

async fn assert_nothing_visible<Q: QueueConsumer>(queue: &Q, name: &str) {
    let received = queue.receive(name, LONG).await.expect("the queue answers");
    assert_eq!(received, None);
}

/// Whoever lost a message can do nothing to it.
async fn assert_lost<Q: QueueConsumer>(queue: &Q, delivery: &Delivery) {
    let mut extended = delivery.clone();
    for (what, result) in [
        ("extend", queue.extend(&mut extended, LONG).await),
        ("release", queue.release(delivery, Duration::ZERO).await),
        ("poison", queue.poison(delivery).await),
        ("complete", queue.complete(delivery).await),
    ] {
        assert!(matches!(result, Err(StoreError::NotFound { .. })), "{what}: {result:?}");
    }
}
