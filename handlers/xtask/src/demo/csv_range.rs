//! Which days a CSV tells of, so that all of it is read.

use std::path::Path;

use anyhow::{Context, bail};
use chrono::NaiveDate;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Days {
    pub(super) first: NaiveDate,
    pub(super) last: NaiveDate,
}

impl Days {
    /// Reads the `Date` column; the simulators judge all others.
    pub(super) fn of_file(path: &Path) -> anyhow::Result<Self> {
        let file =
            std::fs::File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
        Self::read(file).with_context(|| format!("{} cannot be used", path.display()))
    }

    fn read(input: impl std::io::Read) -> anyhow::Result<Self> {
        let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(input);
        let Some(column) = reader.headers()?.iter().position(|name| name.trim() == "Date") else {
            bail!("the header has no column Date");
        };
        let mut days: Option<Self> = None;
        for record in reader.records() {
            let record = record?;
            let line = record.position().map_or(0, csv::Position::line);
            let text = record.get(column).unwrap_or_default().trim();
            let day = NaiveDate::parse_from_str(text, "%d-%m-%Y").map_err(|_| {
                anyhow::anyhow!("line {line}: Date {text:?} is not a day written as DD-MM-YYYY")
            })?;
            days = Some(days.map_or(Self { first: day, last: day }, |days| Self {
                first: days.first.min(day),
                last: days.last.max(day),
            }));
        }
        days.context("there are no rows below the header")
    }

    /// How far back a first sync must reach to read all of it, on the day after the last.
    pub(super) fn backfill(self) -> u32 {
        // A day more on either side, because an account's today may be yesterday elsewhere.
        u32::try_from((self.last - self.first).num_days() + 3).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn the_first_and_the_last_day_are_found_in_any_order() {
        let csv = "Date,Clicks\n31-08-2023,1\n01-08-2023,2\n15-08-2023,3\n";
        let days = Days::read(csv.as_bytes()).unwrap();
        assert_eq!(days, Days { first: day("2023-08-01"), last: day("2023-08-31") });
        assert_eq!(days.backfill(), 33);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        for (csv, expected) in [
            ("Day,Clicks\n", "no column Date"),
            ("Date,Clicks\n", "no rows"),
            ("Date,Clicks\n01-08-2023,1\n2023-08-02,1\n", "line 3"),
            ("Date\n31-02-2023\n", "31-02-2023"),
        ] {
            let message = Days::read(csv.as_bytes()).unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        }
    }
}
