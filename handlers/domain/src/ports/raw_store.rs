use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;

use super::StoreError;

/// Raw extractions: written once, read by the loader. Paths are relative, `/`-separated, and
/// made by [`ExtractionPath`](crate::ExtractionPath).
#[async_trait]
pub trait RawStore: Send + Sync {
    /// Begins a file. It does not exist for readers until [`RawWriter::finish`]; finishing
    /// replaces a file of the same path. Of two writers of one path at the same time, the later
    /// one may be refused when it finishes; the files never mix.
    async fn create(&self, path: &str) -> Result<Box<dyn RawWriter>, StoreError>;

    /// Writes a whole file, or answers [`StoreError::AlreadyExists`] and changes nothing.
    async fn put_new(&self, path: &str, bytes: Bytes) -> Result<(), StoreError>;

    async fn read(
        &self,
        path: &str,
    ) -> Result<BoxStream<'static, Result<Bytes, StoreError>>, StoreError>;

    /// All finished files whose path begins with `prefix`, in order of path.
    async fn list(
        &self,
        prefix: &str,
    ) -> Result<BoxStream<'static, Result<String, StoreError>>, StoreError>;
}

/// A file being written. Dropping it leaves nothing that a reader can see.
#[async_trait]
pub trait RawWriter: Send {
    async fn write(&mut self, chunk: Bytes) -> Result<(), StoreError>;

    async fn finish(self: Box<Self>) -> Result<(), StoreError>;
}
