//! `.github/scripts/publish-package.sh`, which puts a package on Azure: what comes up stays, what
//! does not is taken back. The Azure CLI is a stand-in, the app a server that answers `/health`
//! as the package says that it runs.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

use crate::world::provided;

struct Azure {
    state: TempDir,
    api: String,
}

impl Azure {
    fn new() -> Self {
        let state = TempDir::new().expect("a temporary directory");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let api = format!("http://{}/", listener.local_addr().expect("an address"));
        let running = state.path().join("running.zip");
        // Ends with the test's process.
        std::thread::spawn(move || {
            for connection in listener.incoming() {
                let mut connection = connection.expect("a connection");
                let mut request = [0; 4096];
                let _length = connection.read(&mut request).expect("a request");
                let health = member(&running, "health");
                let status = if health.is_some() { "200 OK" } else { "503 Service Unavailable" };
                let body = health.unwrap_or_default();
                let length = body.len();
                write!(
                    connection,
                    "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
                )
                .expect("the answer is taken");
            }
        });
        Self { state, api }
    }

    fn publish(&self, package: &Path, version: &str) -> Output {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let stand_in = root.join("tests/fixtures/publish");
        Command::new(root.join(".github/scripts/publish-package.sh"))
            .env("PATH", format!("{}:{}", stand_in.display(), provided("PATH")))
            .env("AZ_STATE", self.state.path())
            .env("PACKAGE", package)
            .env("VERSION", version)
            .env("RESOURCE_GROUP", "group")
            .env("APP_NAME", "app")
            .env("PACKAGE_STORAGE", "account")
            .env("PACKAGE_CONTAINER", "container")
            .env("API_URL", &self.api)
            .env("PATIENCE", "1")
            .env("PAUSE", "0.1")
            .output()
            .expect("the script starts")
    }

    /// A package of two functions; without a version, one that does not come up.
    fn package(&self, name: &str, version: Option<&str>) -> PathBuf {
        let path = self.state.path().join(name);
        let write = "import sys, zipfile\n\
                     with zipfile.ZipFile(sys.argv[1], 'w') as package:\n\
                     \x20   for name in ['host.json', 'One/function.json', 'Two/function.json']:\n\
                     \x20       package.writestr(name, '{}')\n\
                     \x20   for health in sys.argv[2:]:\n\
                     \x20       package.writestr('health', health)\n";
        let health = version.map(|version| format!("{{\"version\": \"{version}\"}}"));
        let written = Command::new("python3").args(["-c", write]).arg(&path).args(health).status();
        assert!(written.expect("Python starts").success());
        path
    }

    fn holds(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.state.path().join(name)).expect("a file")
    }

    fn says(&self, name: &str, text: &str) {
        std::fs::write(self.state.path().join(name), text).expect("a file is written");
    }
}

/// A file of the zip, if both are there.
fn member(package: &Path, name: &str) -> Option<String> {
    let output = Command::new("python3")
        .args([
            "-c",
            "import sys, zipfile; print(zipfile.ZipFile(sys.argv[1]).read(sys.argv[2]).decode())",
        ])
        .arg(package)
        .arg(name)
        .output()
        .expect("Python starts");
    output.status.success().then(|| String::from_utf8(output.stdout).expect("text"))
}

#[test]
fn a_package_that_comes_up_stays() {
    let azure = Azure::new();
    for version in ["0.1.0", "0.2.0"] {
        let package = azure.package("new.zip", Some(version));
        let output = azure.publish(&package, version);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(azure.holds("running.zip"), azure.holds("new.zip"));
    }
}

#[test]
fn a_package_that_does_not_come_up_is_taken_back() {
    let azure = Azure::new();
    let former = azure.package("former.zip", Some("0.1.0"));
    assert!(azure.publish(&former, "0.1.0").status.success());
    // One that never answers, and one that answers as another version.
    for claims in [None, Some("0.1.9")] {
        let package = azure.package("new.zip", claims);
        let output = azure.publish(&package, "0.2.0");
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success());
        assert!(told.contains("The former package is up again."), "{told}");
        assert_eq!(azure.holds("released-package.zip"), azure.holds("former.zip"));
        assert_eq!(azure.holds("running.zip"), azure.holds("former.zip"));
    }
}

#[test]
fn a_function_that_is_not_listed_is_a_failure() {
    let azure = Azure::new();
    azure.says("hidden", "1");
    let package = azure.package("new.zip", Some("0.1.0"));
    let output = azure.publish(&package, "0.1.0");
    assert!(!output.status.success());
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.contains("There is no former package to go back to."), "{told}");
}

#[test]
fn nothing_is_changed_where_the_former_package_cannot_be_kept() {
    let azure = Azure::new();
    azure.says("released-package.zip", "the former");
    azure.says("forbidden", "");
    let package = azure.package("new.zip", Some("0.1.0"));
    let output = azure.publish(&package, "0.1.0");
    assert!(!output.status.success());
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.contains("nothing was changed"), "{told}");
    assert!(told.contains("AuthorizationPermissionMismatch"), "{told}");
    assert_eq!(azure.holds("released-package.zip"), b"the former");
}
