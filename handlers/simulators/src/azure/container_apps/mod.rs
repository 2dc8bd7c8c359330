//! The management API of one Container Apps job, which really runs what stands in for its image:
//! a Python program, as a child process with exactly the job's environment.
//!
//! The specification is Microsoft.App/jobs 2025-01-01 in Azure/azure-rest-api-specs.

mod answers;
mod executions;
mod replica;
mod routes;
mod template;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use url::Url;

use self::executions::Executions;
pub use self::executions::{Observed, Status};
use self::template::Template;
use super::authority::Authority;
use super::server::{ANY_PORT, Server};
use super::tokens::Tokens;

/// The job and what it runs.
#[derive(Clone, Debug)]
pub struct TransformJob {
    /// The last part of its id.
    pub name: String,
    pub python: PathBuf,
    /// The image's entry point.
    pub entrypoint: PathBuf,
    /// The transform role's URL: the job's one secret.
    pub database_url: String,
    /// The environment of the image beside what every replica has.
    pub environment: Vec<(String, String)>,
    /// After this the platform ends a replica.
    pub replica_timeout: Duration,
}

/// A running management API; clones are handles to it. It and all executions stop with the last.
#[derive(Clone)]
pub struct ContainerApps {
    server: Server,
    platform: Arc<Platform>,
}

/// What the API is about.
struct Platform {
    tokens: Tokens,
    job: TransformJob,
    executions: Executions,
    orders: Mutex<Orders>,
}

/// Trouble that a test ordered.
#[derive(Default)]
struct Orders {
    throttled: u32,
    retry_after: Duration,
    forbidden: bool,
    unavailable: u32,
    image_missing: bool,
    unseen: u32,
    forgetful: bool,
    busy_starts: u32,
    start_answer: StartAnswer,
    /// Calls that were let in, as `POST start`.
    calls: Vec<String>,
}

/// How a start is answered.
#[derive(Clone, Copy, Default)]
enum StartAnswer {
    #[default]
    AtOnce,
    /// 202, and a place where the execution's name is found.
    Later,
    /// By a connection that is cut: once.
    Lost,
}

impl ContainerApps {
    /// Starts on a free port.
    pub async fn start(authority: &Authority, job: TransformJob) -> anyhow::Result<Self> {
        Self::listen(ANY_PORT, authority, job).await
    }

    /// Starts on a port of one's choice; 0 takes a free one.
    pub async fn listen(
        listen: SocketAddr,
        authority: &Authority,
        job: TransformJob,
    ) -> anyhow::Result<Self> {
        let platform = Arc::new(Platform {
            tokens: authority.tokens(),
            executions: Executions::default(),
            orders: Mutex::default(),
            job,
        });
        let answering = Arc::clone(&platform);
        let server = Server::tls(listen, authority, move |call| {
            let answer = routes::answer(&answering, &call);
            async move { answer }
        });
        Ok(Self { server: server.await?, platform })
    }

    /// In the place of `https://management.azure.com/`.
    pub fn management_url(&self) -> Url {
        self.server.url()
    }

    /// The job's resource id.
    pub fn job_id(&self) -> String {
        self.platform.job.id()
    }

    /// Every execution so far, oldest first.
    pub fn executions(&self) -> Vec<Observed> {
        self.platform.executions.observed()
    }

    /// What an execution printed so far.
    pub fn log(&self, execution: &str) -> String {
        self.platform.executions.log(execution)
    }

    /// Starts an execution beside the API, as a person would in the portal.
    pub fn start_by_hand(&self, variables: &[(&str, &str)]) -> anyhow::Result<String> {
        let mut template = Template::of(&self.platform.job);
        template.add(variables);
        Ok(self.platform.begin(&template)?)
    }

    /// An execution that began so long ago and of which the platform has lost sight: its status is
    /// `Unknown`, it never shows an end, and no stop changes that.
    pub fn strand(&self, age: Duration) -> anyhow::Result<String> {
        let job = &self.platform.job;
        Ok(self.platform.executions.strand(job, Template::of(job), age)?)
    }

    /// The calls that were let in, oldest first: `GET executions`, `POST start`.
    pub fn calls(&self) -> Vec<String> {
        self.platform.orders().calls.clone()
    }

    /// Answers the next `times` calls with 429.
    pub fn throttle(&self, times: u32, retry_after: Duration) {
        let mut orders = self.platform.orders();
        (orders.throttled, orders.retry_after) = (times, retry_after);
    }

    /// Answers the next `times` calls with 503.
    pub fn fail(&self, times: u32) {
        self.platform.orders().unavailable = times;
    }

    /// Whether the identity has no role on the job.
    pub fn forbid(&self, forbidden: bool) {
        self.platform.orders().forbidden = forbidden;
    }

    /// Whether the image cannot be pulled: executions are accepted and never begin.
    pub fn image_missing(&self, missing: bool) {
        self.platform.orders().image_missing = missing;
    }

    /// Does not find an execution the next `times` that it is asked for: what was started a moment
    /// ago is not known everywhere yet.
    pub fn overlook_executions(&self, times: u32) {
        self.platform.orders().unseen = times;
    }

    /// Forgets all executions once they have been listed, as the platform does with those beyond
    /// the last hundred, and ends those that run.
    pub fn forget_once_listed(&self) {
        self.platform.orders().forgetful = true;
    }

    /// Answers the next `times` starts, and no other calls, with 429.
    pub fn throttle_starts(&self, times: u32, retry_after: Duration) {
        let mut orders = self.platform.orders();
        (orders.busy_starts, orders.retry_after) = (times, retry_after);
    }

    /// Does what the next start asks, and cuts the connection in the place of an answer.
    pub fn lose_next_start(&self) {
        self.platform.orders().start_answer = StartAnswer::Lost;
    }

    /// Answers starts with 202 and a place where the execution's name is found a moment later, as
    /// the specification allows.
    pub fn answer_starts_later(&self) {
        self.platform.orders().start_answer = StartAnswer::Later;
    }

    /// Cuts all connections and refuses new ones. Executions go on.
    pub async fn down(&self) -> io::Result<()> {
        self.server.down().await
    }

    /// Answers again, under the same address.
    pub async fn up(&self) -> io::Result<()> {
        self.server.up().await
    }
}

impl Platform {
    fn orders(&self) -> MutexGuard<'_, Orders> {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins an execution and answers its name.
    fn begin(&self, template: &Template) -> io::Result<String> {
        let image_missing = self.orders().image_missing;
        self.executions.begin(&self.job, template, image_missing)
    }
}

impl TransformJob {
    fn id(&self) -> String {
        format!(
            "/subscriptions/9d4d3a0e-52b1-4a6e-8c55-2f0c4f7b6a10/resourceGroups/marketing-iq/\
             providers/Microsoft.App/jobs/{}",
            self.name
        )
    }
}
