use std::future::ready;

use serde::Serialize;
use utoipa::ToSchema;

use crate::openapi::RENDERED;
use crate::{Document, Endpoint, Reply};

pub(in crate::endpoints) const ENDPOINT: Endpoint =
    Endpoint { function: "OpenApi", handle: |_, _| Box::pin(ready(Ok(rendered()))), document };

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

fn rendered() -> Reply {
    Reply::rendered_json(RENDERED.clone()).header("cache-control", "no-cache")
}
