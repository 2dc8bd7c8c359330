use std::sync::Arc;

use uuid::Uuid;

use crate::{App, Document, Endpoint, Problem, Reply, Request};

pub(in crate::endpoints) const ENDPOINT: Endpoint = Endpoint {
    function: "RemoveUser",
    handle: |app, request| Box::pin(handle(app, request)),
    document,
};

fn document() -> Document {
    Document::answers_empty(204)
}

async fn handle(app: Arc<App>, request: Request) -> Result<Reply, Problem> {
    let id: Uuid = request.id("id")?;
    app.tenants.remove(&request.scope()?, request.caller()?.user, id).await?;
    Ok(Reply::no_content())
}
