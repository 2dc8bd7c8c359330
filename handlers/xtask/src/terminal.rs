//! What a person reads: progress on stderr, results on stdout.

use std::fmt::Display;
use std::io::Write;

/// A line of progress. A closed terminal is no reason to stop working.
pub(crate) fn say(line: impl Display) {
    writeln!(std::io::stderr(), "{line}").ok();
}

/// A line of the result.
pub(crate) fn answer(line: impl Display) {
    writeln!(std::io::stdout(), "{line}").ok();
}
