//! The job queues in Azure Storage Queues, whose messages the Functions host hands out.
//!
//! Texts are sent as they are: `host.json` says `messageEncoding: none`. An answer may get lost
//! and the SDK then asks again, so that a message may be sent twice, and its holder may lose it
//! by extending it: both are what "at least once" means.

mod wire;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use azure_storage_queue::models::{
    QueueClientReceiveMessagesOptions, QueueClientSendMessageOptions, QueueMessage,
};
use azure_storage_queue::{QueueClient, QueueServiceClient, QueueServiceClientOptions};
use domain::ports::{Delivery, JobQueue, QueueConsumer, StoreError};
use url::Url;

use crate::azure::{AzureIdentity, Resource, endpoint, explain};
use crate::queue_text::check_text;

/// The service's own default: a message that nobody wanted for so long is dropped.
const TIME_TO_LIVE: Duration = Duration::from_hours(7 * 24);

/// A poisoned message waits for a person, however long.
const FOREVER: i32 = -1;

/// The service hides a message no longer.
const LONGEST_HIDDEN: Duration = Duration::from_hours(7 * 24);

/// Longer than moving a message to another queue takes, with all its attempts.
const WHILE_MOVED: Duration = Duration::from_mins(2);

/// The queues of one storage account.
#[derive(Clone)]
pub struct StorageQueue {
    service: Arc<QueueServiceClient>,
    host: String,
}

impl StorageQueue {
    /// `service` is the account's address, such as `https://miq.queue.core.windows.net`. The
    /// queues have to be there; nothing is asked before the first call.
    pub fn new(identity: &AzureIdentity, service: &Url) -> Result<Self, StoreError> {
        let service = endpoint(service)?;
        let host = service.host_str().unwrap_or_default().to_owned();
        let options = QueueServiceClientOptions {
            client_options: identity.client_options(),
            ..QueueServiceClientOptions::default()
        };
        let client = QueueServiceClient::new(service, Some(identity.credential()), Some(options))
            .map_err(|error| StoreError::Invalid(explain(&error)))?;
        Ok(Self { service: Arc::new(client), host })
    }

    fn queue(&self, name: &str) -> Result<Queue, StoreError> {
        let resource = Resource {
            what: "the job queue",
            name: format!("the queue {name} at {}", self.host),
            role: "Storage Queue Data Contributor",
        };
        let client = self.service.queue_client(name);
        let client = client.map_err(|error| resource.unavailable(&error))?;
        Ok(Queue { client, resource })
    }
}

#[async_trait]
impl JobQueue for StorageQueue {
    async fn send(&self, queue: &str, text: &str, delay: Duration) -> Result<(), StoreError> {
        check_text(text)?;
        let delay = seconds(delay);
        let time_to_live = seconds(TIME_TO_LIVE) + delay;
        self.queue(queue)?.send(text, delay, time_to_live).await
    }
}

#[async_trait]
impl QueueConsumer for StorageQueue {
    async fn receive(
        &self,
        queue: &str,
        visibility: Duration,
    ) -> Result<Option<Delivery>, StoreError> {
        let at = self.queue(queue)?;
        let options = QueueClientReceiveMessagesOptions {
            number_of_messages: Some(1),
            visibility_timeout: Some(seconds(visibility).max(1)),
            ..QueueClientReceiveMessagesOptions::default()
        };
        let answer = at.client.receive_messages(Some(options)).await;
        let answer = answer.map_err(|error| at.failed(&error))?;
        let messages = answer.into_model().map_err(|error| at.failed(&error))?;
        match messages.items.unwrap_or_default().pop() {
            None => Ok(None),
            Some(message) => wire::delivery(queue, message)
                .map(Some)
                .ok_or_else(|| at.resource.strange("it sent a message without a part".to_owned())),
        }
    }

    async fn extend(
        &self,
        delivery: &mut Delivery,
        visibility: Duration,
    ) -> Result<(), StoreError> {
        let held = self.queue(&delivery.queue)?.hide(delivery, visibility).await?;
        (delivery.receipt, delivery.next_visible_at) = (held.receipt, held.next_visible_at);
        Ok(())
    }

    async fn complete(&self, delivery: &Delivery) -> Result<(), StoreError> {
        self.queue(&delivery.queue)?.delete(&delivery.id, &delivery.receipt).await
    }

    async fn release(&self, delivery: &Delivery, delay: Duration) -> Result<(), StoreError> {
        self.queue(&delivery.queue)?.hide(delivery, delay).await?;
        Ok(())
    }

    /// Killed in the middle, it leaves the message in both queues: it is delivered and poisoned
    /// again. If it cannot be moved, it is delivered again after two minutes.
    async fn poison(&self, delivery: &Delivery) -> Result<(), StoreError> {
        let from = self.queue(&delivery.queue)?;
        let to = self.queue(&format!("{}-poison", delivery.queue))?;
        // Only its holder may poison it.
        let held = from.hide(delivery, WHILE_MOVED).await?;
        to.send(&delivery.text, 0, FOREVER).await?;
        from.delete(&delivery.id, &held.receipt).await
    }
}

struct Queue {
    client: QueueClient,
    resource: Resource,
}

impl Queue {
    /// `delay` and `time_to_live` in seconds.
    async fn send(&self, text: &str, delay: i32, time_to_live: i32) -> Result<(), StoreError> {
        let message = QueueMessage { message_text: Some(text.to_owned()) };
        let message = message.try_into().map_err(|error| self.failed(&error))?;
        let options = QueueClientSendMessageOptions {
            message_time_to_live: Some(time_to_live),
            visibility_timeout: (delay > 0).then_some(delay),
            ..QueueClientSendMessageOptions::default()
        };
        let sent = self.client.send_message(message, Some(options)).await;
        sent.map(drop).map_err(|error| self.failed(&error))
    }

    /// Hides the message from now on, for its holder or for nobody.
    async fn hide(&self, delivery: &Delivery, hidden: Duration) -> Result<wire::Held, StoreError> {
        let Delivery { id, receipt, .. } = delivery;
        let answer = self.client.update_message(id, receipt, seconds(hidden), None).await;
        let answer = answer.map_err(|error| self.failed(&error))?;
        wire::held(answer.headers())
            .ok_or_else(|| self.resource.strange("it gave no receipt for a message".to_owned()))
    }

    async fn delete(&self, id: &str, receipt: &str) -> Result<(), StoreError> {
        let deleted = self.client.delete_message(id, receipt, None).await;
        deleted.map(drop).map_err(|error| self.failed(&error))
    }

    fn failed(&self, error: &azure_core::Error) -> StoreError {
        match wire::refusal(error) {
            Some(wire::Refused::NoQueue) => self.resource.missing(),
            Some(wire::Refused::Lost) => StoreError::NotFound { what: "the queue message" },
            None => self.resource.unavailable(error),
        }
    }
}

/// Whole seconds, as the service counts: never shorter than asked, except that nothing is hidden
/// longer than the service can.
fn seconds(duration: Duration) -> i32 {
    let duration = duration.min(LONGEST_HIDDEN);
    let whole = duration.as_secs() + u64::from(duration.subsec_nanos() > 0);
    i32::try_from(whole).expect("seven days are few enough seconds")
}

#[cfg(test)]
mod tests;
