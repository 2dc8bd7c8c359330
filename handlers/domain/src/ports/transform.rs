use std::time::Duration;

use async_trait::async_trait;
use uuid::Uuid;

use super::{StoreError, TenantSettings};

/// Runs the models and their tests in the warehouse.
#[async_trait]
pub trait Transformer: Send + Sync {
    /// Builds all that changed, up to `through_change`, and tests what changed after
    /// `published_change`, which has been tested before. An error means that it could not be
    /// run; a model or test that failed is in the report. Dropping the future stops the build.
    async fn build(
        &self,
        published_change: i64,
        through_change: i64,
    ) -> Result<BuildReport, StoreError>;
}

/// What a build said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BuildReport {
    /// Empty if every model was built and every test passed.
    pub failed: Vec<FailedNode>,
}

impl BuildReport {
    pub fn is_green(&self) -> bool {
        self.failed.is_empty()
    }
}

/// A model or test that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedNode {
    /// As dbt names it: `model.marketing_iq.fact_ad_performance`.
    pub node: String,
    /// `model`, `test`, `seed`, …; `project` if dbt could not even begin.
    pub kind: String,
    /// For the operator.
    pub message: String,
}

/// Who builds, and for which requests.
///
/// **Invariant:** at most one holder has an unexpired lease.
#[async_trait]
pub trait BuildStore: Send + Sync {
    /// A request that has not been served, if nobody is building and no build was begun within
    /// `quiet`.
    async fn forgotten_request(&self, quiet: Duration) -> Result<Option<i64>, StoreError>;

    /// Takes the right to build for `lease`.
    async fn begin(&self, lease: Duration) -> Result<BuildClaim, StoreError>;

    /// Holds on for another `lease`. False if the right was lost.
    async fn renew(&self, build: &Build, lease: Duration) -> Result<bool, StoreError>;

    /// The build ended without being published; the right is given back. Its request stays open.
    async fn fail(&self, build: &Build, failure: &BuildFailure) -> Result<(), StoreError>;

    /// What the models must know of every tenant.
    async fn tenant_settings(&self) -> Result<Vec<TenantSettings>, StoreError>;
}

/// What asking for the right to build brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BuildClaim {
    Begun(Build),
    /// Another holder builds, at least until then.
    Busy(Duration),
    /// Every request has been served; this is the version that is.
    UpToDate {
        data_version: i64,
    },
}

/// The right to build, as one holder has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Build {
    pub id: Uuid,
    /// It serves every request up to this one.
    pub request: i64,
    /// All changes up to this one are being served already.
    pub published_change: i64,
}

/// Why a build was not published, for the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildFailure {
    pub node: Option<String>,
    pub message: String,
    pub transform: Duration,
}

/// Copies what a green build made to where it is served from.
#[async_trait]
pub trait Publisher: Send + Sync {
    /// Publishes the windows that changed up to `through_change`, in one transaction, and gives
    /// the right to build back. [`StoreError::NotFound`] if the right was lost: then nothing is
    /// published.
    ///
    /// The data version rises if anything changed since the last publish.
    async fn publish(
        &self,
        build: &Build,
        through_change: i64,
        transform: Duration,
    ) -> Result<Published, StoreError>;
}

/// What was published.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Published {
    pub data_version: i64,
    /// (tenant, account, day) windows that were replaced.
    pub days: u64,
    /// Facts that were written.
    pub rows: u64,
    /// Whether a run asked for another build in the meantime.
    pub more_requested: bool,
}
