//! What the host hands to a timer or queue function: `{"Data": …, "Metadata": …}`.

use domain::ports::Triggered;
use domain::registry::{Function, Trigger};
use serde_json::Value;

/// Why a call of the host cannot be understood.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum EnvelopeError {
    #[error("the call's body is empty; the host sends {{\"Data\": …, \"Metadata\": …}}")]
    Empty,
    #[error("the call's body is not the JSON that the host sends: {0}")]
    Malformed(&'static str),
    #[error("HTTP functions are forwarded with their own path, not called as an envelope")]
    Http,
}

/// Reads `Data`. `Metadata` is never used: a JSON message's own fields overwrite it.
pub(crate) fn decode(function: &Function, body: &[u8]) -> Result<Triggered, EnvelopeError> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Err(EnvelopeError::Empty);
    }
    let envelope: Value =
        serde_json::from_slice(body).map_err(|_| EnvelopeError::Malformed("it does not parse"))?;
    let data = envelope
        .get("Data")
        .and_then(Value::as_object)
        .ok_or(EnvelopeError::Malformed("it has no Data object"))?;
    let (name, missing) = match function.trigger {
        Trigger::Timer(_) => ("timer", EnvelopeError::Malformed("Data has no timer")),
        Trigger::Queue(_) => ("message", EnvelopeError::Malformed("Data has no message")),
        Trigger::Http(_) => return Err(EnvelopeError::Http),
    };
    let value = data.get(name).ok_or(missing)?;
    match function.trigger {
        Trigger::Timer(_) => timer(value),
        Trigger::Queue(_) | Trigger::Http(_) => queue(value),
    }
}

/// A timer arrives as an object; some hosts send the same object as text.
fn timer(value: &Value) -> Result<Triggered, EnvelopeError> {
    let unwrapped = match value {
        Value::String(text) => serde_json::from_str(text)
            .map_err(|_| EnvelopeError::Malformed("the timer's text is not JSON"))?,
        other => other.clone(),
    };
    let info = unwrapped.as_object().ok_or(EnvelopeError::Malformed("the timer is no object"))?;
    let past_due = info.get("IsPastDue").and_then(Value::as_bool).unwrap_or(false);
    Ok(Triggered::Timer { past_due })
}

/// A message's text arrives as a string that holds JSON text of a string; also accepted are
/// the text itself, and an object in its place.
fn queue(value: &Value) -> Result<Triggered, EnvelopeError> {
    let text = match value {
        Value::String(outer) => match serde_json::from_str::<Value>(outer) {
            Ok(Value::String(inner)) => inner,
            Ok(_) | Err(_) => outer.clone(),
        },
        Value::Null => return Err(EnvelopeError::Malformed("the message is null")),
        other => other.to_string(),
    };
    if text.trim().is_empty() {
        return Err(EnvelopeError::Malformed("the message is empty"));
    }
    Ok(Triggered::Queue { text })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn function(name: &str) -> &'static Function {
        Function::find(name).unwrap()
    }

    fn message(body: &str) -> Result<Triggered, EnvelopeError> {
        decode(function("RunTransform"), body.as_bytes())
    }

    #[test]
    fn a_queue_text_is_decoded_however_the_host_wrapped_it() {
        let job = r#"{"request":7}"#;
        let twice = json!(json!(job).to_string());
        for data in [twice, json!(job), json!({"request": 7})] {
            let body = json!({"Data": {"message": data}, "Metadata": {}}).to_string();
            assert_eq!(message(&body), Ok(Triggered::Queue { text: job.to_owned() }));
        }
    }

    #[test]
    fn a_spoofed_metadata_changes_nothing() {
        let body = r#"{"Data":{"message":"\"x\""},"Metadata":{"DequeueCount":"99","message":"y"}}"#;
        assert_eq!(message(body), Ok(Triggered::Queue { text: "x".to_owned() }));
    }

    #[test]
    fn a_timer_is_read_with_and_without_a_status() {
        let first = r#"{"Data":{"timer":{"Schedule":{"AdjustForDST":true},"ScheduleStatus":null,"IsPastDue":false}},"Metadata":{"sys":{"MethodName":"ExtractMetaAds"}}}"#;
        let late = first.replace("\"IsPastDue\":false", "\"IsPastDue\":true");
        let timer = |body: &str| decode(function("ExtractMetaAds"), body.as_bytes());
        assert_eq!(timer(first), Ok(Triggered::Timer { past_due: false }));
        assert_eq!(timer(&late), Ok(Triggered::Timer { past_due: true }));
    }

    #[test]
    fn an_empty_or_foreign_body_is_refused() {
        for body in ["", "  ", "null", "[]", "{", r#"{"Data":{}}"#, r#"{"Data":{"message":null}}"#]
        {
            assert!(message(body).is_err(), "{body:?} was accepted");
        }
    }

    proptest! {
        #[test]
        fn any_text_survives_the_hosts_double_encoding(text in "\\PC*[^\\s]\\PC*") {
            let body = json!({"Data": {"message": json!(text).to_string()}}).to_string();
            prop_assert_eq!(message(&body), Ok(Triggered::Queue { text }));
        }

        #[test]
        fn any_bytes_are_decoded_or_refused(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            for name in ["ExtractMetaAds", "RunTransform"] {
                let _decoded = decode(function(name), &body);
            }
        }
    }
}
