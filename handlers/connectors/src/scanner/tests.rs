use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;

#[derive(Debug, Default, PartialEq)]
struct Harvest {
    rows: Vec<String>,
    envelopes: Vec<String>,
}

/// Feeds `answer` cut at the given places.
fn scan(answer: &[u8], cuts: &[usize]) -> Result<Harvest, ScanError> {
    let mut scanner = Scanner::new("results");
    let mut harvest = Harvest::default();
    let mut places: Vec<_> = cuts.iter().map(|cut| cut % (answer.len() + 1)).collect();
    places.extend([0, answer.len()]);
    places.sort_unstable();
    for pair in places.windows(2) {
        scanner.feed(&answer[pair[0]..pair[1]], |found| {
            match found {
                Found::Row(row) => harvest.rows.push(String::from_utf8_lossy(row).into_owned()),
                Found::Envelope(rest) => {
                    harvest.envelopes.push(String::from_utf8_lossy(rest).into_owned());
                }
            }
            Ok::<_, ScanError>(())
        })?;
    }
    scanner.finish()?;
    Ok(harvest)
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_filter("JSON knows no infinity", |n| n.is_finite()).prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        // Strings that look like structure.
        r#"[\[\]{}",:\\ a-c\n]{0,12}"#.prop_map(Value::from),
        Just(Value::from("\"results\":[")),
    ];
    leaf.prop_recursive(3, 24, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            any_object(inner),
        ]
    })
}

fn any_object(value: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
    let key = prop_oneof![Just("results".to_owned()), r#"[a-c"\\{\[]{0,4}"#, any::<String>()];
    prop::collection::vec((key, value), 0..5)
        .prop_map(|pairs| Value::Object(pairs.into_iter().collect::<Map<_, _>>()))
}

fn any_chunk() -> impl Strategy<Value = (Vec<Value>, Value)> {
    let rest = any_object(any_json()).prop_map(|mut rest| {
        rest.as_object_mut().unwrap().remove("results");
        rest
    });
    (prop::collection::vec(any_object(any_json()), 0..6), rest)
}

/// The chunk as one object, its rows under `results`.
fn whole((rows, rest): &(Vec<Value>, Value)) -> Value {
    let mut object = rest.clone();
    object["results"] = Value::from(rows.clone());
    object
}

proptest! {
    #[test]
    fn rows_come_out_whole_wherever_the_answer_is_cut(
        chunks in prop::collection::vec(any_chunk(), 0..4),
        pretty in any::<bool>(),
        cuts in prop::collection::vec(any::<usize>(), 0..12),
    ) {
        let answer = Value::from(chunks.iter().map(whole).collect::<Vec<_>>());
        let text = if pretty { format!("{answer:#}") } else { answer.to_string() };
        let harvest = scan(text.as_bytes(), &cuts).unwrap();

        let rows: Vec<_> = chunks.iter().flat_map(|(rows, _)| rows).map(Value::to_string).collect();
        prop_assert_eq!(harvest.rows, rows);
        let envelopes: Vec<_> = chunks
            .iter()
            .map(|(_, rest)| whole(&(Vec::new(), rest.clone())).to_string())
            .collect();
        prop_assert_eq!(harvest.envelopes, envelopes);
    }

    #[test]
    fn a_single_object_is_read_like_an_array_of_one(
        chunk in any_chunk(),
        cuts in prop::collection::vec(any::<usize>(), 0..12),
    ) {
        let object = whole(&chunk);
        let alone = scan(object.to_string().as_bytes(), &cuts).unwrap();
        let in_array = scan(json!([object]).to_string().as_bytes(), &[]).unwrap();
        prop_assert_eq!(alone, in_array);
    }

    #[test]
    fn an_answer_that_breaks_off_anywhere_is_noticed(
        chunk in any_chunk(),
        at in any::<prop::sample::Index>(),
    ) {
        let text = json!([whole(&chunk)]).to_string();
        let cut = &text.as_bytes()[..at.index(text.len())];
        prop_assert_eq!(scan(cut, &[]), Err(ScanError::Truncated));
    }

    #[test]
    fn plain_text_ends_where_a_byte_by_byte_look_says(bytes in prop::collection::vec(
        prop_oneof![9 => any::<u8>(), 1 => Just(b'"'), 1 => Just(b'\\'), 20 => b' '..=255],
        0..60,
    )) {
        let end = bytes.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..b' '));
        prop_assert_eq!(plain_text(&bytes), end.unwrap_or(bytes.len()));
    }

    #[test]
    fn any_bytes_at_all_are_survived(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        cuts in prop::collection::vec(any::<usize>(), 0..4),
    ) {
        // Whatever it says, it says it without a panic, and the same for any cut.
        prop_assert_eq!(scan(&bytes, &cuts), scan(&bytes, &[]));
    }
}

#[test]
fn deep_nesting_long_rows_and_long_envelopes_are_refused() {
    let deep = "[".repeat(10_000);
    assert_eq!(scan(format!("{{\"a\":{deep}").as_bytes(), &[]), Err(ScanError::Deep));
    let long = "x".repeat(LONGEST_ROW + 1);
    let row = format!("{{\"results\":[{{\"a\":\"{long}");
    assert_eq!(scan(row.as_bytes(), &[]), Err(ScanError::LongRow));
    let envelope = format!("{{\"a\":\"{long}");
    assert_eq!(scan(envelope.as_bytes(), &[]), Err(ScanError::LongEnvelope));
}

#[test]
fn what_is_not_an_answer_is_refused() {
    for text in ["<html>", "42", "\"results\"", "{}{}", "[1]", "[[{}]]", "]"] {
        assert_eq!(scan(text.as_bytes(), &[]), Err(ScanError::NotAnObject), "{text}");
    }
    assert_eq!(scan(b"{\"results\":[1]}", &[]), Err(ScanError::RowIsNotAnObject));
    assert_eq!(scan(b"{\"results\":[{\"a\":\"\n\"}]}", &[]), Err(ScanError::ControlCharacter));
    assert_eq!(scan(b"", &[]), Err(ScanError::Truncated));
}

#[test]
fn an_error_in_an_array_is_an_envelope() {
    let harvest = scan(br#"[{"error":{"code":429,"results":[{"a":1}]}}]"#, &[]).unwrap();
    assert!(harvest.rows.is_empty());
    assert_eq!(harvest.envelopes, [r#"{"error":{"code":429,"results":[{"a":1}]}}"#]);
}
