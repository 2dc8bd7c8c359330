//! The API versions that this code was written against. A version dies about a year after it is
//! born; raising one is a change here plus whatever its release notes ask for.

/// Google Ads API; born October 2026, expected to end around November 2027.
pub(crate) const GOOGLE_ADS: &str = "v26";

/// Graph and Marketing API; born 2026-07-29, no end announced.
pub(crate) const META_GRAPH: &str = "v26.0";

/// Analytics Data and Admin APIs.
pub(crate) const GOOGLE_ANALYTICS: &str = "v1beta";
