//! What PostgreSQL stores of a password: RFC 5803, as `psql \password` sends it.

use std::num::NonZeroU32;

use anyhow::{Result, ensure};
use aws_lc_rs::{digest, hmac, pbkdf2, rand};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};

/// PostgreSQL's own default (`scram_iterations`).
const ITERATIONS: NonZeroU32 = NonZeroU32::new(4096).expect("it is not zero");

/// A verifier of `password` with a new salt.
pub(super) fn verifier(password: &SecretString) -> Result<String> {
    let mut salt = [0; 16];
    rand::fill(&mut salt).map_err(|_| anyhow::anyhow!("the system has no random numbers"))?;
    with_salt(password, &salt)
}

fn with_salt(password: &SecretString, salt: &[u8]) -> Result<String> {
    let password = password.expose_secret();
    // Other text would have to pass through SASLprep (RFC 4013) first.
    ensure!(
        !password.is_empty() && password.bytes().all(|byte| (b' '..=b'~').contains(&byte)),
        "a database password must be made of printable ASCII characters, and not be empty"
    );
    let mut salted = [0; digest::SHA256_OUTPUT_LEN];
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, ITERATIONS, salt, password.as_bytes(), &mut salted);
    let salted = hmac::Key::new(hmac::HMAC_SHA256, &salted);
    let client_key = hmac::sign(&salted, b"Client Key");
    let stored_key = digest::digest(&digest::SHA256, client_key.as_ref());
    let server_key = hmac::sign(&salted, b"Server Key");
    Ok(format!(
        "SCRAM-SHA-256${ITERATIONS}:{}${}:{}",
        STANDARD.encode(salt),
        STANDARD.encode(stored_key),
        STANDARD.encode(server_key)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7677 §3: user `user`, password `pencil`. The server key is the one that makes the
    /// RFC's server signature; the stored key the one that its client proof opens.
    #[test]
    fn the_rfcs_example_is_met() {
        let salt = STANDARD.decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
        let verifier = with_salt(&SecretString::from("pencil"), &salt).unwrap();
        assert_eq!(
            verifier,
            "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
        );
    }

    #[test]
    fn a_password_that_would_need_saslprep_is_refused() {
        for password in ["", "pässword", "tab\t"] {
            assert!(verifier(&SecretString::from(password)).is_err(), "{password:?}");
        }
    }
}
