//! Whether any tenant sees anything of the other: every route that takes an id, with every id of
//! the other tenant, and every list, with the wrong tenant's token.

use std::collections::BTreeSet;

use anyhow::bail;
use domain::Role;
use domain::registry::{Access, Function, Method, Route};
use serde::Serialize;
use serde_json::{Value, json};

use super::people::{self, Tenant};
use super::stage::Stage;
use crate::http_client::text;

#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(super) struct Isolation {
    /// Rows of one tenant that the other's token was shown.
    cross_tenant_rows: u64,
    /// Pairs of a route and a foreign id that were tried.
    checks: u64,
}

/// A token, and what it may do in the tenant that it names.
#[derive(Clone, Copy)]
struct Asker<'a> {
    token: &'a str,
    role: Role,
}

impl Asker<'_> {
    /// Whether a refusal would be for the id and not for the role. What anyone may read is
    /// nobody's, and the tenants that one may enter are one's own.
    fn may_call(self, route: &Route) -> bool {
        matches!(route.access, Access::Tenant(permission) if self.role.allows(permission))
    }
}

impl Isolation {
    fn count(&mut self, shown: bool) {
        self.checks += 1;
        self.cross_tenant_rows += u64::from(shown);
    }
}

/// Tries each tenant's token on the ids of the other.
pub(super) async fn check(stage: &Stage, tenants: &[Tenant]) -> anyhow::Result<Isolation> {
    let mut isolation = Isolation::default();
    for ours in tenants {
        let visible = ids_of(stage, ours).await?;
        for theirs in tenants.iter().filter(|tenant| tenant.id != ours.id) {
            // Whoever works for both tenants has one id in both.
            let foreign: BTreeSet<String> =
                ids_of(stage, theirs).await?.difference(&visible).cloned().collect();
            if foreign.len() < 5 {
                bail!("{} has too little to be told apart by", theirs.name);
            }
            // The owner's token may do most in a tenant; the analyst is in both tenants, but each
            // of their tokens is for one.
            let analyst = people::analyst_token(stage, ours).await?;
            for (token, role) in [(&ours.token, Role::TenantAdmin), (&analyst, Role::Analyst)] {
                let asker = Asker { token, role };
                check_ids(stage, asker, &foreign, &mut isolation).await?;
                check_lists(stage, asker, &foreign, &mut isolation).await?;
            }
        }
    }
    check_switch(stage, tenants, &mut isolation).await?;
    Ok(isolation)
}

/// Everything of a tenant that has an id, read as itself.
async fn ids_of(stage: &Stage, tenant: &Tenant) -> anyhow::Result<BTreeSet<String>> {
    let (from, to) = stage.all_days();
    let campaigns = format!("/api/v1/campaigns?from={from}&to={to}&limit=200");
    let mut ids = BTreeSet::from([tenant.id.clone()]);
    for path in ["/tenants/me/users", "/tenants/me/connections", "/api/v1/runs", &campaigns] {
        for row in stage.api.all(path, &tenant.token).await? {
            ids.insert(text(&row, "id")?.to_owned());
        }
    }
    let people = stage.api.get("/tenants/me/users", &tenant.token).await?.expect(200)?;
    for invitation in people["invitations"].as_array().into_iter().flatten() {
        ids.insert(text(invitation, "id")?.to_owned());
    }
    Ok(ids)
}

/// A foreign id answers 404, whatever the route.
async fn check_ids(
    stage: &Stage,
    asker: Asker<'_>,
    foreign: &BTreeSet<String>,
    isolation: &mut Isolation,
) -> anyhow::Result<()> {
    let with_id =
        Function::http().filter(|(_, route)| route.path.contains("{id}") && asker.may_call(route));
    for (function, route) in with_id {
        for id in foreign {
            let path = route.path.replace("{id}", id);
            let status = knock(stage, route, &path, asker.token).await?.0;
            match status {
                404 => isolation.count(false),
                200..=299 => isolation.count(true),
                other => bail!("{} answered {other} for another tenant's id", function.name),
            }
        }
    }
    Ok(())
}

/// No list holds anything foreign.
async fn check_lists(
    stage: &Stage,
    asker: Asker<'_>,
    foreign: &BTreeSet<String>,
    isolation: &mut Isolation,
) -> anyhow::Result<()> {
    for (function, route) in Function::http() {
        let lists = route.method == Method::Get && !route.path.contains('{');
        if !lists || !asker.may_call(route) {
            continue;
        }
        let (from, to) = stage.all_days();
        let path = if route.path.starts_with("/api/v1/metrics")
            || route.path.starts_with("/api/v1/campaigns")
        {
            format!("{}?from={from}&to={to}", route.path)
        } else {
            route.path.to_owned()
        };
        let (status, body) = knock(stage, route, &path, asker.token).await?;
        if status != 200 {
            bail!("{} answered {status}", function.name);
        }
        let shown = strings_of(&body);
        for id in foreign {
            isolation.count(shown.contains(id.as_str()));
        }
    }
    Ok(())
}

/// A person cannot switch into a tenant of which they are no member.
async fn check_switch(
    stage: &Stage,
    tenants: &[Tenant],
    isolation: &mut Isolation,
) -> anyhow::Result<()> {
    let session = people::viewer_session(stage).await?;
    let refresh_token = text(&session, "refresh_token")?;
    for tenant in &tenants[1..] {
        let body = json!({"refresh_token": refresh_token, "tenant_id": tenant.id});
        let switched = stage.api.post("/auth/refresh", None, &body).await?;
        match switched.status {
            404 => isolation.count(false),
            200 => isolation.count(true),
            other => bail!("switching into another's tenant answered {other}"),
        }
    }
    Ok(())
}

async fn knock(
    stage: &Stage,
    route: &Route,
    path: &str,
    token: &str,
) -> anyhow::Result<(u16, Value)> {
    let body = json!({});
    let body = matches!(route.method, Method::Post | Method::Patch).then_some(&body);
    let method = route.method.as_str().parse()?;
    let answer = stage.api.call(method, path, Some(token), body).await?;
    Ok((answer.status, answer.body))
}

/// Every string in an answer, however deep.
fn strings_of(value: &Value) -> BTreeSet<&str> {
    let mut strings = BTreeSet::new();
    let mut open = vec![value];
    while let Some(value) = open.pop() {
        match value {
            Value::String(text) => {
                strings.insert(text.as_str());
            }
            Value::Array(values) => open.extend(values),
            Value::Object(members) => open.extend(members.values()),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
    strings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_found_at_any_depth_and_numbers_are_not_ids() {
        let value = json!({"data": [{"id": "a", "more": {"ids": ["b"]}}], "count": 12});
        assert_eq!(strings_of(&value), BTreeSet::from(["a", "b"]));
    }
}
