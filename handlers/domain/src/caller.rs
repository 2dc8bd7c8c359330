//! Who asks, and what they were allowed to see.

use crate::{OrganizationId, Permission, Role, SessionId, TenantId, UserId};

/// A person whose token was verified.
#[derive(Clone, Debug)]
pub struct Caller {
    pub user: UserId,
    pub organization: OrganizationId,
    /// Owner of the organization: `tenant_admin` in each of its tenants.
    pub owner: bool,
    pub session: SessionId,
    tenant: Option<(TenantId, Role)>,
}

/// Why a caller may not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    #[error("your role does not allow this")]
    Role,
    #[error("your token names no tenant: refresh it with the tenant_id of one of your tenants")]
    NoTenant,
    #[error("only the organization's owner may do this")]
    NotOwner,
}

impl Caller {
    /// From the claims of a token whose signature and expiry have been checked.
    pub fn from_verified_claims(
        user: UserId,
        organization: OrganizationId,
        owner: bool,
        session: SessionId,
        tenant: Option<(TenantId, Role)>,
    ) -> Self {
        Self { user, organization, owner, session, tenant }
    }

    /// The tenant that the token names, if the role in it allows `permission`.
    pub fn in_tenant(&self, permission: Permission) -> Result<TenantScope, Denied> {
        let (tenant, role) = self.tenant.ok_or(Denied::NoTenant)?;
        if role.allows(permission) { Ok(TenantScope::of(tenant)) } else { Err(Denied::Role) }
    }

    /// The whole organization, for its owner.
    pub fn in_organization(&self) -> Result<OrganizationScope, Denied> {
        if self.owner { Ok(OrganizationScope(self.organization)) } else { Err(Denied::NotOwner) }
    }
}

/// The tenant whose rows the holder may see. Only a permission check, a claimed job or an audited
/// act of an operator makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TenantScope(TenantId);

impl TenantScope {
    pub(crate) fn of(tenant: TenantId) -> Self {
        Self(tenant)
    }

    pub fn tenant(&self) -> TenantId {
        self.0
    }

    /// The value of PostgreSQL's `app.tenant_ids` for a transaction in this scope: an array
    /// literal of ids.
    pub fn setting(&self) -> String {
        format!("{{{}}}", self.0)
    }
}

/// An organization whose owner was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrganizationScope(OrganizationId);

impl OrganizationScope {
    pub fn organization(&self) -> OrganizationId {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(tenant: Option<(TenantId, Role)>, owner: bool) -> Caller {
        Caller::from_verified_claims(
            UserId::new(),
            OrganizationId::new(),
            owner,
            SessionId::new(),
            tenant,
        )
    }

    #[test]
    fn a_viewer_reads_and_no_more() {
        let tenant = TenantId::new();
        let viewer = caller(Some((tenant, Role::Viewer)), false);
        assert_eq!(viewer.in_tenant(Permission::Read).unwrap().tenant(), tenant);
        assert_eq!(viewer.in_tenant(Permission::Sync), Err(Denied::Role));
        assert_eq!(viewer.in_tenant(Permission::Administer), Err(Denied::Role));
        assert_eq!(viewer.in_organization(), Err(Denied::NotOwner));
    }

    #[test]
    fn a_token_without_a_tenant_opens_none() {
        assert_eq!(caller(None, true).in_tenant(Permission::Read), Err(Denied::NoTenant));
    }
}
