//! Logs: JSON lines for hosts, readable lines for people.

use std::str::FromStr;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::writer::BoxMakeWriter;

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
        LogFormat::Json => lines.json().flatten_event(true).with_current_span(true).init(),
        LogFormat::Text => lines.with_target(false).with_ansi(false).init(),
    }
    if let Some(error) = refused {
        tracing::warn!(%error, "MIQ_LOG is not a log filter; using the default");
    }
}
