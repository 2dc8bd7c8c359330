//! The key that access tokens are signed with: Ed25519, as PKCS#8.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::Path;

use aws_lc_rs::signature::Ed25519KeyPair;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::ports::StoreError;
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretSlice, SecretString};

const BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const END: &str = "-----END PRIVATE KEY-----";

/// The key in the file at `path`, made there if there is no file. Two processes that start at
/// once end up with the same key. Answers the PKCS#8 document.
///
/// # Errors
/// [`StoreError::Invalid`] if others than the owner may read the file, or if it holds something
/// else; [`StoreError::Unavailable`] if it can be neither read nor made.
pub fn load_or_create(path: &Path) -> Result<SecretSlice<u8>, StoreError> {
    match File::open(path) {
        Ok(file) => {
            refuse_if_readable_by_others(path, &file)?;
            let text = fs::read_to_string(path).map_err(unavailable)?;
            parse(&SecretString::from(text)).map_err(|_| {
                StoreError::Invalid(format!("{} is not an Ed25519 key: {HINT}", path.display()))
            })
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            create(path)?;
            load_or_create(path)
        }
        Err(error) => Err(unavailable(error)),
    }
}

const HINT: &str = "make one with `openssl genpkey -algorithm ed25519`";

/// The key that a setting holds: PKCS#8 as PEM, or its base64 alone.
pub fn parse(text: &SecretString) -> Result<SecretSlice<u8>, StoreError> {
    let invalid = || StoreError::Invalid(format!("this is not an Ed25519 key: {HINT}"));
    let text = text.expose_secret().trim();
    let body = text.strip_prefix(BEGIN).map_or(Some(text), |rest| rest.strip_suffix(END));
    let body: Zeroizing<String> =
        body.ok_or_else(invalid)?.split_whitespace().collect::<String>().into();
    let document = SecretSlice::from(STANDARD.decode(body.as_bytes()).map_err(|_| invalid())?);
    Ed25519KeyPair::from_pkcs8(document.expose_secret()).map_err(|_| invalid())?;
    Ok(document)
}

/// Written aside and linked into place, so that no half of a key is ever seen under its name.
/// Does nothing if another process was faster.
fn create(path: &Path) -> Result<(), StoreError> {
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    fs::create_dir_all(folder).map_err(unavailable)?;
    let pair = Ed25519KeyPair::generate().map_err(|_| unavailable("no randomness"))?;
    let document = pair.to_pkcs8().map_err(|_| unavailable("the key has no document"))?;
    let body: Zeroizing<String> = STANDARD.encode(document.as_ref()).into();
    // Made with mode 0600.
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(unavailable)?;
    writeln!(file, "{BEGIN}").map_err(unavailable)?;
    for line in body.as_bytes().chunks(64) {
        file.write_all(line).and_then(|()| file.write_all(b"\n")).map_err(unavailable)?;
    }
    writeln!(file, "{END}").map_err(unavailable)?;
    file.as_file().sync_all().map_err(unavailable)?;
    match file.persist_noclobber(path) {
        Ok(_) => Ok(()),
        Err(error) if error.error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(unavailable(error.error)),
    }
}

#[cfg(unix)]
fn refuse_if_readable_by_others(path: &Path, file: &File) -> Result<(), StoreError> {
    use std::os::unix::fs::PermissionsExt;

    let mode = file.metadata().map_err(unavailable)?.permissions().mode();
    let of_others = mode & 0o077;
    if of_others == 0 {
        return Ok(());
    }
    Err(StoreError::Invalid(format!(
        "{} may be read by others: run `chmod 600` on it, or delete it to sign with a new key",
        path.display()
    )))
}

#[cfg(not(unix))]
fn refuse_if_readable_by_others(_: &Path, _: &File) -> Result<(), StoreError> {
    Ok(())
}

fn unavailable(source: impl Into<domain::ports::BoxError>) -> StoreError {
    StoreError::Unavailable { what: "the signing key", source: source.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_and_found_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys/signing.pem");
        let made = load_or_create(&path).unwrap();
        let found = load_or_create(&path).unwrap();
        assert_eq!(made.expose_secret(), found.expose_secret());
        let text = SecretString::from(fs::read_to_string(&path).unwrap());
        assert_eq!(parse(&text).unwrap().expose_secret(), made.expose_secret());
        let base64 = SecretString::from(STANDARD.encode(made.expose_secret()));
        assert_eq!(parse(&base64).unwrap().expose_secret(), made.expose_secret());
    }

    #[test]
    fn starting_at_once_agrees_on_one_key() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("signing.pem");
        let keys: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> =
                (0..8).map(|_| scope.spawn(|| load_or_create(&path).unwrap())).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        for key in &keys {
            assert_eq!(key.expose_secret(), keys[0].expose_secret());
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_key_that_others_may_read_is_refused() {
        use std::os::unix::fs::PermissionsExt;

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("signing.pem");
        load_or_create(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let error = load_or_create(&path).unwrap_err();
        assert!(error.to_string().contains("chmod 600"), "{error}");
    }

    #[test]
    fn what_is_no_key_is_refused_without_being_shown() {
        for text in ["hunter2", "", "-----BEGIN PRIVATE KEY-----\nhunter2", "aHVudGVyMg=="] {
            let error = parse(&SecretString::from(text)).unwrap_err();
            assert!(!format!("{error:?} {error}").contains("hunter2"));
        }
    }
}
