//! The commands of `marketing-iq`.

mod functions;
mod migrate;
mod openapi;
mod serve;
mod sync;

use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::logging::{LogFormat, Stream, start};
use crate::settings::{Reader, Settings};

/// A multi-tenant marketing analytics backend: Google Ads, Meta Ads and Google Analytics 4,
/// extracted three times a day, tested, and served per tenant.
#[derive(Parser)]
#[command(
    name = "marketing-iq",
    version,
    after_help = "All settings come from the environment; docs/settings.md lists them.\n\n\
                  First steps on one machine:\n  \
                  cargo xtask demo            everything, with simulated platforms\n  \
                  marketing-iq migrate        create schemas and database roles\n  \
                  marketing-iq serve          the API, the timers and the queue workers"
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run as a custom handler of the Azure Functions host
    ///
    /// Binds 127.0.0.1 on `FUNCTIONS_CUSTOMHANDLER_PORT` before anything else, and stays up
    /// whatever the settings say: each call fails with their faults until they are mended. SIGTERM
    /// or SIGINT lets running calls finish, a second one does not; it then exits with 200, which
    /// the host takes for a wish to be restarted.
    Functions,
    /// Run everything on this machine: API, timers, queue workers
    ///
    /// Listens for the public on `MIQ_LISTEN`. Timers and queue messages call a listener of their
    /// own on loopback, in the Functions host's wire format.
    Serve,
    /// Create or update schemas, tables and the four database roles
    Migrate(migrate::Arguments),
    /// Read a tenant's platforms now, build and publish
    Sync(sync::Arguments),
    /// Print the API as OpenAPI 3.1
    Openapi,
}

pub(crate) fn run(cli: Cli) -> ExitCode {
    let outcome = match cli.command {
        Command::Functions => return functions::run(),
        Command::Serve => serve::run(),
        Command::Migrate(arguments) => migrate::run(&arguments),
        Command::Sync(arguments) => sync::run(&arguments),
        Command::Openapi => openapi::run(),
    };
    match outcome {
        Ok(code) => code,
        Err(error) => {
            complain(&error);
            ExitCode::FAILURE
        }
    }
}

/// Tells a person what went wrong, causes included.
#[expect(clippy::print_stderr, reason = "a command's last word goes to the person who ran it")]
fn complain(error: &anyhow::Error) {
    eprintln!("error: {error:#}");
}

/// The environment, as settings are read from it.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
pub(crate) fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn read_settings() -> anyhow::Result<Settings> {
    let mut reader = Reader::new(&environment);
    let read = Settings::read(&mut reader);
    Ok(reader.finish(read)?)
}

/// Logging comes first, so that faults of other settings can be logged.
fn start_logging(default: LogFormat, stream: Stream) {
    let format = environment("MIQ_LOG_FORMAT");
    let known = format.as_deref().map(str::parse);
    start(known.and_then(Result::ok).unwrap_or(default), stream, environment("MIQ_LOG").as_deref());
    if matches!(known, Some(Err(()))) {
        tracing::warn!("MIQ_LOG_FORMAT is not json or text; using the default");
    }
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().build()?)
}

/// How long the end of the process may take once its work has been given up.
const ENDING: Duration = Duration::from_secs(1);

/// Hears SIGTERM and SIGINT from when it is made: one that comes early is not lost.
struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignals {
    fn listen() -> std::io::Result<Self> {
        let terminate = signal(SignalKind::terminate())?;
        Ok(Self { terminate, interrupt: signal(SignalKind::interrupt())? })
    }

    /// Ends when the process is asked to stop, once more.
    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
