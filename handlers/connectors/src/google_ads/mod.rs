//! Google Ads, over its REST interface. A report is one `searchStream` call whose answer may be
//! endless; it is one step.

mod accounts;
mod errors;
mod query;
mod rows;

use domain::{Platform, Stream};
use reqwest::header::{HeaderName, HeaderValue};
use reqwest::{Method, Request, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::json;

use crate::client::{Client, authorized, path, with_json};
use crate::config::Endpoints;
use crate::extract::{Ask, Connector, Step};
use crate::harvest::{Harvest, RowFormat, StepError};
use crate::retry::Failure;
use crate::versions;

const LOGIN_CUSTOMER_ID: HeaderName = HeaderName::from_static("login-customer-id");
const DEVELOPER_TOKEN: HeaderName = HeaderName::from_static("developer-token");

#[derive(Clone, Debug)]
pub(crate) struct GoogleAds {
    client: Client,
    base: Url,
    developer_token: Option<SecretString>,
}

/// One element of `searchStream`'s array, its rows taken out.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Chunk {
    results: Option<IgnoredAny>,
    field_mask: Option<IgnoredAny>,
    request_id: Option<String>,
}

impl Chunk {
    /// Any part may be left out, but not all: some other object, taken for an answer without
    /// rows, would erase the figures of its days.
    fn is_one(&self) -> bool {
        self.results.is_some() || self.field_mask.is_some() || self.request_id.is_some()
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the answer is not a part of a report")]
struct NoChunk;

impl GoogleAds {
    pub(crate) fn new(
        client: Client,
        endpoints: &Endpoints,
        developer_token: Option<SecretString>,
    ) -> Self {
        let base = path(&endpoints.google_ads_url, &[versions::GOOGLE_ADS]);
        Self { client, base, developer_token }
    }

    /// `login_customer`: the manager through which the account is reached, if any.
    fn request(
        &self,
        method: Method,
        segments: &[&str],
        token: &SecretString,
        login_customer: Option<&str>,
    ) -> Result<Request, Failure> {
        let mut request =
            authorized(method, path(&self.base, segments), Platform::GoogleAds, token)?;
        let headers = request.headers_mut();
        if let Some(id) = login_customer.and_then(|id| HeaderValue::from_str(id).ok()) {
            headers.insert(LOGIN_CUSTOMER_ID, id);
        }
        if let Some(mut value) = self
            .developer_token
            .as_ref()
            .and_then(|token| HeaderValue::from_str(token.expose_secret()).ok())
        {
            value.set_sensitive(true);
            headers.insert(DEVELOPER_TOKEN, value);
        }
        Ok(request)
    }

    fn search_stream(
        &self,
        customer: &str,
        query: &str,
        token: &SecretString,
        login_customer: Option<&str>,
    ) -> Result<Request, Failure> {
        let segments = ["customers", customer, "googleAds:searchStream"];
        let request = self.request(Method::POST, &segments, token, login_customer)?;
        Ok(with_json(request, &json!({ "query": query })))
    }
}

impl Connector for GoogleAds {
    /// A stream has no pages.
    type Cursor = ();

    const PLATFORM: Platform = Platform::GoogleAds;
    const API_VERSION: &'static str = versions::GOOGLE_ADS;
    const FLUSH_AT: usize = 256 << 10;

    fn row_format(stream: Stream) -> Option<RowFormat> {
        rows::format(stream)
    }

    async fn step(
        &self,
        ask: Ask<'_>,
        _: Option<&()>,
        harvest: &mut Harvest<'_>,
    ) -> Result<Step<()>, StepError> {
        let query = query::report(ask.stream, ask.days);
        let manager = ask.account.manager_id.as_deref();
        let request = self.search_stream(&ask.account.account_id, &query, ask.token, manager)?;
        harvest.requests += 1;
        let incoming = self.client.open(Platform::GoogleAds, request, errors::classify).await?;
        harvest
            .take(incoming, "results", errors::classify, |harvest, envelope| {
                let chunk: Chunk = serde_json::from_slice(envelope)
                    .map_err(|error| Failure::garbled(Platform::GoogleAds, error))?;
                if !chunk.is_one() {
                    return Err(Failure::garbled(Platform::GoogleAds, NoChunk));
                }
                harvest.note_request_id(chunk.request_id.as_deref());
                Ok(())
            })
            .await?;
        Ok(Step::Done)
    }
}
