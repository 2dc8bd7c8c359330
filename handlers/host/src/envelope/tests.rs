//! The recorded samples, with our functions' names in place of the recorded ones.

use domain::registry::Function;

use super::*;

fn function(name: &str) -> &'static Function {
    Function::find(name).unwrap()
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn stamp(now: &str, guid: &str) -> Stamp {
    Stamp { now: at(now), rand_guid: guid.parse().unwrap() }
}

fn delivery(text: &str) -> Delivery {
    Delivery {
        queue: "extract-meta-ads".to_owned(),
        id: "52d53c5f-e212-487e-998b-abbe3b9d51e4".to_owned(),
        receipt: "MThGZWIy".to_owned(),
        text: text.to_owned(),
        dequeue_count: 1,
        inserted_at: at("2025-02-18T03:06:19Z"),
        expires_at: at("2025-02-25T03:06:19Z"),
        next_visible_at: at("2025-02-18T03:16:20Z"),
    }
}

fn text(body: &Bytes) -> &str {
    std::str::from_utf8(body).unwrap()
}

fn metadata(text: &str) -> Value {
    let stamp = stamp("2025-02-18T03:06:20Z", "e59556b5-892a-4465-a19d-4396f0978dab");
    let body = queue(function("RunMetaAdsJob"), &stamp, &delivery(text));
    serde_json::from_slice::<Value>(&body).unwrap()["Metadata"].take()
}

#[test]
fn a_timers_call_is_the_recorded_one() {
    let call = TimerCall {
        status: Some(ScheduleStatus {
            last: Some(at("2026-09-24T13:08:00.0096035Z")),
            next: at("2026-09-24T13:09:00Z"),
            last_updated: at("2026-09-24T13:08:00.0096035Z"),
        }),
        is_past_due: false,
        retry: None,
    };
    let stamp = stamp("2023-09-07T11:40:45.004275Z", "35e6e68c-0a5b-4d57-93b6-5b0b1c2a3d4e");
    assert_eq!(
        text(&timer(function("ExtractMetaAds"), &stamp, &call)),
        concat!(
            r#"{"Data":{"timer":{"Schedule":{"AdjustForDST":true},"#,
            r#""ScheduleStatus":{"Last":"2026-09-24T13:08:00.0096035+00:00","#,
            r#""Next":"2026-09-24T13:09:00+00:00","#,
            r#""LastUpdated":"2026-09-24T13:08:00.0096035+00:00"},"IsPastDue":false}},"#,
            r#""Metadata":{"sys":{"MethodName":"ExtractMetaAds","#,
            r#""UtcNow":"2023-09-07T11:40:45.004275Z","#,
            r#""RandGuid":"35e6e68c-0a5b-4d57-93b6-5b0b1c2a3d4e"}}}"#,
        )
    );
}

#[test]
fn the_first_run_ever_was_last_in_the_year_one() {
    let call = TimerCall {
        status: Some(ScheduleStatus {
            last: None,
            next: at("2026-09-24T13:00:00Z"),
            last_updated: at("2026-09-24T12:41:07.5Z"),
        }),
        is_past_due: true,
        retry: None,
    };
    let stamp = stamp("2026-09-24T13:00:00Z", "35e6e68c-0a5b-4d57-93b6-5b0b1c2a3d4e");
    let body = timer(function("ExtractGoogleAds"), &stamp, &call);
    assert!(
        text(&body).contains(concat!(
            r#""ScheduleStatus":{"Last":"0001-01-01T00:00:00","Next":"2026-09-24T13:00:00+00:00","#,
            r#""LastUpdated":"2026-09-24T12:41:07.5+00:00"},"IsPastDue":true"#,
        )),
        "{}",
        text(&body)
    );
}

#[test]
fn an_unmonitored_timer_has_no_status_and_a_retry_says_which() {
    let retry = RetryContext { count: 1, max_count: 3, exception: "status 500".to_owned() };
    let call = TimerCall { retry: Some(retry), ..TimerCall::default() };
    let stamp = stamp("2026-09-24T13:00:00Z", "35e6e68c-0a5b-4d57-93b6-5b0b1c2a3d4e");
    let body = timer(function("ExtractGoogleAds"), &stamp, &call);
    assert!(text(&body).contains(r#""ScheduleStatus":null,"IsPastDue":false"#), "{}", text(&body));
    assert!(
        text(&body).contains(
            r#""Metadata":{"RetryContext":{"RetryCount":1,"MaxRetryCount":3,"Exception":"status 500"},"sys""#
        ),
        "{}",
        text(&body)
    );
}

#[test]
fn a_queues_call_is_the_recorded_one() {
    let stamp = stamp("2025-02-18T03:06:20.7562691Z", "e59556b5-892a-4465-a19d-4396f0978dab");
    assert_eq!(
        text(&queue(function("RunMetaAdsJob"), &stamp, &delivery("hello!!"))),
        concat!(
            r#"{"Data":{"message":"\"hello!!\""},"#,
            r#""Metadata":{"DequeueCount":"1","ExpirationTime":"2025-02-25T03:06:19+00:00","#,
            r#""Id":"\"52d53c5f-e212-487e-998b-abbe3b9d51e4\"","#,
            r#""InsertionTime":"2025-02-18T03:06:19+00:00","#,
            r#""NextVisibleTime":"2025-02-18T03:16:20+00:00","PopReceipt":"\"MThGZWIy\"","#,
            r#""sys":{"MethodName":"RunMetaAdsJob","#,
            r#""RandGuid":"e59556b5-892a-4465-a19d-4396f0978dab","#,
            r#""UtcNow":"2025-02-18T03:06:20.7562691Z"}}}"#,
        )
    );
}

#[test]
fn a_json_messages_text_is_encoded_twice() {
    let stamp = stamp("2025-02-18T03:06:20Z", "e59556b5-892a-4465-a19d-4396f0978dab");
    let body = queue(function("RunMetaAdsJob"), &stamp, &delivery(r#"{"a":1}"#));
    assert!(text(&body).contains(r#""message":"\"{\\\"a\\\":1}\"""#), "{}", text(&body));
}

#[test]
fn a_json_messages_fields_overwrite_metadata() {
    let metadata = metadata(
        r#"{"DequeueCount":99,"Id":"fake","on":true,"none":null,"list":[1],"deep":{"x":[1]},
            "QueueTrigger":"dropped"}"#,
    );
    assert_eq!(metadata["DequeueCount"], r#""99""#);
    assert_eq!(metadata["Id"], r#""fake""#);
    assert_eq!(metadata["on"], r#""True""#);
    assert_eq!(metadata["none"], r#""""#);
    assert_eq!(metadata["deep"], serde_json::json!({"x": [1]}));
    assert!(metadata.get("list").is_none());
    assert!(metadata.get("QueueTrigger").is_none());
}

#[test]
fn text_that_is_no_json_object_leaves_the_metadata_alone() {
    for message in ["hello", "[1,2]", "\"text\"", "1", "{broken", ""] {
        assert_eq!(metadata(message), metadata("hello"), "{message}");
    }
}
