//! The properties that a login may read. The Admin API lists them without zone and currency;
//! those come from each property's own report metadata.

use domain::Platform;
use domain::ports::{PlatformAccount, PlatformError};
use futures_util::{StreamExt, stream};
use reqwest::Method;
use secrecy::SecretString;
use serde::Deserialize;

use super::{GoogleAnalytics, Report, errors, query};
use crate::client::{authorized, path};

const MOST_PAGES: usize = 100;
/// Properties asked about at a time.
const AT_ONCE: usize = 16;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Summaries {
    #[serde(default)]
    account_summaries: Vec<AccountSummary>,
    #[serde(default)]
    next_page_token: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AccountSummary {
    #[serde(default)]
    property_summaries: Vec<PropertySummary>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PropertySummary {
    /// `properties/1`.
    property: String,
    #[serde(default)]
    display_name: String,
}

impl GoogleAnalytics {
    pub(crate) async fn accounts(
        &self,
        token: &SecretString,
    ) -> Result<Vec<PlatformAccount>, PlatformError> {
        let properties = self.properties(token).await?;
        let mut answers = stream::iter(properties)
            .map(|property| self.account(property, token))
            .buffered(AT_ONCE);
        let mut accounts = Vec::new();
        let mut failure = None;
        while let Some(answer) = answers.next().await {
            match answer {
                Ok(account) => accounts.extend(account),
                // One property without quota, or broken, must not hide the others.
                Err(error) if is_of_one_property(&error) => {
                    tracing::warn!(code = error.code(), "a property that fails is left out");
                    failure = Some(error);
                }
                Err(error) => return Err(error),
            }
        }
        match failure {
            Some(error) if accounts.is_empty() => Err(error),
            _ => Ok(accounts),
        }
    }

    async fn properties(
        &self,
        token: &SecretString,
    ) -> Result<Vec<PropertySummary>, PlatformError> {
        let mut properties = Vec::new();
        let mut page_token = String::new();
        for _ in 0..MOST_PAGES {
            let mut url = path(&self.admin, &["accountSummaries"]);
            url.query_pairs_mut().append_pair("pageSize", "200");
            if !page_token.is_empty() {
                url.query_pairs_mut().append_pair("pageToken", &page_token);
            }
            let request = authorized(Method::GET, url, Platform::GoogleAnalytics, token)
                .map_err(|failure| failure.error)?;
            let page: Summaries = self
                .client
                .json_with_retries(Platform::GoogleAnalytics, &request, errors::classify)
                .await?;
            let of_page = page.account_summaries.into_iter();
            properties.extend(of_page.flat_map(|account| account.property_summaries));
            page_token = page.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        Ok(properties)
    }

    /// `None` for a property that is listed but cannot be read.
    async fn account(
        &self,
        property: PropertySummary,
        token: &SecretString,
    ) -> Result<Option<PlatformAccount>, PlatformError> {
        let Some(id) = property.property.strip_prefix("properties/") else { return Ok(None) };
        let request =
            self.run_report(id, &query::probe(), token).map_err(|failure| failure.error)?;
        let report = self
            .client
            .json_with_retries::<Report>(Platform::GoogleAnalytics, &request, errors::classify)
            .await;
        let metadata = match report {
            Ok(report) => report.metadata,
            Err(PlatformError::PermissionDenied(_) | PlatformError::AccountDisabled(_)) => {
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let (Ok(time_zone), Ok(currency)) =
            (metadata.time_zone.parse(), metadata.currency_code.parse())
        else {
            tracing::warn!(account = id, "a property has an unknown time zone or currency");
            return Ok(None);
        };
        let name = if property.display_name.is_empty() {
            format!("Property {id}")
        } else {
            property.display_name
        };
        Ok(Some(PlatformAccount {
            account_id: id.to_owned(),
            name,
            manager_id: None,
            time_zone,
            currency,
            active: true,
        }))
    }
}

/// Whether the others may fare better.
fn is_of_one_property(error: &PlatformError) -> bool {
    match error {
        PlatformError::Throttled(..)
        | PlatformError::Unavailable(..)
        | PlatformError::BadAnswer(..)
        | PlatformError::TooMuchData(_)
        | PlatformError::PermissionDenied(_)
        | PlatformError::AccountDisabled(_) => true,
        PlatformError::NeedsReauth(_)
        | PlatformError::MissingScope(..)
        | PlatformError::Operator(..)
        | PlatformError::NotConfigured(..) => false,
    }
}
