//! The advertising platforms: one enum, one table. Every spelling of a platform's name anywhere
//! in the system comes from here.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A platform that data is read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Platform {
    GoogleAds,
    MetaAds,
    GoogleAnalytics,
}

/// One row of the table of names.
struct Names {
    code: &'static str,
    title: &'static str,
    raw_folder: &'static str,
    route: &'static str,
    queue: &'static str,
    look_back_days: u32,
    history_days: u32,
}

impl Platform {
    pub const ALL: [Self; 3] = [Self::GoogleAds, Self::MetaAds, Self::GoogleAnalytics];

    const fn names(self) -> &'static Names {
        match self {
            Self::GoogleAds => &Names {
                code: "google_ads",
                title: "Google Ads",
                raw_folder: "google_ads",
                route: "google-ads",
                queue: "extract-google-ads",
                look_back_days: 30,
                history_days: 1_110,
            },
            Self::MetaAds => &Names {
                code: "meta_ads",
                title: "Meta Ads",
                raw_folder: "meta_ads",
                route: "meta",
                queue: "extract-meta-ads",
                look_back_days: 28,
                history_days: 1_110,
            },
            Self::GoogleAnalytics => &Names {
                code: "google_analytics",
                title: "Google Analytics 4",
                raw_folder: "ga",
                route: "ga",
                queue: "extract-google-analytics",
                look_back_days: 30,
                history_days: 1_110,
            },
        }
    }

    /// `google_ads`, `meta_ads`, `google_analytics`: in code, API, database and marts.
    pub const fn code(self) -> &'static str {
        self.names().code
    }

    /// The name that a person reads.
    pub const fn title(self) -> &'static str {
        self.names().title
    }

    /// `google_ads`, `meta_ads`, `ga`: the folder in the raw store.
    pub const fn raw_folder(self) -> &'static str {
        self.names().raw_folder
    }

    /// `google-ads`, `meta`, `ga`: the word in a route.
    pub const fn route(self) -> &'static str {
        self.names().route
    }

    /// The queue of this platform's jobs; one per platform, so that none waits for another.
    pub const fn queue(self) -> &'static str {
        self.names().queue
    }

    /// How many days back the platform still changes its figures; re-read by every run.
    ///
    /// Google Ads credits conversions back to the click's day within the action's window; Meta
    /// freezes insights after 28 days; GA4 re-attributes for weeks.
    pub const fn look_back_days(self) -> u32 {
        self.names().look_back_days
    }

    /// How many days of daily figures the platform keeps (37 months, short of the edge).
    pub const fn history_days(self) -> u32 {
        self.names().history_days
    }

    pub fn from_raw_folder(folder: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|platform| platform.raw_folder() == folder)
    }

    pub fn from_route(route: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|platform| platform.route() == route)
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown platform {0:?}: use google_ads, meta_ads or google_analytics")]
pub struct UnknownPlatform(String);

impl FromStr for Platform {
    type Err = UnknownPlatform;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|platform| platform.code() == text)
            .ok_or_else(|| UnknownPlatform(text.to_owned()))
    }
}
