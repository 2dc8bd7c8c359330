//! `cargo xtask package`: what Azure Functions runs, as one reproducible zip.

mod archive;
mod build;
mod check;
mod elf;
#[cfg(test)]
mod sample;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Args;
use sha2::{Digest, Sha256};

use crate::generate;
use crate::terminal::{answer, say};
use crate::workspace::Workspace;
use archive::File;
pub(crate) use build::Libc;
use check::Facts;

/// The program, as host.json starts it.
const EXECUTABLE: &str = "marketing-iq";
const HOST: &str = "host.json";

/// Build the zip that Azure Functions runs, and check it
///
/// It holds host.json, the release binary for Linux on 64-bit x86, and a folder per function. The same
/// sources and toolchain make the same bytes, wherever the repository lies. Refused are a binary
/// that needs a newer glibc or other libraries than Azure has, a missing or foreign function,
/// wrong modes, and sizes above 40 MB (binary) and 20 MB (zip).
#[derive(Args)]
pub(crate) struct Arguments {
    /// Where the package goes [default: target/package/marketing-iq.zip]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Which C library the binary is for
    #[arg(long, value_enum, default_value_t = Libc::Gnu)]
    target: Libc,
    /// Build twice, each time from nothing, and compare the bytes
    #[arg(long)]
    verify: bool,
}

/// A package that passed its checks.
pub(crate) struct Package {
    zip: Vec<u8>,
    facts: Facts,
}

impl Package {
    /// Builds it below the target folder of this name, and checks it.
    pub(crate) async fn make(
        workspace: &Workspace,
        libc: Libc,
        folder: &str,
    ) -> anyhow::Result<Self> {
        let drift = generate::check(workspace)?;
        if !drift.is_empty() {
            bail!("{}; run `cargo xtask generate`", drift.join("; "));
        }
        let executable = build::release(workspace, libc, folder).await?;
        let zip = archive::write(&files(workspace, executable)?)?;
        let facts = check::check(&zip, libc)?;
        Ok(Self { zip, facts })
    }

    /// Writes its files below `folder`; answers the program's path.
    pub(crate) fn unpack(&self, folder: &Path) -> anyhow::Result<PathBuf> {
        archive::unpack(&self.zip, folder)?;
        Ok(folder.join(EXECUTABLE))
    }

    fn sha256(&self) -> String {
        Sha256::digest(&self.zip).iter().fold(String::new(), |mut hex, byte| {
            write!(hex, "{byte:02x}").expect("a string takes what is written to it");
            hex
        })
    }
}

pub(crate) async fn run(workspace: &Workspace, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let out =
        arguments.out.clone().unwrap_or_else(|| workspace.path("target/package/marketing-iq.zip"));
    let libc = arguments.target;
    if arguments.verify {
        build::forget(workspace, "package")?;
    }
    let package = Package::make(workspace, libc, "package").await?;
    if arguments.verify {
        build::forget(workspace, "package-again")?;
        say("Building it again, elsewhere, to compare …");
        let again = Package::make(workspace, libc, "package-again").await?;
        if package.zip != again.zip {
            bail!(
                "two builds differ: {} and {}; compare target/package and target/package-again",
                package.sha256(),
                again.sha256()
            );
        }
        build::forget(workspace, "package-again")?;
    }
    fs::write(&out, &package.zip).with_context(|| format!("cannot write {}", out.display()))?;
    answer(format_args!("{}", out.display()));
    answer(format_args!("size    {}", megabytes(package.zip.len())));
    answer(format_args!("sha256  {}", package.sha256()));
    answer(format_args!("binary  {}", package.facts));
    if arguments.verify {
        answer("Two builds, each from nothing, made the same bytes.");
    }
    answer("Next: publish it to a function app, as docs/deploy-azure.md says.");
    Ok(ExitCode::SUCCESS)
}

/// What goes into the package, by its path there.
fn files(workspace: &Workspace, executable: Vec<u8>) -> anyhow::Result<BTreeMap<String, File>> {
    let host = fs::read(workspace.path(HOST)).context("cannot read host.json")?;
    let mut files = BTreeMap::from([
        (EXECUTABLE.to_owned(), File { bytes: executable, mode: 0o755 }),
        (HOST.to_owned(), File { bytes: host, mode: 0o644 }),
    ]);
    for (function, definition) in generate::definitions() {
        let file = File { bytes: definition.into_bytes(), mode: 0o644 };
        files.insert(format!("{function}/function.json"), file);
    }
    Ok(files)
}

/// In MB of 10⁶ bytes.
fn megabytes(bytes: usize) -> String {
    format!("{}.{} MB", bytes / 1_000_000, bytes % 1_000_000 / 100_000)
}
