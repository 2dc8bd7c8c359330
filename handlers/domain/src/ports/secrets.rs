use async_trait::async_trait;
use secrecy::SecretString;

use super::StoreError;

/// Platform tokens and other secrets. Names are `[0-9a-zA-Z-]{1,127}`, as Key Vault allows.
#[async_trait]
pub trait Secrets: Send + Sync {
    /// The newest value, or `None`.
    async fn get(&self, name: &str) -> Result<Option<SecretString>, StoreError>;

    /// A value that was the newest at some moment of the last five minutes, or `None`; it may come
    /// while the store is away. Only for what shows itself when it is out of date, such as a token:
    /// who is about to replace a secret asks for the newest.
    async fn get_recent(&self, name: &str) -> Result<Option<SecretString>, StoreError> {
        self.get(name).await
    }

    /// The newest value from now on. Storing what is already there changes nothing.
    async fn set(&self, name: &str, value: SecretString) -> Result<(), StoreError>;

    /// Deleting what is not there is no error.
    async fn delete(&self, name: &str) -> Result<(), StoreError>;
}
