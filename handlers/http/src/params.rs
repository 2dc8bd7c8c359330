//! The query grammar that lists and figures share. A parameter that is not known is refused, so
//! that a misspelt filter never passes unseen.

use std::str::FromStr;

use chrono::{NaiveDate, TimeDelta};
use domain::ports::Platforms;
use domain::{DateRange, Platform};
use url::form_urlencoded;

use crate::{Problem, Request};

/// The longest range that one request may ask for: as much history as platforms keep.
pub(crate) const MAX_DAYS: usize = 1_110;

const DEFAULT_DAYS: u32 = 30;
const MAX_LIMIT: u16 = 500;
const DEFAULT_LIMIT: u16 = 100;

/// A query's parameters, decoded, none of them unknown.
pub(crate) struct Params(Vec<(String, String)>);

impl Params {
    /// Refuses what is not in `known`, and all but `platform` more than once.
    pub(crate) fn of(request: &Request, known: &[&str]) -> Result<Self, Problem> {
        let mut params: Vec<(String, String)> = Vec::new();
        for (name, value) in form_urlencoded::parse(request.raw_query().as_bytes()) {
            if !known.contains(&name.as_ref()) {
                return Err(unknown(&name, known));
            }
            if name != "platform" && params.iter().any(|(earlier, _)| *earlier == name) {
                let detail = format!("{name} is there more than once: send it once");
                return Err(Problem::bad_request("duplicate_parameter", &name, detail));
            }
            params.push((name.into_owned(), value.into_owned()));
        }
        Ok(Self(params))
    }

    pub(crate) fn one(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// `from` to `to`; without `to` until `today`, without `from` 30 days.
    pub(crate) fn days(&self, today: NaiveDate) -> Result<DateRange, Problem> {
        let last = self.date("to")?.unwrap_or(today);
        let Some(first) = self.date("from")? else {
            return Ok(DateRange::ending(last, DEFAULT_DAYS));
        };
        let range = DateRange::new(first, last).map_err(|_| {
            let detail = format!("from {first} is after to {last}: swap them, or leave one out");
            Problem::bad_request("invalid_range", "from", detail)
        })?;
        if range.len() > MAX_DAYS {
            let detail = format!(
                "{} days are too many: ask for at most {MAX_DAYS} at a time, from {} on",
                range.len(),
                last - TimeDelta::days(i64::try_from(MAX_DAYS).unwrap_or(i64::MAX) - 1),
            );
            return Err(Problem::bad_request("invalid_range", "from", detail));
        }
        Ok(range)
    }

    fn date(&self, name: &str) -> Result<Option<NaiveDate>, Problem> {
        self.one(name).map(|text| date(name, text)).transpose()
    }

    /// `platform`, any number of times; each may be a list with commas, as the Functions host
    /// puts repeated parameters together.
    pub(crate) fn platforms(&self) -> Result<Platforms, Problem> {
        self.0
            .iter()
            .filter(|(name, _)| name == "platform")
            .flat_map(|(_, value)| value.split(','))
            .map(|code| {
                Platform::from_str(code.trim()).map_err(|error| {
                    Problem::bad_request("invalid_platform", "platform", error.to_string())
                })
            })
            .collect()
    }

    pub(crate) fn limit(&self) -> Result<u16, Problem> {
        let Some(text) = self.one("limit") else { return Ok(DEFAULT_LIMIT) };
        text.parse().ok().filter(|limit| (1..=MAX_LIMIT).contains(limit)).ok_or_else(|| {
            let detail = format!("{text:?} is not a limit: use a number from 1 to {MAX_LIMIT}");
            Problem::bad_request("invalid_limit", "limit", detail)
        })
    }

    /// One of `choices`, or their first.
    pub(crate) fn choice<T: Copy>(&self, name: &str, choices: &[(&str, T)]) -> Result<T, Problem> {
        let Some(text) = self.one(name) else { return Ok(choices[0].1) };
        choices.iter().find(|(choice, _)| *choice == text).map(|(_, value)| *value).ok_or_else(
            || {
                let names: Vec<_> = choices.iter().map(|(choice, _)| *choice).collect();
                let detail = format!("{text:?} is not a {name}: use {}", names.join(" or "));
                Problem::bad_request("invalid_parameter", name, detail)
            },
        )
    }
}

/// A date of the common era, just as the documentation writes it.
pub(crate) fn date(field: &str, text: &str) -> Result<NaiveDate, Problem> {
    let digits = text.len() == 10 && text.bytes().all(|byte| byte == b'-' || byte.is_ascii_digit());
    let parsed = digits.then(|| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()).flatten();
    let earliest = NaiveDate::from_ymd_opt(1, 1, 1).expect("the calendar's first day");
    parsed.filter(|day| *day >= earliest).ok_or_else(|| {
        let detail = format!("{text:?} is not a date: write it as 2026-10-26");
        Problem::bad_request("invalid_date", field, detail)
    })
}

fn unknown(name: &str, known: &[&str]) -> Problem {
    let remedy = match known {
        [] => "this endpoint takes none".to_owned(),
        known => format!("this endpoint takes {}", known.join(", ")),
    };
    let detail = format!("{name:?} is not a query parameter here: {remedy}");
    Problem::bad_request("unknown_parameter", name, detail)
}
