//! What is wrong with a request is said by name, and nothing of it is kept.

use serde_json::{Value, json};

use crate::world::{OWNER, PASSWORD, World, token};

fn with(body: &Value, member: &str, value: Value) -> Value {
    let mut body = body.clone();
    body[member] = value;
    body
}

#[tokio::test]
async fn a_bad_member_is_named() {
    let world = World::start().await;
    let owner = world.owner_in("Acme").await;
    let signup = json!({"email": "eve@example.com", "password": PASSWORD, "name": "Eve"});
    let tenant = json!({"name": "Bolt", "time_zone": "UTC", "reporting_currency": "EUR"});
    let invite = json!({"email": "eve@example.com", "role": "viewer"});
    for (path, body, member, value) in [
        ("/auth/signup", &signup, "email", json!("eve")),
        ("/auth/signup", &signup, "email", json!("eve\0@example.com")),
        ("/auth/signup", &signup, "password", json!("too short")),
        ("/auth/signup", &signup, "password", json!("x".repeat(129))),
        ("/auth/signup", &signup, "password", json!("long enough but \0")),
        ("/auth/signup", &signup, "name", json!(" ")),
        ("/auth/signup", &signup, "name", json!("E\u{7}ve")),
        ("/auth/signup", &signup, "organization", json!("")),
        ("/tenants", &tenant, "name", json!("\0")),
        ("/tenants", &tenant, "time_zone", json!("Mars/Olympus")),
        ("/tenants", &tenant, "time_zone", json!("+02:00")),
        ("/tenants", &tenant, "reporting_currency", json!("eur")),
        ("/tenants", &tenant, "meta_conversion_actions", json!([])),
        ("/tenants", &tenant, "meta_conversion_actions", json!(["a b"])),
        ("/tenants/me/users", &invite, "role", json!("owner")),
        ("/tenants/me/users", &invite, "email", json!("eve@example")),
        ("/tenants/me/oauth/meta", &json!({}), "login_hint", json!("eve")),
    ] {
        let refused = world.post(path, Some(token(&owner)), with(body, member, value)).await;
        assert_eq!(refused.problem(400, "invalid_value")["field"], member, "{path} {member}");
    }
}

#[tokio::test]
async fn what_is_no_body_of_ours_is_refused() {
    let world = World::start().await;
    let owner = world.owner_in("Acme").await;
    let login = json!({"email": OWNER, "password": PASSWORD});
    for body in [
        json!([]),
        json!({"email": OWNER}),
        json!({"email": OWNER, "password": 12}),
        with(&login, "pasword", json!("misspelt")),
        with(&login, "tenant_id", json!("acme")),
    ] {
        world.post("/auth/login", None, body).await.problem(400, "invalid_body");
    }
    let send = async |content_type: &str, body: &'static str| {
        let request = world.request("POST", "/tenants").bearer_auth(token(&owner));
        world.send(request.header("content-type", content_type).body(body)).await
    };
    send("text/plain", "{}").await.problem(415, "not_json");
    send("application/json", "{\"name\":").await.problem(400, "invalid_body");
    send("application/json", "\u{0}").await.problem(400, "invalid_body");
    let none = world.request("POST", "/auth/login").header("content-type", "application/json");
    world.send(none).await.problem(400, "invalid_body");
}

#[tokio::test]
async fn a_parameter_that_an_endpoint_does_not_take_is_named() {
    let world = World::start().await;
    let owner = world.owner_in("Acme").await;
    for path in [
        "/tenants",
        "/tenants/me",
        "/tenants/me/users",
        "/tenants/me/connections",
        "/credentials",
        "/credentials/0199c0de-0000-7000-8000-000000000009/accounts",
        "/api/v1/dashboards",
        "/api/v1/runs/0199c0de-0000-7000-8000-000000000009",
        "/health",
        "/openapi.json",
    ] {
        let refused = world.get(&format!("{path}?limit=1"), token(&owner)).await;
        let refused = refused.problem(400, "unknown_parameter");
        assert_eq!(refused["field"], "limit", "{path}");
    }
    let body = json!({"email": OWNER, "password": PASSWORD});
    world.post("/auth/login?tenant=1", None, body).await.problem(400, "unknown_parameter");
}

#[tokio::test]
async fn ids_that_are_none_of_ours_are_not_found() {
    let world = World::start().await;
    let owner = world.owner_in("Acme").await;
    for id in ["0199c0de-0000-7000-8000-000000000009", "1", "%00", "..%2f", "'%20or%201=1"] {
        for path in [format!("/tenants/me/users/{id}"), format!("/tenants/me/connections/{id}")] {
            world.delete(&path, token(&owner)).await.problem(404, "not_found");
        }
        let path = format!("/credentials/{id}/accounts");
        world.get(&path, token(&owner)).await.problem(404, "not_found");
    }
    let body = json!({"refresh_token": owner["refresh_token"],
        "tenant_id": "0199c0de-0000-7000-8000-000000000009"});
    world.post("/auth/refresh", None, body).await.problem(404, "not_found");
    let body = json!({"credential_id": "0199c0de-0000-7000-8000-000000000009", "account_id": "1"});
    let refused = world.post("/tenants/me/connections", Some(token(&owner)), body).await;
    refused.problem(404, "not_found");
}

#[tokio::test]
async fn invitations_that_are_none_are_told_from_those_of_others() {
    let world = World::start().await;
    let owner = world.owner_in("Acme").await;
    let body = json!({"email": "ben@acme.example", "role": "viewer"});
    let invited = world.post("/tenants/me/users", Some(token(&owner)), body).await.expect(201);
    let sign_up = async |email: &str, invitation: &Value| {
        let body = json!({
            "email": email, "password": PASSWORD, "name": "Eve", "invitation": invitation,
        });
        world.post("/auth/signup", None, body).await
    };
    let token = &invited["token"];
    sign_up("eve@acme.example", token).await.problem(400, "invitation_for_another");
    sign_up("ben@acme.example", &json!("x")).await.problem(400, "invitation_invalid");
    sign_up("ben@acme.example", token).await.expect(201);
    sign_up("ben@acme.example", token).await.problem(400, "invitation_invalid");
    let uninvited = json!({"email": "eve@acme.example", "password": PASSWORD, "name": "Eve"});
    world.post("/auth/signup", None, uninvited).await.problem(403, "signup_needs_invitation");
}
