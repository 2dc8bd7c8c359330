//! The bodies of envelope calls, byte for byte as the Functions host 4.x writes them
//! (`HttpScriptInvocationContext` in Azure/azure-functions-host; recorded samples in the tests).
//!
//! Its rule for values: dates are ISO strings, objects are objects, and everything else, also
//! a string, is a JSON string that holds JSON text. A queue's text is therefore encoded twice.

mod message;
mod net_time;
mod wire;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use domain::ports::Delivery;
use domain::registry::Function;
use serde::Serialize;
use serde_json::{Map, Value};
use uuid::Uuid;

use self::net_time::{date_time, date_time_offset};
use self::wire::{Attempt, Metadata, ScheduleInfo, StatusInfo, Sys, TimerInfo};

/// What the host stamps on every call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    pub now: DateTime<Utc>,
    pub rand_guid: Uuid,
}

/// A timer's call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TimerCall {
    /// `None` for schedules that are not monitored.
    pub status: Option<ScheduleStatus>,
    pub is_past_due: bool,
    /// Present from the first retry on.
    pub retry: Option<RetryContext>,
}

/// As it stood before this call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScheduleStatus {
    /// `None` before the first call ever, which the host writes as the year 1.
    pub last: Option<DateTime<Utc>>,
    /// The time that this call is for.
    pub next: DateTime<Utc>,
    pub last_updated: DateTime<Utc>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetryContext {
    pub count: u32,
    pub max_count: u32,
    pub exception: String,
}

/// The body of a timer function's call.
pub fn timer(function: &Function, stamp: &Stamp, call: &TimerCall) -> Bytes {
    let status = call.status.map(|status| StatusInfo {
        last: status.last.map_or_else(|| net_time::NEVER.to_owned(), date_time_offset),
        next: date_time_offset(status.next),
        last_updated: date_time_offset(status.last_updated),
    });
    let info = TimerInfo {
        schedule: ScheduleInfo { adjust_for_dst: true },
        status,
        is_past_due: call.is_past_due,
    };
    let metadata = Metadata {
        retry: call.retry.as_ref().map(|retry| Attempt {
            retry_count: retry.count,
            max_retry_count: retry.max_count,
            exception: &retry.exception,
        }),
        sys: Sys {
            method_name: function.name,
            utc_now: date_time(stamp.now),
            rand_guid: stamp.rand_guid,
        },
    };
    body(function, info, metadata)
}

/// The body of a queue function's call.
pub fn queue(function: &Function, stamp: &Stamp, delivery: &Delivery) -> Bytes {
    let mut metadata = Map::new();
    let mut put = |name: &str, value: String| metadata.insert(name.to_owned(), value.into());
    put("DequeueCount", delivery.dequeue_count.to_string());
    put("ExpirationTime", date_time_offset(delivery.expires_at));
    put("Id", message::json_text(&delivery.id));
    put("InsertionTime", date_time_offset(delivery.inserted_at));
    put("NextVisibleTime", date_time_offset(delivery.next_visible_at));
    put("PopReceipt", message::json_text(&delivery.receipt));
    metadata.insert(
        "sys".to_owned(),
        serde_json::json!({
            "MethodName": function.name,
            "RandGuid": stamp.rand_guid,
            "UtcNow": date_time(stamp.now),
        }),
    );
    message::merge_fields(&delivery.text, &mut metadata);
    body(function, message::json_text(&delivery.text), metadata)
}

fn body(function: &Function, data: impl Serialize, metadata: impl Serialize) -> Bytes {
    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Envelope<D, M> {
        data: D,
        metadata: M,
    }

    /// One field, whose name is the binding's.
    struct Binding<D>(String, D);

    impl<D: Serialize> Serialize for Binding<D> {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_map([(&self.0, &self.1)])
        }
    }

    let envelope = Envelope { data: Binding(binding_name(function), data), metadata };
    serde_json::to_vec(&envelope).expect("strings, numbers and maps with text keys are JSON").into()
}

/// The name of the function's trigger in its `function.json`.
fn binding_name(function: &Function) -> String {
    match &function.definition()["bindings"][0]["name"] {
        Value::String(name) => name.clone(),
        _ => unreachable!("every binding has a name"),
    }
}

#[cfg(test)]
mod tests;
