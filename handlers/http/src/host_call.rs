//! What the Functions host says of a call in its headers.

use uuid::Uuid;

use crate::request::Head;

/// Names an invocation in the host's own telemetry. It is the host's on every call.
const INVOCATION_ID: &str = "x-azure-functions-invocationid";

/// The host's id of this invocation. What a client sent under this name comes before the host's
/// value, in a header of its own or in the same one: the last counts. `None` if that is no UUID.
pub(crate) fn invocation_id(head: &Head) -> Option<Uuid> {
    let values = head.header(INVOCATION_ID)?;
    values.rsplit(',').next()?.trim().parse().ok()
}

/// The trace that this call is part of: the trace id of a valid W3C `traceparent`.
///
/// <https://www.w3.org/TR/trace-context/#traceparent-header>
pub(crate) fn trace_id(head: &Head) -> Option<&str> {
    let mut fields = head.header("traceparent")?.trim().split('-');
    let version = fields.next().filter(|version| is_hex(version, 2) && *version != "ff")?;
    let trace_id = fields.next().filter(|id| is_hex(id, 32) && has_a_one(id))?;
    fields.next().filter(|id| is_hex(id, 16) && has_a_one(id))?;
    fields.next().filter(|flags| is_hex(flags, 2))?;
    // Only later versions may have more fields.
    (version != "00" || fields.next().is_none()).then_some(trace_id)
}

fn is_hex(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Ids of zeros alone are invalid.
fn has_a_one(id: &str) -> bool {
    id.bytes().any(|byte| byte != b'0')
}

#[cfg(test)]
mod tests {
    use warp::http::{HeaderMap, HeaderValue};

    use super::*;

    const ID: &str = "83a33220-a921-460a-bec0-b3f043dcf1ff";
    const TRACE: &str = "bb2bd5ee1f5a4c0c9d8e7f6a5b4c3d2e";

    fn head(name: &'static str, values: &[&str]) -> Head {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(name, HeaderValue::from_str(value).unwrap());
        }
        let text = |text: &str| text.to_owned();
        Head { method: text("GET"), path: text("/"), query: text(""), headers }
    }

    #[test]
    fn the_last_invocation_id_is_the_hosts() {
        let forged = "00000000-0000-0000-0000-00000000000f";
        let joined = format!("{forged}, {ID}");
        for values in [&[ID][..], &[forged, ID], &["x", ID], &[&joined], &["a,b", &joined]] {
            let id = invocation_id(&head(INVOCATION_ID, values));
            assert_eq!(id, Some(ID.parse().unwrap()), "{values:?}");
        }
        for values in [&[][..], &[""], &["x"], &[ID, "x"], &[ID, ""], &["1, 2"]] {
            assert_eq!(invocation_id(&head(INVOCATION_ID, values)), None, "{values:?}");
        }
    }

    #[test]
    fn only_a_valid_traceparent_names_a_trace() {
        let parent = "d3f54c84a1b2c3d4";
        for valid in [
            format!("00-{TRACE}-{parent}-00"),
            format!("00-{TRACE}-{parent}-01"),
            format!("cc-{TRACE}-{parent}-01-of-a-later-version"),
        ] {
            assert_eq!(trace_id(&head("traceparent", &[&valid])), Some(TRACE), "{valid}");
        }
        for invalid in [
            String::new(),
            TRACE.to_owned(),
            format!("00-{TRACE}-{parent}"),
            format!("00-{TRACE}-{parent}-00-more"),
            format!("ff-{TRACE}-{parent}-00"),
            format!("0-{TRACE}-{parent}-00"),
            format!("00-{TRACE}-{parent}-0"),
            format!("00-{}-{parent}-00", TRACE.to_uppercase()),
            format!("00-{}-{parent}-00", "0".repeat(32)),
            format!("00-{}-{parent}-00", &TRACE[1..]),
            format!("00-{TRACE}-{}-00", "0".repeat(16)),
            format!("00-{TRACE}-{}-00", "\"secret\": 1 <b>"),
        ] {
            assert_eq!(trace_id(&head("traceparent", &[&invalid])), None, "{invalid}");
        }
    }
}
