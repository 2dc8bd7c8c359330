//! Platform accounts assigned to a tenant, as the api role under its row-level security.

use std::sync::Arc;

use async_trait::async_trait;
use domain::ports::{Connection, Connections, Credential, PlatformAccount, StoreError};
use domain::{BusinessClock, ConnectionId, TenantScope, UserId};
use serde_json::json;
use uuid::Uuid;

use crate::audit::Act;
use crate::stored::parsed;
use crate::{ScopedPool, unavailable};

const WHAT: &str = "the connection";

/// [`Connections`] in the application's own tables.
pub struct PostgresConnections {
    api: ScopedPool,
    clock: Arc<dyn BusinessClock>,
}

impl PostgresConnections {
    /// `clock` is the system clock.
    pub fn new(api: ScopedPool, clock: Arc<dyn BusinessClock>) -> Self {
        Self { api, clock }
    }
}

#[async_trait]
impl Connections for PostgresConnections {
    async fn list(&self, scope: &TenantScope) -> Result<Vec<Connection>, StoreError> {
        let mut transaction = self.api.begin(scope).await?;
        let rows = sqlx::query_as!(
            ConnectionRow,
            "select id, platform, account_id, name, currency, time_zone, status, status_detail
             from app.tenant_oauth_connections
             where tenant_id = $1
             order by platform, name, account_id",
            scope.tenant().uuid(),
        )
        .fetch_all(&mut *transaction)
        .await
        .map_err(failed)?;
        rows.into_iter().map(ConnectionRow::connection).collect()
    }

    async fn create(
        &self,
        scope: &TenantScope,
        by: UserId,
        credential: &Credential,
        account: &PlatformAccount,
    ) -> Result<Connection, StoreError> {
        let (id, now) = (ConnectionId::new(), self.clock.now());
        let mut transaction = self.api.begin(scope).await?;
        let row = sqlx::query_as!(
            ConnectionRow,
            "insert into app.tenant_oauth_connections
                 (id, organization_id, tenant_id, credential_id, platform, account_id, name,
                  manager_id, time_zone, currency, created_by, created_at)
             values ($1, (select organization_id from app.tenants where id = $2), $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
             returning
                 id, platform, account_id, name, currency, time_zone, status, status_detail",
            id.uuid(),
            scope.tenant().uuid(),
            credential.id.uuid(),
            credential.platform.code(),
            account.account_id,
            account.name,
            account.manager_id,
            account.time_zone.name(),
            account.currency.as_str(),
            by.uuid(),
            now,
        )
        .fetch_one(&mut *transaction)
        .await
        .map_err(|error| match error.as_database_error() {
            Some(refused) if refused.is_unique_violation() => {
                StoreError::AlreadyExists { what: WHAT }
            }
            _ => failed(error),
        })?;
        Act::in_tenant(scope.tenant(), by, "connection.created")
            .with(json!({
                "connection_id": id,
                "credential_id": credential.id,
                "platform": credential.platform,
                "account_id": account.account_id,
            }))
            .record(&mut transaction, now)
            .await?;
        transaction.commit().await.map_err(failed)?;
        row.connection()
    }

    async fn delete(
        &self,
        scope: &TenantScope,
        by: UserId,
        id: ConnectionId,
    ) -> Result<(), StoreError> {
        let mut transaction = self.api.begin(scope).await?;
        let row = sqlx::query!(
            "delete from app.tenant_oauth_connections where id = $1 and tenant_id = $2
             returning platform, account_id",
            id.uuid(),
            scope.tenant().uuid(),
        )
        .fetch_optional(&mut *transaction)
        .await
        .map_err(failed)?
        .ok_or(StoreError::NotFound { what: WHAT })?;
        Act::in_tenant(scope.tenant(), by, "connection.deleted")
            .with(json!({
                "connection_id": id,
                "platform": row.platform,
                "account_id": row.account_id,
            }))
            .record(&mut transaction, self.clock.now())
            .await?;
        transaction.commit().await.map_err(failed)
    }
}

struct ConnectionRow {
    id: Uuid,
    platform: String,
    account_id: String,
    name: String,
    currency: String,
    time_zone: String,
    status: String,
    status_detail: Option<String>,
}

impl ConnectionRow {
    fn connection(self) -> Result<Connection, StoreError> {
        Ok(Connection {
            id: self.id.into(),
            platform: parsed(WHAT, &self.platform)?,
            account_id: self.account_id,
            name: self.name,
            currency: parsed(WHAT, &self.currency)?,
            time_zone: parsed(WHAT, &self.time_zone)?,
            status: self.status,
            status_detail: self.status_detail,
        })
    }
}

fn failed(error: sqlx::Error) -> StoreError {
    unavailable(WHAT, error)
}

#[cfg(test)]
mod tests;
