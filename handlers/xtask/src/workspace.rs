//! Where the repository is, and the folder in which its commands keep what they make.

use std::fs::{self, File, TryLockError};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

/// The repository, and `<repository>/.miq` (or `MIQ_HOME`).
#[derive(Clone, Debug)]
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    pub(crate) home: PathBuf,
}

impl Workspace {
    /// Looks upwards from the current folder.
    pub(crate) fn find(home: Option<PathBuf>) -> anyhow::Result<Self> {
        let here = std::env::current_dir().context("the current folder cannot be read")?;
        let Some(root) = here.ancestors().find(|folder| is_root(folder)) else {
            bail!("run this inside the repository of Marketing IQ");
        };
        let home = home.map_or_else(|| root.join(".miq"), |home| here.join(home));
        fs::create_dir_all(&home).with_context(|| format!("cannot create {}", home.display()))?;
        Ok(Self { root: root.to_owned(), home })
    }

    /// A path of the repository.
    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }
}

fn is_root(folder: &Path) -> bool {
    folder.join("handlers/xtask/Cargo.toml").is_file() && folder.join("Cargo.toml").is_file()
}

/// Shortens a path for messages: relative to the repository where it is inside.
pub(crate) fn shown<'a>(workspace: &Workspace, path: &'a Path) -> std::path::Display<'a> {
    path.strip_prefix(&workspace.root).unwrap_or(path).display()
}

/// Held until dropped, or until the process ends however it ends.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock at once, or says that `what` runs already.
    pub(crate) fn take(path: &Path, what: &str) -> anyhow::Result<Self> {
        let file = lock_file(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => bail!("{what} is running already; stop it first"),
            Err(TryLockError::Error(error)) => {
                Err(error).with_context(|| format!("cannot lock {}", path.display()))
            }
        }
    }

    /// Waits for the lock.
    pub(crate) fn wait(path: &Path) -> anyhow::Result<Self> {
        let file = lock_file(path)?;
        file.lock().with_context(|| format!("cannot lock {}", path.display()))?;
        Ok(Self { _file: file })
    }
}

fn lock_file(path: &Path) -> anyhow::Result<File> {
    File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .with_context(|| format!("cannot open {}", path.display()))
}

/// Removes a folder with all that is in it, if it is there.
pub(crate) fn remove_folder(folder: &Path) -> anyhow::Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)
            .with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    Ok(())
}

/// Writes a file that only its owner reads, whole or not at all.
pub(crate) fn write_private(path: &Path, contents: &str) -> anyhow::Result<()> {
    let part = path.with_extension("part");
    let write = || -> std::io::Result<()> {
        if part.exists() {
            fs::remove_file(&part)?;
        }
        let mut file = File::options().create_new(true).write(true).mode(0o600).open(&part)?;
        file.write_all(contents.as_bytes())?;
        fs::rename(&part, path)
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

/// A short name for some bytes: tells folders apart, promises nothing against an adversary
/// (64-bit FNV-1a).
pub(crate) fn fingerprint(bytes: &[u8]) -> String {
    let hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{hash:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_the_published_fnv_1a() {
        assert_eq!(fingerprint(b""), "cbf29ce484222325");
        assert_eq!(fingerprint(b"foobar"), "85944171f73967e8");
    }

    #[test]
    fn a_lock_is_held_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let held = Lock::take(&path, "the demo").unwrap();
        let refused = Lock::take(&path, "the demo").unwrap_err().to_string();
        assert!(refused.contains("the demo is running already"), "{refused}");
        drop(held);
        Lock::take(&path, "the demo").unwrap();
    }

    #[test]
    fn private_files_are_replaced_and_stay_private() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.json");
        write_private(&path, "one").unwrap();
        write_private(&path, "two").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "two");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
