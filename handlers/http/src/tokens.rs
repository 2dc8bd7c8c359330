//! Access tokens: JWTs signed with `EdDSA`, valid for 15 minutes.
//!
//! **Invariant:** what a token may be signed with, who issued it and for whom is decided here,
//! never by the token's own header.

use std::sync::Arc;

use aws_lc_rs::digest;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use domain::ports::SignedIn;
use domain::{BusinessClock, Caller, OrganizationId, Role, SessionId, TenantId, UserId};
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use secrecy::{ExposeSecret, SecretSlice};
use serde::{Deserialize, Serialize};
use url::Url;
use uuid::Uuid;

use crate::{Problem, Verifier};

/// How long an access token is valid.
pub(crate) const ACCESS_LIFE: TimeDelta = TimeDelta::minutes(15);

/// RFC 9068: a JWT that is an access token, and nothing else that this key may ever sign.
const TOKEN_TYPE: &str = "at+jwt";

const AUDIENCE: &str = "marketing-iq";

/// How far two machines' clocks may differ, in seconds.
const LEEWAY: u64 = 5;

/// Makes and checks access tokens.
pub struct Tokens {
    signing: EncodingKey,
    verifying: DecodingKey,
    header: Header,
    validation: Validation,
    issuer: String,
    clock: Arc<dyn BusinessClock>,
}

#[derive(Debug, thiserror::Error)]
#[error("the signing key is not an Ed25519 key in PKCS#8")]
pub struct InvalidSigningKey;

#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: UserId,
    org: OrganizationId,
    /// Both or neither.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tenant: Option<TenantId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    role: Option<Role>,
    owner: bool,
    sid: SessionId,
    iat: i64,
    exp: i64,
    jti: Uuid,
}

impl Tokens {
    /// `public_url` is this deployment's; its tokens are no use elsewhere. `clock` is the system
    /// clock.
    pub fn new(
        pkcs8: &SecretSlice<u8>,
        public_url: &Url,
        clock: Arc<dyn BusinessClock>,
    ) -> Result<Self, InvalidSigningKey> {
        let pair =
            Ed25519KeyPair::from_pkcs8(pkcs8.expose_secret()).map_err(|_| InvalidSigningKey)?;
        let public = pair.public_key().as_ref();
        let key_id = digest::digest(&digest::SHA256, public);
        let issuer = public_url.as_str().trim_end_matches('/').to_owned();
        let header = Header {
            typ: Some(TOKEN_TYPE.to_owned()),
            kid: Some(URL_SAFE_NO_PAD.encode(&key_id.as_ref()[..12])),
            ..Header::new(Algorithm::EdDSA)
        };
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation.set_issuer(&[&issuer]);
        validation.set_audience(&[AUDIENCE]);
        validation.validate_nbf = true;
        validation.leeway = LEEWAY;
        Ok(Self {
            signing: EncodingKey::from_ed_der(pkcs8.expose_secret()),
            verifying: DecodingKey::from_ed_der(public),
            header,
            validation,
            issuer,
            clock,
        })
    }

    /// An access token for the session's active tenant.
    pub fn mint(&self, signed_in: &SignedIn) -> Result<String, Problem> {
        let now = self.clock.now();
        let claims = Claims {
            iss: self.issuer.clone(),
            aud: AUDIENCE.to_owned(),
            sub: signed_in.user,
            org: signed_in.organization,
            tenant: signed_in.tenant.as_ref().map(|place| place.tenant),
            role: signed_in.tenant.as_ref().map(|place| place.role),
            owner: signed_in.owner,
            sid: signed_in.session,
            iat: now.timestamp(),
            exp: (now + ACCESS_LIFE).timestamp(),
            jti: Uuid::new_v4(),
        };
        jsonwebtoken::encode(&self.header, &claims, &self.signing).map_err(Problem::internal)
    }
}

impl Verifier for Tokens {
    fn verify(&self, bearer: &str) -> Result<Caller, Problem> {
        let token = jsonwebtoken::decode::<Claims>(bearer, &self.verifying, &self.validation)
            .map_err(|error| match error.kind() {
                ErrorKind::ExpiredSignature => {
                    Problem::unauthenticated("token_expired", "the token has expired: refresh it")
                }
                _ => invalid(),
            })?;
        let header_is_ours = token.header.typ == self.header.typ
            && token.header.kid == self.header.kid
            && token.header.crit.is_none();
        let claims = token.claims;
        let tenant = match (claims.tenant, claims.role) {
            (Some(tenant), Some(role)) => Some((tenant, role)),
            (None, None) => None,
            _ => return Err(invalid()),
        };
        if !header_is_ours {
            return Err(invalid());
        }
        Ok(Caller::from_verified_claims(claims.sub, claims.org, claims.owner, claims.sid, tenant))
    }
}

fn invalid() -> Problem {
    Problem::unauthenticated("token_invalid", "the token is not one of this deployment: log in")
}

#[cfg(test)]
mod tests;
