//! The deployment itself: its health, and what it says of its API.

pub(super) mod docs;
pub(super) mod health;
pub(super) mod openapi;
#[cfg(test)]
mod tests;
