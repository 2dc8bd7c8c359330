//! Logs: JSON lines for hosts, readable lines for people.

mod json_lines;
mod redaction;
mod text_lines;

use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::PanicHookInfo;
use std::str::FromStr;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::JsonFields;
use tracing_subscriber::fmt::writer::BoxMakeWriter;

use json_lines::JsonLines;
use text_lines::TextLines;

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
        LogFormat::Text => lines.with_ansi(false).event_format(TextLines::default()).init(),
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

#[cfg(test)]
mod tests {
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};

    use serde_json::Value;
    use tracing_subscriber::fmt::MakeWriter;

    use super::*;

    /// What is logged, kept.
    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("no writer panics").write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl MakeWriter<'_> for Written {
        type Writer = Self;

        fn make_writer(&self) -> Self {
            self.clone()
        }
    }

    impl Written {
        fn text(&self) -> String {
            let bytes = self.0.lock().expect("no writer panics").clone();
            String::from_utf8(bytes).expect("logs are text")
        }
    }

    /// The lines that `log` makes as JSON.
    pub(super) fn json_lines(log: impl FnOnce()) -> Vec<Value> {
        let written = Written::default();
        let subscriber = tracing_subscriber::fmt()
            .fmt_fields(JsonFields::new())
            .event_format(JsonLines)
            .with_writer(written.clone())
            .finish();
        tracing::subscriber::with_default(subscriber, log);
        let parse = |line| serde_json::from_str(line).expect("a line is JSON");
        written.text().lines().map(parse).collect()
    }

    /// What `log` makes as text.
    pub(super) fn text(log: impl FnOnce()) -> String {
        let written = Written::default();
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(false)
            .event_format(TextLines::default())
            .with_writer(written.clone())
            .finish();
        tracing::subscriber::with_default(subscriber, log);
        written.text()
    }

    #[test]
    fn a_panic_is_one_line_that_says_where_and_what() {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(log_panic));
        let lines = json_lines(|| {
            let _span = tracing::info_span!("invocation", function = "RunTransform").entered();
            let caught = std::panic::catch_unwind(|| panic!("two\nlines"));
            assert!(caught.is_err());
        });
        std::panic::set_hook(usual);
        let [line] = &lines[..] else { panic!("one line for one panic: {lines:?}") };
        assert_eq!(
            (&line["said"], &line["function"]),
            (&"two\nlines".into(), &"RunTransform".into())
        );
        assert!(line["location"].as_str().is_some_and(|place| place.contains("logging.rs:")));
    }
}
