//! How long a call to Azure may take. The SDK by itself would wait a minute for each piece of an
//! answer, and as long as a `Retry-After` asks.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use azure_core::error::{Error, ErrorKind};
use azure_core::http::policies::{Policy, PolicyResult};
use azure_core::http::{Context, ExponentialRetryOptions, Request, RetryOptions};
use tokio::time::timeout;

/// The bounds of one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Patience {
    /// Until a connection stands.
    pub(crate) connect: Duration,
    /// From a request to its answer, and between two pieces of an answer.
    pub(crate) answer: Duration,
    /// Attempts after the first.
    pub(crate) retries: u32,
    /// No attempt begins later than this.
    pub(crate) retrying: Duration,
    /// For the whole call with all its attempts and waits, tokens included.
    pub(crate) whole: Duration,
}

impl Patience {
    /// A host with more to do than to wait, near its storage.
    pub(crate) const USUAL: Self = Self {
        connect: Duration::from_secs(5),
        answer: Duration::from_secs(20),
        retries: 4,
        retrying: Duration::from_secs(30),
        whole: Duration::from_secs(45),
    };

    /// What is answered by 408, 429 or 5xx, or not at all, is asked again after 0.4, 0.8, 1.6,
    /// 3.2 … seconds and some chance, or as long as the service asks.
    pub(crate) fn retry(self) -> RetryOptions {
        RetryOptions::exponential(ExponentialRetryOptions {
            max_retries: self.retries,
            max_total_elapsed: self.retrying.try_into().expect("the bounds are seconds"),
            ..ExponentialRetryOptions::default()
        })
    }

    /// Ends a call that has taken too long.
    pub(crate) fn deadline(self) -> Arc<dyn Policy> {
        Arc::new(Deadline(self.whole))
    }
}

#[derive(Debug)]
struct Deadline(Duration);

#[async_trait]
impl Policy for Deadline {
    async fn send(
        &self,
        ctx: &Context,
        request: &mut Request,
        next: &[Arc<dyn Policy>],
    ) -> PolicyResult {
        match timeout(self.0, next[0].send(ctx, request, &next[1..])).await {
            Ok(answer) => answer,
            Err(_) => Err(Error::with_message(
                ErrorKind::Io,
                format!("it did not answer within {} seconds", self.0.as_secs_f32()),
            )),
        }
    }
}
