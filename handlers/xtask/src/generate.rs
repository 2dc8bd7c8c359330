//! `cargo xtask generate`: files made from the registry of functions.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use domain::registry::FUNCTIONS;

use crate::terminal::{answer, say};
use crate::workspace::Workspace;

const FOLDER: &str = "function-definitions";

/// Write function-definitions/*/function.json from the registry of functions
#[derive(Args)]
pub(crate) struct Arguments {
    /// Change nothing; fail if a file differs from what would be written
    #[arg(long)]
    check: bool,
}

/// How a file differs from what it should be.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Drift {
    Missing(PathBuf),
    Differs(PathBuf),
    Stale(PathBuf),
}

pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let folder = workspace.path(FOLDER);
    let wanted = definitions();
    let drift = drift(&folder, &wanted)?;
    if arguments.check {
        for difference in &drift {
            say(describe(difference));
        }
        if drift.is_empty() {
            return Ok(ExitCode::SUCCESS);
        }
        say("Run `cargo xtask generate` and commit what it writes.");
        return Ok(ExitCode::FAILURE);
    }
    for difference in &drift {
        mend(&folder, difference, &wanted)?;
    }
    answer(format_args!("{} functions, {} files changed", wanted.len(), drift.len()));
    Ok(ExitCode::SUCCESS)
}

/// What differs from the registry, in words; nothing if all is well.
pub(crate) fn check(workspace: &Workspace) -> anyhow::Result<Vec<String>> {
    Ok(drift(&workspace.path(FOLDER), &definitions())?.iter().map(describe).collect())
}

/// The contents of every `function.json`, by the function's folder.
pub(crate) fn definitions() -> BTreeMap<&'static str, String> {
    FUNCTIONS
        .iter()
        .map(|function| {
            let json = serde_json::to_string_pretty(&function.definition())
                .expect("a JSON value can be written");
            (function.name, json + "\n")
        })
        .collect()
}

fn drift(folder: &Path, wanted: &BTreeMap<&'static str, String>) -> anyhow::Result<Vec<Drift>> {
    let mut drift = Vec::new();
    for (name, contents) in wanted {
        let relative = Path::new(name).join("function.json");
        match fs::read_to_string(folder.join(&relative)) {
            Ok(found) if found == *contents => {}
            Ok(_) => drift.push(Drift::Differs(relative)),
            Err(_) => drift.push(Drift::Missing(relative)),
        }
    }
    if folder.exists() {
        let entries = fs::read_dir(folder).with_context(|| format!("cannot list {FOLDER}"))?;
        for entry in entries {
            let name = entry?.file_name();
            if name.to_str().is_none_or(|name| !wanted.contains_key(name)) {
                drift.push(Drift::Stale(PathBuf::from(name)));
            }
        }
    }
    Ok(drift)
}

fn describe(drift: &Drift) -> String {
    match drift {
        Drift::Missing(path) => format!("{FOLDER}/{} is missing", path.display()),
        Drift::Differs(path) => {
            format!("{FOLDER}/{} differs from the registry", path.display())
        }
        Drift::Stale(path) => {
            format!("{FOLDER}/{} belongs to no function", path.display())
        }
    }
}

fn mend(
    folder: &Path,
    drift: &Drift,
    wanted: &BTreeMap<&'static str, String>,
) -> anyhow::Result<()> {
    let failed = || format!("cannot mend: {}", describe(drift));
    match drift {
        Drift::Missing(relative) | Drift::Differs(relative) => {
            let name = relative.parent().and_then(Path::to_str).unwrap_or_default();
            let path = folder.join(relative);
            fs::create_dir_all(folder.join(name)).with_context(failed)?;
            fs::write(path, wanted.get(name).map_or("", String::as_str)).with_context(failed)
        }
        Drift::Stale(relative) => {
            let path = folder.join(relative);
            let removed =
                if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
            removed.with_context(failed)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drift_is_found_mended_and_then_gone() {
        let folder = tempfile::tempdir().unwrap();
        let wanted = BTreeMap::from([("LogIn", "{}\n".to_owned()), ("Health", "[]\n".to_owned())]);
        fs::create_dir(folder.path().join("LogIn")).unwrap();
        fs::write(folder.path().join("LogIn/function.json"), "old").unwrap();
        fs::create_dir(folder.path().join("Renamed")).unwrap();

        let found = drift(folder.path(), &wanted).unwrap();
        assert_eq!(
            found,
            [
                Drift::Missing("Health/function.json".into()),
                Drift::Differs("LogIn/function.json".into()),
                Drift::Stale("Renamed".into()),
            ]
        );
        for difference in &found {
            mend(folder.path(), difference, &wanted).unwrap();
        }
        assert_eq!(drift(folder.path(), &wanted).unwrap(), []);
        assert!(!folder.path().join("Renamed").exists());
    }

    #[test]
    fn every_function_has_one_definition_that_ends_with_a_line() {
        let definitions = definitions();
        assert_eq!(definitions.len(), FUNCTIONS.len());
        assert!(definitions.values().all(|json| json.ends_with("}\n")));
    }
}
