use domain::{Role, RunId};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::Reply;
use crate::testing::{Tenant, TestApp, json as body_of, problem};

/// A Meta Ads account whose history has been read.
async fn connect(app: &TestApp, tenant: Tenant) {
    sqlx::query(
        "with credential as ( \
            insert into app.credentials (id, organization_id, platform, created_by) \
            select $1, organization_id, 'meta_ads', $3 from app.tenants where id = $2 \
            returning id, organization_id) \
         insert into app.tenant_oauth_connections (id, organization_id, tenant_id, credential_id, \
            platform, account_id, name, time_zone, currency, history_loaded_at, created_by) \
         select $1, organization_id, $2, id, 'meta_ads', '10', 'Shop', 'UTC', 'USD', now(), $3 from credential",
    )
    .bind(Uuid::now_v7())
    .bind(tenant.id.uuid())
    .bind(tenant.user.uuid())
    .execute(app.owner())
    .await
    .unwrap();
}

async fn sync(app: &TestApp, tenant: Tenant, body: &str) -> Reply {
    let token = tenant.token(Role::Analyst);
    let headers = [("authorization", token.as_str()), ("content-type", "application/json")];
    app.send("POST", "/api/v1/sync", &headers, body).await
}

#[tokio::test]
async fn a_sync_is_planned_sent_and_found_among_the_runs() {
    let app = TestApp::new().await;
    let [tenant, other] = [app.tenant("UTC").await, app.tenant("UTC").await];
    connect(&app, tenant).await;
    let reply = sync(&app, tenant, "").await;
    assert_eq!(reply.status(), 202, "{reply:?}");
    let started = body_of(&reply);
    let id = started["run_id"].as_str().unwrap();
    let location = format!("/api/v1/runs/{id}");
    assert_eq!(reply.headers()["location"], location);
    let sent: i64 = sqlx::query_scalar("select count(*) from app.queue_messages")
        .fetch_one(app.owner())
        .await
        .unwrap();
    assert_eq!(started["jobs"], sent);

    let shown = app.get_ok(tenant, &location).await;
    assert_eq!(shown["run"]["trigger"], "manual");
    assert_eq!(shown["run"]["requested_by"], tenant.user.to_string());
    assert_eq!(shown["run"]["state"], "running");
    assert_eq!(shown["run"]["jobs"]["planned"], sent);
    let daily = shown["data"].as_array().unwrap().iter().find(|j| j["stream"] == "insights_daily");
    let daily = daily.unwrap();
    assert_eq!((&daily["window_end"], &daily["state"]), (&json!("2024-03-31"), &json!("planned")));
    let listed = app.get_ok(tenant, "/api/v1/runs").await;
    assert_eq!(listed["data"].as_array().unwrap().len(), 1);
    assert_eq!(app.get_ok(other, "/api/v1/runs").await["data"], json!([]));
    for foreign in [location, format!("/api/v1/runs/{}", RunId::new()), "/api/v1/runs/1".into()] {
        assert_eq!(app.get_problem(other, &foreign).await.0, 404, "{foreign}");
    }
}

#[tokio::test]
async fn the_same_sync_twice_is_refused_and_another_is_not() {
    let app = TestApp::new().await;
    let tenant = app.tenant("UTC").await;
    connect(&app, tenant).await;
    let first = sync(&app, tenant, "{}").await;
    assert_eq!(first.status(), 202, "{first:?}");
    let again = sync(&app, tenant, r#"{"platforms": ["meta_ads"]}"#).await;
    assert_eq!(problem(&again), (409, "sync_under_way".to_owned(), String::new()));
    let run_id = body_of(&first)["run_id"].as_str().unwrap().to_owned();
    assert!(body_of(&again)["detail"].as_str().unwrap().contains(&run_id));
    let older = sync(&app, tenant, r#"{"from": "2023-01-01", "to": "2023-01-31"}"#).await;
    assert_eq!(older.status(), 202, "{older:?}");
    let within = sync(&app, tenant, r#"{"from": "2023-01-05", "to": "2023-01-06"}"#).await;
    assert_eq!(within.status(), 409);
}

#[tokio::test]
async fn a_bad_sync_names_its_field() {
    let app = TestApp::new().await;
    let tenant = app.tenant("UTC").await;
    let refused = problem(&sync(&app, tenant, "{}").await);
    assert_eq!(refused, (409, "no_connections".to_owned(), String::new()));
    connect(&app, tenant).await;
    for (body, code, field) in [
        (json!({"platforms": ["tiktok"]}), "invalid_platform", "platforms"),
        (json!({"platforms": []}), "invalid_platform", "platforms"),
        (json!({"from": "31.03.2024"}), "invalid_date", "from"),
        (json!({"to": "2024-03-01"}), "invalid_range", "from"),
        (json!({"from": "2024-03-02", "to": "2024-03-01"}), "invalid_range", "from"),
        (json!({"from": "2024-03-02", "to": "2024-05-01"}), "invalid_range", "to"),
        (json!({"from": "2014-03-02"}), "invalid_range", "from"),
        (json!({"platform": "meta_ads"}), "invalid_body", "body"),
        (json!([1]), "invalid_body", "body"),
    ] {
        let refused = problem(&sync(&app, tenant, &body.to_string()).await);
        assert_eq!(refused, (400, code.to_owned(), field.to_owned()), "{body}");
    }
    let token = tenant.token(Role::Viewer);
    let headers = [("authorization", token.as_str())];
    let viewer = app.send("POST", "/api/v1/sync", &headers, "").await;
    assert_eq!(viewer.status(), 403);
}

#[tokio::test]
async fn a_list_of_runs_goes_on_where_its_page_ended() {
    let app = TestApp::new().await;
    let [tenant, other] = [app.tenant("UTC").await, app.tenant("UTC").await];
    for minute in 0..7 {
        for owner in [tenant, other] {
            sqlx::query(
                "insert into app.etl_run_history (id, tenant_id, trigger, created_at) \
                 values ($1, $2, 'manual', '2024-03-31 10:00Z'::timestamptz + $3 * interval '1m')",
            )
            .bind(RunId::new().uuid())
            .bind(owner.id.uuid())
            .bind(minute / 2)
            .execute(app.owner())
            .await
            .unwrap();
        }
    }
    let whole = app.get_ok(tenant, "/api/v1/runs").await;
    let mut walked: Vec<Value> = Vec::new();
    let mut path = "/api/v1/runs?limit=3".to_owned();
    loop {
        let page = app.get_ok(tenant, &path).await;
        walked.extend(page["data"].as_array().unwrap().iter().cloned());
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("/api/v1/runs?limit=3&cursor={cursor}");
        let foreign = app.get_problem(other, &path).await;
        assert_eq!(foreign.1, "invalid_cursor");
    }
    assert_eq!(&walked, whole["data"].as_array().unwrap());
    assert_eq!(app.get_problem(tenant, "/api/v1/runs?limit=0").await.1, "invalid_limit");
    assert_eq!(app.get_problem(tenant, "/api/v1/runs?limit=501").await.1, "invalid_limit");
}
