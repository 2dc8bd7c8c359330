use std::sync::Arc;

use domain::ports::RunsQuery;
use serde::Serialize;
use utoipa::ToSchema;

use super::shape::Run;
use crate::figures::each;
use crate::params::Params;
use crate::{App, Document, Endpoint, Problem, Reply, Request, cursor};

pub(in crate::endpoints) const ENDPOINT: Endpoint = Endpoint {
    function: "ListRuns",
    handle: |app, request| Box::pin(handle(app, request)),
    document,
};

fn document() -> Document {
    Document::answers::<RunsAnswer>(200).queried_by::<RunsParams>()
}

#[derive(ToSchema)]
#[expect(dead_code, reason = "documents the parameters that are read by name")]
struct RunsParams {
    /// Without it, 100.
    #[schema(minimum = 1, maximum = 500)]
    limit: Option<u16>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

const PARAMS: &[&str] = &["limit", "cursor"];

#[derive(Serialize, ToSchema)]
struct RunsAnswer {
    /// The newest first.
    data: Vec<Run>,
    /// Null on the last page.
    next_cursor: Option<String>,
}

async fn handle(app: Arc<App>, request: Request) -> Result<Reply, Problem> {
    let scope = request.scope()?;
    let params = Params::of(&request, PARAMS)?;
    let list = format!("runs {}", scope.tenant());
    let after = params.one("cursor").map(|cursor| cursor::decode(&list, cursor)).transpose()?;
    let query = RunsQuery { limit: params.limit()?, after };
    let page = app.run_history.runs(&scope, &query).await?;
    let reached = page.runs.last().filter(|_| page.has_more);
    Reply::ok(&RunsAnswer {
        next_cursor: reached.map(|run| cursor::encode(&list, &run.id)),
        data: each(page.runs),
    })
}
