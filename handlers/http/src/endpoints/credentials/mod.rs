//! Consents that were given, and the accounts that they reach.

pub(super) mod accounts;
pub(super) mod discovery;
pub(super) mod list;
