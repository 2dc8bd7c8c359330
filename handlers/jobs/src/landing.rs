//! Rows on their way into the raw store: compressed, hashed, rolled into parts.

use std::io::Write;
use std::sync::Arc;

use async_trait::async_trait;
use aws_lc_rs::digest;
use bytes::Bytes;
use connectors::RowSink;
use domain::ports::{BoxError, RawStore, RawWriter, StoreError};
use domain::{ExtractionPath, Part};
use zstd::stream::write::Encoder;

/// Compressed bytes after which the next part begins.
const PART_BYTES: u64 = 64 << 20;

/// Rows are compressed in pieces of this size, between which other work gets its turn.
const PIECE_BYTES: usize = 256 << 10;

/// Compressed bytes that are gathered before they are written.
const WRITE_BYTES: usize = 64 << 10;

/// Fast: the platform's answers are the bottleneck, and rows of JSON shrink tenfold anyway.
const LEVEL: i32 = 1;

/// Receives the rows of one attempt at one job.
///
/// **Invariant:** what it has written does not exist for the loader until a manifest names it.
pub struct Landing {
    raw: Arc<dyn RawStore>,
    path: ExtractionPath,
    parts: Vec<Part>,
    open: Option<OpenPart>,
}

impl Landing {
    pub fn new(raw: Arc<dyn RawStore>, path: ExtractionPath) -> Self {
        Self { raw, path, parts: Vec::new(), open: None }
    }

    /// The parts, in order, all of them finished.
    pub async fn finish(mut self) -> Result<Vec<Part>, StoreError> {
        self.close_part().await?;
        Ok(self.parts)
    }

    async fn append(&mut self, ndjson: &[u8], rows: u64) -> Result<(), StoreError> {
        let mut part = match self.open.take() {
            Some(part) => part,
            None => OpenPart::begin(&*self.raw, self.path.part(self.parts.len())).await?,
        };
        part.append(ndjson).await?;
        part.rows += rows;
        let full = part.bytes >= PART_BYTES;
        self.open = Some(part);
        if full { self.close_part().await } else { Ok(()) }
    }

    async fn close_part(&mut self) -> Result<(), StoreError> {
        if let Some(part) = self.open.take() {
            self.parts.push(part.finish().await?);
        }
        Ok(())
    }
}

#[async_trait]
impl RowSink for Landing {
    async fn rows(&mut self, ndjson: &[u8], rows: u64) -> Result<(), BoxError> {
        Ok(self.append(ndjson, rows).await?)
    }

    async fn restart(&mut self) -> Result<(), BoxError> {
        self.open = None;
        self.parts.clear();
        Ok(())
    }
}

struct OpenPart {
    path: String,
    writer: Box<dyn RawWriter>,
    encoder: Encoder<'static, Vec<u8>>,
    hash: digest::Context,
    rows: u64,
    /// Written so far.
    bytes: u64,
}

impl OpenPart {
    async fn begin(raw: &dyn RawStore, path: String) -> Result<Self, StoreError> {
        let writer = raw.create(&path).await?;
        let encoder = Encoder::new(Vec::new(), LEVEL).map_err(compression)?;
        let hash = digest::Context::new(&digest::SHA256);
        Ok(Self { path, writer, encoder, hash, rows: 0, bytes: 0 })
    }

    async fn append(&mut self, ndjson: &[u8]) -> Result<(), StoreError> {
        for piece in ndjson.chunks(PIECE_BYTES) {
            self.encoder.write_all(piece).map_err(compression)?;
            if self.encoder.get_ref().len() >= WRITE_BYTES {
                let compressed = std::mem::take(self.encoder.get_mut());
                self.write(compressed).await?;
            }
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    async fn write(&mut self, compressed: Vec<u8>) -> Result<(), StoreError> {
        self.hash.update(&compressed);
        self.bytes += compressed.len() as u64;
        self.writer.write(Bytes::from(compressed)).await
    }

    async fn finish(mut self) -> Result<Part, StoreError> {
        self.encoder.do_finish().map_err(compression)?;
        let rest = std::mem::take(self.encoder.get_mut());
        self.write(rest).await?;
        self.writer.finish().await?;
        let sha256 = hex(self.hash.finish().as_ref());
        Ok(Part { path: self.path, rows: self.rows, bytes: self.bytes, sha256 })
    }
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 0xf])
        .map(|digit| char::from(DIGITS[usize::from(digit)]))
        .collect()
}

fn compression(error: std::io::Error) -> StoreError {
    StoreError::Unavailable { what: "compression", source: error.into() }
}
