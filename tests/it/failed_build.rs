//! A build whose tests fail publishes nothing, and says which model and why.

use serde_json::json;

use crate::world::{World, account, text};

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_test_keeps_the_last_good_figures_and_names_itself() {
    let world = World::start().await;
    let (tenant, _) = world.two_tenants().await;
    world.synced(&tenant, &[]);
    let before = world.get("/api/v1/metrics", &tenant.token).await.expect(200);
    let truth = world.truth().await;
    let meta = account(&truth, &tenant.name, "meta_ads");
    let date = meta["days"][0]["date"].clone();

    // Figures below zero: no platform means them, and a test of the staging model refuses them.
    let restated = json!({
        "platform": "meta_ads",
        "account_id": text(meta, "account_id"),
        "date": date,
        "factor": "-1",
    });
    world.control("restate", restated).await;
    let output = world.sync(&tenant, &["--platform", "meta_ads"]);
    assert!(!output.status.success(), "a build that failed was reported as done");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("meta_ads"), "the model is not named:\n{told}");

    let after = world.get("/api/v1/metrics", &tenant.token).await.expect(200);
    assert_eq!(after, before, "a failed build changed what is served");

    // Mended at the source, the next sync is right again.
    world.control("reset", json!({})).await;
    world.synced(&tenant, &["--platform", "meta_ads"]);
    let mended = world.get("/api/v1/metrics", &tenant.token).await.expect(200);
    assert_eq!(mended["data"], before["data"]);
}
