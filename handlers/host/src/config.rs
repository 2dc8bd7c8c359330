//! What a host is told. Batch size, deliveries and deadline are those of the `host.json` that
//! ships; queues are asked more often here, where asking costs nothing.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use domain::ports::QueueConsumer;
use domain::{BusinessClock, Platform, SystemClock};
use reqwest::Url;
use secrecy::SecretString;

use crate::schedule::InvalidSchedule;

/// `functionTimeout`.
const FUNCTION_TIMEOUT: Duration = Duration::from_mins(30);

#[derive(Clone)]
pub struct HostConfig {
    /// Where the handler takes calls: a loopback address.
    pub handler: Url,
    /// A header that proves to the handler who calls, with its secret value. Azure's host has
    /// none; here every user of the machine reaches its loopback.
    pub proof: Option<(&'static str, SecretString)>,
    pub queues: Arc<dyn QueueConsumer>,
    /// Six-field NCRONTAB in UTC; a platform without one has the registry's default.
    pub schedules: Vec<(Platform, String)>,
    /// A folder that keeps when each timer last fired. What was missed while no host ran is
    /// then made up for at the start, once, as past due.
    pub timer_memory: Option<PathBuf>,
    /// By which timers fire: the machine's. A clock that stands still fires none.
    pub clock: Arc<dyn BusinessClock>,
    pub queue: QueueSettings,
    pub timer_retry: TimerRetry,
    /// `functionTimeout`: how long a call may take. The handler's own deadline is shorter.
    pub deadline: Duration,
    /// How long running calls may go on after a stop.
    pub drain: Duration,
}

impl HostConfig {
    pub fn new(handler: Url, queues: Arc<dyn QueueConsumer>) -> Self {
        Self {
            handler,
            proof: None,
            queues,
            schedules: Vec::new(),
            timer_memory: None,
            clock: Arc::new(SystemClock),
            queue: QueueSettings::default(),
            timer_retry: TimerRetry::default(),
            deadline: FUNCTION_TIMEOUT,
            drain: Duration::from_secs(25),
        }
    }
}

/// How each queue is worked on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueSettings {
    /// Messages of one queue that are worked on at once.
    pub batch_size: usize,
    /// Deliveries before a message counts as poison.
    pub max_dequeue_count: u32,
    /// How long a message is hidden when its work failed.
    pub retry_delay: Duration,
    /// For how long a message is taken; renewed while its work goes on. After a kill it comes
    /// again when this has passed.
    pub lease: Duration,
    /// The pause after a queue is first found empty; it doubles while the queue stays so.
    pub min_polling_interval: Duration,
    /// The longest such pause.
    pub max_polling_interval: Duration,
}

impl Default for QueueSettings {
    fn default() -> Self {
        Self {
            batch_size: 4,
            max_dequeue_count: 5,
            retry_delay: Duration::from_secs(30),
            lease: Duration::from_mins(1),
            min_polling_interval: Duration::from_millis(100),
            max_polling_interval: Duration::from_secs(2),
        }
    }
}

/// How a timer whose call failed is tried again: the `retry` of its `function.json`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimerRetry {
    pub max_count: u32,
    pub delay: Duration,
}

impl Default for TimerRetry {
    fn default() -> Self {
        Self { max_count: 3, delay: Duration::from_mins(1) }
    }
}

/// Why a host cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    #[error("{setting} is not a schedule")]
    Schedule {
        setting: &'static str,
        #[source]
        source: InvalidSchedule,
    },
    #[error("the HTTP client cannot be built")]
    Client(#[source] reqwest::Error),
    #[error("the header that proves the host to its handler cannot be sent")]
    Proof,
}

#[cfg(test)]
mod tests {
    use domain::registry::{FUNCTIONS, Trigger};
    use serde_json::Value;

    use super::*;

    /// `00:30:00`, as `host.json` writes times.
    fn time_span(value: &Value) -> Duration {
        let fields: Vec<u64> =
            value.as_str().unwrap().split(':').map(|field| field.parse().unwrap()).collect();
        let [hours, minutes, seconds] = fields[..] else { panic!("{value} is no time span") };
        Duration::from_secs((hours * 60 + minutes) * 60 + seconds)
    }

    #[test]
    fn queues_and_deadlines_are_those_of_the_host_json_that_ships() {
        let host: Value = serde_json::from_str(include_str!("../../../host.json")).unwrap();
        let queues = &host["extensions"]["queues"];
        let ours = QueueSettings::default();
        assert_eq!(queues["batchSize"], ours.batch_size);
        assert_eq!(queues["maxDequeueCount"], ours.max_dequeue_count);
        assert_eq!(time_span(&queues["visibilityTimeout"]), ours.retry_delay);
        // What a queue's sender writes is what its worker reads: no base64 between.
        assert_eq!(queues["messageEncoding"], "none");
        assert!(ours.max_polling_interval <= time_span(&queues["maxPollingInterval"]));
        assert_eq!(time_span(&host["functionTimeout"]), FUNCTION_TIMEOUT);
    }

    #[test]
    fn timers_are_retried_as_their_definitions_say() {
        for function in FUNCTIONS.iter().filter(|f| matches!(f.trigger, Trigger::Timer(_))) {
            let definition = function.definition();
            let retry = &definition["retry"];
            assert_eq!(retry["strategy"], "fixedDelay");
            assert_eq!(retry["maxRetryCount"], TimerRetry::default().max_count);
            assert_eq!(TimerRetry::default().delay, Duration::from_mins(1));
            assert_eq!(retry["delayInterval"], "00:01:00");
        }
    }
}
