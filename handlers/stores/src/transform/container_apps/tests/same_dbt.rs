//! The image calls dbt as a child process of this program would.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::time::Duration;

use domain::ports::Transformer;

use super::stage::{Stage, project, python, write};
use crate::transform::{DbtConnection, DbtProcess};

/// Writes down how it was called.
const FAKE_DBT: &str = r#"#!/bin/sh
here=$(dirname "$0")
printf '%s\n' "$@" > "$here/arguments"
env > "$here/environment"
"#;

/// A Python environment like dbt's own, but for dbt.
fn with_fake_dbt(environment: &Path) {
    let real = python().parent().unwrap().parent().unwrap().to_owned();
    let bin = environment.join("bin");
    write(&bin.join("dbt"), FAKE_DBT);
    fs::set_permissions(bin.join("dbt"), fs::Permissions::from_mode(0o755)).unwrap();
    symlink(python(), bin.join("python")).unwrap();
    symlink(real.join("lib"), environment.join("lib")).unwrap();
    fs::copy(real.join("pyvenv.cfg"), environment.join("pyvenv.cfg")).unwrap();
}

/// The arguments with the working folder as `WORK`, and the environment but for what the shell
/// adds, with the places of programs and files left out.
fn call(bin: &Path) -> (Vec<String>, BTreeMap<String, String>) {
    let arguments = fs::read_to_string(bin.join("arguments")).unwrap();
    let arguments: Vec<&str> = arguments.lines().collect();
    let target = arguments.iter().position(|argument| *argument == "--target-path").unwrap() + 1;
    let work = arguments[target].strip_suffix("/target").unwrap().to_owned();
    let arguments = arguments.iter().map(|argument| argument.replace(&work, "WORK")).collect();
    let environment = fs::read_to_string(bin.join("environment")).unwrap();
    let environment = environment
        .lines()
        .filter_map(|line| line.split_once('='))
        .filter(|(name, _)| !["PWD", "OLDPWD", "SHLVL", "_"].contains(name))
        .map(|(name, value)| {
            let place = ["PATH", "HOME", "TMPDIR"].contains(&name);
            (name.to_owned(), if place { String::new() } else { value.to_owned() })
        })
        .collect();
    (arguments, environment)
}

#[tokio::test]
async fn both_transformers_call_dbt_alike() {
    let stage = Stage::running(|folder| {
        let environment = folder.join("python");
        with_fake_dbt(&environment);
        (environment.join("bin/python"), project().join("container/run_build.py"))
    })
    .await;
    let bin = stage.folder.path().join("python/bin");

    assert!(stage.job().build(7, 42).await.unwrap().is_green());
    let in_the_job = call(&bin);

    let process = DbtProcess {
        dbt: bin.join("dbt"),
        project_dir: project(),
        work_dir: stage.folder.path().join("work"),
        connection: DbtConnection::from_url(&stage.database.urls().transform).unwrap(),
        environment: ["PATH", "HOME", "TMPDIR"]
            .map(|name| (name.to_owned(), "/usr/bin:/bin".to_owned()))
            .to_vec(),
        timeout: Duration::from_mins(1),
    };
    assert!(process.build(7, 42).await.unwrap().is_green());
    assert_eq!(in_the_job, call(&bin));
}
