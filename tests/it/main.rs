//! The whole system, as its users meet it: the real binary, a real PostgreSQL, the real dbt, and
//! the platforms as HTTP servers. `cargo xtask test` provides what these tests need.

mod azure;
mod bad_input;
mod bicep;
mod cloud;
mod deploy_guide;
mod deployed_settings;
mod exactly_once;
mod failed_build;
mod functions;
mod isolation;
mod marts;
mod models;
mod people;
mod publish_package;
mod structure;
mod truth;
mod world;
