//! `docs/deploy-azure.md` tells everything that templates, workflows and vault want to be told.

use std::collections::BTreeSet;
use std::path::Path;

use crate::bicep::{app_settings, secret, text_of};

const GUIDE: &str = "docs/deploy-azure.md";

/// The files of a folder whose names end so.
fn files(folder: &str, ending: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let entries = std::fs::read_dir(&path).expect("a folder");
    let names = entries.map(|entry| entry.expect("an entry").file_name());
    let names = names.map(|name| name.into_string().expect("a name in UTF-8"));
    let found: Vec<_> = names.filter(|name| name.ends_with(ending)).collect();
    assert!(!found.is_empty(), "no {ending} in {folder}");
    found.into_iter().map(|name| format!("{folder}/{name}")).collect()
}

/// The names that stand behind `before` in `text`.
fn named(text: &str, before: &str) -> BTreeSet<String> {
    let name = |rest: &str| {
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        rest[..end.unwrap_or(rest.len())].to_owned()
    };
    text.split(before).skip(1).map(name).collect()
}

/// What the parameter files take from the environment.
fn asked_for() -> BTreeSet<String> {
    let files = files("infra-bicep/env", ".bicepparam");
    files.iter().flat_map(|file| named(&text_of(file), "readEnvironmentVariable('")).collect()
}

#[test]
fn it_sets_every_secret() {
    let guide = text_of(GUIDE);
    let words: Vec<_> = guide.split_whitespace().collect();
    for (name, expression) in app_settings() {
        if let Some(secret) = secret(&expression) {
            let told = words.windows(2).any(|pair| pair == ["--name", secret]);
            assert!(told, "{GUIDE} does not say how {secret} of {name} is set");
        }
    }
}

#[test]
fn it_sets_every_variable_of_a_workflow() {
    let guide = text_of(GUIDE);
    for file in files(".github/workflows", ".yml") {
        for variable in named(&text_of(&file), "vars.") {
            assert!(guide.contains(&variable), "{GUIDE} does not set {variable} of {file}");
        }
    }
}

#[test]
fn parameter_files_are_told_all_that_they_ask_for() {
    let workflow = text_of(".github/workflows/infra.yml");
    let script = text_of(".github/scripts/infra.sh");
    let guide = text_of(GUIDE);
    for name in asked_for() {
        // The script finds out for itself which image runs.
        if script.contains(&format!("export {name}=")) {
            continue;
        }
        assert!(
            workflow.contains(&format!("{name}: ${{{{ vars.{name} }}}}")),
            "{name} in infra.yml"
        );
        assert!(guide.contains(&name), "{name} in {GUIDE}");
    }
}
