//! Virtual environments, made anew whenever their lock changes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

use super::Python;
use super::stamp::{is_stamped, stamp};
use crate::process;
use crate::terminal::say;
use crate::workspace::{Workspace, remove_folder, shown};

#[derive(Debug)]
pub(super) struct Venv {
    folder: PathBuf,
}

impl Venv {
    pub(super) fn at(folder: PathBuf) -> Self {
        Self { folder }
    }

    pub(super) fn executable(&self, name: &str) -> PathBuf {
        self.folder.join("bin").join(name)
    }

    /// Whether exactly this lock is installed, by a Python that still exists.
    pub(super) fn is_current(&self, lock: &Path) -> anyhow::Result<bool> {
        let wanted = read_lock(lock)?;
        Ok(is_stamped(&self.folder, &wanted) && self.executable("python").exists())
    }

    pub(super) async fn make(
        &self,
        python: &Python,
        workspace: &Workspace,
        lock: &Path,
        what: &str,
    ) -> anyhow::Result<()> {
        announce(workspace, lock, &self.folder, what);
        remove_folder(&self.folder)?;
        let log = workspace.home.join("provision.log");
        let mut create = Command::new(&python.executable);
        create.args(["-m", "venv"]).arg(&self.folder);
        process::run_logged("python -m venv", create, &log).await?;

        let mut install = pip_install(&self.executable("python"), lock);
        install.current_dir(&workspace.root);
        process::run_logged("pip install", install, &log).await?;
        stamp(&self.folder, &read_lock(lock)?)
    }
}

/// Installs a lock's packages as plain files into `folder`, unless they are there already.
pub(super) async fn install_beside(
    python: &Python,
    workspace: &Workspace,
    lock: &Path,
    folder: &Path,
    what: &str,
) -> anyhow::Result<()> {
    let wanted = read_lock(lock)?;
    if is_stamped(folder, &wanted) {
        return Ok(());
    }
    announce(workspace, lock, folder, what);
    remove_folder(folder)?;
    let log = workspace.home.join("provision.log");
    // A Python of a distribution may come without pip, but venv brings its own.
    let venv = workspace.home.join("venv-pip");
    let mut create = Command::new(&python.executable);
    create.args(["-m", "venv"]).arg(&venv);
    process::run_logged("python -m venv", create, &log).await?;
    let mut install = pip_install(&venv.join("bin/python"), lock);
    install.current_dir(&workspace.root).arg("--no-deps").arg("--target").arg(folder);
    process::run_logged("pip install", install, &log).await?;
    stamp(folder, &wanted)
}

/// Only wheels, only those whose hash the lock knows: nothing foreign is built or run.
fn pip_install(python: &Path, lock: &Path) -> Command {
    let mut install = Command::new(python);
    install
        .args(["-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--quiet"])
        .args(["--require-hashes", "--only-binary", ":all:", "--requirement"])
        .arg(lock);
    install
}

pub(super) fn announce(workspace: &Workspace, lock: &Path, folder: &Path, what: &str) {
    say(format_args!(
        "Installing {what} into {} from {} (once, about half a minute) …",
        shown(workspace, folder),
        shown(workspace, lock)
    ));
}

fn read_lock(lock: &Path) -> anyhow::Result<String> {
    let text =
        fs::read_to_string(lock).with_context(|| format!("cannot read {}", lock.display()))?;
    check_lock(&text).with_context(|| format!("{} is not a lock", lock.display()))?;
    Ok(text)
}

/// Every requirement is pinned to one version, and every pin has a hash.
fn check_lock(text: &str) -> anyhow::Result<()> {
    let mut pinned = 0;
    let joined = text.replace("\\\n", " ");
    for line in joined.lines().map(str::trim) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let requirement = line.split_whitespace().next().unwrap_or_default();
        if !requirement.contains("==") || !line.contains("--hash=sha256:") {
            bail!("{requirement:?} is not pinned with == and a hash");
        }
        pinned += 1;
    }
    if pinned == 0 {
        bail!("it names no package");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_projects_own_locks_are_locks() {
        check_lock(include_str!("../../../../dbt/requirements.txt")).unwrap();
        check_lock(include_str!("../../../../tests/vendors/requirements.txt")).unwrap();
        check_lock(include_str!("../../requirements-checkov.txt")).unwrap();
        check_lock(include_str!("../../requirements-lint.txt")).unwrap();
        check_lock(include_str!("../../requirements-node.txt")).unwrap();
        check_lock(include_str!("../../requirements-postgres.txt")).unwrap();
        check_lock(include_str!("../../requirements-redis.txt")).unwrap();
        check_lock(include_str!("../../requirements-zig.txt")).unwrap();
    }

    #[test]
    fn a_range_or_a_missing_hash_is_refused() {
        for text in [
            "",
            "# nothing\n",
            "dbt-core>=1.11 --hash=sha256:00\n",
            "dbt-core==1.11.16\n",
            "a==1 \\\n    --hash=sha256:00\nb==2\n",
        ] {
            assert!(check_lock(text).is_err(), "{text:?}");
        }
        check_lock("# made\na[x]==1 ; python_version < '3.11' \\\n    --hash=sha256:00\n").unwrap();
    }
}
