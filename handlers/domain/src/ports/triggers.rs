use async_trait::async_trait;
use serde_json::Value;

use super::BoxError;

/// What timers and queue messages start.
#[async_trait]
pub trait Triggers: Send + Sync {
    /// Runs the function of this name to its end; the object says what it did, for the log.
    /// Run twice it leaves what it leaves run once: hosts retry.
    async fn run(&self, function: &str, triggered: Triggered) -> Result<Value, BoxError>;
}

/// What the host handed over, decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Triggered {
    Timer {
        /// The timer fires later than its schedule said.
        past_due: bool,
    },
    Queue {
        /// The message as its sender wrote it.
        text: String,
    },
}
