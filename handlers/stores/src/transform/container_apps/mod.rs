//! dbt Core as a job of Azure Container Apps, for a host without Python.
//!
//! **Invariant:** dbt does not outlive whoever waits for it by more than the platform takes to
//! stop an execution, and never runs twice at once: an execution is stopped when its build is
//! dropped or out of time, and one that a killed process left behind is stopped, and waited for,
//! before the next begins. A build that was dropped starts nothing any more, and stops nothing but
//! what bears its own mark: the job may be another's by then.

mod job_id;
mod management;
mod report;
#[cfg(test)]
mod tests;
mod trouble;
mod wire;

use std::time::Duration;

use async_trait::async_trait;
use domain::ports::{BoxError, BuildReport, StoreError, Transformer};
use domain::{BusinessClock, SystemClock};
use sqlx::PgPool;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;
use url::Url;
use uuid::Uuid;

pub use self::job_id::ContainerAppsJobId;
use self::management::Management;
use self::trouble::{Again, Trouble};
use self::wire::{Configuration, Execution, State, Template};
use crate::azure::{AzureIdentity, endpoint};

/// How long a call that prepares or ends a build is repeated.
const PATIENCE: Duration = Duration::from_mins(1);

/// How long a stopped execution may take to end: the platform kills it half a minute after it
/// asked, and tells a little later.
const STOPPING: Duration = Duration::from_mins(2);

/// Between two looks at an execution, at first and in the long run.
const LOOKS: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(5));

/// The variable by which an execution tells whose it is: each start has its own value.
const MARK: &str = "MIQ_BUILD";

/// Told to nobody but the log.
const ABANDONED: &str = "nobody waits for the build any more";

/// Which job, and where.
#[derive(Clone, Debug)]
pub struct ContainerAppsConfig {
    pub job: ContainerAppsJobId,
    /// `https://management.azure.com/`
    pub management_url: Url,
    /// After this the build is stopped. The job's own `replicaTimeout` ends it, too.
    pub timeout: Duration,
}

/// Starts the job, waits for its end, and reads what dbt said from the warehouse.
#[derive(Clone, Debug)]
pub struct ContainerAppsJob {
    management: Management,
    timeout: Duration,
    reports: PgPool,
}

impl ContainerAppsJob {
    /// `reports` is the pool of the transform role, as which the job writes its report. Nothing
    /// is contacted yet.
    pub fn new(
        identity: &AzureIdentity,
        config: ContainerAppsConfig,
        reports: PgPool,
    ) -> Result<Self, StoreError> {
        let ContainerAppsConfig { job, management_url, timeout } = config;
        let management = Management::new(identity, endpoint(&management_url)?, job);
        Ok(Self { management, timeout, reports })
    }
}

#[async_trait]
impl Transformer for ContainerAppsJob {
    #[tracing::instrument(skip(self))]
    async fn build(
        &self,
        published_change: i64,
        through_change: i64,
    ) -> Result<BuildReport, StoreError> {
        // In a task of its own: dropped in the middle of a start, nobody would know what to stop.
        let dropped = CancellationToken::new();
        let _dropped_with_this = dropped.clone().drop_guard();
        let this = self.clone();
        let build = async move { this.run(published_change, through_change, dropped).await };
        tokio::spawn(build.in_current_span()).await.map_err(not_run)?
    }
}

/// Why an execution is not waited for any longer.
enum Over {
    Ended(State),
    OutOfTime,
    Dropped,
}

impl ContainerAppsJob {
    async fn run(
        &self,
        published_change: i64,
        through_change: i64,
        dropped: CancellationToken,
    ) -> Result<BuildReport, StoreError> {
        let deadline = Instant::now() + self.timeout;
        let mut template = tokio::select! {
            biased;
            () = dropped.cancelled() => return Err(not_run(ABANDONED)),
            prepared = self.prepare() => prepared.map_err(not_run)?,
        };
        template.set("MIQ_DBT_PUBLISHED_CHANGE", &published_change.to_string());
        template.set("MIQ_DBT_THROUGH_CHANGE", &through_change.to_string());
        let execution = self.start(&template, &dropped).await.map_err(not_run)?;
        tracing::info!(execution, "the dbt job was started");

        let known_by = Instant::now() + PATIENCE;
        let over = tokio::select! {
            biased;
            () = dropped.cancelled() => Ok(Over::Dropped),
            ended = self.ended(&execution, known_by) => ended.map(Over::Ended),
            () = tokio::time::sleep_until(deadline) => Ok(Over::OutOfTime),
        };
        match over {
            Ok(Over::Ended(state)) => self.report(&execution, state, &template).await,
            Ok(Over::OutOfTime) => {
                self.stop(&execution).await;
                Err(not_run(format!(
                    "the execution {execution} did not end within {:?} and was stopped. If it never \
                     began, ContainerAppSystemLogs in the Log Analytics workspace says why: an image \
                     that cannot be pulled, for one. {}",
                    self.timeout,
                    self.log_hint(&execution, &template),
                )))
            }
            Ok(Over::Dropped) => {
                self.stop(&execution).await;
                Err(not_run(ABANDONED))
            }
            Err(trouble) => {
                self.stop(&execution).await;
                Err(not_run(trouble))
            }
        }
    }

    /// Ends what an earlier, killed process left running, and answers what to run.
    async fn prepare(&self) -> Result<Template, Trouble> {
        self.clear(None).await?;
        Ok(self.management.job(Instant::now() + PATIENCE).await?.template)
    }

    /// Ends what runs: what bears this mark or, without one, everything.
    async fn clear(&self, mark: Option<&str>) -> Result<(), Trouble> {
        let until = Instant::now() + PATIENCE;
        let mut running = self.management.executions(until).await?;
        running.retain(|execution| {
            execution.state() == State::Running
                && mark.is_none_or(|mark| execution.says(MARK, mark))
        });
        if running.is_empty() {
            return Ok(());
        }
        let configuration = self.management.job(until).await?.configuration;
        let (over, running): (Vec<_>, Vec<_>) =
            running.into_iter().partition(|execution| is_over(execution, configuration.as_ref()));
        for Execution { name, .. } in &over {
            tracing::warn!(
                execution = name,
                "an execution shows no end, and is older than the platform lets any become"
            );
        }
        for Execution { name, .. } in &running {
            tracing::warn!(execution = name, "an execution that nobody waits for is stopped");
            self.management.stop(name, until).await?;
        }
        for Execution { name, .. } in &running {
            // It was listed, so what is not known is gone.
            match tokio::time::timeout(STOPPING, self.ended(name, Instant::now())).await {
                Ok(Err(trouble)) if !trouble.is_not_found() => return Err(trouble),
                Ok(_) => {}
                Err(_) => {
                    return Err(Trouble::never(format!(
                        "the execution {name} of an earlier build was stopped, and still runs"
                    )));
                }
            }
        }
        Ok(())
    }

    /// Starts an execution. If it may have been started without an answer, it is found and ended,
    /// and no other: one that another build has started since bears another mark.
    async fn start(
        &self,
        template: &Template,
        dropped: &CancellationToken,
    ) -> Result<String, Trouble> {
        let (mut template, mark) = (template.clone(), Uuid::new_v4().to_string());
        template.set(MARK, &mark);
        let started = self.management.start(&template, Instant::now() + PATIENCE, dropped).await;
        if let Err(trouble) = &started
            && trouble.again == Again::Unsure
            && let Err(error) = self.clear(Some(&mark)).await
        {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "an execution may have been started that nobody waits for; the next build stops it"
            );
        }
        started
    }

    /// Waits for an execution's end, however long Azure does not answer meanwhile. What was
    /// started a moment ago may not be known everywhere before `known_by`.
    async fn ended(&self, execution: &str, known_by: Instant) -> Result<State, Trouble> {
        let mut pause = LOOKS.0;
        loop {
            tokio::time::sleep(pause).await;
            pause = (pause + LOOKS.0 / 4).min(LOOKS.1);
            match self.management.execution(execution).await.map(|execution| execution.state()) {
                Ok(State::Running) => {}
                Err(trouble) if trouble.is_not_found() && Instant::now() < known_by => {}
                Err(trouble) if trouble.again != Again::Never => {
                    tracing::warn!(
                        error = &trouble as &dyn std::error::Error,
                        "cannot see how the dbt job is getting on"
                    );
                    pause = trouble.wait.unwrap_or_default().max(pause);
                }
                over => return over,
            }
        }
    }

    async fn report(
        &self,
        execution: &str,
        state: State,
        template: &Template,
    ) -> Result<BuildReport, StoreError> {
        if let Some(ended) = report::of(&self.reports, execution).await? {
            return ended.report().map_err(not_run);
        }
        let how = match state {
            State::Stopped => "was stopped by someone",
            State::Succeeded => "ended well, and left no report in raw.build_reports",
            State::Failed | State::Running => "failed before dbt could say why",
        };
        let hint = self.log_hint(execution, template);
        Err(not_run(format!("the execution {execution} {how}. {hint}")))
    }

    /// Ends an execution whose outcome matters no more.
    async fn stop(&self, execution: &str) {
        if let Err(error) = self.management.stop(execution, Instant::now() + PATIENCE).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                execution,
                "the dbt job was not stopped; the next build stops it"
            );
        }
    }

    /// Container Apps keeps no log itself.
    fn log_hint(&self, execution: &str, template: &Template) -> String {
        let ContainerAppsJobId { resource_group, name, .. } = &self.management.job;
        let container = template.containers.first().map_or("dbt", |container| &container.name);
        format!(
            "Its log is in the Log Analytics workspace: ContainerAppConsoleLogs | where \
             ContainerGroupName startswith '{execution}'; or, for a while: az containerapp job logs \
             show --resource-group {resource_group} --name {name} --execution {execution} \
             --container {container}"
        )
    }
}

/// Whether an execution that shows no end must have had it: what the platform has lost sight of
/// stays as it was last seen.
fn is_over(execution: &Execution, configuration: Option<&Configuration>) -> bool {
    configuration.is_some_and(|configuration| {
        execution.is_older_than(configuration.longest() + STOPPING, SystemClock.now())
    })
}

fn not_run(error: impl Into<BoxError>) -> StoreError {
    StoreError::Unavailable { what: "dbt", source: error.into() }
}
