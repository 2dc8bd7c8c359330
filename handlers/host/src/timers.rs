//! One timer: waits, fires, tries again, and only then looks for the next time.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use domain::BusinessClock;
use domain::registry::{self, DEFAULT_SCHEDULE, Function};
use tokio::time::sleep;
use uuid::Uuid;

use crate::Stops;
use crate::calls::{CallError, Calls};
use crate::config::{HostConfig, HostError, TimerRetry};
use crate::envelope::{self, RetryContext, ScheduleStatus, Stamp, TimerCall};
use crate::memory::Memory;
use crate::schedule::Schedule;

/// The clock is looked at this often: it may be set, and a machine may sleep.
const LOOK: Duration = Duration::from_secs(1);

/// A fire that is later than this is past due.
const PUNCTUAL: TimeDelta = TimeDelta::minutes(1);

pub(crate) struct Timer {
    function: &'static Function,
    schedule: Schedule,
    memory: Memory,
    /// When the host was made: no time before it is kept, unless the timer remembers its last.
    started: DateTime<Utc>,
    clock: Arc<dyn BusinessClock>,
    retry: TimerRetry,
    calls: Calls,
}

impl Timer {
    pub(crate) fn new(
        function: &'static Function,
        timer: registry::Timer,
        config: &HostConfig,
        calls: Calls,
    ) -> Result<Self, HostError> {
        let text = config
            .schedules
            .iter()
            .find(|(platform, _)| *platform == timer.platform)
            .map_or(DEFAULT_SCHEDULE, |(_, schedule)| schedule.as_str());
        let schedule = text
            .parse()
            .map_err(|source| HostError::Schedule { setting: timer.schedule_setting, source })?;
        Ok(Self {
            function,
            schedule,
            memory: Memory::of(function, config.timer_memory.as_deref()),
            started: config.clock.now(),
            clock: config.clock.clone(),
            retry: config.timer_retry,
            calls,
        })
    }

    pub(crate) async fn run(self, stops: Stops) {
        let started = self.started;
        let monitored = self.schedule.is_monitored(started);
        let mut last = self.memory.last_fired().await;
        let mut updated = last.unwrap_or(started);
        let mut from = updated;
        while let Some(due) = self.schedule.next_after(from) {
            tokio::select! {
                biased;
                () = stops.starting.cancelled() => return,
                () = self.wait_until(due) => {}
            }
            let now = self.clock.now();
            let status = ScheduleStatus { last, next: due, last_updated: updated };
            let call = TimerCall {
                status: monitored.then_some(status),
                is_past_due: due <= started || now - due > PUNCTUAL,
                retry: None,
            };
            self.fire(call, &stops).await;
            self.memory.fired(now).await;
            last = Some(now);
            updated = now;
            // From when it fired, as the Functions host does: what came due during the call
            // fires right after it, once.
            from = now;
        }
        tracing::warn!(function = self.function.name, "the schedule has no further time");
        stops.starting.cancelled().await;
    }

    async fn wait_until(&self, due: DateTime<Utc>) {
        while let Ok(left) = (due - self.clock.now()).to_std() {
            if left.is_zero() {
                return;
            }
            sleep(left.min(LOOK)).await;
        }
    }

    /// One fire with its retries, each a call of its own.
    async fn fire(&self, mut call: TimerCall, stops: &Stops) {
        for count in 0..=self.retry.max_count {
            let stamp = Stamp { now: self.clock.now(), rand_guid: Uuid::new_v4() };
            let body = envelope::timer(self.function, &stamp, &call);
            let called = tokio::select! {
                called = self.calls.call(self.function, body) => called,
                () = stops.running.cancelled() => Err(CallError::GivenUp),
            };
            let Err(error) = called else { return };
            let retries_left = self.retry.max_count - count;
            log(self.function, retries_left, &error);
            call.retry = Some(RetryContext {
                count: count + 1,
                max_count: self.retry.max_count,
                exception: error.to_string(),
            });
            if retries_left > 0 {
                tokio::select! {
                    () = stops.starting.cancelled() => return,
                    () = sleep(self.retry.delay) => {}
                }
            }
        }
    }
}

fn log(function: &Function, retries_left: u32, error: &CallError) {
    let error: &(dyn std::error::Error + 'static) = error;
    tracing::error!(function = function.name, retries_left, error, "a timer's call failed");
}
