//! The access check: what the registry asks for against what the token gives.

use domain::registry::Access;
use domain::{Caller, Permission, TenantScope};

use crate::request::{Granted, Head};
use crate::{App, Problem};

/// Needs nothing but a request's head: who may not is told so before the body is read.
pub(crate) async fn grant(app: &App, access: Access, head: &Head) -> Result<Granted, Problem> {
    if access == Access::Public {
        return Ok(Granted::Nothing);
    }
    let header = head.header("authorization").ok_or_else(|| {
        Problem::unauthenticated("token_missing", "send Authorization: Bearer <access_token>")
    })?;
    let bearer = match header.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
        _ => {
            return Err(Problem::unauthenticated(
                "token_invalid",
                "the Authorization header is not of the form Bearer <access_token>",
            ));
        }
    };
    let caller = app.verifier.verify(bearer)?;
    Ok(match access {
        Access::Public | Access::SignedIn => Granted::Caller(caller),
        Access::Tenant(permission) => {
            let scope = caller.in_tenant(permission)?;
            if permission != Permission::Read {
                still_allowed(app, &caller, &scope, permission).await?;
            }
            Granted::Tenant(caller, scope)
        }
        Access::Organization => {
            let scope = caller.in_organization()?;
            Granted::Organization(caller, scope)
        }
    })
}

/// A token outlives a change of role by minutes. What changes something asks the database again,
/// or a person who was removed could use those minutes to come back.
async fn still_allowed(
    app: &App,
    caller: &Caller,
    scope: &TenantScope,
    permission: Permission,
) -> Result<(), Problem> {
    let memberships = app.tenants.memberships(caller).await?;
    let role = memberships.iter().find(|membership| membership.tenant == scope.tenant());
    if role.is_some_and(|membership| membership.role.allows(permission)) {
        Ok(())
    } else {
        Err(Problem::forbidden("your role in this tenant has changed: refresh your token"))
    }
}
