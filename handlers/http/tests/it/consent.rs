//! Consent: bound to person, tenant, platform and browser; one use; ten minutes.

use chrono::TimeDelta;
use domain::BusinessClock;
use serde_json::json;

use crate::world::{AGENCY, World, token};

#[tokio::test]
async fn a_consent_makes_a_credential_whose_accounts_are_listed() {
    let world = World::start().await;
    let owner = world.owner_in("Acme").await;
    for (route, platform) in
        [("google-ads", "google_ads"), ("meta", "meta_ads"), ("ga", "google_analytics")]
    {
        let started = world.consent(&owner, route, AGENCY).await;
        assert_eq!(started.callback.path(), format!("/oauth/callback/{route}"));
        let answer = world.come_back(&started.callback, Some(&started.cookie)).await.expect(200);
        assert_eq!(answer["platform"], platform);
        let credential = answer["credential_id"].as_str().unwrap();
        let path = format!("/credentials/{credential}/accounts");
        let accounts = world.get(&path, token(&owner)).await.expect(200);
        let accounts = accounts["data"].as_array().unwrap();
        assert!(accounts.len() >= 2, "{accounts:?}");
        assert!(accounts.iter().all(|account| account["assigned"] == json!(false)));
    }
    let listed = world.get("/credentials", token(&owner)).await.expect(200);
    let listed = listed["data"].as_array().unwrap();
    assert_eq!(listed.len(), 3);
    for credential in listed {
        assert_eq!(credential["login"], AGENCY);
        assert_eq!(credential["status"], "active");
        assert_eq!(credential["shared"], true);
    }
}

#[tokio::test]
async fn the_cookie_is_out_of_reach_of_scripts_and_other_sites() {
    let world = World::start().await;
    let owner = world.owner_in("Acme").await;
    let started = world.consent(&owner, "meta", AGENCY).await;
    let attributes: Vec<_> = started.set_cookie.split("; ").skip(1).collect();
    assert_eq!(
        attributes,
        ["Path=/oauth/callback/meta", "Max-Age=600", "HttpOnly", "SameSite=Lax", "Secure"]
    );
    let secret = started.cookie.split_once('=').unwrap().1;
    assert!(!started.callback.as_str().contains(secret));
}

#[tokio::test]
async fn a_callback_works_once() {
    let world = World::start().await;
    let owner = world.owner_in("Acme").await;
    let started = world.consent(&owner, "google-ads", AGENCY).await;
    world.come_back(&started.callback, Some(&started.cookie)).await.expect(200);
    let again = world.come_back(&started.callback, Some(&started.cookie)).await;
    again.problem(400, "consent_invalid");
}

#[tokio::test]
async fn another_browser_cannot_finish_a_consent() {
    let world = World::start().await;
    let owner = world.owner_in("Acme").await;
    let other = world.consent(&owner, "google-ads", AGENCY).await;
    for cookie in [None, Some("miq_oauth="), Some("other=1"), Some(other.cookie.as_str())] {
        let started = world.consent(&owner, "google-ads", AGENCY).await;
        let stolen = world.come_back(&started.callback, cookie).await;
        stolen.problem(400, "consent_other_browser");
        let late = world.come_back(&started.callback, Some(&started.cookie)).await;
        late.problem(400, "consent_invalid");
    }
    let none = world.get("/credentials", token(&owner)).await.expect(200);
    assert_eq!(none["data"], json!([]));
}

#[tokio::test]
async fn a_consent_for_one_platform_is_none_for_another() {
    let world = World::start().await;
    let owner = world.owner_in("Acme").await;
    let started = world.consent(&owner, "google-ads", AGENCY).await;
    let mut elsewhere = started.callback.clone();
    elsewhere.set_path("/oauth/callback/ga");
    world.come_back(&elsewhere, Some(&started.cookie)).await.problem(400, "consent_invalid");
    elsewhere.set_path("/oauth/callback/tiktok");
    world.come_back(&elsewhere, Some(&started.cookie)).await.problem(404, "not_found");
}

#[tokio::test]
async fn a_consent_left_lying_for_ten_minutes_is_void() {
    let world = World::start().await;
    let owner = world.owner_in("Acme").await;
    let started = world.consent(&owner, "meta", AGENCY).await;
    world.clock.set(world.clock.now() + TimeDelta::minutes(10));
    let late = world.come_back(&started.callback, Some(&started.cookie)).await;
    late.problem(400, "consent_invalid");
}

#[tokio::test]
async fn declining_is_said_so_and_nothing_is_kept() {
    let world = World::start().await;
    let owner = world.owner_in("Acme").await;
    world.control("consent", json!({"deny": true})).await;
    let started = world.consent(&owner, "google-ads", AGENCY).await;
    assert!(started.callback.query().unwrap().contains("error=access_denied"));
    let declined = world.come_back(&started.callback, Some(&started.cookie)).await;
    let problem = declined.problem(400, "consent_declined");
    assert!(problem["detail"].as_str().unwrap().contains("Google Ads"));
    let none = world.get("/credentials", token(&owner)).await.expect(200);
    assert_eq!(none["data"], json!([]));
}

#[tokio::test]
async fn an_unticked_box_is_told_by_name() {
    let world = World::start().await;
    let owner = world.owner_in("Acme").await;
    let scope = "https://www.googleapis.com/auth/adwords";
    world.control("consent", json!({"untick": [scope]})).await;
    let started = world.consent(&owner, "google-ads", AGENCY).await;
    let refused = world.come_back(&started.callback, Some(&started.cookie)).await;
    refused.problem(409, "missing_scope");
    let none = world.get("/credentials", token(&owner)).await.expect(200);
    assert_eq!(none["data"], json!([]));
}

#[tokio::test]
async fn a_made_up_code_gains_nothing() {
    let world = World::start().await;
    let owner = world.owner_in("Acme").await;
    let started = world.consent(&owner, "google-ads", AGENCY).await;
    let mut forged = started.callback.clone();
    let state = forged.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
    forged.query_pairs_mut().clear().append_pair("state", &state).append_pair("code", "made-up");
    let refused = world.come_back(&forged, Some(&started.cookie)).await;
    refused.problem(409, "needs_reauth");
}

#[tokio::test]
async fn a_browser_is_shown_a_page_that_passes_nothing_on() {
    let world = World::start().await;
    let owner = world.owner_in("Acme").await;
    let started = world.consent(&owner, "meta", AGENCY).await;
    let path = format!("{}?{}", started.callback.path(), started.callback.query().unwrap());
    let request = world
        .request("GET", &path)
        .header("accept", "text/html,application/xhtml+xml")
        .header("cookie", &started.cookie);
    // reqwest appends: the last one counts.
    let page = world.send(request).await;
    assert_eq!(page.headers["content-type"], "text/html; charset=utf-8");
    assert_eq!(page.headers["referrer-policy"], "no-referrer");
    assert!(page.headers["set-cookie"].to_str().unwrap().contains("Max-Age=0"));
    assert!(page.body.as_str().unwrap().contains("Meta Ads is connected"));
}

#[tokio::test]
async fn consenting_again_renews_the_credential() {
    let world = World::start().await;
    let owner = world.owner_in("Acme").await;
    let first = world.connected(&owner, "google-ads", AGENCY).await;
    assert_eq!(world.connected(&owner, "google-ads", AGENCY).await, first);
    let listed = world.get("/credentials", token(&owner)).await.expect(200);
    assert_eq!(listed["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn no_token_of_a_platform_reaches_the_database() {
    let world = World::start().await;
    let owner = world.owner_in("Acme").await;
    for route in ["google-ads", "meta", "ga"] {
        world.connected(&owner, route, AGENCY).await;
    }
    let dump: String = sqlx::query_scalar(
        "select concat((select string_agg(c::text, '') from app.credentials as c),
                       (select string_agg(a::text, '') from app.audit_log as a),
                       (select string_agg(s::text, '') from app.oauth_states as s))",
    )
    .fetch_one(world.database.owner())
    .await
    .unwrap();
    assert!(dump.contains("google_ads"));
    // How the simulators' tokens begin, as the platforms' own do.
    for beginning in ["ya29.", "1//", "EAA"] {
        assert!(!dump.contains(beginning), "{dump}");
    }
}
