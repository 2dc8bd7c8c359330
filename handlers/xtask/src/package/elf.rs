//! What a binary asks of the system that runs it.

use std::collections::BTreeSet;

use anyhow::{Context, bail};
use object::Endianness;
use object::elf::{self, FileHeader64};
use object::read::elf::{FileHeader, ProgramHeader};

/// An executable for Linux on 64-bit x86.
#[derive(Debug)]
pub(super) struct Executable {
    /// The dynamic loader; a static binary names none.
    pub(super) loader: Option<String>,
    /// The shared libraries that the loader is to load.
    pub(super) libraries: BTreeSet<String>,
    /// Versions of symbols, such as `GLIBC_2.17`.
    pub(super) versions: BTreeSet<String>,
}

/// Reads what concerns the loader; refuses what is no 64-bit executable for x86.
pub(super) fn read(bytes: &[u8]) -> anyhow::Result<Executable> {
    let header =
        FileHeader64::<Endianness>::parse(bytes).context("the binary is no 64-bit ELF file")?;
    let endian = header.endian()?;
    if header.e_machine(endian) != elf::EM_X86_64 {
        bail!("the binary is not for x86_64");
    }
    if ![elf::ET_EXEC, elf::ET_DYN].contains(&header.e_type(endian)) {
        bail!("the binary is not executable");
    }
    let mut loader = None;
    for segment in header.program_headers(endian, bytes)? {
        if let Some(path) = segment.interpreter(endian, bytes)? {
            loader = Some(text(path)?);
        }
    }
    let sections = header.sections(endian, bytes)?;
    let mut libraries = BTreeSet::new();
    let dynamic = sections.dynamic_table(endian, bytes)?;
    for entry in &dynamic {
        if entry.tag == elf::DT_NEEDED {
            libraries.insert(text(dynamic.string(entry)?)?);
        }
    }
    let mut versions = BTreeSet::new();
    if let Some((mut needed, strings)) = sections.gnu_verneed(endian, bytes)? {
        let strings = sections.strings(endian, bytes, strings)?;
        while let Some((_, mut names)) = needed.next()? {
            while let Some(name) = names.next()? {
                versions.insert(text(name.name(endian, strings)?)?);
            }
        }
    }
    Ok(Executable { loader, libraries, versions })
}

fn text(bytes: &[u8]) -> anyhow::Result<String> {
    String::from_utf8(bytes.to_vec()).context("the binary holds a name that is no text")
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn a_binarys_loader_libraries_and_versions_are_read() {
        let read = read(&sample::executable("libc.so.6", "GLIBC_2.17")).unwrap();
        assert_eq!(read.loader.as_deref(), Some("/lib64/ld-linux-x86-64.so.2"));
        assert_eq!(read.libraries, BTreeSet::from(["libc.so.6".to_owned()]));
        assert_eq!(read.versions, BTreeSet::from(["GLIBC_2.17".to_owned()]));
    }

    #[test]
    #[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu"))]
    fn a_real_binary_is_read() {
        let own = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let read = read(&own).unwrap();
        assert!(read.libraries.contains("libc.so.6"), "{read:?}");
        assert!(read.versions.contains("GLIBC_2.2.5"), "{read:?}");
        assert_eq!(read.loader.as_deref(), Some("/lib64/ld-linux-x86-64.so.2"));
    }

    #[test]
    fn what_is_no_executable_for_x86_64_is_refused() {
        let refused = |bytes: &[u8]| read(bytes).unwrap_err().to_string();
        assert_eq!(refused(b"#!/bin/sh\n"), "the binary is no 64-bit ELF file");
        assert_eq!(refused(b""), "the binary is no 64-bit ELF file");
        let mut arm = sample::executable("libc.so.6", "GLIBC_2.17");
        // The field e_machine; 183 is AArch64.
        arm[18] = 183;
        assert_eq!(refused(&arm), "the binary is not for x86_64");
    }
}
