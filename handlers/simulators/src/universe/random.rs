//! Randomness that stays put: every draw comes from a generator keyed by what is drawn, so that
//! adding a client, a campaign or a day shifts no other.

use aws_lc_rs::digest;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// The generator for the thing that `parts` name, under `seed`.
pub(crate) fn keyed(seed: u64, parts: &[&str]) -> ChaCha8Rng {
    let mut hash = digest::Context::new(&digest::SHA256);
    hash.update(&seed.to_be_bytes());
    for part in parts {
        hash.update(&(part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let key = hash.finish();
    ChaCha8Rng::from_seed(key.as_ref().try_into().expect("SHA-256 is 32 bytes long"))
}
