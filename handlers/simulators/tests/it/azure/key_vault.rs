//! The wire: what a vault answers, in the places that programs read.

use std::time::Duration;

use reqwest::{Method, Response};
use serde_json::{Value, json};
use simulators::azure::{KeyVault, USER_ASSIGNED_CLIENT_ID};

use super::Site;

const AUDIENCE: &str = "https://vault.azure.net";
const HOUR: Duration = Duration::from_hours(1);

struct Caller {
    site: Site,
    vault: KeyVault,
}

impl Caller {
    async fn new() -> Self {
        let site = Site::new();
        let vault = KeyVault::start(&site.authority).await.expect("a vault");
        Self { site, vault }
    }

    async fn send(&self, token: &str, method: Method, path: &str, body: &Value) -> Response {
        let url = self.vault.url().join(path).expect("a URL");
        let request = self.site.client.request(method, url).bearer_auth(token);
        let request = if body.is_null() { request } else { request.json(body) };
        request.send().await.expect("an answer")
    }

    /// What comes back for a request that is in order, of which `expected` is the status.
    async fn ask(&self, method: Method, path: &str, body: Value, expected: u16) -> Value {
        let token = self.site.authority.tokens().issue(AUDIENCE, USER_ASSIGNED_CLIENT_ID, HOUR);
        let mark = if path.contains('?') { '&' } else { '?' };
        let path = format!("{path}{mark}api-version=2025-07-01");
        let answer = self.send(&token, method.clone(), &path, &body).await;
        let status = answer.status();
        let text = answer.text().await.expect("a body");
        assert_eq!(status, expected, "{method} {path}: {text}");
        serde_json::from_str(&text).unwrap_or_default()
    }

    async fn set(&self, name: &str, value: &str) -> Value {
        self.ask(Method::PUT, &format!("secrets/{name}"), json!({ "value": value }), 200).await
    }

    async fn get(&self, path: &str, expected: u16) -> Value {
        self.ask(Method::GET, path, Value::Null, expected).await
    }

    async fn delete(&self, path: &str, expected: u16) -> Value {
        self.ask(Method::DELETE, path, Value::Null, expected).await
    }
}

fn codes(body: &Value) -> (&str, &str) {
    let error = &body["error"];
    (
        error["code"].as_str().expect("a code"),
        error["innererror"]["code"].as_str().unwrap_or_default(),
    )
}

#[tokio::test]
async fn a_request_without_a_good_token_is_challenged() {
    let caller = Caller::new().await;
    let tokens = caller.site.authority.tokens();
    let stranger = Site::new();
    let foreign = stranger.authority.tokens().issue(AUDIENCE, USER_ASSIGNED_CLIENT_ID, HOUR);
    let storage = tokens.issue("https://storage.azure.com", USER_ASSIGNED_CLIENT_ID, HOUR);
    let ended = tokens.issue(AUDIENCE, USER_ASSIGNED_CLIENT_ID, Duration::ZERO);
    for (token, words) in [
        ("", "AKV10000"),
        ("nonsense", "Error validating token"),
        (foreign.as_str(), "Error validating token"),
        (storage.as_str(), "AKV10022"),
        (ended.as_str(), "TokenExpired"),
    ] {
        let url = caller.vault.url().join("secrets/a?api-version=7.4").expect("a URL");
        let mut request = caller.site.client.get(url);
        if !token.is_empty() {
            request = request.bearer_auth(token);
        }
        let answer = request.send().await.expect("an answer");
        assert_eq!(answer.status(), 401, "{words}");
        let challenge = answer.headers()["www-authenticate"].to_str().expect("text").to_owned();
        assert!(challenge.starts_with("Bearer authorization=\"https://login."), "{challenge}");
        assert!(challenge.ends_with("resource=\"https://vault.azure.net\""), "{challenge}");
        let body: Value = answer.json().await.expect("JSON");
        assert_eq!(codes(&body), ("Unauthorized", ""));
        let message = body["error"]["message"].as_str().expect("a message");
        assert!(message.contains(words), "{message}");
    }
    assert!(caller.vault.seen().is_empty());
}

#[tokio::test]
async fn each_write_is_a_version_of_its_own() {
    let caller = Caller::new().await;
    let body = json!({
        "value": "one", "contentType": "text/plain", "tags": { "tenant": "42" },
        "attributes": { "exp": 4_000_000_000_i64 },
    });
    let first = caller.ask(Method::PUT, "secrets/Meta-Ads", body, 200).await;
    assert_eq!(first["attributes"]["enabled"], true);
    assert_eq!(first["attributes"]["exp"], 4_000_000_000_i64);
    assert_eq!(first["attributes"]["recoveryLevel"], "Recoverable+Purgeable");
    let second = caller.set("meta-ads", "two").await;

    // With the slash at its end that Microsoft's clients send.
    let newest = caller.get("secrets/META-ADS/", 200).await;
    assert_eq!(newest["value"], "two");
    assert_eq!(newest["id"], second["id"]);
    let id = first["id"].as_str().expect("an id");
    let version = id.strip_prefix(&format!("{}secrets/Meta-Ads/", caller.vault.url()));
    let version = version.expect("an id under the vault's address");
    assert!(version.len() == 32 && version.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let old = caller.get(&format!("secrets/meta-ads/{version}"), 200).await;
    assert_eq!((&old["value"], &old["tags"]["tenant"]), (&json!("one"), &json!("42")));
    assert_eq!(old["contentType"], "text/plain");

    let missing = caller.get("secrets/meta-ads/0123456789abcdef0123456789abcdef", 404).await;
    assert_eq!(codes(&missing), ("SecretNotFound", ""));
    assert_eq!(codes(&caller.get("secrets/other", 404).await), ("SecretNotFound", ""));
}

#[tokio::test]
async fn lists_come_in_pages_and_without_values() {
    let caller = Caller::new().await;
    for number in 0..27 {
        caller.set(&format!("secret-{number:02}"), "hidden").await;
    }
    let first = caller.get("secrets", 200).await;
    assert_eq!(first["value"].as_array().expect("a list").len(), 25);
    assert!(!first.to_string().contains("hidden"));
    let next = first["nextLink"].as_str().expect("a link");
    let token = caller.site.authority.tokens().issue(AUDIENCE, USER_ASSIGNED_CLIENT_ID, HOUR);
    let last = caller.send(&token, Method::GET, next, &Value::Null).await;
    let last: Value = last.json().await.expect("JSON");
    assert_eq!(last["value"].as_array().expect("a list").len(), 2);
    assert_eq!(last["nextLink"], Value::Null);
    let id = last["value"][1]["id"].as_str().expect("an id");
    assert_eq!(id, format!("{}secrets/secret-26", caller.vault.url()));

    let second = caller.set("secret-00", "again").await;
    let versions = caller.get("secrets/secret-00/versions?maxresults=1", 200).await;
    assert_ne!(versions["value"][0]["id"], second["id"]);
    assert!(versions["nextLink"].is_string());
    assert_eq!(codes(&caller.get("secrets?maxresults=26", 400).await), ("BadParameter", ""));
}

#[tokio::test]
async fn a_deleted_secret_holds_its_name_until_it_is_purged() {
    let caller = Caller::new().await;
    caller.set("token", "kept").await;
    let deleted = caller.delete("secrets/token", 200).await;
    let recovery = format!("{}deletedsecrets/token", caller.vault.url());
    assert_eq!(deleted["recoveryId"], recovery);
    let days = deleted["scheduledPurgeDate"].as_i64().expect("seconds")
        - deleted["deletedDate"].as_i64().expect("seconds");
    assert_eq!(days, 90 * 86_400);

    assert_eq!(codes(&caller.get("secrets/token", 404).await), ("SecretNotFound", ""));
    caller.delete("secrets/token", 404).await;
    let taken = caller.ask(Method::PUT, "secrets/token", json!({ "value": "new" }), 409).await;
    assert_eq!(codes(&taken), ("Conflict", "ObjectIsDeletedButRecoverable"));
    caller.get("deletedsecrets/token", 200).await;
    let list = caller.get("deletedsecrets", 200).await;
    assert_eq!(list["value"][0]["recoveryId"], recovery);
    assert_eq!(caller.get("secrets", 200).await["value"], json!([]));

    caller.ask(Method::POST, "deletedsecrets/token/recover", Value::Null, 200).await;
    assert_eq!(caller.get("secrets/token", 200).await["value"], "kept");
    let gone = caller.ask(Method::POST, "deletedsecrets/token/recover", Value::Null, 404).await;
    assert_eq!(codes(&gone), ("SecretNotFound", ""));

    caller.delete("secrets/token", 200).await;
    caller.delete("deletedsecrets/token", 204).await;
    caller.set("token", "new").await;
    assert_eq!(caller.get("secrets/token", 200).await["value"], "new");
}

#[tokio::test]
async fn a_protected_vault_purges_nothing() {
    let caller = Caller::new().await;
    caller.vault.protect_from_purge();
    let secret = caller.set("token", "kept").await;
    assert_eq!(secret["attributes"]["recoveryLevel"], "Recoverable");
    caller.delete("secrets/token", 200).await;
    let refused = caller.delete("deletedsecrets/token", 403).await;
    assert_eq!(codes(&refused), ("Forbidden", ""));
    caller.get("deletedsecrets/token", 200).await;
}

#[tokio::test]
async fn deletion_and_recovery_may_take_their_time() {
    let caller = Caller::new().await;
    caller.set("token", "kept").await;
    caller.vault.set_settling(HOUR);
    caller.delete("secrets/token", 200).await;
    caller.get("deletedsecrets/token", 404).await;
    for (method, path, body) in [
        (Method::PUT, "secrets/token", json!({ "value": "new" })),
        (Method::POST, "deletedsecrets/token/recover", Value::Null),
        (Method::DELETE, "deletedsecrets/token", Value::Null),
    ] {
        let refused = caller.ask(method, path, body, 409).await;
        assert_eq!(codes(&refused), ("Conflict", "ObjectIsBeingDeleted"), "{path}");
    }

    caller.vault.set_settling(Duration::ZERO);
    caller.set("other", "kept").await;
    caller.delete("secrets/other", 200).await;
    caller.vault.set_settling(HOUR);
    caller.ask(Method::POST, "deletedsecrets/other/recover", Value::Null, 200).await;
    caller.get("secrets/other", 404).await;
    let refused = caller.ask(Method::PUT, "secrets/other", json!({ "value": "new" }), 409).await;
    assert_eq!(codes(&refused), ("Conflict", "ObjectIsBeingRecovered"));
}

#[tokio::test]
async fn a_disabled_secret_is_listed_and_not_read() {
    let caller = Caller::new().await;
    caller.set("token", "hidden").await;
    let off = json!({ "attributes": { "enabled": false }, "tags": { "why": "leaked" } });
    let changed = caller.ask(Method::PATCH, "secrets/token/", off, 200).await;
    assert_eq!(changed["attributes"]["enabled"], false);
    assert_eq!(changed["value"], Value::Null);
    let refused = caller.get("secrets/token", 403).await;
    assert_eq!(codes(&refused), ("Forbidden", "SecretDisabled"));
    assert_eq!(caller.get("secrets", 200).await["value"][0]["tags"]["why"], "leaked");

    let on = json!({ "attributes": { "enabled": true } });
    caller.ask(Method::PATCH, "secrets/token", on, 200).await;
    let read = caller.get("secrets/token", 200).await;
    assert_eq!((&read["value"], &read["tags"]["why"]), (&json!("hidden"), &json!("leaked")));
}

#[tokio::test]
async fn what_is_not_in_order_is_refused() {
    let caller = Caller::new().await;
    let tags: serde_json::Map<String, Value> =
        (0..16).map(|number| (format!("tag-{number}"), json!("x"))).collect();
    for (path, body) in [
        ("secrets/under_score", json!({ "value": "x" })),
        (&*format!("secrets/{}", "n".repeat(128)), json!({ "value": "x" })),
        ("secrets/large", json!({ "value": "x".repeat(25_601) })),
        ("secrets/none", json!({})),
        ("secrets/shape", json!({ "value": 1 })),
        ("secrets/tags", json!({ "value": "x", "tags": tags })),
        ("secrets/tag", json!({ "value": "x", "tags": { "a": "x".repeat(513) } })),
    ] {
        let refused = caller.ask(Method::PUT, path, body, 400).await;
        assert_eq!(codes(&refused), ("BadParameter", ""), "{path}");
    }
    caller.set("largest", &"x".repeat(25_600)).await;
    caller.set(&"n".repeat(127), "x").await;

    let token = caller.site.authority.tokens().issue(AUDIENCE, USER_ASSIGNED_CLIENT_ID, HOUR);
    for path in ["secrets", "secrets?api-version=1.0"] {
        let answer = caller.send(&token, Method::GET, path, &Value::Null).await;
        assert_eq!(answer.status(), 400, "{path}");
    }
    caller.get("keys", 404).await;
}

#[tokio::test]
async fn it_throttles_forbids_goes_away_and_comes_back() {
    let caller = Caller::new().await;
    caller.set("token", "kept").await;
    caller.vault.throttle(2, Duration::from_secs(7));
    let token = caller.site.authority.tokens().issue(AUDIENCE, USER_ASSIGNED_CLIENT_ID, HOUR);
    for _ in 0..2 {
        let path = "secrets/token?api-version=7.4";
        let answer = caller.send(&token, Method::GET, path, &Value::Null).await;
        assert_eq!(answer.status(), 429);
        assert_eq!(answer.headers()["retry-after"], "7");
        assert_eq!(codes(&answer.json().await.expect("JSON")), ("Throttled", ""));
    }
    caller.get("secrets/token", 200).await;

    caller.vault.forbid();
    let refused = caller.get("secrets/token", 403).await;
    assert_eq!(codes(&refused), ("Forbidden", "ForbiddenByRbac"));
    caller.vault.permit();

    caller.vault.down().await.expect("down");
    let refused = caller.site.client.get(caller.vault.url()).send().await.expect_err("nobody");
    assert!(refused.is_connect(), "{refused:?}");
    caller.vault.down().await.expect("still down");
    caller.vault.up().await.expect("up");
    caller.vault.up().await.expect("still up");
    assert_eq!(caller.get("secrets/token", 200).await["value"], "kept");
    assert_eq!(caller.vault.seen().first().expect("a request"), "PUT secrets/token");
}
