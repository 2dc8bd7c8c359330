//! dbt Core as a job of Azure Container Apps, for a host without Python.
//!
//! **Invariant:** dbt does not outlive whoever waits for it by more than the platform takes to
//! stop an execution, and never runs twice at once: an execution is stopped when its build is
//! dropped or out of time, and one that a killed process left behind is stopped, and waited for,
//! before the next begins.

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
use sqlx::PgPool;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;
use url::Url;

use self::job_id::JobId;
use self::management::Management;
use self::trouble::{Again, Trouble};
use self::wire::{State, Template};
use crate::azure::{AzureIdentity, endpoint};

/// How long a call that prepares or ends a build is repeated.
const PATIENCE: Duration = Duration::from_mins(1);

/// How long a stopped execution may take to end: the platform kills it half a minute after it
/// asked, and tells a little later.
const STOPPING: Duration = Duration::from_mins(2);

/// Between two looks at an execution, at first and in the long run.
const LOOKS: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(5));

/// Told to nobody but the log.
const ABANDONED: &str = "nobody waits for the build any more";

/// Which job, and where.
#[derive(Clone, Debug)]
pub struct ContainerAppsConfig {
    /// `/subscriptions/…/resourceGroups/…/providers/Microsoft.App/jobs/…`
    pub job_id: String,
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
        let ContainerAppsConfig { job_id, management_url, timeout } = config;
        let job = JobId::parse(&job_id).ok_or_else(|| {
            StoreError::Invalid(format!(
                "{job_id:?} is not the id of a Container Apps job: /subscriptions/…/\
                 resourceGroups/…/providers/Microsoft.App/jobs/…"
            ))
        })?;
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
            prepared = self.prepare() => prepared.map_err(not_run)?,
            () = dropped.cancelled() => return Err(not_run(ABANDONED)),
        };
        template.set("MIQ_DBT_PUBLISHED_CHANGE", &published_change.to_string());
        template.set("MIQ_DBT_THROUGH_CHANGE", &through_change.to_string());
        let execution = self.start(&template).await.map_err(not_run)?;
        tracing::info!(execution, "the dbt job was started");

        let over = tokio::select! {
            ended = self.ended(&execution) => ended.map(Over::Ended),
            () = tokio::time::sleep_until(deadline) => Ok(Over::OutOfTime),
            () = dropped.cancelled() => Ok(Over::Dropped),
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
        let until = Instant::now() + PATIENCE;
        self.clear().await?;
        self.management.template(until).await
    }

    async fn clear(&self) -> Result<(), Trouble> {
        let until = Instant::now() + PATIENCE;
        let executions = self.management.executions(until).await?;
        let running = executions.iter().filter(|execution| execution.state() == State::Running);
        let running: Vec<&str> = running.map(|execution| &*execution.name).collect();
        for execution in &running {
            tracing::warn!(execution, "an execution that nobody waits for is stopped");
            self.management.stop(execution, until).await?;
        }
        for execution in running {
            tokio::time::timeout(STOPPING, self.ended(execution)).await.map_err(|_| {
                Trouble::never(format!(
                    "the execution {execution} of an earlier build was stopped, and still runs"
                ))
            })??;
        }
        Ok(())
    }

    /// Starts an execution. If it may have been started without an answer, it is found and ended.
    async fn start(&self, template: &Template) -> Result<String, Trouble> {
        let started = self.management.start(template, Instant::now() + PATIENCE).await;
        if let Err(trouble) = &started
            && trouble.again == Again::Unsure
            && let Err(error) = self.clear().await
        {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "an execution may have been started that nobody waits for; the next build stops it"
            );
        }
        started
    }

    /// Waits for an execution's end, however long Azure does not answer meanwhile.
    async fn ended(&self, execution: &str) -> Result<State, Trouble> {
        let appeared_by = Instant::now() + PATIENCE;
        let mut pause = LOOKS.0;
        loop {
            tokio::time::sleep(pause).await;
            pause = (pause + LOOKS.0 / 4).min(LOOKS.1);
            match self.management.execution(execution).await.map(|execution| execution.state()) {
                Ok(State::Running) => {}
                // What was started a moment ago may not be known everywhere.
                Err(trouble) if trouble.is_not_found() && Instant::now() < appeared_by => {}
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
        let JobId { resource_group, name, .. } = &self.management.job;
        let container = template.containers.first().map_or("dbt", |container| &container.name);
        format!(
            "Its log is in the Log Analytics workspace: ContainerAppConsoleLogs | where \
             ContainerGroupName startswith '{execution}'; or, for a while: az containerapp job logs \
             show --resource-group {resource_group} --name {name} --execution {execution} \
             --container {container}"
        )
    }
}

fn not_run(error: impl Into<BoxError>) -> StoreError {
    StoreError::Unavailable { what: "dbt", source: error.into() }
}
