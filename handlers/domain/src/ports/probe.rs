use async_trait::async_trait;

use super::StoreError;

/// One part that the deployment needs, asked whether it works.
#[async_trait]
pub trait Probe: Send + Sync {
    /// As health reports name it: `database`, `queues`.
    fn part(&self) -> &'static str;

    /// Cheap. The caller bounds how long it waits.
    async fn check(&self) -> Result<(), StoreError>;
}
