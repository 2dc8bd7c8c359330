//! A request as the simulated platforms see it, and what they answer.

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use futures_util::{Stream, StreamExt, stream};
use serde_json::Value;
use warp::http::{HeaderMap, Method, StatusCode};
use warp::reply::Response;
use warp::{Filter, Reply};

use crate::world::World;

/// Larger bodies than any platform's client sends are refused.
pub(crate) const LARGEST_BODY: usize = 16 << 20;

/// One request.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) method: Method,
    /// Without the query, and without slashes at its ends.
    pub(crate) path: String,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// Scheme, host and the path's prefix, for the links in answers.
    pub(crate) base_url: String,
}

impl Call {
    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The token of an `Authorization: Bearer` header.
    pub(crate) fn bearer(&self) -> Option<&str> {
        self.header("authorization")?.strip_prefix("Bearer ")
    }

    /// The body as a form; empty when it is none.
    pub(crate) fn form(&self) -> Vec<(String, String)> {
        serde_urlencoded::from_bytes(&self.body).unwrap_or_default()
    }

    /// The body as JSON; an empty one is an empty object.
    pub(crate) fn json(&self) -> Result<Value, serde_json::Error> {
        if self.body.is_empty() {
            return Ok(Value::Object(serde_json::Map::new()));
        }
        serde_json::from_slice(&self.body)
    }

    pub(crate) fn segments(&self) -> Vec<&str> {
        self.path.split('/').filter(|segment| !segment.is_empty()).collect()
    }
}

type Chunks = Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send + Sync>>;

enum Body {
    Whole(Bytes),
    Chunks(Chunks),
}

/// One answer.
pub(crate) struct Answer {
    status: StatusCode,
    headers: Vec<(&'static str, String)>,
    body: Body,
}

impl Answer {
    pub(crate) fn json(status: StatusCode, body: &Value) -> Self {
        Self::text(status, "application/json; charset=UTF-8", body.to_string())
    }

    pub(crate) fn ok(body: &Value) -> Self {
        Self::json(StatusCode::OK, body)
    }

    pub(crate) fn text(
        status: StatusCode,
        content_type: &'static str,
        body: impl Into<Bytes>,
    ) -> Self {
        Self {
            status,
            headers: vec![("content-type", content_type.to_owned())],
            body: Body::Whole(body.into()),
        }
    }

    pub(crate) fn redirect(location: String) -> Self {
        Self {
            status: StatusCode::FOUND,
            headers: vec![("location", location)],
            body: Body::Whole(Bytes::new()),
        }
    }

    /// A body that is made while it is sent.
    pub(crate) fn streamed(
        chunks: impl Stream<Item = io::Result<Bytes>> + Send + Sync + 'static,
    ) -> Self {
        Self {
            status: StatusCode::OK,
            headers: vec![("content-type", "application/json; charset=UTF-8".to_owned())],
            body: Body::Chunks(Box::pin(chunks)),
        }
    }

    /// No answer at all: the connection is cut.
    pub(crate) fn cut() -> Self {
        Self::streamed(stream::once(async { Err(io::Error::other("cut on purpose")) }))
    }

    #[must_use]
    pub(crate) fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    pub(crate) fn headers(&self) -> &[(&'static str, String)] {
        &self.headers
    }

    /// The whole body.
    pub(crate) async fn into_bytes(self) -> Bytes {
        match self.body {
            Body::Whole(bytes) => bytes,
            Body::Chunks(mut chunks) => {
                let mut whole = BytesMut::new();
                while let Some(Ok(chunk)) = chunks.next().await {
                    whole.extend_from_slice(&chunk);
                }
                whole.freeze()
            }
        }
    }

    /// The same status and headers over another body.
    async fn map_body(self, map: impl FnOnce(Bytes) -> Body) -> Self {
        let (status, headers) = (self.status, self.headers.clone());
        Self { status, headers, body: map(self.into_bytes().await) }
    }

    /// The first half of the body as if it were all.
    pub(crate) async fn halved(self) -> Self {
        self.map_body(|body| Body::Whole(body.slice(..body.len() / 2))).await
    }

    /// The first half of the body, then the connection is cut.
    pub(crate) async fn truncated(self) -> Self {
        self.map_body(|body| {
            let half = body.slice(..body.len() / 2);
            let cut = stream::once(async move { Ok(half) }).chain(stream::once(async {
                // Lets the first half leave before the connection goes.
                tokio::time::sleep(Duration::from_millis(20)).await;
                Err(io::Error::other("cut on purpose"))
            }));
            Body::Chunks(Box::pin(cut))
        })
        .await
    }

    /// The body in twenty pieces with a pause before each.
    pub(crate) async fn trickled(self, pause: Duration) -> Self {
        self.map_body(|body| {
            let size = body.len().div_ceil(20).max(1);
            let pieces: Vec<Bytes> = body.chunks(size).map(Bytes::copy_from_slice).collect();
            let slow = stream::iter(pieces).then(move |piece| async move {
                tokio::time::sleep(pause).await;
                Ok(piece)
            });
            Body::Chunks(Box::pin(slow))
        })
        .await
    }
}

impl Reply for Answer {
    fn into_response(self) -> Response {
        let mut response = match self.body {
            Body::Whole(bytes) => Response::new(bytes.into()),
            Body::Chunks(chunks) => warp::reply::stream(chunks).into_response(),
        };
        *response.status_mut() = self.status;
        for (name, value) in self.headers {
            if let Ok(value) = value.parse() {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }
}

/// The one filter: any request, turned into a [`Call`] and answered by `world`.
pub(crate) fn routes(
    world: std::sync::Arc<World>,
) -> impl Filter<Extract = (Response,), Error = warp::Rejection> + Clone {
    let raw_query = warp::query::raw().or_else(|_| async { Ok::<_, Infallible>((String::new(),)) });
    warp::method()
        .and(warp::path::full())
        .and(raw_query)
        .and(warp::header::headers_cloned())
        .and(warp::body::stream())
        .then(move |method, path: warp::path::FullPath, query: String, headers, body| {
            let world = std::sync::Arc::clone(&world);
            async move {
                let Some(body) = read_body(body).await else {
                    return Answer::text(StatusCode::PAYLOAD_TOO_LARGE, "text/plain", "too large")
                        .into_response();
                };
                let call = call_of("http", method, path.as_str(), &query, headers, body);
                crate::server::answer(&world, call).await.into_response()
            }
        })
        .boxed()
}

async fn read_body(
    body: impl Stream<Item = Result<impl Buf, warp::Error>> + Send,
) -> Option<Bytes> {
    let mut body = std::pin::pin!(body);
    let mut whole = BytesMut::new();
    while let Some(chunk) = body.next().await {
        let mut chunk = chunk.ok()?;
        if whole.len() + chunk.remaining() > LARGEST_BODY {
            return None;
        }
        whole.extend_from_slice(&chunk.copy_to_bytes(chunk.remaining()));
    }
    Some(whole.freeze())
}

pub(crate) fn call_of(
    scheme: &str,
    method: Method,
    path: &str,
    query: &str,
    headers: HeaderMap,
    body: Bytes,
) -> Call {
    let host = headers.get("host").and_then(|host| host.to_str().ok()).unwrap_or("127.0.0.1");
    Call {
        base_url: format!("{scheme}://{host}"),
        method,
        path: path.trim_matches('/').to_owned(),
        query: serde_urlencoded::from_str(query).unwrap_or_default(),
        headers,
        body,
    }
}
