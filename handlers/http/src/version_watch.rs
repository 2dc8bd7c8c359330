//! Which data version is being served, asked of the database a few times a second at most.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use domain::ports::{Serving, StoreError};

/// A version is believed for so long; with the time of a query, a new one shows within a second.
const MAX_AGE: Duration = Duration::from_millis(500);

/// How long a request waits for the database to say.
const PATIENCE: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Version {
    pub(crate) number: i64,
    /// The database was asked since and did not answer: there may be a newer one.
    pub(crate) stale: bool,
}

pub(crate) struct VersionWatch {
    serving: Arc<dyn Serving>,
    known: Mutex<Option<(Version, Instant)>>,
    asking: tokio::sync::Mutex<()>,
}

impl VersionWatch {
    pub(crate) fn new(serving: Arc<dyn Serving>) -> Self {
        Self { serving, known: Mutex::default(), asking: tokio::sync::Mutex::default() }
    }

    pub(crate) async fn current(&self) -> Result<Version, StoreError> {
        let known = self.known();
        if let Some((version, asked)) = known
            && asked.elapsed() < MAX_AGE
        {
            return Ok(version);
        }
        // One asks; whoever comes meanwhile goes on with what is known, if anything is.
        let _asking = match (self.asking.try_lock(), known) {
            (Ok(guard), _) => guard,
            (Err(_), Some((version, _))) => return Ok(version),
            (Err(_), None) => self.asking.lock().await,
        };
        match (self.known(), self.ask().await) {
            (_, Ok(number)) => Ok(self.keep(Version { number, stale: false })),
            (Some((version, _)), Err(error)) => {
                let error: &(dyn std::error::Error + 'static) = &error;
                tracing::warn!(error, version = version.number, "serving the last known version");
                Ok(self.keep(Version { stale: true, ..version }))
            }
            (None, Err(error)) => Err(error),
        }
    }

    async fn ask(&self) -> Result<i64, StoreError> {
        tokio::time::timeout(PATIENCE, self.serving.data_version()).await.unwrap_or_else(|late| {
            Err(StoreError::Unavailable { what: "the data version", source: late.into() })
        })
    }

    fn known(&self) -> Option<(Version, Instant)> {
        *self.known.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn keep(&self, version: Version) -> Version {
        *self.known.lock().unwrap_or_else(std::sync::PoisonError::into_inner) =
            Some((version, Instant::now()));
        version
    }
}
