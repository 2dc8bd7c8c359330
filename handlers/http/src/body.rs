//! Bodies of requests: read whole within bounds, or not at all.

use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use futures_util::stream::BoxStream;
use futures_util::{FutureExt, Stream, StreamExt};

use crate::Problem;

/// The largest body that any endpoint or function takes.
pub(crate) const MAX_BODY: usize = 1 << 20;

/// How long a body may take to arrive.
pub(crate) const BODY_DEADLINE: Duration = Duration::from_secs(20);

/// How much of an unwanted body is still taken off the wire, and for how long. A connection that
/// is closed over unread bytes is reset, and the client may never see the answer.
const MAX_DISCARDED: usize = 8 << 20;
const DISCARD_DEADLINE: Duration = Duration::from_secs(5);

/// A body that has not been read yet.
pub(crate) struct Body {
    /// `None` once there is nothing more that is worth reading.
    chunks: Option<BoxStream<'static, Result<Bytes, warp::Error>>>,
    deadline: Duration,
}

impl Body {
    pub(crate) fn new<B: Buf>(
        chunks: impl Stream<Item = Result<B, warp::Error>> + Send + 'static,
        deadline: Duration,
    ) -> Self {
        let chunks = chunks.map(|chunk| chunk.map(|mut data| data.copy_to_bytes(data.remaining())));
        Self { chunks: Some(chunks.boxed()), deadline }
    }

    /// The whole body. The Functions host posts chunked, so the length is known only at the end.
    pub(crate) async fn read(&mut self) -> Result<Bytes, Problem> {
        let deadline = self.deadline;
        if let Ok(read) = tokio::time::timeout(deadline, self.collect()).await {
            read
        } else {
            self.chunks = None;
            Err(Problem::body_too_slow())
        }
    }

    async fn collect(&mut self) -> Result<Bytes, Problem> {
        let Some(chunks) = &mut self.chunks else { return Ok(Bytes::new()) };
        let mut collected = BytesMut::new();
        while let Some(chunk) = chunks.next().await {
            let Ok(chunk) = chunk else {
                self.chunks = None;
                let detail = "the body ended before its length";
                return Err(Problem::bad_request("body_cut_short", "body", detail));
            };
            if collected.len() + chunk.len() > MAX_BODY {
                return Err(Problem::too_large(MAX_BODY));
            }
            collected.extend_from_slice(&chunk);
        }
        self.chunks = None;
        Ok(collected.freeze())
    }

    /// Takes the rest off the wire, so that the answer arrives and the connection lives on.
    pub(crate) fn discard(self) {
        let Some(mut chunks) = self.chunks else { return };
        let mut discarded = 0;
        let mut all = async move {
            while let Some(Ok(chunk)) = chunks.next().await {
                discarded += chunk.len();
                if discarded > MAX_DISCARDED {
                    return;
                }
            }
        }
        .boxed();
        // Most often there is none, or it is here already.
        if (&mut all).now_or_never().is_none() {
            tokio::spawn(tokio::time::timeout(DISCARD_DEADLINE, all));
        }
    }
}
