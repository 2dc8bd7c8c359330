//! What the host makes of a queue message's text.

use serde_json::{Map, Value};

/// `hello` becomes `"hello"`: JSON text that the envelope then carries as a string.
pub(super) fn json_text(text: &str) -> String {
    Value::from(text).to_string()
}

/// The fields of a message that is a JSON object become metadata, over whatever has the same
/// name: a sender can fake `DequeueCount`, and handlers must not trust it.
pub(super) fn merge_fields(text: &str, metadata: &mut Map<String, Value>) {
    let Ok(Value::Object(fields)) = serde_json::from_str(text) else { return };
    for (name, value) in fields {
        if name.to_ascii_lowercase().ends_with("trigger") {
            continue;
        }
        let value = match value {
            Value::Array(_) => continue,
            Value::Object(_) => value,
            Value::String(text) => json_text(&text).into(),
            Value::Number(number) => json_text(&number.to_string()).into(),
            // .NET's spelling.
            Value::Bool(true) => json_text("True").into(),
            Value::Bool(false) => json_text("False").into(),
            Value::Null => json_text("").into(),
        };
        metadata.insert(name, value);
    }
}
