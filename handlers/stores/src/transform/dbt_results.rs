//! What dbt said, wherever it ran: its exit code and `target/run_results.json`, as dbt 1.11
//! writes it (schema v6).

use domain::ports::{BoxError, BuildReport, FailedNode};
use serde::Deserialize;

/// How a `dbt build` ended.
#[derive(Debug)]
pub(super) struct Ended {
    /// Absent if a signal ended it.
    pub(super) exit_code: Option<i32>,
    /// `run_results.json`, if dbt came to write it.
    pub(super) results: Option<Vec<u8>>,
    /// The end of what dbt printed.
    pub(super) output: String,
}

impl Ended {
    /// The results name what failed; without any, the exit code decides. An error means that dbt
    /// could not do its work.
    pub(super) fn report(self) -> Result<BuildReport, BoxError> {
        let failed = match &self.results {
            Some(json) => failed_nodes(json)?,
            None => Vec::new(),
        };
        if !failed.is_empty() || self.exit_code == Some(0) {
            return Ok(BuildReport { failed });
        }
        match self.exit_code {
            // dbt said no before it ran a node.
            Some(1) => {
                let (node, kind) = ("dbt".to_owned(), "project".to_owned());
                Ok(BuildReport { failed: vec![FailedNode { node, kind, message: self.output }] })
            }
            // It was cut short, or broke; dbt 1.11 exits with 2 for a project that it cannot read, too.
            Some(code) => Err(format!("it ended with exit code {code}: {}", self.output).into()),
            None => Err(format!("a signal ended it: {}", self.output).into()),
        }
    }
}

#[derive(Deserialize)]
struct RunResults {
    results: Vec<NodeResult>,
}

#[derive(Deserialize)]
struct NodeResult {
    unique_id: String,
    status: String,
    message: Option<String>,
    failures: Option<i64>,
}

/// The models and tests that failed, in the order in which they ran. `skipped` follows from
/// another's failure, `warn` is no failure.
fn failed_nodes(json: &[u8]) -> Result<Vec<FailedNode>, serde_json::Error> {
    let run: RunResults = serde_json::from_slice(json)?;
    Ok(run.results.into_iter().filter_map(failed_node).collect())
}

fn failed_node(result: NodeResult) -> Option<FailedNode> {
    if !matches!(result.status.as_str(), "error" | "fail" | "runtime error") {
        return None;
    }
    let kind = result.unique_id.split('.').next().unwrap_or_default().to_owned();
    let message = match (result.message, result.failures) {
        (Some(message), _) if !message.trim().is_empty() => message.trim().to_owned(),
        (_, Some(rows)) => format!("{rows} rows do not pass"),
        _ => "it failed without a message".to_owned(),
    };
    Some(FailedNode { node: result.unique_id, kind, message })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_failed_by_itself_is_named() {
        let json = br#"{"metadata":{},"results":[
            {"status":"success","unique_id":"model.miq.a","message":"SELECT 1","failures":null},
            {"status":"warn","unique_id":"test.miq.w","message":"Got 2 results","failures":2},
            {"status":"fail","unique_id":"test.miq.grain","message":"Got 3 results","failures":3},
            {"status":"error","unique_id":"model.miq.b","message":" Database Error\n","failures":null},
            {"status":"fail","unique_id":"test.miq.silent","message":null,"failures":7},
            {"status":"skipped","unique_id":"model.miq.c","message":null,"failures":null}
        ]}"#;
        let failed: Vec<_> = failed_nodes(json)
            .unwrap()
            .into_iter()
            .map(|node| format!("{} {}: {}", node.kind, node.node, node.message))
            .collect();
        assert_eq!(
            failed,
            [
                "test test.miq.grain: Got 3 results",
                "model model.miq.b: Database Error",
                "test test.miq.silent: 7 rows do not pass",
            ]
        );
    }

    fn ended(exit_code: Option<i32>, results: Option<&str>) -> Result<BuildReport, String> {
        let results = results.map(|json| json.as_bytes().to_vec());
        let ended = Ended { exit_code, results, output: "the end".to_owned() };
        ended.report().map_err(|error| error.to_string())
    }

    #[test]
    fn without_a_failed_node_the_exit_code_decides() {
        let passed = r#"{"results":[{"status":"pass","unique_id":"test.miq.a"}]}"#;
        assert!(ended(Some(0), Some(passed)).unwrap().is_green());
        let said_no = ended(Some(1), None).unwrap();
        assert_eq!((&*said_no.failed[0].kind, &*said_no.failed[0].message), ("project", "the end"));
        assert_eq!(ended(Some(2), Some(passed)).unwrap_err(), "it ended with exit code 2: the end");
        assert_eq!(ended(None, Some(passed)).unwrap_err(), "a signal ended it: the end");
    }

    #[test]
    fn what_dbt_did_not_write_is_refused() {
        assert!(failed_nodes(b"{}").is_err());
        assert!(failed_nodes(b"").is_err());
    }
}
