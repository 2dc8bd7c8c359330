//! One flat JSON object per line: an event's fields and those of the spans that it happened in
//! stand side by side, so that a query for a tenant or an invocation needs no path into a list.

use std::fmt;

use chrono::SecondsFormat;
use domain::{BusinessClock, SystemClock};
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::{JsonFields, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormattedFields};
use tracing_subscriber::registry::{LookupSpan, Scope};

use super::redaction::redacted;

pub(super) struct JsonLines;

impl<S> FormatEvent<S, JsonFields> for JsonLines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, JsonFields>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut line = Map::new();
        // From the outermost span inwards: of one name, the narrower says it better.
        for span in context.event_scope().into_iter().flat_map(Scope::from_root) {
            let extensions = span.extensions();
            if let Some(fields) = extensions.get::<FormattedFields<JsonFields>>()
                && let Ok(Value::Object(fields)) = serde_json::from_str(&fields.fields)
            {
                line.extend(fields);
            }
        }
        event.record(&mut Fields(&mut line));
        for value in line.values_mut() {
            if let Value::String(text) = value
                && let Some(cut) = redacted(text)
            {
                *text = cut;
            }
        }
        // Last, so that no field can take their places.
        let now = SystemClock.now().to_rfc3339_opts(SecondsFormat::Micros, true);
        line.insert("timestamp".to_owned(), now.into());
        line.insert("level".to_owned(), event.metadata().level().as_str().into());
        line.insert("target".to_owned(), event.metadata().target().into());
        writeln!(writer, "{}", Value::Object(line))
    }
}

struct Fields<'a>(&'a mut Map<String, Value>);

impl Fields<'_> {
    fn put(&mut self, field: &Field, value: impl Into<Value>) {
        self.0.insert(field.name().to_owned(), value.into());
    }
}

impl Visit for Fields<'_> {
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value);
    }

    /// With its causes: the outermost says what failed, the innermost why.
    fn record_error(&mut self, field: &Field, error: &(dyn std::error::Error + 'static)) {
        let causes = std::iter::successors(Some(error), |error| error.source());
        let told: Vec<_> = causes.map(ToString::to_string).collect();
        self.put(field, told.join(": "));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use crate::logging::tests::json_lines;

    #[test]
    fn what_spans_know_stands_beside_what_the_event_says() {
        let lines = json_lines(|| {
            let outer = tracing::info_span!("request", tenant = tracing::field::Empty, attempt = 1);
            let _outer = outer.clone().entered();
            outer.record("tenant", "acme");
            let _inner = tracing::info_span!("job", attempt = 2, level = "forged").entered();
            tracing::warn!(rows = 7_u64, share = 0.5, whole = false, "slow\nas ever");
        });
        let [line] = &lines[..] else { panic!("one line for one event: {lines:?}") };
        for (name, value) in [
            ("message", "slow\nas ever".into()),
            ("tenant", "acme".into()),
            ("attempt", Value::from(2)),
            ("rows", 7.into()),
            ("share", 0.5.into()),
            ("whole", false.into()),
            ("level", "WARN".into()),
            ("target", module_path!().into()),
        ] {
            assert_eq!(line[name], value, "{name} in {line}");
        }
        chrono::DateTime::parse_from_rfc3339(line["timestamp"].as_str().expect("a time"))
            .expect("a moment");
    }

    #[test]
    fn an_error_is_told_with_its_causes_and_without_secrets() {
        #[derive(Debug, thiserror::Error)]
        #[error("asking https://ads.example/v1?access_token=s3cret failed")]
        struct Outer(#[source] io::Error);

        let lines = json_lines(|| {
            let error = Outer(io::Error::other("reset by olivia@example.com"));
            tracing::error!(error = &error as &dyn std::error::Error, "failed");
        });
        assert_eq!(lines[0]["error"], "asking https://ads.example/v1?… failed: reset by [e-mail]");
    }
}
