//! Google Analytics 4, by the Data API's `runReport`. The answer names neither its offset nor a
//! next page: we go on while rows are missing from `rowCount`.

mod accounts;
mod errors;
mod query;
mod quota;
mod rows;

use std::time::Duration;

use domain::ports::BoxError;
use domain::{Platform, Quality, Stream};
use reqwest::{Method, Request, Url};
use secrecy::SecretString;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use crate::client::{Client, authorized, path, with_json};
use crate::config::Endpoints;
use crate::extract::{Ask, Connector, Step};
use crate::harvest::{Harvest, RowFormat, StepError};
use crate::retry::Failure;
use crate::versions;

#[derive(Clone, Debug)]
pub(crate) struct GoogleAnalytics {
    client: Client,
    data: Url,
    admin: Url,
}

/// A `RunReportResponse`, its rows taken out.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    #[serde(default)]
    dimension_headers: Vec<Header>,
    #[serde(default)]
    metric_headers: Vec<Header>,
    #[serde(default)]
    row_count: u64,
    #[serde(default)]
    metadata: Metadata,
    property_quota: Option<quota::PropertyQuota>,
}

#[derive(Deserialize)]
struct Header {
    name: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Metadata {
    currency_code: String,
    time_zone: String,
    data_loss_from_other_row: bool,
    subject_to_thresholding: bool,
    sampling_metadatas: Vec<IgnoredAny>,
    /// What the property no longer keeps.
    data_truncation_reasons: Vec<IgnoredAny>,
    schema_restriction_response: SchemaRestriction,
}

/// Metrics that the login's role hides.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct SchemaRestriction {
    active_metric_restrictions: Vec<IgnoredAny>,
}

impl Metadata {
    fn quality(&self) -> Quality {
        Quality {
            sampled: !self.sampling_metadatas.is_empty(),
            thresholded: self.subject_to_thresholding,
            other_row: self.data_loss_from_other_row,
            truncated: !self.data_truncation_reasons.is_empty()
                || !self.schema_restriction_response.active_metric_restrictions.is_empty(),
        }
    }
}

impl Report {
    /// Rows carry values without names, so their order must be the one that was asked for.
    fn has_order_of(&self, asked: &query::Columns) -> bool {
        let names = |headers: &[Header], asked: &[&str]| {
            headers.iter().map(|header| header.name.as_str()).eq(asked.iter().copied())
        };
        names(&self.dimension_headers, asked.dimensions)
            && names(&self.metric_headers, asked.metrics)
    }
}

#[derive(Debug, thiserror::Error)]
#[error("a report's columns are not those that were asked for")]
struct ForeignColumns;

#[derive(Debug, thiserror::Error)]
#[error("a report promises more rows than it sends")]
struct MissingRows;

impl GoogleAnalytics {
    pub(crate) fn new(client: Client, endpoints: &Endpoints) -> Self {
        let version = &[versions::GOOGLE_ANALYTICS];
        Self {
            client,
            data: path(&endpoints.analytics_data_url, version),
            admin: path(&endpoints.analytics_admin_url, version),
        }
    }

    fn run_report(
        &self,
        property: &str,
        report: &Value,
        token: &SecretString,
    ) -> Result<Request, Failure> {
        let url = path(&self.data, &["properties", &format!("{property}:runReport")]);
        let request = authorized(Method::POST, url, Platform::GoogleAnalytics, token)?;
        Ok(with_json(request, report))
    }
}

impl Connector for GoogleAnalytics {
    /// Rows that were read of these days.
    type Cursor = u64;

    const PLATFORM: Platform = Platform::GoogleAnalytics;
    const API_VERSION: &'static str = versions::GOOGLE_ANALYTICS;
    const FLUSH_AT: usize = 256 << 10;

    fn row_format(stream: Stream) -> Option<RowFormat> {
        rows::format(stream)
    }

    async fn step(
        &self,
        ask: Ask<'_>,
        cursor: Option<&u64>,
        harvest: &mut Harvest<'_>,
    ) -> Result<Step<u64>, StepError> {
        let offset = cursor.copied().unwrap_or(0);
        let body = query::report(ask.days, offset);
        let request = self.run_report(&ask.account.account_id, &body, ask.token)?;
        harvest.requests += 1;
        let incoming =
            self.client.open(Platform::GoogleAnalytics, request, errors::classify).await?;
        let mut report = None;
        harvest
            .take(incoming, "rows", errors::classify, |_, envelope| {
                let read: Report = serde_json::from_slice(envelope)
                    .map_err(|error| Failure::garbled(Platform::GoogleAnalytics, error))?;
                report = Some(read);
                Ok(())
            })
            .await?;
        let nonsense =
            |error: BoxError| StepError::from(Failure::nonsense(Platform::GoogleAnalytics, error));
        let report = report.filter(|report: &Report| report.has_order_of(&query::TRAFFIC));
        let Some(report) = report else { return Err(nonsense(ForeignColumns.into())) };

        harvest.flag(&report.metadata.quality());
        harvest.described.time_zone = report.metadata.time_zone.parse().ok();
        harvest.described.currency = report.metadata.currency_code.parse().ok();

        let read = offset + harvest.page_rows();
        if read >= report.row_count {
            return Ok(Step::Done);
        }
        if harvest.page_rows() == 0 {
            return Err(nonsense(MissingRows.into()));
        }
        let pause = report.property_quota.and_then(|quota| quota.pause());
        Ok(Step::More { cursor: read, pause: pause.unwrap_or(Duration::ZERO) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_platform_says_of_its_own_figures_is_kept() {
        let report: Report = serde_json::from_str(
            r#"{"rowCount":175,"metadata":{"dataLossFromOtherRow":true,"currencyCode":"EUR",
            "timeZone":"Europe/Amsterdam","subjectToThresholding":true,
            "samplingMetadatas":[{"samplesReadCount":"500000","samplingSpaceSize":"2000000"}]}}"#,
        )
        .unwrap();
        let expected =
            Quality { sampled: true, thresholded: true, other_row: true, truncated: false };
        assert_eq!(report.metadata.quality(), expected);
        let bare: Report = serde_json::from_str("{}").unwrap();
        assert_eq!(bare.metadata.quality(), Quality::default());
    }

    #[test]
    fn columns_in_another_order_are_noticed() {
        let headers = |names: &[&str]| -> Vec<Header> {
            names.iter().map(|&name| Header { name: name.to_owned() }).collect()
        };
        let mut report: Report = serde_json::from_str("{}").unwrap();
        assert!(!report.has_order_of(&query::TRAFFIC));
        report.dimension_headers = headers(query::TRAFFIC.dimensions);
        report.metric_headers = headers(query::TRAFFIC.metrics);
        assert!(report.has_order_of(&query::TRAFFIC));
        report.metric_headers.swap(0, 1);
        assert!(!report.has_order_of(&query::TRAFFIC));
    }
}
