//! The people of the active tenant.

pub(super) mod invite;
pub(super) mod list;
pub(super) mod remove;
