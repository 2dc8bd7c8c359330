use std::sync::Arc;

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::list::List;
use crate::{App, Document, Endpoint, Problem, Reply, Request};

pub(in crate::endpoints) const ENDPOINT: Endpoint = Endpoint {
    function: "ListTenants",
    handle: |app, request| Box::pin(handle(app, request)),
    document,
};

fn document() -> Document {
    Document::answers::<List<TenantYouMayEnter>>(200)
}

#[derive(Serialize, ToSchema)]
struct TenantYouMayEnter {
    id: Uuid,
    name: String,
    /// `tenant_admin`, `analyst` or `viewer`.
    role: &'static str,
}

async fn handle(app: Arc<App>, request: Request) -> Result<Reply, Problem> {
    let memberships = app.tenants.memberships(request.caller()?).await?;
    let list: List<_> = memberships
        .into_iter()
        .map(|place| TenantYouMayEnter {
            id: place.tenant.uuid(),
            name: place.tenant_name,
            role: place.role.code(),
        })
        .collect();
    Reply::ok(&list)
}
