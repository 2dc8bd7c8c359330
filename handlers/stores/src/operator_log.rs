//! The record of what operators did.

use async_trait::async_trait;
use domain::ports::{AuditLog, StoreError};
use domain::{OperatorAct, TenantId};
use sqlx::PgPool;
use uuid::Uuid;

use crate::unavailable;

/// Writes to `app.audit_log` as the app role.
#[derive(Clone, Debug)]
pub struct PostgresAuditLog(PgPool);

impl PostgresAuditLog {
    pub fn new(app: PgPool) -> Self {
        Self(app)
    }
}

#[async_trait]
impl AuditLog for PostgresAuditLog {
    async fn record_operator_act(
        &self,
        tenant: TenantId,
        act: OperatorAct,
    ) -> Result<(), StoreError> {
        let recorded = sqlx::query!(
            "insert into app.audit_log (id, organization_id, tenant_id, action)
             select $1, organization_id, id, $3 from app.tenants where id = $2",
            Uuid::now_v7(),
            tenant.uuid(),
            act.action(),
        )
        .execute(&self.0)
        .await
        .map_err(|error| unavailable("the audit log", error))?;
        if recorded.rows_affected() == 0 {
            return Err(StoreError::NotFound { what: "the tenant" });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TestDatabase;

    #[tokio::test]
    async fn an_act_on_a_tenant_that_is_not_there_opens_nothing() {
        let database = TestDatabase::new().await;
        let log = PostgresAuditLog::new(database.app().clone());
        let opened = OperatorAct::Sync.in_tenant(TenantId::new(), &log).await;
        assert!(matches!(opened, Err(StoreError::NotFound { .. })), "{opened:?}");
    }
}
