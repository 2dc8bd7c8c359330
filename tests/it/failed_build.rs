//! A build whose tests fail publishes nothing, and says which model and why.

use crate::world::{Tenant, World};

/// Figures below zero: no platform means them, and a test of the models refuses them.
async fn damage_a_day(world: &World, tenant: &Tenant) {
    let tenant: uuid::Uuid = tenant.id.parse().expect("a uuid");
    for statement in [
        "update raw.meta_ads_insights_daily set payload = payload || '{\"clicks\": \"-7\"}' \
         where tenant_id = $1 \
         and day = (select max(day) from raw.meta_ads_insights_daily where tenant_id = $1)",
        "update raw.covered_days set change = nextval('raw.change_sequence') \
         where tenant_id = $1 and platform = 'meta_ads'",
    ] {
        let done = sqlx::query(statement).bind(tenant).execute(world.database.owner()).await;
        assert!(done.expect("the day is damaged").rows_affected() > 0, "{statement}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_test_keeps_the_last_good_figures_and_names_itself() {
    let world = World::start().await;
    let (tenant, _) = world.two_tenants().await;
    world.synced(&tenant, &[]);
    let before = world.get("/api/v1/metrics", &tenant.token).await.expect(200);

    damage_a_day(&world, &tenant).await;
    let output = world.sync(&tenant, &["--platform", "google_ads"]);
    assert!(!output.status.success(), "a build that failed was reported as done");
    let told = String::from_utf8_lossy(&output.stderr);
    let test = "fact_ad_performance_counts_and_cost_are_not_negative";
    assert!(told.contains(test), "the model and its test are not named:\n{told}");
    assert!(told.contains("nothing new was published"), "{told}");

    let after = world.get("/api/v1/metrics", &tenant.token).await.expect(200);
    assert_eq!(after, before, "a failed build changed what is served");

    // Read anew, the day is right again.
    world.synced(&tenant, &["--platform", "meta_ads"]);
    let mended = world.get("/api/v1/metrics", &tenant.token).await.expect(200);
    assert_eq!(mended["data"], before["data"]);
}
