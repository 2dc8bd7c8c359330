//! The advertising platforms and their OAuth servers as local HTTP servers, for the demo, tests
//! and benchmarks.
//!
//! One listener serves all: `/google-ads/vN/…`, `/graph/vN.0/…`, `/analytics-data/v1beta/…`,
//! `/analytics-admin/v1beta/…`, consent at `/google/o/oauth2/v2/auth` and
//! `/meta/vN.0/dialog/oauth`, `/google/token`, `/google/revoke`; the same APIs without the
//! prefixes for clients that cannot have one. `/_truth` tells what is true, `/_control/…` and
//! `/_clock` change it, `/_stats` counts.
//!
//! [`azure`] stands in for the managed services that the deployment on Azure uses.

mod analytics;
pub mod azure;
mod control;
mod faults;
mod google_ads;
mod meta;
mod oauth;
pub mod program;
mod server;
mod stats;
mod truth;
mod universe;
mod wire;
mod world;

pub use oauth::CLIENT_SECRET;
pub use server::{Config, Running, start};
pub use universe::{CsvFaults, Universe};
