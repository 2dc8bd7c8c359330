//! Plan, extract, load, transform, publish.
//!
//! **Invariant:** all of it knows ports, not backends, and may be killed anywhere: what is begun
//! again ends as if it had run once.

mod credentials;
mod functions;
mod landing;
mod lease;
mod load;
mod plan;
mod sync;
mod tokens;
mod transform;
mod unpack;
mod work;

pub use credentials::{CredentialVault, VaultError};
pub use functions::Functions;
pub use landing::Landing;
pub use load::{LoadError, load};
pub use plan::{DEFAULT_BACKFILL_DAYS, Draft, ManualSync, PlanError, Planner, PlatformPlan};
pub use sync::{
    JobTotals, Progress, Sync, SyncError, SyncEvent, SyncFailure, SyncReport, SyncSeconds,
};
pub use transform::{Transform, TransformDone, TransformError, TransformOutcome};
pub use unpack::UnpackError;
pub use work::{JobLabel, JobOutcome, WorkError, Worker};
