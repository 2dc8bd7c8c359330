use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;
use simulators::azure::Authority;

use super::trusting;

#[tokio::test]
async fn it_prints_one_line_serves_and_stops_when_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut child = Command::new(env!("CARGO_BIN_EXE_azure-stand-ins"))
        .arg("--folder")
        .arg(folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program starts");
    let mut out = BufReader::new(child.stdout.take().expect("its stdout"));
    let mut line = String::new();
    out.read_line(&mut line).expect("a line");
    let line: Value = serde_json::from_str(&line).expect("JSON");
    let text = |name: &str| line[name].as_str().expect(name).to_owned();
    for file in ["ca", "leaf_cert", "leaf_key"] {
        assert!(Path::new(&text(file)).is_file(), "{file}");
    }

    let authority = Authority::open_or_create(folder.path()).expect("the program's authority");
    let client = trusting(&authority).build().expect("a client");
    let vault = client.get(text("key_vault_url")).send().await.expect("an answer");
    assert_eq!(vault.status(), 401);
    let token = client
        .get(text("identity_endpoint"))
        .query(&[("api-version", "2019-08-01"), ("resource", "https://storage.azure.com")])
        .query(&[("client_id", text("identity_client_id"))])
        .header("x-identity-header", text("identity_header"));
    assert_eq!(token.send().await.expect("an answer").status(), 200);

    let told = Command::new("kill").arg(child.id().to_string()).status().expect("kill runs");
    assert!(told.success());
    assert!(child.wait().expect("it ends").success());
    let mut rest = String::new();
    out.read_to_string(&mut rest).expect("its output");
    assert_eq!(rest, "", "stdout holds one line only");
}
