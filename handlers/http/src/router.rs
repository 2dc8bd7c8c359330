//! From a request to the endpoint that answers it, through the access check of the registry.
//!
//! **Invariant:** a body is read only once its request's head has passed every check: an
//! outsider cannot make the process hold what it will refuse anyway.

use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use aws_lc_rs::constant_time::verify_slices_are_equal;
use bytes::Bytes;
use domain::registry::{FUNCTIONS, Function, Trigger};
use futures_util::FutureExt;
use secrecy::{ExposeSecret, SecretString};
use tracing::Instrument;
use tracing::field::{Empty, display};

use crate::access::grant;
use crate::params::Params;
use crate::request::{Granted, Head};
use crate::routes::{PathParams, Routed, find};
use crate::{AppSlot, Problem, Reply, Request, functions, host_call};

/// Which calls a listener answers.
#[derive(Clone, Debug)]
pub enum Surface {
    /// HTTP endpoints: what the world may reach.
    Public,
    /// Timer and queue calls of an embedded host that proves itself with this key, in the header
    /// [`HOST_KEY`]: other users of the machine reach its loopback too.
    Triggers(SecretString),
    /// Both, as the Functions host expects of a custom handler's one port.
    Both,
}

/// The header in which an embedded host proves itself.
pub const HOST_KEY: &str = "x-miq-host-key";

/// How long a request may take, from the search for the application to its answer; what its body
/// takes to arrive is counted apart.
pub(crate) const REQUEST_DEADLINE: Duration = Duration::from_mins(1);

/// What a listener answers with.
#[derive(Clone)]
pub(crate) struct Router {
    pub(crate) slot: AppSlot,
    pub(crate) surface: Surface,
    /// How long a request for an endpoint may take.
    pub(crate) request_deadline: Duration,
    /// How long a timer or queue function may work.
    pub(crate) invocation_deadline: Duration,
}

impl Router {
    /// Answers any request: never panics, never hangs. `body` is awaited only if the request's
    /// head passes.
    pub(crate) async fn answer(
        &self,
        head: Head,
        body: impl Future<Output = Result<Bytes, Problem>> + Send,
    ) -> Reply {
        // The host's readiness call: of no interest to a log.
        if head.path == "/" && matches!(head.method.as_str(), "GET" | "HEAD") {
            return Reply::rendered_json(r#"{"name":"marketing-iq","docs":"/docs"}"#.into());
        }
        if let Some(function) = triggered_function(&self.surface, &head) {
            return functions::answer(&self.slot, self.invocation_deadline, function, &head, body)
                .await;
        }
        if matches!(self.surface, Surface::Triggers(_)) {
            return Problem::not_found("a function of this name").into_reply();
        }
        match find(&head.method, &head.path) {
            Ok((routed, params)) => self.endpoint(routed, params, head, body).await,
            Err(problem) => problem.into_reply(),
        }
    }

    async fn endpoint(
        &self,
        routed: &'static Routed,
        params: PathParams,
        head: Head,
        body: impl Future<Output = Result<Bytes, Problem>> + Send,
    ) -> Reply {
        let span = tracing::info_span!(
            "request",
            function = routed.function.name,
            invocation_id = host_call::invocation_id(&head).map(display),
            trace_id = host_call::trace_id(&head),
            tenant = Empty,
        );
        let started = Instant::now();
        async {
            let work = AssertUnwindSafe(self.run(routed, params, head, body)).catch_unwind();
            let answered = work.await.unwrap_or_else(|_| Err(Problem::internal("a panic")));
            let reply = answered.unwrap_or_else(Problem::into_reply);
            tracing::debug!(
                status = reply.status(),
                elapsed_us = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX),
                "answered"
            );
            reply
        }
        .instrument(span)
        .await
    }

    async fn run(
        &self,
        routed: &'static Routed,
        params: PathParams,
        head: Head,
        body: impl Future<Output = Result<Bytes, Problem>> + Send,
    ) -> Result<Reply, Problem> {
        let started = Instant::now();
        let deadline = self.request_deadline;
        let admitted = async {
            let app = self.slot.app().await?;
            let granted = grant(&app, routed.route.access, &head).await?;
            Ok((app, granted))
        };
        let (app, granted) = within(deadline, admitted).await?;
        let left = deadline.saturating_sub(started.elapsed());
        if let Granted::Tenant(_, scope) = &granted {
            tracing::Span::current().record("tenant", display(scope.tenant()));
        }
        let request = Request::new(head, body.await?, params, granted);
        if !routed.takes_query {
            Params::of(&request, &[])?;
        }
        within(left, (routed.endpoint.handle)(app, request)).await
    }
}

/// A database that falls silent says nothing at all, and would be waited for without an end.
async fn within<T>(
    deadline: Duration,
    work: impl Future<Output = Result<T, Problem>>,
) -> Result<T, Problem> {
    tokio::time::timeout(deadline, work).await.unwrap_or_else(|_| {
        Err(Problem::unavailable("the answer took too long", "request deadline"))
    })
}

/// The timer or queue function that this call of a host is for.
fn triggered_function(surface: &Surface, head: &Head) -> Option<&'static Function> {
    match surface {
        Surface::Public => return None,
        Surface::Triggers(key) => {
            let given = head.header(HOST_KEY)?.as_bytes();
            verify_slices_are_equal(given, key.expose_secret().as_bytes()).ok()?;
        }
        // Azure's host knows no key; this tells its calls from a stray request.
        Surface::Both => {
            host_call::invocation_id(head)?;
        }
    }
    // Undecoded, in its own letter case and without a query, as hosts send it.
    let name = head.path.strip_prefix('/').filter(|_| head.query.is_empty())?;
    FUNCTIONS
        .iter()
        .find(|function| function.name == name && !matches!(function.trigger, Trigger::Http(_)))
}

#[cfg(test)]
mod tests;
