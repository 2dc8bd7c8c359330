//! People: roles, invitations, and a person in two tenants.

use serde_json::{Value, json};

use crate::world::{PASSWORD, Tenant, World, text};

async fn invite(world: &World, tenant: &Tenant, email: &str, role: &str) -> String {
    let body = json!({"email": email, "role": role});
    let invited = world.post("/tenants/me/users", &tenant.token, body).await.expect(201);
    text(&invited, "token").to_owned()
}

async fn log_in(world: &World, body: Value) -> Value {
    world.call("POST", "/auth/login", None, Some(&body)).await.expect(200)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_in_two_tenants_sees_each_only_under_its_own_token() {
    let world = World::start().await;
    let (northwind, bluebird) = world.two_tenants().await;
    for tenant in [&northwind, &bluebird] {
        world.synced(tenant, &[]);
    }
    let email = "ana@example.com";
    let first = invite(&world, &northwind, email, "analyst").await;
    let second = invite(&world, &bluebird, email, "viewer").await;
    let body = json!({"email": email, "password": PASSWORD, "name": "Ana", "invitation": first});
    world.call("POST", "/auth/signup", None, Some(&body)).await.expect(201);
    let login = json!({"email": email, "password": PASSWORD, "invitation": second});
    let in_bluebird = log_in(&world, login).await;
    assert_eq!(in_bluebird["tenant"]["id"], json!(bluebird.id));
    let refresh = json!({
        "refresh_token": in_bluebird["refresh_token"],
        "tenant_id": northwind.id,
    });
    let in_northwind = world.call("POST", "/auth/refresh", None, Some(&refresh)).await.expect(200);
    assert_eq!(in_northwind["tenant"]["role"], "analyst");

    let mut campaigns = Vec::new();
    for (session, tenant) in [(&in_bluebird, &bluebird), (&in_northwind, &northwind)] {
        let token = text(session, "access_token");
        let seen = world.get("/api/v1/campaigns?limit=500", token).await.expect(200);
        let own = world.get("/api/v1/campaigns?limit=500", &tenant.token).await.expect(200);
        assert_eq!(seen["data"], own["data"], "not what {} itself sees", tenant.name);
        campaigns.push(seen["data"].clone());
    }
    assert_ne!(campaigns[0], campaigns[1]);
    let viewer = text(&in_bluebird, "access_token");
    world.post("/api/v1/sync", viewer, json!({})).await.expect(403);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_invitation_nobody_comes_in_after_the_first() {
    let world = World::start().await;
    let owner = world.owner().await;
    assert_eq!(owner["organization"]["owner"], true);
    let body = json!({"email": "eve@example.com", "password": PASSWORD, "name": "Eve"});
    world.call("POST", "/auth/signup", None, Some(&body)).await.expect(403);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenants_own_administrator_sees_none_of_the_agencys_credentials() {
    let world = World::start().await;
    let (northwind, _) = world.two_tenants().await;
    let token = invite(&world, &northwind, "tom@example.com", "tenant_admin").await;
    let body = json!({
        "email": "tom@example.com",
        "password": PASSWORD,
        "name": "Tom",
        "invitation": token,
    });
    let tom = world.call("POST", "/auth/signup", None, Some(&body)).await.expect(201);
    let tom = text(&tom, "access_token");
    let listed = world.get("/credentials", tom).await.expect(200);
    assert_eq!(listed["data"], json!([]));
    let shared = world.get("/credentials", &northwind.token).await.expect(200);
    for credential in shared["data"].as_array().expect("a list") {
        let path = format!("/credentials/{}/accounts", text(credential, "id"));
        world.get(&path, tom).await.expect(404);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_was_removed_cannot_use_the_tokens_last_minutes_to_come_back() {
    let world = World::start().await;
    let (northwind, _) = world.two_tenants().await;
    let join = invite(&world, &northwind, "eve@example.com", "tenant_admin").await;
    let body = json!({
        "email": "eve@example.com",
        "password": PASSWORD,
        "name": "Eve",
        "invitation": join,
    });
    let eve = world.call("POST", "/auth/signup", None, Some(&body)).await.expect(201);
    let stale = text(&eve, "access_token");
    let body = json!({"email": "mallory@example.com", "role": "tenant_admin"});
    let kept = world.post("/tenants/me/users", stale, body).await.expect(201);

    let path = format!("/tenants/me/users/{}", text(&eve["user"], "id"));
    world.call("DELETE", &path, Some(&northwind.token), None).await.expect(204);

    let again = json!({"email": "eve@example.com", "role": "tenant_admin"});
    world.post("/tenants/me/users", stale, again).await.expect(403);
    world.post("/tenants/me/oauth/meta", stale, json!({})).await.expect(403);
    world.post("/api/v1/sync", stale, json!({})).await.expect(403);
    world.get("/credentials", stale).await.expect(403);
    let body = json!({
        "email": "mallory@example.com",
        "password": PASSWORD,
        "name": "Mallory",
        "invitation": text(&kept, "token"),
    });
    world.call("POST", "/auth/signup", None, Some(&body)).await.expect(400);
}
