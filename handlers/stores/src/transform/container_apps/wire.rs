//! What the management API sends and takes, as the schema of Microsoft.App 2025-01-01 has it.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Number;

#[derive(Debug, Deserialize)]
pub(super) struct Job {
    pub(super) properties: JobProperties,
}

#[derive(Debug, Deserialize)]
pub(super) struct JobProperties {
    pub(super) template: Template,
    pub(super) configuration: Option<Configuration>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Configuration {
    /// Seconds that the platform lets one attempt run.
    replica_timeout: u32,
    /// Attempts after the first.
    replica_retry_limit: Option<u32>,
}

impl Configuration {
    /// How long the platform lets an execution run.
    pub(super) fn longest(&self) -> Duration {
        let attempts = self.replica_retry_limit.unwrap_or(0).saturating_add(1);
        Duration::from_secs(self.replica_timeout.into()).saturating_mul(attempts)
    }
}

/// `JobExecutionTemplate`: what an execution runs. It replaces the job's own template as a whole,
/// and knows fewer members of a container.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Template {
    pub(super) containers: Vec<Container>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    init_containers: Option<Vec<Container>>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Container {
    image: String,
    pub(super) name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    command: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    args: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    env: Option<Vec<Variable>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    resources: Option<Resources>,
}

#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
struct Variable {
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    value: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    secret_ref: Option<String>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
struct Resources {
    cpu: Number,
    memory: String,
}

impl Template {
    /// Sets a variable of every container; one of that name is replaced.
    pub(super) fn set(&mut self, name: &str, value: &str) {
        for container in &mut self.containers {
            let variables = container.env.get_or_insert_default();
            variables.retain(|variable| variable.name != name);
            let (name, value) = (name.to_owned(), Some(value.to_owned()));
            variables.push(Variable { name, value, secret_ref: None });
        }
    }

    /// Whether a container has the variable with this value.
    fn says(&self, name: &str, value: &str) -> bool {
        let mut variables = self.containers.iter().filter_map(|one| one.env.as_ref()).flatten();
        variables.any(|one| one.name == name && one.value.as_deref() == Some(value))
    }
}

/// The answer to a start.
#[derive(Debug, Deserialize)]
pub(super) struct Started {
    pub(super) name: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Executions {
    pub(super) value: Vec<Execution>,
    pub(super) next_link: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Execution {
    pub(super) name: String,
    properties: ExecutionProperties,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ExecutionProperties {
    status: Option<String>,
    start_time: Option<String>,
    end_time: Option<String>,
    template: Option<Template>,
}

/// What matters of an execution's status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Waits or runs, or nobody knows.
    Running,
    Succeeded,
    Failed,
    Stopped,
}

impl Execution {
    pub(super) fn state(&self) -> State {
        match self.properties.status.as_deref() {
            Some("Succeeded") => State::Succeeded,
            Some("Failed") => State::Failed,
            Some("Stopped") => State::Stopped,
            Some("Running" | "Processing") => State::Running,
            // Degraded, Unknown, or a status of tomorrow.
            _ if self.properties.end_time.is_some() => State::Failed,
            _ => State::Running,
        }
    }

    /// Whether what it runs has the variable with this value.
    pub(super) fn says(&self, name: &str, value: &str) -> bool {
        self.properties.template.as_ref().is_some_and(|template| template.says(name, value))
    }

    /// Whether it began longer ago than that.
    pub(super) fn is_older_than(&self, age: Duration, now: DateTime<Utc>) -> bool {
        let began = self.properties.start_time.as_deref().map(DateTime::parse_from_rfc3339);
        let Some(Ok(began)) = began else { return false };
        now.signed_duration_since(began).to_std().is_ok_and(|is| is > age)
    }
}

/// Every failure of the management API.
#[derive(Debug, Deserialize)]
pub(super) struct Failure {
    pub(super) error: FailureDetail,
}

#[derive(Debug, Deserialize)]
pub(super) struct FailureDetail {
    pub(super) code: String,
    pub(super) message: Option<String>,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_jobs_template_becomes_an_executions() {
        let job: Job = serde_json::from_value(json!({
            "id": "/subscriptions/s", "name": "miq-dbt",
            "properties": {
                "provisioningState": "Succeeded",
                "template": {
                    "initContainers": null,
                    "volumes": null,
                    "containers": [{
                        "name": "dbt", "image": "r.azurecr.io/marketing-iq-dbt:1",
                        "imageType": "ContainerImage", "probes": [], "volumeMounts": [],
                        "resources": {"cpu": 1.0, "memory": "2Gi", "ephemeralStorage": "4Gi"},
                        "env": [
                            {"name": "MIQ_DATABASE_TRANSFORM_URL", "secretRef": "url"},
                            {"name": "MIQ_DBT_THROUGH_CHANGE", "value": "1"}
                        ]
                    }]
                }
            }
        }))
        .unwrap();
        let mut template = job.properties.template;
        template.set("MIQ_DBT_THROUGH_CHANGE", "42");
        assert_eq!(
            serde_json::to_value(&template).unwrap(),
            json!({"containers": [{
                "name": "dbt", "image": "r.azurecr.io/marketing-iq-dbt:1",
                "resources": {"cpu": 1.0, "memory": "2Gi"},
                "env": [
                    {"name": "MIQ_DATABASE_TRANSFORM_URL", "secretRef": "url"},
                    {"name": "MIQ_DBT_THROUGH_CHANGE", "value": "42"}
                ]
            }]})
        );
    }

    #[test]
    fn a_status_of_tomorrow_runs_until_it_has_an_end() {
        let state = |properties| {
            let execution = json!({"name": "miq-dbt-1", "properties": properties});
            serde_json::from_value::<Execution>(execution).unwrap().state()
        };
        assert_eq!(state(json!({"status": "Succeeded"})), State::Succeeded);
        assert_eq!(state(json!({"status": "Failed"})), State::Failed);
        assert_eq!(state(json!({"status": "Stopped"})), State::Stopped);
        assert_eq!(state(json!({"status": "Processing"})), State::Running);
        assert_eq!(state(json!({"status": "Degraded"})), State::Running);
        assert_eq!(state(json!({"status": "Unknown", "endTime": "2026-01-01"})), State::Failed);
        assert_eq!(state(json!({})), State::Running);
    }

    #[test]
    fn the_platform_lets_an_execution_run_for_all_attempts_together() {
        let longest = |configuration| {
            serde_json::from_value::<Configuration>(configuration).unwrap().longest()
        };
        assert_eq!(longest(json!({"replicaTimeout": 1500})), Duration::from_mins(25));
        let thrice = json!({"replicaTimeout": 60, "replicaRetryLimit": 2});
        assert_eq!(longest(thrice), Duration::from_mins(3));
    }

    #[test]
    fn an_age_is_told_only_by_a_start() {
        let now = "2026-01-01T12:00:00Z".parse().unwrap();
        let old = |properties| {
            let execution = json!({"name": "miq-dbt-1", "properties": properties});
            let execution: Execution = serde_json::from_value(execution).unwrap();
            execution.is_older_than(Duration::from_mins(27), now)
        };
        assert!(old(json!({"startTime": "2026-01-01T11:32:59+00:00"})));
        assert!(!old(json!({"startTime": "2026-01-01T11:33:00+00:00"})));
        assert!(!old(json!({"startTime": "2026-01-01T12:00:01+00:00"})), "a clock is ahead");
        assert!(!old(json!({"startTime": "yesterday"})));
        assert!(!old(json!({})));
    }
}
