//! Whatever is sent, the answer is a problem document that names the fault: no 500, no hang.

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE};
use serde_json::{Value, json};

use crate::world::{PASSWORD, World, text};

#[tokio::test(flavor = "multi_thread")]
async fn queries_that_make_no_sense_name_their_field() {
    let world = World::start().await;
    let owner = world.owner().await;
    let tenant = world.tenant(&owner, "Acme").await;
    let cases = [
        ("/api/v1/metrics?from=2024-02-30", "from"),
        ("/api/v1/metrics?from=yesterday", "from"),
        ("/api/v1/metrics?to=2024-13-01", "to"),
        ("/api/v1/metrics?from=2024-02-02&to=2024-02-01", "from"),
        ("/api/v1/metrics?platform=bing_ads", "platform"),
        ("/api/v1/campaigns?limit=0", "limit"),
        ("/api/v1/campaigns?limit=9999999999999999999999", "limit"),
        ("/api/v1/campaigns?cursor=not-a-cursor", "cursor"),
        ("/api/v1/runs?cursor=%00", "cursor"),
        ("/api/v1/dashboards/overview?from=1000-01-01&to=2024-01-01", "from"),
    ];
    for (path, field) in cases {
        let answer = world.get(path, &tenant.token).await;
        let kind = answer.headers[CONTENT_TYPE].to_str().expect("a content type").to_owned();
        let body = answer.expect(400);
        assert_eq!(kind, "application/problem+json", "{path}");
        assert_eq!(body["field"], field, "{path}: {body}");
        assert!(text(&body, "detail").len() > 10, "{path}: {body}");
    }
    world.get("/api/v1/metrics?form=2024-01-01", &tenant.token).await.expect(400);
    world.get("/api/v1/runs/not-a-run", &tenant.token).await.expect(404);
    world.get("/api/v1/campaigns/%F0%9F%90%98/performance", &tenant.token).await.expect(404);
    world.get("/api/v1/dashboards/'%20or%201=1", &tenant.token).await.expect(404);
    world.get("/nowhere", &tenant.token).await.expect(404);
    world.call("DELETE", "/api/v1/metrics", Some(&tenant.token), None).await.expect(405);
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_make_no_sense_are_refused_whole() {
    let world = World::start().await;
    let owner = world.owner().await;
    let owner = text(&owner, "access_token");
    let nested = format!("{}1{}", "[".repeat(10_000), "]".repeat(10_000));
    let cases: Vec<(&str, Vec<u8>, u16)> = vec![
        ("application/json", b"{".to_vec(), 400),
        ("application/json", b"null".to_vec(), 400),
        ("application/json", b"\xff\xfe".to_vec(), 400),
        ("application/json", nested.into_bytes(), 400),
        (
            "application/json",
            br#"{"name":"A\u0000B","time_zone":"UTC","reporting_currency":"EUR"}"#.to_vec(),
            400,
        ),
        (
            "application/json",
            br#"{"name":"A","time_zone":"Mars/Olympus","reporting_currency":"EUR"}"#.to_vec(),
            400,
        ),
        (
            "application/json",
            br#"{"name":"A","time_zone":"UTC","reporting_currency":"euro"}"#.to_vec(),
            400,
        ),
        (
            "application/json",
            br#"{"name":"","time_zone":"UTC","reporting_currency":"EUR"}"#.to_vec(),
            400,
        ),
        (
            "application/json",
            br#"{"name":"A","time_zone":"UTC","reporting_currency":"EUR","x":1}"#.to_vec(),
            400,
        ),
        ("text/plain", b"name=A".to_vec(), 415),
        ("application/json", vec![b' '; (1 << 20) + 1], 413),
        ("application/json", vec![b'a'; 10 << 20], 413),
    ];
    for (content_type, body, status) in cases {
        let begins = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
        let request = world
            .http
            .post(world.url("/tenants"))
            .header(AUTHORIZATION, format!("Bearer {owner}"))
            .header(CONTENT_TYPE, content_type)
            .body(body);
        let answer = match request.send().await {
            Ok(answer) => answer,
            // The server answered and closed while the rest of the body was still coming.
            Err(error) if status == 413 && error.is_request() => continue,
            Err(error) => panic!("{begins}: {error}"),
        };
        assert_eq!(answer.status().as_u16(), status, "{begins}");
        let body: Value = answer.json().await.expect("a problem document");
        assert!(body["code"].is_string(), "{begins}: {body}");
    }
    let tenants = world.get("/tenants", owner).await.expect(200);
    assert_eq!(tenants["data"], json!([]), "a refused body left something");
}

#[tokio::test(flavor = "multi_thread")]
async fn people_cannot_sign_in_with_nonsense() {
    let world = World::start().await;
    world.owner().await;
    let cases = [
        (json!({"email": "owner@example.com", "password": "wrong wrong wrong"}), 401),
        (json!({"email": "nobody@example.com", "password": PASSWORD}), 401),
        (json!({"email": "owner@example.com"}), 400),
        (json!({"email": 7, "password": PASSWORD}), 400),
    ];
    for (body, status) in cases {
        world.call("POST", "/auth/login", None, Some(&body)).await.expect(status);
    }
    for token in ["", "x", "AAAA", "'; drop table app.users; --"] {
        let body = json!({"refresh_token": token});
        let answer = world.call("POST", "/auth/refresh", None, Some(&body)).await;
        assert!([400, 401].contains(&answer.status.as_u16()), "{token}: {answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_platform_that_is_down_fails_the_run_in_words_and_loses_nothing() {
    let world = World::start().await;
    let (tenant, _) = world.two_tenants().await;
    world.synced(&tenant, &[]);
    let before = world.get("/api/v1/metrics", &tenant.token).await.expect(200);
    let fault = json!({"platform": "meta_ads", "kind": "revoked", "times": 1_000});
    world.control("fault", fault).await;
    let output = world.sync(&tenant, &[]);
    assert!(!output.status.success(), "a failed account was reported as done");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("connect it again"), "no remedy is named:\n{told}");
    let runs = world.get("/api/v1/runs?limit=1", &tenant.token).await.expect(200);
    assert_eq!(runs["data"][0]["state"], "partly_failed", "{runs:#}");
    let after = world.get("/api/v1/metrics", &tenant.token).await.expect(200);
    assert_eq!(after["data"], before["data"]);
}
