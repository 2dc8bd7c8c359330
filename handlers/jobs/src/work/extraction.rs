use std::sync::Arc;

use bytes::Bytes;
use connectors::{ExtractError, ExtractRequest, Extracted};
use domain::ports::StoreError;
use domain::{
    BusinessClock, ClaimedJob, Extraction, ExtractionPath, JobCounts, Manifest, Part, SystemClock,
};
use futures_util::TryStreamExt;
use tokio::time::Instant;

use super::failure::AttemptError;
use super::{Worker, milliseconds};
use crate::landing::Landing;
use crate::tokens::VaultTokens;

/// No manifest is larger: it would not be one of ours.
const LARGEST_MANIFEST: usize = 4 << 20;

impl Worker {
    /// The job's rows in the raw store: those that an earlier attempt has brought home, or else
    /// fresh ones.
    pub(super) async fn extraction(
        &self,
        job: &ClaimedJob,
        recorded: Option<&str>,
    ) -> Result<(Extraction, JobCounts), AttemptError> {
        let started = Instant::now();
        let earlier = match recorded {
            Some(manifest) => self.brought_home(job, manifest).await?,
            None => None,
        };
        let (extraction, requests) = match earlier {
            Some(extraction) => {
                tracing::info!(manifest = recorded, "an earlier attempt has read this already");
                (extraction, 0)
            }
            None => self.extract(job).await?,
        };
        let counts = JobCounts {
            rows: extraction.rows(),
            bytes: extraction.bytes(),
            requests,
            extract_ms: milliseconds(started.elapsed()),
            load_ms: 0,
        };
        self.jobs.record_extraction(job, &counts).await.map_err(AttemptError::Runs)?;
        Ok((extraction, counts))
    }

    /// What lies at `manifest`, if it is there and was made for this job.
    async fn brought_home(
        &self,
        job: &ClaimedJob,
        manifest: &str,
    ) -> Result<Option<Extraction>, AttemptError> {
        let Some(extraction) = self.read_manifest(manifest).await? else { return Ok(None) };
        let is_ours = extraction.path().job == job.id
            && extraction.tenant() == job.scope().tenant()
            && extraction.window() == job.window;
        Ok(is_ours.then_some(extraction))
    }

    /// With the number of calls that it took.
    async fn extract(&self, job: &ClaimedJob) -> Result<(Extraction, u64), AttemptError> {
        let path = ExtractionPath {
            tenant: job.scope().tenant(),
            platform: job.account.platform,
            extracted_on: self.clock.now().date_naive(),
            stream: job.stream.name.to_owned(),
            account_id: job.account.account_id.clone(),
            job: job.id,
            attempt: job.attempt,
        };
        self.jobs.begin_extraction(job, &path.manifest()).await.map_err(AttemptError::Runs)?;
        let started_at = SystemClock.now();
        let (extracted, parts) = self.read_platform(job, &path).await?;
        let landed = parts.iter().map(|part| part.rows).sum();
        if extracted.totals.rows != landed {
            return Err(AttemptError::LostRows { read: extracted.totals.rows, landed });
        }
        let requests = extracted.requests;
        let manifest = manifest(job, &path, extracted, parts, started_at);
        Ok((self.seal(path, manifest).await?, requests))
    }

    async fn read_platform(
        &self,
        job: &ClaimedJob,
        path: &ExtractionPath,
    ) -> Result<(Extracted, Vec<Part>), AttemptError> {
        let request =
            ExtractRequest { account: &job.account, stream: job.stream, window: job.window };
        let tokens = VaultTokens::new(Arc::clone(&self.vault), &job.account);
        let mut landing = Landing::new(Arc::clone(&self.raw), path.clone());
        let extracted =
            self.platforms.extract(&request, &tokens, &mut landing).await.map_err(|error| {
                match error {
                    ExtractError::Platform(error) => error.into(),
                    ExtractError::Sink(source) => {
                        AttemptError::Raw(StoreError::Unavailable { what: "the raw store", source })
                    }
                }
            })?;
        let parts = landing.finish().await.map_err(AttemptError::Raw)?;
        Ok((extracted, parts))
    }

    /// Writes the manifest, which makes the extraction exist. One that is there already was
    /// written by this attempt, whose answer was lost: it stands.
    async fn seal(
        &self,
        path: ExtractionPath,
        manifest: Manifest,
    ) -> Result<Extraction, AttemptError> {
        let at = path.manifest();
        let json = serde_json::to_vec_pretty(&manifest).expect("a manifest is plain data");
        match self.raw.put_new(&at, Bytes::from(json)).await {
            Ok(()) => Ok(Extraction::new(path, manifest)?),
            Err(error @ StoreError::AlreadyExists { .. }) => {
                self.read_manifest(&at).await?.ok_or(AttemptError::Raw(error))
            }
            Err(error) => Err(AttemptError::Raw(error)),
        }
    }

    /// `None` if there is none, or none that can be loaded from where it lies.
    async fn read_manifest(&self, at: &str) -> Result<Option<Extraction>, AttemptError> {
        let mut stored = match self.raw.read(at).await {
            Ok(stored) => stored,
            Err(StoreError::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(AttemptError::Raw(error)),
        };
        let mut json = Vec::new();
        while let Some(chunk) = stored.try_next().await.map_err(AttemptError::Raw)? {
            json.extend_from_slice(&chunk);
            if json.len() > LARGEST_MANIFEST {
                return Ok(None);
            }
        }
        let (Ok(path), Ok(manifest)) = (at.parse(), serde_json::from_slice(&json)) else {
            return Ok(None);
        };
        Ok(Extraction::new(path, manifest).ok())
    }
}

fn manifest(
    job: &ClaimedJob,
    path: &ExtractionPath,
    extracted: Extracted,
    parts: Vec<Part>,
    started_at: chrono::DateTime<chrono::Utc>,
) -> Manifest {
    Manifest {
        format: Manifest::FORMAT,
        tenant_id: path.tenant,
        platform: path.platform,
        account_id: path.account_id.clone(),
        account_name: job.account.name.clone(),
        stream: path.stream.clone(),
        job_id: path.job,
        attempt: path.attempt,
        api_version: extracted.api_version.to_owned(),
        window_start: job.window.first(),
        window_end: job.window.last(),
        // What the answer itself says is newer than what the connection remembers.
        account_time_zone: extracted.reported_time_zone.unwrap_or(job.account.time_zone),
        account_currency: extracted.reported_currency.unwrap_or(job.account.currency),
        parts,
        totals: extracted.totals,
        quality: extracted.quality,
        request_ids: extracted.request_ids,
        started_at,
        finished_at: SystemClock.now(),
    }
}
