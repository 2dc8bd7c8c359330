//! The advertising platforms and their OAuth servers as local HTTP servers, for the demo, tests and benchmarks
