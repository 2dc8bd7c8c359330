//! What the programs of this crate have in common: a log on stderr, one line on stdout once they
//! listen, and work until they are told to stop.

use std::io::Write;
use std::process::ExitCode;

use anyhow::Context;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// Runs a program whose faults are logged. `filter` is in the syntax of `RUST_LOG`.
pub async fn run<F>(filter: &str, program: impl FnOnce(Listening) -> F) -> ExitCode
where
    F: Future<Output = anyhow::Result<()>>,
{
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_env_filter(EnvFilter::new(filter))
        .init();
    let ended = async { program(Listening::new()?).await };
    match ended.await {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            tracing::error!("{fault:#}");
            ExitCode::FAILURE
        }
    }
}

/// Hears SIGTERM and SIGINT from before the program listens: one that comes early is not lost.
pub struct Listening {
    terminate: Signal,
    interrupt: Signal,
}

impl Listening {
    fn new() -> anyhow::Result<Self> {
        let hear = |kind, name| signal(kind).with_context(|| format!("cannot await {name}"));
        Ok(Self {
            terminate: hear(SignalKind::terminate(), "SIGTERM")?,
            interrupt: hear(SignalKind::interrupt(), "SIGINT")?,
        })
    }

    /// Prints where the program listens, as one line of JSON, and waits until it is to stop.
    ///
    /// # Errors
    /// If nobody can read the line.
    pub async fn announce(mut self, line: &serde_json::Value) -> anyhow::Result<()> {
        let mut out = std::io::stdout();
        writeln!(out, "{line}").and_then(|()| out.flush()).context("cannot write to stdout")?;
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
        tracing::info!("stopping");
        Ok(())
    }
}
