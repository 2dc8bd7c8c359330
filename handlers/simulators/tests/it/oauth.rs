use serde_json::{Value, json};
use simulators::CLIENT_SECRET;

use crate::support::{ADWORDS, ANALYTICS, CALLBACK, Simulator, json_of, simulator, text};

/// The example of RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

fn ask<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut ask = vec![
        ("client_id", "app"),
        ("redirect_uri", CALLBACK),
        ("response_type", "code"),
        ("scope", ADWORDS),
        ("state", "a&b=c"),
        ("login_hint", "agency@example.com"),
    ];
    ask.extend_from_slice(more);
    ask
}

async fn code(simulator: &Simulator, more: &[(&str, &str)]) -> String {
    let back = simulator.consent("/google/o/oauth2/v2/auth", &ask(more)).await;
    assert_eq!(back["state"], "a&b=c");
    back["code"].clone()
}

async fn refused(simulator: &Simulator, fields: &[(&str, &str)], status: u16) -> String {
    let answer = simulator.google_token(fields).await;
    text(&json_of(answer, status).await["error"])
}

#[tokio::test]
async fn a_code_counts_once_for_its_own_application_address_and_verifier() {
    let simulator = simulator().await;
    let pkce = [("code_challenge", CHALLENGE), ("code_challenge_method", "S256")];
    let code = code(&simulator, &pkce).await;
    let code = code.as_str();
    let with = |more: &[(&'static str, &'static str)]| {
        let mut fields = vec![("code", code), ("redirect_uri", CALLBACK)];
        fields.extend(more.iter().copied());
        fields
    };
    let good = [("code_verifier", VERIFIER)];
    assert_eq!(refused(&simulator, &with(&[]), 400).await, "invalid_grant");
    let wrong = [("code_verifier", "wrong")];
    assert_eq!(refused(&simulator, &with(&wrong), 400).await, "invalid_grant");
    let secret = [("code_verifier", VERIFIER), ("client_secret", "guessed")];
    assert_eq!(refused(&simulator, &with(&secret), 401).await, "invalid_client");
    let other = [("code_verifier", VERIFIER), ("client_id", "another")];
    assert_eq!(refused(&simulator, &with(&other), 401).await, "unauthorized_client");
    let elsewhere = [("code_verifier", VERIFIER), ("redirect_uri", "http://127.0.0.1:9/else")];
    assert_eq!(refused(&simulator, &with(&elsewhere), 400).await, "redirect_uri_mismatch");

    let body = json_of(simulator.google_token(&with(&good)).await, 200).await;
    assert_eq!(body["expires_in"], 3_599);
    assert_eq!(body["token_type"], "Bearer");
    assert_eq!(body["scope"], ADWORDS);
    assert!(body.get("refresh_token").is_none(), "only offline access has one");
    assert_eq!(refused(&simulator, &with(&good), 400).await, "invalid_grant");
}

#[tokio::test]
async fn a_refresh_token_works_until_the_consent_is_revoked() {
    let simulator = simulator().await;
    let tokens = simulator.google_tokens("agency@example.com").await;
    let refresh = text(&tokens["refresh_token"]);
    let fields = [("grant_type", "refresh_token"), ("refresh_token", refresh.as_str())];
    let fresh = json_of(simulator.google_token(&fields).await, 200).await;
    assert!(fresh.get("refresh_token").is_none());
    let fresh = text(&fresh["access_token"]);
    let list = async |token: &str| {
        let call = simulator.get("/google-ads/v26/customers:listAccessibleCustomers");
        call.bearer_auth(token).send().await.expect("answer").status().as_u16()
    };
    assert_eq!(list(&fresh).await, 200);

    let revoke = async |token: &str| {
        let call = simulator.client.post(simulator.url("/google/revoke"));
        call.form(&[("token", token)]).send().await.expect("answer")
    };
    assert_eq!(revoke(&fresh).await.status(), 200);
    assert_eq!(list(&fresh).await, 401);
    assert_eq!(refused(&simulator, &fields, 400).await, "invalid_grant");
    assert_eq!(json_of(revoke(&fresh).await, 400).await["error"], "invalid_token");
}

#[tokio::test]
async fn tokens_outlive_a_restart_with_the_same_seed() {
    let tokens = simulator().await.google_tokens("agency@example.com").await;
    let refresh = text(&tokens["refresh_token"]);
    let fields = [("grant_type", "refresh_token"), ("refresh_token", refresh.as_str())];
    let again = simulator().await;
    assert_eq!(again.google_token(&fields).await.status(), 200);
    let other = crate::support::simulator_of(simulators::Config {
        seed: 99,
        ..simulators::Config::default()
    })
    .await;
    assert_eq!(refused(&other, &fields, 400).await, "invalid_grant");
}

#[tokio::test]
async fn a_token_opens_only_what_was_consented_to() {
    let simulator = simulator().await;
    let untick = json!({ "untick": [ANALYTICS] });
    simulator.control("consent", untick).await;
    let tokens = simulator.google_tokens("agency@example.com").await;
    assert_eq!(tokens["scope"], ADWORDS);
    let token = text(&tokens["access_token"]);
    let call = simulator.get("/analytics-admin/v1beta/accountSummaries").bearer_auth(&token);
    json_of(call.send().await.expect("answer"), 403).await;
}

#[tokio::test]
async fn a_person_may_refuse() {
    let simulator = simulator().await;
    simulator.control("consent", json!({ "deny": true })).await;
    let back = simulator.consent("/google/o/oauth2/v2/auth", &ask(&[])).await;
    assert_eq!(back["error"], "access_denied");
    assert_eq!(back["state"], "a&b=c");
    let back = simulator.consent("/meta/v26.0/dialog/oauth", &ask(&[])).await;
    assert_eq!(back["error_reason"], "user_denied");
}

#[tokio::test]
async fn without_a_known_login_the_page_offers_all_and_a_way_out() {
    let simulator = simulator().await;
    let ask: Vec<_> = ask(&[]).into_iter().filter(|(name, _)| *name != "login_hint").collect();
    let call = simulator.get("/google/o/oauth2/v2/auth").query(&ask);
    let answer = call.send().await.expect("answer");
    assert_eq!(answer.status(), 200);
    let page = answer.text().await.expect("a page");
    for part in ["login_hint=northwind@example.com", "login_hint=agency@example.com", ">deny<"] {
        assert!(page.contains(part), "{part} is not in {page}");
    }
}

#[tokio::test]
async fn metas_short_token_is_exchanged_inspected_and_withdrawn() {
    let simulator = simulator().await;
    let short = simulator.meta("bluebird@example.com").await;
    let exchange = async |token: &str, secret: &str| {
        simulator
            .get("/graph/v26.0/oauth/access_token")
            .query(&[
                ("grant_type", "fb_exchange_token"),
                ("client_id", "app"),
                ("client_secret", secret),
                ("fb_exchange_token", token),
            ])
            .send()
            .await
            .expect("answer")
    };
    let body = json_of(exchange(&short, CLIENT_SECRET).await, 200).await;
    assert_eq!(body["expires_in"], 5_183_944);
    let long = text(&body["access_token"]);
    assert_eq!(json_of(exchange(&short, "guessed").await, 400).await["error"]["code"], 1);

    let inspect = async || -> Value {
        let app = format!("app|{CLIENT_SECRET}");
        let query = [("input_token", long.as_str()), ("access_token", app.as_str())];
        let call = simulator.get("/graph/v26.0/debug_token").query(&query);
        json_of(call.send().await.expect("answer"), 200).await["data"].take()
    };
    let data = inspect().await;
    assert_eq!(data["is_valid"], true);
    assert_eq!(data["scopes"], json!(["ads_read", "business_management", "public_profile"]));

    let me = async |method: reqwest::Method, path: &str| {
        let call = simulator.client.request(method, simulator.url(path)).bearer_auth(&long);
        call.send().await.expect("answer")
    };
    let withdrawn = me(reqwest::Method::DELETE, "/graph/v26.0/me/permissions").await;
    assert_eq!(json_of(withdrawn, 200).await, json!({ "success": true }));
    let dead = json_of(me(reqwest::Method::GET, "/graph/v26.0/me/adaccounts").await, 400).await;
    assert_eq!(dead["error"]["code"], 190);
    assert_eq!(inspect().await["is_valid"], false);
}

#[tokio::test]
async fn metas_code_counts_once() {
    let simulator = simulator().await;
    let back = simulator.consent("/meta/v26.0/dialog/oauth", &ask(&[])).await;
    let redeem = async |redirect: &str| {
        let query = [
            ("client_id", "app"),
            ("client_secret", CLIENT_SECRET),
            ("redirect_uri", redirect),
            ("code", back["code"].as_str()),
        ];
        let call = simulator.get("/graph/v26.0/oauth/access_token").query(&query);
        let body: Value = call.send().await.expect("answer").json().await.expect("JSON");
        body["error"]["error_subcode"].as_i64()
    };
    assert_eq!(redeem("http://127.0.0.1:9/else").await, Some(36_008));
    assert_eq!(redeem(CALLBACK).await, None);
    assert_eq!(redeem(CALLBACK).await, Some(36_009));
}
