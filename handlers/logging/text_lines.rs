//! Lines for people: as the library writes them, without what must never be in a log.

use std::fmt;

use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::{Format, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use super::redaction::redacted;

pub(super) struct TextLines(Format);

impl Default for TextLines {
    fn default() -> Self {
        Self(Format::default().with_target(false).with_ansi(false))
    }
}

impl<S, N> FormatEvent<S, N> for TextLines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut line = String::new();
        self.0.format_event(context, Writer::new(&mut line), event)?;
        writer.write_str(redacted(&line).as_deref().unwrap_or(&line))
    }
}

#[cfg(test)]
mod tests {
    use crate::logging::tests::text;

    #[test]
    fn a_line_holds_no_query_and_no_address() {
        let text = text(|| {
            let _span =
                tracing::info_span!("asking", url = "https://a.example/?token=s3cret").entered();
            tracing::warn!(of = "olivia@example.com", "no answer");
        });
        assert!(text.contains("no answer") && text.ends_with('\n'), "{text}");
        assert!(!text.contains("s3cret") && !text.contains("olivia"), "{text}");
    }
}
