//! One coalesced build for all tenants, and its publish.
//!
//! **Invariant:** only a build whose models and tests all passed is published, and only by the
//! one who holds the right to build. Requests that arrive while one builds are served by the
//! next round, or by the next call if too little time is left for it.

use std::sync::Arc;
use std::time::Duration;

use domain::ports::{
    Build, BuildClaim, BuildFailure, BuildReport, BuildStore, FailedNode, Published, Publisher,
    StoreError, Transformer, Warehouse,
};
use tokio::time::Instant;
use tracing::Instrument;

use crate::lease::{LEASE, Lost, renewing, while_held};

/// Builds and publishes, one at a time in the whole deployment.
pub struct Transform {
    pub builds: Arc<dyn BuildStore>,
    pub warehouse: Arc<dyn Warehouse>,
    pub transformer: Arc<dyn Transformer>,
    pub publisher: Arc<dyn Publisher>,
}

/// How a call to build ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TransformOutcome {
    /// Every request has been served, the last of them by this build; or all but those of
    /// `more_requested`, for which the time was too short.
    Published(TransformDone),
    /// Every request had been served before.
    UpToDate { data_version: i64 },
    /// Another builds: ask again after this.
    Busy { wait: Duration },
    /// dbt ran and said no: nothing was published. Of what failed, in dbt's order.
    Failed { failed: Vec<FailedNode> },
}

/// What was built and published, over all rounds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TransformDone {
    pub published: Published,
    pub builds: u32,
    pub transform: Duration,
    pub publish: Duration,
}

/// Why a build could not be carried out. Asking again is right.
#[derive(Debug, thiserror::Error)]
pub enum TransformError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the build was taken over by another process")]
    TakenOver,
}

impl Transform {
    /// Builds until every request has been served.
    pub async fn run(&self) -> Result<TransformOutcome, TransformError> {
        self.rounds(None).await
    }

    /// The same for a caller whose time is bounded: once `begin_within` has passed, no further
    /// build begins.
    pub async fn run_briefly(
        &self,
        begin_within: Duration,
    ) -> Result<TransformOutcome, TransformError> {
        self.rounds(Some(begin_within)).await
    }

    async fn rounds(
        &self,
        begin_within: Option<Duration>,
    ) -> Result<TransformOutcome, TransformError> {
        let started = Instant::now();
        let mut done = TransformDone::default();
        loop {
            match self.builds.begin(LEASE).await? {
                BuildClaim::Busy(wait) => return Ok(TransformOutcome::Busy { wait }),
                BuildClaim::UpToDate { data_version } if done.builds == 0 => {
                    return Ok(TransformOutcome::UpToDate { data_version });
                }
                BuildClaim::UpToDate { .. } => return Ok(TransformOutcome::Published(done)),
                BuildClaim::Begun(build) => {
                    let span = tracing::info_span!("build", build = %build.id, build.request);
                    let failed = self.round(&build, &mut done).instrument(span).await?;
                    if !failed.is_empty() {
                        return Ok(TransformOutcome::Failed { failed });
                    }
                    let in_time = begin_within.is_none_or(|within| started.elapsed() < within);
                    if !(done.published.more_requested && in_time) {
                        return Ok(TransformOutcome::Published(done));
                    }
                }
            }
        }
    }

    /// One build, and its publish if it is green. Answers what failed.
    async fn round(
        &self,
        build: &Build,
        done: &mut TransformDone,
    ) -> Result<Vec<FailedNode>, TransformError> {
        let started = Instant::now();
        let (through, report) = match self.build(build).await {
            Ok(report) => report,
            Err(error) => return Err(self.give_up(build, started, error).await),
        };
        let transform = started.elapsed();
        done.transform += transform;
        if !report.is_green() {
            self.record_failure(build, &report.failed, transform).await?;
            return Ok(report.failed);
        }
        let publishing = Instant::now();
        let publish = self.publisher.publish(build, through, transform);
        let published = renewing(publish, || self.builds.renew(build, LEASE)).await;
        match published {
            Ok(now) => {
                tracing::info!(
                    data_version = now.data_version,
                    days = now.days,
                    rows = now.rows,
                    "published"
                );
                done.published = Published {
                    days: done.published.days + now.days,
                    rows: done.published.rows + now.rows,
                    ..now
                };
                done.builds += 1;
                done.publish += publishing.elapsed();
                Ok(Vec::new())
            }
            Err(StoreError::NotFound { .. }) => Err(TransformError::TakenOver),
            Err(error) => Err(self.give_up(build, started, error.into()).await),
        }
    }

    /// All changes up to the number that comes back, built and tested.
    async fn build(&self, build: &Build) -> Result<(i64, BuildReport), TransformError> {
        let work = async {
            let settings = self.builds.tenant_settings().await?;
            self.warehouse.set_tenants(&settings).await?;
            let through = self.warehouse.newest_change().await?;
            let report = self.transformer.build(build.published_change, through).await?;
            Ok((through, report))
        };
        match while_held(work, || self.builds.renew(build, LEASE)).await {
            Ok(done) => done,
            Err(Lost) => Err(TransformError::TakenOver),
        }
    }

    async fn record_failure(
        &self,
        build: &Build,
        failed: &[FailedNode],
        transform: Duration,
    ) -> Result<(), StoreError> {
        for node in failed {
            tracing::error!(
                node = node.node,
                kind = node.kind,
                message = node.message,
                "the build failed; nothing was published"
            );
        }
        let first = failed.first();
        let failure = BuildFailure {
            node: first.map(|node| node.node.clone()),
            message: first.map_or_else(String::new, |node| node.message.clone()),
            transform,
        };
        self.builds.fail(build, &failure).await
    }

    /// Gives the right to build back, so that the next try need not wait for the lease.
    async fn give_up(
        &self,
        build: &Build,
        started: Instant,
        error: TransformError,
    ) -> TransformError {
        let failure =
            BuildFailure { node: None, message: chain(&error), transform: started.elapsed() };
        if let Err(error) = self.builds.fail(build, &failure).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the right to build was not given back; it lapses by itself"
            );
        }
        error
    }
}

/// An error with all that led to it, for the operator.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}
