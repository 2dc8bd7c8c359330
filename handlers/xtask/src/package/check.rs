//! Whether a finished package is one that Azure Functions can run.

use std::collections::BTreeSet;
use std::fmt;

use anyhow::{Context, bail};
use domain::registry::FUNCTIONS;
use serde_json::Value;

use super::build::Libc;
use super::elf::Executable;
use super::{EXECUTABLE, HOST, archive, elf, megabytes};

/// In bytes.
const LARGEST_BINARY: usize = 40_000_000;
const LARGEST_ZIP: usize = 20_000_000;

/// The oldest glibc that Azure's images of the custom runtime may have, Debian 11's.
const NEWEST_GLIBC: Version = Version(2, 31);

/// What glibc itself, and the compiler's own runtime, consist of.
const LIBRARIES: [&str; 7] = [
    "ld-linux-x86-64.so.2",
    "libc.so.6",
    "libdl.so.2",
    "libgcc_s.so.1",
    "libm.so.6",
    "libpthread.so.0",
    "librt.so.1",
];

const LOADER: &str = "/lib64/ld-linux-x86-64.so.2";

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Version(u32, u32);

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

/// What is told of a package that passed.
#[derive(Debug)]
pub(crate) struct Facts {
    binary_bytes: usize,
    glibc: Option<Version>,
    libraries: BTreeSet<String>,
}

impl fmt::Display for Facts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, ", megabytes(self.binary_bytes))?;
        match self.glibc {
            Some(version) => {
                let libraries: Vec<_> = self.libraries.iter().map(String::as_str).collect();
                write!(f, "needs glibc {version} and loads {}", libraries.join(", "))
            }
            None => f.write_str("static"),
        }
    }
}

/// Checks the bytes that are shipped, not what they were made from.
pub(super) fn check(zip: &[u8], libc: Libc) -> anyhow::Result<Facts> {
    if zip.len() > LARGEST_ZIP {
        bail!("the zip is {}; at most 20 MB are good", megabytes(zip.len()));
    }
    let files = archive::read(zip)?;

    let wanted: BTreeSet<_> = FUNCTIONS
        .iter()
        .map(|function| format!("{}/function.json", function.name))
        .chain([EXECUTABLE.to_owned(), HOST.to_owned()])
        .collect();
    if let Some(missing) = wanted.iter().find(|name| !files.contains_key(*name)) {
        bail!("the package lacks {missing}");
    }
    if let Some(foreign) = files.keys().find(|name| !wanted.contains(*name)) {
        bail!("{foreign} does not belong in the package");
    }
    for (name, file) in &files {
        let mode = if name == EXECUTABLE { 0o755 } else { 0o644 };
        if file.mode != mode {
            bail!("{name} has the mode {:o} instead of {mode:o}", file.mode);
        }
        if name != EXECUTABLE {
            serde_json::from_slice::<Value>(&file.bytes)
                .with_context(|| format!("{name} is no JSON"))?;
        }
    }
    let host: Value = serde_json::from_slice(&files[HOST].bytes)?;
    let started = &host["customHandler"]["description"]["defaultExecutablePath"];
    if started != EXECUTABLE {
        bail!("host.json starts {started}, which is not in the package");
    }
    let binary = &files[EXECUTABLE].bytes;
    if binary.len() > LARGEST_BINARY {
        bail!("the binary is {}; at most 40 MB are good", megabytes(binary.len()));
    }
    let executable = elf::read(binary)?;
    let glibc = match libc {
        Libc::Gnu => Some(newest_glibc(&executable)?),
        Libc::Musl => {
            if executable.loader.is_some() || !executable.libraries.is_empty() {
                bail!("the binary is not static");
            }
            None
        }
    };
    Ok(Facts { binary_bytes: binary.len(), glibc, libraries: executable.libraries })
}

/// The newest version of glibc that it needs; refuses what Azure's images may not have.
fn newest_glibc(executable: &Executable) -> anyhow::Result<Version> {
    if executable.loader.as_deref() != Some(LOADER) {
        bail!("the binary's loader is not {LOADER}");
    }
    let foreign = |name: &&String| !LIBRARIES.contains(&name.as_str());
    if let Some(foreign) = executable.libraries.iter().find(foreign) {
        bail!("the binary needs {foreign}, which Azure may not have");
    }
    let mut newest = Version(2, 0);
    for name in &executable.versions {
        let Some(version) = name.strip_prefix("GLIBC_") else { continue };
        // Such as GLIBC_PRIVATE, or GLIBC_ABI_DT_RELR of glibc 2.36.
        let version = parse(version)
            .with_context(|| format!("the binary needs {name}, which is no released version"))?;
        if version > NEWEST_GLIBC {
            bail!("the binary needs glibc {version}; Azure may have no newer than {NEWEST_GLIBC}");
        }
        newest = newest.max(version);
    }
    Ok(newest)
}

/// `2.17`, `2.2.5`
fn parse(version: &str) -> Option<Version> {
    let mut numbers = version.split('.').map(|number| number.parse().ok());
    Some(Version(numbers.next()??, numbers.next()??))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::archive::File;
    use super::super::sample;
    use super::*;

    fn files() -> BTreeMap<String, File> {
        let host = include_bytes!("../../../../host.json").to_vec();
        let binary = sample::executable("libc.so.6", "GLIBC_2.2.5");
        let mut files = BTreeMap::from([
            (HOST.to_owned(), File { bytes: host, mode: 0o644 }),
            (EXECUTABLE.to_owned(), File { bytes: binary, mode: 0o755 }),
        ]);
        for function in FUNCTIONS {
            let file = File { bytes: b"{}".to_vec(), mode: 0o644 };
            files.insert(format!("{}/function.json", function.name), file);
        }
        files
    }

    fn checked(files: &BTreeMap<String, File>) -> Result<String, String> {
        check(&archive::write(files).unwrap(), Libc::Gnu)
            .map(|facts| facts.to_string())
            .map_err(|error| error.to_string())
    }

    fn with_binary(bytes: Vec<u8>) -> Result<String, String> {
        let mut files = files();
        files.insert(EXECUTABLE.to_owned(), File { bytes, mode: 0o755 });
        checked(&files)
    }

    #[test]
    fn the_projects_own_package_is_let_through() {
        assert_eq!(checked(&files()).unwrap(), "0.0 MB, needs glibc 2.2 and loads libc.so.6");
    }

    #[test]
    fn a_binary_that_azure_cannot_run_is_refused() {
        for (library, version, refusal) in [
            ("libc.so.6", "GLIBC_2.34", "needs glibc 2.34"),
            ("libc.so.6", "GLIBC_ABI_DT_RELR", "GLIBC_ABI_DT_RELR, which is no released version"),
            ("libssl.so.3", "GLIBC_2.17", "needs libssl.so.3"),
        ] {
            let refused = with_binary(sample::executable(library, version)).unwrap_err();
            assert!(refused.contains(refusal), "{refused}");
        }
        with_binary(sample::executable("libm.so.6", "GLIBC_2.31")).unwrap();
        let refused = with_binary(b"#!/bin/sh\n".to_vec()).unwrap_err();
        assert_eq!(refused, "the binary is no 64-bit ELF file");
        let mut large = sample::executable("libc.so.6", "GLIBC_2.17");
        large.resize(LARGEST_BINARY + 1, 0);
        assert!(with_binary(large).unwrap_err().contains("at most 40 MB"));
    }

    #[test]
    fn only_a_binary_without_a_loader_counts_as_static() {
        let zip = archive::write(&files()).unwrap();
        assert_eq!(check(&zip, Libc::Musl).unwrap_err().to_string(), "the binary is not static");
    }

    #[test]
    fn missing_and_foreign_files_and_wrong_modes_are_named() {
        let mut lacking = files();
        lacking.remove("Health/function.json");
        assert_eq!(checked(&lacking).unwrap_err(), "the package lacks Health/function.json");

        let mut foreign = files();
        foreign.insert("notes.txt".to_owned(), File { bytes: Vec::new(), mode: 0o644 });
        assert_eq!(checked(&foreign).unwrap_err(), "notes.txt does not belong in the package");

        let mut unrunnable = files();
        unrunnable.get_mut(EXECUTABLE).unwrap().mode = 0o644;
        assert_eq!(
            checked(&unrunnable).unwrap_err(),
            "marketing-iq has the mode 644 instead of 755"
        );

        let mut elsewhere = files();
        let host = &mut elsewhere.get_mut(HOST).unwrap().bytes;
        *host = String::from_utf8(host.clone()).unwrap().replace("marketing-iq", "x").into();
        assert_eq!(
            checked(&elsewhere).unwrap_err(),
            "host.json starts \"x\", which is not in the package"
        );
    }
}
