use std::sync::Arc;

use secrecy::SecretString;
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::Session;
use crate::{App, Document, Endpoint, Problem, Reply, Request};

pub(in crate::endpoints) const ENDPOINT: Endpoint = Endpoint {
    function: "RefreshToken",
    handle: |app, request| Box::pin(handle(app, request)),
    document,
};

fn document() -> Document {
    Document::answers::<Session>(200).takes::<Refresh>().fails_with(&[401, 404])
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Refresh {
    refresh_token: String,
    /// The tenant to switch to.
    tenant_id: Option<Uuid>,
}

async fn handle(app: Arc<App>, request: Request) -> Result<Reply, Problem> {
    let body: Refresh = request.json()?;
    let token = SecretString::from(body.refresh_token);
    let signed_in = app.identity.refresh(&token, body.tenant_id.map(Into::into)).await?;
    Reply::ok(&Session::of(&app, signed_in)?)
}
