use std::time::Duration;

use reqwest::{Client, Response};
use serde_json::Value;
use simulators::azure::{IdentityEndpoint, KeyVault, USER_ASSIGNED_CLIENT_ID};

use super::Site;

const VAULT: (&str, &str) = ("resource", "https://vault.azure.net");
const VERSION: (&str, &str) = ("api-version", "2019-08-01");

async fn ask(identity: &IdentityEndpoint, header: &str, query: &[(&str, &str)]) -> Response {
    let request = Client::builder().build().expect("a client").get(identity.url()).query(query);
    request.header("x-identity-header", header).send().await.expect("an answer")
}

async fn token(identity: &IdentityEndpoint, query: &[(&str, &str)]) -> Value {
    let answer = ask(identity, identity.header(), query).await;
    assert_eq!(answer.status(), 200);
    answer.json().await.expect("JSON")
}

#[tokio::test]
async fn a_token_is_what_the_platform_gives_and_a_vault_accepts_it() {
    let site = Site::new();
    let identity = IdentityEndpoint::start(&site.authority).await.expect("an endpoint");
    let body = token(&identity, &[VERSION, VAULT]).await;
    assert_eq!(body["resource"], "https://vault.azure.net");
    assert_eq!(body["token_type"], "Bearer");
    let expires_on = body["expires_on"].as_str().expect("a string");
    expires_on.parse::<i64>().expect("seconds");

    let vault = KeyVault::start(&site.authority).await.expect("a vault");
    let secrets = vault.url().join("secrets?api-version=7.4").expect("a URL");
    let bearer = body["access_token"].as_str().expect("a token");
    let answer = site.client.get(secrets).bearer_auth(bearer).send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
    assert_eq!(identity.issued(), 1);
}

#[tokio::test]
async fn identities_differ_and_an_unknown_one_is_refused() {
    let site = Site::new();
    let identity = IdentityEndpoint::start(&site.authority).await.expect("an endpoint");
    let of_system = token(&identity, &[VERSION, VAULT]).await;
    let client_id = ("client_id", USER_ASSIGNED_CLIENT_ID);
    let of_user = token(&identity, &[VERSION, VAULT, client_id]).await;
    assert_eq!(of_user["client_id"], USER_ASSIGNED_CLIENT_ID);
    assert_ne!(of_user["client_id"], of_system["client_id"]);

    let nobody = "00000000-0000-0000-0000-000000000000";
    for name in ["client_id", "object_id"] {
        let answer = ask(&identity, identity.header(), &[VERSION, VAULT, (name, nobody)]).await;
        assert_eq!(answer.status(), 400, "{name}");
        let body: Value = answer.json().await.expect("JSON");
        assert_eq!(body["statusCode"], 400);
    }
}

#[tokio::test]
async fn only_the_app_itself_gets_tokens_and_only_for_a_whole_question() {
    let site = Site::new();
    let identity = IdentityEndpoint::start(&site.authority).await.expect("an endpoint");
    let url = format!("{}?api-version=2019-08-01&resource=x", identity.url());
    assert_eq!(reqwest::get(url).await.expect("an answer").status(), 401);
    assert_eq!(ask(&identity, "guessed", &[VERSION, VAULT]).await.status(), 403);
    assert_eq!(ask(&identity, identity.header(), &[VERSION]).await.status(), 400);
    assert_eq!(ask(&identity, identity.header(), &[VAULT]).await.status(), 400);
    assert_eq!(identity.issued(), 0);
}

#[tokio::test]
async fn it_throttles_goes_away_and_comes_back() {
    let site = Site::new();
    let identity = IdentityEndpoint::start(&site.authority).await.expect("an endpoint");
    identity.throttle(1, Duration::from_secs(3));
    let answer = ask(&identity, identity.header(), &[VERSION, VAULT]).await;
    assert_eq!(answer.status(), 429);
    assert_eq!(answer.headers()["retry-after"], "3");
    token(&identity, &[VERSION, VAULT]).await;

    identity.down().await.expect("down");
    let refused = reqwest::get(identity.url()).await.expect_err("nobody is there");
    assert!(refused.is_connect(), "{refused:?}");
    identity.up().await.expect("up");
    token(&identity, &[VERSION, VAULT]).await;
}

#[tokio::test]
async fn a_token_lasts_as_long_as_it_was_told_to() {
    let site = Site::new();
    let identity = IdentityEndpoint::start(&site.authority).await.expect("an endpoint");
    let expiry = async || {
        let body = token(&identity, &[VERSION, VAULT]).await;
        body["expires_on"].as_str().expect("a string").parse::<i64>().expect("seconds")
    };
    let long = expiry().await;
    identity.set_lifetime(Duration::from_mins(10));
    let difference = long - expiry().await;
    assert!((85_700..=85_800).contains(&difference), "{difference}");
}
