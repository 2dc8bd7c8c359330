//! The raw store as a directory: for one machine, or a mounted share.
//!
//! **Invariant:** what a reader can see is whole and on disk. A file is written beside the
//! visible ones, flushed, and renamed; then its folder is flushed.

mod walk;

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use domain::ports::{RawStore, RawWriter, StoreError};
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use tempfile::NamedTempFile;
use tokio_util::io::ReaderStream;

use crate::raw_name::{check_path, check_prefix};

/// Holds files that are being written. No path can lead here: none may begin with a dot.
const UNFINISHED: &str = ".unfinished";

/// What a killed process left unfinished is removed at a start after this.
const LEFTOVER_AGE: Duration = Duration::from_hours(24);

/// Bytes handed to a reader at once.
const CHUNK: usize = 128 * 1024;

const WHAT: &str = "a raw file";

#[derive(Clone, Debug)]
pub struct RawDirectory {
    root: PathBuf,
}

impl RawDirectory {
    /// Opens `root`, which is created if absent.
    pub fn new(root: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let root = root.into();
        fs::create_dir_all(root.join(UNFINISHED)).map_err(failed)?;
        remove_leftovers(&root.join(UNFINISHED)).map_err(failed)?;
        Ok(Self { root })
    }

    fn unfinished(&self) -> io::Result<NamedTempFile> {
        NamedTempFile::new_in(self.root.join(UNFINISHED))
    }
}

#[async_trait]
impl RawStore for RawDirectory {
    async fn create(&self, path: &str) -> Result<Box<dyn RawWriter>, StoreError> {
        check_path(path)?;
        let store = self.clone();
        let file = blocking(move || store.unfinished()).await?;
        Ok(Box::new(Unfinished {
            file: Some(file),
            root: self.root.clone(),
            path: self.root.join(path),
        }))
    }

    async fn put_new(&self, path: &str, bytes: Bytes) -> Result<(), StoreError> {
        check_path(path)?;
        let store = self.clone();
        let path = self.root.join(path);
        blocking(move || {
            let mut file = store.unfinished()?;
            file.write_all(&bytes)?;
            file.as_file().sync_all()?;
            let folder = folder_of(&path);
            create_folders(&store.root, folder)?;
            // Fails if the path exists, in one step of the file system.
            file.persist_noclobber(&path).map_err(|error| error.error)?;
            flush_folder(folder)
        })
        .await
    }

    async fn read(
        &self,
        path: &str,
    ) -> Result<BoxStream<'static, Result<Bytes, StoreError>>, StoreError> {
        check_path(path)?;
        let path = self.root.join(path);
        let file = blocking(move || {
            let file = fs::File::open(path)?;
            if file.metadata()?.is_file() { Ok(file) } else { Err(io::ErrorKind::NotFound.into()) }
        })
        .await?;
        let chunks = ReaderStream::with_capacity(tokio::fs::File::from_std(file), CHUNK);
        Ok(chunks.map(|chunk| chunk.map_err(failed)).boxed())
    }

    async fn list(
        &self,
        prefix: &str,
    ) -> Result<BoxStream<'static, Result<String, StoreError>>, StoreError> {
        check_prefix(prefix)?;
        Ok(walk::walk(self.root.clone(), prefix.to_owned()).boxed())
    }
}

/// Dropped before its time, the temporary file goes with it.
struct Unfinished {
    /// Always present between two calls.
    file: Option<NamedTempFile>,
    root: PathBuf,
    path: PathBuf,
}

#[async_trait]
impl RawWriter for Unfinished {
    async fn write(&mut self, chunk: Bytes) -> Result<(), StoreError> {
        let mut file = self.file.take().ok_or_else(abandoned)?;
        self.file = Some(
            blocking(move || {
                file.write_all(&chunk)?;
                Ok(file)
            })
            .await?,
        );
        Ok(())
    }

    async fn finish(mut self: Box<Self>) -> Result<(), StoreError> {
        let file = self.file.take().ok_or_else(abandoned)?;
        blocking(move || {
            file.as_file().sync_all()?;
            let folder = folder_of(&self.path);
            create_folders(&self.root, folder)?;
            file.persist(&self.path).map_err(|error| error.error)?;
            flush_folder(folder)
        })
        .await
    }
}

/// An earlier write failed or was cancelled: the file is incomplete and gone.
fn abandoned() -> StoreError {
    failed(io::Error::other("the file was given up after a failed write"))
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, StoreError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| failed(io::Error::other(error)))?.map_err(failed)
}

fn failed(error: io::Error) -> StoreError {
    match error.kind() {
        io::ErrorKind::NotFound => StoreError::NotFound { what: WHAT },
        io::ErrorKind::AlreadyExists => StoreError::AlreadyExists { what: WHAT },
        _ => StoreError::Unavailable { what: "the raw store", source: Box::new(error) },
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().expect("a path below the root has a folder")
}

/// Creates `folder` and what is missing above it, each flushed into its own folder.
fn create_folders(root: &Path, folder: &Path) -> io::Result<()> {
    match fs::create_dir(folder) {
        Ok(()) => flush_folder(folder_of(folder)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound && folder != root => {
            create_folders(root, folder_of(folder))?;
            create_folders(root, folder)
        }
        Err(error) => Err(error),
    }
}

/// Makes new names in `folder` outlive a power cut.
fn flush_folder(folder: &Path) -> io::Result<()> {
    fs::File::open(folder)?.sync_all()
}

fn remove_leftovers(unfinished: &Path) -> io::Result<()> {
    let now = SystemTime::now();
    for entry in fs::read_dir(unfinished)? {
        let entry = entry?;
        // Another process may finish or remove it meanwhile.
        let Ok(written) = entry.metadata().and_then(|metadata| metadata.modified()) else {
            continue;
        };
        if now.duration_since(written).is_ok_and(|age| age > LEFTOVER_AGE)
            && let Err(error) = fs::remove_file(entry.path())
            && error.kind() != io::ErrorKind::NotFound
        {
            return Err(error);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs::FileTimes;

    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn meets_the_conformance_suite() {
        let folder = tempfile::tempdir().unwrap();
        let store = RawDirectory::new(folder.path().join("raw")).unwrap();
        crate::conformance::raw_store(&store).await;
        let left = fs::read_dir(folder.path().join("raw").join(UNFINISHED)).unwrap().count();
        assert_eq!(left, 0, "temporary files stay");
    }

    #[tokio::test]
    async fn only_old_leftovers_of_a_killed_process_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        RawDirectory::new(folder.path()).unwrap();
        let old = folder.path().join(UNFINISHED).join("old");
        let new = folder.path().join(UNFINISHED).join("new");
        fs::write(&new, "").unwrap();
        let before = SystemTime::now() - LEFTOVER_AGE - Duration::from_mins(1);
        let file = fs::File::create(&old).unwrap();
        file.set_times(FileTimes::new().set_modified(before)).unwrap();

        RawDirectory::new(folder.path()).unwrap();
        assert!(!old.exists());
        assert!(new.exists());
    }
}
