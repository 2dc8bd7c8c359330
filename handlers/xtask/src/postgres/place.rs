//! Where the data of our PostgreSQL servers lies.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use super::account::Account;
use crate::workspace::{Workspace, fingerprint};

/// A folder that the account which runs PostgreSQL can reach.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) folder: PathBuf,
    pub(super) account: Option<Account>,
}

impl Place {
    /// `<home>/postgres`; for root with a home inside a closed folder, such as `/root`, a folder
    /// of this repository's own under `/var/tmp`.
    pub(crate) fn choose(workspace: &Workspace) -> anyhow::Result<Self> {
        let account = Account::needed()?;
        let home = workspace.home.canonicalize().context("cannot resolve the home folder")?;
        let folder = if account.is_none() || is_open_to_all(&home) {
            home.join("postgres")
        } else {
            let name = fingerprint(home.as_os_str().as_encoded_bytes());
            PathBuf::from(format!("/var/tmp/marketing-iq-{name}"))
        };
        Self::prepare(&folder, account.is_some())?;
        Ok(Self { folder, account })
    }

    fn prepare(folder: &Path, others_enter: bool) -> anyhow::Result<()> {
        let failed = || format!("cannot prepare {}", folder.display());
        fs::create_dir_all(folder).with_context(failed)?;
        let metadata = fs::symlink_metadata(folder).with_context(failed)?;
        // Anyone may create a folder in /var/tmp: one that another user made is not ours.
        if !metadata.is_dir() || metadata.uid() != rustix::process::geteuid().as_raw() {
            bail!("{} belongs to somebody else: remove it and try again", folder.display());
        }
        let mode = if others_enter { 0o755 } else { 0o700 };
        fs::set_permissions(folder, fs::Permissions::from_mode(mode)).with_context(failed)
    }
}

/// Whether every user can enter the folder, so all folders above it too.
fn is_open_to_all(folder: &Path) -> bool {
    folder.ancestors().all(|folder| {
        fs::metadata(folder).is_ok_and(|metadata| metadata.permissions().mode() & 0o001 != 0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_below_a_closed_one_is_closed() {
        let open = tempfile::tempdir().unwrap();
        let inner = open.path().join("inner");
        fs::create_dir(&inner).unwrap();
        fs::set_permissions(open.path(), fs::Permissions::from_mode(0o755)).unwrap();
        fs::set_permissions(&inner, fs::Permissions::from_mode(0o755)).unwrap();
        assert!(is_open_to_all(&inner));
        fs::set_permissions(open.path(), fs::Permissions::from_mode(0o700)).unwrap();
        assert!(!is_open_to_all(&inner));
    }

    #[test]
    fn only_root_opens_its_folder_to_others() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("postgres");
        Place::prepare(&folder, false).unwrap();
        assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
        Place::prepare(&folder, true).unwrap();
        assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o755);
    }
}
