//! What the Functions host sends, case by case, against the real binary: `tests/fixtures/host`.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::handler::{Answer, Handler, chunked};
use crate::world::{PASSWORD, World, text};

/// One request with the answer that it must get.
struct Case {
    file: String,
    name: String,
    line: String,
    headers: Vec<String>,
    body: String,
    status: u16,
    content_type: String,
    answer: Value,
}

impl Case {
    /// `### name`, the request, `< status content-type`, the answer.
    fn parse(file: &str, text: &str) -> Self {
        let (name, rest) = text.split_once('\n').expect("a name, then a request");
        let (request, answer) =
            rest.split_once("\n< ").unwrap_or_else(|| panic!("{name}: no answer"));
        let (head, body) = request.split_once("\n\n").unwrap_or((request, ""));
        let mut head = head.trim().lines().map(str::to_owned);
        let (told, answer) = answer.split_once('\n').expect("a status, then an answer");
        let (status, content_type) = told.split_once(' ').expect("a status and a content type");
        Self {
            file: file.to_owned(),
            name: name.trim().to_owned(),
            line: head.next().expect("a request line"),
            headers: head.collect(),
            body: body.trim_end_matches('\n').to_owned(),
            status: status.parse().expect("a status"),
            content_type: content_type.to_owned(),
            answer: serde_json::from_str(answer).unwrap_or_else(|_| panic!("{name}: {answer}")),
        }
    }

    /// The bytes, with the body framed as the head says.
    fn request(&self, token: &str) -> Vec<u8> {
        let mut head = format!("{} HTTP/1.1\r\n", self.line);
        let mut framed = Vec::new();
        for header in &self.headers {
            let header = header.replace("{{token}}", token);
            let header = if header == "content-length: {{length}}" {
                framed = self.body.clone().into_bytes();
                format!("content-length: {}", self.body.len())
            } else {
                header
            };
            if header == "transfer-encoding: chunked" {
                framed = chunked(self.body.as_bytes());
            }
            head.push_str(&header);
            head.push_str("\r\n");
        }
        head.push_str("connection: close\r\n\r\n");
        [head.into_bytes(), framed].concat()
    }

    /// Whether the host reads the answer as an envelope.
    fn is_envelope(&self) -> bool {
        self.answer.get("Outputs").is_some()
    }

    fn check(&self, answer: &Answer) {
        let case = format!("{}: {}", self.file, self.name);
        assert_eq!(answer.status, self.status, "{case}: {}", answer.body);
        assert!(!(300..400).contains(&answer.status), "{case}: the host would follow it");
        assert_eq!(answer.header("content-type"), Some(self.content_type.as_str()), "{case}");
        if answer.body.is_empty() {
            assert_eq!(self.answer, Value::Null, "{case}: it has no body");
            return;
        }
        let body = answer.json();
        assert!(matches(&body, &self.answer), "{case}: not as expected: {body}");
        if self.is_envelope() {
            assert!(body.as_object().is_some_and(|object| !object.is_empty()), "{case}");
            assert_eq!(body["Outputs"], json!({}), "{case}");
            assert_eq!(body["ReturnValue"], Value::Null, "{case}");
        }
    }
}

/// Equal, where `"*"` stands for anything and a member that is not mentioned for anything too.
fn matches(given: &Value, expected: &Value) -> bool {
    match (given, expected) {
        (_, Value::String(any)) if any == "*" => true,
        (Value::Object(given), Value::Object(expected)) => expected
            .iter()
            .all(|(name, value)| given.get(name).is_some_and(|given| matches(given, value))),
        (Value::Array(given), Value::Array(expected)) => {
            given.len() == expected.len()
                && given.iter().zip(expected).all(|(given, expected)| matches(given, expected))
        }
        _ => given == expected,
    }
}

fn cases() -> Vec<Case> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/host");
    let mut cases = Vec::new();
    for entry in folder.read_dir().expect("the fixtures") {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|extension| extension != "http") {
            continue;
        }
        let file = path.file_name().expect("a name").to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).expect("a fixture is text");
        let parts = text.split("\n### ").skip(1);
        cases.extend(parts.map(|part| Case::parse(&file, part)));
    }
    cases
}

#[tokio::test(flavor = "multi_thread")]
async fn every_case_of_the_hosts_protocol_gets_its_answer() {
    let mut world = World::start().await;
    let owner = world.owner().await;
    let tenant = world.tenant(&owner, "Northwind Outfitters").await;
    let login = json!({
        "email": "owner@example.com", "password": PASSWORD, "tenant_id": tenant.id,
    });
    let session = world.call("POST", "/auth/login", None, Some(&login)).await.expect(200);
    world.kill();
    let handler = Handler::start(&world.environment());
    let cases = cases();
    assert!(cases.len() > 50, "only {} cases were found", cases.len());
    for case in &cases {
        case.check(&handler.exchange(&case.request(text(&session, "access_token"))));
    }
    // The log is parsed line by line.
    let (log, stderr) = handler.killed();
    assert!(!log.is_empty());
    assert_eq!(stderr, [""; 0], "the host takes each line of stderr for an error");
}

/// The README says which case shows which row of the protocol; it names no case that is gone.
#[test]
fn the_table_of_cases_is_complete() {
    let readme = include_str!("../../fixtures/host/README.md");
    for Case { file, name, .. } in cases() {
        assert!(readme.contains(&name), "{file}: {name:?} is not in the table");
    }
}
