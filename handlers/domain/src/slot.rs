//! When a tenant's data is due: three times a day on the tenant's own clock.

use chrono::{DateTime, Days, LocalResult, NaiveDate, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

use crate::TenantId;

/// The local hours at which every tenant's data is extracted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SlotHour {
    Six,
    Fourteen,
    TwentyTwo,
}

impl SlotHour {
    pub const ALL: [Self; 3] = [Self::Six, Self::Fourteen, Self::TwentyTwo];

    pub const fn hour(self) -> u8 {
        match self {
            Self::Six => 6,
            Self::Fourteen => 14,
            Self::TwentyTwo => 22,
        }
    }
}

/// (tenant, local date, 06/14/22): planned exactly once, whoever fires twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Slot {
    pub tenant: TenantId,
    pub date: NaiveDate,
    pub hour: SlotHour,
}

impl Slot {
    /// The newest slot of `tenant` that is due at `now`. Slots that were missed are not made up
    /// for: each run re-reads the platform's whole look-back window.
    pub fn newest_due(tenant: TenantId, zone: Tz, now: DateTime<Utc>) -> Self {
        let today = now.with_timezone(&zone).date_naive();
        [today, today - Days::new(1)]
            .into_iter()
            .flat_map(|date| SlotHour::ALL.into_iter().rev().map(move |hour| (date, hour)))
            .find(|(date, hour)| instant(*date, *hour, zone) <= now)
            .map(|(date, hour)| Self { tenant, date, hour })
            .expect("yesterday's slots are always past")
    }
}

/// The moment a slot begins. An hour that a clock change skips begins when the gap ends; one
/// that it repeats begins the first time.
fn instant(date: NaiveDate, hour: SlotHour, zone: Tz) -> DateTime<Utc> {
    let local = date.and_hms_opt(u32::from(hour.hour()), 0, 0).expect("a valid hour");
    (0..=3)
        .find_map(|later| match zone.from_local_datetime(&(local + TimeDelta::hours(later))) {
            LocalResult::Single(time) | LocalResult::Ambiguous(time, _) => Some(time),
            LocalResult::None => None,
        })
        .map_or_else(|| local.and_utc(), |time| time.to_utc())
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    /// Every half hour of a week that changes the clock, as the timer fires.
    fn slots_of_week(zone: Tz, monday: &str) -> Vec<Slot> {
        let tenant = TenantId::new();
        let start = monday.parse::<NaiveDate>().unwrap().and_hms_opt(0, 0, 0).unwrap().and_utc();
        (0..7 * 48)
            .map(|half_hour| {
                Slot::newest_due(tenant, zone, start + TimeDelta::minutes(30 * half_hour))
            })
            .collect()
    }

    #[test]
    fn a_daylight_saving_day_has_each_slot_once() {
        for (zone, monday) in [
            (chrono_tz::America::New_York, "2024-03-04"),
            (chrono_tz::America::New_York, "2024-10-28"),
            (chrono_tz::Europe::Amsterdam, "2024-03-25"),
            (chrono_tz::Australia::Lord_Howe, "2024-09-30"),
        ] {
            let fired = slots_of_week(zone, monday);
            let mut seen = fired.clone();
            seen.dedup();
            let distinct: HashSet<_> = fired.iter().copied().collect();
            assert_eq!(seen.len(), distinct.len(), "a slot of {zone} came back after the next");
            for date in distinct.iter().map(|slot| slot.date).collect::<HashSet<_>>() {
                let hours = distinct.iter().filter(|slot| slot.date == date).count();
                let edge = [&fired[0].date, &fired[fired.len() - 1].date].contains(&&date);
                assert!(edge || hours == 3, "{date} in {zone} has {hours} slots");
            }
        }
    }

    #[test]
    fn a_slot_is_due_from_its_local_hour_on() {
        let tenant = TenantId::new();
        let zone = chrono_tz::America::New_York;
        let at = |text: &str| Slot::newest_due(tenant, zone, text.parse().unwrap());
        assert_eq!(at("2024-01-10T10:59:59Z").hour, SlotHour::TwentyTwo);
        assert_eq!(at("2024-01-10T10:59:59Z").date.to_string(), "2024-01-09");
        assert_eq!(at("2024-01-10T11:00:00Z").hour, SlotHour::Six);
        assert_eq!(at("2024-07-10T10:00:00Z").hour, SlotHour::Six);
    }
}
