//! The management API over the wire, and the processes behind it.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use reqwest::{Method, Response};
use serde_json::{Value, json};
use simulators::azure::{ContainerApps, Status, TransformJob, USER_ASSIGNED_CLIENT_ID};

use super::{PATIENCE, Site};

const AUDIENCE: &str = "https://management.azure.com";
const HOUR: Duration = Duration::from_hours(1);
const VERSION: &str = "?api-version=2025-01-01";

struct Caller {
    site: Site,
    platform: ContainerApps,
}

impl Caller {
    /// The image is a shell with this script.
    async fn new(script: &str, replica_timeout: Duration) -> Self {
        let site = Site::new();
        let entrypoint = site.folder.path().join("entrypoint.sh");
        fs::write(&entrypoint, script).expect("a script");
        let job = TransformJob {
            name: "miq-dbt".to_owned(),
            python: PathBuf::from("/bin/sh"),
            entrypoint,
            database_url: "postgres://role:secret@db/miq".to_owned(),
            environment: vec![("IMAGE_SAYS".to_owned(), "hello".to_owned())],
            replica_timeout,
        };
        let platform = ContainerApps::start(&site.authority, job).await.expect("a platform");
        Self { site, platform }
    }

    fn token(&self, audience: &str) -> String {
        self.site.authority.tokens().issue(audience, USER_ASSIGNED_CLIENT_ID, HOUR)
    }

    async fn send(&self, token: &str, method: Method, url: &str, body: &Value) -> Response {
        let url = self.platform.management_url().join(url).expect("a URL");
        let request = self.site.client.request(method, url).bearer_auth(token);
        let request = if body.is_null() { request } else { request.json(body) };
        request.send().await.expect("an answer")
    }

    /// What comes back for a call with a good token, of which `expected` is the status.
    async fn ask(&self, method: Method, below: &str, body: Value, expected: u16) -> Value {
        let url = format!("{}{below}{VERSION}", self.platform.job_id());
        self.ask_at(method, &url, body, expected).await
    }

    async fn ask_at(&self, method: Method, url: &str, body: Value, expected: u16) -> Value {
        let token = self.token(AUDIENCE);
        let answer = self.send(&token, method.clone(), url, &body).await;
        let status = answer.status();
        let text = answer.text().await.expect("a body");
        assert_eq!(status, expected, "{method} {url}: {text}");
        serde_json::from_str(&text).unwrap_or_default()
    }

    async fn start(&self) -> String {
        let started = self.ask(Method::POST, "/start", Value::Null, 200).await;
        started["name"].as_str().expect("a name").to_owned()
    }

    async fn until(&self, condition: impl Fn() -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !condition() {
            assert!(Instant::now() < deadline, "{:?}", self.platform.executions());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    async fn until_status(&self, status: Status) {
        self.until(|| self.platform.executions().iter().all(|one| one.status == status)).await;
    }
}

fn code(body: &Value) -> &str {
    body["error"]["code"].as_str().expect("an error's code")
}

#[tokio::test]
async fn only_a_caller_with_token_version_and_role_is_let_in() {
    let caller = Caller::new("", HOUR).await;
    let id = caller.platform.job_id();
    let good = caller.token(AUDIENCE);
    for (token, query, status, expected) in [
        ("", VERSION, 401, "AuthenticationFailed"),
        ("none", VERSION, 401, "InvalidAuthenticationToken"),
        (
            &*caller.token("https://vault.azure.net"),
            VERSION,
            401,
            "InvalidAuthenticationTokenAudience",
        ),
        (&*good, "", 400, "MissingApiVersionParameter"),
        (&*good, "?api-version=1999-01-01", 400, "NoRegisteredProviderFound"),
    ] {
        let url = format!("{id}/executions{query}");
        let answer = caller.send(token, Method::GET, &url, &Value::Null).await;
        assert_eq!(answer.status(), status, "{expected}");
        let body: Value = answer.json().await.expect("JSON");
        assert_eq!(code(&body), expected);
    }

    caller.platform.forbid(true);
    let refused = caller.ask(Method::POST, "/start", Value::Null, 403).await;
    assert_eq!(code(&refused), "AuthorizationFailed");
    let told = refused["error"]["message"].as_str().expect("a message");
    assert!(told.contains("Microsoft.App/jobs/start/action"), "{told}");
    assert!(caller.platform.executions().is_empty());
}

#[tokio::test]
async fn a_throttled_caller_is_told_how_long() {
    let caller = Caller::new("", HOUR).await;
    caller.platform.throttle(1, Duration::from_secs(7));
    let url = format!("{}{VERSION}", caller.platform.job_id());
    let token = caller.token(AUDIENCE);
    let answer = caller.send(&token, Method::GET, &url, &Value::Null).await;
    assert_eq!(answer.status(), 429);
    assert_eq!(answer.headers()["retry-after"], "7");
    caller.ask(Method::GET, "", Value::Null, 200).await;
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let caller = Caller::new("", HOUR).await;
    let other = caller.platform.job_id().replace("miq-dbt", "miq-dbt2");
    let refused = caller.ask_at(Method::GET, &format!("{other}{VERSION}"), Value::Null, 404).await;
    assert_eq!(code(&refused), "ResourceNotFound");
    for (method, below) in [(Method::GET, ""), (Method::POST, "/stop")] {
        let below = format!("/executions/none{below}");
        let refused = caller.ask(method, &below, Value::Null, 404).await;
        assert_eq!(code(&refused), "JobExecutionNotFound");
    }
}

#[tokio::test]
async fn a_template_that_the_platform_would_refuse_starts_nothing() {
    let caller = Caller::new("", HOUR).await;
    let variable = |variable: Value| json!([{"name": "dbt", "image": "i", "env": [variable]}]);
    for (containers, expected) in [
        (json!([{"name": "dbt", "image": "i", "probes": []}]), "InvalidRequestContent"),
        (json!([{"name": "dbt"}]), "ContainerAppImageRequired"),
        (json!([{"image": "i"}]), "ContainerAppInvalidTemplate"),
        (json!([]), "ContainerAppInvalidTemplate"),
        (variable(json!({"name": "A", "secretRef": "other"})), "ContainerAppSecretRefNotFound"),
        (
            variable(json!({"name": "A", "value": "", "secretRef": "database-transform-url"})),
            "ContainerAppInvalidTemplate",
        ),
    ] {
        let body = json!({"containers": containers});
        let refused = caller.ask(Method::POST, "/start", body, 400).await;
        assert_eq!(code(&refused), expected, "{containers}");
    }
    assert!(caller.platform.executions().is_empty());
}

#[tokio::test]
async fn the_image_sees_its_own_environment_and_no_other() {
    let caller = Caller::new("env", HOUR).await;
    let job = caller.ask(Method::GET, "", Value::Null, 200).await;
    let container = &job["properties"]["template"]["containers"][0];
    let mut variables = container["env"].as_array().expect("a list").clone();
    variables.push(json!({"name": "ASKED_FOR", "value": "42"}));
    let (name, image) = (&container["name"], &container["image"]);
    let body = json!({"containers": [{"name": name, "image": image, "env": variables}]});
    let started = caller.ask(Method::POST, "/start", body, 200).await;
    let execution = started["name"].as_str().expect("a name");
    caller.until_status(Status::Succeeded).await;
    let log = caller.platform.log(execution);
    for line in [
        "ASKED_FOR=42",
        "IMAGE_SAYS=hello",
        "MIQ_DATABASE_TRANSFORM_URL=postgres://role:secret@db/miq",
        &format!("CONTAINER_APP_JOB_EXECUTION_NAME={execution}"),
    ] {
        assert!(log.lines().any(|found| found == line), "{line} is not in\n{log}");
    }
    assert!(!log.contains("CARGO"), "the test's environment is seen:\n{log}");
    assert!(!job.to_string().contains("secret@db"), "the job shows a secret's value");
}

#[tokio::test]
async fn executions_are_listed_in_pages_newest_first() {
    let caller = Caller::new("exit 3", HOUR).await;
    let mut started = Vec::new();
    for _ in 0..5 {
        started.push(caller.start().await);
    }
    caller.until_status(Status::Failed).await;
    let (mut names, mut pages) = (Vec::new(), 0);
    let mut next = Some(format!("{}/executions{VERSION}", caller.platform.job_id()));
    while let Some(url) = next {
        let page = caller.ask_at(Method::GET, &url, Value::Null, 200).await;
        for execution in page["value"].as_array().expect("a list") {
            assert_eq!(execution["properties"]["status"], "Failed");
            assert!(execution["properties"]["endTime"].is_string(), "{execution}");
            names.push(execution["name"].as_str().expect("a name").to_owned());
        }
        next = page["nextLink"].as_str().map(str::to_owned);
        pages += 1;
    }
    started.reverse();
    assert_eq!(names, started);
    assert!(pages > 1, "all on one page");
}

#[tokio::test]
async fn a_stopped_execution_leaves_no_process() {
    let caller = Caller::new("sleep 3600 &\necho $!\nwait", HOUR).await;
    let name = caller.start().await;
    caller.until(|| caller.platform.log(&name).ends_with('\n')).await;
    let grandchild = caller.platform.log(&name).trim().to_owned();
    assert!(is_running(&grandchild));
    caller.ask(Method::POST, &format!("/executions/{name}/stop"), Value::Null, 202).await;
    caller.until_status(Status::Stopped).await;
    caller.until(|| !is_running(&grandchild)).await;
}

#[tokio::test]
async fn an_execution_that_takes_too_long_fails() {
    let caller = Caller::new("sleep 3600", Duration::from_millis(200)).await;
    caller.start().await;
    caller.until_status(Status::Failed).await;
}

#[tokio::test]
async fn an_execution_that_the_platform_lost_sight_of_shows_no_end() {
    let caller = Caller::new("", HOUR).await;
    let name = caller.platform.strand(HOUR).expect("an execution");
    let below = format!("/executions/{name}");
    caller.ask(Method::POST, &format!("{below}/stop"), Value::Null, 202).await;
    let shown = caller.ask(Method::GET, &below, Value::Null, 200).await;
    assert_eq!(shown["properties"]["status"], "Unknown");
    assert!(shown["properties"]["startTime"].is_string(), "{shown}");
    assert!(shown["properties"]["endTime"].is_null(), "{shown}");
}

#[tokio::test]
async fn what_was_forgotten_is_listed_once_more_and_found_no_more() {
    let caller = Caller::new("sleep 3600", HOUR).await;
    let name = caller.start().await;
    caller.platform.forget_once_listed();
    let listed = caller.ask(Method::GET, "/executions", Value::Null, 200).await;
    assert_eq!(listed["value"][0]["name"], *name);
    let below = format!("/executions/{name}");
    caller.ask(Method::GET, &below, Value::Null, 404).await;
    caller.ask(Method::POST, &format!("{below}/stop"), Value::Null, 404).await;
}

#[tokio::test]
async fn a_throttled_start_starts_nothing() {
    let caller = Caller::new("", HOUR).await;
    caller.platform.throttle_starts(1, Duration::from_secs(7));
    caller.ask(Method::GET, "/executions", Value::Null, 200).await;
    caller.ask(Method::POST, "/start", Value::Null, 429).await;
    assert!(caller.platform.executions().is_empty());
    caller.start().await;
}

/// A process that has ended may still be listed, as `Z`.
fn is_running(id: &str) -> bool {
    let listed = Command::new("ps").args(["-o", "stat=", "-p", id]).output().expect("ps runs");
    let state = String::from_utf8_lossy(&listed.stdout).trim().to_owned();
    !state.is_empty() && !state.starts_with('Z')
}
