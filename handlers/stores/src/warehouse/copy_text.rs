//! Rows in the text format of PostgreSQL's COPY.

use domain::ports::StoreError;
use domain::{DateRange, Extraction, Stream};

/// Formats lines of NDJSON as lines of COPY: the columns of [`COLUMNS`], separated by tabs.
///
/// The payload is kept as the platform sent it, with one exception: `jsonb` can hold neither
/// the character U+0000 nor half a surrogate pair, so each such escape becomes U+FFFD. The raw
/// store keeps the original.
#[derive(Debug)]
pub(super) struct CopyText {
    stream: Stream,
    window: DateRange,
    /// Tenant and account.
    before_day: String,
    /// Job and attempt.
    after_day: String,
    rows: u64,
}

pub(super) const COLUMNS: &str = "tenant_id, account_id, day, job_id, attempt, row_number, payload";

impl CopyText {
    pub(super) fn new(extraction: &Extraction) -> Self {
        let path = extraction.path();
        let mut account = Vec::with_capacity(path.account_id.len());
        escape_copy(path.account_id.as_bytes(), &mut account);
        let account = String::from_utf8_lossy(&account);
        Self {
            stream: extraction.stream(),
            window: extraction.window(),
            before_day: format!("{}\t{account}\t", path.tenant),
            after_day: format!("\t{}\t{}\t", path.job, path.attempt),
            rows: 0,
        }
    }

    /// How many rows were formatted; the next one's number.
    pub(super) fn rows(&self) -> u64 {
        self.rows
    }

    /// Appends one line for each line of `ndjson`.
    pub(super) fn append(&mut self, ndjson: &[u8], out: &mut Vec<u8>) -> Result<(), StoreError> {
        out.reserve(ndjson.len() + ndjson.len() / 4);
        ndjson
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
            .try_for_each(|line| self.append_row(line, out))
    }

    fn append_row(&mut self, row: &[u8], out: &mut Vec<u8>) -> Result<(), StoreError> {
        let day = self.stream.day(row).map_err(|error| StoreError::Corrupt {
            what: "the extraction",
            source: error.into(),
        })?;
        out.extend_from_slice(self.before_day.as_bytes());
        match day {
            Some(day) if !self.window.contains(day) => {
                return Err(StoreError::Corrupt {
                    what: "the extraction",
                    source: format!("a row of {day} in the window {}", self.window).into(),
                });
            }
            Some(day) => out.extend_from_slice(day.to_string().as_bytes()),
            None => out.extend_from_slice(b"\\N"),
        }
        out.extend_from_slice(self.after_day.as_bytes());
        out.extend_from_slice(self.rows.to_string().as_bytes());
        out.push(b'\t');
        append_payload(row, out);
        out.push(b'\n');
        self.rows += 1;
        Ok(())
    }
}

/// Doubles the backslashes of JSON text for COPY, and replaces what `jsonb` refuses.
fn append_payload(json: &[u8], out: &mut Vec<u8>) {
    let mut rest = json;
    while let Some(at) = rest.iter().position(|byte| matches!(byte, b'\\' | b'\t' | b'\r')) {
        out.extend_from_slice(&rest[..at]);
        rest = &rest[at..];
        let length = match Escape::at(rest) {
            Escape::Whitespace => {
                out.push(b' ');
                1
            }
            Escape::Kept(length) => {
                escape_copy(&rest[..length], out);
                length
            }
            Escape::Refused => {
                out.extend_from_slice("\u{fffd}".as_bytes());
                UNICODE_ESCAPE
            }
        };
        rest = &rest[length.min(rest.len())..];
    }
    out.extend_from_slice(rest);
}

/// `\u0000`
const UNICODE_ESCAPE: usize = 6;

/// What begins at a backslash, or a character between JSON's tokens that COPY gives a meaning.
enum Escape {
    Whitespace,
    /// So many bytes that are fine.
    Kept(usize),
    /// A `\u` escape that `jsonb` refuses.
    Refused,
}

impl Escape {
    fn at(text: &[u8]) -> Self {
        if text[0] != b'\\' {
            return Self::Whitespace;
        }
        match code_unit(text) {
            None => Self::Kept(2.min(text.len())),
            Some(0 | 0xdc00..=0xdfff) => Self::Refused,
            Some(0xd800..=0xdbff) => match code_unit(&text[UNICODE_ESCAPE..]) {
                Some(0xdc00..=0xdfff) => Self::Kept(2 * UNICODE_ESCAPE),
                _ => Self::Refused,
            },
            Some(_) => Self::Kept(UNICODE_ESCAPE),
        }
    }
}

/// The code unit of a `\uXXXX` at the beginning of `text`.
fn code_unit(text: &[u8]) -> Option<u16> {
    let digits = text.get(..UNICODE_ESCAPE)?.strip_prefix(b"\\u")?;
    u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

fn escape_copy(text: &[u8], out: &mut Vec<u8>) {
    for byte in text {
        match byte {
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\t' => out.extend_from_slice(b"\\t"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            other => out.push(*other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payload(json: &str) -> String {
        let mut out = Vec::new();
        append_payload(json.as_bytes(), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn backslashes_are_doubled_for_copy() {
        assert_eq!(payload(r#"{"a":"x\\y\"z\n"}"#), r#"{"a":"x\\\\y\\"z\\n"}"#);
        assert_eq!(payload(r#"{"a":"\u00e9"}"#), r#"{"a":"\\u00e9"}"#);
        assert_eq!(payload(r#"{"a":"\ud83d\ude00"}"#), r#"{"a":"\\ud83d\\ude00"}"#);
        assert_eq!(payload("{\t\"a\":\r1}"), "{ \"a\": 1}");
    }

    #[test]
    fn what_jsonb_refuses_becomes_the_replacement_character() {
        assert_eq!(payload(r#""a\u0000b""#), "\"a\u{fffd}b\"");
        assert_eq!(payload(r#""\ud83dx""#), "\"\u{fffd}x\"");
        assert_eq!(payload(r#""\ude00""#), "\"\u{fffd}\"");
        assert_eq!(payload(r#""\ud83d\ud83d\ude00""#), "\"\u{fffd}\\\\ud83d\\\\ude00\"");
    }

    #[test]
    fn an_escaped_backslash_before_u0000_is_no_escape() {
        assert_eq!(payload(r#""\\u0000""#), r#""\\\\u0000""#);
    }
}
