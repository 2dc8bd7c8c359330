//! `searchStream`: one JSON array of chunks, written while it is sent.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::errors::Failure;
use super::fields::camel_case;
use super::gaql::Query;
use super::rows::{Row, run};
use super::{PAGE, customer};
use crate::oauth::Person;
use crate::wire::Answer;
use crate::world::World;

/// Chunks that wait for the network; more would only hold memory.
const WAITING: usize = 2;

/// Runs the query on a thread of its own, which writes no faster than the client reads.
pub(super) async fn answer(
    world: Arc<World>,
    person: Person,
    customer_id: String,
    query: Query,
    request_id: &str,
) -> Result<Answer, Failure> {
    let (sender, mut receiver) = mpsc::channel::<Result<Bytes, Failure>>(WAITING);
    let request_id = request_id.to_owned();
    tokio::task::spawn_blocking(move || {
        let found = customer(&world, person, &customer_id)
            .and_then(|(customer, clients)| run(&world, customer, &clients, &query));
        match found {
            // A client that has gone away needs no more chunks.
            Err(failure) => sender.blocking_send(Err(failure)).unwrap_or_default(),
            Ok(rows) => {
                for chunk in chunks(&rows, &query, &request_id) {
                    if sender.blocking_send(Ok(chunk)).is_err() {
                        return;
                    }
                }
            }
        }
    });
    // A refusal comes first or not at all.
    let first = receiver.recv().await.unwrap_or_else(|| Err(Failure::internal()))?;
    let rest = stream::unfold(receiver, |mut receiver| async {
        receiver.recv().await.map(|chunk| (chunk, receiver))
    });
    let rest = rest.map(|chunk| chunk.map_err(|_| io::Error::other("the query failed")));
    Ok(Answer::streamed(stream::once(async { Ok(first) }).chain(rest)))
}

/// The pieces of the array: a chunk each, with what separates it from the one before.
fn chunks<'a>(
    rows: &'a [Row<'a>],
    query: &'a Query,
    request_id: &'a str,
) -> impl Iterator<Item = Bytes> + 'a {
    let pages: Vec<&[Row<'_>]> =
        if rows.is_empty() { vec![rows] } else { rows.chunks(PAGE).collect() };
    let count = pages.len();
    pages.into_iter().enumerate().map(move |(index, page)| {
        let mut chunk = json!({ "fieldMask": field_mask(query), "requestId": request_id });
        if !page.is_empty() {
            chunk["results"] = page.iter().map(|row| row.to_json(query)).collect::<Value>();
        }
        let last = index + 1 == count;
        if last {
            chunk["queryResourceConsumption"] = Value::String((rows.len() / 8 + 40).to_string());
        }
        let (open, close) = (if index == 0 { "[" } else { ",\r\n" }, if last { "]" } else { "" });
        Bytes::from(format!("{open}{chunk}{close}"))
    })
}

/// `campaign.id,metrics.costMicros,…`
pub(super) fn field_mask(query: &Query) -> String {
    let paths: Vec<String> = query
        .select
        .iter()
        .map(|field| field.name.split('.').map(camel_case).collect::<Vec<_>>().join("."))
        .collect();
    paths.join(",")
}
