//! Words and rules of Marketing IQ, and the ports to everything outside.
//!
//! **Invariant:** nothing here does I/O. What reaches outside is a trait in [`ports`]; the
//! `stores` and `connectors` crates implement it, the binary chooses the implementation.
//!
//! **Invariant:** a [`TenantScope`] is made in three places only: by a permission check
//! ([`Caller::in_tenant`]), by claiming a job ([`ClaimedJob::scope`]), and by an operator's act
//! that has been recorded ([`OperatorAct::in_tenant`]). Whoever holds one has been checked.

mod caller;
mod campaign_key;
mod clock;
mod extraction;
mod figures;
mod ids;
mod job;
mod manifest;
mod money;
mod operator;
mod person;
mod platform;
pub mod ports;
mod raw_path;
pub mod registry;
mod role;
mod slot;
mod stream;
mod window;

pub use caller::{Caller, Denied, OrganizationScope, TenantScope};
pub use campaign_key::{CampaignKey, InvalidCampaignKey};
pub use clock::{BusinessClock, FixedClock, SystemClock};
pub use extraction::{Extraction, InvalidExtraction};
pub use figures::{AdChange, AdFigures, AdRatios, RATIO_PLACES, WebChange, WebFigures};
pub use ids::{
    ConnectionId, CredentialId, InvitationId, JobId, OrganizationId, RunId, SessionId, TenantId,
    UserId,
};
pub use job::{
    ClaimedJob, ConnectedAccount, JobCounts, JobFailure, JobMessage, JobState, NewJob,
    TransformMessage,
};
pub use manifest::{Manifest, Part, Quality, Totals};
pub use money::CurrencyCode;
pub use operator::OperatorAct;
pub use person::{EmailAddress, InvalidText, Name, NewPassword};
pub use platform::{Platform, UnknownPlatform};
pub use raw_path::{ExtractionPath, InvalidRawPath};
pub use role::{Permission, Role, UnknownRole};
pub use slot::{Slot, SlotHour};
pub use stream::{RowError, Stream, StreamKind};
pub use window::{DateRange, InvalidRange};
