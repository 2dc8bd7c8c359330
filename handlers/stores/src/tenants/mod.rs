//! Tenants and their people. What concerns one tenant runs as the api role, under its row-level
//! security; what concerns an organization, or sessions, as the app role.

mod people;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::ports::{
    Membership, NewInvitation, NewTenant, People, StoreError, Tenant, TenantChange, Tenants,
};
use domain::{
    BusinessClock, Caller, EmailAddress, Name, OrganizationScope, Role, TenantId, TenantScope,
    UserId,
};
use serde_json::json;
use sqlx::PgPool;
use uuid::Uuid;

use crate::audit::Act;
use crate::stored::parsed;
use crate::{ScopedPool, unavailable};

const WHAT: &str = "the tenant";

/// [`Tenants`] in the application's own tables.
pub struct PostgresTenants {
    app: PgPool,
    api: ScopedPool,
    clock: Arc<dyn BusinessClock>,
}

impl PostgresTenants {
    /// `clock` is the system clock.
    pub fn new(app: PgPool, api: ScopedPool, clock: Arc<dyn BusinessClock>) -> Self {
        Self { app, api, clock }
    }
}

#[async_trait]
impl Tenants for PostgresTenants {
    async fn memberships(&self, caller: &Caller) -> Result<Vec<Membership>, StoreError> {
        let rows = sqlx::query!(
            r#"
            select tenant.id, tenant.name, owner.user_id is not null as "owner!", member.role as "role?"
            from app.tenants as tenant
            left join app.organization_owners as owner
                on owner.organization_id = tenant.organization_id and owner.user_id = $1
            left join app.tenant_users as member
                on member.tenant_id = tenant.id and member.user_id = $1
            where owner.user_id is not null or member.user_id is not null
            order by tenant.name, tenant.id
            "#,
            caller.user.uuid(),
        )
        .fetch_all(&self.app)
        .await
        .map_err(failed)?;
        rows.into_iter()
            .map(|row| {
                Ok(Membership {
                    tenant: row.id.into(),
                    tenant_name: row.name,
                    role: match row.role {
                        Some(role) if !row.owner => parsed(WHAT, &role)?,
                        _ => Role::TenantAdmin,
                    },
                })
            })
            .collect()
    }

    async fn create(
        &self,
        scope: &OrganizationScope,
        by: UserId,
        tenant: &NewTenant,
    ) -> Result<Tenant, StoreError> {
        let (id, now) = (TenantId::new(), self.clock.now());
        let mut transaction = self.app.begin().await.map_err(failed)?;
        let row = sqlx::query_as!(
            TenantRow,
            "insert into app.tenants
                 (id, organization_id, name, time_zone, reporting_currency,
                  meta_conversion_actions, created_at, updated_at)
             values ($1, $2, $3, $4, $5,
                 coalesce($6, array['offsite_conversion.fb_pixel_purchase']), $7, $7)
             returning
                 id, name, time_zone, reporting_currency, meta_conversion_actions, created_at",
            id.uuid(),
            scope.organization().uuid(),
            tenant.name.as_str(),
            tenant.time_zone.name(),
            tenant.reporting_currency.as_str(),
            tenant.meta_conversion_actions.as_deref(),
            now,
        )
        .fetch_one(&mut *transaction)
        .await
        .map_err(name_taken)?;
        let act = Act::in_tenant(id, by, "tenant.created");
        Act { organization: Some(scope.organization()), ..act }
            .record(&mut transaction, now)
            .await?;
        transaction.commit().await.map_err(failed)?;
        row.tenant()
    }

    async fn get(&self, scope: &TenantScope) -> Result<Tenant, StoreError> {
        let mut transaction = self.api.begin(scope).await?;
        sqlx::query_as!(
            TenantRow,
            "select id, name, time_zone, reporting_currency, meta_conversion_actions, created_at
             from app.tenants where id = $1",
            scope.tenant().uuid(),
        )
        .fetch_one(&mut *transaction)
        .await
        .map_err(failed)?
        .tenant()
    }

    async fn update(
        &self,
        scope: &TenantScope,
        by: UserId,
        change: &TenantChange,
    ) -> Result<Tenant, StoreError> {
        let now = self.clock.now();
        let mut transaction = self.api.begin(scope).await?;
        let row = sqlx::query_as!(
            TenantRow,
            "update app.tenants set
                 name = coalesce($2, name),
                 time_zone = coalesce($3, time_zone),
                 reporting_currency = coalesce($4, reporting_currency),
                 meta_conversion_actions = coalesce($5, meta_conversion_actions),
                 updated_at = $6
             where id = $1
             returning
                 id, name, time_zone, reporting_currency, meta_conversion_actions, created_at",
            scope.tenant().uuid(),
            change.name.as_ref().map(Name::as_str),
            change.time_zone.map(chrono_tz::Tz::name),
            change.reporting_currency.as_ref().map(domain::CurrencyCode::as_str),
            change.meta_conversion_actions.as_deref(),
            now,
        )
        .fetch_one(&mut *transaction)
        .await
        .map_err(name_taken)?;
        let changed = json!({
            "name": change.name.is_some(),
            "time_zone": change.time_zone.map(chrono_tz::Tz::name),
            "reporting_currency": change.reporting_currency,
            "meta_conversion_actions": change.meta_conversion_actions,
        });
        Act::in_tenant(scope.tenant(), by, "tenant.updated")
            .with(changed)
            .record(&mut transaction, now)
            .await?;
        transaction.commit().await.map_err(failed)?;
        row.tenant()
    }

    async fn people(&self, scope: &TenantScope) -> Result<People, StoreError> {
        self.read_people(scope).await
    }

    async fn invite(
        &self,
        scope: &TenantScope,
        by: UserId,
        email: &EmailAddress,
        role: Role,
    ) -> Result<NewInvitation, StoreError> {
        self.add_invitation(scope, by, email, role).await
    }

    async fn remove(&self, scope: &TenantScope, by: UserId, id: Uuid) -> Result<(), StoreError> {
        if self.withdraw_invitation(scope, by, id).await? {
            return Ok(());
        }
        let user = UserId::from(id);
        self.remove_member(scope, by, user).await?;
        self.end_sessions(scope, user).await
    }
}

struct TenantRow {
    id: Uuid,
    name: String,
    time_zone: String,
    reporting_currency: String,
    meta_conversion_actions: Vec<String>,
    created_at: DateTime<Utc>,
}

impl TenantRow {
    fn tenant(self) -> Result<Tenant, StoreError> {
        Ok(Tenant {
            id: self.id.into(),
            name: self.name,
            time_zone: parsed(WHAT, &self.time_zone)?,
            reporting_currency: parsed(WHAT, &self.reporting_currency)?,
            meta_conversion_actions: self.meta_conversion_actions,
            created_at: self.created_at,
        })
    }
}

fn failed(error: sqlx::Error) -> StoreError {
    unavailable(WHAT, error)
}

fn name_taken(error: sqlx::Error) -> StoreError {
    match error.as_database_error() {
        Some(refused) if refused.is_unique_violation() => {
            StoreError::AlreadyExists { what: "a tenant of this name" }
        }
        _ => failed(error),
    }
}
