//! What all backends on Azure share: who they are to it, how long they wait for it, and what
//! they say when it refuses.
//!
//! **Invariant:** nothing is contacted, and no certificate is read, before the first call: the
//! Functions host wants its first answer within milliseconds of the start.

mod connections;
mod endpoint;
mod identity;
mod patience;
mod refusal;
#[cfg(test)]
pub(crate) mod testing;

pub(crate) use endpoint::{endpoint, is_loopback};
pub use identity::AzureIdentity;
pub(crate) use patience::Patience;
pub(crate) use refusal::{Resource, answered, explain};
