//! What timers and queue messages start, by the names that the registry gives them.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::ports::{BoxError, Triggered, Triggers};
use domain::registry::{Function, Trigger, Work};
use domain::{JobId, JobMessage, Platform, TransformMessage};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::{JobOutcome, Planner, Transform, TransformOutcome, Worker};

pub struct Functions {
    pub planner: Arc<Planner>,
    pub worker: Arc<Worker>,
    pub transform: Arc<Transform>,
    /// A build after which there are new requests is followed by another in the same call only
    /// within this since the call began: what a build may take has to fit in before a function's
    /// deadline.
    pub next_build_within: Duration,
}

/// Why a call was refused before anything was done.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
enum CallError {
    #[error("no timer or queue function is called {0:?}")]
    Unknown(String),
    #[error("{0} was called as another kind of function than it is")]
    WrongTrigger(&'static str),
    #[error("a message on the queue {queue} is empty")]
    Empty { queue: &'static str },
    #[error("a message on the queue {queue} is not of the form {form}")]
    Malformed { queue: &'static str, form: &'static str },
}

#[async_trait]
impl Triggers for Functions {
    async fn run(&self, function: &str, triggered: Triggered) -> Result<Value, BoxError> {
        let known =
            Function::find(function).ok_or_else(|| CallError::Unknown(function.to_owned()))?;
        match (known.trigger, triggered) {
            (Trigger::Timer(timer), Triggered::Timer { past_due }) => {
                self.plan(timer.platform, past_due).await
            }
            (Trigger::Queue(queue), Triggered::Queue { text }) => match queue.work {
                Work::Job(platform) => {
                    let message: JobMessage = parse(queue.queue, r#"{"job_id":"<uuid>"}"#, &text)?;
                    self.job(platform, message.job_id).await
                }
                Work::Transform => {
                    let message: TransformMessage =
                        parse(queue.queue, r#"{"request":<number>}"#, &text)?;
                    self.transform(message.request).await
                }
            },
            (Trigger::Http(_), _) => Err(CallError::Unknown(function.to_owned()).into()),
            _ => Err(CallError::WrongTrigger(known.name).into()),
        }
    }
}

impl Functions {
    async fn plan(&self, platform: Platform, past_due: bool) -> Result<Value, BoxError> {
        let plan = self.planner.plan_platform(platform).await?;
        Ok(json!({ "platform": platform, "past_due": past_due, "planned": plan }))
    }

    async fn job(&self, platform: Platform, id: JobId) -> Result<Value, BoxError> {
        let state = match self.worker.run_job(id).await? {
            JobOutcome::Succeeded { job, counts, end } => {
                self.ask_for_build(end.build_request).await?;
                json!({ "state": "succeeded", "job": job, "counts": counts })
            }
            JobOutcome::Failed { job, failure, end } => {
                self.ask_for_build(end.build_request).await?;
                json!({ "state": "failed", "job": job, "code": failure.code })
            }
            JobOutcome::Deferred { job, failure, wait, end } => {
                self.planner.send(platform, id, wait).await?;
                self.ask_for_build(end.build_request).await?;
                json!({
                    "state": "waits", "job": job, "code": failure.code, "seconds": wait.as_secs(),
                })
            }
            JobOutcome::Later { wait } => {
                self.planner.send(platform, id, soon_after(wait)).await?;
                json!({ "state": "waits", "seconds": wait.as_secs() })
            }
            JobOutcome::Ended { build_request } => {
                self.ask_for_build(build_request).await?;
                json!({ "state": "ended before" })
            }
            JobOutcome::Superseded => json!({ "state": "taken over" }),
        };
        Ok(json!({ "job_id": id, "outcome": state }))
    }

    async fn ask_for_build(&self, request: Option<i64>) -> Result<(), BoxError> {
        if let Some(request) = request {
            self.planner.request_build(request, Duration::ZERO).await?;
        }
        Ok(())
    }

    /// A build that failed is not tried again at once: the same rows would fail again. The
    /// timers repeat it, for its request stays open.
    async fn transform(&self, request: i64) -> Result<Value, BoxError> {
        let outcome = match self.transform.run_briefly(self.next_build_within).await? {
            TransformOutcome::Published(done) => {
                if done.published.more_requested {
                    self.planner.request_build(request, Duration::ZERO).await?;
                }
                json!({
                    "state": "published",
                    "data_version": done.published.data_version,
                    "days": done.published.days,
                    "rows": done.published.rows,
                    "builds": done.builds,
                    "transform_seconds": done.transform.as_secs_f64(),
                    "publish_seconds": done.publish.as_secs_f64(),
                    "more_requested": done.published.more_requested,
                })
            }
            TransformOutcome::UpToDate { data_version } => {
                json!({ "state": "up to date", "data_version": data_version })
            }
            TransformOutcome::Busy { wait } => {
                self.planner.request_build(request, soon_after(wait)).await?;
                json!({ "state": "another builds", "seconds": wait.as_secs() })
            }
            TransformOutcome::Failed { failed } => {
                let nodes: Vec<_> = failed.iter().map(|node| node.node.as_str()).collect();
                json!({ "state": "failed", "nodes": nodes })
            }
        };
        Ok(json!({ "request": request, "outcome": outcome }))
    }
}

/// Leases are renewed until the work is done; a second keeps a message from coming just before.
fn soon_after(wait: Duration) -> Duration {
    wait + Duration::from_secs(1)
}

fn parse<T: DeserializeOwned>(
    queue: &'static str,
    form: &'static str,
    text: &str,
) -> Result<T, CallError> {
    if text.trim().is_empty() {
        return Err(CallError::Empty { queue });
    }
    // By way of an object, for serde would take an array's elements for the fields.
    serde_json::from_str::<Map<String, Value>>(text)
        .and_then(|object| serde_json::from_value(Value::Object(object)))
        .map_err(|_| CallError::Malformed { queue, form })
}

#[cfg(test)]
mod tests {
    use domain::registry::TRANSFORM_QUEUE;

    use super::*;

    #[test]
    fn a_message_is_read_or_refused_with_its_queue_and_form() {
        let message = parse::<TransformMessage>(TRANSFORM_QUEUE, "{…}", r#"{"request":7}"#);
        assert_eq!(message, Ok(TransformMessage { request: 7 }));
        for text in ["", "  \n"] {
            let refused = parse::<TransformMessage>(TRANSFORM_QUEUE, "{…}", text).unwrap_err();
            assert_eq!(refused.to_string(), "a message on the queue transform is empty");
        }
        for text in ["null", "7", "{}", r#"{"request":"x"}"#, "{", "\u{0}"] {
            let refused = parse::<TransformMessage>(TRANSFORM_QUEUE, "{…}", text).unwrap_err();
            assert!(matches!(refused, CallError::Malformed { .. }), "{text:?}");
        }
    }
}
