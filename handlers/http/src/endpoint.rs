//! One endpoint: its function's name in the registry, what runs, and what it says of itself.

use std::sync::Arc;

use futures_util::future::BoxFuture;

use crate::{App, Document, Problem, Reply, Request};

/// Binds a function of the registry to the code that answers it.
pub struct Endpoint {
    /// The function's name in [`domain::registry::FUNCTIONS`].
    pub function: &'static str,
    pub handle: fn(Arc<App>, Request) -> BoxFuture<'static, Result<Reply, Problem>>,
    /// What OpenAPI says of it beyond the registry.
    pub document: fn() -> Document,
}
