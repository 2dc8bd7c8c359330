//! NCRONTAB, as the Functions host reads it: `{second} {minute} {hour} {day} {month}
//! {day-of-week}` in UTC; the seconds may be left out.

use std::str::FromStr;

use chrono::{DateTime, TimeDelta, Utc};
use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};

#[derive(Clone, Debug)]
pub struct Schedule(Cron);

#[derive(Debug, thiserror::Error)]
#[error(
    "{text:?} is not of the form {{second}} {{minute}} {{hour}} {{day}} {{month}} {{day-of-week}}"
)]
pub struct InvalidSchedule {
    text: String,
    #[source]
    source: croner::errors::CronError,
}

impl FromStr for Schedule {
    type Err = InvalidSchedule;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        CronParser::builder()
            .seconds(Seconds::Optional)
            .year(Year::Disallowed)
            // NCRONTAB asks for both where both are given; cron for either.
            .dom_and_dow(true)
            .sloppy_ranges(true)
            .build()
            .parse(text)
            .map(Self)
            .map_err(|source| InvalidSchedule { text: text.to_owned(), source })
    }
}

impl Schedule {
    /// The first time after `moment`; `None` if there is none, as for 30 February.
    pub fn next_after(&self, moment: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.0.find_next_occurrence(&moment, false).ok()
    }

    /// Whether the host keeps a status for it: not for one that fires more than once a minute.
    pub fn is_monitored(&self, from: DateTime<Utc>) -> bool {
        let times: Vec<_> =
            std::iter::successors(self.next_after(from), |time| self.next_after(*time))
                .take(5)
                .collect();
        times.windows(2).all(|pair| pair[1] - pair[0] >= TimeDelta::minutes(1))
    }
}

#[cfg(test)]
mod tests {
    use domain::registry::DEFAULT_SCHEDULE;

    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn next(schedule: &str, after: &str) -> Option<DateTime<Utc>> {
        schedule.parse::<Schedule>().unwrap().next_after(at(after))
    }

    #[test]
    fn six_fields_are_read_as_the_host_reads_them() {
        for (schedule, after, expected) in [
            (DEFAULT_SCHEDULE, "2024-02-29T23:30:00Z", "2024-03-01T00:00:00Z"),
            (DEFAULT_SCHEDULE, "2024-02-29T23:29:59Z", "2024-02-29T23:30:00Z"),
            ("*/5 * * * * *", "2024-01-01T00:00:01Z", "2024-01-01T00:00:05Z"),
            ("0 30 9 * Jan Mon", "2024-01-02T00:00:00Z", "2024-01-08T09:30:00Z"),
            // Sunday is 0; both the day and the weekday must match.
            ("0 0 12 1 * 0", "2024-01-01T00:00:00Z", "2024-09-01T12:00:00Z"),
            ("15 * * * *", "2024-01-01T00:00:00Z", "2024-01-01T00:15:00Z"),
        ] {
            assert_eq!(next(schedule, after), Some(at(expected)), "{schedule}");
        }
        assert_eq!(next("0 0 0 30 2 *", "2024-01-01T00:00:00Z"), None);
    }

    #[test]
    fn what_is_no_schedule_is_refused() {
        for text in ["", "nonsense", "* * * *", "61 * * * * *", "0 0 0 1 1 * 2024"] {
            assert!(text.parse::<Schedule>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_schedule_of_less_than_a_minute_is_not_monitored() {
        let from = at("2024-01-01T00:00:00Z");
        for (schedule, monitored) in
            [(DEFAULT_SCHEDULE, true), ("0 * * * * *", true), ("*/30 * * * * *", false)]
        {
            assert_eq!(
                schedule.parse::<Schedule>().unwrap().is_monitored(from),
                monitored,
                "{schedule}"
            );
        }
    }
}
