//! The second level: what other processes have computed.
//!
//! **Invariant:** nothing is served from it that was not made for the very key that is asked for.
//! A key's name holds the tenant in the clear and the SHA-256 of the whole key and of this
//! program; a value begins with the HMAC of that name and of all that follows it, under a key
//! derived from the deployment's signing key. A value under another's name, cut short, changed or
//! made by anyone else is as good as none. The tenant comes from a checked scope, so that no
//! tenant can ask for another's names. Who may read the server sees answers, as one who may read
//! the serving tables does.

#[cfg(test)]
mod tests;

use std::hash::{Hash, Hasher};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{self, SHA256, SHA256_OUTPUT_LEN};
use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::{BufMut, Bytes, BytesMut};
use domain::ports::{SharedCache, StoreError};
use secrecy::{ExposeSecret, SecretSlice};
use tokio::sync::{OnceCell, Semaphore};
use uuid::Uuid;

use super::{Answer, Key};

/// Larger answers are rare, and quicker computed than carried.
const MAX_BODY: usize = 256 * 1024;

/// An answer is true as long as its version is served. What this bounds is how long a version's
/// number could mean something else: after a database was restored, the same number comes again.
const TTL: Duration = Duration::from_hours(1);

/// So many answers may be on their way to the cache; what comes above that is not shared.
const PUTS_AT_ONCE: usize = 32;

/// Answers that processes share.
pub(super) struct SharedAnswers {
    cache: Arc<dyn SharedCache>,
    seal: Seal,
    puts: Arc<Semaphore>,
    /// Whether the log already says that the cache is away.
    away: Arc<AtomicBool>,
}

/// What an answer is called in the shared cache.
pub(super) struct Name(String);

impl SharedAnswers {
    /// Processes with the same signing key believe each other's answers.
    pub(super) fn new(cache: Arc<dyn SharedCache>, signing_key: &SecretSlice<u8>) -> Self {
        Self {
            cache,
            seal: Seal::derived(signing_key),
            puts: Arc::new(Semaphore::new(PUTS_AT_ONCE)),
            away: Arc::default(),
        }
    }

    /// What another process has left, if anything. Never an error: there is always the database.
    pub(super) async fn find(&self, name: &Name) -> Option<Answer> {
        let found = self.cache.get(&name.0).await;
        note(&self.away, &found);
        let value = found.ok().flatten()?;
        let answer = self.seal.open(name, &value);
        if answer.is_none() {
            tracing::warn!(key = name.0, "the shared cache holds something that is not ours");
        }
        answer
    }

    /// Leaves an answer for others, in the background.
    pub(super) fn leave(&self, name: Name, answer: &Answer) {
        if answer.body.len() > MAX_BODY {
            return;
        }
        let Ok(permit) = Arc::clone(&self.puts).try_acquire_owned() else { return };
        let (cache, away) = (Arc::clone(&self.cache), Arc::clone(&self.away));
        let value = self.seal.close(&name, answer);
        tokio::spawn(async move {
            let put = cache.put(&name.0, value, TTL).await;
            note(&away, &put);
            drop(permit);
        });
    }
}

impl Name {
    /// Reads this program's file the first time, some tens of milliseconds.
    pub(super) async fn of(key: &Key) -> Self {
        let mut hasher = Sha256(digest::Context::new(&SHA256));
        this_program().await.hash(&mut hasher);
        key.hash(&mut hasher);
        let hash = URL_SAFE_NO_PAD.encode(hasher.0.finish());
        Self(format!("answer:{}:{hash}", key.tenant))
    }
}

/// The SHA-256 of this program's file. Another build may render the same question differently, and
/// during a deployment both answer; without the file, one is made up, and nothing is shared.
async fn this_program() -> &'static [u8] {
    static PROGRAM: OnceCell<Vec<u8>> = OnceCell::const_new();
    let read = || async {
        let hashed = tokio::task::spawn_blocking(hash_of_this_program).await;
        hashed.map_err(io::Error::other).flatten().unwrap_or_else(|error| {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "this program cannot be read: it shares no answers with other processes"
            );
            Uuid::new_v4().as_bytes().to_vec()
        })
    };
    PROGRAM.get_or_init(read).await
}

fn hash_of_this_program() -> io::Result<Vec<u8>> {
    let mut file = std::fs::File::open(std::env::current_exe()?)?;
    let mut hasher = Writing(digest::Context::new(&SHA256));
    io::copy(&mut file, &mut hasher)?;
    Ok(hasher.0.finish().as_ref().to_vec())
}

/// Hashes whatever is `Hash` with SHA-256: all fields of a key, those included that it may get one
/// day. Equal on every machine that runs the same program.
struct Sha256(digest::Context);

impl Hasher for Sha256 {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The first eight bytes of it.
    fn finish(&self) -> u64 {
        let hash = self.0.clone().finish();
        hash.as_ref().iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
    }
}

struct Writing(digest::Context);

impl io::Write for Writing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// By which a deployment knows its own answers.
struct Seal(hmac::Key);

impl Seal {
    fn derived(signing_key: &SecretSlice<u8>) -> Self {
        let root = hmac::Key::new(hmac::HMAC_SHA256, signing_key.expose_secret());
        let derived = hmac::sign(&root, b"marketing-iq shared answers v1");
        Self(hmac::Key::new(hmac::HMAC_SHA256, derived.as_ref()))
    }

    /// HMAC, length of the entity tag, entity tag, body.
    fn close(&self, name: &Name, answer: &Answer) -> Bytes {
        let length = u8::try_from(answer.etag.len()).expect("an entity tag is short");
        let mut value =
            BytesMut::with_capacity(SHA256_OUTPUT_LEN + 1 + answer.etag.len() + answer.body.len());
        value.put_bytes(0, SHA256_OUTPUT_LEN);
        value.put_u8(length);
        value.put_slice(answer.etag.as_bytes());
        value.put_slice(&answer.body);
        let mac = self.mac(name, &value[SHA256_OUTPUT_LEN..]);
        value[..SHA256_OUTPUT_LEN].copy_from_slice(mac.as_ref());
        value.freeze()
    }

    /// The answer in what [`Seal::close`] made for the same name.
    fn open(&self, name: &Name, value: &Bytes) -> Option<Answer> {
        let (mac, rest) = value.split_at_checked(SHA256_OUTPUT_LEN)?;
        verify_slices_are_equal(self.mac(name, rest).as_ref(), mac).ok()?;
        let (length, rest) = rest.split_first()?;
        let (etag, body) = rest.split_at_checked(usize::from(*length))?;
        Some(Answer { body: value.slice_ref(body), etag: std::str::from_utf8(etag).ok()?.into() })
    }

    fn mac(&self, name: &Name, rest: &[u8]) -> hmac::Tag {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(name.0.as_bytes());
        // No name holds it: where the name ends cannot be moved.
        context.update(&[0]);
        context.update(rest);
        context.sign()
    }
}

/// One line when the cache goes away and one when it comes back, not one for each request.
fn note<T>(away: &AtomicBool, result: &Result<T, StoreError>) {
    match result {
        Ok(_) if away.swap(false, Ordering::Relaxed) => {
            tracing::info!("the shared cache answers again");
        }
        Err(error) if !away.swap(true, Ordering::Relaxed) => {
            tracing::warn!(
                error = error as &dyn std::error::Error,
                "answers are not shared for now"
            );
        }
        _ => {}
    }
}
