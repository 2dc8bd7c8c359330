//! The listener: reads a request whole, within bounds, and hands it to the router.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::{Buf, BytesMut};
use futures_util::{Stream, StreamExt};
use tokio::net::TcpListener;
use warp::Filter;
use warp::http::{HeaderMap, Method};

use crate::Problem;
use crate::request::Incoming;
use crate::router::{AppSlot, Surface, answer};

/// The largest body that any endpoint or function takes.
const MAX_BODY: usize = 1 << 20;

/// How long a body may take to arrive.
const BODY_DEADLINE: Duration = Duration::from_secs(20);

/// A bound listener that has not begun to answer.
pub struct Server {
    listener: TcpListener,
    slot: AppSlot,
    surface: Surface,
}

impl Server {
    /// Binds at once; [`Server::run`] answers.
    pub async fn bind(
        address: SocketAddr,
        surface: Surface,
        slot: AppSlot,
    ) -> std::io::Result<Self> {
        Ok(Self { listener: TcpListener::bind(address).await?, slot, surface })
    }

    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Answers until `stop` ends, then lets running requests finish.
    pub async fn run(self, stop: impl Future<Output = ()> + Send + 'static) {
        let Self { listener, slot, surface } = self;
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
        warp::serve(routes).incoming(listener).graceful(stop).run().await;
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
