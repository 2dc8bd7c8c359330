//! The one HTTP client: timeouts, caps, and answers that are either good or classified.
//!
//! **Invariant:** neither a URL nor a body of a platform reaches a log or an error's text; both
//! may hold tokens or a tenant's data.

use std::time::{Duration, Instant};

use bytes::Bytes;
use domain::Platform;
use domain::ports::PlatformError;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Body, Method, Request, Response, StatusCode, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};

use crate::config::Timing;
use crate::retry::{Attempts, Failure, Next, Remedy};

const USER_AGENT: &str = concat!("marketing-iq/", env!("CARGO_PKG_VERSION"), " (gzip)");
/// For answers that hold no rows.
const LARGEST_ANSWER: usize = 16 << 20;

/// A whole answer that may be a refusal; some platforms refuse with status 200.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer<'a> {
    pub(crate) status: StatusCode,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: &'a [u8],
}

impl Answer<'_> {
    /// `Retry-After` in seconds; no platform sends the form with a date.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        let seconds = self.headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
        Some(Duration::from_secs(seconds))
    }

    /// What a status means where the body says no more.
    pub(crate) fn by_status(&self, platform: Platform) -> Failure {
        let refused = Refused(self.status.as_u16());
        match self.status.as_u16() {
            429 => Failure::throttled(platform, self.retry_after()),
            408 | 500.. => match self.retry_after() {
                Some(wait) => Failure {
                    remedy: Remedy::After(wait),
                    error: PlatformError::Unavailable(platform, refused.into()),
                },
                None => Failure::unavailable(platform, refused),
            },
            200..=299 => Failure::garbled(platform, refused),
            401 => Failure::dead_token(platform),
            403 => Failure::final_(PlatformError::PermissionDenied(platform)),
            _ => Failure::nonsense(platform, refused),
        }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("status {0}")]
struct Refused(u16);

#[derive(Debug, thiserror::Error)]
#[error("the answer is larger than any real one")]
struct TooLarge;

#[derive(Debug, thiserror::Error)]
#[error("the answer took too long to arrive")]
struct TooSlow;

/// How a platform's refusals are understood: each has one in its `errors` module.
pub(crate) type Classify = fn(Platform, &Answer<'_>) -> Failure;

#[derive(Clone, Debug)]
pub(crate) struct Client {
    http: reqwest::Client,
    timing: Timing,
}

impl Client {
    pub(crate) fn new(timing: Timing) -> Result<Self, reqwest::Error> {
        let http = reqwest::Client::builder()
            .user_agent(USER_AGENT)
            .connect_timeout(timing.connect)
            .read_timeout(timing.read)
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .build()?;
        Ok(Self { http, timing })
    }

    pub(crate) fn timing(&self) -> &Timing {
        &self.timing
    }

    /// An answer with a good status, its body still to come.
    pub(crate) async fn open(
        &self,
        platform: Platform,
        request: Request,
        classify: Classify,
    ) -> Result<Incoming, Failure> {
        let began = Instant::now();
        let response =
            self.http.execute(request).await.map_err(|error| transport(platform, error))?;
        let mut incoming = Incoming { platform, response, began, limit: self.timing.answer };
        if incoming.response.status().is_success() {
            return Ok(incoming);
        }
        let status = incoming.response.status();
        let headers = incoming.response.headers().clone();
        // A refusal whose body is lost or endless is still a refusal.
        let body = incoming.whole().await.unwrap_or_default();
        Err(classify(platform, &Answer { status, headers: &headers, body: &body }))
    }

    /// One call with a small JSON answer.
    pub(crate) async fn json<T: DeserializeOwned>(
        &self,
        platform: Platform,
        request: Request,
        classify: Classify,
    ) -> Result<(T, HeaderMap), Failure> {
        let mut incoming = self.open(platform, request, classify).await?;
        let body = incoming.whole().await?;
        let headers = incoming.response.headers().clone();
        let answer = Answer { status: StatusCode::OK, headers: &headers, body: &body };
        refuse_if_error(platform, &answer, classify)?;
        let parsed =
            serde_json::from_slice(&body).map_err(|error| Failure::garbled(platform, error))?;
        Ok((parsed, headers))
    }

    /// The same, tried again as the policy allows; for calls outside an extraction, which can
    /// neither renew their token nor ask for less, and which somebody waits for.
    pub(crate) async fn json_with_retries<T: DeserializeOwned>(
        &self,
        platform: Platform,
        request: &Request,
        classify: Classify,
    ) -> Result<T, PlatformError> {
        let timing = self.timing.interactive();
        let mut attempts = Attempts::new(&timing);
        let began = Instant::now();
        loop {
            let mut request = request.try_clone().expect("no body is a stream");
            let left = timing.interactive.call.saturating_sub(began.elapsed());
            *request.timeout_mut() = Some(left.min(timing.interactive.answer));
            match self.json(platform, request, classify).await {
                Ok((answer, _)) => return Ok(answer),
                Err(failure) => match attempts.after(failure.remedy) {
                    Next::Wait(wait) | Next::Less(Some(wait))
                        if began.elapsed() + wait < timing.interactive.call =>
                    {
                        tracing::debug!(%platform, code = failure.error.code(), "calling again");
                        tokio::time::sleep(wait).await;
                    }
                    _ => return Err(failure.error),
                },
            }
        }
    }
}

/// An answer whose body arrives piece by piece.
pub(crate) struct Incoming {
    platform: Platform,
    response: Response,
    began: Instant,
    limit: Duration,
}

impl Incoming {
    pub(crate) fn headers(&self) -> &HeaderMap {
        self.response.headers()
    }

    pub(crate) async fn chunk(&mut self) -> Result<Option<Bytes>, Failure> {
        if self.began.elapsed() > self.limit {
            // It took most of a function's time: the same again would not end in time either.
            return Err(Failure {
                remedy: Remedy::Less,
                error: PlatformError::Unavailable(self.platform, TooSlow.into()),
            });
        }
        self.response.chunk().await.map_err(|error| transport(self.platform, error))
    }

    async fn whole(&mut self) -> Result<Vec<u8>, Failure> {
        let mut body = Vec::new();
        while let Some(chunk) = self.chunk().await? {
            if body.len() + chunk.len() > LARGEST_ANSWER {
                return Err(Failure::nonsense(self.platform, TooLarge));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }
}

/// Platforms also refuse with status 200 and an error inside.
pub(crate) fn refuse_if_error(
    platform: Platform,
    answer: &Answer<'_>,
    classify: Classify,
) -> Result<(), Failure> {
    #[derive(Deserialize)]
    struct Probe {
        error: Option<IgnoredAny>,
    }
    let probes = match answer.body.trim_ascii_start().first() {
        Some(b'[') => serde_json::from_slice(answer.body).unwrap_or_default(),
        Some(b'{') => {
            serde_json::from_slice(answer.body).map_or_else(|_| Vec::new(), |one| vec![one])
        }
        _ => Vec::new(),
    };
    let refused = probes.iter().any(|Probe { error }| error.is_some());
    if refused { Err(classify(platform, answer)) } else { Ok(()) }
}

/// A call that got no answer. The URL is taken out: it may hold a secret.
fn transport(platform: Platform, error: reqwest::Error) -> Failure {
    let error = error.without_url();
    if error.is_builder() {
        Failure::nonsense(platform, error)
    } else if error.is_timeout() && !error.is_connect() {
        // The platform took the call but did not manage it in time: it may be too much.
        Failure {
            remedy: Remedy::AgainOrLess,
            error: PlatformError::Unavailable(platform, error.into()),
        }
    } else {
        Failure::unavailable(platform, error)
    }
}

/// `base` with more path segments, each escaped.
pub(crate) fn path(base: &Url, segments: &[&str]) -> Url {
    let mut url = base.clone();
    url.path_segments_mut()
        .expect("checked when the platforms were set up")
        .pop_if_empty()
        .extend(segments);
    url
}

/// A call on behalf of a person. The token goes into a header, for a URL ends up in logs.
pub(crate) fn authorized(
    method: Method,
    url: Url,
    platform: Platform,
    token: &SecretString,
) -> Result<Request, Failure> {
    // What cannot stand in a header was never a token.
    let mut value = HeaderValue::from_str(&format!("Bearer {}", token.expose_secret()))
        .map_err(|_| Failure::dead_token(platform))?;
    value.set_sensitive(true);
    let mut request = Request::new(method, url);
    request.headers_mut().insert(AUTHORIZATION, value);
    Ok(request)
}

pub(crate) fn with_json(mut request: Request, body: &impl Serialize) -> Request {
    let body = serde_json::to_vec(body).expect("our own structs are JSON");
    request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    *request.body_mut() = Some(Body::from(body));
    request
}

pub(crate) fn with_form(mut request: Request, fields: &[(&str, &str)]) -> Request {
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    request
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
    *request.body_mut() = Some(Body::from(body));
    request
}
