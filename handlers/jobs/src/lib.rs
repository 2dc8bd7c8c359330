//! Plan, extract, load, transform, publish: idempotent work that knows ports, not backends

mod credentials;

pub use credentials::{CredentialVault, VaultError};
