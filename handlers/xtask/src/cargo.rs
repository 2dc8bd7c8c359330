//! Cargo, which builds what the commands run.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, bail};
use clap::ValueEnum;
use serde::Deserialize;

use crate::process;
use crate::terminal::say;
use crate::workspace::Workspace;

/// How the programs are built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Profile {
    /// As they are shipped
    Release,
    /// Quicker to build, slower to run
    Dev,
}

impl Profile {
    const fn name(self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::Dev => "dev",
        }
    }
}

/// One line of what Cargo reports of a build.
#[derive(Deserialize)]
struct Message {
    reason: String,
    target: Option<Target>,
    profile: Option<BuildProfile>,
    executable: Option<PathBuf>,
}

#[derive(Deserialize)]
struct BuildProfile {
    /// Whether it is a program's tests rather than the program.
    test: bool,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

/// Cargo in the repository, with what every build of ours needs.
pub(crate) fn cargo(workspace: &Workspace) -> Command {
    // Cargo names itself to what it runs; `cargo` alone serves a program that was started by hand.
    builder(workspace, std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// The same for a program that runs Cargo.
pub(crate) fn builder(workspace: &Workspace, program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    // What tests call is on this machine; a proxy of the environment would not find it.
    command
        .current_dir(&workspace.root)
        .env("SQLX_OFFLINE", "true")
        .env("NO_PROXY", "127.0.0.1,localhost");
    command
}

/// Builds programs of the workspace; answers where each of them is.
pub(crate) async fn build(
    workspace: &Workspace,
    profile: Profile,
    packages: &[&str],
) -> anyhow::Result<BTreeMap<String, PathBuf>> {
    say(format_args!(
        "Building {} ({}; the first build takes some minutes) …",
        packages.join(" and "),
        profile.name()
    ));
    let mut command = cargo(workspace);
    command.args(["build", "--bins", "--profile", profile.name()]);
    for package in packages {
        command.args(["--package", package]);
    }
    executables("cargo build", command).await
}

/// Runs a command of Cargo that builds; answers where each program is that it made or found.
pub(crate) async fn executables(
    name: &str,
    mut command: Command,
) -> anyhow::Result<BTreeMap<String, PathBuf>> {
    command.arg("--message-format=json-render-diagnostics");
    let mut executables = BTreeMap::new();
    let status = process::each_line(name, command, |line| {
        if let Some((name, executable)) = executable_of(line) {
            executables.insert(name, executable);
        }
    })
    .await?;
    if !status.success() {
        bail!("the build failed ({status})");
    }
    Ok(executables)
}

fn executable_of(line: &str) -> Option<(String, PathBuf)> {
    let message: Message = serde_json::from_str(line).ok()?;
    let target = message.target?;
    let is_program = message.reason == "compiler-artifact"
        && target.kind.iter().any(|kind| kind == "bin")
        && message.profile.is_some_and(|profile| !profile.test);
    is_program.then_some(())?;
    Some((target.name, message.executable?))
}

/// One of the programs that a build answered.
pub(crate) fn pick(executables: &BTreeMap<String, PathBuf>, name: &str) -> anyhow::Result<PathBuf> {
    executables.get(name).cloned().with_context(|| format!("the build made no {name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn executables_are_read_from_cargos_report() {
        let line = r#"{"reason":"compiler-artifact","target":{"kind":["bin"],"name":"simulators"},"profile":{"test":false},"executable":"/t/release/simulators","fresh":true}"#;
        let (name, executable) = executable_of(line).unwrap();
        assert_eq!((name.as_str(), executable), ("simulators", "/t/release/simulators".into()));
        let tests = line.replace("\"test\":false", "\"test\":true");
        assert!(executable_of(&tests).is_none());
        let library = line.replace("\"bin\"", "\"lib\"");
        assert!(executable_of(&library).is_none());
        assert!(executable_of(r#"{"reason":"build-finished","success":true}"#).is_none());
    }
}
