//! What was installed where: a copy of the lock, written last.

use std::fs;
use std::path::Path;

use anyhow::Context;

/// The lock that was installed; what differs from it is not installed.
const STAMP: &str = "installed.txt";

pub(super) fn is_stamped(folder: &Path, lock: &str) -> bool {
    fs::read_to_string(folder.join(STAMP))
        .is_ok_and(|installed| installed == stamp_of(folder, lock))
}

/// With its place: an environment that was moved does not work.
fn stamp_of(folder: &Path, lock: &str) -> String {
    format!("# installed in {}\n{lock}", folder.display())
}

pub(super) fn stamp(folder: &Path, lock: &str) -> anyhow::Result<()> {
    fs::write(folder.join(STAMP), stamp_of(folder, lock))
        .with_context(|| format!("cannot write to {}", folder.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_very_same_lock_in_the_same_place_counts_as_installed() {
        let parent = tempfile::tempdir().unwrap();
        let (folder, moved) = (parent.path().join("venv"), parent.path().join("moved"));
        fs::create_dir(&folder).unwrap();
        assert!(!is_stamped(&folder, "a==1 --hash=sha256:00\n"));
        stamp(&folder, "a==1 --hash=sha256:00\n").unwrap();
        assert!(is_stamped(&folder, "a==1 --hash=sha256:00\n"));
        assert!(!is_stamped(&folder, "a==1 --hash=sha256:01\n"));
        fs::rename(&folder, &moved).unwrap();
        assert!(!is_stamped(&moved, "a==1 --hash=sha256:00\n"));
    }
}
