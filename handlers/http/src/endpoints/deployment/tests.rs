use std::sync::Arc;

use serde_json::json;
use stores::PostgresServing;
use stores::testing::TestDatabase;

use crate::testing::{TestApp, json as body_of};

#[tokio::test]
async fn health_names_its_parts_and_the_data_version() {
    let app = TestApp::new().await;
    app.publish().await;
    let reply = app.send("GET", "/health", &[], "").await;
    assert_eq!(reply.status(), 200);
    let report = body_of(&reply);
    assert_eq!((&report["status"], &report["data_version"]), (&json!("ok"), &json!(1)));
    assert_eq!(report["parts"], json!({"database": "ok"}));
}

#[tokio::test]
async fn without_its_database_a_deployment_is_down_and_says_so_cleanly() {
    let database = TestDatabase::new().await;
    database.api_pool().close().await;
    let serving = Arc::new(PostgresServing::new(database.api()));
    let app = TestApp::over(database, serving);
    let reply = app.send("GET", "/health", &[], "").await;
    assert_eq!(reply.status(), 503);
    let report = body_of(&reply);
    assert_eq!(
        (&report["status"], &report["parts"]),
        (&json!("down"), &json!({"database": "down"}))
    );
    assert!(reply.headers().contains_key("retry-after"));
    let tenant = app.tenant("UTC").await;
    let (status, code, _) = app.get_problem(tenant, "/api/v1/metrics").await;
    assert_eq!((status, code.as_str()), (503, "unavailable"));
}

#[tokio::test]
async fn the_api_describes_itself() {
    let app = TestApp::new().await;
    let reply = app.send("GET", "/openapi.json", &[], "").await;
    assert_eq!(reply.headers()["content-type"], "application/json");
    assert_eq!(body_of(&reply)["openapi"], "3.1.0");
}

#[tokio::test]
async fn the_page_runs_nothing_but_its_own_script() {
    let app = TestApp::new().await;
    let reply = app.send("GET", "/docs", &[], "").await;
    assert_eq!(reply.headers()["content-type"], "text/html; charset=utf-8");
    let policy = reply.headers()["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'; script-src 'sha256-"), "{policy}");
    let page = std::str::from_utf8(reply.body()).unwrap();
    for element in ["script", "style"] {
        assert_eq!(
            page.matches(&format!("<{element}")).count(),
            1,
            "one {element}, the hashed one"
        );
    }
    for elsewhere in ["src=", "http://", "https://", "style=\"", "onclick=\"", "innerHTML"] {
        assert!(!page.contains(elsewhere), "the page holds {elsewhere:?}");
    }
}
