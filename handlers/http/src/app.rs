//! What endpoints work with: ports only, chosen once by the binary.

use std::sync::Arc;

use domain::Caller;
use domain::ports::Triggers;

use crate::Problem;

/// Says who sent a bearer token.
pub trait Verifier: Send + Sync {
    /// The person of a token whose signature and expiry hold; 401 otherwise.
    fn verify(&self, bearer: &str) -> Result<Caller, Problem>;
}

/// Everything that endpoints reach. One per process.
pub struct App {
    pub verifier: Arc<dyn Verifier>,
    /// What timers and queue messages start.
    pub triggers: Arc<dyn Triggers>,
}
