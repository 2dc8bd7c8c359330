//! Report runs: insights that Meta prepares while we look in from time to time.

use std::time::{Duration, Instant};

use domain::Platform;
use domain::ports::PlatformError;
use reqwest::Method;
use serde::Deserialize;

use super::{Cursor, MetaAds, errors};
use crate::extract::{Ask, Step};
use crate::harvest::{Harvest, StepError};
use crate::retry::{Failure, Remedy};

/// Runs that may fail before fewer days are asked for.
const RUNS: u32 = 2;

/// A run that was started.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    id: String,
    /// The first or the second for these days.
    number: u32,
    /// When the first was: both together have the time of one.
    began: Instant,
    looks: u32,
}

#[derive(Deserialize)]
struct Started {
    report_run_id: String,
}

#[derive(Deserialize)]
struct Status {
    async_status: String,
    #[serde(default)]
    async_percent_completion: u32,
}

enum Progress {
    Completed,
    Failed,
    Running,
}

impl Status {
    /// Completed means the word and all of the percent: the word can come first.
    fn progress(&self) -> Progress {
        match self.async_status.as_str() {
            "Job Completed" if self.async_percent_completion >= 100 => Progress::Completed,
            "Job Failed" | "Job Skipped" => Progress::Failed,
            _ => Progress::Running,
        }
    }
}

impl MetaAds {
    /// Starts a run, the first for these days or the one after `failed`.
    pub(crate) async fn start_report(
        &self,
        ask: Ask<'_>,
        failed: Option<&Run>,
        harvest: &mut Harvest<'_>,
    ) -> Result<Step<Cursor>, StepError> {
        harvest.requests += 1;
        let (started, _) = self
            .client
            .json::<Started>(Platform::MetaAds, self.post(ask)?, errors::classify)
            .await?;
        let run = Run {
            id: started.report_run_id,
            number: failed.map_or(1, |run| run.number + 1),
            began: failed.map_or_else(Instant::now, |run| run.began),
            looks: 0,
        };
        let pause = self.client.timing().first_poll;
        Ok(Step::More { cursor: Cursor::Report(run), pause })
    }

    pub(crate) async fn watch_report(
        &self,
        ask: Ask<'_>,
        run: &Run,
        harvest: &mut Harvest<'_>,
    ) -> Result<Step<Cursor>, StepError> {
        let mut url = self.graph.url(&[&run.id]);
        url.query_pairs_mut().append_pair("fields", "id,async_status,async_percent_completion");
        let request = self.graph.request(Method::GET, url, ask.token)?;
        harvest.requests += 1;
        let (status, _) =
            self.client.json::<Status>(Platform::MetaAds, request, errors::classify).await?;
        let in_time = run.began.elapsed() < self.client.timing().report;
        match status.progress() {
            Progress::Completed => {
                let cursor = Cursor::Page { run: Some(run.id.clone()), after: None };
                Ok(Step::More { cursor, pause: Duration::ZERO })
            }
            Progress::Running if in_time => {
                let cursor = Cursor::Report(Run { looks: run.looks + 1, ..run.clone() });
                Ok(Step::More { cursor, pause: self.until_next_look(run) })
            }
            Progress::Failed if in_time && run.number < RUNS => {
                tracing::debug!(run.number, "a report run failed; starting another");
                self.start_report(ask, Some(run), harvest).await
            }
            // One that is stuck has used up its time: the same again would hardly do better.
            Progress::Running | Progress::Failed => Err(given_up().into()),
        }
    }

    fn until_next_look(&self, run: &Run) -> Duration {
        let timing = self.client.timing();
        let doublings = 2_u32.saturating_pow(run.looks + 1);
        timing.first_poll.saturating_mul(doublings).min(timing.longest_poll)
    }
}

/// Fewer days may succeed; if there are no fewer, Meta cannot do it now.
fn given_up() -> Failure {
    let source = "its report runs fail or never end";
    Failure {
        remedy: Remedy::Less,
        error: PlatformError::Unavailable(Platform::MetaAds, source.into()),
    }
}
