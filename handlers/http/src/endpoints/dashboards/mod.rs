//! Dashboards that every tenant has.

pub(super) mod get;
pub(super) mod list;
#[cfg(test)]
mod tests;

/// The dashboard of a tenant that has chosen none.
const OVERVIEW: &str = "overview";
const OVERVIEW_NAME: &str = "Overview";
