//! Faults in the bytes, and answers that a platform would hardly ever give.

use std::time::Duration;

use connectors::{ExtractError, ExtractRequest, Extracted, Timing};
use domain::ports::PlatformError;
use domain::{DateRange, Stream};
use serde_json::{Value, json};

use crate::gather::{Kept, Tokens, account, days, hasty};
use crate::scripted::{Act, Server, answer, cut, ok};

const STREAM: Stream = Stream::GOOGLE_ADS_CAMPAIGN_DAILY;

fn row(number: usize, day: &str) -> Value {
    json!({
        "campaign": {"id": number.to_string(), "name": format!("Ünïcode \"{number}\"\n\\")},
        "metrics": {"impressions": "10", "clicks": "1", "costMicros": "1500000", "conversions": 0.1},
        "segments": {"date": day},
    })
}

/// A `searchStream` answer and the lines that should come of it.
fn stream_of(rows: usize) -> (String, Vec<String>) {
    let rows: Vec<_> = (0..rows).map(|number| row(number, "2026-11-20")).collect();
    let lines = rows.iter().map(Value::to_string).collect();
    (json!([{"results": rows, "requestId": "r-1"}]).to_string(), lines)
}

pub(crate) async fn extract_with(
    server: &Server,
    stream: Stream,
    window: DateRange,
    tokens: &Tokens,
) -> (Result<Extracted, ExtractError>, Kept) {
    let account = account(stream.platform, "7");
    let request = ExtractRequest { account: &account, stream, window };
    let mut kept = Kept::default();
    let extracted = server.platforms(hasty()).extract(&request, tokens, &mut kept).await;
    (extracted, kept)
}

async fn extract(script: Vec<Act>) -> (Result<Extracted, ExtractError>, Kept, Vec<String>) {
    let server = Server::playing(script).await;
    let window = days("2026-11-01", "2026-11-30");
    let (extracted, kept) = extract_with(&server, STREAM, window, &Tokens::of(&["t"])).await;
    (extracted, kept, server.calls())
}

pub(crate) fn platform_error(extracted: Result<Extracted, ExtractError>) -> PlatformError {
    match extracted {
        Err(ExtractError::Platform(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_answer_cut_after_rows_have_left_starts_over_and_loses_and_doubles_nothing() {
    // Far more than what is gathered before rows leave.
    let (body, lines) = stream_of(20_000);
    let (extracted, kept, _) = extract(vec![cut(&body, body.len() - 100), ok(&body)]).await;
    let extracted = extracted.unwrap();
    assert_eq!(kept.restarts, 1);
    assert_eq!(kept.lines, lines);
    assert_eq!((extracted.totals.rows, extracted.requests), (20_000, 2));
    assert_eq!(extracted.totals.cost.unwrap().normalize().to_string(), "30000");
    assert_eq!(extracted.totals.conversions.unwrap().normalize().to_string(), "2000");
    assert_eq!(extracted.request_ids, ["r-1"]);
}

#[tokio::test]
async fn an_answer_that_fails_before_a_row_has_left_is_asked_for_again_quietly() {
    let (body, lines) = stream_of(3);
    let half = &body[..body.len() / 2];
    let faults = [
        cut(&body, 20),
        // Complete by its length, but half a JSON.
        ok(half),
        ok(""),
        ok("Service Unavailable"),
        ok(r#"[{"error":{"code":503,"status":"UNAVAILABLE"}}]"#),
        answer("503 Service Unavailable", "", "<html>"),
        answer("429 Too Many Requests", "retry-after: 0\r\n", ""),
        // Closed without a word.
        Act::Send(Vec::new()),
        Act::Send(b"HTTP/1.1 200 OK\r\ncontent-le".to_vec()),
        ok(r#"{"status":"maintenance"}"#),
    ];
    for fault in faults {
        let (extracted, kept, calls) = extract(vec![fault.clone(), ok(&body)]).await;
        assert_eq!(extracted.unwrap_or_else(|error| panic!("{fault:?}: {error:?}")).requests, 2);
        assert_eq!((kept.lines, kept.restarts), (lines.clone(), 0), "{fault:?}");
        assert_eq!(calls.len(), 2);
    }
}

#[tokio::test]
async fn an_answer_that_stops_coming_is_asked_for_again() {
    let (body, lines) = stream_of(3);
    let headers = "HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\n";
    let half = format!("{headers}{}", &body[..body.len() / 2]);
    for sent in [Vec::new(), half.into_bytes()] {
        let server = Server::playing(vec![Act::SendAndHang(sent), ok(&body)]).await;
        let impatient = Timing { read: Duration::from_secs(1), ..hasty() };
        let account = account(STREAM.platform, "7");
        let window = days("2026-11-01", "2026-11-30");
        let request = ExtractRequest { account: &account, stream: STREAM, window };
        let mut kept = Kept::default();
        let tokens = Tokens::of(&["t"]);
        server.platforms(impatient).extract(&request, &tokens, &mut kept).await.unwrap();
        assert_eq!(kept.lines, lines);
    }
}

#[tokio::test]
async fn a_platform_that_keeps_failing_is_given_up() {
    let down = answer("503 Service Unavailable", "", "");
    let (extracted, _, calls) = extract(vec![down; 50]).await;
    assert_eq!(platform_error(extracted).code(), "platform_unavailable");
    assert!(calls.len() < 20, "{} calls", calls.len());
}

#[tokio::test]
async fn a_platform_that_answers_nonsense_is_given_up() {
    let (extracted, _, _) = extract(vec![ok("<html>"); 50]).await;
    assert_eq!(platform_error(extracted).code(), "platform_bad_answer");
}

#[tokio::test]
async fn a_long_wait_is_handed_back_at_once() {
    let later = answer("429 Too Many Requests", "retry-after: 3600\r\n", "");
    let (extracted, _, calls) = extract(vec![later]).await;
    let error = platform_error(extracted);
    assert!(
        matches!(error, PlatformError::Throttled(_, Some(wait)) if wait == Duration::from_hours(1))
    );
    assert_eq!(calls.len(), 1);
}

#[tokio::test]
async fn a_row_of_a_day_that_was_not_asked_for_is_refused() {
    for day in ["2026-10-31", "2026-12-01", "yesterday"] {
        let rows = [row(1, "2026-11-20"), row(2, day)];
        let body = json!([{"results": rows}]).to_string();
        let (extracted, kept, calls) = extract(vec![ok(body)]).await;
        assert_eq!(platform_error(extracted).code(), "platform_bad_answer");
        assert!(kept.lines.is_empty());
        assert_eq!(calls.len(), 1, "asking again would bring the same");
    }
}

#[tokio::test]
async fn pretty_answers_become_one_line_a_row() {
    let (body, lines) = stream_of(3);
    let pretty = format!("{:#}", serde_json::from_str::<Value>(&body).unwrap());
    let (extracted, kept, _) = extract(vec![ok(pretty)]).await;
    assert_eq!(extracted.unwrap().totals.rows, 3);
    assert_eq!(kept.lines, lines);
}

#[tokio::test]
async fn an_account_without_rows_is_no_error() {
    for body in [
        "[]",
        r#"[{"fieldMask":"segments.date"}]"#,
        r#"[{"requestId":"x"}]"#,
        r#"[{"results":[],"requestId":"x"}]"#,
    ] {
        let (extracted, kept, _) = extract(vec![ok(body)]).await;
        let totals = extracted.unwrap().totals;
        assert_eq!((totals.rows, totals.impressions), (0, Some(0)), "{body}");
        assert!(kept.lines.is_empty());
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = answer("302 Found", "location: http://127.0.0.1:9/\r\n", "");
    let (extracted, _, calls) = extract(vec![elsewhere]).await;
    assert_eq!(platform_error(extracted).code(), "platform_bad_answer");
    assert_eq!(calls.len(), 1);
}

#[tokio::test]
async fn a_refused_token_is_renewed_once() {
    let (body, _) = stream_of(1);
    let refused = answer("401 Unauthorized", "", "");
    let window = days("2026-11-01", "2026-11-30");

    let server = Server::playing(vec![refused.clone(), ok(body)]).await;
    let (extracted, _) =
        extract_with(&server, STREAM, window, &Tokens::of(&["old", "fresh"])).await;
    extracted.unwrap();
    let calls = server.calls();
    assert!(calls[0].contains("Bearer old") && calls[1].contains("Bearer fresh"));

    let server = Server::playing(vec![refused.clone(), refused]).await;
    let tokens = Tokens::of(&["old", "fresh", "never asked for"]);
    let (extracted, _) = extract_with(&server, STREAM, window, &tokens).await;
    assert_eq!(platform_error(extracted).code(), "needs_reauth");
    assert_eq!(server.calls().len(), 2);
}

#[tokio::test]
async fn errors_hold_neither_tokens_nor_addresses_nor_the_platforms_words() {
    let faults = [
        answer("400 Bad Request", "", r#"{"error":{"message":"SECRET-WORDS"}}"#),
        ok("SECRET-WORDS"),
        Act::Send(Vec::new()),
    ];
    for fault in faults {
        let server = Server::playing(vec![fault; 50]).await;
        let window = days("2026-11-01", "2026-11-03");
        let stream = Stream::META_ADS_INSIGHTS_DAILY;
        let tokens = Tokens::of(&["SECRET-TOKEN"]);
        let (extracted, _) = extract_with(&server, stream, window, &tokens).await;
        let error = extracted.unwrap_err();
        let shown = format!("{error} {error:?}");
        for secret in ["SECRET", "app-secret", "appsecret_proof", "127.0.0.1"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
}

fn traffic_page(days: &[&str], row_count: usize) -> Act {
    let names =
        |names: &[&str]| -> Value { names.iter().map(|name| json!({ "name": name })).collect() };
    let rows: Vec<_> = days
        .iter()
        .map(|day| {
            let dimensions = [day, "Brand", "google", "cpc", "Paid Search"];
            let value = |value: &str| json!({ "value": value });
            let metrics = ["12", "9", "11", "2", "3.5"].map(value);
            json!({
                "dimensionValues": dimensions.map(value),
                "metricValues": metrics,
            })
        })
        .collect();
    let dimensions = [
        "date",
        "sessionCampaignName",
        "sessionSource",
        "sessionMedium",
        "sessionDefaultChannelGroup",
    ];
    let metrics = ["sessions", "engagedSessions", "totalUsers", "keyEvents", "totalRevenue"];
    ok(json!({
        "dimensionHeaders": names(&dimensions),
        "metricHeaders": names(&metrics),
        "rows": rows,
        "rowCount": row_count,
        "metadata": {"currencyCode": "EUR", "timeZone": "Europe/Amsterdam",
            "subjectToThresholding": true},
    })
    .to_string())
}

#[tokio::test]
async fn an_analytics_report_is_read_until_all_its_rows_are_there() {
    let pages = vec![
        traffic_page(&["20261101", "20261102"], 3),
        answer("503 Service Unavailable", "", ""),
        traffic_page(&["20261103"], 3),
    ];
    let server = Server::playing(pages).await;
    let stream = Stream::GOOGLE_ANALYTICS_TRAFFIC_DAILY;
    let window = days("2026-11-01", "2026-11-30");
    let (extracted, kept) = extract_with(&server, stream, window, &Tokens::of(&["t"])).await;
    let extracted = extracted.unwrap();
    assert_eq!((kept.lines.len(), kept.restarts), (3, 0));
    assert_eq!(extracted.totals.sessions, Some(36));
    assert_eq!(extracted.totals.conversion_value.unwrap().to_string(), "10.5");
    assert!(extracted.quality.thresholded && !extracted.quality.sampled);
    assert_eq!(extracted.reported_time_zone, Some(chrono_tz::Europe::Amsterdam));
    assert_eq!(extracted.reported_currency, Some("EUR".parse().unwrap()));
    let calls = server.calls();
    let offsets = [r#""offset":"0""#, r#""offset":"2""#, r#""offset":"2""#];
    for (call, offset) in calls.iter().zip(offsets) {
        assert!(call.starts_with("POST /v1beta/properties/7:runReport ") && call.contains(offset));
    }
}

#[tokio::test]
async fn a_report_that_promises_rows_it_never_sends_is_refused() {
    let server = Server::playing(vec![traffic_page(&[], 3)]).await;
    let stream = Stream::GOOGLE_ANALYTICS_TRAFFIC_DAILY;
    let window = days("2026-11-01", "2026-11-30");
    let (extracted, _) = extract_with(&server, stream, window, &Tokens::of(&["t"])).await;
    assert_eq!(platform_error(extracted).code(), "platform_bad_answer");
}

pub(crate) fn insights_page(days: &[&str], after: Option<&str>) -> Act {
    let rows: Vec<_> = days
        .iter()
        .map(|day| {
            json!({"account_currency": "EUR", "campaign_id": "1", "spend": "1.10",
                "impressions": "10", "clicks": "1", "date_start": day, "date_stop": day})
        })
        .collect();
    let mut paging = json!({"cursors": {"before": "a", "after": after.unwrap_or("last")}});
    if let Some(after) = after {
        let next = format!("https://graph.facebook.com/v26.0/act_7/insights?after={after}");
        paging["next"] = Value::from(next);
    }
    ok(json!({"data": rows, "paging": paging}).to_string())
}

fn meta_refusal(code: i64, message: &str) -> Act {
    let body = json!({"error": {"code": code, "message": message, "fbtrace_id": "x"}});
    answer("400 Bad Request", "", body.to_string())
}

async fn insights(script: Vec<Act>) -> (Result<Extracted, ExtractError>, Kept, Vec<String>) {
    let server = Server::playing(script).await;
    let stream = Stream::META_ADS_INSIGHTS_DAILY;
    let window = days("2026-11-01", "2026-11-04");
    let (extracted, kept) = extract_with(&server, stream, window, &Tokens::of(&["t"])).await;
    (extracted, kept, server.calls())
}

#[tokio::test]
async fn a_lost_place_in_the_pages_begins_them_anew() {
    let (extracted, kept, calls) = insights(vec![
        insights_page(&["2026-11-01", "2026-11-02"], Some("c1")),
        meta_refusal(100, "(#100) Invalid cursor"),
        insights_page(&["2026-11-01", "2026-11-02"], Some("c2")),
        insights_page(&["2026-11-03"], None),
    ])
    .await;
    let extracted = extracted.unwrap();
    assert_eq!((kept.lines.len(), kept.restarts), (3, 1));
    assert_eq!(extracted.totals.cost.unwrap().to_string(), "3.30");
    assert!(calls[1].contains("after=c1") && calls[3].contains("after=c2"));
    assert!(!calls[2].contains("after="));
}

#[tokio::test]
async fn pages_that_lead_back_to_themselves_end_in_an_error() {
    let page = insights_page(&["2026-11-01"], Some("c1"));
    let (extracted, _, calls) = insights(vec![page; 20]).await;
    assert_eq!(platform_error(extracted).code(), "platform_bad_answer");
    assert_eq!(calls.len(), 2);
}

#[tokio::test]
async fn too_much_data_is_asked_for_in_halves() {
    let too_much = meta_refusal(1, "Please reduce the amount of data you're asking for");
    let (extracted, kept, calls) = insights(vec![
        too_much.clone(),
        insights_page(&["2026-11-01", "2026-11-02"], None),
        too_much.clone(),
        insights_page(&["2026-11-03"], None),
        insights_page(&["2026-11-04"], None),
    ])
    .await;
    assert_eq!(extracted.unwrap().requests, 5);
    assert_eq!((kept.lines.len(), kept.restarts), (4, 0));
    let asked = |since: &str, until: &str| {
        format!("%22since%22%3A%22{since}%22%2C%22until%22%3A%22{until}%22")
    };
    let windows = [
        asked("2026-11-01", "2026-11-04"),
        asked("2026-11-01", "2026-11-02"),
        asked("2026-11-03", "2026-11-04"),
        asked("2026-11-03", "2026-11-03"),
        asked("2026-11-04", "2026-11-04"),
    ];
    for (call, window) in calls.iter().zip(windows) {
        assert!(call.contains(&window), "{call} does not ask for {window}");
    }

    // A single day cannot be halved.
    let (extracted, _, calls) = insights(vec![too_much; 20]).await;
    assert_eq!(platform_error(extracted).code(), "too_much_data");
    assert_eq!(calls.len(), 3);
}
