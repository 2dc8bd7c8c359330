//! The listener: reads a request whole, within bounds, and hands it to the router.
//!
//! warp's own server lets a request's head take for ever, and waits for it when it stops; so
//! connections are accepted here, and only what comes over them is warp's.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::{Buf, BytesMut};
use futures_util::{Stream, StreamExt};
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use warp::Filter;
use warp::http::{HeaderMap, Method};

use crate::Problem;
use crate::request::Incoming;
use crate::router::{AppSlot, Surface, answer};

/// The largest body that any endpoint or function takes.
const MAX_BODY: usize = 1 << 20;

/// How long a body may take to arrive.
const BODY_DEADLINE: Duration = Duration::from_secs(20);

/// How long a public connection may stay open without the whole head of a request.
const HEAD_DEADLINE: Duration = Duration::from_secs(15);

/// The same for a host on this machine, which keeps connections for its next call: one that is
/// closed just then would cost it that call.
const HOST_HEAD_DEADLINE: Duration = Duration::from_hours(1);

/// How long running requests may take once the listener is to stop.
const DRAIN_DEADLINE: Duration = Duration::from_secs(10);

/// A bound listener that has not begun to answer.
pub struct Server {
    listener: TcpListener,
    slot: AppSlot,
    surface: Surface,
    head_deadline: Duration,
    drain_deadline: Duration,
}

impl Server {
    /// Binds at once; [`Server::run`] answers.
    pub async fn bind(
        address: SocketAddr,
        surface: Surface,
        slot: AppSlot,
    ) -> std::io::Result<Self> {
        Ok(Self {
            listener: TcpListener::bind(address).await?,
            slot,
            surface,
            head_deadline: match surface {
                Surface::Public => HEAD_DEADLINE,
                Surface::Triggers | Surface::Both => HOST_HEAD_DEADLINE,
            },
            drain_deadline: DRAIN_DEADLINE,
        })
    }

    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Answers until `stop` ends, then gives running requests 10 seconds to finish.
    pub async fn run(self, stop: impl Future<Output = ()> + Send + 'static) {
        let Self { listener, slot, surface, head_deadline, drain_deadline } = self;
        let query = warp::query::raw().or(warp::any().map(String::new)).unify();
        let routes = warp::method()
            .and(warp::path::full())
            .and(query)
            .and(warp::header::headers_cloned())
            .and(warp::body::stream())
            .then(move |method: Method, path: warp::path::FullPath, query, headers, body| {
                let slot = slot.clone();
                async move {
                    let path = path.as_str().to_owned();
                    receive(&slot, surface, (method, path, query, headers), body).await
                }
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
        protocol.http1().timer(TokioTimer::new()).header_read_timeout(head_deadline);
        let open = GracefulShutdown::new();
        let mut stop = std::pin::pin!(stop);
        loop {
            let stream = tokio::select! {
                () = &mut stop => break,
                stream = accept(&listener) => stream,
            };
            let connection = protocol.serve_connection(TokioIo::new(stream), service.clone());
            let connection = open.watch(connection.into_owned());
            tokio::spawn(async move {
                if let Err(error) = connection.await {
                    tracing::debug!(error = &*error, "a connection broke off");
                }
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

type Head = (Method, String, String, HeaderMap);

async fn receive<B: Buf>(
    slot: &AppSlot,
    surface: Surface,
    (method, path, query, headers): Head,
    body: impl Stream<Item = Result<B, warp::Error>> + Send,
) -> warp::reply::Response {
    let reply = match tokio::time::timeout(BODY_DEADLINE, collect(body)).await {
        Ok(Ok(body)) => {
            let method = method.as_str().to_owned();
            answer(slot, surface, Incoming { method, path, query, headers, body }).await
        }
        Ok(Err(problem)) => problem.into_reply(),
        Err(_) => Problem::body_too_slow().into_reply(),
    };
    reply.into_response()
}

/// The host posts chunked, so the length is known only at the end.
async fn collect<B: Buf>(
    body: impl Stream<Item = Result<B, warp::Error>> + Send,
) -> Result<bytes::Bytes, Problem> {
    let mut body = std::pin::pin!(body);
    let mut collected = BytesMut::new();
    while let Some(chunk) = body.next().await {
        let mut chunk = chunk.map_err(|_| {
            Problem::bad_request("body_cut_short", "body", "the body ended before its length")
        })?;
        if collected.len() + chunk.remaining() > MAX_BODY {
            return Err(Problem::too_large(MAX_BODY));
        }
        while chunk.has_remaining() {
            let piece = chunk.chunk();
            collected.extend_from_slice(piece);
            let read = piece.len();
            chunk.advance(read);
        }
    }
    Ok(collected.freeze())
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::sync::oneshot;
    use tokio::time::timeout;

    use super::*;

    /// Longer than anything here takes, unless it never ends.
    const PATIENCE: Duration = Duration::from_secs(30);
    const NEVER: Duration = Duration::from_hours(1);
    const SOON: Duration = Duration::from_millis(50);

    async fn server(head_deadline: Duration, drain_deadline: Duration) -> (Server, SocketAddr) {
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let server = Server::bind(address, Surface::Public, AppSlot::starting().1).await.unwrap();
        let address = server.address().unwrap();
        (Server { head_deadline, drain_deadline, ..server }, address)
    }

    #[tokio::test]
    async fn a_request_without_a_path_is_answered() {
        let (server, address) = server(PATIENCE, PATIENCE).await;
        tokio::spawn(server.run(std::future::pending()));
        for head in ["GET health HTTP/1.1", "CONNECT a:1 HTTP/1.1", "POST x HTTP/1.1"] {
            let request = format!("{head}\r\nhost: x\r\nconnection: close\r\n\r\n");
            let answer = read_to_the_end(send(address, &request).await).await;
            assert!(answer.starts_with("HTTP/1.1 400 "), "{head}: {answer:?}");
        }
    }

    async fn send(address: SocketAddr, text: &str) -> TcpStream {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        stream
    }

    async fn read_to_the_end(mut stream: TcpStream) -> String {
        let mut text = String::new();
        timeout(PATIENCE, stream.read_to_string(&mut text)).await.expect("it is closed").unwrap();
        text
    }

    const WHOLE: &str = "GET / HTTP/1.1\r\nhost: miq.example\r\nconnection: close\r\n\r\n";
    const HALF: &str = "GET / HTTP/1.1\r\nhost: miq";

    #[tokio::test]
    async fn a_connection_without_a_whole_head_is_closed() {
        let (server, address) = server(SOON, NEVER).await;
        tokio::spawn(server.run(std::future::pending()));
        for beginning in ["", "PRI * HTTP/2.0", HALF] {
            let rest = read_to_the_end(send(address, beginning).await).await;
            assert!(!rest.contains("200 OK"), "{beginning:?}: {rest}");
        }
        let answer = read_to_the_end(send(address, WHOLE).await).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    }

    #[tokio::test]
    async fn half_a_head_does_not_hold_up_the_end() {
        let (server, address) = server(NEVER, SOON).await;
        let (stop, stopped) = oneshot::channel::<()>();
        let running = tokio::spawn(server.run(async { stopped.await.unwrap_or_default() }));
        let half = send(address, HALF).await;
        // Accepted after the half, and answered: the half has been read.
        let answer = read_to_the_end(send(address, WHOLE).await).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
        stop.send(()).unwrap();
        timeout(PATIENCE, running).await.expect("the server ends").unwrap();
        drop(half);
    }
}
