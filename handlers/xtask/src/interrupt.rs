//! Ctrl-C, SIGTERM and a terminal that closes: work is dropped, and with it every process that it owns.

use std::fmt;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// Tells whether somebody asked us to stop.
#[derive(Clone, Debug)]
pub(crate) struct Interrupt(watch::Receiver<bool>);

/// The work was dropped because somebody asked us to stop.
#[derive(Debug)]
pub(crate) struct Interrupted;

impl fmt::Display for Interrupted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("stopped")
    }
}

impl std::error::Error for Interrupted {}

impl Interrupt {
    /// Starts listening for signals.
    pub(crate) fn listen() -> anyhow::Result<Self> {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let mut hang_up = signal(SignalKind::hangup())?;
        let (sender, receiver) = watch::channel(false);
        tokio::spawn(async move {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                _ = hang_up.recv() => {}
            }
            // Nobody listens any more when the program is at its end.
            sender.send(true).ok();
        });
        Ok(Self(receiver))
    }

    /// Returns when somebody asks us to stop.
    pub(crate) async fn happened(&self) {
        // The sender is only dropped after it has sent.
        self.0.clone().wait_for(|stopped| *stopped).await.ok();
    }

    /// Does the work unless somebody asks us to stop; the work is then dropped where it stands.
    pub(crate) async fn unless<T>(
        &self,
        work: impl Future<Output = anyhow::Result<T>>,
    ) -> anyhow::Result<T> {
        tokio::select! {
            outcome = work => outcome,
            () = self.happened() => Err(Interrupted.into()),
        }
    }
}
