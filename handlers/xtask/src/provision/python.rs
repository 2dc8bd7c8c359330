//! Finds a Python that dbt runs on.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::bail;

/// dbt-core 1.11 runs on these.
const OLDEST: Version = Version(3, 10);
const NEWEST: Version = Version(3, 13);

/// The user's own choice first, then from the newest.
const NAMES: [&str; 5] = ["python3", "python3.13", "python3.12", "python3.11", "python3.10"];

/// Prints the version, and fails where `python -m venv` would.
const PROBE: &str =
    "import sys; print('%d.%d' % sys.version_info[:2], flush=True); import ensurepip, venv";

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Version(u32, u32);

impl Version {
    fn parse(text: &str) -> Option<Self> {
        let (major, minor) = text.trim().split_once('.')?;
        Some(Self(major.parse().ok()?, minor.parse().ok()?))
    }
}

#[derive(Debug)]
pub(crate) struct Python {
    pub(crate) executable: PathBuf,
}

/// What a candidate turned out to be.
enum Found {
    Usable,
    Version(Version),
    WithoutVenv(Version),
    Broken,
}

impl Python {
    /// The first usable Python on the PATH; the error says what was found instead, and what to
    /// install.
    pub(crate) async fn find() -> anyhow::Result<Self> {
        let mut seen = BTreeSet::new();
        let mut refused = String::new();
        for executable in NAMES.iter().flat_map(|name| on_path(name)) {
            if !seen.insert(executable.clone()) {
                continue;
            }
            let shown = executable.display();
            match probe(&executable).await {
                Found::Usable => return Ok(Self { executable }),
                Found::Version(Version(major, minor)) => {
                    write!(refused, "\n  {shown} is {major}.{minor}")?;
                }
                Found::WithoutVenv(Version(major, minor)) => write!(
                    refused,
                    "\n  {shown} is {major}.{minor}, but lacks venv (on Debian and Ubuntu: \
                     apt-get install python{major}.{minor}-venv)"
                )?,
                // Launchers of version managers fail for versions that are not chosen.
                Found::Broken => {}
            }
        }
        if refused.is_empty() {
            refused.push_str(" nothing");
        }
        bail!(
            "no Python 3.10 to 3.13 with venv was found on the PATH (dbt needs it): install one, \
             such as with `apt-get install python3 python3-venv` or `brew install python@3.13`, \
             and try again. Found:{refused}"
        )
    }
}

/// Where the PATH has a program of this name.
pub(crate) fn on_path(name: &str) -> Vec<PathBuf> {
    std::env::var_os("PATH").map_or_else(Vec::new, |path| {
        std::env::split_paths(&path)
            .map(|folder| folder.join(name))
            .filter(|program| program.is_file())
            .collect()
    })
}

async fn probe(executable: &Path) -> Found {
    let output = tokio::process::Command::new(executable)
        .args(["-c", PROBE])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await;
    match output {
        Ok(output) => judge(&String::from_utf8_lossy(&output.stdout), output.status.success()),
        Err(_) => Found::Broken,
    }
}

fn judge(printed: &str, succeeded: bool) -> Found {
    match Version::parse(printed) {
        None => Found::Broken,
        Some(version) if !(OLDEST..=NEWEST).contains(&version) => Found::Version(version),
        Some(version) if !succeeded => Found::WithoutVenv(version),
        Some(_) => Found::Usable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pythons_that_dbt_runs_on_are_taken() {
        for version in ["3.10\n", "3.11\n", "3.12\n", "3.13\n"] {
            assert!(matches!(judge(version, true), Found::Usable), "{version}");
        }
    }

    #[test]
    fn others_are_refused_for_what_they_are() {
        assert!(matches!(judge("3.9\n", true), Found::Version(Version(3, 9))));
        assert!(matches!(judge("3.14\n", true), Found::Version(Version(3, 14))));
        assert!(matches!(judge("3.11\n", false), Found::WithoutVenv(Version(3, 11))));
        assert!(matches!(judge("", false), Found::Broken));
    }
}
