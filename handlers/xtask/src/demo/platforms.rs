//! One consent of the agency per platform, and each client's accounts assigned to its tenant.

use std::collections::BTreeSet;

use anyhow::{Context, bail};
use domain::Platform;
use serde_json::json;

use super::people::Tenant;
use super::stage::Stage;
use crate::http_client::text;
use crate::terminal::say;

/// The login that the simulators let in without a question.
const AGENCY: &str = "agency@example.com";

/// The agency's credential at a platform, which feeds both tenants.
#[derive(Clone, Debug)]
pub(super) struct Credential {
    platform: Platform,
    id: String,
}

/// Consents at every platform, as a signed-in browser would. Consenting again renews the same
/// credential, and the simulators forget tokens when they stop: so each run consents.
pub(super) async fn consent(stage: &Stage, tenants: &[Tenant]) -> anyhow::Result<Vec<Credential>> {
    let token = tenants.first().map(|tenant| tenant.token.as_str());
    let mut credentials = Vec::new();
    for platform in Platform::ALL {
        say(format_args!("Connecting {} as {AGENCY} …", platform.title()));
        let path = format!("/tenants/me/oauth/{}", platform.route());
        let started = stage.api.post(&path, token, &json!({"login_hint": AGENCY})).await?;
        let credential = stage.api.follow_consent(started).await?;
        credentials
            .push(Credential { platform, id: text(&credential, "credential_id")?.to_owned() });
    }
    Ok(credentials)
}

/// Assigns the client's account on each platform to its tenant, unless it is assigned.
pub(super) async fn assign(
    stage: &Stage,
    tenant: &Tenant,
    credentials: &[Credential],
) -> anyhow::Result<()> {
    let connections = stage.api.all("/tenants/me/connections", &tenant.token).await?;
    let mut assigned = BTreeSet::new();
    for connection in &connections {
        assigned.insert((text(connection, "platform")?, text(connection, "account_id")?));
    }
    for Credential { platform, id } in credentials {
        let path = format!("/credentials/{id}/accounts");
        let accounts = stage.api.all(&path, &tenant.token).await?;
        let account = accounts
            .iter()
            .find(|account| account["name"].as_str().is_some_and(|n| n.starts_with(&tenant.name)))
            .with_context(|| format!("{} shows no account of {}", platform.title(), tenant.name))?;
        if account["active"] == false {
            bail!("the {} account of {} is not active", platform.title(), tenant.name);
        }
        let account_id = text(account, "account_id")?;
        if assigned.contains(&(platform.code(), account_id)) {
            continue;
        }
        say(format_args!(
            "Assigning {} {account_id} ({}) to {} …",
            platform.title(),
            text(account, "name")?,
            tenant.name
        ));
        let body = json!({"credential_id": id, "account_id": account_id});
        stage.api.post("/tenants/me/connections", Some(&tenant.token), &body).await?.expect(201)?;
    }
    Ok(())
}
