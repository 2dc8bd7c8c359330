//! A handler that records its calls and answers as it is told.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::{Buf, BytesMut};
use futures_util::{Stream, StreamExt};
use reqwest::Url;
use serde_json::Value;
use tokio::net::TcpListener;
use warp::Filter;
use warp::http::{HeaderMap, Method, Response};

use crate::eventually;

#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body: Value,
}

#[derive(Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: &'static str,
    pub(crate) body: &'static str,
}

pub(crate) const DONE: Answer = Answer {
    status: 200,
    content_type: "application/json; charset=utf-8",
    body: r#"{"Outputs":{},"Logs":[],"ReturnValue":null}"#,
};

pub(crate) const FAILED: Answer =
    Answer { status: 500, content_type: "application/json", body: r#"{"Error":"no"}"# };

type Answering = Pin<Box<dyn Future<Output = Answer> + Send>>;

pub(crate) struct Handler {
    pub(crate) url: Url,
    calls: Arc<Mutex<Vec<Call>>>,
    busiest: Arc<AtomicUsize>,
}

impl Handler {
    /// `answer` gets each call with its number, counted from 0 over all functions.
    pub(crate) async fn start(
        answer: impl Fn(usize, Call) -> Answering + Clone + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
        let calls = Arc::new(Mutex::new(Vec::new()));
        let busiest = Arc::new(AtomicUsize::new(0));
        let running = Arc::new(AtomicUsize::new(0));
        let recorded = (calls.clone(), busiest.clone());
        let routes = warp::method()
            .and(warp::path::full())
            .and(warp::header::headers_cloned())
            .and(warp::body::stream())
            .then(move |method: Method, path: warp::path::FullPath, headers: HeaderMap, body| {
                let (calls, busiest) = recorded.clone();
                let (running, answer) = (running.clone(), answer.clone());
                async move {
                    let call = Call {
                        method: method.to_string(),
                        path: path.as_str().to_owned(),
                        headers: headers
                            .iter()
                            .map(|(name, value)| {
                                (name.to_string(), value.to_str().unwrap().to_owned())
                            })
                            .collect(),
                        body: serde_json::from_slice(&whole(body).await).unwrap(),
                    };
                    let number = {
                        let mut calls = calls.lock().unwrap();
                        calls.push(call.clone());
                        calls.len() - 1
                    };
                    let now = running.fetch_add(1, Ordering::SeqCst) + 1;
                    busiest.fetch_max(now, Ordering::SeqCst);
                    let Answer { status, content_type, body } = answer(number, call).await;
                    running.fetch_sub(1, Ordering::SeqCst);
                    Response::builder()
                        .status(status)
                        .header("content-type", content_type)
                        .header("location", "/elsewhere")
                        .body(body)
                }
            });
        tokio::spawn(warp::serve(routes).incoming(listener).run());
        Self { url, calls, busiest }
    }

    /// Answers every call in the same way.
    pub(crate) async fn always(answer: Answer) -> Self {
        Self::start(move |_, _| {
            let answer = answer.clone();
            Box::pin(async { answer })
        })
        .await
    }

    pub(crate) fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap().clone()
    }

    /// All calls, as soon as there are at least `count`.
    pub(crate) async fn called(&self, count: usize) -> Vec<Call> {
        eventually("the handler is called", async || {
            let calls = self.calls();
            (calls.len() >= count).then_some(calls)
        })
        .await
    }

    /// How many calls ran at once at most.
    pub(crate) fn busiest(&self) -> usize {
        self.busiest.load(Ordering::SeqCst)
    }
}

async fn whole(body: impl Stream<Item = Result<impl Buf, warp::Error>>) -> BytesMut {
    let mut body = std::pin::pin!(body);
    let mut whole = BytesMut::new();
    while let Some(chunk) = body.next().await {
        let mut chunk = chunk.unwrap();
        while chunk.has_remaining() {
            let length = chunk.chunk().len();
            whole.extend_from_slice(chunk.chunk());
            chunk.advance(length);
        }
    }
    whole
}
