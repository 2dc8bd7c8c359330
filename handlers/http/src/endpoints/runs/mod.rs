//! Runs: what slots and people asked for, and what became of it.

pub(super) mod get;
pub(super) mod list;
mod shape;
#[cfg(test)]
mod tests;
