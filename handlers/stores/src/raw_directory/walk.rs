//! Listing a directory in the order of whole paths, a folder at a time.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use domain::ports::StoreError;
use futures_util::Stream;
use futures_util::stream::unfold;
use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::{UNFINISHED, failed};

/// Paths found ahead of the reader.
const AHEAD: usize = 256;

/// All files below `root` whose path begins with `prefix`, in order of path.
pub(super) fn walk(
    root: PathBuf,
    prefix: String,
) -> impl Stream<Item = Result<String, StoreError>> {
    let (found, receiver) = channel(AHEAD);
    // Ends by itself when the reader is gone: its next send fails.
    tokio::task::spawn_blocking(move || {
        let walker = Walker { prefix, found };
        if let Err(Stop::Failed(error)) = walker.folder(&root, "") {
            // A reader that left does not want the error either.
            drop(walker.found.blocking_send(Err(failed(error))));
        }
    });
    unfold(receiver, |mut receiver: Receiver<_>| async move {
        receiver.recv().await.map(|path| (path, receiver))
    })
}

struct Walker {
    prefix: String,
    found: Sender<Result<String, StoreError>>,
}

enum Stop {
    /// Nobody reads any more.
    Unread,
    Failed(io::Error),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Failed(error)
    }
}

impl Walker {
    /// `path` is the folder's path with its slash; empty for the root.
    fn folder(&self, folder: &Path, path: &str) -> Result<(), Stop> {
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        // A folder sorts with its slash: `a-b/x` comes before `a/x`.
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry?;
            let Ok(mut name) = entry.file_name().into_string() else { continue };
            let kind = entry.file_type()?;
            if kind.is_dir() {
                name.push('/');
            } else if !kind.is_file() {
                continue;
            }
            if path.is_empty() && name.strip_suffix('/') == Some(UNFINISHED) {
                continue;
            }
            names.push(name);
        }
        names.sort_unstable();
        for name in names {
            let path = format!("{path}{name}");
            if path.ends_with('/') {
                if path.starts_with(&self.prefix) || self.prefix.starts_with(&path) {
                    self.folder(&folder.join(&name), &path)?;
                }
            } else if path.starts_with(&self.prefix) {
                self.found.blocking_send(Ok(path)).map_err(|_| Stop::Unread)?;
            }
        }
        Ok(())
    }
}
