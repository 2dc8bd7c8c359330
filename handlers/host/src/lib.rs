//! The embedded function host: what Azure's Functions host is to a custom handler, on one
//! machine. It fires the registry's timers and dispatches its queues, as HTTP calls in the
//! host's own wire format, so that the handler cannot tell the two apart.
//!
//! **Invariant:** a message is deleted only after the handler has answered that its work is
//! done; whatever else happens, it comes again.
//!
//! **Invariant:** a timer never overlaps itself.

mod calls;
mod config;
pub mod envelope;
mod memory;
mod queues;
mod schedule;
mod timers;

use std::time::Duration;

use domain::registry::{FUNCTIONS, Trigger};
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

pub use config::{HostConfig, HostError, QueueSettings, TimerRetry};
pub use schedule::{InvalidSchedule, Schedule};

use crate::calls::Calls;
use crate::queues::Poller;
use crate::timers::Timer;

/// A host that is ready to run.
pub struct Host {
    timers: Vec<Timer>,
    pollers: Vec<Poller>,
    drain: Duration,
}

/// Tells when calls begin and end.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stops {
    /// No new call is begun.
    pub(crate) starting: CancellationToken,
    /// Calls that still run are given up.
    pub(crate) running: CancellationToken,
}

impl Host {
    /// # Errors
    /// If a schedule cannot be read or the HTTP client cannot be built.
    pub fn new(config: &HostConfig) -> Result<Self, HostError> {
        let calls = Calls::new(config)?;
        let mut timers = Vec::new();
        let mut pollers = Vec::new();
        for function in FUNCTIONS {
            match function.trigger {
                Trigger::Timer(timer) => {
                    timers.push(Timer::new(function, timer, config, calls.clone())?);
                }
                Trigger::Queue(queue) => {
                    pollers.push(Poller::new(function, queue, config, calls.clone()));
                }
                Trigger::Http(_) => {}
            }
        }
        Ok(Self { timers, pollers, drain: config.drain })
    }

    /// Runs until `stop`, then lets running calls end. What still runs after the time to drain
    /// is given up, and its messages come again.
    ///
    /// # Panics
    /// If a timer or a queue's poller does.
    pub async fn run(self, stop: CancellationToken) {
        let stops = Stops { starting: stop.clone(), running: CancellationToken::new() };
        let mut parts = JoinSet::new();
        for timer in self.timers {
            parts.spawn(timer.run(stops.clone()));
        }
        for poller in self.pollers {
            parts.spawn(poller.run(stops.clone()));
        }
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                Some(ended) = parts.join_next() => pass_on_panic(ended),
            }
        }
        let drained = async { while parts.join_next().await.is_some() {} };
        if tokio::time::timeout(self.drain, drained).await.is_err() {
            tracing::warn!("calls that did not end in time are given up");
            stops.running.cancel();
            while parts.join_next().await.is_some() {}
        }
    }
}

/// A host without one of its parts would look alive and leave that work undone.
fn pass_on_panic(ended: Result<(), JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        std::panic::resume_unwind(error.into_panic());
    }
}
