use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use secrecy::SecretString;
use serde::Serialize;
use url::Url;

use crate::{CurrencyCode, Platform};

/// Consent and discovery at the platforms.
#[async_trait]
pub trait PlatformAccess: Send + Sync {
    /// Where to send the person's browser for consent.
    fn authorization_url(&self, request: &AuthorizationRequest) -> Result<Url, PlatformError>;

    /// Turns the code of a callback into tokens.
    async fn redeem(&self, redemption: &Redemption) -> Result<Grant, PlatformError>;

    /// New tokens from what the last grant left.
    async fn refresh(&self, platform: Platform, grant: &Grant) -> Result<Grant, PlatformError>;

    /// Withdraws the consent. A grant that is already dead is no error.
    async fn revoke(&self, platform: Platform, grant: &Grant) -> Result<(), PlatformError>;

    /// All accounts that can hold data of their own, managers left out.
    async fn accounts(
        &self,
        platform: Platform,
        access_token: &SecretString,
    ) -> Result<Vec<PlatformAccount>, PlatformError>;
}

#[derive(Clone, Debug)]
pub struct AuthorizationRequest {
    pub platform: Platform,
    pub redirect_uri: Url,
    pub state: String,
    /// The PKCE verifier; only its S256 challenge goes into the URL, and only to platforms that
    /// know PKCE.
    pub code_verifier: SecretString,
    /// The e-mail address of the login to propose.
    pub login_hint: Option<String>,
}

#[derive(Clone, Debug)]
pub struct Redemption {
    pub platform: Platform,
    pub code: SecretString,
    pub redirect_uri: Url,
    pub code_verifier: SecretString,
}

/// Tokens of one consent.
#[derive(Clone, Debug)]
pub struct Grant {
    pub access_token: SecretString,
    pub access_expires_at: Option<DateTime<Utc>>,
    /// Meta has none: a live token is exchanged for a fresh one.
    pub refresh_token: Option<SecretString>,
    pub scopes: Vec<String>,
}

/// An account as its platform describes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PlatformAccount {
    pub account_id: String,
    pub name: String,
    /// Google Ads: the manager account through which the login reaches this one.
    pub manager_id: Option<String>,
    pub time_zone: Tz,
    pub currency: CurrencyCode,
    /// False for one that is closed, suspended or disabled.
    pub active: bool,
}

/// What a platform's refusal means to us. `Display` may be shown to a person and names the fix;
/// it never holds the platform's raw text.
#[derive(Debug, thiserror::Error)]
pub enum PlatformError {
    #[error("{} asked us to slow down; the work is tried again later", .0.title())]
    Throttled(Platform, Option<Duration>),
    #[error("{} no longer accepts this connection's consent: connect it again", .0.title())]
    NeedsReauth(Platform),
    #[error("the consent at {platform} did not include {1}: connect again and leave all boxes ticked", platform = .0.title())]
    MissingScope(Platform, String),
    #[error("{} does not let this login read the account: ask for access, then sync again", .0.title())]
    PermissionDenied(Platform),
    #[error("the account at {} is closed or disabled: reactivate it there or remove it here", .0.title())]
    AccountDisabled(Platform),
    #[error("{} asked for less data at once", .0.title())]
    TooMuchData(Platform),
    #[error("{platform} refuses this application: {1}", platform = .0.title())]
    Operator(Platform, &'static str),
    #[error("{} is not available right now; the work is tried again later", .0.title())]
    Unavailable(Platform, #[source] super::BoxError),
    #[error("{} answered something that its documentation does not allow", .0.title())]
    BadAnswer(Platform, #[source] super::BoxError),
    #[error("{platform} is not set up here: {1}", platform = .0.title())]
    NotConfigured(Platform, &'static str),
}

impl PlatformError {
    /// Stable code for runs and problems.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Throttled(..) => "throttled",
            Self::NeedsReauth(_) => "needs_reauth",
            Self::MissingScope(..) => "missing_scope",
            Self::PermissionDenied(_) => "permission_denied",
            Self::AccountDisabled(_) => "account_disabled",
            Self::TooMuchData(_) => "too_much_data",
            Self::Operator(..) => "operator_action_needed",
            Self::Unavailable(..) => "platform_unavailable",
            Self::BadAnswer(..) => "platform_bad_answer",
            Self::NotConfigured(..) => "platform_not_configured",
        }
    }
}
