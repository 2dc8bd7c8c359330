use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::StoreError;

/// Where work is left for another function. At least once: a message may come twice.
#[async_trait]
pub trait JobQueue: Send + Sync {
    /// `delay` keeps the message out of sight for a while; zero shows it at once. A backend may
    /// count in whole seconds, and need not hide it longer than seven days.
    ///
    /// [`StoreError::Invalid`] if the text is longer than 64 KiB, or holds control characters
    /// other than tab and line feed.
    async fn send(&self, queue: &str, text: &str, delay: Duration) -> Result<(), StoreError>;
}

/// The host's side of the queues.
#[async_trait]
pub trait QueueConsumer: Send + Sync {
    /// The next visible message, hidden from others for `visibility`.
    async fn receive(
        &self,
        queue: &str,
        visibility: Duration,
    ) -> Result<Option<Delivery>, StoreError>;

    /// Hides the message for another `visibility`, while work goes on.
    async fn extend(&self, delivery: &mut Delivery, visibility: Duration)
    -> Result<(), StoreError>;

    /// Deletes the message: its work is done. [`StoreError::NotFound`] if it has meanwhile been
    /// delivered to another.
    async fn complete(&self, delivery: &Delivery) -> Result<(), StoreError>;

    /// Makes the message visible again after `delay`.
    async fn release(&self, delivery: &Delivery, delay: Duration) -> Result<(), StoreError>;

    /// Moves the message to `{queue}-poison`.
    async fn poison(&self, delivery: &Delivery) -> Result<(), StoreError>;
}

/// A message as it was handed out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    pub queue: String,
    pub id: String,
    /// Proves that the holder is the latest receiver.
    pub receipt: String,
    pub text: String,
    /// How often it has been handed out, this time included.
    pub dequeue_count: u32,
    pub inserted_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
    pub next_visible_at: DateTime<Utc>,
}
