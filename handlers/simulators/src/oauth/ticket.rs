//! Codes and tokens: what they stand for, sealed with a key that comes from the seed.

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use aws_lc_rs::{digest, hmac};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

/// Whose consent server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Family {
    #[serde(rename = "g")]
    Google,
    #[serde(rename = "m")]
    Meta,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Kind {
    #[serde(rename = "c")]
    Code,
    #[serde(rename = "a")]
    Access,
    #[serde(rename = "r")]
    Refresh,
}

/// What a code may be redeemed with.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Redirect {
    pub(crate) uri: String,
    /// The S256 challenge of PKCE.
    pub(crate) challenge: Option<String>,
    /// Whether a refresh token was asked for.
    pub(crate) offline: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Ticket {
    #[serde(rename = "k")]
    pub(crate) kind: Kind,
    #[serde(rename = "f")]
    pub(crate) family: Family,
    /// One consent of one person; shared by its code and all its tokens.
    #[serde(rename = "g")]
    pub(crate) grant: String,
    #[serde(rename = "l")]
    pub(crate) login: String,
    #[serde(rename = "i")]
    pub(crate) client_id: String,
    #[serde(rename = "s")]
    pub(crate) scopes: Vec<String>,
    /// Seconds since 1970.
    #[serde(rename = "e")]
    pub(crate) expires_at: Option<i64>,
    #[serde(rename = "r", default, skip_serializing_if = "Option::is_none")]
    pub(crate) redirect: Option<Redirect>,
}

/// Characters of the seal: 16 bytes in base 64.
const SEAL: usize = 22;

pub(crate) struct Sealer {
    key: hmac::Key,
    random: SystemRandom,
}

impl Sealer {
    pub(crate) fn new(seed: u64) -> Self {
        let secret = digest::digest(&digest::SHA256, format!("simulated tokens {seed}").as_bytes());
        Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, secret.as_ref()),
            random: SystemRandom::new(),
        }
    }

    /// A fresh name that nobody can guess.
    pub(crate) fn nonce(&self) -> String {
        let mut bytes = [0; 9];
        self.random.fill(&mut bytes).expect("the machine has randomness");
        URL_SAFE_NO_PAD.encode(bytes)
    }

    pub(crate) fn seal(&self, ticket: &Ticket) -> String {
        let content = serde_json::to_vec(&(self.nonce(), ticket)).expect("a ticket is plain data");
        let prefix = prefix(ticket.family, ticket.kind);
        format!("{prefix}{}{}", URL_SAFE_NO_PAD.encode(&content), self.seal_of(&content))
    }

    pub(crate) fn open(&self, text: &str) -> Option<Ticket> {
        let (family, kind, rest) = PREFIXES
            .iter()
            .find_map(|(family, kind, prefix)| Some((family, kind, text.strip_prefix(prefix)?)))?;
        let (content, seal) = rest.split_at_checked(rest.len().checked_sub(SEAL)?)?;
        let content = URL_SAFE_NO_PAD.decode(content).ok()?;
        if self.seal_of(&content) != seal {
            return None;
        }
        let (_, ticket): (String, Ticket) = serde_json::from_slice(&content).ok()?;
        (ticket.family == *family && ticket.kind == *kind).then_some(ticket)
    }

    fn seal_of(&self, content: &[u8]) -> String {
        URL_SAFE_NO_PAD.encode(&hmac::sign(&self.key, content).as_ref()[..16])
    }
}

/// How the platforms' own codes and tokens begin.
const PREFIXES: [(Family, Kind, &str); 5] = [
    (Family::Google, Kind::Code, "4/0A"),
    (Family::Google, Kind::Access, "ya29."),
    (Family::Google, Kind::Refresh, "1//0"),
    (Family::Meta, Kind::Code, "AQ"),
    (Family::Meta, Kind::Access, "EAA"),
];

fn prefix(family: Family, kind: Kind) -> &'static str {
    PREFIXES.iter().find(|row| row.0 == family && row.1 == kind).map_or("", |(_, _, prefix)| prefix)
}
