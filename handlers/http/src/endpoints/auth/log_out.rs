use std::sync::Arc;

use secrecy::SecretString;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{App, Document, Endpoint, Problem, Reply, Request};

pub(in crate::endpoints) const ENDPOINT: Endpoint = Endpoint {
    function: "LogOut",
    handle: |app, request| Box::pin(handle(app, request)),
    document,
};

fn document() -> Document {
    Document::answers_empty(204).takes::<LogOut>()
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct LogOut {
    refresh_token: String,
}

async fn handle(app: Arc<App>, request: Request) -> Result<Reply, Problem> {
    let body: LogOut = request.json()?;
    app.identity.log_out(&SecretString::from(body.refresh_token)).await?;
    Ok(Reply::no_content())
}
