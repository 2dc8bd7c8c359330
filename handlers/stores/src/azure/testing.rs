//! What tests of the Azure backends share. The servers are those that `cargo xtask test` starts.

use std::path::PathBuf;
use std::time::Duration;

use domain::ports::StoreError;
use simulators::azure::{Authority, Gate};
use url::Url;

use super::{AzureIdentity, Patience};

/// For tests in which something comes through in the end.
pub(crate) const BRISK: Patience = Patience {
    connect: Duration::from_secs(5),
    answer: Duration::from_secs(5),
    retries: 3,
    retrying: Duration::from_secs(15),
    whole: Duration::from_secs(30),
};

/// For tests in which nothing ever comes.
pub(crate) const SHORT: Patience = Patience {
    connect: Duration::from_millis(500),
    answer: Duration::from_millis(500),
    retries: 1,
    retrying: Duration::from_secs(1),
    whole: Duration::from_secs(2),
};

#[expect(clippy::disallowed_methods, reason = "tests have no settings of their own")]
pub(crate) fn provided(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| {
        panic!("{name} is not set: `cargo xtask test` starts the stand-ins of Azure and sets it")
    })
}

pub(crate) fn provided_url(name: &str) -> Url {
    provided(name).parse().expect("the setting is a URL")
}

pub(crate) fn identity(patience: Patience) -> AzureIdentity {
    provided("IDENTITY_ENDPOINT");
    AzureIdentity::patiently_managed(None, patience).expect("an identity needs no more")
}

/// In front of the server whose address is in the setting.
pub(crate) async fn gate(setting: &str) -> Gate {
    let authority = Authority::open_or_create(&PathBuf::from(provided("MIQ_TEST_CA_DIR")));
    let authority = authority.expect("the authority is readable");
    Gate::open(&authority, &provided_url(setting)).await.expect("a gate opens")
}

/// What the log would say of a part that is not available.
///
/// # Panics
/// If it is another error, or quotes what no log may hold.
pub(crate) fn reason<T: std::fmt::Debug>(result: Result<T, StoreError>) -> String {
    let Err(StoreError::Unavailable { what, source }) = result else {
        panic!("{result:?}");
    };
    let reason = format!("{what} is not available: {source}");
    assert!(source.source().is_none(), "nothing else is printed: {source:?}");
    for secret in ["?", "Bearer", "eyJ", "https://127"] {
        assert!(!reason.contains(secret), "{reason}");
    }
    reason
}
