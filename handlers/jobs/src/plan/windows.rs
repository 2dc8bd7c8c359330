//! Which days of an account to read.

use chrono::{Days, NaiveDate};
use domain::ports::PlannableAccount;
use domain::{DateRange, NewJob, Stream, StreamKind};

/// Days in one job of a daily stream: short enough to be fetched again whole when it fails.
const CHUNK_DAYS: u32 = 31;

/// What a run reads of an account without being told a range: the platform's look-back, and an
/// account's history the first time. If the last read is older than today, it begins with the
/// look-back of that read: those days were read while the platform could still restate them.
pub(super) fn due(account: &PlannableAccount, today: NaiveDate, backfill_days: u32) -> Vec<NewJob> {
    let platform = account.account.platform;
    if !account.account.has_history {
        let days = backfill_days.clamp(platform.look_back_days(), platform.history_days());
        return jobs(account, today, DateRange::ending(today, days), true);
    }
    let look_back = DateRange::ending(today, platform.look_back_days());
    let oldest = DateRange::ending(today, platform.history_days()).first();
    let first = account.read_until.map_or(look_back.first(), |read| {
        let unsettled = DateRange::ending(read, platform.look_back_days());
        unsettled.first().clamp(oldest, look_back.first())
    });
    let window = DateRange::new(first, today).unwrap_or(look_back);
    jobs(account, today, window, false)
}

/// What a run reads of an account for a range that a person chose: none if all of it is still
/// to come there.
pub(super) fn chosen(
    account: &PlannableAccount,
    today: NaiveDate,
    range: DateRange,
) -> Vec<NewJob> {
    DateRange::new(range.first(), range.last().min(today))
        .map_or_else(|_| Vec::new(), |window| jobs(account, today, window, false))
}

/// The first day that any platform could still be asked for.
pub(super) fn oldest_day(account: &PlannableAccount, today: NaiveDate) -> NaiveDate {
    today - Days::new(u64::from(account.account.platform.history_days() - 1))
}

/// Snapshots first, for their rows name what the figures are about; then the newest days.
fn jobs(
    account: &PlannableAccount,
    today: NaiveDate,
    days: DateRange,
    history: bool,
) -> Vec<NewJob> {
    let connection = account.account.connection;
    let (daily, snapshots): (Vec<_>, Vec<_>) =
        Stream::of(account.account.platform).partition(|stream| stream.kind == StreamKind::Daily);
    let today = DateRange::ending(today, 1);
    let snapshots = snapshots.into_iter().map(|stream| NewJob {
        connection,
        stream,
        window: today,
        history: false,
    });
    let mut windows: Vec<_> = days.chunks(CHUNK_DAYS).collect();
    windows.reverse();
    let daily = windows.into_iter().flat_map(|window| {
        daily.iter().map(move |stream| NewJob { connection, stream: *stream, window, history })
    });
    snapshots.chain(daily).collect()
}

#[cfg(test)]
mod tests {
    use domain::{ConnectedAccount, ConnectionId, CredentialId, Platform};
    use proptest::prelude::*;

    use super::*;

    fn account(
        platform: Platform,
        has_history: bool,
        read_until: Option<&str>,
    ) -> PlannableAccount {
        PlannableAccount {
            account: ConnectedAccount {
                connection: ConnectionId::new(),
                credential: CredentialId::new(),
                platform,
                account_id: "1".to_owned(),
                name: "Shop".to_owned(),
                manager_id: None,
                time_zone: chrono_tz::UTC,
                currency: "EUR".parse().unwrap(),
                has_history,
            },
            read_until: read_until.map(day),
        }
    }

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn daily(jobs: &[NewJob]) -> Vec<DateRange> {
        let mut windows: Vec<_> = jobs
            .iter()
            .filter(|job| job.stream.kind == StreamKind::Daily)
            .map(|job| job.window)
            .collect();
        windows.sort_by_key(|window| window.first());
        windows
    }

    #[test]
    fn a_known_account_is_read_over_its_platforms_look_back() {
        let account = account(Platform::MetaAds, true, Some("2024-03-31"));
        let jobs = due(&account, day("2024-03-31"), 90);
        assert_eq!(daily(&jobs), [DateRange::ending(day("2024-03-31"), 28)]);
        let snapshot = jobs.iter().find(|job| job.stream.kind == StreamKind::Snapshot).unwrap();
        assert_eq!(snapshot.window, DateRange::ending(day("2024-03-31"), 1));
        assert!(jobs.iter().all(|job| !job.history));
    }

    #[test]
    fn a_gap_is_closed_from_the_days_that_could_still_be_restated_when_it_began() {
        let last = day("2024-01-30");
        for (read_until, first) in [("2024-01-01", "2023-12-03"), ("2024-01-29", "2023-12-31")] {
            let account = account(Platform::GoogleAds, true, Some(read_until));
            let windows = daily(&due(&account, last, 90));
            assert_eq!(windows.first().unwrap().first(), day(first), "read until {read_until}");
            assert_eq!(windows.last().unwrap().last(), last);
        }
    }

    #[test]
    fn a_gap_is_closed_no_further_back_than_the_platform_keeps() {
        let account = account(Platform::GoogleAds, true, Some("2019-01-01"));
        let windows = daily(&due(&account, day("2024-03-31"), 90));
        let kept = DateRange::ending(day("2024-03-31"), Platform::GoogleAds.history_days());
        assert_eq!(windows.first().unwrap().first(), kept.first());
    }

    #[test]
    fn a_new_accounts_history_is_read_newest_first() {
        let account = account(Platform::GoogleAnalytics, false, None);
        let jobs = due(&account, day("2024-03-31"), 90);
        assert!(jobs.iter().all(|job| job.history));
        assert_eq!(jobs.iter().map(|job| job.window.len()).sum::<usize>(), 90);
        assert!(jobs[0].window.contains(day("2024-03-31")), "{:?}", jobs[0].window);
    }

    #[test]
    fn days_to_come_are_left_out_of_a_chosen_range() {
        let account = account(Platform::MetaAds, true, None);
        let range = DateRange::new(day("2024-03-30"), day("2024-04-05")).unwrap();
        let windows = daily(&chosen(&account, day("2024-03-31"), range));
        assert_eq!(windows, [DateRange::new(day("2024-03-30"), day("2024-03-31")).unwrap()]);
        assert!(chosen(&account, day("2024-03-29"), range).is_empty());
    }

    proptest! {
        #[test]
        fn every_day_of_a_first_read_is_read_once(
            platform in prop::sample::select(Platform::ALL.to_vec()),
            backfill in 0_u32..3_000,
            offset in 0_u64..3_000,
        ) {
            let today = day("2020-01-01") + Days::new(offset);
            let jobs = due(&account(platform, false, None), today, backfill);
            let days: Vec<_> = daily(&jobs).into_iter().flat_map(DateRange::days).collect();
            let expected = backfill.clamp(platform.look_back_days(), platform.history_days());
            prop_assert_eq!(days.clone(), DateRange::ending(today, expected).days().collect::<Vec<_>>());
            prop_assert!(jobs.iter().all(|job| job.window.len() <= CHUNK_DAYS as usize));
        }
    }
}
