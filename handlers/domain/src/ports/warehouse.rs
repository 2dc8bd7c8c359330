use async_trait::async_trait;
use bytes::Bytes;
use chrono_tz::Tz;

use super::StoreError;
use crate::{CurrencyCode, Extraction, TenantId};

/// Where raw rows are loaded and models are built.
#[async_trait]
pub trait Warehouse: Send + Sync {
    /// Begins to load an extraction, or answers `None` because it has been loaded before.
    async fn begin_load(
        &self,
        extraction: &Extraction,
    ) -> Result<Option<Box<dyn Load>>, StoreError>;

    /// Brings the warehouse's copy of the tenants' settings up to date; a tenant whose
    /// conversion actions differ counts as a change.
    async fn set_tenants(&self, tenants: &[TenantSettings]) -> Result<(), StoreError>;

    /// The newest change. All changes up to it are committed, and none of them can still come.
    async fn newest_change(&self) -> Result<i64, StoreError>;
}

/// A load under way. Dropping it leaves nothing.
#[async_trait]
pub trait Load: Send {
    /// Whole lines of NDJSON, in the order of the extraction.
    async fn rows(&mut self, ndjson: Bytes) -> Result<(), StoreError>;

    /// Makes the extraction's rows those of the days that it covers, unless a newer extraction
    /// covers them; all at once.
    async fn commit(self: Box<Self>) -> Result<(), StoreError>;
}

/// What the models must know of a tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TenantSettings {
    pub tenant: TenantId,
    pub time_zone: Tz,
    pub reporting_currency: CurrencyCode,
    pub meta_conversion_actions: Vec<String>,
}
