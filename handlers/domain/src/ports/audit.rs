use async_trait::async_trait;

use super::StoreError;
use crate::{OperatorAct, TenantId};

/// Where acts of operators are recorded.
#[async_trait]
pub trait AuditLog: Send + Sync {
    /// [`StoreError::NotFound`] if there is no such tenant: then nothing is recorded.
    async fn record_operator_act(
        &self,
        tenant: TenantId,
        act: OperatorAct,
    ) -> Result<(), StoreError>;
}
