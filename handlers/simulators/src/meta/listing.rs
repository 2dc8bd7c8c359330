//! Listings with cursors.

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde_json::{Value, json};

use super::error::GraphError;
use super::params::Params;
use crate::wire::Call;

/// Objects of one page when the call does not say.
const DEFAULT_LIMIT: usize = 25;

/// Above this Meta asks for less.
const LARGEST_LIMIT: usize = 5_000;

/// One page of `rows` with its cursors; `next` only where more follows, `cursors.after` always.
pub(super) fn page(
    call: &Call,
    params: &Params,
    token: &str,
    rows: &[Value],
) -> Result<Value, GraphError> {
    let limit = params.number("limit")?.unwrap_or(DEFAULT_LIMIT);
    if limit == 0 {
        return Err(GraphError::bad_parameter("limit", "must be positive"));
    }
    if limit > LARGEST_LIMIT {
        return Err(GraphError::new(
            1,
            "Please reduce the amount of data you're asking for, then retry your request",
        )
        .status(warp::http::StatusCode::INTERNAL_SERVER_ERROR));
    }
    let start = match params.get("after").filter(|after| !after.is_empty()) {
        None => 0,
        Some(after) => read_cursor(after)
            .ok_or_else(|| GraphError::bad_parameter("after", "not a cursor of this listing"))?,
    };
    let end = rows.len().min(start.saturating_add(limit));
    let data = rows.get(start..end).unwrap_or_default();
    let mut page = json!({ "data": data });
    if !data.is_empty() {
        page["paging"] = json!({ "cursors": { "before": cursor(start), "after": cursor(end) } });
    }
    if end < rows.len() {
        page["paging"]["next"] = Value::String(next_link(call, params, token, limit, end));
    }
    if params.is_true("summary") {
        page["summary"] = json!({ "total_count": rows.len() });
    }
    Ok(page)
}

/// The address of the next page; it carries the token, as Meta's does.
fn next_link(call: &Call, params: &Params, token: &str, limit: usize, end: usize) -> String {
    let (limit, after) = (limit.to_string(), cursor(end));
    let mut query = vec![("access_token", token)];
    query.extend(params.without(&["access_token", "limit", "after"]));
    query.extend([("limit", limit.as_str()), ("after", after.as_str())]);
    let query = serde_urlencoded::to_string(query).unwrap_or_default();
    format!("{}/{}?{query}", call.base_url, call.path)
}

/// Meta's cursors look like base 64 with a tail.
fn cursor(position: usize) -> String {
    format!("{}ZD", STANDARD_NO_PAD.encode(format!("cursor:{position}")))
}

fn read_cursor(text: &str) -> Option<usize> {
    let text = String::from_utf8(STANDARD_NO_PAD.decode(text.strip_suffix("ZD")?).ok()?).ok()?;
    text.strip_prefix("cursor:")?.parse().ok()
}
