//! Everything outside, as traits. Each has an embedded and a managed backend in the `stores`
//! crate, held to one conformance suite; the platforms' side is in `connectors`.

mod platforms;
mod queue;
mod raw_store;
mod secrets;
mod triggers;

pub use platforms::{
    AuthorizationRequest, Grant, PlatformAccess, PlatformAccount, PlatformError, Redemption,
};
pub use queue::{Delivery, JobQueue, QueueConsumer};
pub use raw_store::{RawStore, RawWriter};
pub use secrets::Secrets;
pub use triggers::{Triggered, Triggers};

/// What a port answers when it cannot do what it was asked. `Display` may be shown to a person;
/// the source is for the log.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("{what} was not found")]
    NotFound { what: &'static str },
    #[error("{what} already exists")]
    AlreadyExists { what: &'static str },
    /// The caller's data was refused; the text names the field and the remedy.
    #[error("{0}")]
    Invalid(String),
    /// Trying again later may help.
    #[error("{what} is not available")]
    Unavailable {
        what: &'static str,
        #[source]
        source: BoxError,
    },
    /// Trying again will not help.
    #[error("{what} holds something that cannot be read")]
    Corrupt {
        what: &'static str,
        #[source]
        source: BoxError,
    },
}

pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
