//! An executable in dbt's place, which says what a test tells it to say.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

use stores::{DbtConnection, DbtProcess};

use crate::world::World;

/// Lives in the world's folder: `script` is what it does, with `$target` set.
pub(crate) struct FakeDbt {
    folder: PathBuf,
    pub(crate) process: DbtProcess,
}

pub(crate) const GREEN: &str = r#"echo '{"results":[]}' > "$target/run_results.json""#;

/// A test and a model that fail, as dbt exits then.
pub(crate) const RED: &str = r#"
echo '{"results":[
    {"status":"success","unique_id":"model.miq.stg","message":"OK","failures":null},
    {"status":"fail","unique_id":"test.miq.one_row_per_day","message":"Got 3 results","failures":3},
    {"status":"skipped","unique_id":"model.miq.fact","message":null,"failures":null}
]}' > "$target/run_results.json"
exit 1"#;

impl FakeDbt {
    pub(crate) fn new(world: &World, script: &str) -> Self {
        let folder = world.folder.path().join("dbt");
        fs::create_dir_all(&folder).unwrap();
        let process = DbtProcess {
            dbt: folder.join("dbt"),
            project_dir: folder.clone(),
            work_dir: folder.join("work"),
            connection: DbtConnection::from_url(&world.database.urls().transform).unwrap(),
            environment: vec![("PATH".to_owned(), "/usr/bin:/bin".to_owned())],
            timeout: Duration::from_mins(1),
        };
        let fake = Self { folder, process };
        fake.says(script);
        fake
    }

    /// From the next build on. Replaced as a whole: the old one may be running.
    pub(crate) fn says(&self, script: &str) {
        let preamble = r#"#!/bin/sh
set -e
# The superuser's URL is in the environment of every test: dbt must not see it.
[ -z "$MIQ_TEST_DATABASE_URL" ]
here=$(dirname "$0")
while [ $# -gt 0 ]; do
    if [ "$1" = --target-path ]; then target=$2; fi
    shift
done
echo "$MIQ_DBT_PUBLISHED_CHANGE $MIQ_DBT_THROUGH_CHANGE" >> "$here/builds"
"#;
        let (next, dbt) = (self.folder.join("dbt.next"), self.folder.join("dbt"));
        fs::write(&next, format!("{preamble}{script}\n")).unwrap();
        fs::set_permissions(&next, fs::Permissions::from_mode(0o755)).unwrap();
        fs::rename(next, dbt).unwrap();
    }

    /// `<published change> <through change>` of every build so far.
    pub(crate) fn builds(&self) -> Vec<String> {
        let told = fs::read_to_string(self.folder.join("builds")).unwrap_or_default();
        told.lines().map(str::to_owned).collect()
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}
