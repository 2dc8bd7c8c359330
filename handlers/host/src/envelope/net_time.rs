//! Times as Newtonsoft.Json writes them: seven digits of a second at most, no trailing zeros.

use chrono::{DateTime, Utc};

/// .NET's `default(DateTime)`.
pub(super) const NEVER: &str = "0001-01-01T00:00:00";

/// `2026-09-24T13:08:00.0096035+00:00`.
pub(super) fn date_time_offset(time: DateTime<Utc>) -> String {
    format!("{}+00:00", to_the_tick(time))
}

/// `2025-02-18T03:06:20.7562691Z`.
pub(super) fn date_time(time: DateTime<Utc>) -> String {
    format!("{}Z", to_the_tick(time))
}

fn to_the_tick(time: DateTime<Utc>) -> String {
    let seconds = time.format("%Y-%m-%dT%H:%M:%S");
    match time.timestamp_subsec_nanos() / 100 {
        0 => seconds.to_string(),
        ticks => format!("{seconds}.{}", format!("{ticks:07}").trim_end_matches('0')),
    }
}
