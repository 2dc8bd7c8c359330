//! Calls of the Functions host: `POST /<FunctionName>` with `{"Data": …, "Metadata": …}`.
//!
//! **Invariant:** the answer is always a non-empty JSON object. An empty one would hang the
//! invocation until the host's timeout, and that restarts the whole process.

use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use bytes::Bytes;
use domain::ports::BoxError;
use domain::registry::Function;
use futures_util::FutureExt;
use serde_json::{Value, json};
use tracing::Instrument;

use crate::envelope::decode;
use crate::request::Head;
use crate::{AppSlot, Problem, Reply, host_call};

/// How long a function may work. Shorter than the host's `functionTimeout` of 30 minutes: when
/// that strikes, the host kills the process with all its other work.
pub const INVOCATION_DEADLINE: Duration = Duration::from_mins(28);

pub(crate) async fn answer(
    slot: &AppSlot,
    deadline: Duration,
    function: &'static Function,
    head: &Head,
    body: impl Future<Output = Result<Bytes, Problem>> + Send,
) -> Reply {
    let span = tracing::info_span!(
        "invocation",
        function = function.name,
        invocation_id = host_call::invocation_id(head).map(tracing::field::display),
        trace_id = host_call::trace_id(head),
        // Known to the work alone.
        tenant = tracing::field::Empty,
        run = tracing::field::Empty,
    );
    async {
        let started = Instant::now();
        let work = AssertUnwindSafe(invoke(slot, function, head, body)).catch_unwind();
        let outcome = match tokio::time::timeout(deadline, work).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err("the function panicked; this is a bug".into()),
            Err(_) => {
                let seconds = deadline.as_secs();
                Err(format!("the function did not end within its deadline of {seconds} s").into())
            }
        };
        let elapsed_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        match outcome {
            Ok(done) => {
                tracing::info!(elapsed_ms, done = %done, "function succeeded");
                done_reply(&done)
            }
            Err(error) => {
                let error: &(dyn std::error::Error + 'static) = error.as_ref();
                tracing::error!(elapsed_ms, error, "function failed");
                failed_reply(&error.to_string())
            }
        }
    }
    .instrument(span)
    .await
}

async fn invoke(
    slot: &AppSlot,
    function: &'static Function,
    head: &Head,
    body: impl Future<Output = Result<Bytes, Problem>> + Send,
) -> Result<Value, BoxError> {
    if head.method != "POST" {
        return Err("the host calls functions with POST".into());
    }
    let told = |problem: Problem| problem.detail().to_owned();
    let triggered = decode(function, &body.await.map_err(told)?)?;
    let app = slot.app().await.map_err(told)?;
    app.triggers.run(function.name, triggered).await
}

fn done_reply(done: &Value) -> Reply {
    // No function has an output binding, so no value can be mistaken for base64.
    envelope(200, &json!({ "Outputs": {}, "Logs": [done.to_string()], "ReturnValue": null }))
}

fn failed_reply(message: &str) -> Reply {
    envelope(
        500,
        &json!({
            "Outputs": {},
            "Logs": [message],
            "ReturnValue": null,
            "Error": message,
        }),
    )
}

fn envelope(status: u16, body: &Value) -> Reply {
    Reply::rendered_json(body.to_string().into()).with_status(status)
}

#[cfg(test)]
mod tests;
