//! How a campaign is named across platforms.

use std::fmt;
use std::str::FromStr;

use crate::Platform;

/// `{platform}-{account_id}-{campaign_id}`, as in `meta_ads-1029-1178`: the `campaign_key` of
/// marts and serving tables, and a campaign's id in the API.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CampaignKey {
    pub platform: Platform,
    /// Bare: no dashes, no `act_`.
    pub account_id: String,
    /// As the platform names it.
    pub campaign_id: String,
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not of the form platform-account-campaign")]
pub struct InvalidCampaignKey(String);

impl FromStr for CampaignKey {
    type Err = InvalidCampaignKey;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.splitn(3, '-');
        let mut next = || parts.next().filter(|part| !part.is_empty() && !part.contains('\0'));
        match (next().and_then(|code| code.parse().ok()), next(), next()) {
            (Some(platform), Some(account_id), Some(campaign_id)) => Ok(Self {
                platform,
                account_id: account_id.to_owned(),
                campaign_id: campaign_id.to_owned(),
            }),
            _ => Err(InvalidCampaignKey(text.to_owned())),
        }
    }
}

impl fmt::Display for CampaignKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}", self.platform, self.account_id, self.campaign_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_as_it_is_written() {
        let key: CampaignKey = "meta_ads-1029-1178".parse().unwrap();
        assert_eq!(key.platform, Platform::MetaAds);
        assert_eq!((key.account_id.as_str(), key.campaign_id.as_str()), ("1029", "1178"));
        assert_eq!(key.to_string(), "meta_ads-1029-1178");
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for text in [
            "",
            "meta_ads",
            "meta_ads-1",
            "meta_ads--1",
            "tiktok-1-2",
            "meta_ads-1-",
            "meta_ads-1-\0",
        ] {
            assert!(text.parse::<CampaignKey>().is_err(), "{text:?} was accepted");
        }
    }
}
