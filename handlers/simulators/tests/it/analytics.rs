use reqwest::Response;
use serde_json::{Value, json};

use crate::support::{Simulator, json_of, list, simulator, text};

const PROPERTY: &str = "345100201";

async fn report(simulator: &Simulator, token: &str, property: &str, more: &Value) -> Response {
    let mut body = json!({
        "dimensions": [{ "name": "date" }, { "name": "sessionMedium" }],
        "metrics": [{ "name": "sessions" }, { "name": "totalRevenue" }],
        "dateRanges": [{ "startDate": "2024-05-01", "endDate": "2024-05-31" }],
    });
    for (name, value) in more.as_object().expect("an object") {
        body[name] = value.clone();
    }
    let path = format!("/analytics-data/v1beta/properties/{property}:runReport");
    simulator.post(&path, &body).bearer_auth(token).send().await.expect("answer")
}

#[tokio::test]
async fn summaries_name_the_properties_page_by_page() {
    let simulator = simulator().await;
    let token = simulator.google("agency@example.com").await;
    let page = async |query: &[(&str, &str)]| {
        let call = simulator.get("/analytics-admin/v1beta/accountSummaries").query(query);
        json_of(call.bearer_auth(&token).send().await.expect("answer"), 200).await
    };
    let first = page(&[("pageSize", "1")]).await;
    let property = &first["accountSummaries"][0]["propertySummaries"][0];
    assert_eq!(property["property"], format!("properties/{PROPERTY}"));
    let next = text(&first["nextPageToken"]);
    let second = page(&[("pageSize", "1"), ("pageToken", &next)]).await;
    assert_ne!(second["accountSummaries"], first["accountSummaries"]);
    assert!(second.get("nextPageToken").is_none());
}

#[tokio::test]
async fn a_report_names_zone_and_currency_and_the_quota_when_asked() {
    let simulator = simulator().await;
    let token = simulator.google("northwind@example.com").await;
    let more = json!({ "returnPropertyQuota": true, "limit": "3", "offset": 2 });
    let body = json_of(report(&simulator, &token, PROPERTY, &more).await, 200).await;
    assert_eq!(body["metadata"], json!({ "currencyCode": "EUR", "timeZone": "Europe/Amsterdam" }));
    assert_eq!(list(&body["rows"]).len(), 3);
    assert!(body["rowCount"].as_u64() > Some(90));
    assert_eq!(
        body["metricHeaders"][1],
        json!({ "name": "totalRevenue", "type": "TYPE_CURRENCY" })
    );
    assert!(body["propertyQuota"]["tokensPerDay"]["remaining"].is_number());
}

#[tokio::test]
async fn filters_keep_only_what_they_name() {
    let simulator = simulator().await;
    let token = simulator.google("agency@example.com").await;
    let more = json!({ "dimensionFilter": { "andGroup": { "expressions": [
        { "filter": { "fieldName": "sessionMedium", "inListFilter": { "values": ["CPC", "email"] } } },
        { "notExpression": { "filter": {
            "fieldName": "sessionMedium", "stringFilter": { "matchType": "BEGINS_WITH", "value": "e" },
        } } },
    ] } } });
    let body = json_of(report(&simulator, &token, PROPERTY, &more).await, 200).await;
    assert!(!list(&body["rows"]).is_empty());
    for row in list(&body["rows"]) {
        assert_eq!(row["dimensionValues"][1]["value"], "cpc");
    }
}

#[tokio::test]
async fn a_report_about_nothing_has_no_rows_key() {
    let simulator = simulator().await;
    let token = simulator.google("agency@example.com").await;
    let more = json!({ "dateRanges": [{ "startDate": "today", "endDate": "today" }] });
    let body = json_of(report(&simulator, &token, PROPERTY, &more).await, 200).await;
    assert!(body.get("rows").is_none() && body.get("rowCount").is_none(), "{body}");
}

#[tokio::test]
async fn wrong_requests_get_googles_errors() {
    let simulator = simulator().await;
    let token = simulator.google("northwind@example.com").await;
    for (more, expected) in [
        (json!({ "metrics": [{ "name": "visits" }] }), "visits is not a valid metric"),
        (json!({ "dimensions": [{ "name": "colour" }] }), "colour is not a valid dimension"),
        (json!({ "dateRanges": [] }), "dateRange is required"),
        (
            json!({ "dateRanges": [{ "startDate": "2024-05-02", "endDate": "2024-05-01" }] }),
            "after endDate",
        ),
        (json!({ "dateRanges": [{ "startDate": "May", "endDate": "today" }] }), "Invalid date"),
        (json!({ "limit": "many" }), "Invalid value at 'limit'"),
    ] {
        let body = json_of(report(&simulator, &token, PROPERTY, &more).await, 400).await;
        assert_eq!(body["error"]["status"], "INVALID_ARGUMENT");
        let message = text(&body["error"]["message"]);
        assert!(message.contains(expected), "{message}");
    }
    let foreign = json_of(report(&simulator, &token, "345100302", &json!({})).await, 403).await;
    assert_eq!(foreign["error"]["status"], "PERMISSION_DENIED");
    let missing = json_of(report(&simulator, "none", PROPERTY, &json!({})).await, 401).await;
    assert_eq!(missing["error"]["status"], "UNAUTHENTICATED");
}
