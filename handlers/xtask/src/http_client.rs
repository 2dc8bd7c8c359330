//! A client of the HTTP API, as a user's program would be.

use std::time::Duration;

use anyhow::{Context, bail};
use reqwest::header::{ACCEPT, CONTENT_TYPE, COOKIE, HeaderMap, LOCATION, SET_COOKIE};
use reqwest::redirect::Policy;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

const TIMEOUT: Duration = Duration::from_mins(1);

/// How often a consent may send the browser on.
const MOST_REDIRECTS: usize = 8;

#[derive(Clone, Debug)]
pub(crate) struct Api {
    http: reqwest::Client,
    base: String,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
    what: String,
    headers: HeaderMap,
}

impl Answer {
    /// Whether it is an error as RFC 9457 has it.
    pub(crate) fn is_problem(&self) -> bool {
        self.headers
            .get(CONTENT_TYPE)
            .is_some_and(|kind| kind.as_bytes() == b"application/problem+json")
    }

    /// The body, if the status is the expected one; otherwise what the API says about it.
    pub(crate) fn expect(self, status: u16) -> anyhow::Result<Value> {
        if self.status == status {
            return Ok(self.body);
        }
        let detail = self.body["detail"].as_str().unwrap_or("no detail");
        let code = self.body["code"].as_str().unwrap_or("no code");
        bail!("{} answered {} ({code}): {detail}", self.what, self.status)
    }
}

impl Api {
    pub(crate) fn new(base: impl Into<String>) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder()
            .user_agent(concat!("xtask/", env!("CARGO_PKG_VERSION")))
            .redirect(Policy::none())
            // All of it is on this machine; a proxy of the environment is not asked.
            .no_proxy()
            .timeout(TIMEOUT)
            .build()
            .context("an HTTP client can be built")?;
        Ok(Self { http, base: base.into() })
    }

    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    pub(crate) async fn get(&self, path: &str, token: &str) -> anyhow::Result<Answer> {
        self.call(Method::GET, path, Some(token), None).await
    }

    pub(crate) async fn post(
        &self,
        path: &str,
        token: Option<&str>,
        body: &Value,
    ) -> anyhow::Result<Answer> {
        self.call(Method::POST, path, token, Some(body)).await
    }

    /// Calls an endpoint and reads its answer whole.
    pub(crate) async fn call(
        &self,
        method: Method,
        path: &str,
        token: Option<&str>,
        body: Option<&Value>,
    ) -> anyhow::Result<Answer> {
        // Without the query, which a message need not repeat.
        let what = format!("{method} {}", path.split('?').next().unwrap_or(path));
        let mut request = self
            .http
            .request(method, format!("{}{path}", self.base))
            .header(ACCEPT, "application/json");
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        read(request, what).await
    }

    /// Calls a timer or queue function as the Functions host does.
    pub(crate) async fn invoke(&self, function: &str, data: &Value) -> anyhow::Result<Answer> {
        let invocation = Uuid::new_v4();
        let body = json!({
            "Data": data,
            "Metadata": { "sys": { "MethodName": function, "RandGuid": invocation } },
        });
        let request = self
            .http
            .post(format!("{}/{function}", self.base))
            .header("x-azure-functions-invocationid", invocation.to_string())
            .json(&body);
        read(request, format!("POST /{function}")).await
    }

    /// All rows of a list, page by page.
    pub(crate) async fn all(&self, path: &str, token: &str) -> anyhow::Result<Vec<Value>> {
        let mut rows = Vec::new();
        let mut next = path.to_owned();
        loop {
            let mut page = self.get(&next, token).await?.expect(200)?;
            let Value::Array(data) = page["data"].take() else {
                bail!("GET {path} answered no list");
            };
            rows.extend(data);
            let Some(cursor) = page["next_cursor"].as_str() else { return Ok(rows) };
            let joint = if path.contains('?') { '&' } else { '?' };
            next = format!("{path}{joint}cursor={cursor}");
        }
    }

    /// Whether the deployment says that it can answer.
    pub(crate) async fn is_healthy(&self) -> bool {
        let health = self.http.get(format!("{}/health", self.base)).send().await;
        health.is_ok_and(|answer| answer.status() == StatusCode::OK)
    }

    /// Goes through a platform's consent as a signed-in browser would, from the answer that
    /// started it to the callback's JSON.
    pub(crate) async fn follow_consent(&self, started: Answer) -> anyhow::Result<Value> {
        let cookie = cookie_of(&started.headers).context("no cookie binds the browser")?;
        let body = started.expect(200)?;
        let mut next = text(&body, "authorization_url")?.to_owned();
        for _ in 0..MOST_REDIRECTS {
            let mut request = self.http.get(&next).header(ACCEPT, "application/json");
            if next.starts_with(&self.base) {
                request = request.header(COOKIE, &cookie);
            }
            let answer = read(request, "the consent".to_owned()).await?;
            match answer.headers.get(LOCATION) {
                Some(location) => location.to_str()?.clone_into(&mut next),
                None => return answer.expect(200),
            }
        }
        bail!("the consent never came back")
    }
}

async fn read(request: reqwest::RequestBuilder, what: String) -> anyhow::Result<Answer> {
    let failed = || format!("{what} was not answered");
    // An address with a query may hold a secret: it stays out of messages.
    let answer = request.send().await.map_err(reqwest::Error::without_url).with_context(failed)?;
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    let text = answer.text().await.map_err(reqwest::Error::without_url).with_context(failed)?;
    let body = serde_json::from_str(&text).unwrap_or(Value::Null);
    Ok(Answer { status, body, what, headers })
}

fn cookie_of(headers: &HeaderMap) -> Option<String> {
    let cookie = headers.get(SET_COOKIE)?.to_str().ok()?;
    cookie.split(';').next().map(str::to_owned)
}

/// A member of an answer that must be there.
pub(crate) fn text<'a>(value: &'a Value, name: &str) -> anyhow::Result<&'a str> {
    value[name].as_str().with_context(|| format!("an answer lacks `{name}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unexpected_answer_says_what_the_api_said() {
        let answer = Answer {
            status: 409,
            body: serde_json::json!({"code": "email_taken", "detail": "log in instead"}),
            what: "POST /auth/signup".to_owned(),
            headers: HeaderMap::new(),
        };
        let message = answer.expect(201).unwrap_err().to_string();
        assert_eq!(message, "POST /auth/signup answered 409 (email_taken): log in instead");
    }

    #[test]
    fn only_the_pair_of_a_cookie_is_sent_back() {
        let mut headers = HeaderMap::new();
        assert_eq!(cookie_of(&headers), None);
        headers.insert(SET_COOKIE, "miq_oauth=abc; HttpOnly; Path=/oauth".parse().unwrap());
        assert_eq!(cookie_of(&headers).as_deref(), Some("miq_oauth=abc"));
    }
}
