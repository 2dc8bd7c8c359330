//! The error object that all Google APIs answer with, alone or in an array.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct GoogleError {
    /// `RESOURCE_EXHAUSTED`, `PERMISSION_DENIED`, …
    pub(crate) status: String,
    pub(crate) message: String,
    pub(crate) details: Vec<Detail>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Detail {
    /// Of a `google.rpc.ErrorInfo`: `SERVICE_DISABLED`, `ACCESS_TOKEN_SCOPE_INSUFFICIENT`, …
    pub(crate) reason: Option<String>,
    /// Of a `google.rpc.RetryInfo`: `30s`.
    retry_delay: Option<String>,
    /// Of a `GoogleAdsFailure`.
    errors: Vec<AdsError>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct AdsError {
    /// One entry, such as `quotaError`: `RESOURCE_EXHAUSTED`.
    error_code: BTreeMap<String, String>,
    details: AdsErrorDetails,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct AdsErrorDetails {
    quota_error_details: QuotaErrorDetails,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct QuotaErrorDetails {
    retry_delay: Option<String>,
}

#[derive(Deserialize)]
struct Wrapped {
    error: GoogleError,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Body {
    /// `searchStream` answers with an array even when it refuses. (First, for serde would also
    /// read an array as the fields of a struct.)
    Many(Vec<Wrapped>),
    One(Wrapped),
}

impl GoogleError {
    /// The error in a body, or an empty one if the body holds none.
    pub(crate) fn read(body: &[u8]) -> Self {
        match serde_json::from_slice(body) {
            Ok(Body::One(wrapped)) => wrapped.error,
            Ok(Body::Many(many)) => {
                many.into_iter().next().map(|wrapped| wrapped.error).unwrap_or_default()
            }
            Err(_) => Self::default(),
        }
    }

    pub(crate) fn has_reason(&self, reason: &str) -> bool {
        self.details.iter().any(|detail| detail.reason.as_deref() == Some(reason))
    }

    /// Names of the Google Ads error enums.
    pub(crate) fn ads_codes(&self) -> impl Iterator<Item = &str> {
        self.details
            .iter()
            .flat_map(|detail| &detail.errors)
            .flat_map(|error| error.error_code.values())
            .map(String::as_str)
    }

    pub(crate) fn retry_delay(&self) -> Option<Duration> {
        self.details
            .iter()
            .flat_map(|detail| {
                let of_errors = detail
                    .errors
                    .iter()
                    .map(|error| &error.details.quota_error_details.retry_delay);
                of_errors.chain([&detail.retry_delay])
            })
            .flatten()
            .find_map(|text| read_duration(text))
    }
}

/// A protobuf duration in JSON: seconds, possibly with a fraction, and an `s`.
fn read_duration(text: &str) -> Option<Duration> {
    let seconds = text.strip_suffix('s')?.parse().ok()?;
    Duration::try_from_secs_f64(seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_read_alone_and_in_an_array() {
        let alone = r#"{"error":{"code":429,"status":"RESOURCE_EXHAUSTED","details":[
            {"errors":[{"errorCode":{"quotaError":"RESOURCE_TEMPORARILY_EXHAUSTED"},
            "details":{"quotaErrorDetails":{"rateScope":"ACCOUNT","retryDelay":"30s"}}}],
            "requestId":"abc"}]}}"#;
        for body in [alone.to_owned(), format!("[{alone}]")] {
            let error = GoogleError::read(body.as_bytes());
            assert_eq!(error.status, "RESOURCE_EXHAUSTED");
            assert_eq!(error.ads_codes().collect::<Vec<_>>(), ["RESOURCE_TEMPORARILY_EXHAUSTED"]);
            assert_eq!(error.retry_delay(), Some(Duration::from_secs(30)));
        }
    }

    #[test]
    fn durations_are_seconds_with_a_unit() {
        assert_eq!(read_duration("1.5s"), Some(Duration::from_millis(1500)));
        for text in ["", "s", "5", "-1s", "1e300s", "NaNs"] {
            assert_eq!(read_duration(text), None, "{text}");
        }
    }
}
