//! What one extraction gathers on its way from a platform to the sink: rows in blocks, totals,
//! and what the platform said about itself.
//!
//! Rows leave in blocks as soon as one is full, so memory holds one block however long the answer
//! is. A page that fails before any of its rows left is simply forgotten; after that, only the
//! sink's `restart` undoes it.

use chrono_tz::Tz;
use domain::ports::BoxError;
use domain::{CurrencyCode, DateRange, Platform, Quality, Stream, Totals};

use crate::client::{Answer, Classify, Incoming, refuse_if_error};
use crate::extract::{Extracted, RowSink};
use crate::retry::Failure;
use crate::scanner::{Found, ScanError, Scanner};

/// Enough for the platforms' support desks; an endless list would not be flat memory.
const MOST_REQUEST_IDS: usize = 100;

/// How to read the rows of one stream; each platform's `rows` module has one per stream.
#[derive(Clone, Copy)]
pub(crate) struct RowFormat {
    /// Adds a row's metrics to the totals, returns its day as the platform writes it (`None` for
    /// a snapshot's row), and fails if the row is not the JSON that its platform documents.
    pub(crate) read: for<'r> fn(&'r str, &mut Totals) -> Result<Option<&'r str>, BoxError>,
    /// Zone and currency as a row names them, if rows do.
    pub(crate) describe: fn(&str) -> Described,
    /// The totals of no rows: zero for what the stream counts, nothing for what it does not.
    pub(crate) no_rows: fn() -> Totals,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Described {
    pub(crate) time_zone: Option<Tz>,
    pub(crate) currency: Option<CurrencyCode>,
}

/// Why a step of an extraction failed.
#[derive(Debug)]
pub(crate) enum StepError {
    Platform(Failure),
    Sink(BoxError),
}

impl From<Failure> for StepError {
    fn from(failure: Failure) -> Self {
        Self::Platform(failure)
    }
}

pub(crate) struct Harvest<'a> {
    stream: Stream,
    /// The days now asked for; a row of any other day is an error.
    piece: DateRange,
    format: RowFormat,
    flush_at: usize,
    sink: &'a mut dyn RowSink,
    block: Vec<u8>,
    block_rows: u64,
    /// Rows of the current page have left for the sink.
    leaked: bool,
    /// The last row's day as text: rows come in runs of one day, and a comparison is cheaper
    /// than reading a date.
    last_day: String,
    kept: Totals,
    page: Totals,
    kept_quality: Quality,
    page_quality: Quality,
    pub(crate) described: Described,
    request_ids: Vec<String>,
    pub(crate) requests: u64,
}

impl<'a> Harvest<'a> {
    /// `flush_at`: bytes of rows to gather before they leave.
    pub(crate) fn new(
        stream: Stream,
        window: DateRange,
        format: RowFormat,
        flush_at: usize,
        sink: &'a mut dyn RowSink,
    ) -> Self {
        let none = (format.no_rows)();
        Self {
            stream,
            piece: window,
            format,
            flush_at,
            sink,
            block: Vec::new(),
            block_rows: 0,
            leaked: false,
            last_day: String::new(),
            kept: none.clone(),
            page: none,
            kept_quality: Quality::default(),
            page_quality: Quality::default(),
            described: Described::default(),
            request_ids: Vec::new(),
            requests: 0,
        }
    }

    /// From here on, rows belong to these days.
    pub(crate) fn begin_piece(&mut self, piece: DateRange) {
        self.piece = piece;
        self.last_day.clear();
    }

    /// Rows of finished pages.
    pub(crate) fn kept_rows(&self) -> u64 {
        self.kept.rows
    }

    /// Rows of the page that is being read.
    pub(crate) fn page_rows(&self) -> u64 {
        self.page.rows - self.kept.rows
    }

    pub(crate) fn flag(&mut self, quality: &Quality) {
        self.page_quality.merge(quality);
    }

    pub(crate) fn note_request_id(&mut self, id: Option<&str>) {
        let Some(id) = id.filter(|id| id.len() <= 128) else { return };
        if self.request_ids.len() < MOST_REQUEST_IDS
            && self.request_ids.last().is_none_or(|last| last != id)
        {
            self.request_ids.push(id.to_owned());
        }
    }

    /// Reads an answer to its end: its rows go to the sink, what surrounds them to `envelope`,
    /// errors in it to `classify`.
    pub(crate) async fn take<E>(
        &mut self,
        mut incoming: Incoming,
        rows_key: &str,
        classify: Classify,
        mut envelope: E,
    ) -> Result<(), StepError>
    where
        E: FnMut(&mut Self, &[u8]) -> Result<(), Failure> + Send,
    {
        let platform = self.stream.platform;
        let mut scanner = Scanner::new(rows_key);
        while let Some(chunk) = incoming.chunk().await? {
            let headers = incoming.headers();
            scanner
                .feed(&chunk, |found| match found {
                    Found::Row(row) => self.row(row).map_err(Stop::Failed),
                    Found::Envelope(body) => {
                        let status = reqwest::StatusCode::OK;
                        refuse_if_error(platform, &Answer { status, headers, body }, classify)
                            .and_then(|()| envelope(self, body))
                            .map_err(Stop::Failed)
                    }
                })
                .map_err(|stop| stop.into_failure(platform))?;
            if self.block.len() >= self.flush_at {
                self.leaked = true;
                self.flush().await?;
            }
        }
        scanner.finish().map_err(|error| Failure::garbled(platform, error))?;
        Ok(())
    }

    fn row(&mut self, row: &[u8]) -> Result<(), Failure> {
        let platform = self.stream.platform;
        let text = std::str::from_utf8(row).map_err(|error| Failure::garbled(platform, error))?;
        let day = (self.format.read)(text, &mut self.page)
            .map_err(|error| Failure::garbled(platform, error))?;
        if let Some(day) = day
            && day != self.last_day
        {
            self.check_day(row)?;
            day.clone_into(&mut self.last_day);
        }
        if self.page.rows == 0 {
            self.described = (self.format.describe)(text);
        }
        self.page.rows += 1;
        self.block_rows += 1;
        self.block.extend_from_slice(row);
        self.block.push(b'\n');
        Ok(())
    }

    fn check_day(&self, row: &[u8]) -> Result<(), Failure> {
        let platform = self.stream.platform;
        let day = self.stream.day(row).map_err(|error| Failure::nonsense(platform, error))?;
        match day {
            Some(day) if !self.piece.contains(day) => Err(Failure::nonsense(platform, ForeignDay)),
            _ => Ok(()),
        }
    }

    async fn flush(&mut self) -> Result<(), StepError> {
        if self.block_rows > 0 {
            self.sink.rows(&self.block, self.block_rows).await.map_err(StepError::Sink)?;
            self.block.clear();
            self.block_rows = 0;
        }
        Ok(())
    }

    /// The page is whole: its rows count.
    pub(crate) async fn keep(&mut self) -> Result<(), StepError> {
        self.flush().await?;
        self.leaked = false;
        self.kept.clone_from(&self.page);
        self.kept_quality.merge(&self.page_quality);
        Ok(())
    }

    /// The page failed. False if some of its rows have left already, so that only
    /// [`Harvest::restart`] undoes it.
    pub(crate) fn forget_page(&mut self) -> bool {
        self.block.clear();
        self.block_rows = 0;
        self.page.clone_from(&self.kept);
        self.page_quality = self.kept_quality.clone();
        self.last_day.clear();
        !self.leaked
    }

    pub(crate) async fn restart(&mut self) -> Result<(), StepError> {
        self.sink.restart().await.map_err(StepError::Sink)?;
        self.kept = (self.format.no_rows)();
        self.kept_quality = Quality::default();
        self.leaked = false;
        self.forget_page();
        Ok(())
    }

    pub(crate) fn finish(self, api_version: &'static str) -> Extracted {
        Extracted {
            api_version,
            totals: self.kept,
            quality: self.kept_quality,
            request_ids: self.request_ids,
            requests: self.requests,
            reported_time_zone: self.described.time_zone,
            reported_currency: self.described.currency,
        }
    }
}

enum Stop {
    Failed(Failure),
    Scan(ScanError),
}

impl From<ScanError> for Stop {
    fn from(error: ScanError) -> Self {
        Self::Scan(error)
    }
}

impl Stop {
    fn into_failure(self, platform: Platform) -> Failure {
        match self {
            Self::Failed(failure) => failure,
            Self::Scan(error) => Failure::garbled(platform, error),
        }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("a row lies outside the days that were asked for")]
struct ForeignDay;
