use proptest::prelude::*;
use serde_json::json;

use crate::testing::TestApp;

#[tokio::test]
async fn rows_come_by_day_platform_and_currency_with_totals_per_currency() {
    let app = TestApp::new().await;
    let tenant = app.tenant("UTC").await;
    app.ad(tenant, "2024-03-02", "meta_ads-1-1", ("USD", "10.10")).await;
    app.ad(tenant, "2024-03-02", "meta_ads-1-2", ("USD", "0.2")).await;
    app.ad(tenant, "2024-03-01", "meta_ads-1-1", ("USD", "0")).await;
    app.ad(tenant, "2024-03-02", "google_ads-2-1", ("EUR", "7")).await;
    app.web(tenant, "2024-03-02", "12.50").await;
    let answer = app.get_ok(tenant, "/api/v1/metrics?from=2024-03-01&to=2024-03-31").await;
    let rows: Vec<_> = answer["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["date"].as_str().unwrap(), row["platform"].as_str().unwrap()))
        .collect();
    assert_eq!(
        rows,
        [
            ("2024-03-01", "meta_ads"),
            ("2024-03-02", "google_ads"),
            ("2024-03-02", "meta_ads"),
            ("2024-03-02", "google_analytics"),
        ]
    );
    assert_eq!(
        answer["data"][2],
        json!({
            "date": "2024-03-02", "platform": "meta_ads", "currency_code": "USD",
            "impressions": 200, "clicks": 20, "cost": "10.3", "conversions": "5",
            "conversion_value": null, "ctr": "0.1", "cpc": "0.515", "cpa": "2.06", "roas": null,
        })
    );
    assert_eq!(
        answer["data"][3],
        json!({
            "date": "2024-03-02", "platform": "google_analytics", "currency_code": "EUR",
            "sessions": 7, "engaged_sessions": 5, "key_events": "1.5", "revenue": "12.5",
        })
    );
    let currencies: Vec<_> = answer["totals"].as_array().unwrap().iter().collect();
    assert_eq!(
        (&currencies[0]["currency_code"], &currencies[0]["cost"]),
        (&json!("EUR"), &json!("7"))
    );
    assert_eq!(currencies[1]["cost"], "10.3");
    assert_eq!(answer["web_totals"][0]["revenue"], "12.5");
    assert_eq!(answer["meta"]["time_zone"], "UTC");
    assert_eq!(answer["meta"]["quality"], json!({"complete": true, "flags": []}));
    assert_eq!(answer["next_cursor"], json!(null));
}

#[tokio::test]
async fn a_total_row_spans_the_days_with_figures() {
    let app = TestApp::new().await;
    let tenant = app.tenant("UTC").await;
    app.ad(tenant, "2024-03-02", "meta_ads-1-1", ("USD", "1")).await;
    app.ad(tenant, "2024-03-09", "meta_ads-1-1", ("USD", "1")).await;
    let path = "/api/v1/metrics?granularity=total&platform=meta_ads,google_ads";
    let answer = app.get_ok(tenant, path).await;
    assert_eq!(answer["data"].as_array().unwrap().len(), 1);
    assert_eq!(answer["data"][0]["first_date"], "2024-03-02");
    assert_eq!(answer["data"][0]["last_date"], "2024-03-09");
    assert_eq!(answer["data"][0]["cost"], "2");
}

#[tokio::test]
async fn without_dates_thirty_days_end_on_the_tenants_own_today() {
    let app = TestApp::new().await;
    let [new_york, auckland] =
        [app.tenant("America/New_York").await, app.tenant("Pacific/Auckland").await];
    for tenant in [new_york, auckland] {
        for day in ["2024-03-01", "2024-03-02", "2024-03-31", "2024-04-01"] {
            app.ad(tenant, day, "meta_ads-1-1", ("USD", "1")).await;
        }
    }
    let days = async |tenant, path: &str| -> Vec<String> {
        let answer = app.get_ok(tenant, path).await;
        let rows = answer["data"].as_array().unwrap().clone();
        rows.iter().map(|row| row["date"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(days(new_york, "/api/v1/metrics").await, ["2024-03-02", "2024-03-31"]);
    assert_eq!(days(auckland, "/api/v1/metrics").await, ["2024-03-31", "2024-04-01"]);
    assert_eq!(days(auckland, "/api/v1/metrics?to=2024-03-30").await, ["2024-03-01", "2024-03-02"]);
}

#[tokio::test]
async fn a_bad_value_names_its_field() {
    let app = TestApp::new().await;
    let tenant = app.tenant("UTC").await;
    for (query, code, field) in [
        ("from=2024-13-01", "invalid_date", "from"),
        ("to=yesterday", "invalid_date", "to"),
        ("from=2024-3-1", "invalid_date", "from"),
        ("from=0000-01-01", "invalid_date", "from"),
        ("to=2024-03-01,2024-03-02", "invalid_date", "to"),
        ("from=2024-03-02&to=2024-03-01", "invalid_range", "from"),
        ("from=2020-01-01&to=2024-03-01", "invalid_range", "from"),
        ("platform=tiktok", "invalid_platform", "platform"),
        ("platform=", "invalid_platform", "platform"),
        ("platform=meta_ads,", "invalid_platform", "platform"),
        ("granularity=hour", "invalid_parameter", "granularity"),
        ("form=2024-03-01", "unknown_parameter", "form"),
        ("limit=5", "unknown_parameter", "limit"),
        ("from=2024-03-01&from=2024-03-02", "duplicate_parameter", "from"),
    ] {
        let problem = app.get_problem(tenant, &format!("/api/v1/metrics?{query}")).await;
        assert_eq!(problem, (400, code.to_owned(), field.to_owned()), "{query}");
    }
    let longest = "/api/v1/metrics?from=2021-03-18&to=2024-03-31";
    app.get_ok(tenant, longest).await;
}

#[tokio::test]
async fn a_tenant_that_is_gone_is_not_found() {
    let app = TestApp::new().await;
    let mut tenant = app.tenant("UTC").await;
    tenant.id = domain::TenantId::new();
    let (status, code, _) = app.get_problem(tenant, "/api/v1/metrics").await;
    assert_eq!((status, code.as_str()), (404, "not_found"));
}

/// Texts that a parameter may be given: plausible ones, and anything.
fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        "20[0-9]{2}-[01][0-9]-[0-3][0-9]",
        "(meta_ads|google_ads|google_analytics)(,[a-z_]*)?",
        "(day|total|cost|id|true|false|[0-9]{1,6}|-1)",
        "[A-Za-z0-9_-]{0,90}",
        "(%[0-9A-Fa-f]{0,2}|\\+|;|'|\"|\\\\|/){0,9}",
        "\\PC{0,12}",
    ]
}

fn query() -> impl Strategy<Value = String> {
    let name = prop_oneof![
        8 => prop::sample::select(vec![
            "from", "to", "platform", "granularity", "limit", "cursor", "sort", "include_idle",
        ]).prop_map(str::to_owned),
        1 => "\\PC{0,6}",
    ];
    let pairs = prop::collection::vec((name, value()), 0..4);
    pairs.prop_map(|pairs| {
        let pairs: Vec<_> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
        pairs.join("&")
    })
}

#[test]
fn no_query_is_a_server_error() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let (app, tenant) = runtime.block_on(async {
        let app = TestApp::new().await;
        let tenant = app.tenant("UTC").await;
        app.ad(tenant, "2024-03-02", "meta_ads-1-1", ("USD", "1")).await;
        (app, tenant)
    });
    let paths = prop::sample::select(vec![
        "/api/v1/metrics",
        "/api/v1/campaigns",
        "/api/v1/campaigns/meta_ads-1-1/performance",
        "/api/v1/dashboards",
        "/api/v1/dashboards/overview",
        "/api/v1/runs",
    ]);
    proptest!(ProptestConfig::with_cases(600), |(path in paths, query in query())| {
        let reply = runtime.block_on(app.get(tenant, &format!("{path}?{query}")));
        prop_assert!(reply.status() < 500, "{path}?{query}: {reply:?}");
    });
    drop(app);
}
