use std::sync::Arc;

use serde::Serialize;
use utoipa::ToSchema;

use crate::openapi::RENDERED;
use crate::{App, Document, Endpoint, Problem, Reply, Request};

pub(in crate::endpoints) const ENDPOINT: Endpoint = Endpoint {
    function: "OpenApi",
    handle: |app, request| Box::pin(handle(app, request)),
    document,
};

fn document() -> Document {
    Document::answers::<OpenApiDocument>(200)
}

/// An OpenAPI 3.1 document.
#[derive(Serialize, ToSchema)]
struct OpenApiDocument {
    #[schema(example = "3.1.0")]
    openapi: String,
    #[schema(value_type = Object)]
    info: serde_json::Value,
    #[schema(value_type = Object)]
    paths: serde_json::Value,
    #[schema(value_type = Object)]
    components: serde_json::Value,
}

async fn handle(_app: Arc<App>, _request: Request) -> Result<Reply, Problem> {
    Ok(Reply::rendered_json(RENDERED.clone()).header("cache-control", "no-cache"))
}
