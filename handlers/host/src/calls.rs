//! One call of the handler, and what its answer means.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use domain::registry::Function;
use reqwest::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use reqwest::{Client, Response, Url};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use uuid::Uuid;

use crate::config::{HostConfig, HostError};

/// The host whose format this is.
const HOST_VERSION: &str = "4.1052.0.0";
const USER_AGENT: &str = "Azure-Functions-Host/4.1052.0.0";

const VERSION_HEADER: HeaderName = HeaderName::from_static("x-azure-functions-hostversion");
const INVOCATION_HEADER: HeaderName = HeaderName::from_static("x-azure-functions-invocationid");

/// Far more than any answer here has.
const MAX_ANSWER: usize = 1 << 20;

/// Calls the handler's functions. Clones share connections.
#[derive(Clone, Debug)]
pub(crate) struct Calls {
    client: Client,
    handler: Url,
    proof: Option<(HeaderName, HeaderValue)>,
    deadline: Duration,
}

/// Why a call counts as failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    #[error("the handler could not be reached, or broke the connection")]
    Transport(#[source] reqwest::Error),
    #[error("the handler did not answer within {} s", .0.as_secs())]
    Deadline(Duration),
    #[error("the handler answered with status {0}")]
    Status(u16),
    /// The real host would wait for its time-out, then kill the handler.
    #[error("the handler's answer is not a non-empty JSON object")]
    Answer,
    #[error("the host was stopped before the handler answered")]
    GivenUp,
}

impl Calls {
    pub(crate) fn new(config: &HostConfig) -> Result<Self, HostError> {
        let client = Client::builder()
            .user_agent(USER_AGENT)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            // Loopback only: reading the system's certificates would slow the start.
            .tls_certs_only([])
            .connect_timeout(Duration::from_secs(5))
            .timeout(config.deadline)
            .build()
            .map_err(HostError::Client)?;
        let proof = config.proof.as_ref().map(proof).transpose()?;
        Ok(Self { client, handler: config.handler.clone(), proof, deadline: config.deadline })
    }

    /// `POST /<FunctionName>`, with the headers that the host sends.
    pub(crate) async fn call(&self, function: &Function, body: Bytes) -> Result<(), CallError> {
        let mut url = self.handler.clone();
        url.set_path(function.name);
        // A stream has no known length, so it is sent in chunks, as the host sends it.
        let body = reqwest::Body::wrap_stream(futures_util::stream::once(async {
            Ok::<_, Infallible>(body)
        }));
        let mut request = self.client.post(url);
        if let Some((name, value)) = &self.proof {
            request = request.header(name, value);
        }
        let response = request
            .header(VERSION_HEADER, HOST_VERSION)
            .header(INVOCATION_HEADER, Uuid::new_v4().to_string())
            .header("traceparent", trace_parent())
            .header(CONTENT_TYPE, "application/json; charset=utf-8")
            .body(body)
            .send()
            .await
            .map_err(|error| self.failed(error))?;
        self.judge(response).await
    }

    async fn judge(&self, mut response: Response) -> Result<(), CallError> {
        if !response.status().is_success() {
            return Err(CallError::Status(response.status().as_u16()));
        }
        let is_json = response
            .headers()
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .is_some_and(|value| value.trim_start().starts_with("application/json"));
        if !is_json {
            return Err(CallError::Answer);
        }
        let mut answer = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.failed(error))? {
            if answer.len() + chunk.len() > MAX_ANSWER {
                return Err(CallError::Answer);
            }
            answer.extend_from_slice(&chunk);
        }
        match serde_json::from_slice(&answer) {
            Ok(Value::Object(object)) if !object.is_empty() => Ok(()),
            _ => Err(CallError::Answer),
        }
    }

    fn failed(&self, error: reqwest::Error) -> CallError {
        if error.is_timeout() && !error.is_connect() {
            CallError::Deadline(self.deadline)
        } else {
            CallError::Transport(error)
        }
    }
}

fn proof(
    (name, value): &(&'static str, SecretString),
) -> Result<(HeaderName, HeaderValue), HostError> {
    let mut value = HeaderValue::from_str(value.expose_secret()).map_err(|_| HostError::Proof)?;
    value.set_sensitive(true);
    Ok((HeaderName::from_static(name), value))
}

/// W3C trace context: a new trace, not sampled.
fn trace_parent() -> String {
    let span = Uuid::new_v4().simple().to_string();
    format!("00-{}-{}-00", Uuid::new_v4().simple(), &span[..16])
}
