//! The agency, its two clients, and who may see what: made where missing, through the API.

use anyhow::Context;
use serde_json::{Value, json};

use super::stage::Stage;
use super::state::Person;
use crate::http_client::{Answer, text};
use crate::terminal::say;

/// A client of the agency. The simulators know it by the same name.
const CLIENTS: [(&str, &str, &str); 2] = [
    ("Northwind Outfitters", "Europe/Amsterdam", "EUR"),
    ("Bluebird Travel", "Europe/London", "GBP"),
];

/// A tenant as its administrator sees it.
#[derive(Clone, Debug)]
pub(super) struct Tenant {
    pub(super) id: String,
    pub(super) name: String,
    /// The owner's token in this tenant.
    pub(super) token: String,
}

/// Both tenants, with everyone in them who belongs there.
pub(super) async fn gather(stage: &Stage) -> anyhow::Result<Vec<Tenant>> {
    let [owner, analyst, viewer] = stage.state.people();
    let session = own(stage, owner).await?;
    let token = text(&session, "access_token")?;
    let existing = stage.api.all("/tenants", token).await?;
    let mut tenants = Vec::new();
    for (name, time_zone, currency) in CLIENTS {
        let id = if let Some(tenant) = existing.iter().find(|tenant| tenant["name"] == name) {
            text(tenant, "id")?.to_owned()
        } else {
            say(format_args!("Creating the tenant {name} …"));
            let body =
                json!({"name": name, "time_zone": time_zone, "reporting_currency": currency});
            let created = stage.api.post("/tenants", Some(token), &body).await?.expect(201)?;
            text(&created, "id")?.to_owned()
        };
        let entered = log_in(stage, owner, &json!({"tenant_id": id})).await?.expect(200)?;
        let token = text(&entered, "access_token")?.to_owned();
        tenants.push(Tenant { id, name: name.to_owned(), token });
    }
    for tenant in &tenants {
        join(stage, tenant, analyst, "analyst").await?;
    }
    join(stage, &tenants[0], viewer, "viewer").await?;
    Ok(tenants)
}

/// The owner's session: the first person of an empty deployment owns the organization.
async fn own(stage: &Stage, owner: Person<'_>) -> anyhow::Result<Value> {
    let known = log_in(stage, owner, &json!({})).await?;
    if known.status == 200 {
        return known.expect(200);
    }
    say(format_args!("Signing up {} …", owner.email));
    let body = json!({
        "email": owner.email,
        "password": owner.password,
        "name": owner.name,
        "organization": "Northstar Media",
    });
    stage.api.post("/auth/signup", None, &body).await?.expect(201)
}

async fn log_in(stage: &Stage, person: Person<'_>, more: &Value) -> anyhow::Result<Answer> {
    let mut body = json!({"email": person.email, "password": person.password});
    for (name, value) in more.as_object().into_iter().flatten() {
        body[name] = value.clone();
    }
    stage.api.post("/auth/login", None, &body).await
}

/// Invites a person into a tenant and redeems the invitation, unless they are in it.
async fn join(
    stage: &Stage,
    tenant: &Tenant,
    person: Person<'_>,
    role: &str,
) -> anyhow::Result<()> {
    let members = stage.api.all("/tenants/me/users", &tenant.token).await?;
    if members.iter().any(|member| member["email"] == person.email) {
        return Ok(());
    }
    say(format_args!("Inviting {} into {} as {role} …", person.email, tenant.name));
    let body = json!({"email": person.email, "role": role});
    let invited =
        stage.api.post("/tenants/me/users", Some(&tenant.token), &body).await?.expect(201)?;
    let invitation = text(&invited, "token")?;
    // Whoever has an account redeems by logging in, whoever has none by signing up.
    let redeemed = log_in(stage, person, &json!({"invitation": invitation})).await?;
    if redeemed.status == 200 {
        return Ok(());
    }
    let body = json!({
        "email": person.email,
        "password": person.password,
        "name": person.name,
        "invitation": invitation,
    });
    stage.api.post("/auth/signup", None, &body).await?.expect(201).map(drop)
}

/// A token of the analyst, who is in both tenants, for one of them.
pub(super) async fn analyst_token(stage: &Stage, tenant: &Tenant) -> anyhow::Result<String> {
    let [_, analyst, _] = stage.state.people();
    let session = log_in(stage, analyst, &json!({"tenant_id": tenant.id})).await?.expect(200)?;
    Ok(text(&session, "access_token")?.to_owned())
}

/// The viewer's session, who is in the first tenant alone.
pub(super) async fn viewer_session(stage: &Stage) -> anyhow::Result<Value> {
    let [_, _, viewer] = stage.state.people();
    log_in(stage, viewer, &json!({})).await?.expect(200).context("the viewer can log in")
}

/// Whether figures of the tenant have been published before.
pub(super) async fn was_synced(stage: &Stage, tenant: &Tenant) -> anyhow::Result<bool> {
    let runs = stage.api.get("/api/v1/runs?limit=20", &tenant.token).await?.expect(200)?;
    let runs = runs["data"].as_array().context("runs are a list")?;
    Ok(runs.iter().any(|run| run["data_version"].is_number()))
}
