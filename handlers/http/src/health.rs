//! Whether the deployment can answer, part by part.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use domain::ports::Probe;
use futures_util::future::join_all;

/// A finding is repeated to whoever asks within this.
const MAX_AGE: Duration = Duration::from_secs(1);

/// A part that has not answered by then is down.
const PATIENCE: Duration = Duration::from_secs(2);

/// The parts that the deployment needs to answer requests.
pub struct Health {
    probes: Vec<Arc<dyn Probe>>,
    last: Mutex<Option<(Findings, Instant)>>,
    asking: tokio::sync::Mutex<()>,
}

/// Each part, and whether it works.
pub(crate) type Findings = Arc<[(&'static str, bool)]>;

impl Health {
    pub fn new(probes: Vec<Arc<dyn Probe>>) -> Self {
        Self { probes, last: Mutex::default(), asking: tokio::sync::Mutex::default() }
    }

    pub(crate) async fn findings(&self) -> Findings {
        if let Some(findings) = self.recent() {
            return findings;
        }
        let _asking = self.asking.lock().await;
        // Another may have asked while this one waited.
        if let Some(findings) = self.recent() {
            return findings;
        }
        let findings: Findings = join_all(self.probes.iter().map(check)).await.into();
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) =
            Some((Arc::clone(&findings), Instant::now()));
        findings
    }

    fn recent(&self) -> Option<Findings> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.as_ref().filter(|(_, at)| at.elapsed() < MAX_AGE).map(|(found, _)| Arc::clone(found))
    }
}

async fn check(probe: &Arc<dyn Probe>) -> (&'static str, bool) {
    let part = probe.part();
    let works = match tokio::time::timeout(PATIENCE, probe.check()).await {
        Ok(Ok(())) => true,
        Ok(Err(error)) => {
            let error: &(dyn std::error::Error + 'static) = &error;
            tracing::warn!(part, error, "a part of the deployment does not work");
            false
        }
        Err(_) => {
            tracing::warn!(part, "a part of the deployment does not answer");
            false
        }
    };
    (part, works)
}
