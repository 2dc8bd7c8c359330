use std::future::ready;

use serde::Serialize;
use utoipa::ToSchema;

use super::{OVERVIEW, OVERVIEW_NAME};
use crate::{Document, Endpoint, Problem, Reply};

pub(in crate::endpoints) const ENDPOINT: Endpoint =
    Endpoint { function: "ListDashboards", handle: |_, _| Box::pin(ready(handle())), document };

fn document() -> Document {
    Document::answers::<DashboardsAnswer>(200)
}

#[derive(Serialize, ToSchema)]
struct DashboardsAnswer {
    data: Vec<DashboardSummary>,
    /// Always null.
    next_cursor: Option<String>,
}

#[derive(Serialize, ToSchema)]
struct DashboardSummary {
    #[schema(example = "overview")]
    id: &'static str,
    #[schema(example = "Overview")]
    name: &'static str,
    #[schema(example = "All platforms, compared with the period before")]
    description: &'static str,
}

fn handle() -> Result<Reply, Problem> {
    Reply::ok(&DashboardsAnswer {
        data: vec![DashboardSummary {
            id: OVERVIEW,
            name: OVERVIEW_NAME,
            description: "All platforms, compared with the period before",
        }],
        next_cursor: None,
    })
}
