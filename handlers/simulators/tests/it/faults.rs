//! Ordered faults reach the call that they are meant for, as often as ordered, and no other.

use serde_json::{Value, json};

use crate::support::{Simulator, failure, json_of, list, simulator, text};

const ACCOUNT: &str = "4310050021";
const QUERY: &str = "SELECT campaign.id, campaign.name FROM campaign";

struct Site {
    simulator: Simulator,
    google: String,
    meta: String,
}

impl Site {
    async fn new() -> Self {
        let simulator = simulator().await;
        let google = simulator.google("agency@example.com").await;
        let meta = simulator.meta("agency@example.com").await;
        Self { simulator, google, meta }
    }

    async fn order(&self, order: Value) {
        self.simulator.control("fault", order).await;
    }

    async fn google(&self) -> reqwest::Response {
        self.simulator.stream(&self.google, ACCOUNT, QUERY).await
    }

    async fn graph(&self, path: &str) -> reqwest::Response {
        let call = self.simulator.get(&format!("/graph/v26.0/{path}")).bearer_auth(&self.meta);
        call.send().await.expect("answer")
    }
}

#[tokio::test]
async fn refusals_come_in_the_platforms_words_as_often_as_ordered() {
    let site = Site::new().await;
    for (kind, status, expected) in [
        ("throttle", 429, "quotaError: RESOURCE_TEMPORARILY_EXHAUSTED"),
        ("server_error", 500, "internalError: INTERNAL_ERROR"),
        ("service_unavailable", 503, "internalError: TRANSIENT_ERROR"),
        ("error_in_200", 200, "internalError: INTERNAL_ERROR"),
        ("token_expired", 401, "authenticationError: OAUTH_TOKEN_EXPIRED"),
        ("dead_version", 400, "requestError: UNSUPPORTED_VERSION"),
        ("account_disabled", 403, "authorizationError: CUSTOMER_NOT_ENABLED"),
        ("permission_denied", 403, "authorizationError: USER_PERMISSION_DENIED"),
    ] {
        let order = json!({
            "platform": "google_ads", "account_id": ACCOUNT, "kind": kind, "times": 2,
        });
        site.order(order).await;
        let other = site.simulator.stream(&site.google, "7720060042", QUERY).await;
        assert_eq!(other.status(), 200, "{kind}");
        for _ in 0..2 {
            let body = json_of(site.google().await, status).await;
            assert_eq!(failure(&body), expected);
        }
        json_of(site.google().await, 200).await;
    }
}

#[tokio::test]
async fn metas_refusals_carry_its_codes() {
    let site = Site::new().await;
    for (kind, status, code) in [
        ("throttle", 400, 17),
        ("server_error", 500, 1),
        ("service_unavailable", 503, 2),
        ("error_in_200", 200, 2),
        ("token_expired", 400, 190),
        ("dead_version", 400, 2_635),
        ("account_disabled", 403, 200),
        ("permission_denied", 403, 200),
    ] {
        site.order(json!({ "platform": "meta_ads", "kind": kind })).await;
        let body = json_of(site.graph("me/adaccounts").await, status).await;
        assert_eq!(body["error"]["code"], code, "{kind}");
        json_of(site.graph("me/adaccounts").await, 200).await;
    }
}

#[tokio::test]
async fn broken_transport_is_broken() {
    let site = Site::new().await;
    let order = |kind: &str| json!({ "platform": "google_ads", "kind": kind });
    let list = || {
        let call = site.simulator.get("/google-ads/v26/customers:listAccessibleCustomers");
        call.bearer_auth(&site.google).send()
    };
    site.order(order("reset")).await;
    let cut = match list().await {
        Err(_) => true,
        Ok(answer) => answer.bytes().await.is_err(),
    };
    assert!(cut, "the connection was to be cut");

    site.order(order("truncated")).await;
    let answer = list().await.expect("headers");
    assert!(answer.bytes().await.is_err(), "the body was to end early");

    site.order(order("half_json_200")).await;
    let answer = list().await.expect("answer");
    assert_eq!(answer.status(), 200);
    let body = answer.bytes().await.expect("a whole body");
    assert!(serde_json::from_slice::<Value>(&body).is_err());

    site.order(order("slow")).await;
    json_of(list().await.expect("answer"), 200).await;
}

#[tokio::test]
async fn a_revoked_consent_is_dead_for_good() {
    let site = Site::new().await;
    site.order(json!({ "platform": "google_ads", "account_id": ACCOUNT, "kind": "revoked" })).await;
    for _ in 0..2 {
        let body = json_of(site.google().await, 401).await;
        assert_eq!(failure(&body), "authenticationError: OAUTH_TOKEN_REVOKED");
    }
    site.simulator.control("reset", json!({})).await;
    json_of(site.google().await, 200).await;
}

#[tokio::test]
async fn report_runs_get_stuck_or_fail() {
    let site = Site::new().await;
    let run = async || {
        let url = site.simulator.url("/graph/v26.0/act_120210045500202/insights");
        let call = site.simulator.client.post(url).bearer_auth(&site.meta);
        text(&json_of(call.send().await.expect("answer"), 200).await["report_run_id"])
    };
    site.order(json!({ "platform": "meta_ads", "kind": "stuck_report" })).await;
    let stuck = run().await;
    for _ in 0..5 {
        assert_eq!(json_of(site.graph(&stuck).await, 200).await["async_status"], "Job Running");
    }
    site.order(json!({ "platform": "meta_ads", "kind": "failed_report" })).await;
    let failed = run().await;
    site.graph(&failed).await;
    let state = json_of(site.graph(&failed).await, 200).await;
    assert_eq!(state["async_status"], "Job Failed");
    assert_eq!(state["error_subcode"], 2_490_547);
}

#[tokio::test]
async fn a_page_token_expires_only_for_a_call_that_has_one() {
    let site = Site::new().await;
    site.order(json!({ "platform": "meta_ads", "kind": "expired_page_token" })).await;
    let first = json_of(site.graph("me/adaccounts?limit=1").await, 200).await;
    let next = text(&first["paging"]["next"]);
    let expired = site.simulator.client.get(&next).send().await.expect("answer");
    assert_eq!(json_of(expired, 400).await["error"]["code"], 100);
    let again = site.simulator.client.get(&next).send().await.expect("answer");
    assert_eq!(again.status(), 200);
}

#[tokio::test]
async fn calls_are_counted_by_endpoint_and_account() {
    let site = Site::new().await;
    site.google().await;
    site.google().await;
    let stats = site.simulator.get("/_stats").send().await.expect("answer");
    let stats = json_of(stats, 200).await;
    let row = list(&stats["calls"]).iter().find(|row| row["endpoint"] == "searchStream");
    let expected = json!({
        "platform": "google_ads", "endpoint": "searchStream", "account_id": ACCOUNT, "count": 2,
    });
    assert_eq!(row, Some(&expected));
}

#[tokio::test]
async fn an_order_that_makes_no_sense_is_refused() {
    let simulator = simulator().await;
    for (path, body) in [
        ("fault", json!({ "platform": "google_ads", "kind": "flood" })),
        ("fault", json!({ "platform": "google_ads", "kind": "reset", "time": 2 })),
        ("vanish", json!({ "platform": "meta_ads", "account_id": "1", "date": "2024-05-01" })),
        (
            "restate",
            json!({ "platform": "google_ads", "account_id": ACCOUNT, "date": "2024-05-01",
                    "factor": "-1" }),
        ),
    ] {
        let answer = simulator.post(&format!("/_control/{path}"), &body).send().await;
        assert_eq!(answer.expect("answer").status(), 400, "{body}");
    }
}

#[tokio::test]
async fn the_token_endpoint_fails_only_when_it_is_named() {
    let simulator = simulator().await;
    let tokens = simulator.google_tokens("agency@example.com").await;
    let refresh = text(&tokens["refresh_token"]);
    let fields = [("grant_type", "refresh_token"), ("refresh_token", refresh.as_str())];
    simulator.control("fault", json!({ "platform": "google_ads", "kind": "server_error" })).await;
    assert_eq!(simulator.google_token(&fields).await.status(), 200);
    let order = json!({ "platform": "google_ads", "endpoint": "token", "kind": "server_error" });
    simulator.control("fault", order).await;
    assert_eq!(simulator.google_token(&fields).await.status(), 500);
    assert_eq!(simulator.google_token(&fields).await.status(), 200);
}

#[tokio::test]
async fn a_report_run_takes_as_many_polls_as_ordered() {
    let site = Site::new().await;
    site.simulator.control("latency", json!({ "report_polls": 3 })).await;
    let url = site.simulator.url("/graph/v26.0/act_120210045500202/insights");
    let order = site.simulator.client.post(url).bearer_auth(&site.meta).send().await;
    let run = text(&json_of(order.expect("answer"), 200).await["report_run_id"]);
    let mut states = Vec::new();
    for _ in 0..4 {
        states.push(text(&json_of(site.graph(&run).await, 200).await["async_status"]));
    }
    assert_eq!(states, ["Job Started", "Job Started", "Job Running", "Job Completed"]);
}
