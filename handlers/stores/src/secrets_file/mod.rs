//! Secrets in one encrypted file, for one machine.
//!
//! **Invariant:** the file is only ever replaced whole, by a process that holds the lock and
//! could open what was there. A wrong key or a damaged file is reported and left as it is.

mod key;
mod sealed;

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use domain::ports::{Secrets, StoreError};
use secrecy::SecretString;
use tempfile::NamedTempFile;

use self::key::Key;
use self::sealed::Sealed;
use crate::secret_name::check;

const FILE: &str = "secrets.json";
const KEY_FILE: &str = "secrets.key";
const LOCK_FILE: &str = "secrets.lock";

const WHAT: &str = "the secret store";

/// The secrets of one data directory. Several processes of one machine may use it at once.
#[derive(Clone, Debug)]
pub struct SecretsFile {
    folder: Arc<Path>,
    key: Arc<Key>,
}

impl SecretsFile {
    /// Opens the store in `folder`; the first time, makes folder and key.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] if the key is readable by others or is missing while secrets
    /// are there; [`StoreError::Corrupt`] if the key does not open the secrets.
    pub fn open(folder: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let folder: PathBuf = folder.into();
        fs::create_dir_all(&folder).map_err(unavailable)?;
        let _lock = lock(&folder).map_err(unavailable)?;
        let path = folder.join(KEY_FILE);
        let sealed = read(&folder)?;
        let key = match Key::read(&path)? {
            Some(key) => key,
            None if sealed.is_none() => Key::create(&path)?,
            None => {
                return Err(StoreError::Invalid(format!(
                    "the key file {} is missing, and without it the secrets cannot be read: \
                     restore it from a backup, or remove {} and connect every platform again",
                    path.display(),
                    folder.join(FILE).display()
                )));
            }
        };
        if let Some(sealed) = sealed {
            sealed.check(&key)?;
        }
        Ok(Self { folder: folder.into(), key: Arc::new(key) })
    }

    /// Reads, changes and replaces the file under the lock.
    async fn change(
        &self,
        change: impl FnOnce(&mut Sealed, &Key) -> Result<(), StoreError> + Send + 'static,
    ) -> Result<(), StoreError> {
        let store = self.clone();
        blocking(move || {
            let _lock = lock(&store.folder).map_err(unavailable)?;
            let mut sealed = match read(&store.folder)? {
                Some(sealed) => sealed,
                None => Sealed::new(&store.key)?,
            };
            // Never write over what another key has sealed.
            sealed.check(&store.key)?;
            change(&mut sealed, &store.key)?;
            replace(&store.folder, &sealed.to_bytes()).map_err(unavailable)
        })
        .await
    }
}

#[async_trait]
impl Secrets for SecretsFile {
    async fn get(&self, name: &str) -> Result<Option<SecretString>, StoreError> {
        check(name)?;
        let (store, name) = (self.clone(), name.to_owned());
        blocking(move || match read(&store.folder)? {
            Some(sealed) => sealed.get(&store.key, &name),
            None => Ok(None),
        })
        .await
    }

    async fn set(&self, name: &str, value: SecretString) -> Result<(), StoreError> {
        check(name)?;
        let name = name.to_owned();
        self.change(move |sealed, key| sealed.set(key, name, &value)).await
    }

    async fn delete(&self, name: &str) -> Result<(), StoreError> {
        check(name)?;
        let name = name.to_owned();
        self.change(move |sealed, _| {
            sealed.remove(&name);
            Ok(())
        })
        .await
    }
}

/// Held until the file is closed, which a killed process does too.
fn lock(folder: &Path) -> io::Result<File> {
    let file =
        File::options().write(true).create(true).truncate(false).open(folder.join(LOCK_FILE))?;
    file.lock()?;
    Ok(file)
}

fn read(folder: &Path) -> Result<Option<Sealed>, StoreError> {
    match fs::read(folder.join(FILE)) {
        Ok(bytes) => Sealed::from_bytes(&bytes).map(Some),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unavailable(error)),
    }
}

fn replace(folder: &Path, bytes: &[u8]) -> io::Result<()> {
    // Readable by the owner alone, as all temporary files of this crate.
    let mut file = NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(folder.join(FILE)).map_err(|error| error.error)?;
    File::open(folder)?.sync_all()
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => Err(unavailable(io::Error::other(error))),
    }
}

fn unavailable(error: io::Error) -> StoreError {
    StoreError::Unavailable { what: WHAT, source: Box::new(error) }
}

fn corrupt(why: &'static str) -> StoreError {
    StoreError::Corrupt { what: WHAT, source: why.into() }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use secrecy::ExposeSecret;

    use super::*;

    fn secret(text: &str) -> SecretString {
        SecretString::from(text)
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn meets_the_conformance_suite() {
        let folder = tempfile::tempdir().unwrap();
        crate::conformance::secrets(&SecretsFile::open(folder.path()).unwrap()).await;
    }

    #[tokio::test]
    async fn nothing_readable_is_left_on_disk_and_another_process_reads_it() {
        let folder = tempfile::tempdir().unwrap();
        let store = SecretsFile::open(folder.path().join("new")).unwrap();
        let other = SecretsFile::open(folder.path().join("new")).unwrap();
        store.set("credential-1", secret("refresh-token")).await.unwrap();
        assert_eq!(
            other.get("credential-1").await.unwrap().unwrap().expose_secret(),
            "refresh-token"
        );
        let file = folder.path().join("new").join(FILE);
        assert!(!String::from_utf8_lossy(&fs::read(&file).unwrap()).contains("refresh-token"));
        assert_eq!(mode(&file), 0o600);
        assert_eq!(mode(&folder.path().join("new").join(KEY_FILE)), 0o600);
    }

    #[tokio::test]
    async fn the_same_value_is_never_sealed_the_same_way_twice() {
        let folder = tempfile::tempdir().unwrap();
        let store = SecretsFile::open(folder.path()).unwrap();
        store.set("a", secret("same")).await.unwrap();
        let first = fs::read(folder.path().join(FILE)).unwrap();
        store.set("a", secret("same")).await.unwrap();
        assert_ne!(fs::read(folder.path().join(FILE)).unwrap(), first);
    }

    #[test]
    fn a_key_that_others_can_read_is_refused_with_the_fix() {
        let folder = tempfile::tempdir().unwrap();
        SecretsFile::open(folder.path()).unwrap();
        let key = folder.path().join(KEY_FILE);
        fs::set_permissions(&key, fs::Permissions::from_mode(0o640)).unwrap();
        let error = SecretsFile::open(folder.path()).unwrap_err();
        assert!(error.to_string().contains(&format!("chmod 600 {}", key.display())), "{error}");
    }

    #[tokio::test]
    async fn a_wrong_key_reads_nothing_and_overwrites_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let store = SecretsFile::open(folder.path()).unwrap();
        store.set("a", secret("value")).await.unwrap();
        let before = fs::read(folder.path().join(FILE)).unwrap();

        // A process that began with a key of its own before the file was put there.
        let elsewhere = tempfile::tempdir().unwrap();
        let stranger = SecretsFile::open(elsewhere.path()).unwrap();
        fs::copy(folder.path().join(FILE), elsewhere.path().join(FILE)).unwrap();
        assert!(matches!(stranger.get("a").await, Err(StoreError::Corrupt { .. })));
        let set = stranger.set("b", secret("other")).await;
        assert!(matches!(set, Err(StoreError::Corrupt { .. })), "{set:?}");
        assert!(matches!(stranger.delete("a").await, Err(StoreError::Corrupt { .. })));
        assert_eq!(fs::read(elsewhere.path().join(FILE)).unwrap(), before);
        let opened = SecretsFile::open(elsewhere.path());
        assert!(matches!(opened, Err(StoreError::Corrupt { .. })), "{opened:?}");
    }

    #[tokio::test]
    async fn a_lost_key_is_not_replaced_by_a_new_one() {
        let folder = tempfile::tempdir().unwrap();
        SecretsFile::open(folder.path()).unwrap().set("a", secret("value")).await.unwrap();
        fs::remove_file(folder.path().join(KEY_FILE)).unwrap();
        let opened = SecretsFile::open(folder.path());
        assert!(matches!(opened, Err(StoreError::Invalid(_))), "{opened:?}");
        assert!(!folder.path().join(KEY_FILE).exists());
    }

    #[tokio::test]
    async fn a_damaged_file_is_reported_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let store = SecretsFile::open(folder.path()).unwrap();
        store.set("a", secret("value")).await.unwrap();
        store.set("b", secret("other")).await.unwrap();
        let path = folder.path().join(FILE);
        let whole = fs::read_to_string(&path).unwrap();
        let document: serde_json::Value = serde_json::from_str(&whole).unwrap();

        // A value that was moved to another's name.
        let mut swapped = document.clone();
        swapped["secrets"]["a"] = document["secrets"]["b"].clone();
        let swapped = swapped.to_string();
        for damaged in ["", "{", "{}", &whole[..whole.len() / 2], &swapped] {
            fs::write(&path, damaged).unwrap();
            let got = store.get("a").await;
            assert!(matches!(got, Err(StoreError::Corrupt { .. })), "{damaged}: {got:?}");
            if damaged != swapped {
                let set = store.set("a", secret("new")).await;
                assert!(matches!(set, Err(StoreError::Corrupt { .. })), "{damaged}: {set:?}");
                assert_eq!(fs::read_to_string(&path).unwrap(), damaged);
            }
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn writers_in_several_processes_lose_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let writers = (0..8).map(|number| {
            let store = SecretsFile::open(folder.path()).unwrap();
            tokio::spawn(async move {
                store.set(&format!("writer-{number}"), secret("value")).await.unwrap();
            })
        });
        for writer in writers.collect::<Vec<_>>() {
            writer.await.unwrap();
        }
        let store = SecretsFile::open(folder.path()).unwrap();
        for number in 0..8 {
            assert!(store.get(&format!("writer-{number}")).await.unwrap().is_some(), "{number}");
        }
    }
}
