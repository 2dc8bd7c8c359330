//! An extraction that may be loaded: a manifest whose place in the raw store vouches for it.

use crate::{DateRange, ExtractionPath, Manifest, Stream, TenantId};

/// A manifest together with the path it was read from.
///
/// **Invariant:** the two agree on tenant, platform, account, stream, job and attempt, so that
/// whoever loads it may trust the manifest as far as the path.
#[derive(Clone, Debug, PartialEq)]
pub struct Extraction {
    path: ExtractionPath,
    manifest: Manifest,
    stream: Stream,
    window: DateRange,
}

/// Why a manifest cannot be loaded from where it lies.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidExtraction {
    #[error("the manifest has format {0}; this version reads format {known}", known = Manifest::FORMAT)]
    Format(u32),
    #[error("the manifest speaks of another extraction than the folder it lies in")]
    ForeignPlace,
    #[error("no stream of this platform is called {0:?}")]
    UnknownStream(String),
    #[error("the manifest's window ends before it begins")]
    Window,
    #[error("the manifest names a part outside its own folder")]
    ForeignPart,
}

impl Extraction {
    pub fn new(path: ExtractionPath, manifest: Manifest) -> Result<Self, InvalidExtraction> {
        if manifest.format != Manifest::FORMAT {
            return Err(InvalidExtraction::Format(manifest.format));
        }
        if !manifest.belongs_to(&path) {
            return Err(InvalidExtraction::ForeignPlace);
        }
        let stream = Stream::find(path.platform, &path.stream)
            .ok_or_else(|| InvalidExtraction::UnknownStream(path.stream.clone()))?;
        let window = manifest.window().map_err(|_| InvalidExtraction::Window)?;
        let in_place = |(number, part): (usize, &crate::Part)| part.path == path.part(number);
        if !manifest.parts.iter().enumerate().all(in_place) {
            return Err(InvalidExtraction::ForeignPart);
        }
        Ok(Self { path, manifest, stream, window })
    }

    pub fn path(&self) -> &ExtractionPath {
        &self.path
    }

    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    pub fn stream(&self) -> Stream {
        self.stream
    }

    pub fn window(&self) -> DateRange {
        self.window
    }

    /// From the path, never from a payload.
    pub fn tenant(&self) -> TenantId {
        self.path.tenant
    }

    /// Of all parts.
    pub fn rows(&self) -> u64 {
        self.manifest.parts.iter().map(|part| part.rows).sum()
    }

    /// Of all parts, compressed.
    pub fn bytes(&self) -> u64 {
        self.manifest.parts.iter().map(|part| part.bytes).sum()
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::{JobId, Part, Platform, Quality, Totals};

    fn extraction() -> (ExtractionPath, Manifest) {
        let path = ExtractionPath {
            tenant: TenantId::new(),
            platform: Platform::MetaAds,
            extracted_on: "2024-05-01".parse().unwrap(),
            stream: "insights_daily".to_owned(),
            account_id: "77".to_owned(),
            job: JobId::new(),
            attempt: 2,
        };
        let manifest = Manifest {
            format: Manifest::FORMAT,
            tenant_id: path.tenant,
            platform: path.platform,
            account_id: path.account_id.clone(),
            account_name: "Shop".to_owned(),
            stream: path.stream.clone(),
            job_id: path.job,
            attempt: path.attempt,
            api_version: "v26.0".to_owned(),
            window_start: "2024-04-01".parse().unwrap(),
            window_end: "2024-04-30".parse().unwrap(),
            account_time_zone: chrono_tz::Europe::Amsterdam,
            account_currency: "EUR".parse().unwrap(),
            parts: vec![Part { path: path.part(0), rows: 3, bytes: 40, sha256: String::new() }],
            totals: Totals::default(),
            quality: Quality::default(),
            request_ids: Vec::new(),
            started_at: DateTime::UNIX_EPOCH,
            finished_at: DateTime::UNIX_EPOCH,
        };
        (path, manifest)
    }

    #[test]
    fn a_manifest_is_loaded_from_its_own_folder_only() {
        let (path, manifest) = extraction();
        assert_eq!(Extraction::new(path.clone(), manifest.clone()).unwrap().rows(), 3);

        let other_tenant = ExtractionPath { tenant: TenantId::new(), ..path.clone() };
        let foreign = Extraction::new(other_tenant, manifest.clone());
        assert_eq!(foreign, Err(InvalidExtraction::ForeignPlace));

        let mut reaching_out = manifest;
        reaching_out.parts[0].path = "tenant-x/part-00000.ndjson.zst".to_owned();
        assert_eq!(Extraction::new(path, reaching_out), Err(InvalidExtraction::ForeignPart));
    }

    #[test]
    fn a_manifest_of_another_format_is_refused() {
        let (path, mut manifest) = extraction();
        manifest.format = 2;
        assert_eq!(Extraction::new(path, manifest), Err(InvalidExtraction::Format(2)));
    }
}
