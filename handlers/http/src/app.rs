//! What endpoints work with: ports only, chosen once by the binary.

use std::sync::Arc;

use domain::Caller;
use domain::ports::{
    Connections, Consents, Credentials, Identity, PlatformAccess, RunHistory, Tenants, Triggers,
};
use jobs::{CredentialVault, Planner};
use url::Url;

use crate::{AnswerCache, Health, LoginGuard, Problem, Tokens};

/// Says who sent a bearer token.
pub trait Verifier: Send + Sync {
    /// The person of a token whose signature and expiry hold; 401 otherwise.
    fn verify(&self, bearer: &str) -> Result<Caller, Problem>;
}

/// Everything that endpoints reach. One per process.
pub struct App {
    pub verifier: Arc<dyn Verifier>,
    /// Makes the access tokens that `verifier` accepts.
    pub tokens: Arc<Tokens>,
    pub identity: Arc<dyn Identity>,
    /// Keeps passwords from being guessed.
    pub logins: LoginGuard,
    pub tenants: Arc<dyn Tenants>,
    pub consents: Arc<dyn Consents>,
    pub credentials: Arc<dyn Credentials>,
    pub vault: Arc<CredentialVault>,
    pub platforms: Arc<dyn PlatformAccess>,
    pub connections: Arc<dyn Connections>,
    /// Figures, and the answers with them.
    pub answers: AnswerCache,
    pub run_history: Arc<dyn RunHistory>,
    pub planner: Arc<Planner>,
    pub health: Health,
    /// Where browsers and platforms reach this deployment.
    pub public_url: Url,
    /// What timers and queue messages start.
    pub triggers: Arc<dyn Triggers>,
}
