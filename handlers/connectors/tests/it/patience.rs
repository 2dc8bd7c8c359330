//! When a call is repeated, and when less is asked for.

use std::time::Duration;

use connectors::{ExtractError, ExtractRequest, Extracted, Timing};
use domain::{DateRange, Stream};
use serde_json::json;

use crate::bytes::{extract_with, insights_page, platform_error};
use crate::gather::{Kept, Tokens, account, days, hasty};
use crate::scripted::{Act, Server, answer, ok};

const GOOGLE: Stream = Stream::GOOGLE_ADS_CAMPAIGN_DAILY;
const META: Stream = Stream::META_ADS_INSIGHTS_DAILY;

/// With the calls that were made.
async fn extract(
    script: Vec<Act>,
    stream: Stream,
    window: DateRange,
    timing: Timing,
) -> (Result<Extracted, ExtractError>, Vec<String>) {
    let server = Server::playing(script).await;
    let account = account(stream.platform, "7");
    let request = ExtractRequest { account: &account, stream, window };
    let tokens = Tokens::of(&["t"]);
    let platforms = server.platforms(timing);
    let extracted = platforms.extract(&request, &tokens, &mut Kept::default()).await;
    (extracted, server.calls())
}

#[tokio::test]
async fn a_good_status_with_some_other_object_is_not_an_empty_answer() {
    let window = days("2026-11-01", "2026-11-04");
    let cases = [
        (GOOGLE, "{}"),
        (GOOGLE, "[{}]"),
        (GOOGLE, r#"{"status":"maintenance"}"#),
        (META, "{}"),
        (META, "[]"),
        (META, r#"{"data":null}"#),
        (META, r#"{"status":"maintenance"}"#),
    ];
    for (stream, body) in cases {
        let server = Server::playing(vec![ok(body); 20]).await;
        let (extracted, _) = extract_with(&server, stream, window, &Tokens::of(&["t"])).await;
        assert_eq!(platform_error(extracted).code(), "platform_bad_answer", "{body}");
        assert!(server.calls().len() > 1, "the next answer may be a real one: {body}");
    }
    let script = vec![ok(r#"{"status":"maintenance"}"#), insights_page(&["2026-11-02"], None)];
    let (extracted, _) = extract(script, META, window, hasty()).await;
    assert_eq!(extracted.unwrap().totals.rows, 1);
}

/// Whether a call, GET or POST, asks Meta for these days.
fn asks_for(call: &str, since: &str, until: &str) -> bool {
    call.contains(&format!("%22since%22%3A%22{since}%22%2C%22until%22%3A%22{until}%22"))
}

fn run() -> Act {
    ok(r#"{"report_run_id":"99"}"#)
}

fn state(status: &str, percent: u32) -> Act {
    let state = json!({"id": "99", "async_status": status, "async_percent_completion": percent});
    ok(state.to_string())
}

#[tokio::test]
async fn a_stuck_report_is_not_repeated_but_asked_for_in_halves() {
    let stuck = || state("Job Running", 30);
    let script = vec![
        run(),
        stuck(),
        run(),
        stuck(),
        insights_page(&["2026-11-01"], None),
        insights_page(&["2026-11-08"], None),
        run(),
        stuck(),
        insights_page(&["2026-11-15"], None),
        insights_page(&["2026-11-22"], None),
    ];
    let timing = Timing { report: Duration::ZERO, ..hasty() };
    let window = days("2026-11-01", "2026-11-28");
    let (extracted, calls) = extract(script, META, window, timing).await;
    assert_eq!(extracted.unwrap().totals.rows, 4);
    for (call, since, until) in [
        (0, "2026-11-01", "2026-11-28"),
        (2, "2026-11-01", "2026-11-14"),
        (4, "2026-11-01", "2026-11-07"),
        (5, "2026-11-08", "2026-11-14"),
        (6, "2026-11-15", "2026-11-28"),
        (8, "2026-11-15", "2026-11-21"),
        (9, "2026-11-22", "2026-11-28"),
    ] {
        assert!(asks_for(&calls[call], since, until), "{}", calls[call]);
    }
}

#[tokio::test]
async fn a_failed_report_is_repeated_once_and_then_asked_for_in_halves() {
    let failed = || state("Job Failed", 0);
    let script = vec![
        run(),
        failed(),
        run(),
        failed(),
        insights_page(&["2026-11-01"], None),
        insights_page(&["2026-11-08"], None),
    ];
    let timing = Timing { report: Duration::from_mins(1), ..hasty() };
    let window = days("2026-11-01", "2026-11-14");
    let (extracted, calls) = extract(script, META, window, timing).await;
    assert_eq!(extracted.unwrap().totals.rows, 2);
    assert!(asks_for(&calls[2], "2026-11-01", "2026-11-14"));
    assert!(asks_for(&calls[4], "2026-11-01", "2026-11-07"));
}

/// Whether a call asks Google Ads for these days.
fn selects(call: &str, first: &str, last: &str) -> bool {
    call.contains(first) && call.contains(last)
}

#[tokio::test]
async fn a_call_that_times_out_is_repeated_and_then_asked_for_in_halves() {
    let hang = || Act::SendAndHang(Vec::new());
    let script = vec![hang(), hang(), ok("[]"), ok("[]")];
    let timing = Timing { read: Duration::from_secs(1), ..hasty() };
    let window = days("2026-11-01", "2026-11-30");
    let (extracted, calls) = extract(script, GOOGLE, window, timing).await;
    extracted.unwrap();
    assert!(selects(&calls[1], "2026-11-01", "2026-11-30"));
    assert!(selects(&calls[2], "2026-11-01", "2026-11-15"));
    assert!(selects(&calls[3], "2026-11-16", "2026-11-30"));
}

#[tokio::test]
async fn an_answer_that_drips_for_too_long_is_asked_for_in_halves() {
    let script = vec![ok("[]"); 4];
    let timing = Timing { answer: Duration::ZERO, ..hasty() };
    let (extracted, calls) =
        extract(script, GOOGLE, days("2026-11-01", "2026-11-04"), timing).await;
    assert_eq!(platform_error(extracted).code(), "platform_unavailable");
    let asked = [("2026-11-01", "2026-11-04"), ("2026-11-01", "2026-11-02")];
    for (call, (first, last)) in calls.iter().zip(asked) {
        assert!(selects(call, first, last), "{call}");
    }
    assert_eq!(calls.len(), 3, "a single day is not repeated");
}

#[tokio::test]
async fn half_of_the_days_has_all_its_tries() {
    let down = || {
        let error = json!([{"error": {"code": 503, "status": "UNAVAILABLE"}}]);
        answer("503 Service Unavailable", "", error.to_string())
    };
    let mut script: Vec<_> = (0..5).map(|_| down()).collect();
    // A quarter, a quarter, a half.
    script.extend([ok("[]"), ok("[]"), ok("[]")]);
    let window = days("2026-11-01", "2026-11-30");
    let (extracted, calls) = extract(script, GOOGLE, window, hasty()).await;
    extracted.unwrap();
    assert_eq!(calls.len(), 8);
}
