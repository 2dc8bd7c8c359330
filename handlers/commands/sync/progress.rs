//! What a person sees of a sync while it runs: a bar on a terminal, lines elsewhere.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use jobs::SyncEvent;

pub(super) struct Bar(ProgressBar);

impl Bar {
    pub(super) fn new() -> Self {
        let bar = ProgressBar::new(0);
        let style = ProgressStyle::with_template("{spinner} {msg:<46} {wide_bar} {pos}/{len}");
        bar.set_style(style.expect("a constant template"));
        bar.enable_steady_tick(Duration::from_millis(120));
        Self(bar)
    }

    pub(super) fn show(&self, event: &SyncEvent) {
        match event {
            SyncEvent::Planned { jobs } => {
                self.0.set_length(u64::try_from(*jobs).unwrap_or(u64::MAX));
                self.0.set_message("reading the platforms");
            }
            SyncEvent::JobBegun { platform, .. } => {
                self.0.set_message(format!("reading {}", platform.title()));
            }
            SyncEvent::JobSucceeded { label, counts, .. } => {
                self.0.inc(1);
                let stream = label.stream;
                self.0.set_message(format!(
                    "{}: {} rows of {stream}",
                    label.platform.title(),
                    counts.rows
                ));
            }
            SyncEvent::JobFailed { label, failure, .. } => {
                self.0.inc(1);
                self.0.println(format!("{}: {}", label.platform.title(), failure.message));
            }
            SyncEvent::JobEnded { .. } => self.0.inc(1),
            SyncEvent::JobWaits { wait, .. } => {
                self.0.set_message(format!("asked to wait {} s", wait.as_secs()));
            }
            SyncEvent::Building => self.0.set_message("building and testing the models"),
            SyncEvent::BuildWaits => self.0.set_message("waiting for a build under way"),
            SyncEvent::Published { data_version, .. } => {
                self.0.set_message(format!("published data version {data_version}"));
            }
        }
    }

    pub(super) fn finish(&self) {
        self.0.finish_and_clear();
    }
}
