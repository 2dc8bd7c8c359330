//! Signing up, entering tenants, roles.

use serde_json::json;

use crate::world::{OWNER, PASSWORD, World, token};

#[tokio::test]
async fn a_session_tells_who_where_and_for_how_long() {
    let world = World::start().await;
    let owner = world.owner().await;
    assert_eq!(owner["user"]["email"], OWNER);
    assert_eq!(owner["organization"]["owner"], true);
    assert_eq!(owner["tenant"], json!(null));
    assert_eq!((&owner["token_type"], &owner["expires_in"]), (&json!("Bearer"), &json!(900)));
    world.get("/tenants/me", token(&owner)).await.problem(403, "no_tenant");

    let acme = world.tenant(&owner, "Acme").await;
    let body = json!({"refresh_token": owner["refresh_token"], "tenant_id": acme});
    let entered = world.post("/auth/refresh", None, body).await.expect(200);
    assert_eq!(entered["tenant"], json!({"id": acme, "name": "Acme", "role": "tenant_admin"}));
    let me = world.get("/tenants/me", token(&entered)).await.expect(200);
    assert_eq!(me["id"], json!(acme));
    assert_eq!(me["meta_conversion_actions"], json!(["offsite_conversion.fb_pixel_purchase"]));
    let list = world.get("/tenants", token(&owner)).await.expect(200);
    assert_eq!(
        list,
        json!({
            "data": [{"id": acme, "name": "Acme", "role": "tenant_admin"}],
            "next_cursor": null,
        })
    );
}

#[tokio::test]
async fn refusals_to_log_in_are_word_for_word_the_same() {
    let world = World::start().await;
    world.owner().await;
    let attempt = async |email: &str, password: &str| {
        let body = json!({"email": email, "password": password});
        let refused = world.post("/auth/login", None, body).await;
        // The challenge's `error` is about an access token, and none was sent.
        assert_eq!(refused.headers["www-authenticate"], "Bearer realm=\"marketing-iq\"");
        refused.problem(401, "invalid_credentials")
    };
    let wrong = attempt(OWNER, "not the password at all").await;
    assert_eq!(wrong, attempt("nobody@example.com", PASSWORD).await);
    assert_eq!(wrong, attempt("no address", PASSWORD).await);
}

#[tokio::test]
async fn a_bad_access_token_is_challenged_as_such() {
    let world = World::start().await;
    let refused = world.get("/tenants", "made-up").await;
    let challenge = "Bearer realm=\"marketing-iq\", error=\"invalid_token\"";
    assert_eq!(refused.headers["www-authenticate"], challenge);
    refused.problem(401, "token_invalid");
}

#[tokio::test]
async fn guessing_a_password_ends_after_ten_failures() {
    let world = World::start().await;
    world.owner().await;
    let attempt = async |email: &str, password: &str| {
        world.post("/auth/login", None, json!({"email": email, "password": password})).await
    };
    for _ in 0..10 {
        attempt(OWNER, "not the password at all").await.problem(401, "invalid_credentials");
    }
    let refused = attempt(&OWNER.to_uppercase(), PASSWORD).await;
    let wait: u64 = refused.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=901).contains(&wait), "{wait}");
    refused.problem(429, "too_many_attempts");
    attempt("nobody@example.com", PASSWORD).await.problem(401, "invalid_credentials");
}

#[tokio::test]
async fn a_refresh_token_works_again_until_logged_out() {
    let world = World::start().await;
    let owner = world.owner().await;
    let body = json!({"refresh_token": owner["refresh_token"]});
    let next = world.post("/auth/refresh", None, body).await.expect(200);
    let body = json!({"refresh_token": next["refresh_token"]});
    for _ in 0..2 {
        assert_eq!(world.post("/auth/logout", None, body.clone()).await.status, 204);
    }
    world.post("/auth/refresh", None, body).await.problem(401, "session_ended");
    let unknown = json!({"refresh_token": "made up"});
    world.post("/auth/refresh", None, unknown).await.problem(401, "refresh_token_invalid");
}

#[tokio::test]
async fn roles_open_what_they_should_and_no_more() {
    let world = World::start().await;
    let owner = world.owner_in("Acme").await;
    let viewer = world.join(&owner, "vera@acme.example", "viewer").await;
    let admin = world.join(&owner, "ben@acme.example", "tenant_admin").await;
    assert_eq!(viewer["organization"]["owner"], false);
    world.get("/tenants/me", token(&viewer)).await.expect(200);
    world.get("/tenants/me/connections", token(&viewer)).await.expect(200);
    for path in ["/tenants/me/users", "/credentials"] {
        world.get(path, token(&viewer)).await.problem(403, "forbidden");
        world.get(path, token(&admin)).await.expect(200);
    }
    let tenant = json!({"name": "X", "time_zone": "UTC", "reporting_currency": "EUR"});
    world.post("/tenants", Some(token(&admin)), tenant).await.problem(403, "forbidden");
}

#[tokio::test]
async fn people_come_and_go() {
    let world = World::start().await;
    let owner = world.owner_in("Acme").await;
    let body = json!({"email": "Cleo@Acme.example", "role": "viewer"});
    let invited = world.post("/tenants/me/users", Some(token(&owner)), body).await.expect(201);
    let ben = world.join(&owner, "ben@acme.example", "analyst").await;

    let people = world.get("/tenants/me/users", token(&owner)).await.expect(200);
    assert_eq!(people["data"][0]["email"], "ben@acme.example");
    assert_eq!(people["data"][0]["role"], "analyst");
    let open = &people["invitations"][0];
    assert_eq!(open["id"], invited["invitation_id"]);
    assert_eq!(open["email"], "cleo@acme.example");
    assert!(open.get("token").is_none());

    let body = json!({"email": "ben@acme.example", "role": "viewer"});
    let member = world.post("/tenants/me/users", Some(token(&owner)), body).await;
    member.problem(409, "already_member");
    for id in [&invited["invitation_id"], &ben["user"]["id"]] {
        let path = format!("/tenants/me/users/{}", id.as_str().unwrap());
        assert_eq!(world.delete(&path, token(&owner)).await.status, 204);
        world.delete(&path, token(&owner)).await.problem(404, "not_found");
    }
    let body = json!({"refresh_token": ben["refresh_token"]});
    world.post("/auth/refresh", None, body).await.problem(401, "session_ended");
    let body = json!({"email": "ben@acme.example", "password": PASSWORD});
    world.post("/auth/login", None, body).await.problem(403, "no_membership");
    let people = world.get("/tenants/me/users", token(&owner)).await.expect(200);
    assert_eq!((&people["data"], &people["invitations"]), (&json!([]), &json!([])));
}

#[tokio::test]
async fn a_tenant_is_changed_in_part() {
    let world = World::start().await;
    let owner = world.owner_in("Acme").await;
    let before = world.get("/tenants/me", token(&owner)).await.expect(200);
    let change = json!({
        "reporting_currency": "USD",
        "meta_conversion_actions": ["lead", "lead", "offsite_conversion.custom.123"],
    });
    let request = world.request("PATCH", "/tenants/me").bearer_auth(token(&owner));
    let after = world.send(request.json(&change)).await.expect(200);
    let mut expected = before;
    expected["reporting_currency"] = json!("USD");
    expected["meta_conversion_actions"] = json!(["lead", "offsite_conversion.custom.123"]);
    assert_eq!(after, expected);
}
