//! Finds whole rows in a JSON answer while it arrives, without building it in memory.
//!
//! All three platforms answer with objects that hold their rows in one array (`results`, `data`,
//! `rows`); Google Ads sends an array of such objects. Each row is handed on as the bytes that
//! came in, on one line; what surrounds the rows (the *envelope*: paging, request ids, errors) is
//! handed on as one small JSON object with that array left empty.
//!
//! The scanner finds where rows begin and end. Whether a row is valid JSON is for its reader to
//! say; that no raw control character is in one, so that a line is a row, is said here.

/// No platform's row comes near it; without a limit, a missing quote would fill the memory.
const LONGEST_ROW: usize = 4 << 20;
const LONGEST_ENVELOPE: usize = 1 << 20;
const DEEPEST_ENVELOPE: usize = 64;

/// What was found, in the order of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found<'a> {
    /// One whole row, white space between its tokens taken out.
    Row(&'a [u8]),
    /// One whole top-level object without its rows.
    Envelope(&'a [u8]),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ScanError {
    #[error("the answer broke off")]
    Truncated,
    #[error("the answer is not an object or an array of objects")]
    NotAnObject,
    #[error("a row is not an object")]
    RowIsNotAnObject,
    #[error("a row holds a raw control character")]
    ControlCharacter,
    #[error("a row is longer than any real one")]
    LongRow,
    #[error("the answer holds far more than rows")]
    LongEnvelope,
    #[error("the answer is nested too deeply")]
    Deep,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Envelope,
    /// Inside the array of rows, between two of them.
    BetweenRows,
    Row,
}

/// Where the scanner stands within a row.
#[derive(Clone, Copy, Debug, Default)]
struct RowState {
    depth: usize,
    in_string: bool,
    escaped: bool,
    /// White space between tokens was seen.
    spaced: bool,
}

#[derive(Debug)]
pub(crate) struct Scanner {
    /// `"results":` and its like: how the array of rows is announced.
    announcement: Vec<u8>,
    mode: Mode,
    envelope: Vec<u8>,
    /// The containers of the envelope that are open, by their opening byte.
    open: Vec<u8>,
    in_string: bool,
    escaped: bool,
    finished: bool,
    /// The part of the current row that earlier chunks held.
    head: Vec<u8>,
    row: RowState,
    compacted: Vec<u8>,
}

impl Scanner {
    /// A scanner for answers whose rows are in the array `key` of a top-level object.
    pub(crate) fn new(key: &str) -> Self {
        Self {
            announcement: format!("\"{key}\":").into_bytes(),
            mode: Mode::Envelope,
            envelope: Vec::new(),
            open: Vec::new(),
            in_string: false,
            escaped: false,
            finished: false,
            head: Vec::new(),
            row: RowState::default(),
            compacted: Vec::new(),
        }
    }

    /// Takes the next bytes of the answer and reports what they complete.
    pub(crate) fn feed<E: From<ScanError>>(
        &mut self,
        chunk: &[u8],
        mut found: impl FnMut(Found<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut at = 0;
        while at < chunk.len() {
            match self.mode {
                Mode::Envelope => {
                    at = self.scan_envelope(chunk, at)?;
                    if self.object_is_complete() {
                        found(Found::Envelope(&self.envelope))?;
                        self.envelope.clear();
                    }
                }
                Mode::BetweenRows => at = self.scan_between(chunk, at)?,
                Mode::Row => {
                    if let Some(length) = self.row_end(&chunk[at..])? {
                        self.complete_row(&chunk[at..at + length], &mut found)?;
                        at += length;
                    } else {
                        self.head.extend_from_slice(&chunk[at..]);
                        at = chunk.len();
                    }
                }
            }
        }
        Ok(())
    }

    /// Says whether the answer is whole.
    pub(crate) fn finish(self) -> Result<(), ScanError> {
        if self.finished { Ok(()) } else { Err(ScanError::Truncated) }
    }

    /// Scans up to the first row, the end of a top-level object, or the end of the chunk.
    fn scan_envelope(&mut self, chunk: &[u8], from: usize) -> Result<usize, ScanError> {
        for (at, &byte) in chunk.iter().enumerate().skip(from) {
            if self.in_string {
                self.envelope.push(byte);
                match byte {
                    _ if self.escaped => self.escaped = false,
                    b'\\' => self.escaped = true,
                    b'"' => self.in_string = false,
                    _ => {}
                }
            } else if !byte.is_ascii_whitespace() && self.take_token(byte)? {
                return Ok(at + 1);
            }
            if self.envelope.len() > LONGEST_ENVELOPE {
                return Err(ScanError::LongEnvelope);
            }
        }
        Ok(chunk.len())
    }

    /// One byte of the envelope outside strings; true if the scan must stop behind it.
    fn take_token(&mut self, byte: u8) -> Result<bool, ScanError> {
        let in_top_array = self.open == b"[";
        match (self.open.len(), byte) {
            _ if self.finished => return Err(ScanError::NotAnObject),
            (0, b'{' | b'[') => {}
            (1, b'{' | b',' | b']') if in_top_array => {}
            (0, _) => return Err(ScanError::NotAnObject),
            (1, _) if in_top_array => return Err(ScanError::NotAnObject),
            _ => {}
        }
        match byte {
            b'{' | b'[' => {
                if self.open.len() >= DEEPEST_ENVELOPE {
                    return Err(ScanError::Deep);
                }
                if byte == b'[' && self.rows_are_announced() {
                    self.envelope.extend_from_slice(b"[]");
                    self.mode = Mode::BetweenRows;
                    return Ok(true);
                }
                // The brackets around the top-level objects belong to none of them.
                if byte == b'{' || !self.open.is_empty() {
                    self.envelope.push(byte);
                }
                self.open.push(byte);
                Ok(false)
            }
            b'}' | b']' => {
                self.open.pop();
                self.finished = self.open.is_empty();
                if !(in_top_array && byte == b']') {
                    self.envelope.push(byte);
                }
                Ok(self.object_is_complete())
            }
            b',' if in_top_array => Ok(false),
            _ => {
                self.in_string = byte == b'"';
                self.envelope.push(byte);
                Ok(false)
            }
        }
    }

    /// Whether a `[` here begins the rows: it follows the key, in a top-level object. The byte
    /// before the key tells a key from the end of a longer string.
    fn rows_are_announced(&self) -> bool {
        let top_level = self.open == b"{" || self.open == b"[{";
        top_level
            && self
                .envelope
                .strip_suffix(&*self.announcement)
                .is_some_and(|before| matches!(before.last(), Some(b'{' | b',')))
    }

    fn object_is_complete(&self) -> bool {
        self.mode == Mode::Envelope
            && !self.envelope.is_empty()
            && (self.open.is_empty() || self.open == b"[")
    }

    fn scan_between(&mut self, chunk: &[u8], from: usize) -> Result<usize, ScanError> {
        for (at, &byte) in chunk.iter().enumerate().skip(from) {
            match byte {
                b'{' => {
                    self.mode = Mode::Row;
                    self.row = RowState::default();
                    return Ok(at);
                }
                b']' => {
                    self.mode = Mode::Envelope;
                    return Ok(at + 1);
                }
                b',' | b' ' | b'\t' | b'\r' | b'\n' => {}
                _ => return Err(ScanError::RowIsNotAnObject),
            }
        }
        Ok(chunk.len())
    }

    /// How many of these bytes belong to the current row, if it ends among them. Called for
    /// every byte of every row: it must stay lean.
    fn row_end(&mut self, bytes: &[u8]) -> Result<Option<usize>, ScanError> {
        let RowState { mut depth, mut in_string, mut escaped, mut spaced } = self.row;
        let mut at = 0;
        while at < bytes.len() {
            if in_string {
                if !escaped {
                    at += plain_text(&bytes[at..]);
                }
                match bytes.get(at) {
                    None => break,
                    Some(_) if escaped => escaped = false,
                    Some(b'"') => in_string = false,
                    Some(b'\\') => escaped = true,
                    Some(_) => return Err(ScanError::ControlCharacter),
                }
            } else {
                match bytes[at] {
                    b'"' => in_string = true,
                    b'{' | b'[' => depth += 1,
                    b'}' | b']' => {
                        depth -= 1;
                        if depth == 0 {
                            self.row.spaced = spaced;
                            return Ok(Some(at + 1));
                        }
                    }
                    b' ' | b'\t' | b'\r' | b'\n' => spaced = true,
                    _ => {}
                }
            }
            at += 1;
        }
        self.row = RowState { depth, in_string, escaped, spaced };
        if self.head.len() + bytes.len() > LONGEST_ROW {
            return Err(ScanError::LongRow);
        }
        Ok(None)
    }

    fn complete_row<E: From<ScanError>>(
        &mut self,
        tail: &[u8],
        found: &mut impl FnMut(Found<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.mode = Mode::BetweenRows;
        let row = if self.head.is_empty() {
            tail
        } else {
            self.head.extend_from_slice(tail);
            &self.head
        };
        if row.len() > LONGEST_ROW {
            return Err(ScanError::LongRow.into());
        }
        if self.row.spaced {
            compact(row, &mut self.compacted);
            found(Found::Row(&self.compacted))?;
        } else {
            found(Found::Row(row))?;
        }
        self.head.clear();
        Ok(())
    }
}

/// How many bytes pass until a quote, a backslash or a control character.
fn plain_text(bytes: &[u8]) -> usize {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const TOPS: u64 = ONES << 7;
    // The top bit of each byte that is below `limit`; exact up to and with the first such byte,
    // for borrows only go upwards.
    let below = |word: u64, limit: u64| word.wrapping_sub(ONES * limit) & !word & TOPS;
    let mut at = 0;
    while let Some(word) = bytes[at..].first_chunk().map(|chunk| u64::from_le_bytes(*chunk)) {
        let stops = below(word ^ (ONES * u64::from(b'"')), 1)
            | below(word ^ (ONES * u64::from(b'\\')), 1)
            | below(word, u64::from(b' '));
        if stops != 0 {
            return at + stops.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    let stops = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..b' ');
    bytes[at..].iter().position(stops).map_or(bytes.len(), |more| at + more)
}

/// The same JSON without white space between tokens.
fn compact(row: &[u8], into: &mut Vec<u8>) {
    into.clear();
    let (mut in_string, mut escaped) = (false, false);
    for &byte in row {
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
        } else if byte.is_ascii_whitespace() {
            continue;
        } else {
            in_string = byte == b'"';
        }
        into.push(byte);
    }
}

#[cfg(test)]
mod tests;
