use std::sync::Arc;

use domain::ports;
use secrecy::SecretString;
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::Session;
use crate::{App, Document, Endpoint, Problem, Reply, Request};

pub(in crate::endpoints) const ENDPOINT: Endpoint =
    Endpoint { function: "LogIn", handle: |app, request| Box::pin(handle(app, request)), document };

fn document() -> Document {
    Document::answers::<Session>(200).takes::<LogIn>().fails_with(&[401, 403, 404, 429])
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct LogIn {
    email: String,
    password: String,
    /// The one-time token of an invitation, redeemed for the person who logs in.
    invitation: Option<String>,
    /// The tenant to enter.
    tenant_id: Option<Uuid>,
}

async fn handle(app: Arc<App>, request: Request) -> Result<Reply, Problem> {
    let body: LogIn = request.json()?;
    let attempt = ports::LogIn {
        email: body.email.clone(),
        password: SecretString::from(body.password),
        invitation: body.invitation.map(SecretString::from),
        tenant: body.tenant_id.map(Into::into),
    };
    let signed_in = app.logins.judge(&body.email, app.identity.log_in(&attempt)).await?;
    Reply::ok(&Session::of(&app, signed_in)?)
}
