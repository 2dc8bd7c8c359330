//! dbt's own unit tests: given these raw rows, the models make those figures.

use std::path::Path;
use std::process::Command;

use secrecy::ExposeSecret;
use serde_json::Value;
use stores::testing::TestDatabase;
use url::Url;

use crate::world::provided;

#[tokio::test(flavor = "multi_thread")]
async fn every_model_and_every_test_of_it_holds_on_an_empty_warehouse() {
    let database = TestDatabase::new().await;
    let url: Url = database.urls().transform.expose_secret().parse().expect("a URL");
    let target = tempfile::tempdir().expect("a temporary directory");
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("dbt");
    let output = Command::new(provided("MIQ_TEST_DBT"))
        .args(["build", "--no-use-colors", "--project-dir"])
        .arg(&project)
        .arg("--profiles-dir")
        .arg(&project)
        .arg("--target-path")
        .arg(target.path())
        .arg("--log-path")
        .arg(target.path())
        .env("MIQ_DBT_HOST", url.host_str().expect("a host"))
        .env("MIQ_DBT_PORT", url.port().unwrap_or(5432).to_string())
        .env("MIQ_DBT_USER", url.username())
        .env("MIQ_DBT_PASSWORD", url.password().unwrap_or_default())
        .env("MIQ_DBT_DATABASE", database.name())
        .env("DBT_SEND_ANONYMOUS_USAGE_STATS", "false")
        .output()
        .expect("dbt starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    let results = std::fs::read(target.path().join("run_results.json")).expect("results");
    let results: Value = serde_json::from_slice(&results).expect("JSON");
    let unit_tests = results["results"]
        .as_array()
        .expect("a list")
        .iter()
        .filter(|result| {
            result["unique_id"].as_str().is_some_and(|id| id.starts_with("unit_test."))
        })
        .count();
    assert!(unit_tests >= 10, "only {unit_tests} unit tests ran");
}
