//! The backends of every port, each held to one conformance suite
