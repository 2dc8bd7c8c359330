//! How much of our allowance is used up, as Meta's headers tell it.

use std::collections::HashMap;
use std::time::Duration;

use reqwest::header::HeaderMap;
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// Percent of an allowance above which we stop to breathe.
const NEARLY_ALL: f64 = 95.0;
/// Where Meta names no time.
const BREATH: Duration = Duration::from_mins(1);

#[derive(Deserialize)]
struct BusinessUse {
    /// Minutes.
    #[serde(default)]
    estimated_time_to_regain_access: u64,
}

#[derive(Deserialize)]
struct AccountUse {
    #[serde(default)]
    acc_id_util_pct: f64,
    /// Seconds.
    #[serde(default)]
    reset_time_duration: u64,
}

#[derive(Deserialize)]
struct InsightsUse {
    #[serde(default)]
    app_id_util_pct: f64,
    #[serde(default)]
    acc_id_util_pct: f64,
}

#[derive(Deserialize)]
struct AppUse {
    #[serde(default)]
    call_count: f64,
    #[serde(default)]
    total_cputime: f64,
    #[serde(default)]
    total_time: f64,
}

/// How long to leave Meta alone before the next call; `None` if it is not short of breath.
pub(crate) fn pause(headers: &HeaderMap) -> Option<Duration> {
    let business = read::<HashMap<String, Vec<BusinessUse>>>(headers, "x-business-use-case-usage")
        .into_iter()
        .flatten()
        .flat_map(|(_, uses)| uses)
        .map(|each| Duration::from_secs(each.estimated_time_to_regain_access.saturating_mul(60)));
    let account = read::<AccountUse>(headers, "x-ad-account-usage")
        .filter(|each| each.acc_id_util_pct >= NEARLY_ALL)
        .map(|each| Duration::from_secs(each.reset_time_duration).max(BREATH));
    let insights = read::<InsightsUse>(headers, "x-fb-ads-insights-throttle")
        .filter(|each| each.app_id_util_pct.max(each.acc_id_util_pct) >= NEARLY_ALL)
        .map(|_| BREATH);
    let app = read::<AppUse>(headers, "x-app-usage")
        .filter(|each| each.call_count.max(each.total_cputime).max(each.total_time) >= NEARLY_ALL)
        .map(|_| BREATH);
    business.chain(account).chain(insights).chain(app).max().filter(|pause| !pause.is_zero())
}

fn read<T: DeserializeOwned>(headers: &HeaderMap, name: &str) -> Option<T> {
    serde_json::from_slice(headers.get(name)?.as_bytes()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pause_of(name: &'static str, value: &str) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().unwrap());
        pause(&headers)
    }

    #[test]
    fn each_header_is_read_in_its_own_unit() {
        let minutes = r#"{"7":[{"type":"ads_insights","call_count":100,
            "estimated_time_to_regain_access":3}]}"#
            .replace('\n', " ");
        let name = "x-business-use-case-usage";
        assert_eq!(pause_of(name, &minutes), Some(Duration::from_mins(3)));
        let seconds = r#"{"acc_id_util_pct":99.5,"reset_time_duration":120}"#;
        assert_eq!(pause_of("x-ad-account-usage", seconds), Some(Duration::from_mins(2)));
        let throttle = r#"{"app_id_util_pct":1,"acc_id_util_pct":96.2}"#;
        assert_eq!(pause_of("x-fb-ads-insights-throttle", throttle), Some(BREATH));
        let app = r#"{"call_count":95,"total_cputime":1,"total_time":1}"#;
        assert_eq!(pause_of("x-app-usage", app), Some(BREATH));
    }

    #[test]
    fn ample_allowance_and_nonsense_ask_for_no_pause() {
        let ample = r#"{"acc_id_util_pct":40.1,"reset_time_duration":120}"#;
        assert_eq!(pause_of("x-ad-account-usage", ample), None);
        assert_eq!(pause_of("x-app-usage", "soon"), None);
        assert_eq!(pause(&HeaderMap::new()), None);
    }
}
