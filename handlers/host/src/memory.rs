//! When each timer last fired, over restarts: a file per timer. Azure's host keeps blobs for it.

use std::path::{Path, PathBuf};

use chrono::{DateTime, SecondsFormat, Utc};
use domain::registry::Function;

/// Where a timer's last fire is kept; nowhere, if there is no folder.
#[derive(Clone, Debug)]
pub(crate) struct Memory {
    file: Option<PathBuf>,
}

impl Memory {
    pub(crate) fn of(function: &Function, folder: Option<&Path>) -> Self {
        Self { file: folder.map(|folder| folder.join(function.name)) }
    }

    /// `None` if it never fired as far as is known. What cannot be read is not known: at worst
    /// a missed time is not made up for.
    pub(crate) async fn last_fired(&self) -> Option<DateTime<Utc>> {
        let text = tokio::fs::read_to_string(self.file.as_ref()?).await.ok()?;
        text.trim().parse().ok()
    }

    pub(crate) async fn fired(&self, at: DateTime<Utc>) {
        let Some(file) = &self.file else { return };
        if let Err(error) = replace(file, &at.to_rfc3339_opts(SecondsFormat::AutoSi, true)).await {
            let error: &(dyn std::error::Error + 'static) = &error;
            tracing::warn!(error, "when a timer fired could not be kept");
        }
    }
}

/// All of the new text or all of the old, whenever the process is killed.
async fn replace(file: &Path, text: &str) -> std::io::Result<()> {
    if let Some(folder) = file.parent() {
        tokio::fs::create_dir_all(folder).await?;
    }
    let new = file.with_extension("new");
    tokio::fs::write(&new, text).await?;
    tokio::fs::rename(&new, file).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_was_kept_is_known_and_nothing_else_is() {
        let folder = tempfile::tempdir().unwrap();
        let function = Function::find("ExtractMetaAds").unwrap();
        let memory = Memory::of(function, Some(&folder.path().join("timers")));
        assert_eq!(memory.last_fired().await, None, "it never fired");
        let at = "2026-09-24T13:08:00.0096035Z".parse().unwrap();
        memory.fired(at).await;
        assert_eq!(memory.last_fired().await, Some(at));
        for damage in [&b""[..], b"yesterday", b"\xff"] {
            std::fs::write(memory.file.as_ref().unwrap(), damage).unwrap();
            assert_eq!(memory.last_fired().await, None, "{damage:?}");
        }
    }
}
