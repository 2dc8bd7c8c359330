use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use super::StoreError;

/// What processes remember for each other. It may forget anything at any time, and nothing may
/// depend on it: who cannot reach it does without.
///
/// Whoever else can write to it could put anything under any key, so a reader checks what it gets.
#[async_trait]
pub trait SharedCache: Send + Sync {
    /// The value, or `None`. A cache that is away says so within a fraction of a second, and at
    /// once while it stays away.
    async fn get(&self, key: &str) -> Result<Option<Bytes>, StoreError>;

    /// Keeps the value for at most `ttl`, in place of what was there. Backends count in whole
    /// seconds, at least one. [`StoreError::Invalid`] if the value is larger than the backend keeps.
    async fn put(&self, key: &str, value: Bytes, ttl: Duration) -> Result<(), StoreError>;
}
