//! Rows on their way out of the raw store: hashed, decompressed, counted.

use aws_lc_rs::digest;
use bytes::Bytes;
use domain::Part;
use domain::ports::{RawStore, StoreError};
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use zstd::stream::raw::{Decoder, Operation};

use crate::landing::hex;

/// What one step decompresses at most, however small its input: a damaged part cannot swell.
const STEP_BYTES: usize = 128 << 10;

/// Lines are handed on once this much is there.
const BATCH_BYTES: usize = 256 << 10;

/// No platform sends a longer row.
const LONGEST_LINE: usize = 64 << 20;

/// Why a part cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What lies in the raw store is not what the manifest says.
    #[error("{path}: {reason}")]
    Damaged { path: String, reason: &'static str },
}

/// One stored part, read in batches of whole lines.
///
/// **Invariant:** its end is reached without an error only if its bytes have the manifest's hash
/// and it holds the manifest's number of rows. Nobody may count on its lines before that.
pub(crate) struct PartReader<'a> {
    part: &'a Part,
    stored: BoxStream<'static, Result<Bytes, StoreError>>,
    chunk: Bytes,
    hash: digest::Context,
    decoder: Decoder<'static>,
    /// The decoder may hold output that did not fit.
    more_output: bool,
    frame_ended: bool,
    lines: Vec<u8>,
    rows: u64,
    ended: bool,
}

impl<'a> PartReader<'a> {
    pub(crate) async fn open(raw: &dyn RawStore, part: &'a Part) -> Result<Self, UnpackError> {
        let stored = match raw.read(&part.path).await {
            Ok(stored) => stored,
            Err(StoreError::NotFound { .. }) => return Err(damaged(part, "it is missing")),
            Err(error) => return Err(error.into()),
        };
        let decoder = Decoder::new().map_err(|_| damaged(part, "it cannot be decompressed"))?;
        Ok(Self {
            part,
            stored,
            chunk: Bytes::new(),
            hash: digest::Context::new(&digest::SHA256),
            decoder,
            more_output: false,
            frame_ended: false,
            lines: Vec::new(),
            rows: 0,
            ended: false,
        })
    }

    /// The next lines; `None` at the end of a part that is as it should be.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, UnpackError> {
        while !self.ended {
            if self.chunk.is_empty() && !self.more_output {
                match self.stored.next().await {
                    Some(chunk) => {
                        self.chunk = chunk?;
                        self.hash.update(&self.chunk);
                    }
                    None => return self.end(),
                }
            } else {
                self.decompress()?;
                if self.lines.len() >= BATCH_BYTES
                    && let Some(lines) = self.whole_lines()?
                {
                    return Ok(Some(lines));
                }
            }
        }
        Ok(None)
    }

    fn decompress(&mut self) -> Result<(), UnpackError> {
        let filled = self.lines.len();
        self.lines.resize(filled + STEP_BYTES, 0);
        let status = self
            .decoder
            .run_on_buffers(&self.chunk, &mut self.lines[filled..])
            .map_err(|_| damaged(self.part, "it cannot be decompressed"))?;
        self.lines.truncate(filled + status.bytes_written);
        self.chunk = self.chunk.slice(status.bytes_read..);
        self.more_output = status.bytes_written == STEP_BYTES;
        self.frame_ended = status.remaining == 0;
        Ok(())
    }

    /// Takes all lines that are whole.
    fn whole_lines(&mut self) -> Result<Option<Bytes>, UnpackError> {
        let Some(last) = self.lines.iter().rposition(|byte| *byte == b'\n') else {
            let too_long = self.lines.len() > LONGEST_LINE;
            return if too_long { Err(damaged(self.part, "a row has no end")) } else { Ok(None) };
        };
        let rest = self.lines.split_off(last + 1);
        let lines = std::mem::replace(&mut self.lines, rest);
        self.rows += lines.iter().map(|byte| u64::from(*byte == b'\n')).sum::<u64>();
        Ok(Some(Bytes::from(lines)))
    }

    fn end(&mut self) -> Result<Option<Bytes>, UnpackError> {
        self.ended = true;
        let lines = self.whole_lines()?;
        if !self.frame_ended || !self.lines.is_empty() {
            return Err(damaged(self.part, "it is cut short"));
        }
        let hash = std::mem::replace(&mut self.hash, digest::Context::new(&digest::SHA256));
        if hex(hash.finish().as_ref()) != self.part.sha256 {
            return Err(damaged(self.part, "its bytes are not those that were written"));
        }
        if self.rows != self.part.rows {
            return Err(damaged(self.part, "it has another number of rows than its manifest says"));
        }
        Ok(lines)
    }
}

fn damaged(part: &Part, reason: &'static str) -> UnpackError {
    UnpackError::Damaged { path: part.path.clone(), reason }
}
