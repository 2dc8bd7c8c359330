use serde_json::{Value, json};

use crate::testing::{Tenant, TestApp};

async fn campaign(app: &TestApp, tenant: Tenant, key: &str, name: &str) {
    sqlx::query(
        "insert into serving.dim_campaigns values ($1, $2, split_part($2, '-', 1), \
         split_part($2, '-', 2), split_part($2, '-', 3), $3, 'SALES', 'ACTIVE', 25, 'USD')",
    )
    .bind(tenant.id.uuid())
    .bind(key)
    .bind(name)
    .execute(app.owner())
    .await
    .unwrap();
}

/// All pages, as a client walks them.
async fn walk(app: &TestApp, tenant: Tenant, query: &str) -> Vec<Value> {
    let mut rows = Vec::new();
    let mut path = format!("/api/v1/campaigns?{query}");
    loop {
        let answer = app.get_ok(tenant, &path).await;
        rows.extend(answer["data"].as_array().unwrap().iter().cloned());
        let Some(cursor) = answer["next_cursor"].as_str() else { return rows };
        path = format!("/api/v1/campaigns?{query}&cursor={cursor}");
    }
}

#[tokio::test]
async fn a_campaign_is_named_by_its_platform_with_its_totals() {
    let app = TestApp::new().await;
    let tenant = app.tenant("UTC").await;
    app.ad(tenant, "2024-03-02", "meta_ads-10-1178", ("USD", "10")).await;
    app.ad(tenant, "2024-03-03", "meta_ads-10-1178", ("USD", "2.5")).await;
    campaign(&app, tenant, "meta_ads-10-1178", "Spring").await;
    let answer = app.get_ok(tenant, "/api/v1/campaigns").await;
    assert_eq!(
        answer["data"][0],
        json!({
            "id": "meta_ads-10-1178", "platform": "meta_ads", "account_id": "10",
            "campaign_id": "1178", "name": "Spring", "type": "SALES", "status": "ACTIVE",
            "budget": "25", "currency_code": "USD", "impressions": 200, "clicks": 20,
            "cost": "12.5", "conversions": "5", "conversion_value": null, "ctr": "0.1",
            "cpc": "0.625", "cpa": "2.5", "roas": null,
        })
    );
    assert_eq!(answer["totals"][0]["cost"], "12.5");
}

#[tokio::test]
async fn pages_lead_to_every_campaign_once() {
    let app = TestApp::new().await;
    let tenant = app.tenant("UTC").await;
    for number in 0..23 {
        let (key, cost) = (format!("meta_ads-10-{number}"), (number % 4).to_string());
        app.ad(tenant, "2024-03-02", &key, ("USD", &cost)).await;
    }
    for sort in ["cost", "id"] {
        let whole = walk(&app, tenant, &format!("sort={sort}&limit=500")).await;
        assert_eq!(whole.len(), 23);
        assert_eq!(walk(&app, tenant, &format!("sort={sort}&limit=5")).await, whole);
    }
}

#[tokio::test]
async fn a_cursor_belongs_to_its_filters_and_its_tenant() {
    let app = TestApp::new().await;
    let [tenant, other] = [app.tenant("UTC").await, app.tenant("UTC").await];
    for number in 0..3 {
        let key = format!("meta_ads-10-{number}");
        app.ad(tenant, "2024-03-02", &key, ("USD", "1")).await;
        app.ad(other, "2024-03-02", &key, ("USD", "1")).await;
    }
    let answer = app.get_ok(tenant, "/api/v1/campaigns?limit=1").await;
    let cursor = answer["next_cursor"].as_str().unwrap();
    app.get_ok(tenant, &format!("/api/v1/campaigns?limit=2&cursor={cursor}")).await;
    let invalid = (400, "invalid_cursor".to_owned(), "cursor".to_owned());
    for query in [
        format!("sort=id&cursor={cursor}"),
        format!("platform=meta_ads&cursor={cursor}"),
        format!("to=2024-03-30&cursor={cursor}"),
        format!("cursor={cursor}A"),
        "cursor=".to_owned(),
        "cursor=bm90IGEgY3Vyc29y".to_owned(),
    ] {
        let problem = app.get_problem(tenant, &format!("/api/v1/campaigns?{query}")).await;
        assert_eq!(problem, invalid, "{query}");
    }
    let foreign = format!("/api/v1/campaigns?limit=1&cursor={cursor}");
    assert_eq!(app.get_problem(other, &foreign).await, invalid);
}

#[tokio::test]
async fn a_campaign_is_shown_by_day_and_another_tenants_is_not_found() {
    let app = TestApp::new().await;
    let [tenant, other] = [app.tenant("UTC").await, app.tenant("UTC").await];
    app.ad(tenant, "2024-03-03", "meta_ads-10-1", ("USD", "2")).await;
    app.ad(tenant, "2024-03-02", "meta_ads-10-1", ("USD", "1")).await;
    app.ad(other, "2024-03-02", "meta_ads-10-2", ("USD", "9")).await;
    let answer = app.get_ok(tenant, "/api/v1/campaigns/meta_ads-10-1/performance").await;
    assert_eq!(answer["campaign"]["campaign_id"], "1");
    let days: Vec<_> =
        answer["data"].as_array().unwrap().iter().map(|row| row["date"].clone()).collect();
    assert_eq!(days, ["2024-03-02", "2024-03-03"]);
    assert_eq!(answer["totals"][0]["cost"], "3");
    for id in ["meta_ads-10-2", "meta_ads-10-3", "nonsense", "meta_ads-10-%00", "..%2f.."] {
        let path = format!("/api/v1/campaigns/{id}/performance");
        let (status, code, _) = app.get_problem(tenant, &path).await;
        assert_eq!((status, code.as_str()), (404, "not_found"), "{id}");
    }
}
