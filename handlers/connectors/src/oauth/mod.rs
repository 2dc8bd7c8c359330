//! Consent: [`PlatformAccess`] for all platforms. Google's two share one client and one flow,
//! Meta has its own.

mod google;
mod meta;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use domain::ports::{
    AuthorizationRequest, Grant, PlatformAccess, PlatformAccount, PlatformError, Redemption,
};
use domain::{BusinessClock, Platform, SystemClock};
use secrecy::SecretString;
use url::Url;

pub(crate) use google::GoogleOAuth;
pub(crate) use meta::MetaOAuth;

use crate::Platforms;

/// In words that follow "the consent did not include".
pub(crate) const fn what_is_consented_to(platform: Platform) -> &'static str {
    match platform {
        Platform::GoogleAds => "access to your Google Ads accounts",
        Platform::MetaAds => "reading your ad accounts (ads_read)",
        Platform::GoogleAnalytics => "reading your Google Analytics data",
    }
}

/// When a token that lives so many seconds from now dies; `None` if it does not.
fn expiry(seconds: Option<i64>) -> Option<DateTime<Utc>> {
    let life = TimeDelta::try_seconds(seconds?)?;
    SystemClock.now().checked_add_signed(life)
}

/// A consent that is dead already needs no withdrawing.
fn dead_is_fine<T>(result: Result<T, PlatformError>) -> Result<(), PlatformError> {
    match result {
        Ok(_) | Err(PlatformError::NeedsReauth(_)) => Ok(()),
        Err(error) => Err(error),
    }
}

#[derive(Debug, thiserror::Error)]
#[error("its answers together took longer than a person waits")]
struct TooSlow;

impl Platforms {
    /// Ends calls that somebody waits for while there is time to say whose fault it is.
    async fn in_time<T>(
        &self,
        platform: Platform,
        calls: impl Future<Output = Result<T, PlatformError>>,
    ) -> Result<T, PlatformError> {
        tokio::time::timeout(self.client.timing().interactive.all_calls, calls)
            .await
            .unwrap_or_else(|_| Err(PlatformError::Unavailable(platform, TooSlow.into())))
    }
}

#[async_trait]
impl PlatformAccess for Platforms {
    fn authorization_url(&self, request: &AuthorizationRequest) -> Result<Url, PlatformError> {
        match request.platform {
            Platform::MetaAds => self.meta_oauth.authorization_url(request),
            Platform::GoogleAds | Platform::GoogleAnalytics => {
                self.google_oauth.authorization_url(request)
            }
        }
    }

    async fn redeem(&self, redemption: &Redemption) -> Result<Grant, PlatformError> {
        self.in_time(redemption.platform, async {
            match redemption.platform {
                Platform::MetaAds => self.meta_oauth.redeem(redemption).await,
                Platform::GoogleAds | Platform::GoogleAnalytics => {
                    self.google_oauth.redeem(redemption).await
                }
            }
        })
        .await
    }

    async fn refresh(&self, platform: Platform, grant: &Grant) -> Result<Grant, PlatformError> {
        match platform {
            Platform::MetaAds => self.meta_oauth.refresh(grant).await,
            Platform::GoogleAds | Platform::GoogleAnalytics => {
                self.google_oauth.refresh(platform, grant).await
            }
        }
    }

    async fn revoke(&self, platform: Platform, grant: &Grant) -> Result<(), PlatformError> {
        dead_is_fine(match platform {
            Platform::MetaAds => self.meta_oauth.revoke(grant).await,
            Platform::GoogleAds | Platform::GoogleAnalytics => {
                self.google_oauth.revoke(platform, grant).await
            }
        })
    }

    async fn accounts(
        &self,
        platform: Platform,
        access_token: &SecretString,
    ) -> Result<Vec<PlatformAccount>, PlatformError> {
        self.in_time(platform, async {
            match platform {
                Platform::GoogleAds => self.google_ads.accounts(access_token).await,
                Platform::MetaAds => self.meta_ads.accounts(access_token).await,
                Platform::GoogleAnalytics => self.google_analytics.accounts(access_token).await,
            }
        })
        .await
    }
}
