//! A file on its way into the container, a block at a time.

use async_trait::async_trait;
use azure_core::http::StatusCode;
use azure_storage_blob::models::{BlockLookupList, StorageErrorCode};
use bytes::Bytes;
use domain::ports::{RawWriter, StoreError};
use tokio::task::JoinSet;
use uuid::Uuid;

use super::RawBlob;
use crate::azure::answered;

/// A blob has at most 50,000 blocks: 195 GiB.
const BLOCK: usize = 4 << 20;

/// Blocks under way while the next is filled. With it, what a writer holds in memory.
const UNDER_WAY: usize = 2;

/// Dropped before its time, it ends its requests. What they staged cannot be seen.
pub(super) struct BlockWriter {
    /// Always present between two calls.
    open: Option<Open>,
}

impl BlockWriter {
    pub(super) fn new(blob: RawBlob) -> Self {
        let open = Open {
            writer: Uuid::new_v4(),
            blob,
            block: Vec::new(),
            staged: Vec::new(),
            under_way: JoinSet::new(),
        };
        Self { open: Some(open) }
    }
}

#[async_trait]
impl RawWriter for BlockWriter {
    async fn write(&mut self, chunk: Bytes) -> Result<(), StoreError> {
        let mut open = self.open.take().ok_or_else(abandoned)?;
        open.write(&chunk).await?;
        self.open = Some(open);
        Ok(())
    }

    async fn finish(mut self: Box<Self>) -> Result<(), StoreError> {
        self.open.take().ok_or_else(abandoned)?.finish().await
    }
}

/// An earlier write failed or was cancelled: the file is incomplete.
fn abandoned() -> StoreError {
    StoreError::Unavailable {
        what: "the raw store",
        source: "the file was given up after a failed write".into(),
    }
}

struct Open {
    /// In the names of all blocks: two writers of one path cannot mix theirs.
    writer: Uuid,
    blob: RawBlob,
    /// Being filled.
    block: Vec<u8>,
    /// The names of the blocks, in order.
    staged: Vec<Vec<u8>>,
    under_way: JoinSet<Result<(), StoreError>>,
}

impl Open {
    async fn write(&mut self, mut chunk: &[u8]) -> Result<(), StoreError> {
        while !chunk.is_empty() {
            if self.block.is_empty() {
                self.block.reserve_exact(BLOCK);
            }
            let (now, later) = chunk.split_at(chunk.len().min(BLOCK - self.block.len()));
            self.block.extend_from_slice(now);
            chunk = later;
            if self.block.len() == BLOCK {
                self.stage().await?;
            }
        }
        Ok(())
    }

    /// Sends the block, once few enough others are under way.
    async fn stage(&mut self) -> Result<(), StoreError> {
        while self.under_way.len() >= UNDER_WAY {
            self.arrival().await?;
        }
        let name = self.name_of(self.staged.len());
        let block = std::mem::take(&mut self.block);
        self.staged.push(name.clone());
        let blob = self.blob.clone();
        self.under_way.spawn(async move {
            let length = block.len() as u64;
            let content = Bytes::from(block).into();
            let client = blob.client.block_blob_client();
            match client.stage_block(&name, length, content, None).await {
                Ok(_) => Ok(()),
                Err(error) => Err(blob.failed(&error)),
            }
        });
        Ok(())
    }

    /// Waits for one block, if any is under way.
    async fn arrival(&mut self) -> Result<(), StoreError> {
        match self.under_way.join_next().await {
            Some(Ok(staged)) => staged,
            Some(Err(error)) => Err(self.blob.resource.refused(error.to_string())),
            None => Ok(()),
        }
    }

    /// All names have one length, as the service demands.
    fn name_of(&self, index: usize) -> Vec<u8> {
        format!("{}{index:08}", self.writer.simple()).into_bytes()
    }

    async fn finish(mut self) -> Result<(), StoreError> {
        // What fits a block takes one request.
        if self.staged.is_empty() {
            let content = Bytes::from(self.block).into();
            let stored = self.blob.client.upload(content, None).await;
            return stored.map(drop).map_err(|error| self.blob.failed(&error));
        }
        if !self.block.is_empty() {
            self.stage().await?;
        }
        while !self.under_way.is_empty() {
            self.arrival().await?;
        }
        let Self { blob, staged, .. } = self;
        let blocks = BlockLookupList { latest: Some(staged), ..BlockLookupList::default() };
        let blocks = blocks.try_into().map_err(|error| blob.failed(&error))?;
        let committed = blob.client.block_blob_client().commit_block_list(blocks, None).await;
        match committed {
            Ok(_) => Ok(()),
            Err(error) => Err(match answered(&error) {
                Some((StatusCode::BadRequest, code))
                    if code == StorageErrorCode::InvalidBlockList.as_ref() =>
                {
                    blob.resource.refused(
                        "another writer finished the same file meanwhile, which removed the \
                         blocks of this one"
                            .to_owned(),
                    )
                }
                _ => blob.failed(&error),
            }),
        }
    }
}
