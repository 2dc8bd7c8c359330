//! How much of a property's allowance is left, as each report tells it.

use std::time::Duration;

use serde::Deserialize;

/// Hourly allowances come back within the hour.
const HOURLY: Duration = Duration::from_mins(30);
/// Daily ones at midnight in California; we look again each hour.
const DAILY: Duration = Duration::from_hours(1);

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct PropertyQuota {
    tokens_per_day: Option<Allowance>,
    tokens_per_hour: Option<Allowance>,
    tokens_per_project_per_hour: Option<Allowance>,
    potentially_thresholded_requests_per_hour: Option<Allowance>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Allowance {
    /// By this report alone.
    consumed: i64,
    remaining: i64,
}

impl Allowance {
    /// Whether another report like this one would not fit.
    fn is_spent(&self) -> bool {
        self.remaining < self.consumed.max(1)
    }
}

impl PropertyQuota {
    /// How long to wait before the next page; `None` if it fits into what is left.
    pub(crate) fn pause(&self) -> Option<Duration> {
        let spent =
            |allowance: &Option<Allowance>| allowance.as_ref().is_some_and(Allowance::is_spent);
        if spent(&self.tokens_per_day) {
            return Some(DAILY);
        }
        let hourly = [
            &self.tokens_per_hour,
            &self.tokens_per_project_per_hour,
            &self.potentially_thresholded_requests_per_hour,
        ];
        hourly.into_iter().any(spent).then_some(HOURLY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_asked_for_when_the_next_page_would_not_fit() {
        let pause = |json: &str| serde_json::from_str::<PropertyQuota>(json).unwrap().pause();
        assert_eq!(pause("{}"), None);
        assert_eq!(pause(r#"{"tokensPerHour":{"consumed":3,"remaining":39997}}"#), None);
        assert_eq!(pause(r#"{"tokensPerHour":{"consumed":30,"remaining":29}}"#), Some(HOURLY));
        assert_eq!(pause(r#"{"tokensPerDay":{"consumed":3}}"#), Some(DAILY));
        let thresholded = r#"{"potentiallyThresholdedRequestsPerHour":{"consumed":0}}"#;
        assert_eq!(pause(thresholded), Some(HOURLY));
    }
}
