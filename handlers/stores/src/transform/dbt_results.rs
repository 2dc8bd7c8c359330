//! `target/run_results.json`, as dbt 1.11 writes it (schema v6).

use domain::ports::FailedNode;
use serde::Deserialize;

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
pub(super) fn failed_nodes(json: &[u8]) -> Result<Vec<FailedNode>, serde_json::Error> {
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

    #[test]
    fn what_dbt_did_not_write_is_refused() {
        assert!(failed_nodes(b"{}").is_err());
        assert!(failed_nodes(b"").is_err());
    }
}
