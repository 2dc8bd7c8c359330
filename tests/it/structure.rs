//! The walls between the crates, as Cargo itself knows them.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

/// What each crate of the product is built on, of ours. The binary alone knows all of them.
const OURS: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("connectors", &["domain"]),
    ("jobs", &["connectors", "domain"]),
    ("stores", &["domain"]),
    ("miq-http", &["domain", "jobs"]),
    ("host", &["domain"]),
    ("simulators", &["domain"]),
    ("xtask", &["domain"]),
    ("marketing-iq", &["connectors", "domain", "host", "jobs", "miq-http", "stores"]),
];

/// Who may know a thing outside, by the beginnings of crates' names.
const OUTSIDE: &[(&[&str], &[&str])] = &[
    (&["azure_", "typespec", "redis", "sqlx"], &["stores"]),
    (&["warp"], &["miq-http", "simulators"]),
    (&["jsonwebtoken"], &["miq-http", "simulators"]),
];

/// Each package of the workspace, with what it is built on (not what its tests use).
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo answers in JSON");
    let list = |value: &Value| value.as_array().expect("a list").clone();
    let name = |value: &Value| value["name"].as_str().expect("a name").to_owned();
    list(&metadata["packages"])
        .iter()
        .map(|package| {
            let built_on = list(&package["dependencies"])
                .iter()
                .filter(|dependency| dependency["kind"].is_null())
                .map(name)
                .collect();
            (name(package), built_on)
        })
        .collect()
}

#[test]
fn every_crate_is_built_on_what_the_map_says() {
    let known = dependencies();
    let expected: BTreeSet<_> = OURS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(known.keys().cloned().collect::<BTreeSet<_>>(), expected, "crates of the workspace");
    for (name, on) in OURS {
        let ours: BTreeSet<_> = known[*name].intersection(&expected).map(String::as_str).collect();
        assert_eq!(ours, on.iter().copied().collect(), "{name}");
    }
}

/// Jobs, connectors and endpoints run the same lines on every backend, for they cannot tell them
/// apart: what speaks to Azure, Redis or PostgreSQL is no part of what they are built on.
#[test]
fn only_stores_know_a_backend() {
    let known = dependencies();
    for (beginnings, who) in OUTSIDE {
        for (name, on) in &known {
            let told = on.iter().any(|on| beginnings.iter().any(|start| on.starts_with(start)));
            assert_eq!(told, who.contains(&name.as_str()), "{name} and {beginnings:?}");
        }
    }
}
