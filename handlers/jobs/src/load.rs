use domain::Extraction;
use domain::ports::{RawStore, StoreError, Warehouse};

use crate::unpack::{PartReader, UnpackError};

/// Why an extraction was not loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error("the raw store failed")]
    Raw(#[source] StoreError),
    #[error("the warehouse failed")]
    Warehouse(#[source] StoreError),
    #[error("a stored part is damaged")]
    Damaged(#[source] UnpackError),
}

/// Loads an extraction, whole or not at all. False if it had been loaded before.
///
/// Every part is held against its hash and its number of rows before anything is committed.
pub async fn load(
    raw: &dyn RawStore,
    warehouse: &dyn Warehouse,
    extraction: &Extraction,
) -> Result<bool, LoadError> {
    let begun = warehouse.begin_load(extraction).await.map_err(LoadError::Warehouse)?;
    let Some(mut load) = begun else { return Ok(false) };
    for part in &extraction.manifest().parts {
        let mut reader = PartReader::open(raw, part).await?;
        while let Some(lines) = reader.next().await? {
            load.rows(lines).await.map_err(LoadError::Warehouse)?;
            tokio::task::yield_now().await;
        }
    }
    load.commit().await.map_err(LoadError::Warehouse)?;
    Ok(true)
}

impl From<UnpackError> for LoadError {
    fn from(error: UnpackError) -> Self {
        match error {
            UnpackError::Store(error) => Self::Raw(error),
            damaged @ UnpackError::Damaged { .. } => Self::Damaged(damaged),
        }
    }
}
