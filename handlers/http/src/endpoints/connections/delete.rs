use std::sync::Arc;

use crate::{App, Document, Endpoint, Problem, Reply, Request};

pub(in crate::endpoints) const ENDPOINT: Endpoint = Endpoint {
    function: "DeleteConnection",
    handle: |app, request| Box::pin(handle(app, request)),
    document,
};

fn document() -> Document {
    Document::answers_empty(204)
}

async fn handle(app: Arc<App>, request: Request) -> Result<Reply, Problem> {
    let id = request.id("id")?;
    app.connections.delete(&request.scope()?, request.caller()?.user, id).await?;
    Ok(Reply::no_content())
}
