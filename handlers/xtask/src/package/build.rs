//! The release binary, for the oldest system that it is to run on, the same bytes wherever it is
//! built.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};
use clap::ValueEnum;

use super::EXECUTABLE;
use crate::cargo::{builder, executables, pick};
use crate::process;
use crate::provision::{self, Zig};
use crate::terminal::say;
use crate::workspace::{Workspace, remove_folder};

/// The C library that the binary is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Libc {
    /// glibc 2.31 or newer, which Azure Functions has
    Gnu,
    /// None: a static binary. Needs `rustup target add x86_64-unknown-linux-musl`
    Musl,
}

impl Libc {
    const fn triple(self) -> &'static str {
        match self {
            Self::Gnu => "x86_64-unknown-linux-gnu",
            Self::Musl => "x86_64-unknown-linux-musl",
        }
    }

    /// As cargo-zigbuild takes it: with the oldest glibc to run on.
    const fn target(self) -> &'static str {
        match self {
            Self::Gnu => "x86_64-unknown-linux-gnu.2.31",
            Self::Musl => "x86_64-unknown-linux-musl",
        }
    }
}

/// 1980-01-01, the time of the package's files, for what asks the time while it is compiled.
const EPOCH: &str = "315532800";

/// Builds the program below `target/<folder>`; answers its bytes.
pub(super) async fn release(
    workspace: &Workspace,
    libc: Libc,
    folder: &str,
) -> anyhow::Result<Vec<u8>> {
    let sysroot = rustc(workspace, &["--print", "sysroot"]).await?;
    if !sysroot.join("lib/rustlib").join(libc.triple()).join("lib").is_dir() {
        let triple = libc.triple();
        bail!("Rust has no {triple} here: run `rustup target add {triple}` and try again");
    }
    let zig = provision::zig(workspace).await?;
    say(format_args!("Building marketing-iq for {} (some minutes) …", libc.target()));
    let target = workspace.path("target").join(folder);
    let command = zigbuild(workspace, &zig, libc, &sysroot, &target)?;
    let built = executables("cargo zigbuild", command).await?;
    let executable = pick(&built, EXECUTABLE)?;
    fs::read(&executable).with_context(|| format!("cannot read {}", executable.display()))
}

/// Removes what an earlier build left below `target/<folder>`.
pub(super) fn forget(workspace: &Workspace, folder: &str) -> anyhow::Result<()> {
    remove_folder(&workspace.path("target").join(folder))
}

fn zigbuild(
    workspace: &Workspace,
    zig: &Zig,
    libc: Libc,
    sysroot: &Path,
    target: &Path,
) -> anyhow::Result<Command> {
    let mapped = mapped(workspace, sysroot, target)?;
    let mut command = builder(workspace, &zig.cargo_zigbuild);
    // A caller's own wishes for builds do not reach the package.
    let foreign = ["CARGO_PROFILE_", "CARGO_BUILD_RUSTFLAGS", "RUSTFLAGS", "CFLAGS"];
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| foreign.iter().any(|begin| name.starts_with(begin))) {
            command.env_remove(name);
        }
    }
    command
        .args(["zigbuild", "--release", "--locked", "--package", EXECUTABLE])
        .args(["--bin", EXECUTABLE, "--target", libc.target(), "--target-dir"])
        .arg(target)
        .env("CARGO_ZIGBUILD_ZIG_PATH", &zig.zig)
        .env("CARGO_ZIGBUILD_CACHE_DIR", workspace.home.join("zig-cache/zigbuild"))
        .env("ZIG_GLOBAL_CACHE_DIR", workspace.home.join("zig-cache/global"))
        .env("ZIG_LOCAL_CACHE_DIR", workspace.home.join("zig-cache/local"))
        .env("SOURCE_DATE_EPOCH", EPOCH)
        .env("CARGO_ENCODED_RUSTFLAGS", rust_flags(&mapped))
        // Paths may hold spaces.
        .env("CC_SHELL_ESCAPED_FLAGS", "1")
        .env(format!("CFLAGS_{}", libc.triple().replace('-', "_")), c_flags(&mapped));
    Ok(command)
}

/// Folders of this machine, and what stands for them in the binary. The last that fits counts.
fn mapped(
    workspace: &Workspace,
    sysroot: &Path,
    target: &Path,
) -> anyhow::Result<Vec<(PathBuf, &'static str)>> {
    let home = std::env::home_dir().context("there is no home folder")?;
    let cargo_home =
        std::env::var_os("CARGO_HOME").map_or_else(|| home.join(".cargo"), PathBuf::from);
    let sources = cargo_home.join("registry/src");
    let mut mapped = vec![
        (home, "/home"),
        (sysroot.to_owned(), "/rust"),
        (cargo_home, "/cargo"),
        (workspace.root.clone(), "/marketing-iq"),
        (target.to_owned(), "/target"),
    ];
    // Named after the registry's address, which may be a mirror's.
    let registries =
        fs::read_dir(&sources).with_context(|| format!("cannot list {}", sources.display()))?;
    for registry in registries {
        mapped.push((registry?.path(), "/cargo/registry"));
    }
    Ok(mapped)
}

fn rust_flags(mapped: &[(PathBuf, &str)]) -> OsString {
    let mut flags = OsString::new();
    for (number, (from, to)) in mapped.iter().enumerate() {
        if number > 0 {
            // What separates flags in this variable, so that they may hold spaces.
            flags.push("\x1f");
        }
        flags.push("--remap-path-prefix=");
        flags.push(from);
        flags.push("=");
        flags.push(to);
    }
    flags
}

/// For what C libraries say about their own files.
fn c_flags(mapped: &[(PathBuf, &str)]) -> OsString {
    let mut flags = OsString::new();
    for (from, to) in mapped {
        flags.push(" '-ffile-prefix-map=");
        flags.push(from);
        flags.push("=");
        flags.push(to);
        flags.push("'");
    }
    flags
}

async fn rustc(workspace: &Workspace, arguments: &[&str]) -> anyhow::Result<PathBuf> {
    let mut command = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    command.args(arguments).current_dir(&workspace.root);
    let (status, printed) = process::capture("rustc", command).await?;
    if !status.success() {
        bail!("rustc failed ({status})");
    }
    Ok(PathBuf::from(printed.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_with_spaces_stay_one_flag() {
        let mapped = [(PathBuf::from("/a b"), "/x"), (PathBuf::from("/c"), "/y")];
        assert_eq!(rust_flags(&mapped), "--remap-path-prefix=/a b=/x\x1f--remap-path-prefix=/c=/y");
        assert_eq!(c_flags(&mapped), " '-ffile-prefix-map=/a b=/x' '-ffile-prefix-map=/c=/y'");
    }
}
