//! Campaigns of all advertising platforms.

pub(super) mod list;
pub(super) mod performance;
#[cfg(test)]
mod tests;
