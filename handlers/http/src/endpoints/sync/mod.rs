//! Syncs that people start.

pub(super) mod start;
