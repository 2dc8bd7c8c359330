//! One queue: polls, calls, and settles each message by the answer.

use std::sync::Arc;
use std::time::Duration;

use domain::ports::{Delivery, QueueConsumer, StoreError};
use domain::registry::{self, Function};
use domain::{BusinessClock, SystemClock};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::sleep;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::Stops;
use crate::calls::{CallError, Calls};
use crate::config::{HostConfig, QueueSettings};
use crate::envelope::{self, Stamp};

pub(crate) struct Poller {
    work: Arc<Work>,
}

/// What every message of the queue needs.
struct Work {
    function: &'static Function,
    queue: &'static str,
    consumer: Arc<dyn QueueConsumer>,
    settings: QueueSettings,
    calls: Calls,
}

impl Poller {
    pub(crate) fn new(
        function: &'static Function,
        queue: registry::Queue,
        config: &HostConfig,
        calls: Calls,
    ) -> Self {
        let work = Work {
            function,
            queue: queue.queue,
            consumer: config.queues.clone(),
            settings: config.queue,
            calls,
        };
        Self { work: Arc::new(work) }
    }

    /// Until `stops.starting`; then waits for the messages that are being worked on.
    pub(crate) async fn run(self, stops: Stops) {
        let free = Arc::new(Semaphore::new(self.work.settings.batch_size));
        let running = TaskTracker::new();
        let QueueSettings { min_polling_interval: first_pause, .. } = self.work.settings;
        let mut pause = first_pause;
        let mut failing = false;
        loop {
            let permit = tokio::select! {
                biased;
                () = stops.starting.cancelled() => break,
                permit = free.clone().acquire_owned() => permit.expect("it is never closed"),
            };
            // Not abandoned half-way: a message that was handed out would be hidden for long.
            match self.work.consumer.receive(self.work.queue, self.work.settings.lease).await {
                Ok(Some(delivery)) => {
                    (pause, failing) = (first_pause, false);
                    let work = self.work.clone();
                    running.spawn(work.settle(delivery, stops.clone(), permit));
                    continue;
                }
                Ok(None) => failing = false,
                Err(error) => {
                    if !failing {
                        log(self.work.queue, &error, "the queue does not answer");
                    }
                    failing = true;
                    pause = self.work.settings.max_polling_interval;
                }
            }
            drop(permit);
            tokio::select! {
                biased;
                () = stops.starting.cancelled() => break,
                () = sleep(pause) => {
                    pause = (pause * 2).min(self.work.settings.max_polling_interval);
                }
            }
        }
        running.close();
        running.wait().await;
    }
}

/// What is left to do with a message once its call has ended.
enum Settlement {
    Complete,
    Release(Duration),
    Poison,
    /// It has been handed to another, who will settle it.
    Lost,
}

impl Work {
    async fn settle(
        self: Arc<Self>,
        mut delivery: Delivery,
        stops: Stops,
        _permit: OwnedSemaphorePermit,
    ) {
        let settlement = self.work_on(&mut delivery, &stops).await;
        let settled = match settlement {
            Settlement::Complete => self.consumer.complete(&delivery).await,
            Settlement::Release(delay) => self.consumer.release(&delivery, delay).await,
            Settlement::Poison => {
                tracing::error!(
                    queue = self.queue,
                    message_id = delivery.id,
                    dequeue_count = delivery.dequeue_count,
                    "a message is given up and moved to the poison queue"
                );
                self.consumer.poison(&delivery).await
            }
            Settlement::Lost => Ok(()),
        };
        if let Err(error) = settled {
            log(self.queue, &error, "a message could not be settled; it comes again");
        }
    }

    async fn work_on(&self, delivery: &mut Delivery, stops: &Stops) -> Settlement {
        // Its earlier holders were killed before they could give it up.
        if delivery.dequeue_count > self.settings.max_dequeue_count {
            return Settlement::Poison;
        }
        let stamp = Stamp { now: SystemClock.now(), rand_guid: Uuid::new_v4() };
        let body = envelope::queue(self.function, &stamp, delivery);
        let called = tokio::select! {
            called = self.calls.call(self.function, body) => called,
            () = self.keep(delivery) => return Settlement::Lost,
            () = stops.running.cancelled() => {
                let error = CallError::GivenUp;
                tracing::warn!(queue = self.queue, message_id = delivery.id, "{error}");
                return Settlement::Release(Duration::ZERO);
            }
        };
        let Err(error) = called else { return Settlement::Complete };
        let source: &(dyn std::error::Error + 'static) = &error;
        tracing::error!(
            function = self.function.name,
            message_id = delivery.id,
            dequeue_count = delivery.dequeue_count,
            error = source,
            "a queue message's call failed"
        );
        if delivery.dequeue_count >= self.settings.max_dequeue_count {
            Settlement::Poison
        } else {
            Settlement::Release(self.settings.retry_delay)
        }
    }

    /// Renews the lease again and again; ends only if the message has been lost to another.
    async fn keep(&self, delivery: &mut Delivery) {
        loop {
            sleep(self.settings.lease / 3).await;
            match self.consumer.extend(delivery, self.settings.lease).await {
                Ok(()) => {}
                Err(error @ StoreError::NotFound { .. }) => {
                    log(self.queue, &error, "a message was handed to another while worked on");
                    return;
                }
                // Two more tries before the lease ends.
                Err(error) => log(self.queue, &error, "a message's lease could not be renewed"),
            }
        }
    }
}

fn log(queue: &str, error: &StoreError, message: &'static str) {
    let error: &(dyn std::error::Error + 'static) = error;
    tracing::warn!(queue, error, "{message}");
}
