use std::sync::Arc;

use super::Connection;
use crate::list::List;
use crate::{App, Document, Endpoint, Problem, Reply, Request};

pub(in crate::endpoints) const ENDPOINT: Endpoint = Endpoint {
    function: "ListConnections",
    handle: |app, request| Box::pin(handle(app, request)),
    document,
};

fn document() -> Document {
    Document::answers::<List<Connection>>(200)
}

async fn handle(app: Arc<App>, request: Request) -> Result<Reply, Problem> {
    let connections = app.connections.list(&request.scope()?).await?;
    Reply::ok(&connections.into_iter().map(Connection::from).collect::<List<_>>())
}
