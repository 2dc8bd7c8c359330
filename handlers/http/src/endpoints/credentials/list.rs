use std::sync::Arc;

use domain::Platform;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::list::List;
use crate::{App, Document, Endpoint, Problem, Reply, Request};

pub(in crate::endpoints) const ENDPOINT: Endpoint = Endpoint {
    function: "ListCredentials",
    handle: |app, request| Box::pin(handle(app, request)),
    document,
};

fn document() -> Document {
    Document::answers::<List<Credential>>(200)
}

#[derive(Serialize, ToSchema)]
struct Credential {
    id: Uuid,
    /// `google_ads`, `meta_ads` or `google_analytics`.
    #[schema(value_type = String)]
    platform: Platform,
    login: Option<String>,
    /// `active`, `needs_reauth` or `revoked`.
    status: String,
    /// Usable in all tenants of the organization, by its owner.
    shared: bool,
}

async fn handle(app: Arc<App>, request: Request) -> Result<Reply, Problem> {
    let credentials = app.credentials.usable(&request.scope()?, request.caller()?).await?;
    let list: List<_> = credentials
        .into_iter()
        .map(|credential| Credential {
            id: credential.id.uuid(),
            platform: credential.platform,
            login: credential.login,
            status: credential.status,
            shared: credential.shared,
        })
        .collect();
    Reply::ok(&list)
}
