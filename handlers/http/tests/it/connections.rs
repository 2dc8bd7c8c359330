//! Assigning accounts: only through a credential that reaches them, only to one's own tenant.

use serde_json::{Value, json};

use crate::world::{AGENCY, OWNER, World, token};

async fn accounts(world: &World, session: &Value, credential: &str) -> Vec<Value> {
    let path = format!("/credentials/{credential}/accounts");
    let answer = world.get(&path, token(session)).await.expect(200);
    answer["data"].as_array().unwrap().clone()
}

#[tokio::test]
async fn one_login_feeds_two_tenants_that_do_not_see_each_others_accounts() {
    let world = World::start().await;
    let owner = world.owner_in("Acme").await;
    let bolt = world.tenant(&owner, "Bolt").await;
    let in_bolt = world.log_in(OWNER, &bolt).await;
    let credential = world.connected(&owner, "google-ads", AGENCY).await;
    let reached = accounts(&world, &owner, &credential).await;
    let connect = async |session: &Value, account: &Value| {
        let body = json!({"credential_id": credential, "account_id": account["account_id"]});
        world.post("/tenants/me/connections", Some(token(session)), body).await
    };

    let made = connect(&owner, &reached[0]).await.expect(201);
    assert_eq!(made["platform"], "google_ads");
    for member in ["account_id", "name", "currency", "time_zone"] {
        assert_eq!(made[member], reached[0][member]);
    }
    assert_eq!(made["status"], "active");
    connect(&owner, &reached[0]).await.problem(409, "already_connected");
    connect(&in_bolt, &reached[1]).await.expect(201);

    let listed = world.get("/tenants/me/connections", token(&owner)).await.expect(200);
    assert_eq!(listed, json!({"data": [made], "next_cursor": null}));
    let assigned = |accounts: Vec<Value>| -> Vec<Value> {
        accounts.into_iter().filter(|account| account["assigned"] == json!(true)).collect()
    };
    let in_acme = assigned(accounts(&world, &owner, &credential).await);
    assert_eq!(in_acme.len(), 1);
    assert_eq!(in_acme[0]["account_id"], reached[0]["account_id"]);
    let in_bolt_now = assigned(accounts(&world, &in_bolt, &credential).await);
    assert_eq!(in_bolt_now[0]["account_id"], reached[1]["account_id"]);

    let path = format!("/tenants/me/connections/{}", made["id"].as_str().unwrap());
    world.delete(&path, token(&in_bolt)).await.problem(404, "not_found");
    assert_eq!(world.delete(&path, token(&owner)).await.status, 204);
    world.delete(&path, token(&owner)).await.problem(404, "not_found");
}

#[tokio::test]
async fn an_account_that_the_login_does_not_reach_is_not_assigned() {
    let world = World::start().await;
    let owner = world.owner_in("Acme").await;
    let all = world.connected(&owner, "meta", AGENCY).await;
    let all = accounts(&world, &owner, &all).await;
    let narrow = world.connected(&owner, "meta", "northwind@example.com").await;
    let reached = accounts(&world, &owner, &narrow).await;
    let beyond = all.iter().find(|account| !reached.contains(account)).unwrap();
    for account_id in [&beyond["account_id"], &json!("0"), &json!("act_1\0")] {
        let body = json!({"credential_id": narrow, "account_id": account_id});
        let refused = world.post("/tenants/me/connections", Some(token(&owner)), body).await;
        assert_eq!(refused.problem(404, "not_found")["field"], "account_id");
    }
}

#[tokio::test]
async fn a_tenants_own_credential_is_of_no_use_elsewhere() {
    let world = World::start().await;
    let owner = world.owner_in("Acme").await;
    let bolt = world.tenant(&owner, "Bolt").await;
    let ben = world.join(&owner, "ben@acme.example", "tenant_admin").await;
    let own = world.connected(&ben, "meta", "northwind@example.com").await;
    let shared = world.connected(&owner, "meta", AGENCY).await;

    let listed = world.get("/credentials", token(&ben)).await.expect(200);
    let listed = listed["data"].as_array().unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!((&listed[0]["id"], &listed[0]["shared"]), (&json!(own), &json!(false)));

    let owner_in_bolt = world.log_in(OWNER, &bolt).await;
    for (session, credential) in [(&ben, &shared), (&owner_in_bolt, &own)] {
        let path = format!("/credentials/{credential}/accounts");
        world.get(&path, token(session)).await.problem(404, "not_found");
        let body = json!({"credential_id": credential, "account_id": "1"});
        let refused = world.post("/tenants/me/connections", Some(token(session)), body).await;
        refused.problem(404, "not_found");
    }
}

#[tokio::test]
async fn a_withdrawn_consent_shows_until_it_is_given_again() {
    let world = World::start().await;
    let owner = world.owner_in("Acme").await;
    let credential = world.connected(&owner, "google-ads", AGENCY).await;
    let account = accounts(&world, &owner, &credential).await.remove(0);
    let body = json!({"credential_id": credential, "account_id": account["account_id"]});
    world.post("/tenants/me/connections", Some(token(&owner)), body).await.expect(201);
    let statuses = async || {
        let credentials = world.get("/credentials", token(&owner)).await.expect(200);
        let connections = world.get("/tenants/me/connections", token(&owner)).await.expect(200);
        (credentials["data"][0]["status"].clone(), connections["data"][0]["status"].clone())
    };
    assert_eq!(statuses().await, (json!("active"), json!("active")));

    world.control("fault", json!({"platform": "google_ads", "kind": "revoked"})).await;
    let path = format!("/credentials/{credential}/accounts");
    world.get(&path, token(&owner)).await.problem(409, "needs_reauth");
    assert_eq!(statuses().await, (json!("needs_reauth"), json!("needs_reauth")));
    assert_eq!(world.connected(&owner, "google-ads", AGENCY).await, credential);
    assert_eq!(statuses().await, (json!("active"), json!("active")));
    world.get(&path, token(&owner)).await.expect(200);
}

#[tokio::test]
async fn a_token_that_died_early_is_renewed_unseen() {
    let world = World::start().await;
    let owner = world.owner_in("Acme").await;
    let credential = world.connected(&owner, "google-ads", AGENCY).await;
    world.control("fault", json!({"platform": "google_ads", "kind": "token_expired"})).await;
    assert!(!accounts(&world, &owner, &credential).await.is_empty());
}

#[tokio::test]
async fn a_platform_in_trouble_is_no_fault_of_ours() {
    let world = World::start().await;
    let owner = world.owner_in("Acme").await;
    let credential = world.connected(&owner, "meta", AGENCY).await;
    let order = json!({"platform": "meta_ads", "kind": "error_in_200", "times": 50});
    world.control("fault", order).await;
    let path = format!("/credentials/{credential}/accounts");
    world.get(&path, token(&owner)).await.problem(503, "platform_unavailable");
}
