use std::sync::Arc;

use super::Tenant;
use crate::{App, Document, Endpoint, Problem, Reply, Request};

pub(in crate::endpoints) const ENDPOINT: Endpoint = Endpoint {
    function: "GetTenant",
    handle: |app, request| Box::pin(handle(app, request)),
    document,
};

fn document() -> Document {
    Document::answers::<Tenant>(200)
}

async fn handle(app: Arc<App>, request: Request) -> Result<Reply, Problem> {
    let tenant = app.tenants.get(&request.scope()?).await?;
    Reply::ok(&Tenant::from(tenant))
}
