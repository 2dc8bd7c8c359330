//! The listener: takes connections and requests within bounds, and hands them to the router.
//!
//! warp's own server lets a request's head take for ever, and waits for it when it stops; so
//! connections are accepted here, and only what comes over them is warp's.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Buf;
use futures_util::Stream;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use warp::Filter;
use warp::http::Method;
use warp::http::header::EXPECT;

use crate::body::{BODY_DEADLINE, Body};
use crate::functions::INVOCATION_DEADLINE;
use crate::request::Head;
use crate::router::{REQUEST_DEADLINE, Router, Surface};
use crate::{AppSlot, Problem};

/// Connections that are open at once; more wait to be accepted. Leaves some of the 1,024
/// descriptors, which is what a process usually may have, for everything else.
const MAX_CONNECTIONS: usize = 800;

/// How long a public connection may stay open without the whole head of a request.
const HEAD_DEADLINE: Duration = Duration::from_secs(15);

/// The same for a host on this machine, which keeps connections for its next call: one that is
/// closed just then would cost it that call.
const HOST_HEAD_DEADLINE: Duration = Duration::from_hours(1);

/// How long running requests may take once the listener is to stop.
const DRAIN_DEADLINE: Duration = Duration::from_secs(10);

/// The same for a host's calls, which work for longer. A platform that stops a container grants
/// 30 seconds as a rule.
const HOST_DRAIN_DEADLINE: Duration = Duration::from_secs(25);

/// A bound listener that has not begun to answer.
pub struct Server {
    listener: TcpListener,
    router: Router,
    max_connections: usize,
    head_deadline: Duration,
    body_deadline: Duration,
    drain_deadline: Duration,
}

impl Server {
    /// Binds at once; [`Server::run`] answers.
    pub async fn bind(
        address: SocketAddr,
        surface: Surface,
        slot: AppSlot,
    ) -> std::io::Result<Self> {
        let (head_deadline, drain_deadline) = match surface {
            Surface::Public => (HEAD_DEADLINE, DRAIN_DEADLINE),
            Surface::Triggers(_) | Surface::Both => (HOST_HEAD_DEADLINE, HOST_DRAIN_DEADLINE),
        };
        Ok(Self {
            listener: TcpListener::bind(address).await?,
            router: Router {
                slot,
                surface,
                request_deadline: REQUEST_DEADLINE,
                invocation_deadline: INVOCATION_DEADLINE,
            },
            max_connections: MAX_CONNECTIONS,
            head_deadline,
            body_deadline: BODY_DEADLINE,
            drain_deadline,
        })
    }

    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    #[cfg(test)]
    pub(crate) fn set_invocation_deadline(&mut self, deadline: Duration) {
        self.router.invocation_deadline = deadline;
    }

    #[cfg(test)]
    pub(crate) fn set_body_deadline(&mut self, deadline: Duration) {
        self.body_deadline = deadline;
    }

    /// Answers until `stop` ends. Then nobody is let in any more, and running requests have 10
    /// seconds to finish; a host's calls, 25.
    pub async fn run(self, stop: impl Future<Output = ()> + Send + 'static) {
        let Self { listener, router, body_deadline, drain_deadline, .. } = self;
        let query = warp::query::raw().or(warp::any().map(String::new)).unify();
        let routes = warp::method()
            .and(warp::path::full())
            .and(query)
            .and(warp::header::headers_cloned())
            .and(warp::body::stream())
            .then(move |method: Method, path: warp::path::FullPath, query, headers, body| {
                let router = router.clone();
                let method = method.as_str().to_owned();
                let head = Head { method, path: path.as_str().to_owned(), query, headers };
                async move { receive(&router, head, body, body_deadline).await }
            })
            .boxed();
        let routes = TowerToHyperService::new(warp::service(routes));
        let service = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
            let routes = routes.clone();
            async move {
                // `GET health` and `CONNECT host:1` name no path, and warp would panic.
                if request.uri().path_and_query().is_none() {
                    let detail = "the request names no path: it begins with a slash";
                    let problem = Problem::bad_request("no_path", "path", detail);
                    return Ok(problem.into_reply().into_response());
                }
                routes.call(request).await
            }
        });
        // HTTP/2 is left to whatever ends TLS before us: telling the two apart has no deadline.
        let mut protocol = auto::Builder::new(TokioExecutor::new()).http1_only();
        protocol.http1().timer(TokioTimer::new()).header_read_timeout(self.head_deadline);
        let open = GracefulShutdown::new();
        let free = Arc::new(Semaphore::new(self.max_connections));
        let mut stop = std::pin::pin!(stop);
        loop {
            let (stream, permit) = tokio::select! {
                () = &mut stop => break,
                taken = async {
                    let permit = free.clone().acquire_owned().await.expect("it is never closed");
                    (accept(&listener).await, permit)
                } => taken,
            };
            let connection = protocol.serve_connection(TokioIo::new(stream), service.clone());
            let connection = open.watch(connection.into_owned());
            tokio::spawn(async move {
                if let Err(error) = connection.await {
                    tracing::debug!(error = &*error, "a connection broke off");
                }
                drop(permit);
            });
        }
        drop(listener);
        if tokio::time::timeout(drain_deadline, open.shutdown()).await.is_err() {
            tracing::warn!("stopped with requests that had not finished");
        }
    }
}

async fn accept(listener: &TcpListener) -> TcpStream {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};

    loop {
        match listener.accept().await {
            Ok((stream, _)) => return stream,
            // The client went away while it waited.
            Err(error)
                if matches!(
                    error.kind(),
                    ConnectionAborted | ConnectionRefused | ConnectionReset
                ) => {}
            Err(error) => {
                // Out of descriptors, most likely: some are free again soon.
                tracing::error!(error = &error as &dyn std::error::Error, "cannot accept");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }
}

async fn receive<B: Buf>(
    router: &Router,
    head: Head,
    body: impl Stream<Item = Result<B, warp::Error>> + Send + 'static,
    deadline: Duration,
) -> warp::reply::Response {
    // A client that waits to be told to send has nothing under way.
    let waits = head.headers.contains_key(EXPECT);
    let mut body = Body::new(body, deadline);
    let reply = router.answer(head, body.read()).await;
    if !waits {
        body.discard();
    }
    reply.into_response()
}

#[cfg(test)]
mod tests;
