//! Which call does what.

use serde_json::{Value, json};
use warp::http::{Method, StatusCode};

use super::answers::{error, refusal, resource_not_found, throttled};
use super::template::Template;
use super::{Platform, StartAnswer};
use crate::wire::{Answer, Call};

/// Executions on a page: few, so that readers have to turn it.
const PAGE: usize = 2;

/// Where a start that is answered later leaves its result.
const OPERATIONS: &str = "operationResults";

pub(super) fn answer(platform: &Platform, call: &Call) -> Answer {
    let id = platform.job.id();
    let below = match call.path.strip_prefix(id.trim_start_matches('/')) {
        Some(below) if below.is_empty() || below.starts_with('/') => below,
        _ => return resource_not_found(&format!("/{}", call.path)),
    };
    let segments: Vec<&str> = below.split('/').filter(|segment| !segment.is_empty()).collect();
    let is = |method: Method| call.method == method;
    let action = match segments[..] {
        [] | [OPERATIONS, _] if is(Method::GET) => "read",
        ["start"] if is(Method::POST) => "start/action",
        ["executions"] if is(Method::GET) => "executions/read",
        ["executions", _] if is(Method::GET) => "execution/read",
        ["executions", _, "stop"] if is(Method::POST) => "stop/execution/action",
        _ => return resource_not_found(&format!("/{}", call.path)),
    };
    if let Some(refusal) = refusal(platform, call, action) {
        return refusal;
    }
    let told = format!("{} {}", call.method, segments.join("/"));
    platform.orders().calls.push(told);
    match segments[..] {
        [] => Answer::ok(&job(platform)),
        ["start"] => start(platform, call),
        ["executions"] => list(platform, call),
        ["executions", name, ..] if is(Method::POST) => stop(platform, name),
        ["executions", name, ..] => execution(platform, name),
        [_, name] => Answer::ok(&started(platform, name)),
        _ => resource_not_found(&format!("/{}", call.path)),
    }
}

fn job(platform: &Platform) -> Value {
    let job = &platform.job;
    json!({
        "id": job.id(),
        "name": job.name,
        "type": "Microsoft.App/jobs",
        "location": "West Europe",
        "properties": {
            "provisioningState": "Succeeded",
            "workloadProfileName": "Consumption",
            "configuration": {
                "triggerType": "Manual",
                "replicaTimeout": job.replica_timeout.as_secs(),
                "replicaRetryLimit": 0,
                "manualTriggerConfig": {"parallelism": 1, "replicaCompletionCount": 1},
                // Names only: values are never shown.
                "secrets": [{"name": "database-transform-url"}],
            },
            "template": Template::of(job).in_job(),
        },
    })
}

fn start(platform: &Platform, call: &Call) -> Answer {
    let mut orders = platform.orders();
    if orders.busy_starts > 0 {
        orders.busy_starts -= 1;
        return throttled(orders.retry_after);
    }
    drop(orders);
    let template = match Template::asked_for(&platform.job, &call.body) {
        Ok(template) => template,
        Err((code, message)) => return error(StatusCode::BAD_REQUEST, code, &message),
    };
    let name = match platform.begin(&template) {
        Ok(name) => name,
        Err(fault) => {
            let message = format!("the stand-in could not start the image: {fault}");
            return error(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError", &message);
        }
    };
    let answer = platform.orders().start_answer;
    match answer {
        StartAnswer::AtOnce => Answer::ok(&started(platform, &name)),
        StartAnswer::Later => {
            let (base, id) = (&call.base_url, platform.job.id());
            let place = format!("{base}{id}/{OPERATIONS}/{name}?api-version=2025-01-01");
            Answer::text(StatusCode::ACCEPTED, "application/json", "")
                .with_header("location", place)
        }
        StartAnswer::Lost => {
            platform.orders().start_answer = StartAnswer::AtOnce;
            Answer::cut()
        }
    }
}

fn started(platform: &Platform, name: &str) -> Value {
    json!({"name": name, "id": format!("{}/executions/{name}", platform.job.id())})
}

fn list(platform: &Platform, call: &Call) -> Answer {
    let all = platform.executions.list(&platform.job);
    let from = call.query("$skipToken").and_then(|token| token.parse().ok()).unwrap_or(0);
    let page: Vec<&Value> = all.iter().skip(from).take(PAGE).collect();
    let mut body = json!({"value": page});
    if from + PAGE < all.len() {
        let (base, id, next) = (&call.base_url, platform.job.id(), from + PAGE);
        let link = format!("{base}{id}/executions?api-version=2025-01-01&$skipToken={next}");
        body["nextLink"] = json!(link);
    } else if std::mem::take(&mut platform.orders().forgetful) {
        platform.executions.forget();
    }
    Answer::ok(&body)
}

fn execution(platform: &Platform, name: &str) -> Answer {
    let mut orders = platform.orders();
    if orders.unseen > 0 {
        orders.unseen -= 1;
        return execution_not_found(name);
    }
    match platform.executions.get(&platform.job, name) {
        Some(execution) => Answer::ok(&execution),
        None => execution_not_found(name),
    }
}

fn stop(platform: &Platform, name: &str) -> Answer {
    match platform.executions.stop(name) {
        Some(()) => Answer::text(StatusCode::ACCEPTED, "application/json", ""),
        None => execution_not_found(name),
    }
}

fn execution_not_found(name: &str) -> Answer {
    let message = format!("Job execution '{name}' was not found.");
    error(StatusCode::NOT_FOUND, "JobExecutionNotFound", &message)
}
