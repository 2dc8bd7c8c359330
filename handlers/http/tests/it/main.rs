//! People, consent and connections over HTTP: the real router and stores, a real PostgreSQL, and
//! the platforms as HTTP servers.

mod bad_input;
mod connections;
mod consent;
mod sessions;
mod world;
