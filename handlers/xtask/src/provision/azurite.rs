//! Azurite, Azure Storage on this machine, from a lock of npm whose every package has a hash.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, bail};
use serde::Deserialize;

use super::node::Node;
use super::stamp::{is_stamped, stamp};
use super::{provisioning, venv};
use crate::process;
use crate::workspace::{Workspace, remove_folder};

const FOLDER: &str = "handlers/xtask/azurite";

/// npm's public registry, the one place that a lock may name.
const REGISTRY: &str = "https://registry.npmjs.org/";

/// Azurite as it is started.
#[derive(Debug)]
pub(crate) struct Azurite {
    node: PathBuf,
    script: PathBuf,
}

impl Azurite {
    /// Installs it, unless it is there already.
    pub(crate) async fn install(workspace: &Workspace) -> anyhow::Result<Self> {
        let _lock = provisioning(workspace)?;
        let from = workspace.path(FOLDER);
        let lock = from.join("package-lock.json");
        let wanted =
            fs::read_to_string(&lock).with_context(|| format!("cannot read {}", lock.display()))?;
        check_lock(&wanted).with_context(|| format!("{} is not a lock", lock.display()))?;
        let node = Node::find(workspace).await?;
        let folder = workspace.home.join("azurite");
        if !is_stamped(&folder, &wanted) {
            venv::announce(workspace, &lock, &folder, "Azurite");
            remove_folder(&folder)?;
            fs::create_dir_all(&folder)
                .with_context(|| format!("cannot create {}", folder.display()))?;
            for name in ["package.json", "package-lock.json"] {
                fs::copy(from.join(name), folder.join(name))
                    .with_context(|| format!("cannot copy {FOLDER}/{name}"))?;
            }
            let mut install = node.npm();
            // Nothing that a package brings along is run.
            install
                .args(["ci", "--ignore-scripts", "--omit=dev", "--no-audit", "--no-fund"])
                .args(["--no-update-notifier", "--loglevel=error"])
                .current_dir(&folder);
            process::run_logged("npm ci", install, &workspace.home.join("provision.log")).await?;
            stamp(&folder, &wanted)?;
        }
        let script = folder.join("node_modules/azurite/dist/src/azurite.js");
        Ok(Self { node: node.executable, script })
    }

    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(&self.node);
        command.arg(&self.script);
        command
    }
}

/// What is checked of a package-lock.json.
#[derive(Deserialize)]
struct NpmLock {
    packages: BTreeMap<String, Package>,
}

#[derive(Deserialize)]
struct Package {
    integrity: Option<String>,
    resolved: Option<String>,
}

/// Every package has a hash, and comes from the public registry.
fn check_lock(text: &str) -> anyhow::Result<()> {
    let lock: NpmLock = serde_json::from_str(text).context("it is no package-lock.json")?;
    // The empty name is the folder itself.
    let mut packages = lock.packages.iter().filter(|(name, _)| !name.is_empty()).peekable();
    if packages.peek().is_none() {
        bail!("it names no package");
    }
    for (name, package) in packages {
        if !package.integrity.as_deref().is_some_and(|hash| hash.starts_with("sha512-")) {
            bail!("{name} has no SHA-512");
        }
        // npm leaves it out where it is the registry that is set up.
        if package.resolved.as_deref().is_some_and(|url| !url.starts_with(REGISTRY)) {
            bail!("{name} does not come from {REGISTRY}");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_projects_own_lock_is_a_lock() {
        check_lock(include_str!("../../azurite/package-lock.json")).unwrap();
    }

    #[test]
    fn a_package_without_hash_or_from_elsewhere_is_refused() {
        let lock =
            |package: &str| format!(r#"{{"packages":{{"":{{}},"node_modules/a":{package}}}}}"#);
        check_lock(&lock(r#"{"integrity":"sha512-x"}"#)).unwrap();
        check_lock(&lock(
            r#"{"integrity":"sha512-x","resolved":"https://registry.npmjs.org/a/-/a-1.tgz"}"#,
        ))
        .unwrap();
        for refused in [
            lock("{}"),
            lock(r#"{"integrity":"sha1-x"}"#),
            lock(r#"{"integrity":"sha512-x","resolved":"https://elsewhere.example/a-1.tgz"}"#),
            r#"{"packages":{"":{}}}"#.to_owned(),
            "{}".to_owned(),
        ] {
            assert!(check_lock(&refused).is_err(), "{refused}");
        }
    }
}
