//! Where a person stands: the active tenant, the role in it, the organization around it.

use domain::ports::{Membership, StoreError};
use domain::{OrganizationId, Role, TenantId, UserId};
use sqlx::PgConnection;

use super::{WHAT, failed};
use crate::stored::parsed;

pub(super) struct Place {
    pub(super) organization: OrganizationId,
    pub(super) organization_name: String,
    pub(super) owner: bool,
    pub(super) tenant: Option<Membership>,
}

impl Place {
    /// The person's place in `tenant`, or in the one they would expect: an owner's oldest tenant,
    /// else the tenant joined first, else an owner's organization without a tenant. `None` if
    /// they have no such place.
    pub(super) async fn of(
        connection: &mut PgConnection,
        user: UserId,
        tenant: Option<TenantId>,
    ) -> Result<Option<Self>, StoreError> {
        let found = sqlx::query!(
            r#"
            select
                organization.id as organization_id,
                organization.name as organization_name,
                owner.user_id is not null as "owner!",
                tenant.id as "tenant_id?",
                tenant.name as "tenant_name?",
                member.role as "role?"
            from app.organizations as organization
            left join app.organization_owners as owner
                on owner.organization_id = organization.id and owner.user_id = $1
            left join app.tenants as tenant on tenant.organization_id = organization.id
            left join app.tenant_users as member
                on member.tenant_id = tenant.id and member.user_id = $1
            where (owner.user_id is not null or member.user_id is not null)
                and ($2::uuid is null or tenant.id = $2)
            order by
                owner.user_id is null,
                case when owner.user_id is null then member.created_at else tenant.created_at end,
                tenant.id
            limit 1
            "#,
            user.uuid(),
            tenant.map(TenantId::uuid),
        )
        .fetch_optional(connection)
        .await
        .map_err(failed)?;
        let Some(row) = found else { return Ok(None) };
        let tenant = match (row.tenant_id, row.tenant_name) {
            (Some(id), Some(name)) => Some(Membership {
                tenant: id.into(),
                tenant_name: name,
                role: match (row.owner, row.role) {
                    (false, Some(role)) => parsed(WHAT, &role)?,
                    _ => Role::TenantAdmin,
                },
            }),
            _ => None,
        };
        Ok(Some(Self {
            organization: row.organization_id.into(),
            organization_name: row.organization_name,
            owner: row.owner,
            tenant,
        }))
    }
}
