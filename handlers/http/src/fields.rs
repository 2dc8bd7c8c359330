//! Members of a body as words of the domain, with the member's name in the problem.

use std::fmt::Display;
use std::str::FromStr;

use chrono_tz::Tz;

use crate::Problem;

/// `text` as a `T`, or a 400 that names `field` and says what to send.
pub(crate) fn parsed<T: FromStr<Err: Display>>(field: &str, text: &str) -> Result<T, Problem> {
    text.parse().map_err(|error: T::Err| invalid(field, error.to_string()))
}

/// The same for a member that may be left out.
pub(crate) fn parsed_if_given<T: FromStr<Err: Display>>(
    field: &str,
    text: Option<&str>,
) -> Result<Option<T>, Problem> {
    text.map(|text| parsed(field, text)).transpose()
}

/// An IANA name, in its own letter case.
pub(crate) fn time_zone(field: &str, text: &str) -> Result<Tz, Problem> {
    text.parse().map_err(|_| {
        invalid(
            field,
            format!("{text:?} is not a time zone: use an IANA name, such as Europe/Berlin"),
        )
    })
}

pub(crate) fn invalid(field: &str, detail: impl Into<String>) -> Problem {
    Problem::bad_request("invalid_value", field, detail)
}
