//! An HTTP server on a loopback port, with or without TLS, that can go away and come back.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;

use anyhow::Context;
use http_body_util::{BodyExt, Limited};
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;
use url::Url;
use warp::Reply;
use warp::http::StatusCode;

use super::authority::Authority;
use super::port::Port;
use crate::wire::{Answer, Call, LARGEST_BODY, call_of};

/// A free loopback port.
pub(crate) const ANY_PORT: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

type Answering = Pin<Box<dyn Future<Output = Answer> + Send>>;
type Handler = Arc<dyn Fn(Call) -> Answering + Send + Sync>;

/// A server that answers; clones are handles to it, and it stops with the last of them.
#[derive(Clone)]
pub(crate) struct Server {
    port: Port,
    scheme: &'static str,
}

impl Server {
    /// Serves over TLS, with a certificate of the authority.
    pub(crate) async fn tls<F>(
        listen: SocketAddr,
        authority: &Authority,
        handler: impl Fn(Call) -> F + Send + Sync + 'static,
    ) -> anyhow::Result<Self>
    where
        F: Future<Output = Answer> + Send + 'static,
    {
        Self::start(listen, Some(authority.acceptor()?), handler).await
    }

    /// Serves without TLS.
    pub(crate) async fn plain<F>(
        listen: SocketAddr,
        handler: impl Fn(Call) -> F + Send + Sync + 'static,
    ) -> anyhow::Result<Self>
    where
        F: Future<Output = Answer> + Send + 'static,
    {
        Self::start(listen, None, handler).await
    }

    async fn start<F>(
        listen: SocketAddr,
        acceptor: Option<TlsAcceptor>,
        handler: impl Fn(Call) -> F + Send + Sync + 'static,
    ) -> anyhow::Result<Self>
    where
        F: Future<Output = Answer> + Send + 'static,
    {
        let scheme = if acceptor.is_some() { "https" } else { "http" };
        let handler: Handler = Arc::new(move |call| Box::pin(handler(call)));
        let port = Port::open(listen, move |stream| {
            let (acceptor, handler) = (acceptor.clone(), Arc::clone(&handler));
            async move {
                match acceptor {
                    None => converse(stream, scheme, handler).await,
                    Some(acceptor) => match acceptor.accept(stream).await {
                        Ok(stream) => converse(stream, scheme, handler).await,
                        Err(error) => tracing::debug!(%error, "a TLS handshake failed"),
                    },
                }
            }
        });
        let port = port.await.with_context(|| format!("cannot listen on {listen}"))?;
        Ok(Self { port, scheme })
    }

    /// `https://127.0.0.1:PORT/`
    pub(crate) fn url(&self) -> Url {
        let url = format!("{}://{}/", self.scheme, self.port.address());
        url.parse().expect("a scheme and a socket's address make a URL")
    }

    /// Cuts all connections and refuses new ones.
    pub(crate) async fn down(&self) -> io::Result<()> {
        self.port.down().await
    }

    /// Answers again, under the same address.
    pub(crate) async fn up(&self) -> io::Result<()> {
        self.port.up().await
    }
}

async fn converse(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    scheme: &'static str,
    handler: Handler,
) {
    let service = service_fn(move |request: Request<Incoming>| {
        let handler = Arc::clone(&handler);
        async move {
            let answer = match receive(request, scheme).await {
                Some(call) => handler(call).await,
                None => Answer::text(StatusCode::PAYLOAD_TOO_LARGE, "text/plain", "too large"),
            };
            Ok::<_, Infallible>(answer.into_response())
        }
    });
    if let Err(error) = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await
    {
        tracing::debug!(%error, "a connection broke off");
    }
}

/// Nothing if the body is too large or broke off.
async fn receive(request: Request<Incoming>, scheme: &str) -> Option<Call> {
    let (head, body) = request.into_parts();
    let body = Limited::new(body, LARGEST_BODY).collect().await.ok()?.to_bytes();
    let query = head.uri.query().unwrap_or_default();
    Some(call_of(scheme, head.method, head.uri.path(), query, head.headers, body))
}
