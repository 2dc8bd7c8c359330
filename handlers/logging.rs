//! Logs: JSON lines for hosts, readable lines for people.

mod json_lines;
mod redaction;

use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::PanicHookInfo;
use std::str::FromStr;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::JsonFields;
use tracing_subscriber::fmt::writer::BoxMakeWriter;

use json_lines::JsonLines;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogFormat {
    Json,
    Text,
}

impl FromStr for LogFormat {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "json" => Ok(Self::Json),
            "text" => Ok(Self::Text),
            _ => Err(()),
        }
    }
}

/// Where lines go. The Functions host takes each line of stderr for an error, so services log to
/// stdout; commands that answer on stdout log to stderr.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stream {
    Stdout,
    Stderr,
}

/// Starts logging. `filter` is in the syntax of `RUST_LOG`; one that does not parse is replaced
/// by the default, and that is logged.
pub(crate) fn start(format: LogFormat, stream: Stream, filter: Option<&str>) {
    let default = || EnvFilter::new("info,sqlx=warn,hyper=warn");
    let (filter, refused) = match filter.map(EnvFilter::try_new) {
        Some(Ok(filter)) => (filter, None),
        Some(Err(error)) => (default(), Some(error)),
        None => (default(), None),
    };
    let writer = match stream {
        Stream::Stdout => BoxMakeWriter::new(std::io::stdout),
        Stream::Stderr => BoxMakeWriter::new(std::io::stderr),
    };
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer);
    match format {
        LogFormat::Json => lines.fmt_fields(JsonFields::new()).event_format(JsonLines).init(),
        LogFormat::Text => lines.with_target(false).with_ansi(false).init(),
    }
    std::panic::set_hook(Box::new(log_panic));
    if let Some(error) = refused {
        tracing::warn!(%error, "MIQ_LOG is not a log filter; using the default");
    }
}

/// A panic is an event like any other: the standard library's own lines on stderr would be
/// neither JSON nor one, and would know nothing of the invocation.
fn log_panic(panic: &PanicHookInfo<'_>) {
    let location = panic.location().map(ToString::to_string);
    let said = panic.payload_as_str().unwrap_or("no text");
    let backtrace = Backtrace::capture();
    let backtrace =
        (backtrace.status() == BacktraceStatus::Captured).then(|| backtrace.to_string());
    tracing::error!(location, said, backtrace, "panicked: this is a bug");
}
