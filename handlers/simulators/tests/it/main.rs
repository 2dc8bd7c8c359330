//! The simulators over real HTTP, as the connectors meet them.

mod analytics;
mod azure;
mod csv;
mod faults;
mod google_ads;
mod meta;
mod oauth;
mod program;
mod support;
mod truth;
