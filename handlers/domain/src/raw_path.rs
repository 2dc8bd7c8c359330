//! Where an extraction lies in the raw store. The tenant comes from here, never from a payload.

use std::fmt;
use std::str::FromStr;

use chrono::NaiveDate;

use crate::{JobId, Platform, TenantId};

/// `tenant-{id}/raw/{platform}/{date}/{stream}/{account}/{job}-{attempt}`: the folder of one
/// attempt at one job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExtractionPath {
    pub tenant: TenantId,
    pub platform: Platform,
    /// The business date on which the extraction began (UTC).
    pub extracted_on: NaiveDate,
    pub stream: String,
    pub account_id: String,
    pub job: JobId,
    pub attempt: u32,
}

impl ExtractionPath {
    /// Part files are numbered from zero.
    pub fn part(&self, number: usize) -> String {
        format!("{self}/part-{number:05}.ndjson.zst")
    }

    pub fn manifest(&self) -> String {
        format!("{self}/manifest.json")
    }
}

impl fmt::Display for ExtractionPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "tenant-{}/raw/{}/{}/{}/{}/{}-{}",
            self.tenant,
            self.platform.raw_folder(),
            self.extracted_on,
            self.stream,
            self.account_id,
            self.job,
            self.attempt
        )
    }
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not the path of an extraction")]
pub struct InvalidRawPath(String);

impl FromStr for ExtractionPath {
    type Err = InvalidRawPath;

    /// Reads the folder, or any file in it.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text).ok_or_else(|| InvalidRawPath(text.to_owned()))
    }
}

fn parse(text: &str) -> Option<ExtractionPath> {
    let mut folders = text.split('/');
    let tenant = folders.next()?.strip_prefix("tenant-")?.parse().ok()?;
    (folders.next()? == "raw").then_some(())?;
    let platform = Platform::from_raw_folder(folders.next()?)?;
    let extracted_on = folders.next()?.parse().ok()?;
    let stream = folders.next()?.to_owned();
    let account_id = folders.next()?.to_owned();
    let (job, attempt) = folders.next()?.rsplit_once('-')?;
    Some(ExtractionPath {
        tenant,
        platform,
        extracted_on,
        stream,
        account_id,
        job: job.parse().ok()?,
        attempt: attempt.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_read_back_as_it_was_written() {
        let path = ExtractionPath {
            tenant: TenantId::new(),
            platform: Platform::GoogleAnalytics,
            extracted_on: "2024-02-29".parse().unwrap(),
            stream: "traffic_daily".to_owned(),
            account_id: "7788".to_owned(),
            job: JobId::new(),
            attempt: 3,
        };
        assert!(path.to_string().contains("/raw/ga/2024-02-29/"));
        assert_eq!(path.manifest().parse(), Ok(path.clone()));
        assert_eq!(path.part(12).parse(), Ok(path));
    }

    #[test]
    fn a_path_outside_a_tenant_is_refused() {
        for text in ["", "raw/ga/2024-02-29/s/1/x-1", "tenant-1/raw/ga", "../tenant-x/raw"] {
            assert!(text.parse::<ExtractionPath>().is_err(), "{text:?} was read");
        }
    }
}
