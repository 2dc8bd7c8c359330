//! The five calls to the management API that a build needs.

use std::sync::Arc;
use std::time::Duration;

use azure_core::http::headers::{CONTENT_TYPE, HeaderName};
use azure_core::http::policies::auth::BearerTokenAuthorizationPolicy;
use azure_core::http::{
    ClientOptions, Context, Method, Pipeline, PipelineSendOptions, RawResponse, Request,
    RetryOptions,
};
use serde::de::DeserializeOwned;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::ABANDONED;
use super::ContainerAppsJobId;
use super::trouble::{Again, Trouble};
use super::wire::{Execution, Executions, Job, JobProperties, Started, Template};
use crate::azure::{AzureIdentity, is_loopback};

const API_VERSION: &str = "2025-01-01";

/// What tokens for a stand-in on this machine are issued for.
const PUBLIC_CLOUD: &str = "https://management.azure.com";

const STARTING: &str = "start";

const LOCATION: HeaderName = HeaderName::from_static_standard("location");

/// A call without an answer is given up after this.
const CALL: Duration = Duration::from_secs(30);

/// Between two attempts of a call, where the service does not ask for more; doubled each time.
const PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(8);

/// Pages of executions that are read at most: the platform keeps a hundred executions.
const PAGES: usize = 100;

/// The management API, asked about one job.
///
/// The pipeline does not repeat calls by itself: whether a start may be repeated depends on
/// whether it was received.
#[derive(Clone, Debug)]
pub(super) struct Management {
    pipeline: Pipeline,
    base: Url,
    pub(super) job: ContainerAppsJobId,
}

impl Management {
    pub(super) fn new(identity: &AzureIdentity, base: Url, job: ContainerAppsJobId) -> Self {
        let bearer = BearerTokenAuthorizationPolicy::new(identity.credential(), [scope(&base)]);
        let pipeline = Pipeline::new(
            option_env!("CARGO_PKG_NAME"),
            option_env!("CARGO_PKG_VERSION"),
            ClientOptions { retry: RetryOptions::none(), ..identity.client_options() },
            Vec::new(),
            vec![Arc::new(bearer)],
            None,
        );
        Self { pipeline, base, job }
    }

    /// What an execution of the job runs, and for how long.
    pub(super) async fn job(&self, until: Instant) -> Result<JobProperties, Trouble> {
        let url = self.url("")?;
        let job: Job = persist(until, || self.read("look at", url.clone())).await?;
        Ok(job.properties)
    }

    /// Starts an execution and answers its name. If that is [`Again::Unsure`], there may be one.
    /// Once `dropped` no attempt begins; one that is under way is seen through.
    pub(super) async fn start(
        &self,
        template: &Template,
        until: Instant,
        dropped: &CancellationToken,
    ) -> Result<String, Trouble> {
        let url = self.url("/start")?;
        let body = serde_json::to_vec(template).expect("a template is plain data");
        let start = || self.call(STARTING, Method::Post, url.clone(), Some(body.clone()));
        let accepted = repeat(until, dropped, |again| again == Again::Safe, start).await?;
        self.name_of(accepted, until).await.map_err(Trouble::after_acceptance)
    }

    /// The name comes with the answer or, the specification allows, from another place later.
    async fn name_of(&self, accepted: RawResponse, until: Instant) -> Result<String, Trouble> {
        let mut answer = accepted;
        loop {
            if let Ok(started) = decode::<Started>(STARTING, &answer) {
                return Ok(started.name);
            }
            let Some(place) = answer.headers().get_optional_string(&LOCATION) else {
                return Err(Trouble::never(
                    "Azure did not name the execution that it started".to_owned(),
                ));
            };
            let place = self.own(&place)?;
            tokio::time::sleep(PAUSE).await;
            answer =
                persist(until, || self.call(STARTING, Method::Get, place.clone(), None)).await?;
        }
    }

    /// All executions that the platform remembers.
    pub(super) async fn executions(&self, until: Instant) -> Result<Vec<Execution>, Trouble> {
        let mut url = self.url("/executions")?;
        let mut all = Vec::new();
        for _ in 0..PAGES {
            let page: Executions =
                persist(until, || self.read("list the executions of", url.clone())).await?;
            all.extend(page.value);
            match page.next_link {
                Some(next) => url = self.own(&next)?,
                None => break,
            }
        }
        Ok(all)
    }

    /// One look at an execution.
    pub(super) async fn execution(&self, name: &str) -> Result<Execution, Trouble> {
        self.read("look at an execution of", self.url(&format!("/executions/{name}"))?).await
    }

    /// Asks for an execution's end. What has ended, or is gone, is no error.
    pub(super) async fn stop(&self, name: &str, until: Instant) -> Result<(), Trouble> {
        let url = self.url(&format!("/executions/{name}/stop"))?;
        let stopped =
            persist(until, || self.call("stop an execution of", Method::Post, url.clone(), None));
        match stopped.await {
            Err(trouble) if !trouble.is_not_found() => Err(trouble),
            _ => Ok(()),
        }
    }

    fn url(&self, below: &str) -> Result<Url, Trouble> {
        let mut url = self
            .base
            .join(&format!("{}{below}", self.job))
            .map_err(|error| Trouble::never(format!("the dbt job has no URL: {error}")))?;
        url.query_pairs_mut().append_pair("api-version", API_VERSION);
        Ok(url)
    }

    /// A place that the service named. Tokens go nowhere else.
    fn own(&self, place: &str) -> Result<Url, Trouble> {
        match self.base.join(place) {
            Ok(url) if url.origin() == self.base.origin() => Ok(url),
            _ => Err(Trouble::never("Azure named a place outside its management API".to_owned())),
        }
    }

    async fn read<T: DeserializeOwned>(&self, doing: &str, url: Url) -> Result<T, Trouble> {
        decode(doing, &self.call(doing, Method::Get, url, None).await?)
    }

    async fn call(
        &self,
        doing: &str,
        method: Method,
        url: Url,
        body: Option<Vec<u8>>,
    ) -> Result<RawResponse, Trouble> {
        let mut request = Request::new(url, method);
        if let Some(body) = body {
            request.insert_header(CONTENT_TYPE, "application/json");
            request.set_body(body);
        }
        let options = PipelineSendOptions { skip_checks: true, ..PipelineSendOptions::default() };
        let context = Context::new();
        let sent = self.pipeline.send(&context, &mut request, Some(options));
        let response = tokio::time::timeout(CALL, sent)
            .await
            .map_err(|_| Trouble::late(doing, CALL))?
            .map_err(|error| Trouble::unanswered(doing, &error))?;
        if response.status().is_success() {
            return Ok(response);
        }
        Err(Trouble::refused(doing, &self.job, &response))
    }
}

/// What the token has to be for: each cloud's management API takes its own.
fn scope(base: &Url) -> String {
    let audience = if is_loopback(base) {
        PUBLIC_CLOUD.to_owned()
    } else {
        base.origin().ascii_serialization()
    };
    format!("{audience}/.default")
}

fn decode<T: DeserializeOwned>(doing: &str, response: &RawResponse) -> Result<T, Trouble> {
    serde_json::from_slice(response.body().as_ref()).map_err(|error| {
        Trouble::never(format!("what Azure answered when asked to {doing} the dbt job: {error}"))
    })
}

/// Makes a call that does no harm if made twice, until it is answered or will not be.
async fn persist<T, F>(until: Instant, call: impl Fn() -> F) -> Result<T, Trouble>
where
    F: Future<Output = Result<T, Trouble>>,
{
    repeat(until, &CancellationToken::new(), |again| again != Again::Never, call).await
}

/// Makes no attempt once it is `dropped`.
async fn repeat<T, F>(
    until: Instant,
    dropped: &CancellationToken,
    may: impl Fn(Again) -> bool,
    call: impl Fn() -> F,
) -> Result<T, Trouble>
where
    F: Future<Output = Result<T, Trouble>>,
{
    let mut pause = PAUSE;
    loop {
        if dropped.is_cancelled() {
            return Err(Trouble::never(ABANDONED.to_owned()));
        }
        let trouble = match call().await {
            Err(trouble) if may(trouble.again) => trouble,
            done => return done,
        };
        let wait = trouble.wait.unwrap_or(pause).max(pause);
        if Instant::now() + wait > until {
            return Err(trouble);
        }
        tracing::debug!(error = &trouble as &dyn std::error::Error, "asking Azure again");
        dropped.run_until_cancelled(tokio::time::sleep(wait)).await;
        pause = (2 * pause).min(LONGEST_PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_for_the_cloud_that_is_asked() {
        for (base, expected) in [
            ("https://management.azure.com/", "https://management.azure.com/.default"),
            (
                "https://management.usgovcloudapi.net",
                "https://management.usgovcloudapi.net/.default",
            ),
            (
                "https://management.chinacloudapi.cn/",
                "https://management.chinacloudapi.cn/.default",
            ),
            ("https://127.0.0.1:8443/", "https://management.azure.com/.default"),
        ] {
            assert_eq!(scope(&base.parse().unwrap()), expected, "{base}");
        }
    }
}
