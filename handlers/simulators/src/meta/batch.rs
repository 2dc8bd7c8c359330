//! Several calls in one.

use std::sync::Arc;

use serde_json::{Value, json};
use warp::http::Method;

use super::error::GraphError;
use super::params::Params;
use super::single;
use crate::wire::{Answer, Call};
use crate::world::World;

/// Most calls of one batch.
const LARGEST_BATCH: usize = 50;

/// `POST /`: up to fifty calls in one, each answered with status, headers and body.
pub(super) async fn answer(
    world: &Arc<World>,
    call: &Call,
    version: &str,
) -> Result<Answer, GraphError> {
    let params = Params::of(call);
    let calls = params.json("batch")?.ok_or_else(|| {
        GraphError::bad_parameter("batch", "POST to the root takes a batch of calls")
    })?;
    let calls = calls.as_array().ok_or_else(|| GraphError::bad_parameter("batch", "no array"))?;
    if calls.len() > LARGEST_BATCH {
        return Err(GraphError::new(100, "Too many requests in batch message. Max size is 50"));
    }
    let mut answers = Vec::new();
    for inner in calls {
        let inner_call = inner_call(call, &params, inner, version);
        let path: Vec<String> = inner_call
            .segments()
            .into_iter()
            .skip_while(|segment| *segment != version)
            .skip(1)
            .map(str::to_owned)
            .collect();
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        let answer = single(world, &inner_call, version, &path).await;
        let headers: Vec<Value> = answer
            .headers()
            .iter()
            .map(|(name, value)| json!({ "name": name, "value": value }))
            .collect();
        let code = answer.status().as_u16();
        let body = String::from_utf8_lossy(&answer.into_bytes().await).into_owned();
        answers.push(json!({ "code": code, "headers": headers, "body": body }));
    }
    Ok(Answer::ok(&Value::Array(answers)))
}

/// One call of a batch; it shares the outer call's token unless it brings its own.
fn inner_call(outer: &Call, params: &Params, inner: &Value, version: &str) -> Call {
    let address = inner["relative_url"].as_str().unwrap_or_default().trim_start_matches('/');
    let (path, query) = address.split_once('?').unwrap_or((address, ""));
    let path = path.strip_prefix(version).unwrap_or(path).trim_matches('/');
    let mut query: Vec<(String, String)> = serde_urlencoded::from_str(query).unwrap_or_default();
    for name in ["access_token", "appsecret_proof"] {
        if let Some(value) = params.get(name)
            && !query.iter().any(|(key, _)| key == name)
        {
            query.push((name.to_owned(), value.to_owned()));
        }
    }
    let method = inner["method"].as_str().unwrap_or("GET");
    Call {
        method: Method::from_bytes(method.as_bytes()).unwrap_or(Method::GET),
        path: format!("{}/{path}", outer.path),
        query,
        headers: outer.headers.clone(),
        body: inner["body"].as_str().unwrap_or_default().to_owned().into(),
        base_url: outer.base_url.clone(),
    }
}
