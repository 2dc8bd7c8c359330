use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{App, Document, Endpoint, Problem, Reply, Request};

pub(in crate::endpoints) const ENDPOINT: Endpoint = Endpoint {
    function: "ListUsers",
    handle: |app, request| Box::pin(handle(app, request)),
    document,
};

fn document() -> Document {
    Document::answers::<Users>(200)
}

#[derive(Serialize, ToSchema)]
struct Users {
    /// The tenant's members.
    data: Vec<User>,
    /// Neither redeemed nor expired.
    invitations: Vec<Invitation>,
    /// Always null: a tenant's people fit one page.
    next_cursor: Option<String>,
}

#[derive(Serialize, ToSchema)]
struct User {
    id: Uuid,
    email: String,
    name: String,
    /// `tenant_admin`, `analyst` or `viewer`.
    role: &'static str,
}

#[derive(Serialize, ToSchema)]
struct Invitation {
    id: Uuid,
    email: String,
    /// `tenant_admin`, `analyst` or `viewer`.
    role: &'static str,
    expires_at: DateTime<Utc>,
}

async fn handle(app: Arc<App>, request: Request) -> Result<Reply, Problem> {
    let people = app.tenants.people(&request.scope()?).await?;
    let data = people.members.into_iter().map(|member| User {
        id: member.user.uuid(),
        email: member.email,
        name: member.name,
        role: member.role.code(),
    });
    let invitations = people.invitations.into_iter().map(|invitation| Invitation {
        id: invitation.id.uuid(),
        email: invitation.email,
        role: invitation.role.code(),
        expires_at: invitation.expires_at,
    });
    Reply::ok(&Users {
        data: data.collect(),
        invitations: invitations.collect(),
        next_cursor: None,
    })
}
