use aws_lc_rs::hmac;
use chrono::{DateTime, Utc};
use domain::ports::Membership;
use domain::{FixedClock, Permission, SystemClock};
use secrecy::SecretString;
use serde_json::{Value, json};

use super::*;

fn key() -> SecretSlice<u8> {
    let pair = Ed25519KeyPair::generate().unwrap();
    SecretSlice::from(pair.to_pkcs8().unwrap().as_ref().to_vec())
}

fn tokens_at(key: &SecretSlice<u8>, url: &str, clock: impl BusinessClock + 'static) -> Tokens {
    Tokens::new(key, &url.parse().unwrap(), Arc::new(clock)).unwrap()
}

const HERE: &str = "https://miq.example";

fn tokens(key: &SecretSlice<u8>) -> Tokens {
    tokens_at(key, HERE, SystemClock)
}

fn analyst() -> SignedIn {
    SignedIn {
        user: UserId::new(),
        email: "ada@agency.example".to_owned(),
        name: "Ada".to_owned(),
        organization: OrganizationId::new(),
        organization_name: "Agency".to_owned(),
        owner: false,
        tenant: Some(Membership {
            tenant: TenantId::new(),
            tenant_name: "Acme".to_owned(),
            role: Role::Analyst,
        }),
        session: SessionId::new(),
        refresh_token: SecretString::from("unused"),
    }
}

fn refused(tokens: &Tokens, bearer: &str) -> &'static str {
    let problem = tokens.verify(bearer).unwrap_err();
    assert_eq!(problem.status(), 401);
    problem.code()
}

fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

fn decoded(part: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

/// A token whose header and claims are chosen, signed with the true key.
fn signed(key: &SecretSlice<u8>, header: &Value, claims: &Value) -> String {
    let text = format!("{}.{}", part(header), part(claims));
    let pair = Ed25519KeyPair::from_pkcs8(key.expose_secret()).unwrap();
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(pair.sign(text.as_bytes()).as_ref()))
}

fn parts(token: &str) -> (Value, Value) {
    let mut parts = token.split('.');
    (decoded(parts.next().unwrap()), decoded(parts.next().unwrap()))
}

#[test]
fn a_token_says_who_and_where() {
    let tokens = tokens(&key());
    let signed_in = analyst();
    let token = tokens.mint(&signed_in).unwrap();
    let caller = tokens.verify(&token).unwrap();
    assert_eq!(caller.user, signed_in.user);
    assert_eq!(caller.organization, signed_in.organization);
    assert_eq!(caller.session, signed_in.session);
    assert!(!caller.owner);
    let scope = caller.in_tenant(Permission::Sync).unwrap();
    assert_eq!(scope.tenant(), signed_in.tenant.unwrap().tenant);
    assert!(caller.in_tenant(Permission::Administer).is_err());
    let (header, claims) = parts(&token);
    assert_eq!((&header["alg"], &header["typ"]), (&json!("EdDSA"), &json!("at+jwt")));
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 900);
    assert!(claims.get("email").is_none(), "tokens get into logs of others: {claims}");
}

#[test]
fn a_token_without_a_tenant_opens_none() {
    let tokens = tokens(&key());
    let token = tokens.mint(&SignedIn { tenant: None, owner: true, ..analyst() }).unwrap();
    let caller = tokens.verify(&token).unwrap();
    assert!(caller.in_tenant(Permission::Read).is_err());
    assert!(caller.in_organization().is_ok());
}

#[test]
fn an_expired_token_has_a_code_of_its_own() {
    let key = key();
    let ago = |minutes| SystemClock.now() - TimeDelta::minutes(minutes);
    let minted_at =
        |at: DateTime<Utc>| tokens_at(&key, HERE, FixedClock::at(at)).mint(&analyst()).unwrap();
    assert!(tokens(&key).verify(&minted_at(ago(14))).is_ok());
    assert_eq!(refused(&tokens(&key), &minted_at(ago(16))), "token_expired");
}

#[test]
fn another_deployments_token_is_refused() {
    let ours = key();
    let elsewhere = tokens_at(&ours, "https://other.example", SystemClock);
    assert_eq!(refused(&tokens(&ours), &elsewhere.mint(&analyst()).unwrap()), "token_invalid");
    let forged = tokens(&key()).mint(&analyst()).unwrap();
    assert_eq!(refused(&tokens(&ours), &forged), "token_invalid");
}

#[test]
fn the_header_does_not_choose_the_algorithm() {
    let key = key();
    let tokens = tokens(&key);
    let token = tokens.mint(&analyst()).unwrap();
    let (mut header, claims) = parts(&token);
    let signature = token.rsplit_once('.').unwrap().1;
    for algorithm in ["none", "None", "HS256", "RS256", "ES256"] {
        header["alg"] = json!(algorithm);
        let text = format!("{}.{}", part(&header), part(&claims));
        for signature in ["", signature] {
            assert_eq!(refused(&tokens, &format!("{text}.{signature}")), "token_invalid");
        }
    }
    // The public key is public: as a secret of HMAC it must prove nothing.
    header["alg"] = json!("HS256");
    let pair = Ed25519KeyPair::from_pkcs8(key.expose_secret()).unwrap();
    let text = format!("{}.{}", part(&header), part(&claims));
    let mac =
        hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, pair.public_key().as_ref()), text.as_bytes());
    let forged = format!("{text}.{}", URL_SAFE_NO_PAD.encode(mac.as_ref()));
    assert_eq!(refused(&tokens, &forged), "token_invalid");
}

#[test]
fn every_claim_is_checked_though_the_signature_holds() {
    let key = key();
    let tokens = tokens(&key);
    let (header, claims) = parts(&tokens.mint(&analyst()).unwrap());
    assert!(tokens.verify(&signed(&key, &header, &claims)).is_ok(), "the test signs rightly");
    let with = |name: &str, value: Value| {
        let mut claims = claims.clone();
        claims[name] = value;
        signed(&key, &header, &claims)
    };
    let without = |name: &str| {
        let mut claims = claims.clone();
        claims.as_object_mut().unwrap().remove(name);
        signed(&key, &header, &claims)
    };
    let in_an_hour = SystemClock.now().timestamp() + 3_600;
    for bad in [
        with("aud", json!("another-service")),
        with("iss", json!("https://miq.example.evil.example")),
        with("role", json!("owner")),
        with("sub", json!("ada@agency.example")),
        with("exp", json!("never")),
        with("nbf", json!(in_an_hour)),
        without("aud"),
        without("iss"),
        without("exp"),
        without("sub"),
        without("owner"),
        without("role"),
        without("tenant"),
    ] {
        assert_eq!(refused(&tokens, &bad), "token_invalid", "{}", parts(&bad).1);
    }
}

#[test]
fn only_our_own_header_passes() {
    let key = key();
    let tokens = tokens(&key);
    let (header, claims) = parts(&tokens.mint(&analyst()).unwrap());
    for (name, value) in [
        ("typ", json!("JWT")),
        ("typ", Value::Null),
        ("kid", json!("another")),
        ("kid", Value::Null),
        ("crit", json!(["exp"])),
    ] {
        let mut header = header.clone();
        header[name] = value;
        assert_eq!(refused(&tokens, &signed(&key, &header, &claims)), "token_invalid", "{header}");
    }
}

#[test]
fn what_is_no_token_is_refused_without_a_panic() {
    let tokens = tokens(&key());
    let token = tokens.mint(&analyst()).unwrap();
    for bad in ["", ".", "..", "a.b.c", "null", &token[1..], &token[..token.len() - 2], "\u{f6}.."]
    {
        assert_eq!(refused(&tokens, bad), "token_invalid", "{bad:?}");
    }
    assert_eq!(refused(&tokens, &format!("{token}.x")), "token_invalid");
}
