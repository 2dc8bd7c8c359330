//! Meta's Marketing API. Short windows are read at once, page by page; long ones by a report
//! run, which is started, watched, and then read page by page.

mod accounts;
mod errors;
mod query;
mod report;
mod rows;
mod usage;

use std::time::Duration;

use aws_lc_rs::hmac;
use domain::{Platform, Stream, StreamKind};
use reqwest::{Method, Request, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::client::{Client, authorized, path, with_form};
use crate::config::{Endpoints, OAuthClient};
use crate::extract::{Ask, Connector, Step};
use crate::harvest::{Harvest, RowFormat, StepError};
use crate::retry::Failure;
use crate::versions;

pub(crate) use errors::classify;

/// Above so many days an answer at once times out on large accounts.
const LONGEST_AT_ONCE: usize = 7;

const REQUEST_ID: &str = "x-fb-trace-id";

#[derive(Clone, Debug)]
pub(crate) struct MetaAds {
    client: Client,
    graph: Graph,
}

/// Where the Graph API is and how a call to it is signed.
#[derive(Clone, Debug)]
pub(crate) struct Graph {
    base: Url,
    app_secret: Option<SecretString>,
}

#[derive(Clone, Debug)]
pub(crate) enum Cursor {
    Report(report::Run),
    Page { run: Option<String>, after: Option<String> },
}

/// A page, its rows taken out. Without `data` it is no page, however good its status: taken for
/// an empty one, it would erase the figures of its days.
#[derive(Deserialize)]
struct Page {
    #[serde(rename = "data")]
    _data: Vec<IgnoredAny>,
    paging: Option<Paging>,
}

#[derive(Deserialize)]
struct Paging {
    cursors: Option<Cursors>,
    /// Holds the token; only its presence and its cursor are used.
    next: Option<String>,
}

#[derive(Deserialize)]
struct Cursors {
    after: Option<String>,
}

impl Graph {
    pub(crate) fn new(endpoints: &Endpoints, app: Option<&OAuthClient>) -> Self {
        Self {
            base: path(&endpoints.meta_graph_url, &[versions::META_GRAPH]),
            app_secret: app.map(|app| app.secret.clone()),
        }
    }

    pub(crate) fn url(&self, segments: &[&str]) -> Url {
        path(&self.base, segments)
    }

    pub(crate) fn request(
        &self,
        method: Method,
        mut url: Url,
        token: &SecretString,
    ) -> Result<Request, Failure> {
        if let Some(secret) = &self.app_secret {
            url.query_pairs_mut().append_pair("appsecret_proof", &proof(secret, token));
        }
        authorized(method, url, Platform::MetaAds, token)
    }
}

/// Proves that the token is used by the app that it was given to: the hexadecimal HMAC-SHA256 of
/// the token under the app's secret.
fn proof(secret: &SecretString, token: &SecretString) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose_secret().as_bytes());
    let tag = hmac::sign(&key, token.expose_secret().as_bytes());
    tag.as_ref().iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}

impl Paging {
    /// Where the next page begins. `cursors.after` is there on the last page too; only `next`
    /// tells whether there is one.
    fn after(self) -> Result<Option<String>, PagesWithoutEnd> {
        let Some(next) = self.next else { return Ok(None) };
        let of_link = || {
            let url = Url::parse(&next).ok()?;
            url.query_pairs().find(|(name, _)| name == "after").map(|(_, after)| after.into_owned())
        };
        let after = self.cursors.and_then(|cursors| cursors.after).or_else(of_link);
        after.map(Some).ok_or(PagesWithoutEnd)
    }
}

impl MetaAds {
    pub(crate) fn new(client: Client, endpoints: &Endpoints, app: Option<&OAuthClient>) -> Self {
        Self { client, graph: Graph::new(endpoints, app) }
    }

    async fn page(
        &self,
        ask: Ask<'_>,
        run: Option<&str>,
        after: Option<&str>,
        harvest: &mut Harvest<'_>,
    ) -> Result<Step<Cursor>, StepError> {
        let account = format!("act_{}", ask.account.account_id);
        let (mut url, parameters) = match (run, ask.stream.kind) {
            (Some(run), _) => (self.graph.url(&[run, "insights"]), Vec::new()),
            (None, StreamKind::Daily) => {
                (self.graph.url(&[&account, "insights"]), query::insights(ask.days))
            }
            (None, StreamKind::Snapshot) => {
                (self.graph.url(&[&account, "campaigns"]), query::campaigns())
            }
        };
        url.query_pairs_mut()
            .extend_pairs(parameters)
            .append_pair("limit", query::PAGE)
            .extend_pairs(after.map(|after| ("after", after)));
        let request = self.graph.request(Method::GET, url, ask.token)?;
        harvest.requests += 1;
        let incoming = self.client.open(Platform::MetaAds, request, errors::classify).await?;
        let pause = usage::pause(incoming.headers());
        harvest.note_request_id(incoming.headers().get(REQUEST_ID).and_then(|id| id.to_str().ok()));

        let mut page = None;
        harvest
            .take(incoming, "data", errors::classify, |_, envelope| {
                let read: Page = serde_json::from_slice(envelope)
                    .map_err(|error| Failure::garbled(Platform::MetaAds, error))?;
                page = Some(read);
                Ok(())
            })
            .await?;
        let Some(page) = page else {
            return Err(Failure::garbled(Platform::MetaAds, NoPage).into());
        };
        match page.paging.map(Paging::after).transpose().map(Option::flatten) {
            Ok(None) => Ok(Step::Done),
            Ok(Some(next)) if Some(next.as_str()) != after => {
                let cursor = Cursor::Page { run: run.map(str::to_owned), after: Some(next) };
                Ok(Step::More { cursor, pause: pause.unwrap_or(Duration::ZERO) })
            }
            _ => Err(Failure::nonsense(Platform::MetaAds, PagesWithoutEnd).into()),
        }
    }

    fn post(&self, ask: Ask<'_>) -> Result<Request, Failure> {
        let account = format!("act_{}", ask.account.account_id);
        let url = self.graph.url(&[&account, "insights"]);
        let request = self.graph.request(Method::POST, url, ask.token)?;
        let parameters = query::insights(ask.days);
        let fields: Vec<_> =
            parameters.iter().map(|(name, value)| (*name, value.as_str())).collect();
        Ok(with_form(request, &fields))
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the answer is not a page")]
struct NoPage;

#[derive(Debug, thiserror::Error)]
#[error("the next page is this one again, or nowhere")]
struct PagesWithoutEnd;

impl Connector for MetaAds {
    type Cursor = Cursor;

    const PLATFORM: Platform = Platform::MetaAds;
    const API_VERSION: &'static str = versions::META_GRAPH;
    /// Larger than any page: a page that fails is then asked for again by itself.
    const FLUSH_AT: usize = 8 << 20;

    fn row_format(stream: Stream) -> Option<RowFormat> {
        rows::format(stream)
    }

    async fn step(
        &self,
        ask: Ask<'_>,
        cursor: Option<&Cursor>,
        harvest: &mut Harvest<'_>,
    ) -> Result<Step<Cursor>, StepError> {
        let long = ask.stream.kind == StreamKind::Daily && ask.days.len() > LONGEST_AT_ONCE;
        match cursor {
            None if long => self.start_report(ask, None, harvest).await,
            None => self.page(ask, None, None, harvest).await,
            Some(Cursor::Report(run)) => self.watch_report(ask, run, harvest).await,
            Some(Cursor::Page { run, after }) => {
                self.page(ask, run.as_deref(), after.as_deref(), harvest).await
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_proof_is_the_tokens_hmac_in_hexadecimal() {
        // RFC 4231, test case 2.
        let proof = proof(&"Jefe".into(), &"what do ya want for nothing?".into());
        assert_eq!(proof, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    }

    #[test]
    fn a_call_is_signed_and_its_token_is_not_in_the_url() {
        let app = OAuthClient { id: "1".to_owned(), secret: "Jefe".into() };
        let graph = Graph::new(&Endpoints::default(), Some(&app));
        let url = graph.url(&["act_7", "insights"]);
        let request = graph.request(Method::GET, url, &"the-token".into()).unwrap();
        let url = request.url().as_str();
        assert!(
            url.starts_with("https://graph.facebook.com/v26.0/act_7/insights?appsecret_proof=")
        );
        assert!(!url.contains("the-token") && !url.contains("Jefe"), "{url}");
        assert!(!format!("{request:?}").contains("the-token"));
    }

    #[test]
    fn pages_end_where_there_is_no_next_link() {
        let after = |json: &str| serde_json::from_str::<Paging>(json).unwrap().after();
        assert!(matches!(after(r#"{"cursors":{"before":"a","after":"b"}}"#), Ok(None)));
        let link = "https://graph.facebook.com/v26.0/act_1/insights?access_token=x&after=c%3D";
        assert_eq!(after(&format!(r#"{{"next":"{link}"}}"#)).unwrap().unwrap(), "c=");
        let both = format!(r#"{{"cursors":{{"after":"b"}},"next":"{link}"}}"#);
        assert_eq!(after(&both).unwrap().unwrap(), "b");
        assert!(after(r#"{"next":"https://graph.facebook.com/v26.0/act_1/insights"}"#).is_err());
    }
}
