//! Every endpoint, authentication, replies and OpenAPI; and the calls of the Functions host.
//!
//! **Invariant:** the only product crate that knows warp. An endpoint is a plain async function
//! from [`App`] and [`Request`] to [`Reply`] or [`Problem`].
//!
//! **Invariant:** [`router`] checks the registry's [`Access`](domain::registry::Access) before an
//! endpoint runs; the tenant that an endpoint works for comes out of that check alone.

mod access;
mod app;
mod body;
mod cache;
mod cursor;
mod document;
mod endpoint;
mod endpoints;
mod envelope;
mod fields;
mod figures;
mod functions;
mod health;
mod host_call;
mod list;
mod login_guard;
mod openapi;
mod params;
mod problem;
mod reply;
mod request;
mod router;
mod routes;
mod server;
mod slot;
#[cfg(test)]
mod testing;
mod tokens;
mod version_watch;

pub use app::{App, Verifier};
pub use cache::AnswerCache;
pub use document::Document;
pub use endpoint::Endpoint;
pub use functions::INVOCATION_DEADLINE;
pub use health::Health;
pub use login_guard::LoginGuard;
pub use openapi::openapi_json;
pub use problem::Problem;
pub use reply::Reply;
pub use request::Request;
pub use router::{HOST_KEY, Surface};
pub use server::Server;
pub use slot::{AppSetter, AppSlot, Fault};
pub use tokens::{InvalidSigningKey, Tokens};
