//! Figures by platform.

pub(super) mod get;
