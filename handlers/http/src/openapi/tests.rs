use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;

use super::*;

fn rendered() -> Value {
    serde_json::from_slice(&RENDERED).unwrap()
}

/// Every operation with its path and method.
fn operations(document: &Value) -> Vec<(String, String, &Value)> {
    let paths = document["paths"].as_object().unwrap();
    paths
        .iter()
        .flat_map(|(path, item)| {
            item.as_object().unwrap().iter().map(move |(method, operation)| {
                (path.clone(), method.to_ascii_uppercase(), operation)
            })
        })
        .collect()
}

fn each_value<'a>(value: &'a Value, see: &mut impl FnMut(&'a Value)) {
    see(value);
    match value {
        Value::Array(items) => items.iter().for_each(|item| each_value(item, see)),
        Value::Object(members) => members.values().for_each(|member| each_value(member, see)),
        _ => {}
    }
}

#[test]
fn every_route_of_the_registry_is_described_and_nothing_else() {
    let document = rendered();
    assert_eq!(document["openapi"], "3.1.0");
    let described: BTreeSet<_> = operations(&document)
        .into_iter()
        .map(|(path, method, operation)| {
            (path, method, operation["operationId"].as_str().unwrap().to_owned())
        })
        .collect();
    let registered: BTreeSet<_> = Function::http()
        .map(|(function, route)| {
            (route.path.to_owned(), route.method.as_str().to_owned(), function.name.to_owned())
        })
        .collect();
    assert_eq!(described, registered);
}

#[test]
fn every_reference_resolves() {
    let document = rendered();
    let mut references = 0;
    each_value(&document, &mut |value| {
        let Some(reference) = value.get("$ref").and_then(Value::as_str) else { return };
        references += 1;
        let target = document.pointer(reference.strip_prefix('#').unwrap());
        assert!(target.is_some(), "{reference} leads nowhere");
    });
    assert!(references > 50, "{references}");
}

#[test]
fn two_types_of_one_name_have_one_shape() {
    let mut known: BTreeMap<String, Value> = BTreeMap::new();
    for endpoint in ENDPOINTS {
        let document = (endpoint.document)();
        let answers = std::iter::once(&document.success).chain(&document.others);
        let shapes =
            document.body.iter().chain(&document.query).chain(answers.flat_map(|a| &a.body));
        for shape in shapes {
            let own = (shape.name.clone(), shape.schema.clone());
            let inline = matches!(reference(shape), RefOr::T(_));
            let own = std::iter::once(own).filter(|_| !inline);
            for (name, schema) in own.chain(shape.components.iter().cloned()) {
                let schema = serde_json::to_value(schema).unwrap();
                if let Some(other) = known.insert(name.clone(), schema.clone()) {
                    assert_eq!(schema, other, "{}: another {name}", endpoint.function);
                }
            }
        }
    }
}

#[test]
fn variables_of_a_path_are_required_parameters() {
    for (path, _, operation) in operations(&rendered()) {
        let declared: BTreeSet<_> = operation["parameters"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|parameter| parameter["in"] == "path" && parameter["required"] == true)
            .map(|parameter| parameter["name"].as_str().unwrap())
            .collect();
        assert_eq!(declared, parameters::variables(&path).collect(), "{path}");
    }
}

#[test]
fn a_token_is_asked_for_where_the_registry_asks_for_one() {
    let document = rendered();
    for (path, method, operation) in operations(&document) {
        let (_, route) = Function::http()
            .find(|(_, route)| route.path == path && route.method.as_str() == method)
            .unwrap();
        let asks = operation["security"] == serde_json::json!([{ "bearer": [] }]);
        assert_eq!(asks, route.access != Access::Public, "{method} {path}");
        assert!(!asks || operation["responses"]["401"].is_object(), "{method} {path}");
    }
    assert_eq!(document["components"]["securitySchemes"]["bearer"]["scheme"], "bearer");
}

#[test]
fn failures_are_problem_documents() {
    for (path, method, operation) in operations(&rendered()) {
        for (status, response) in operation["responses"].as_object().unwrap() {
            let report = path == "/health" && status == "503";
            if status.as_str() >= "400" && !report {
                let content = response["content"].as_object().unwrap();
                let types: Vec<_> = content.keys().collect();
                assert_eq!(types, ["application/problem+json"], "{method} {path} {status}");
            }
        }
    }
}

#[test]
fn the_callback_answers_programs_and_browsers() {
    let document = rendered();
    let answer = &document["paths"]["/oauth/callback/{platform}"]["get"]["responses"]["200"];
    assert!(answer["content"]["application/json"]["schema"].is_object());
    assert_eq!(answer["content"]["text/html"]["schema"]["type"], "string");
}

#[test]
fn no_parameter_of_a_query_may_be_null() {
    for (path, _, operation) in operations(&rendered()) {
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            each_value(&parameter["schema"], &mut |value| {
                assert_ne!(value, "null", "{path} {}", parameter["name"]);
            });
        }
    }
}

#[test]
fn the_committed_document_is_the_current_one() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json");
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == openapi_json() + "\n",
        "docs/openapi.json is out of date: run `cargo run -- openapi > docs/openapi.json`"
    );
}
