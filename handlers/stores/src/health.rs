//! Whether the database answers.

use async_trait::async_trait;
use domain::ports::{Probe, StoreError};

use crate::{ScopedPool, unavailable};

/// [`Probe`] of the application database, as the api role.
#[derive(Clone, Debug)]
pub struct DatabaseProbe(ScopedPool);

impl DatabaseProbe {
    pub fn new(pool: ScopedPool) -> Self {
        Self(pool)
    }
}

#[async_trait]
impl Probe for DatabaseProbe {
    fn part(&self) -> &'static str {
        "database"
    }

    async fn check(&self) -> Result<(), StoreError> {
        sqlx::query("select")
            .execute(self.0.without_tenant())
            .await
            .map_err(|error| unavailable("the database", error))?;
        Ok(())
    }
}
