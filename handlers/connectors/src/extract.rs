//! The one extract loop. Connectors take one step at a time; paging, retries, pacing, splitting
//! of windows and starting over are done here, once for all platforms.

use std::time::Duration;

use async_trait::async_trait;
use chrono_tz::Tz;
use domain::ports::{BoxError, PlatformError};
use domain::{
    ConnectedAccount, CurrencyCode, DateRange, Platform, Quality, Stream, StreamKind, Totals,
};
use secrecy::SecretString;

use crate::Platforms;
use crate::config::Timing;
use crate::harvest::{Harvest, RowFormat, StepError};
use crate::retry::{Attempts, Failure, Next};

/// What to read.
#[derive(Clone, Copy, Debug)]
pub struct ExtractRequest<'a> {
    pub account: &'a ConnectedAccount,
    pub stream: Stream,
    /// Local days of the account; of no meaning for a snapshot.
    pub window: DateRange,
}

/// What was read, beside the rows.
#[derive(Clone, Debug)]
pub struct Extracted {
    pub api_version: &'static str,
    pub totals: Totals,
    pub quality: Quality,
    /// The platform's own ids of requests, the first hundred.
    pub request_ids: Vec<String>,
    /// Calls made, failed ones included.
    pub requests: u64,
    /// The account's time zone as the answer named it, if it did.
    pub reported_time_zone: Option<Tz>,
    pub reported_currency: Option<CurrencyCode>,
}

/// Where rows go.
#[async_trait]
pub trait RowSink: Send {
    /// NDJSON: `rows` lines, each one whole row as the platform sent it.
    async fn rows(&mut self, ndjson: &[u8], rows: u64) -> Result<(), BoxError>;

    /// The extraction starts over: forget everything received so far.
    async fn restart(&mut self) -> Result<(), BoxError>;
}

/// Where access tokens come from.
#[async_trait]
pub trait TokenSource: Send + Sync {
    /// A token that should work; asked for before every call.
    async fn access_token(&self) -> Result<SecretString, PlatformError>;

    /// The platform refused the last one: get a fresh one.
    async fn renew(&self) -> Result<SecretString, PlatformError>;
}

/// Why an extraction failed.
#[derive(Debug, thiserror::Error)]
pub enum ExtractError {
    #[error(transparent)]
    Platform(#[from] PlatformError),
    #[error("the rows could not be stored")]
    Sink(#[source] BoxError),
}

/// What one step of a connector may see.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ask<'a> {
    pub(crate) account: &'a ConnectedAccount,
    pub(crate) stream: Stream,
    pub(crate) days: DateRange,
    pub(crate) token: &'a SecretString,
}

/// How a step ended.
#[derive(Debug)]
pub(crate) enum Step<C> {
    /// These days are read.
    Done,
    /// There is more, at `cursor`, after a pause if the platform is short of breath or busy.
    More { cursor: C, pause: Duration },
}

/// One platform's way of reading.
///
/// **Invariant:** a step makes a call or two and never sleeps; if it fails, taking it again with
/// the same cursor is right.
pub(crate) trait Connector: Sync {
    /// Where the next step begins.
    type Cursor: Send + Sync;

    const PLATFORM: Platform;
    const API_VERSION: &'static str;
    /// Bytes of rows to gather before they leave for the sink.
    const FLUSH_AT: usize;

    /// `None` if this connector does not know the stream.
    fn row_format(stream: Stream) -> Option<RowFormat>;

    fn step(
        &self,
        ask: Ask<'_>,
        cursor: Option<&Self::Cursor>,
        harvest: &mut Harvest<'_>,
    ) -> impl Future<Output = Result<Step<Self::Cursor>, StepError>> + Send;
}

impl Platforms {
    /// Reads a stream of an account for a window of days, whole, and hands its rows to `sink`.
    ///
    /// On error what the sink holds is of no use. [`PlatformError::Throttled`] names the wait
    /// that the platform asked for if it is longer than is sat out here.
    #[tracing::instrument(skip_all, fields(
        platform = %request.stream.platform,
        stream = request.stream.name,
        connection = %request.account.connection,
        window = %request.window,
    ))]
    pub async fn extract(
        &self,
        request: &ExtractRequest<'_>,
        tokens: &dyn TokenSource,
        sink: &mut dyn RowSink,
    ) -> Result<Extracted, ExtractError> {
        let timing = self.client.timing();
        match request.stream.platform {
            Platform::GoogleAds => read(&self.google_ads, timing, request, tokens, sink).await,
            Platform::MetaAds => read(&self.meta_ads, timing, request, tokens, sink).await,
            Platform::GoogleAnalytics => {
                read(&self.google_analytics, timing, request, tokens, sink).await
            }
        }
    }
}

async fn read<C: Connector>(
    connector: &C,
    timing: &Timing,
    request: &ExtractRequest<'_>,
    tokens: &dyn TokenSource,
    sink: &mut dyn RowSink,
) -> Result<Extracted, ExtractError> {
    let format = C::row_format(request.stream)
        .filter(|_| request.account.platform == C::PLATFORM)
        .ok_or(PlatformError::NotConfigured(C::PLATFORM, "it has no such stream"))?;
    let harvest = Harvest::new(request.stream, request.window, format, C::FLUSH_AT, sink);
    let mut reading = Reading {
        connector,
        request,
        tokens,
        harvest,
        attempts: Attempts::new(timing),
        pieces: vec![request.window],
        done: 0,
        cursor: None,
        rows_before_piece: 0,
    };
    while reading.done < reading.pieces.len() {
        reading.advance().await?;
    }
    Ok(reading.harvest.finish(C::API_VERSION))
}

/// An extraction under way.
struct Reading<'a, C: Connector> {
    connector: &'a C,
    request: &'a ExtractRequest<'a>,
    tokens: &'a dyn TokenSource,
    harvest: Harvest<'a>,
    attempts: Attempts<'a>,
    /// The window, in pieces that the platform manages; the first `done` are read.
    pieces: Vec<DateRange>,
    done: usize,
    cursor: Option<C::Cursor>,
    rows_before_piece: u64,
}

impl<C: Connector> Reading<'_, C> {
    /// One step, or what its failure asks for.
    async fn advance(&mut self) -> Result<(), ExtractError> {
        if self.cursor.is_none() {
            self.harvest.begin_piece(self.pieces[self.done]);
            self.rows_before_piece = self.harvest.kept_rows();
        }
        match self.step().await {
            Ok(Step::Done) => {
                self.attempts.succeeded();
                self.done += 1;
                self.cursor = None;
                Ok(())
            }
            Ok(Step::More { cursor, pause }) => {
                self.attempts.succeeded();
                self.cursor = Some(cursor);
                self.pause(pause).await
            }
            Err(StepError::Platform(failure)) => self.recover(failure).await,
            Err(error @ StepError::Sink(_)) => Err(fatal(error)),
        }
    }

    async fn step(&mut self) -> Result<Step<C::Cursor>, StepError> {
        let token = self
            .tokens
            .access_token()
            .await
            .map_err(|error| StepError::Platform(Failure::final_(error)))?;
        let ask = Ask {
            account: self.request.account,
            stream: self.request.stream,
            days: self.pieces[self.done],
            token: &token,
        };
        let step = self.connector.step(ask, self.cursor.as_ref(), &mut self.harvest).await?;
        self.harvest.keep().await?;
        Ok(step)
    }

    /// A pause that the platform's own figures ask for; a long one hands the work back.
    async fn pause(&mut self, pause: Duration) -> Result<(), ExtractError> {
        if pause > self.attempts.longest_wait() {
            return Err(PlatformError::Throttled(C::PLATFORM, Some(pause)).into());
        }
        tokio::time::sleep(pause).await;
        Ok(())
    }

    async fn recover(&mut self, failure: Failure) -> Result<(), ExtractError> {
        let clean = self.harvest.forget_page();
        let next = self.attempts.after(failure.remedy);
        tracing::debug!(code = failure.error.code(), remedy = ?failure.remedy, ?next, "a call failed");
        match next {
            Next::GiveUp => return Err(failure.error.into()),
            Next::Wait(wait) => tokio::time::sleep(wait).await,
            Next::Renew => {
                self.tokens.renew().await?;
            }
            Next::StartOver => return self.start_over().await,
            Next::Less(wait) => {
                let halved = self.halve_piece();
                match wait {
                    Some(wait) => tokio::time::sleep(wait).await,
                    None if halved => {}
                    None => return Err(failure.error.into()),
                }
                if halved {
                    return self.start_piece_over(clean).await;
                }
            }
        }
        if clean { Ok(()) } else { self.start_over().await }
    }

    /// False if the piece is a single day, or the stream is not about days.
    fn halve_piece(&mut self) -> bool {
        let piece = self.pieces[self.done];
        if self.request.stream.kind == StreamKind::Snapshot || piece.len() < 2 {
            return false;
        }
        let half = u32::try_from(piece.len().div_ceil(2)).expect("a window is a few years at most");
        self.pieces.splice(self.done..=self.done, piece.chunks(half));
        self.attempts.halved();
        true
    }

    /// Cheaper than starting over, if none of the piece's rows have left.
    async fn start_piece_over(&mut self, clean: bool) -> Result<(), ExtractError> {
        if clean && self.harvest.kept_rows() == self.rows_before_piece {
            self.cursor = None;
            return Ok(());
        }
        self.start_over().await
    }

    async fn start_over(&mut self) -> Result<(), ExtractError> {
        self.harvest.restart().await.map_err(fatal)?;
        self.done = 0;
        self.cursor = None;
        Ok(())
    }
}

fn fatal(error: StepError) -> ExtractError {
    match error {
        StepError::Platform(failure) => failure.error.into(),
        StepError::Sink(error) => ExtractError::Sink(error),
    }
}
