use std::sync::Arc;

use domain::ports::{PlatformError, StoreError};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::Connection;
use crate::endpoints::credentials::discovery::discover;
use crate::{App, Document, Endpoint, Problem, Reply, Request};

pub(in crate::endpoints) const ENDPOINT: Endpoint = Endpoint {
    function: "CreateConnection",
    handle: |app, request| Box::pin(handle(app, request)),
    document,
};

fn document() -> Document {
    Document::answers::<Connection>(201).takes::<NewConnection>().fails_with(&[404, 409, 429, 502])
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewConnection {
    credential_id: Uuid,
    /// Bare: no dashes, no `act_`, no `properties/`.
    account_id: String,
}

async fn handle(app: Arc<App>, request: Request) -> Result<Reply, Problem> {
    let scope = request.scope()?;
    let body: NewConnection = request.json()?;
    let caller = request.caller()?;
    let credential = app.credentials.find(&scope, caller, body.credential_id.into()).await?;
    let account = discover(&app, &credential)
        .await?
        .into_iter()
        .find(|account| account.account_id == body.account_id)
        .ok_or_else(|| {
            Problem::not_found("an account of this id that the credential reaches")
                .with_field("account_id")
        })?;
    if !account.active {
        return Err(PlatformError::AccountDisabled(credential.platform).into());
    }
    let connection = app
        .connections
        .create(&scope, caller.user, &credential, &account)
        .await
        .map_err(refused)?;
    Reply::created(&Connection::from(connection))
}

fn refused(error: StoreError) -> Problem {
    match error {
        StoreError::AlreadyExists { .. } => {
            Problem::conflict("already_connected", "the tenant reads this account already")
                .with_field("account_id")
        }
        other => other.into(),
    }
}
