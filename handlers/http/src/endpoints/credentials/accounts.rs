use std::collections::HashSet;
use std::sync::Arc;

use serde::Serialize;
use utoipa::ToSchema;

use super::discovery::discover;
use crate::list::List;
use crate::{App, Document, Endpoint, Problem, Reply, Request};

pub(in crate::endpoints) const ENDPOINT: Endpoint = Endpoint {
    function: "ListCredentialAccounts",
    handle: |app, request| Box::pin(handle(app, request)),
    document,
};

fn document() -> Document {
    Document::answers::<List<ReachedAccount>>(200).fails_with(&[409, 429, 502])
}

#[derive(Serialize, ToSchema)]
struct ReachedAccount {
    account_id: String,
    name: String,
    /// ISO 4217.
    currency: String,
    /// IANA name.
    time_zone: &'static str,
    /// False for one that is closed, suspended or disabled.
    active: bool,
    /// Whether the active tenant reads it already.
    assigned: bool,
}

async fn handle(app: Arc<App>, request: Request) -> Result<Reply, Problem> {
    let scope = request.scope()?;
    let id = request.id("id")?;
    let credential = app.credentials.find(&scope, request.caller()?, id).await?;
    let accounts = discover(&app, &credential).await?;
    let connections = app.connections.list(&scope).await?;
    let assigned: HashSet<&str> = connections
        .iter()
        .filter(|connection| connection.platform == credential.platform)
        .map(|connection| connection.account_id.as_str())
        .collect();
    let list: List<_> = accounts
        .into_iter()
        .map(|account| ReachedAccount {
            assigned: assigned.contains(account.account_id.as_str()),
            account_id: account.account_id,
            name: account.name,
            currency: account.currency.to_string(),
            time_zone: account.time_zone.name(),
            active: account.active,
        })
        .collect();
    Reply::ok(&list)
}
