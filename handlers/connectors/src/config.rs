//! What the binary fills in: where the platforms are, who we are to them, how patient to be.

use std::time::Duration;

use secrecy::SecretString;
use url::Url;

/// Everything that [`crate::Platforms`] needs.
#[derive(Clone, Debug, Default)]
pub struct PlatformConfig {
    pub endpoints: Endpoints,
    /// The OAuth client of Google Ads and Google Analytics; none if neither is set up here.
    pub google: Option<OAuthClient>,
    /// The Meta app; none if Meta is not set up here.
    pub meta: Option<OAuthClient>,
    /// Sent to Google Ads if given. Google has ignored it since 2026-09-09: access belongs to
    /// the Cloud project of the OAuth client.
    pub google_ads_developer_token: Option<SecretString>,
    pub timing: Timing,
}

/// An application registered at a platform.
#[derive(Clone, Debug)]
pub struct OAuthClient {
    pub id: String,
    pub secret: SecretString,
}

/// Base addresses, without version and without a trailing slash. The defaults are the platforms'
/// own; others point at simulators.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoints {
    pub google_ads_url: Url,
    pub meta_graph_url: Url,
    pub meta_dialog_url: Url,
    pub analytics_data_url: Url,
    pub analytics_admin_url: Url,
    pub google_authorize_url: Url,
    pub google_token_url: Url,
    pub google_revoke_url: Url,
}

impl Default for Endpoints {
    fn default() -> Self {
        let url = |text: &str| Url::parse(text).expect("a constant URL");
        Self {
            google_ads_url: url("https://googleads.googleapis.com"),
            meta_graph_url: url("https://graph.facebook.com"),
            meta_dialog_url: url("https://www.facebook.com"),
            analytics_data_url: url("https://analyticsdata.googleapis.com"),
            analytics_admin_url: url("https://analyticsadmin.googleapis.com"),
            google_authorize_url: url("https://accounts.google.com/o/oauth2/v2/auth"),
            google_token_url: url("https://oauth2.googleapis.com/token"),
            google_revoke_url: url("https://oauth2.googleapis.com/revoke"),
        }
    }
}

impl Endpoints {
    pub(crate) fn all(&self) -> [&Url; 8] {
        [
            &self.google_ads_url,
            &self.meta_graph_url,
            &self.meta_dialog_url,
            &self.analytics_data_url,
            &self.analytics_admin_url,
            &self.google_authorize_url,
            &self.google_token_url,
            &self.google_revoke_url,
        ]
    }
}

/// How long to wait for what. The defaults suit the real platforms; tests shorten them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timing {
    pub connect: Duration,
    /// Between two pieces of one answer.
    pub read: Duration,
    /// For one whole answer, however lively it drips.
    pub answer: Duration,
    /// The first back-off is a random part of this; it doubles with each failure in a row.
    pub backoff: Duration,
    pub longest_backoff: Duration,
    /// A longer wait is not sat out: the work is handed back, to be tried again later.
    pub longest_wait: Duration,
    /// All waiting of one extraction taken together.
    pub total_wait: Duration,
    /// Between two looks at a Meta report run; doubles up to `longest_poll`.
    pub first_poll: Duration,
    pub longest_poll: Duration,
    /// A Meta report run that takes longer is stuck, and fewer days are asked for. A function has
    /// 28 minutes, and four weeks may take three such times: their own, and one for each half;
    /// quarters are read at once.
    pub report: Duration,
    pub interactive: Interactive,
}

/// How long to wait for what outside extractions (consent, tokens, discovery of accounts): a
/// person waits for it, and the API answers within a minute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interactive {
    /// For one whole answer.
    pub answer: Duration,
    /// A longer wait is not sat out.
    pub longest_wait: Duration,
    /// All waiting of one call with its tries.
    pub total_wait: Duration,
    /// One call with all its tries and waits.
    pub call: Duration,
    /// All calls of one consent or one discovery.
    pub all_calls: Duration,
}

impl Default for Interactive {
    fn default() -> Self {
        Self {
            answer: Duration::from_secs(15),
            longest_wait: Duration::from_secs(3),
            total_wait: Duration::from_secs(10),
            call: Duration::from_secs(30),
            all_calls: Duration::from_secs(50),
        }
    }
}

impl Timing {
    /// The same for a call outside extractions.
    pub(crate) fn interactive(&self) -> Self {
        let Interactive { longest_wait, total_wait, .. } = self.interactive;
        Self {
            longest_backoff: self.longest_backoff.min(longest_wait),
            longest_wait,
            total_wait,
            ..self.clone()
        }
    }
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            read: Duration::from_mins(1),
            answer: Duration::from_mins(20),
            backoff: Duration::from_secs(1),
            longest_backoff: Duration::from_secs(30),
            longest_wait: Duration::from_mins(1),
            total_wait: Duration::from_mins(5),
            first_poll: Duration::from_secs(2),
            longest_poll: Duration::from_secs(20),
            report: Duration::from_mins(6),
            interactive: Interactive::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_weeks_of_stuck_reports_leave_a_function_time_to_read() {
        assert!(Timing::default().report * 3 <= Duration::from_mins(20));
    }

    #[test]
    fn calls_that_a_person_waits_for_end_before_the_request_does() {
        let Interactive { answer, longest_wait, total_wait, call, all_calls } =
            Interactive::default();
        assert!(longest_wait <= total_wait && answer + total_wait <= call);
        assert!(call < all_calls && all_calls < Duration::from_mins(1));
    }
}
