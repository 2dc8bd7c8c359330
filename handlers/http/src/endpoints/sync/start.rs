use std::sync::Arc;

use chrono::{Days, NaiveDate};
use domain::ports::Platforms;
use domain::{DateRange, Platform, RunId};
use jobs::{ManualSync, PlanError};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::figures::PlatformName;
use crate::params::date;
use crate::{App, Document, Endpoint, Problem, Reply, Request};

pub(in crate::endpoints) const ENDPOINT: Endpoint = Endpoint {
    function: "StartSync",
    handle: |app, request| Box::pin(handle(app, request)),
    document,
};

fn document() -> Document {
    Document::answers::<SyncStarted>(202).may_take::<SyncRequest>().fails_with(&[409])
}

/// The days that every usual run reads, however the account's calendar lies to the tenant's.
const USUAL_DAYS: u32 = 26;

/// What to read. An empty body reads of every account what a slot would.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SyncRequest {
    /// Without it, all that are connected.
    #[schema(value_type = Option<Vec<PlatformName>>)]
    platforms: Option<Vec<String>>,
    /// The first day, on the accounts' calendars.
    #[schema(value_type = Option<NaiveDate>)]
    from: Option<String>,
    /// The last day. Without it, today.
    #[schema(value_type = Option<NaiveDate>)]
    to: Option<String>,
}

#[derive(Serialize, ToSchema)]
struct SyncStarted {
    /// Follow it at `/api/v1/runs/{run_id}`.
    #[schema(value_type = uuid::Uuid)]
    run_id: RunId,
    /// How many jobs were planned.
    #[schema(example = 6)]
    jobs: usize,
}

async fn handle(app: Arc<App>, request: Request) -> Result<Reply, Problem> {
    let scope = request.scope()?;
    let body: SyncRequest = request.json_or_default()?;
    let platforms = platforms(body.platforms.as_deref())?;
    let today = app.answers.calendar(&scope).await?.today;
    let range = range(&body, today)?;
    let covered = range.unwrap_or_else(|| DateRange::ending(today - Days::new(1), USUAL_DAYS));
    if let Some(run) = app.run_history.sync_under_way(&scope, &platforms, covered).await? {
        let detail =
            format!("run {run} is reading this already: wait for it at /api/v1/runs/{run}");
        return Err(Problem::conflict("sync_under_way", detail));
    }
    let sync = ManualSync {
        platforms: (!platforms.is_empty()).then(|| platforms.into_iter().collect()),
        range,
        requested_by: Some(request.caller()?.user),
    };
    let run = app.planner.plan_manual(&scope, &sync).await.map_err(refused)?;
    if let Err(error) = app.planner.enqueue(&run).await {
        // The run is recorded: the next timer sends what is missing.
        let error: &(dyn std::error::Error + 'static) = &error;
        tracing::warn!(error, run_id = %run.run_id, "the run's jobs were not all sent");
    }
    let started = SyncStarted { run_id: run.run_id, jobs: run.jobs.len() };
    Ok(Reply::accepted(&started)?.header("location", &format!("/api/v1/runs/{}", run.run_id)))
}

/// None means all.
fn platforms(codes: Option<&[String]>) -> Result<Platforms, Problem> {
    if codes.is_some_and(<[_]>::is_empty) {
        let detail = "platforms is empty: name at least one, or leave it out to read all";
        return Err(Problem::bad_request("invalid_platform", "platforms", detail));
    }
    codes
        .unwrap_or_default()
        .iter()
        .map(|code| {
            code.parse::<Platform>().map_err(|error| {
                Problem::bad_request("invalid_platform", "platforms", error.to_string())
            })
        })
        .collect()
}

fn range(body: &SyncRequest, today: NaiveDate) -> Result<Option<DateRange>, Problem> {
    let first = body.from.as_deref().map(|text| date("from", text)).transpose()?;
    let last = body.to.as_deref().map(|text| date("to", text)).transpose()?;
    match (first, last) {
        (None, None) => Ok(None),
        (None, Some(_)) => {
            let detail = "to is there without from: name the first day too";
            Err(Problem::bad_request("invalid_range", "from", detail))
        }
        (Some(first), last) => {
            let last = last.unwrap_or(today);
            DateRange::new(first, last).map(Some).map_err(|_| {
                let detail = format!("from {first} is after to {last}: swap them");
                Problem::bad_request("invalid_range", "from", detail)
            })
        }
    }
}

fn refused(error: PlanError) -> Problem {
    let detail = error.to_string();
    match error {
        PlanError::NoConnections => Problem::conflict("no_connections", detail),
        PlanError::InTheFuture { .. } => Problem::bad_request("invalid_range", "to", detail),
        PlanError::TooOld { .. } => Problem::bad_request("invalid_range", "from", detail),
        PlanError::Store(error) => error.into(),
    }
}
