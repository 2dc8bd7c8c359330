//! Acts of whoever runs the deployment, across organizations: each is recorded before it opens
//! anything.

use crate::ports::{AuditLog, StoreError};
use crate::{TenantId, TenantScope};

/// What an operator does to a tenant from the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OperatorAct {
    /// Plans and does a sync.
    Sync,
    /// Looks what a sync would do.
    SyncDryRun,
}

impl OperatorAct {
    /// Dotted, as in all of the audit log.
    pub const fn action(self) -> &'static str {
        match self {
            Self::Sync => "operator.sync",
            Self::SyncDryRun => "operator.sync_dry_run",
        }
    }

    /// Opens `tenant` for this act, once it is in the audit log.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if there is no such tenant.
    pub async fn in_tenant(
        self,
        tenant: TenantId,
        log: &dyn AuditLog,
    ) -> Result<TenantScope, StoreError> {
        log.record_operator_act(tenant, self).await?;
        Ok(TenantScope::of(tenant))
    }
}
