//! Answers.

use bytes::Bytes;
use serde::Serialize;
use serde_json::Value;
use warp::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION};
use warp::http::{HeaderMap, StatusCode};

use crate::Problem;

/// An answer on its way out.
#[derive(Debug)]
#[must_use]
pub struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Reply {
    fn new(status: StatusCode, content_type: &'static str, body: Bytes) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        Self { status, headers, body }
    }

    fn json_with(status: StatusCode, body: &impl Serialize) -> Result<Self, Problem> {
        let body = serde_json::to_vec(body).map_err(Problem::internal)?;
        Ok(Self::new(status, "application/json", body.into()))
    }

    /// 200 with JSON.
    pub fn ok(body: &impl Serialize) -> Result<Self, Problem> {
        Self::json_with(StatusCode::OK, body)
    }

    /// 201 with JSON.
    pub fn created(body: &impl Serialize) -> Result<Self, Problem> {
        Self::json_with(StatusCode::CREATED, body)
    }

    /// 202 with JSON: the work goes on.
    pub fn accepted(body: &impl Serialize) -> Result<Self, Problem> {
        Self::json_with(StatusCode::ACCEPTED, body)
    }

    /// 200 with JSON that has been rendered before.
    pub fn rendered_json(body: Bytes) -> Self {
        Self::new(StatusCode::OK, "application/json", body)
    }

    /// 200 with a page.
    pub fn html(page: impl Into<Bytes>) -> Self {
        Self::new(StatusCode::OK, "text/html; charset=utf-8", page.into())
    }

    /// 204.
    pub fn no_content() -> Self {
        Self::bare(StatusCode::NO_CONTENT)
    }

    /// 304: what the client holds is still right.
    pub fn not_modified() -> Self {
        Self::bare(StatusCode::NOT_MODIFIED)
    }

    /// 303 to `location`.
    pub fn see_other(location: &str) -> Self {
        Self::bare(StatusCode::SEE_OTHER).header(LOCATION.as_str(), location)
    }

    fn bare(status: StatusCode) -> Self {
        let mut reply = Self::new(status, "", Bytes::new());
        reply.headers.remove(CONTENT_TYPE);
        reply
    }

    pub(crate) fn problem(status: StatusCode, document: &Value) -> Self {
        Self::new(status, "application/problem+json", document.to_string().into())
    }

    /// The same answer with another status.
    pub fn with_status(mut self, status: u16) -> Self {
        self.status = StatusCode::from_u16(status).expect("statuses are literals");
        self
    }

    /// Sets a header. A value that no header can hold (control characters) is left out.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("header names are literals");
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(name, value);
        }
        self
    }

    pub fn status(&self) -> u16 {
        self.status.as_u16()
    }

    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    pub fn body(&self) -> &Bytes {
        &self.body
    }

    pub(crate) fn into_response(mut self) -> warp::reply::Response {
        self.headers.insert("x-content-type-options", HeaderValue::from_static("nosniff"));
        let mut response = warp::reply::Response::new(self.body.into());
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response
    }
}
