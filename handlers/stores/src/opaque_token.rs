//! Random tokens that are handed out once. Only their hashes are stored: 256 random bits need no
//! slow hash.

use aws_lc_rs::{digest, rand};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretString};

/// A new token of 256 random bits, in 43 characters that a URL may hold.
pub(crate) fn random() -> SecretString {
    let mut bytes = [0; 32];
    rand::fill(&mut bytes).expect("the system has a source of randomness");
    encoded(&bytes)
}

pub(crate) fn encoded(bytes: &[u8]) -> SecretString {
    SecretString::from(URL_SAFE_NO_PAD.encode(bytes))
}

/// SHA-256 of the token's text.
pub(crate) fn hash(token: &SecretString) -> Vec<u8> {
    digest::digest(&digest::SHA256, token.expose_secret().as_bytes()).as_ref().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_differ_and_are_not_their_hashes() {
        let (one, other) = (random(), random());
        assert_eq!(one.expose_secret().len(), 43);
        assert_ne!(one.expose_secret(), other.expose_secret());
        assert_eq!(hash(&one), hash(&one));
        assert_ne!(hash(&one), hash(&other));
    }
}
