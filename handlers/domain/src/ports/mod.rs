//! Everything outside, as traits. The `stores` crate implements them; the platforms' side is in
//! `connectors`.

mod audit;
mod connections;
mod identity;
mod platforms;
mod probe;
mod queue;
mod raw_store;
mod run_history;
mod runs;
mod secrets;
mod serving;
mod shared_cache;
mod tenants;
mod transform;
mod triggers;
mod warehouse;

pub use audit::AuditLog;
pub use connections::{
    BegunConsent, Connection, Connections, Consents, Credential, Credentials, NewConsent,
    PendingConsent,
};
pub use identity::{
    Identity, IdentityError, LogIn, Membership, NewAccount, SignUpPolicy, SignedIn, UnknownPolicy,
};
pub use platforms::{
    AuthorizationRequest, Grant, PlatformAccess, PlatformAccount, PlatformError, Redemption,
};
pub use probe::Probe;
pub use queue::{Delivery, JobQueue, QueueConsumer};
pub use raw_store::{RawStore, RawWriter};
pub use run_history::{
    JobError, JobReport, JobTally, RunHistory, RunPage, RunState, RunSummary, RunTrigger,
    RunWithJobs, RunsQuery,
};
pub use runs::{
    Claim, ConnectionTrouble, JobEnd, JobStore, PlannableAccount, PlannableTenant, PlannedJob,
    PlannedRun, RunPlanning,
};
pub use secrets::Secrets;
pub use serving::{
    Campaign, CampaignOrder, CampaignPage, CampaignPosition, CampaignRow, CampaignsQuery, Compared,
    DayRow, Granularity, InCurrency, Metrics, MetricsQuery, Overview, OverviewQuery, Performance,
    PerformanceQuery, PlatformOverview, PlatformQuality, PlatformRow, Platforms, Served, Serving,
};
pub use shared_cache::SharedCache;
pub use tenants::{
    Member, NewInvitation, NewTenant, OpenInvitation, People, Tenant, TenantChange, Tenants,
};
pub use transform::{
    Build, BuildClaim, BuildFailure, BuildReport, BuildStore, FailedNode, Published, Publisher,
    Transformer,
};
pub use triggers::{Triggered, Triggers};
pub use warehouse::{Load, TenantSettings, Warehouse};

/// What a port answers when it cannot do what it was asked. `Display` may be shown to a person;
/// the source is for the log.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("{what} was not found")]
    NotFound { what: &'static str },
    #[error("{what} already exists")]
    AlreadyExists { what: &'static str },
    /// The caller's data was refused; the text names the field and the remedy.
    #[error("{0}")]
    Invalid(String),
    /// Trying again later may help.
    #[error("{what} is not available")]
    Unavailable {
        what: &'static str,
        #[source]
        source: BoxError,
    },
    /// Trying again will not help.
    #[error("{what} holds something that cannot be read")]
    Corrupt {
        what: &'static str,
        #[source]
        source: BoxError,
    },
}

pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
