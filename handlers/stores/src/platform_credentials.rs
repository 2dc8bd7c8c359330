//! Consents and keys at platforms, as the app role: an organization's credential belongs to no
//! one tenant.

use std::sync::Arc;

use async_trait::async_trait;
use domain::ports::{Credential, Credentials, PendingConsent, StoreError};
use domain::{BusinessClock, Caller, CredentialId, TenantScope};
use serde_json::json;
use sqlx::PgPool;
use uuid::Uuid;

use crate::audit::Act;
use crate::stored::parsed;
use crate::unavailable;

const WHAT: &str = "the credential";

/// [`Credentials`] in the application's own tables.
pub struct PostgresCredentials {
    app: PgPool,
    clock: Arc<dyn BusinessClock>,
}

impl PostgresCredentials {
    /// `clock` is the system clock.
    pub fn new(app: PgPool, clock: Arc<dyn BusinessClock>) -> Self {
        Self { app, clock }
    }

    /// All that the caller may use, or the one of `id` if it is among them.
    async fn read(
        &self,
        scope: &TenantScope,
        caller: &Caller,
        id: Option<CredentialId>,
    ) -> Result<Vec<Credential>, StoreError> {
        let rows = sqlx::query!(
            r#"
            select
                credential.id, credential.platform, credential.login, credential.status,
                credential.tenant_id is null as "shared!"
            from app.credentials as credential
            join app.tenants as tenant using (organization_id)
            where tenant.id = $1 and tenant.organization_id = $2
                and (credential.tenant_id = tenant.id or (credential.tenant_id is null and $3))
                and ($4::uuid is null or credential.id = $4)
            order by credential.platform, credential.login, credential.id
            "#,
            scope.tenant().uuid(),
            caller.organization.uuid(),
            caller.owner,
            id.map(CredentialId::uuid),
        )
        .fetch_all(&self.app)
        .await
        .map_err(failed)?;
        rows.into_iter()
            .map(|row| {
                Ok(Credential {
                    id: row.id.into(),
                    platform: parsed(WHAT, &row.platform)?,
                    login: row.login,
                    status: row.status,
                    shared: row.shared,
                })
            })
            .collect()
    }
}

#[async_trait]
impl Credentials for PostgresCredentials {
    /// A consent without a login can only be meant for a credential without one that is broken:
    /// whether two working ones are of the same login cannot be told.
    async fn for_consent(&self, consent: &PendingConsent) -> Result<CredentialId, StoreError> {
        let mut transaction = self.app.begin().await.map_err(failed)?;
        // A person's consents wait for each other: of two at once the second renews the first.
        sqlx::query!("select from app.users where id = $1 for update", consent.user.uuid())
            .execute(&mut *transaction)
            .await
            .map_err(failed)?;
        let owned_by = (!consent.shared).then(|| consent.tenant.uuid());
        let existing = sqlx::query_scalar!(
            "select credential.id from app.credentials as credential
             join app.tenants as tenant using (organization_id)
             where tenant.id = $1 and credential.created_by = $2 and credential.platform = $3
                 and credential.tenant_id is not distinct from $4
                 and (lower(credential.login) = lower($5)
                     or ($5::text is null and credential.login is null
                         and credential.status <> 'active'))
             order by credential.created_at
             limit 1",
            consent.tenant.uuid(),
            consent.user.uuid(),
            consent.platform.code(),
            owned_by,
            consent.login_hint,
        )
        .fetch_optional(&mut *transaction)
        .await
        .map_err(failed)?;
        if let Some(id) = existing {
            return Ok(id.into());
        }
        let (id, now) = (CredentialId::new(), self.clock.now());
        sqlx::query!(
            "insert into app.credentials
                 (id, organization_id, tenant_id, platform, login, status, created_by,
                  created_at, updated_at)
             select $1, organization_id, $2, $3, $4, 'needs_reauth', $5, $6, $6
             from app.tenants where id = $7",
            id.uuid(),
            owned_by,
            consent.platform.code(),
            consent.login_hint,
            consent.user.uuid(),
            now,
            consent.tenant.uuid(),
        )
        .execute(&mut *transaction)
        .await
        .map_err(failed)?;
        transaction.commit().await.map_err(failed)?;
        Ok(id)
    }

    async fn activate(&self, id: CredentialId, scopes: &[String]) -> Result<(), StoreError> {
        let now = self.clock.now();
        let mut transaction = self.app.begin().await.map_err(failed)?;
        let row = sqlx::query!(
            "update app.credentials set status = 'active', scopes = $2, updated_at = $3
             where id = $1
             returning organization_id, tenant_id, created_by, platform",
            id.uuid(),
            scopes,
            now,
        )
        .fetch_one(&mut *transaction)
        .await
        .map_err(failed)?;
        sqlx::query!(
            "update app.tenant_oauth_connections set status = 'active', status_detail = null
             where credential_id = $1 and status <> 'active'",
            id.uuid(),
        )
        .execute(&mut *transaction)
        .await
        .map_err(failed)?;
        let act = Act {
            organization: Some(row.organization_id.into()),
            tenant: row.tenant_id.map(Uuid::into),
            by: row.created_by.into(),
            action: "credential.connected",
            detail: json!({ "credential_id": id, "platform": row.platform }),
        };
        act.record(&mut transaction, now).await?;
        transaction.commit().await.map_err(failed)
    }

    async fn needs_reauth(&self, id: CredentialId) -> Result<(), StoreError> {
        sqlx::query!(
            "with credential as (
                 update app.credentials set status = 'needs_reauth', updated_at = $2
                 where id = $1 and status = 'active'
             )
             update app.tenant_oauth_connections
             set status = 'needs_reauth', status_detail = $3
             where credential_id = $1 and status <> 'needs_reauth'",
            id.uuid(),
            self.clock.now(),
            "the consent is gone: connect the platform again",
        )
        .execute(&self.app)
        .await
        .map_err(failed)?;
        Ok(())
    }

    async fn usable(
        &self,
        scope: &TenantScope,
        caller: &Caller,
    ) -> Result<Vec<Credential>, StoreError> {
        self.read(scope, caller, None).await
    }

    async fn find(
        &self,
        scope: &TenantScope,
        caller: &Caller,
        id: CredentialId,
    ) -> Result<Credential, StoreError> {
        let found = self.read(scope, caller, Some(id)).await?.pop();
        found.ok_or(StoreError::NotFound { what: WHAT })
    }
}

fn failed(error: sqlx::Error) -> StoreError {
    unavailable(WHAT, error)
}

#[cfg(test)]
mod tests;
