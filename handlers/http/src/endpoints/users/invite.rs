use std::sync::Arc;

use chrono::{DateTime, Utc};
use domain::ports::StoreError;
use domain::{EmailAddress, Role};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::fields::parsed;
use crate::{App, Document, Endpoint, Problem, Reply, Request};

pub(in crate::endpoints) const ENDPOINT: Endpoint = Endpoint {
    function: "InviteUser",
    handle: |app, request| Box::pin(handle(app, request)),
    document,
};

fn document() -> Document {
    Document::answers::<MadeInvitation>(201).takes::<Invite>().fails_with(&[409])
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Invite {
    email: String,
    /// `tenant_admin`, `analyst` or `viewer`.
    role: String,
}

#[derive(Serialize, ToSchema)]
struct MadeInvitation {
    invitation_id: Uuid,
    email: String,
    role: &'static str,
    /// Shown this once; signup or login redeems it.
    token: String,
    expires_at: DateTime<Utc>,
}

async fn handle(app: Arc<App>, request: Request) -> Result<Reply, Problem> {
    let scope = request.scope()?;
    let body: Invite = request.json()?;
    let email: EmailAddress = parsed("email", &body.email)?;
    let role: Role = parsed("role", &body.role)?;
    let by = request.caller()?.user;
    let invitation = app.tenants.invite(&scope, by, &email, role).await.map_err(refused)?;
    Reply::created(&MadeInvitation {
        invitation_id: invitation.id.uuid(),
        email: email.as_str().to_owned(),
        role: role.code(),
        token: invitation.token.expose_secret().to_owned(),
        expires_at: invitation.expires_at,
    })
}

fn refused(error: StoreError) -> Problem {
    match error {
        StoreError::AlreadyExists { .. } => {
            Problem::conflict("already_member", "this person is in the tenant already")
                .with_field("email")
        }
        other => other.into(),
    }
}
