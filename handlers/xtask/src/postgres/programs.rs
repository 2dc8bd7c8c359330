//! Finds the programs of PostgreSQL.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::bail;

use super::Place;
use crate::provision;
use crate::workspace::Workspace;

/// The oldest version that the migrations are written for.
const OLDEST: u32 = 14;

/// Where Debian and Ubuntu keep one folder per version.
const DEBIAN: &str = "/usr/lib/postgresql";

/// All that we run must be there; a client alone is not enough.
const NEEDED: [&str; 4] = ["postgres", "initdb", "pg_ctl", "createdb"];

/// The programs of one version.
#[derive(Clone, Debug)]
pub(super) struct Programs {
    folder: PathBuf,
    major: u32,
}

impl Programs {
    /// Programs that can open data of the major version `wanted`, or any that are new enough;
    /// the packaged ones are installed where the machine has none.
    pub(super) async fn find(
        workspace: &Workspace,
        place: &Place,
        wanted: Option<u32>,
    ) -> anyhow::Result<Self> {
        let fits = |programs: &Self| match wanted {
            Some(major) => programs.major == major,
            None => programs.major >= OLDEST,
        };
        let mut installed: Vec<_> = installed().iter().filter_map(|f| Self::at(f)).collect();
        // The newest of those installed; stable, so the PATH's own order decides between equals.
        installed.sort_by_key(|programs| std::cmp::Reverse(programs.major));
        if let Some(found) = installed.into_iter().find(fits) {
            return Ok(found);
        }
        let target = place.folder.join("packaged");
        let packaged = Self::at(&provision::packaged_postgres(workspace, target).await?);
        match (packaged.filter(fits), wanted) {
            (Some(packaged), _) => Ok(packaged),
            (None, Some(major)) => bail!(
                "the data in {} was made by PostgreSQL {major}, which is not installed any more: \
                 install it again, or start over with --fresh",
                place.folder.display()
            ),
            (None, None) => bail!(
                "no PostgreSQL of version {OLDEST} or newer was found, and the packaged one does \
                 not run here: install PostgreSQL and try again"
            ),
        }
    }

    fn at(folder: &Path) -> Option<Self> {
        if NEEDED.iter().any(|name| !folder.join(name).is_file()) {
            return None;
        }
        let output = Command::new(folder.join("postgres"))
            .arg("--version")
            .stdin(Stdio::null())
            .output()
            .ok()?;
        let major = major_version(&String::from_utf8_lossy(&output.stdout))?;
        Some(Self { folder: folder.to_owned(), major })
    }

    pub(super) fn program(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    pub(super) fn major(&self) -> u32 {
        self.major
    }
}

/// The folders in which this machine keeps PostgreSQL: those of the PATH, then Debian's.
fn installed() -> Vec<PathBuf> {
    let on_path = provision::on_path("initdb").into_iter().filter_map(|program| {
        // A link on the PATH has only some of the programs beside it.
        program.canonicalize().ok()?.parent().map(Path::to_owned)
    });
    let debian = std::fs::read_dir(DEBIAN)
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path().join("bin")));
    let mut seen = BTreeSet::new();
    on_path.chain(debian).filter(|folder| seen.insert(folder.clone())).collect()
}

/// `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`
fn major_version(printed: &str) -> Option<u32> {
    let version = printed
        .split_whitespace()
        .find(|word| word.starts_with(|letter: char| letter.is_ascii_digit()))?;
    let digits = version.split(|letter: char| !letter.is_ascii_digit()).next()?;
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_is_read_from_what_postgres_prints() {
        for (printed, major) in [
            ("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n", Some(15)),
            ("postgres (PostgreSQL) 18.6\n", Some(18)),
            ("postgres (PostgreSQL) 19beta2\n", Some(19)),
            ("command not found\n", None),
        ] {
            assert_eq!(major_version(printed), major, "{printed}");
        }
    }
}
