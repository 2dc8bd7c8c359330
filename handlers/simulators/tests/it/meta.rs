use reqwest::Response;
use serde_json::{Value, json};

use crate::support::{Simulator, json_of, list, simulator, text};

const ACCOUNT: &str = "act_120210045500202";

async fn get(simulator: &Simulator, token: &str, path: &str, query: &[(&str, &str)]) -> Response {
    let call = simulator.get(&format!("/graph/v26.0/{path}")).query(query);
    call.query(&[("access_token", token)]).send().await.expect("answer")
}

fn codes(body: &Value) -> (i64, Option<i64>) {
    let error = &body["error"];
    (error["code"].as_i64().expect("a code"), error["error_subcode"].as_i64())
}

#[tokio::test]
async fn each_login_lists_the_accounts_that_it_may_see() {
    let simulator = simulator().await;
    let fields = "account_id,name,currency,timezone_name,account_status";
    let list_of = async |login: &str| {
        let token = simulator.meta(login).await;
        let query = [("fields", fields), ("summary", "true")];
        json_of(get(&simulator, &token, "me/adaccounts/", &query).await, 200).await
    };
    let agency = list_of("agency@example.com").await;
    assert_eq!(list(&agency["data"]).len(), 2);
    assert_eq!(agency["summary"]["total_count"], 2);
    let bluebird = list_of("bluebird@example.com").await;
    assert_eq!(
        bluebird["data"],
        json!([{
            "id": ACCOUNT, "account_id": "120210045500202", "name": "Bluebird Travel Ads",
            "currency": "CAD", "timezone_name": "America/Toronto", "account_status": 1,
        }])
    );
}

#[tokio::test]
async fn campaigns_page_by_cursor_and_deleted_ones_are_missing() {
    let simulator = simulator().await;
    let token = simulator.meta("agency@example.com").await;
    let path = format!("{ACCOUNT}/campaigns");
    let query = [("fields", "id,name,effective_status,daily_budget"), ("limit", "2")];
    let mut page = json_of(get(&simulator, &token, &path, &query).await, 200).await;
    let mut listed: Vec<String> = Vec::new();
    loop {
        assert!(list(&page["data"]).len() <= 2);
        assert!(page["paging"]["cursors"]["after"].is_string());
        for campaign in list(&page["data"]) {
            assert_ne!(campaign["effective_status"], "DELETED");
            assert!(campaign["daily_budget"].is_string());
            listed.push(text(&campaign["id"]));
        }
        let Some(next) = page["paging"]["next"].as_str() else { break };
        page = json_of(simulator.client.get(next).send().await.expect("answer"), 200).await;
    }
    listed.dedup();
    assert!(listed.len() >= 4, "{listed:?}");

    let truth = simulator.true_account("Bluebird Travel", "meta_ads").await;
    let unlisted = list(&truth["days"])
        .iter()
        .flat_map(|day| list(&day["campaigns"]))
        .any(|row| !listed.contains(&text(&row["campaign_id"])));
    assert!(unlisted, "a deleted campaign has a past");
}

#[tokio::test]
async fn a_report_run_is_ordered_asked_after_and_fetched() {
    let simulator = simulator().await;
    let token = simulator.meta("agency@example.com").await;
    let form = [
        ("level", "campaign"),
        ("time_increment", "1"),
        ("time_range", r#"{"since":"2024-05-06","until":"2024-05-08"}"#),
        ("fields", r#"["campaign_id","spend","actions"]"#),
        ("access_token", token.as_str()),
    ];
    let order = simulator
        .client
        .post(simulator.url(&format!("/graph/v26.0/{ACCOUNT}/insights")))
        .form(&form)
        .send()
        .await
        .expect("answer");
    let run = text(&json_of(order, 200).await["report_run_id"]);

    let early = get(&simulator, &token, &format!("{run}/insights"), &[]).await;
    assert_eq!(early.status(), 400);
    let state = json_of(get(&simulator, &token, &run, &[]).await, 200).await;
    assert_eq!(state["async_status"], "Job Running");
    let state = json_of(get(&simulator, &token, &format!("{run}/"), &[]).await, 200).await;
    assert_eq!(state["async_status"], "Job Completed");
    assert_eq!(state["async_percent_completion"], 100);

    let path = format!("{run}/insights");
    let rows = json_of(get(&simulator, &token, &path, &[("limit", "500")]).await, 200).await;
    let mut query = form.to_vec();
    query.push(("limit", "500"));
    let path = format!("{ACCOUNT}/insights");
    let sync = json_of(get(&simulator, &token, &path, &query).await, 200).await;
    assert!(!list(&rows["data"]).is_empty());
    assert_eq!(rows["data"], sync["data"]);
}

#[tokio::test]
async fn purchases_come_under_overlapping_names_and_all_figures_are_strings() {
    let simulator = simulator().await;
    let token = simulator.meta("agency@example.com").await;
    let query = [
        ("level", "account"),
        ("time_range", r#"{"since":"2024-05-01","until":"2024-05-31"}"#),
        ("fields", "spend,impressions,clicks,actions,action_values,account_currency"),
    ];
    let body = json_of(get(&simulator, &token, &format!("{ACCOUNT}/insights"), &query).await, 200);
    let row = body.await["data"][0].take();
    assert_eq!(row["account_currency"], "CAD");
    for name in ["spend", "impressions", "clicks"] {
        assert!(row[name].is_string(), "{name}");
    }
    let value = |array: &str, kind: &str| {
        list(&row[array])
            .iter()
            .find(|action| action["action_type"] == kind)
            .map_or_else(|| panic!("{array} lacks {kind}"), |action| text(&action["value"]))
    };
    for array in ["actions", "action_values"] {
        let pixel = value(array, "offsite_conversion.fb_pixel_purchase");
        assert_eq!(value(array, "omni_purchase"), pixel);
        assert_eq!(value(array, "purchase"), pixel);
    }
    value("actions", "lead");
    value("actions", "link_click");
}

#[tokio::test]
async fn wrong_questions_get_metas_codes() {
    let simulator = simulator().await;
    let token = simulator.meta("northwind@example.com").await;
    let own = "act_120210045500101/insights";
    let range = r#"{"since":"2024-05-01","until":"2024-05-02"}"#;
    for (path, query, expected) in [
        (own, vec![("fields", "spent"), ("time_range", range)], (100, None)),
        (own, vec![("time_range", r#"{"since":"2024-05-02","until":"2024-05-01"}"#)], (100, None)),
        (own, vec![("time_range", "yesterday")], (100, None)),
        (
            own,
            vec![("time_range", r#"{"since":"2020-01-01","until":"2024-05-01"}"#)],
            (3_018, None),
        ),
        (own, vec![("breakdowns", r#"["dma"]"#)], (2, Some(1_504_041))),
        ("act_120210045500202/insights", vec![], (100, Some(33))),
        ("act_120210045500101/no_such_edge", vec![], (2_500, None)),
        ("me/adaccounts", vec![("fields", "colour")], (100, None)),
        ("me/adaccounts", vec![("limit", "25000")], (1, None)),
    ] {
        let answer = get(&simulator, &token, path, &query).await;
        assert!(answer.status().as_u16() >= 400, "{path} {query:?}");
        assert_eq!(codes(&answer.json().await.expect("JSON")), expected, "{path} {query:?}");
    }
    let old = simulator.get("/graph/v20.0/me").bearer_auth(&token).send().await.expect("answer");
    assert_eq!(codes(&json_of(old, 400).await), (2_635, None));
}

#[tokio::test]
async fn a_batch_answers_each_call_with_its_own_status_and_headers() {
    let simulator = simulator().await;
    let token = simulator.meta("agency@example.com").await;
    let batch = json!([
        { "method": "GET", "relative_url": format!("{ACCOUNT}/?fields=currency") },
        { "method": "GET", "relative_url": "v26.0/act_1/insights" },
    ]);
    let form = [("batch", batch.to_string()), ("access_token", token)];
    let call = simulator.client.post(simulator.url("/v26.0/")).form(&form);
    let answers = json_of(call.send().await.expect("answer"), 200).await;
    assert_eq!(answers[0]["code"], 200);
    let body: Value = serde_json::from_str(&text(&answers[0]["body"])).expect("JSON");
    assert_eq!(body["currency"], "CAD");
    assert_eq!(answers[1]["code"], 400);
    let named = |name: &str| list(&answers[1]["headers"]).iter().any(|h| h["name"] == name);
    assert!(named("x-business-use-case-usage"));
}

#[tokio::test]
async fn insights_tell_how_much_of_the_limits_is_used() {
    let simulator = simulator().await;
    let token = simulator.meta("agency@example.com").await;
    let answer = get(&simulator, &token, &format!("{ACCOUNT}/insights"), &[]).await;
    let header = |name: &str| -> Value {
        serde_json::from_str(answer.headers()[name].to_str().expect("text")).expect("JSON")
    };
    assert!(header("x-fb-ads-insights-throttle")["acc_id_util_pct"].is_number());
    let usage = header("x-business-use-case-usage");
    assert_eq!(usage["120210045500202"][0]["type"], "ads_insights");
}
