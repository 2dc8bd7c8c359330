//! Passwords as argon2id hashes, with the parameters that OWASP's Password Storage Cheat Sheet
//! gives first: 19 MiB, 2 passes, 1 lane.

use std::sync::Arc;
use std::thread::available_parallelism;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{self, PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use aws_lc_rs::rand;
use domain::ports::{BoxError, StoreError};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Semaphore;

const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// What an unknown person's password is checked against, so that the answer takes as long. No
/// password is known to match it.
const NOBODYS: &str = "$argon2id$v=19$m=19456,t=2,p=1$bWFya2V0aW5nLWlxLi4uLg\
                       $AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Hashes on threads of their own, as many at once as there are cores: each takes 19 MiB and a
/// core for tens of milliseconds.
pub(crate) struct Passwords {
    slots: Arc<Semaphore>,
}

impl Passwords {
    pub(crate) fn new() -> Self {
        let cores = available_parallelism().map_or(1, usize::from);
        Self { slots: Arc::new(Semaphore::new(cores)) }
    }

    /// A PHC string to store.
    pub(crate) async fn hash(&self, password: &SecretString) -> Result<String, StoreError> {
        let password = password.clone();
        self.run(move || {
            let mut salt = [0; 16];
            rand::fill(&mut salt).expect("the system has a source of randomness");
            let hash: PasswordHash =
                argon2().hash_password_with_salt(password.expose_secret().as_bytes(), &salt)?;
            Ok(hash.to_string())
        })
        .await
    }

    /// Whether the password is the one of `stored`; never with `None`, in the same time.
    pub(crate) async fn verify(
        &self,
        password: &SecretString,
        stored: Option<&str>,
    ) -> Result<bool, StoreError> {
        let password = password.clone();
        let known = stored.is_some();
        let stored = stored.unwrap_or(NOBODYS).to_owned();
        let matches = self
            .run(move || {
                let hash = PasswordHash::new(&stored)?;
                match argon2().verify_password(password.expose_secret().as_bytes(), &hash) {
                    Ok(()) => Ok(true),
                    Err(password_hash::Error::PasswordInvalid) => Ok(false),
                    Err(error) => Err(error),
                }
            })
            .await?;
        Ok(known && matches)
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, password_hash::Error> + Send + 'static,
    ) -> Result<T, StoreError> {
        let slot = Arc::clone(&self.slots);
        let permit = slot.acquire_owned().await.expect("the semaphore is never closed");
        let done = tokio::task::spawn_blocking(move || {
            let result = work();
            drop(permit);
            result
        });
        let corrupt = |source: BoxError| StoreError::Corrupt { what: "a password's hash", source };
        done.await
            .map_err(|panicked| corrupt(panicked.into()))?
            .map_err(|error| corrupt(error.to_string().into()))
    }
}

fn argon2() -> Argon2<'static> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).expect("the parameters are in range");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_matches_its_own_hash_alone() {
        let passwords = Passwords::new();
        let right = SecretString::from("correct horse battery");
        let hash = passwords.hash(&right).await.unwrap();
        assert!(passwords.verify(&right, Some(&hash)).await.unwrap());
        let wrong = SecretString::from("correct horse batterz");
        assert!(!passwords.verify(&wrong, Some(&hash)).await.unwrap());
        assert!(!passwords.verify(&right, None).await.unwrap());
        assert_ne!(hash, passwords.hash(&right).await.unwrap(), "a salt of its own");
    }

    #[tokio::test]
    async fn an_unknown_person_costs_as_much_as_a_known_one() {
        let hash = Passwords::new().hash(&SecretString::from("any")).await.unwrap();
        let cost =
            |phc: &str| phc.rsplit_once('$').unwrap().0.rsplit_once('$').unwrap().0.to_owned();
        assert_eq!(cost(&hash), "$argon2id$v=19$m=19456,t=2,p=1");
        assert_eq!(cost(NOBODYS), cost(&hash));
        let lengths = |phc: &str| phc.split('$').map(str::len).collect::<Vec<_>>();
        assert_eq!(lengths(NOBODYS), lengths(&hash));
    }

    #[tokio::test]
    async fn a_damaged_hash_is_told_from_a_wrong_password() {
        let any = SecretString::from("any");
        let error = Passwords::new().verify(&any, Some("md5:beef")).await.unwrap_err();
        assert!(matches!(error, StoreError::Corrupt { .. }));
    }
}
