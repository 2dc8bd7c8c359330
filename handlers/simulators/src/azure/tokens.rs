//! Access tokens as Microsoft Entra ID issues them, version 1.0.

use std::fmt;
use std::time::Duration;

use domain::{BusinessClock, SystemClock};
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The directory (tenant) that all stand-ins belong to.
pub(crate) const TENANT_ID: &str = "5d1c2a3e-0b5f-4f3c-9b57-6f6f5a0c7e11";

/// Issues and checks tokens of one directory.
#[derive(Clone)]
pub struct Tokens {
    sign: EncodingKey,
    check: DecodingKey,
}

/// Why a token is not accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Not a token of this directory.
    Unknown,
    Expired,
    /// A token for another service.
    Audience {
        found: String,
    },
}

/// What the stand-ins read of a token.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Claims {
    aud: String,
    iss: String,
    iat: i64,
    nbf: i64,
    exp: i64,
    /// The application (client) id of the identity.
    pub(crate) appid: String,
    idtyp: String,
    /// The object id of the identity, which roles are assigned to.
    pub(crate) oid: String,
    sub: String,
    tid: String,
    uti: String,
    ver: String,
}

impl fmt::Debug for Tokens {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Tokens").finish_non_exhaustive()
    }
}

impl Tokens {
    pub(crate) fn signed_with(pkcs8: &[u8], public: &[u8]) -> Self {
        Self { sign: EncodingKey::from_ec_der(pkcs8), check: DecodingKey::from_ec_der(public) }
    }

    /// A token for a service, such as `https://vault.azure.net`, that ends after `lifetime`.
    pub fn issue(&self, audience: &str, client_id: &str, lifetime: Duration) -> String {
        let now = SystemClock.now().timestamp();
        let object_id = object_id(client_id);
        let claims = Claims {
            aud: audience.to_owned(),
            iss: format!("https://sts.windows.net/{TENANT_ID}/"),
            iat: now,
            nbf: now,
            exp: now.saturating_add_unsigned(lifetime.as_secs()),
            appid: client_id.to_owned(),
            idtyp: "app".to_owned(),
            oid: object_id.clone(),
            sub: object_id,
            tid: TENANT_ID.to_owned(),
            uti: Uuid::new_v4().simple().to_string(),
            ver: "1.0".to_owned(),
        };
        jsonwebtoken::encode(&Header::new(Algorithm::ES256), &claims, &self.sign)
            .expect("the authority's key signs these claims")
    }

    /// Checks signature, issuer, lifetime and audience.
    pub(crate) fn check(&self, token: &str, audiences: &[&str]) -> Result<Claims, Refusal> {
        let mut rules = Validation::new(Algorithm::ES256);
        rules.validate_nbf = true;
        rules.validate_aud = false;
        rules.leeway = 0;
        rules.set_issuer(&[format!("https://sts.windows.net/{TENANT_ID}/")]);
        let claims = jsonwebtoken::decode::<Claims>(token, &self.check, &rules)
            .map_err(|error| match error.kind() {
                ErrorKind::ExpiredSignature => Refusal::Expired,
                _ => Refusal::Unknown,
            })?
            .claims;
        // The library lets a token live for the whole second that it ends in.
        if claims.exp <= SystemClock.now().timestamp() {
            return Err(Refusal::Expired);
        }
        if !audiences.contains(&claims.aud.as_str()) {
            return Err(Refusal::Audience { found: claims.aud });
        }
        Ok(claims)
    }
}

/// Each application has one object in the directory; its id is made from the application's here,
/// so that processes agree.
fn object_id(client_id: &str) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, client_id.as_bytes());
    let (head, _) = digest.as_ref().split_at(16);
    uuid::Builder::from_random_bytes(head.try_into().expect("16 bytes were split off"))
        .into_uuid()
        .to_string()
}
