//! A reverse proxy over TLS in front of a real server, which makes trouble on order.

mod fault;

use std::convert::Infallible;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use futures_util::{Stream, StreamExt, future, stream};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::header::{self, HeaderMap, HeaderName};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use url::Url;

use super::authority::Authority;
use super::port::Port;
use super::server::ANY_PORT;

use fault::refusal;
pub use fault::{Fault, Order};

/// Headers that are about one connection, not about the message.
const HOP_BY_HOP: [HeaderName; 6] = [
    header::CONNECTION,
    header::EXPECT,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// Shorter than servers keep connections, so that none is used that is being closed.
const IDLE: Duration = Duration::from_secs(2);

/// A running gate; clones are handles to it, and it goes away with the last of them.
#[derive(Clone)]
pub struct Gate {
    port: Port,
    passage: Arc<Passage>,
}

/// What is behind the gate, and what is to happen in it.
struct Passage {
    upstream: Url,
    client: reqwest::Client,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    orders: Vec<Order>,
    seen: Vec<String>,
}

/// Ends the connection: nothing more is sent over it.
#[derive(Debug)]
struct Cut;

impl std::fmt::Display for Cut {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("cut on purpose")
    }
}

impl std::error::Error for Cut {}

type Failure = Box<dyn std::error::Error + Send + Sync>;
type Body = UnsyncBoxBody<Bytes, Failure>;

impl Gate {
    /// Opens on a free port, in front of a server that presents a certificate of the same
    /// authority or speaks plain HTTP.
    pub async fn open(authority: &Authority, upstream: &Url) -> anyhow::Result<Self> {
        let root = reqwest::Certificate::from_pem(authority.ca_pem().as_bytes())
            .context("the authority's certificate cannot be read")?;
        let client = reqwest::Client::builder()
            .tls_certs_only([root])
            .http1_only()
            .no_gzip()
            .no_proxy()
            .pool_idle_timeout(IDLE)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .context("no HTTP client")?;
        let state = Mutex::default();
        let passage = Arc::new(Passage { upstream: upstream.clone(), client, state });
        let (acceptor, way) = (authority.acceptor()?, Arc::clone(&passage));
        let port = Port::open(ANY_PORT, move |stream| {
            converse(acceptor.clone(), Arc::clone(&way), stream)
        });
        Ok(Self { port: port.await.context("no port for a gate")?, passage })
    }

    /// The upstream's address with this gate's host and port instead.
    pub fn url(&self) -> Url {
        let mut url = self.passage.upstream.clone();
        url.set_scheme("https").expect("HTTP is not told from HTTPS by what follows");
        let address = self.port.address();
        url.set_ip_host(address.ip()).expect("an upstream over HTTP has a host");
        url.set_port(Some(address.port())).expect("an upstream over HTTP has a port");
        url
    }

    /// Makes trouble. The order that was given first and meets a request is the one that counts.
    pub fn order(&self, order: Order) {
        self.passage.state().orders.push(order);
    }

    /// Takes all orders back.
    pub fn pass(&self) {
        self.passage.state().orders.clear();
    }

    /// Cuts all connections and refuses new ones.
    pub async fn down(&self) -> io::Result<()> {
        self.port.down().await
    }

    /// Is there again, under the same address.
    pub async fn up(&self) -> io::Result<()> {
        self.port.up().await
    }

    /// The requests that arrived so far, as `GET /account/container?comp=list`; those that met a
    /// fault, too.
    pub fn seen(&self) -> Vec<String> {
        self.passage.state().seen.clone()
    }
}

async fn converse(acceptor: TlsAcceptor, passage: Arc<Passage>, stream: TcpStream) {
    let stream = match acceptor.accept(stream).await {
        Ok(stream) => stream,
        Err(error) => return tracing::debug!(%error, "a TLS handshake failed"),
    };
    let service = service_fn(move |request| {
        let passage = Arc::clone(&passage);
        async move { passage.answer(request).await }
    });
    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    if let Err(error) = connection.await {
        tracing::debug!(%error, "a connection broke off");
    }
}

impl Passage {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fault(&self, request: &Request<Incoming>) -> Option<Fault> {
        let (method, uri) = (request.method(), request.uri());
        let mut state = self.state();
        state.seen.push(format!("{method} {uri}"));
        state
            .orders
            .iter_mut()
            .find_map(|order| order.meets(method, uri).then(|| order.fault.clone()))
    }

    async fn answer(&self, request: Request<Incoming>) -> Result<Response<Body>, Cut> {
        match self.fault(&request) {
            None => self.forward(request).await,
            Some(Fault::Refuse { status, code, retry_after }) => {
                // A body that is left unread would cost the client its connection.
                read(request.into_body()).await?;
                Ok(refusal(status, code, retry_after).map(whole))
            }
            Some(Fault::Delay(wait)) => {
                tokio::time::sleep(wait).await;
                self.forward(request).await
            }
            Some(Fault::Hold) => future::pending().await,
            Some(Fault::CutRequest) => {
                read_half(request).await;
                Err(Cut)
            }
            Some(Fault::LoseAnswer) => {
                self.forward(request).await?.into_body().collect().await.map_err(|_| Cut)?;
                Err(Cut)
            }
            Some(Fault::CutAnswer) => {
                let (head, body) = self.forward(request).await?.into_parts();
                let body = body.collect().await.map_err(|_| Cut)?.to_bytes();
                if body.is_empty() {
                    return Err(Cut);
                }
                let half = body.slice(..body.len() / 2);
                let cut = stream::once(future::ready(Ok(half))).chain(stream::once(async {
                    // What was written leaves only when there is nothing more to write.
                    tokio::task::yield_now().await;
                    Err(Failure::from(Cut))
                }));
                let mut answer = Response::from_parts(head, streamed(cut));
                answer.headers_mut().insert(header::CONTENT_LENGTH, body.len().into());
                Ok(answer)
            }
        }
    }

    async fn forward(&self, request: Request<Incoming>) -> Result<Response<Body>, Cut> {
        let (mut head, body) = request.into_parts();
        let mut url = self.upstream.clone();
        url.set_path(head.uri.path());
        url.set_query(head.uri.query());
        strip(&mut head.headers);
        let answer = self.client.request(head.method, url).headers(head.headers);
        let answer = match answer.body(read(body).await?).send().await {
            Ok(answer) => answer,
            Err(error) => {
                tracing::warn!(%error, "what is behind the gate did not answer");
                return Ok(refusal(502, "BadGateway", None).map(whole));
            }
        };
        let status = answer.status();
        let mut headers = answer.headers().clone();
        strip(&mut headers);
        let mut answer = Response::new(streamed(answer.bytes_stream().map(|chunk| Ok(chunk?))));
        *answer.status_mut() = status;
        *answer.headers_mut() = headers;
        Ok(answer)
    }
}

fn strip(headers: &mut HeaderMap) {
    for name in HOP_BY_HOP {
        headers.remove(name);
    }
}

async fn read(body: Incoming) -> Result<Bytes, Cut> {
    Ok(body.collect().await.map_err(|_| Cut)?.to_bytes())
}

async fn read_half(request: Request<Incoming>) {
    let length = request.headers().get(header::CONTENT_LENGTH);
    let length: usize =
        length.and_then(|length| length.to_str().ok()?.parse().ok()).unwrap_or_default();
    let (mut body, mut read) = (request.into_body(), 0);
    while read < length / 2
        && let Some(Ok(frame)) = body.frame().await
    {
        read += frame.data_ref().map_or(0, Bytes::len);
    }
}

fn whole(body: Bytes) -> Body {
    Full::new(body).map_err(|never: Infallible| match never {}).boxed_unsync()
}

fn streamed(chunks: impl Stream<Item = Result<Bytes, Failure>> + Send + 'static) -> Body {
    StreamBody::new(chunks.map(|chunk| chunk.map(Frame::data))).boxed_unsync()
}
