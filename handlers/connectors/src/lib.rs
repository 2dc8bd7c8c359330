//! The advertising platforms: consent, discovery of accounts, and the one extract loop.
//!
//! Each platform has a folder of the same shape: `mod` (its calls, one step at a time), `query`
//! (what is asked for), `rows` (how a row is read), `errors` (what a refusal means), `accounts`
//! (discovery). What they share (paging, retries, splitting, token renewal) is in `extract` and
//! `retry`, once. A new platform is one folder, and one arm wherever a `Platform` is matched.
//!
//! **Invariant:** a connector only reads, knows nothing of stores, and never sleeps: rows go to
//! the [`RowSink`] it is given.
//!
//! **Invariant:** tokens, URLs and the platforms' raw texts reach neither logs nor messages.

mod client;
mod config;
mod extract;
mod figures;
mod google_ads;
mod google_analytics;
mod google_error;
mod harvest;
mod meta_ads;
mod oauth;
mod retry;
mod scanner;
mod versions;

pub use config::{Endpoints, Interactive, OAuthClient, PlatformConfig, Timing};
pub use extract::{ExtractError, ExtractRequest, Extracted, RowSink, TokenSource};

use client::Client;
use google_ads::GoogleAds;
use google_analytics::GoogleAnalytics;
use meta_ads::MetaAds;
use oauth::{GoogleOAuth, MetaOAuth};

/// All platforms, ready to be called.
#[derive(Clone, Debug)]
pub struct Platforms {
    client: Client,
    google_ads: GoogleAds,
    meta_ads: MetaAds,
    google_analytics: GoogleAnalytics,
    google_oauth: GoogleOAuth,
    meta_oauth: MetaOAuth,
}

/// Why the platforms cannot be called at all.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    #[error("{0} is not an http or https address")]
    Address(url::Url),
    #[error("the HTTP client could not be set up")]
    Client(#[source] reqwest::Error),
}

impl Platforms {
    pub fn new(config: PlatformConfig) -> Result<Self, SetupError> {
        let PlatformConfig { endpoints, google, meta, google_ads_developer_token, timing } = config;
        for url in endpoints.all() {
            if !matches!(url.scheme(), "http" | "https") {
                return Err(SetupError::Address(url.clone()));
            }
        }
        let client = Client::new(timing).map_err(SetupError::Client)?;
        Ok(Self {
            google_ads: GoogleAds::new(client.clone(), &endpoints, google_ads_developer_token),
            meta_ads: MetaAds::new(client.clone(), &endpoints, meta.as_ref()),
            google_analytics: GoogleAnalytics::new(client.clone(), &endpoints),
            google_oauth: GoogleOAuth::new(client.clone(), &endpoints, google),
            meta_oauth: MetaOAuth::new(client.clone(), &endpoints, meta),
            client,
        })
    }
}
