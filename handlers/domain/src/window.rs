//! Ranges of calendar days. A day is always the account's own local day.

use std::fmt;

use chrono::{Days, NaiveDate};
use serde::{Deserialize, Serialize};

/// Days from `first` to `last`, both included; never empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct DateRange {
    first: NaiveDate,
    last: NaiveDate,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the range ends on {last}, before it begins on {first}")]
pub struct InvalidRange {
    first: NaiveDate,
    last: NaiveDate,
}

impl DateRange {
    pub fn new(first: NaiveDate, last: NaiveDate) -> Result<Self, InvalidRange> {
        if first <= last { Ok(Self { first, last }) } else { Err(InvalidRange { first, last }) }
    }

    /// The `days` days that end on `last`.
    pub fn ending(last: NaiveDate, days: u32) -> Self {
        let first = last - Days::new(u64::from(days.saturating_sub(1)));
        Self { first, last }
    }

    pub fn first(self) -> NaiveDate {
        self.first
    }

    pub fn last(self) -> NaiveDate {
        self.last
    }

    pub fn contains(self, day: NaiveDate) -> bool {
        self.first <= day && day <= self.last
    }

    pub fn len(self) -> usize {
        usize::try_from((self.last - self.first).num_days()).expect("never negative") + 1
    }

    /// Never: a range holds at least one day.
    pub fn is_empty(self) -> bool {
        false
    }

    pub fn days(self) -> impl Iterator<Item = NaiveDate> {
        self.first.iter_days().take(self.len())
    }

    /// The same days in ranges of at most `days` each, oldest first.
    pub fn chunks(self, days: u32) -> impl Iterator<Item = Self> {
        let step = Days::new(u64::from(days.max(1)));
        let mut next = Some(self.first);
        std::iter::from_fn(move || {
            let first = next.filter(|first| *first <= self.last)?;
            let after = first + step;
            next = Some(after);
            Some(Self { first, last: self.last.min(after - Days::new(1)) })
        })
    }
}

impl fmt::Display for DateRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{}", self.first, self.last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn chunks_cover_every_day_once_and_in_order() {
        let range = DateRange::new(day("2024-01-30"), day("2024-03-02")).unwrap();
        let chunked: Vec<_> = range.chunks(7).flat_map(DateRange::days).collect();
        assert_eq!(chunked, range.days().collect::<Vec<_>>());
        assert!(range.chunks(7).all(|chunk| chunk.len() <= 7));
    }

    #[test]
    fn a_reversed_range_is_refused() {
        assert!(DateRange::new(day("2024-01-02"), day("2024-01-01")).is_err());
    }
}
