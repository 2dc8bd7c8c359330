//! Reading a blob, a range at a time. A range whose answer breaks off is asked for again; all
//! ranges are of the same version of the blob.

use std::num::NonZeroUsize;
use std::ops::Range;
use std::time::Duration;

use azure_core::http::headers::{ETAG, HeaderName, Headers};
use azure_core::http::{Etag, StatusCode};
use azure_storage_blob::models::{BlobClientDownloadOptions, HttpRange};
use bytes::Bytes;
use domain::ports::StoreError;
use futures_util::stream::{BoxStream, iter, once};
use futures_util::{StreamExt, TryStreamExt};
use tokio::time::{sleep, timeout};

use super::RawBlob;
use crate::azure::{answered, explain};

/// Held in memory as a whole, so that no connection waits for a slow reader.
const RANGE: NonZeroUsize = NonZeroUsize::new(4 << 20).expect("it is not zero");

/// Ranges under way at once.
const UNDER_WAY: usize = 2;

/// How often a range is asked for whose answers break off.
const ATTEMPTS: u32 = 4;

/// Before the second attempt; doubled each time.
const PAUSE: Duration = Duration::from_millis(200);

const CONTENT_RANGE: HeaderName = HeaderName::from_static("content-range");

pub(super) async fn read(
    blob: RawBlob,
) -> Result<BoxStream<'static, Result<Bytes, StoreError>>, StoreError> {
    let first = blob.range(0..RANGE.get(), None).await?;
    let (size, version) = (first.size, first.version);
    let rest = (first.bytes.len()..size).step_by(RANGE.get());
    let rest = iter(rest).map(move |start| {
        let (blob, version) = (blob.clone(), version.clone());
        async move {
            let end = size.min(start + RANGE.get());
            Ok(blob.range(start..end, version).await?.bytes)
        }
    });
    Ok(once(async { Ok(first.bytes) }).chain(rest.buffered(UNDER_WAY)).boxed())
}

/// A part of a blob.
struct Part {
    bytes: Bytes,
    /// Of the whole blob.
    size: usize,
    version: Option<Etag>,
}

/// Why a range did not come whole.
enum Broken {
    /// It may come if it is asked for again.
    Off(String),
    Refused(StoreError),
}

impl RawBlob {
    /// The range, or what there is of it if the blob ends before.
    async fn range(&self, range: Range<usize>, version: Option<Etag>) -> Result<Part, StoreError> {
        let mut attempt = 1;
        loop {
            let asked = self.ask(range.clone(), version.clone());
            let reason = match timeout(self.patience.whole, asked).await {
                Ok(Ok(part)) => return Ok(part),
                Ok(Err(Broken::Refused(error))) => return Err(error),
                Ok(Err(Broken::Off(reason))) => reason,
                Err(_) => "it took too long".to_owned(),
            };
            if attempt == ATTEMPTS {
                return Err(self.resource.refused(format!(
                    "the answer of {} broke off {attempt} times: {reason}",
                    self.resource.name
                )));
            }
            sleep(PAUSE * 2_u32.pow(attempt - 1)).await;
            attempt += 1;
        }
    }

    async fn ask(&self, range: Range<usize>, version: Option<Etag>) -> Result<Part, Broken> {
        let options = BlobClientDownloadOptions {
            range: Some(HttpRange::from(range.clone())),
            // The range is one request.
            partition_size: Some(RANGE),
            if_match: version,
            ..BlobClientDownloadOptions::default()
        };
        let answer = match self.client.download(Some(options)).await {
            Ok(answer) => answer,
            Err(error) => return Err(Broken::Refused(self.refused_range(&error))),
        };
        let size = match size(&answer.headers) {
            Some(size) => size,
            // An empty blob has no ranges.
            None => answer
                .properties
                .content_length
                .and_then(|length| length.try_into().ok())
                .ok_or_else(|| {
                    let why = "it does not tell how large a blob is".to_owned();
                    Broken::Refused(self.resource.strange(why))
                })?,
        };
        let version = answer.headers.get_optional_str(&ETAG).map(Etag::from);
        let expected = size.min(range.end).saturating_sub(range.start);
        let mut bytes = Vec::with_capacity(expected);
        let mut body = answer.body;
        loop {
            match body.try_next().await {
                Ok(Some(chunk)) => bytes.extend_from_slice(&chunk),
                Ok(None) => break,
                Err(error) => return Err(Broken::Off(explain(&error))),
            }
        }
        if bytes.len() != expected {
            return Err(Broken::Off(format!("{} of {expected} bytes came", bytes.len())));
        }
        Ok(Part { bytes: bytes.into(), size, version })
    }

    fn refused_range(&self, error: &azure_core::Error) -> StoreError {
        match answered(error) {
            Some((StatusCode::PreconditionFailed, _)) => self
                .resource
                .refused("the file was replaced while it was read: read it again".to_owned()),
            _ => self.failed(error),
        }
    }
}

/// Of the whole blob: what follows the slash of `bytes 0-4194303/9437191`.
fn size(headers: &Headers) -> Option<usize> {
    headers.get_optional_str(&CONTENT_RANGE)?.rsplit('/').next()?.parse().ok()
}
