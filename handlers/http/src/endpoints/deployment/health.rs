use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use utoipa::ToSchema;

use crate::{App, Document, Endpoint, Problem, Reply, Request};

pub(in crate::endpoints) const ENDPOINT: Endpoint = Endpoint {
    function: "Health",
    handle: |app, request| Box::pin(handle(app, request)),
    document,
};

fn document() -> Document {
    Document::answers::<HealthAnswer>(200).or_answers::<HealthAnswer>(503)
}

#[derive(Serialize, ToSchema)]
struct HealthAnswer {
    status: Standing,
    #[schema(example = "0.1.0")]
    version: &'static str,
    /// Each part that answers need.
    #[schema(value_type = BTreeMap<String, Standing>)]
    parts: BTreeMap<&'static str, Standing>,
    /// The version of the data being served; null where it is not known.
    #[schema(example = 42)]
    data_version: Option<i64>,
}

#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = HealthStatus)]
enum Standing {
    Ok,
    Down,
}

impl From<bool> for Standing {
    fn from(works: bool) -> Self {
        if works { Self::Ok } else { Self::Down }
    }
}

async fn handle(app: Arc<App>, _request: Request) -> Result<Reply, Problem> {
    let findings = app.health.findings().await;
    let works = findings.iter().all(|(_, works)| *works);
    let data_version = if works { app.answers.data_version().await.ok() } else { None };
    let answer = HealthAnswer {
        status: works.into(),
        version: env!("CARGO_PKG_VERSION"),
        parts: findings.iter().map(|(part, works)| (*part, (*works).into())).collect(),
        data_version,
    };
    let reply = Reply::ok(&answer)?;
    Ok(if works { reply } else { reply.with_status(503).header("retry-after", "2") })
}
