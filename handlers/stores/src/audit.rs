//! The record of what people changed: written in the transaction that changes it.

use chrono::{DateTime, Utc};
use domain::ports::StoreError;
use domain::{OrganizationId, TenantId, UserId};
use serde_json::{Value, json};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::unavailable;

/// One act. Secrets and e-mail addresses have no place in `detail`.
pub(crate) struct Act {
    pub(crate) organization: Option<OrganizationId>,
    pub(crate) tenant: Option<TenantId>,
    pub(crate) by: UserId,
    /// Dotted: `session.revoked`, `tenant.created`.
    pub(crate) action: &'static str,
    pub(crate) detail: Value,
}

impl Act {
    pub(crate) fn in_tenant(tenant: TenantId, by: UserId, action: &'static str) -> Self {
        Self { organization: None, tenant: Some(tenant), by, action, detail: json!({}) }
    }

    pub(crate) fn with(self, detail: Value) -> Self {
        Self { detail, ..self }
    }

    pub(crate) async fn record(
        self,
        connection: &mut PgConnection,
        at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        sqlx::query!(
            "insert into app.audit_log
                 (id, at, organization_id, tenant_id, user_id, action, detail)
             values ($1, $2, $3, $4, $5, $6, $7)",
            Uuid::now_v7(),
            at,
            self.organization.map(OrganizationId::uuid),
            self.tenant.map(TenantId::uuid),
            self.by.uuid(),
            self.action,
            self.detail,
        )
        .execute(connection)
        .await
        .map_err(|error| unavailable("the audit log", error))?;
        Ok(())
    }
}
