use async_trait::async_trait;
use secrecy::SecretString;

use super::StoreError;

/// Platform tokens and other secrets. Names are `[0-9a-zA-Z-]{1,127}`, as Key Vault allows.
#[async_trait]
pub trait Secrets: Send + Sync {
    /// The newest value, or `None`.
    async fn get(&self, name: &str) -> Result<Option<SecretString>, StoreError>;

    async fn set(&self, name: &str, value: SecretString) -> Result<(), StoreError>;

    /// Deleting what is not there is no error.
    async fn delete(&self, name: &str) -> Result<(), StoreError>;
}
