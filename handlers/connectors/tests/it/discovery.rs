//! Calls outside extractions, where the platform fails in part or keeps us waiting.

use std::time::Duration;

use connectors::{Interactive, Timing};
use domain::Platform;
use domain::ports::{AuthorizationRequest, Grant, PlatformAccess};
use serde_json::json;
use url::Url;

use crate::gather::hasty;
use crate::scripted::{Act, Server, answer, ok};

#[tokio::test]
async fn one_closed_customer_does_not_hide_the_others() {
    let client = |id: &str| {
        json!([{"results": [{"customerClient": {"id": id, "manager": false,
            "descriptiveName": "Shop", "timeZone": "Europe/Amsterdam", "currencyCode": "EUR",
            "status": "ENABLED"}}]}])
        .to_string()
    };
    let closed = json!([{"error": {"code": 403, "status": "PERMISSION_DENIED", "details": [
        {"errors": [{"errorCode": {"authorizationError": "CUSTOMER_NOT_ENABLED"}}]}]}}]);
    // Hierarchies are read several at a time, in any order, so all but the listing is the same
    // for whoever comes first.
    let server = Server::playing(vec![
        ok(r#"{"resourceNames":["customers/1","customers/2"]}"#),
        answer("403 Forbidden", "", closed.to_string()),
        ok(client("2")),
    ])
    .await;
    let found = server.platforms(hasty()).accounts(Platform::GoogleAds, &"t".into()).await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].account_id.as_str(), found[0].active), ("2", true));
}

fn properties(count: usize) -> Act {
    let properties: Vec<_> =
        (0..count).map(|number| json!({"property": format!("properties/{number}")})).collect();
    ok(json!({"accountSummaries": [{"propertySummaries": properties}]}).to_string())
}

fn metadata() -> Act {
    let metadata = json!({"currencyCode": "EUR", "timeZone": "Europe/Amsterdam"});
    ok(json!({ "metadata": metadata }).to_string())
}

#[tokio::test]
async fn one_property_without_quota_does_not_hide_the_others() {
    let out_of_quota = answer("429 Too Many Requests", "retry-after: 1800\r\n", "");
    let script = vec![properties(3), metadata(), out_of_quota.clone(), metadata()];
    let server = Server::playing(script).await;
    let platform = Platform::GoogleAnalytics;
    let found = server.platforms(hasty()).accounts(platform, &"t".into()).await.unwrap();
    assert_eq!(found.len(), 2);

    // Where all fail, none is not the answer.
    let server = Server::playing(vec![properties(1), out_of_quota]).await;
    let error = server.platforms(hasty()).accounts(platform, &"t".into()).await.unwrap_err();
    assert_eq!(error.code(), "throttled");

    // A dead token is not about one property.
    let dead = answer("401 Unauthorized", "", "");
    let server = Server::playing(vec![properties(2), metadata(), dead]).await;
    let error = server.platforms(hasty()).accounts(platform, &"t".into()).await.unwrap_err();
    assert_eq!(error.code(), "needs_reauth");
}

fn grant() -> Grant {
    Grant {
        access_token: "old".into(),
        access_expires_at: None,
        refresh_token: Some("refresh".into()),
        scopes: Vec::new(),
    }
}

#[tokio::test]
async fn a_wait_that_a_person_would_not_sit_out_is_handed_back_at_once() {
    let later = answer("429 Too Many Requests", "retry-after: 4\r\n", "{}");
    let server = Server::playing(vec![later; 5]).await;
    let platforms = server.platforms(hasty());
    let error = platforms.refresh(Platform::GoogleAds, &grant()).await.unwrap_err();
    assert_eq!(error.code(), "throttled");
    assert_eq!(server.calls().len(), 1);
}

/// Ends a call that would hang for as long as an extraction may, which is a minute and more.
async fn promptly<T>(call: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(45), call).await.expect("a person's call ends early")
}

#[tokio::test]
async fn a_platform_that_hangs_is_named_before_the_person_gives_up() {
    let call = Duration::from_millis(600);
    let interactive =
        Interactive { answer: Duration::from_millis(300), call, ..Interactive::default() };
    let server = Server::playing(vec![Act::SendAndHang(Vec::new()); 20]).await;
    let platforms = server.platforms(Timing { interactive, ..hasty() });
    let refreshed = promptly(platforms.refresh(Platform::GoogleAds, &grant())).await;
    let error = refreshed.unwrap_err();
    assert_eq!(error.code(), "platform_unavailable");
    assert!(server.calls().len() < 4, "the tries together have their limit too");

    // A call with time left, but not for all calls together.
    let all_calls = Duration::from_millis(300);
    let patient = Duration::from_hours(1);
    let interactive =
        Interactive { all_calls, answer: patient, call: patient, ..Interactive::default() };
    let server = Server::playing(vec![properties(1), Act::SendAndHang(Vec::new())]).await;
    let platforms = server.platforms(Timing { interactive, ..hasty() });
    let token = "t".into();
    let found = promptly(platforms.accounts(Platform::GoogleAnalytics, &token)).await;
    assert_eq!(found.unwrap_err().code(), "platform_unavailable");
    assert!(server.calls().len() <= 2, "the call that hangs is not tried again");
}

#[tokio::test]
async fn meta_asks_again_for_a_permission_that_was_declined() {
    let server = Server::playing(Vec::new()).await;
    let request = AuthorizationRequest {
        platform: Platform::MetaAds,
        redirect_uri: Url::parse("http://127.0.0.1:1/oauth/callback").unwrap(),
        state: "the-state".to_owned(),
        code_verifier: "a-verifier".into(),
        login_hint: None,
    };
    let url = server.platforms(hasty()).authorization_url(&request).unwrap();
    assert!(url.query_pairs().any(|pair| pair == ("auth_type".into(), "rerequest".into())));
}
