//! Consent: a person is sent to a platform, and comes back.

mod browser_cookie;
pub(super) mod callback;
pub(super) mod connect_google_ads;
pub(super) mod connect_google_analytics;
pub(super) mod connect_meta_ads;
mod consent;
