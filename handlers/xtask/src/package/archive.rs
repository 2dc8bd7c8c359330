//! Zip files whose bytes depend on their contents alone.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Cursor, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::Context;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, System, ZipArchive, ZipWriter};

/// One file of a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct File {
    pub(super) bytes: Vec<u8>,
    /// Permissions, as chmod takes them.
    pub(super) mode: u32,
}

/// Files in the order of their names, from 1980-01-01, the earliest time that a zip can hold.
pub(super) fn write(files: &BTreeMap<String, File>) -> anyhow::Result<Vec<u8>> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, File { bytes, mode }) in files {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .last_modified_time(DateTime::DEFAULT)
            // Modes count only in what a Unix made.
            .system(System::Unix)
            .unix_permissions(*mode);
        zip.start_file(name.as_str(), options).with_context(|| format!("cannot add {name}"))?;
        zip.write_all(bytes).with_context(|| format!("cannot add {name}"))?;
    }
    Ok(zip.finish().context("cannot finish the zip")?.into_inner())
}

/// What a zip holds; folders of their own are no files, and none of ours has them.
pub(super) fn read(zip: &[u8]) -> anyhow::Result<BTreeMap<String, File>> {
    let mut archive = ZipArchive::new(Cursor::new(zip)).context("it is no zip")?;
    let mut files = BTreeMap::new();
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index)?;
        let name = entry.name()?.into_owned();
        let mode = entry.unix_mode().with_context(|| format!("{name} has no mode"))? & 0o777;
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).with_context(|| format!("{name} is damaged"))?;
        files.insert(name, File { bytes, mode });
    }
    Ok(files)
}

/// Writes a zip's files below `folder`, with their modes.
pub(super) fn unpack(zip: &[u8], folder: &Path) -> anyhow::Result<()> {
    for (name, File { bytes, mode }) in read(zip)? {
        let path = folder.join(&name);
        let write = || -> std::io::Result<()> {
            fs::create_dir_all(path.parent().unwrap_or(folder))?;
            fs::write(&path, bytes)?;
            fs::set_permissions(&path, fs::Permissions::from_mode(mode))
        };
        write().with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files() -> BTreeMap<String, File> {
        BTreeMap::from([
            ("a/function.json".to_owned(), File { bytes: b"{}".to_vec(), mode: 0o644 }),
            ("marketing-iq".to_owned(), File { bytes: vec![7; 5_000], mode: 0o755 }),
        ])
    }

    #[test]
    fn what_is_read_back_is_what_was_written_modes_included() {
        let zip = write(&files()).unwrap();
        assert_eq!(read(&zip).unwrap(), files());
        assert!(zip.len() < 2_000, "it is not compressed");
    }

    #[test]
    fn two_zips_of_the_same_files_are_equal_whatever_the_time() {
        let (zip, again) = (write(&files()).unwrap(), write(&files()).unwrap());
        assert_eq!(zip, again);
        // Each entry's local header: its time and date are 1980-01-01 00:00.
        assert!(zip.starts_with(b"PK\x03\x04"));
        assert_eq!(zip[10..14], [0, 0, 0x21, 0]);
        // The central directory says that a Unix made it, in the upper byte of "made by".
        let central = zip.windows(4).position(|window| window == b"PK\x01\x02").unwrap();
        assert_eq!(zip[central + 5], 3);
    }
}
