use serde_json::json;

use crate::testing::TestApp;

#[tokio::test]
async fn the_overview_is_listed_and_compares_two_periods() {
    let app = TestApp::new().await;
    let tenant = app.tenant("UTC").await;
    app.ad(tenant, "2024-03-10", "meta_ads-1-1", ("USD", "30")).await;
    app.ad(tenant, "2024-03-11", "meta_ads-1-2", ("USD", "45")).await;
    app.ad(tenant, "2024-03-09", "meta_ads-1-1", ("USD", "50")).await;
    app.ad(tenant, "2024-03-07", "meta_ads-1-1", ("USD", "1000")).await;
    app.web(tenant, "2024-03-11", "80").await;
    let listed = app.get_ok(tenant, "/api/v1/dashboards").await;
    assert_eq!(listed["data"][0]["id"], "overview");
    let path = "/api/v1/dashboards/overview?from=2024-03-10&to=2024-03-11";
    let answer = app.get_ok(tenant, path).await;
    assert_eq!(answer["previous_period"], json!({"from": "2024-03-08", "to": "2024-03-09"}));
    let panel = &answer["data"][0];
    assert_eq!((&panel["platform"], &panel["cost"]), (&json!("meta_ads"), &json!("75")));
    assert_eq!(panel["previous"]["cost"], "50");
    assert_eq!(panel["change"]["cost"], "0.5");
    assert_eq!(panel["change"]["conversion_value"], json!(null));
    assert_eq!(panel["series"].as_array().unwrap().len(), 2);
    assert_eq!(answer["totals"][0]["change"]["cost"], "0.5");
    let top: Vec<_> = answer["top_campaigns"].as_array().unwrap().iter().collect();
    assert_eq!((&top[0]["id"], &top[1]["id"]), (&json!("meta_ads-1-2"), &json!("meta_ads-1-1")));
    let web = &answer["data"][1];
    assert_eq!((&web["platform"], &web["revenue"]), (&json!("google_analytics"), &json!("80")));
    assert_eq!(web["change"]["revenue"], json!(null), "there was nothing before");
    assert_eq!(answer["web_totals"][0]["previous"]["sessions"], 0);
}

#[tokio::test]
async fn another_dashboard_is_not_found() {
    let app = TestApp::new().await;
    let tenant = app.tenant("UTC").await;
    let (status, code, _) = app.get_problem(tenant, "/api/v1/dashboards/revenue").await;
    assert_eq!((status, code.as_str()), (404, "not_found"));
}
