//! The program itself: what it prints, and how it ends.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

fn simulators(arguments: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_simulators"))
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts")
}

#[tokio::test]
async fn it_prints_one_line_serves_and_stops_when_told() {
    let mut child = simulators(&["--seed", "3"]);
    let mut out = BufReader::new(child.stdout.take().expect("its stdout"));
    let mut line = String::new();
    out.read_line(&mut line).expect("a line");
    let line: Value = serde_json::from_str(&line).expect("JSON");
    assert_eq!(line["business_now"], "2024-06-01T12:00:00Z");

    let clock = format!("{}/_clock", line["address"].as_str().expect("an address"));
    let clock: Value = reqwest::get(clock).await.expect("answer").json().await.expect("JSON");
    assert_eq!(clock["now"], line["business_now"]);

    let told = Command::new("kill").arg(child.id().to_string()).status().expect("kill runs");
    assert!(told.success());
    assert!(child.wait().expect("it ends").success());
    let mut rest = String::new();
    out.read_to_string(&mut rest).expect("its output");
    assert_eq!(rest, "", "stdout holds one line only");
}

#[test]
fn a_bad_file_ends_it_with_every_reason() {
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    let header =
        "Date,xyz_campaign_id,Impressions,Clicks,Spent,Total_Conversion,Approved_Conversion";
    writeln!(file, "{header}\n2024-05-01,1,1,1,1,1,1\n01-05-2024,1,1,1,one,1,1").expect("written");
    let path = file.path().to_str().expect("a path");
    let output = simulators(&["--meta-csv", path]).wait_with_output().expect("it ends");
    assert!(!output.status.success());
    assert!(output.stdout.is_empty());
    let reasons = String::from_utf8_lossy(&output.stderr).into_owned();
    for part in [path, "2 bad line(s)", "line 2: Date", "line 3: Spent \"one\""] {
        assert!(reasons.contains(part), "{part:?} is not in {reasons}");
    }
}
