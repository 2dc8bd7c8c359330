//! Figures by platform.

pub(super) mod get;
#[cfg(test)]
mod tests;
