//! What can go wrong at a platform: each fault is recovered from, or ends in one clear message.

use domain::{Platform, Stream};
use serde_json::json;

use crate::simulated::{World, span};

const DAILY: [Stream; 3] = [
    Stream::GOOGLE_ADS_CAMPAIGN_DAILY,
    Stream::META_ADS_INSIGHTS_DAILY,
    Stream::GOOGLE_ANALYTICS_TRAFFIC_DAILY,
];

async fn recovers(stream: Stream, kinds: &[&str]) {
    let world = World::start().await;
    let session = world.session(stream.platform).await;
    let account = &session.accounts[0];
    let window = span(&session.truth(account).await);
    let (clean, expected) = session.extract(account, stream, window).await;
    let clean = clean.unwrap();
    for kind in kinds {
        let order = json!({ "platform": stream.platform, "kind": kind, "times": 1 });
        world.control("fault", order).await;
        let (extracted, kept) = session.extract(account, stream, window).await;
        let extracted = extracted.unwrap_or_else(|error| panic!("{stream:?} {kind}: {error:?}"));
        assert_eq!(kept.lines, expected.lines, "{kind}");
        assert_eq!(extracted.totals, clean.totals, "{kind}");
        // A slow answer arrives in the end; all else takes another call.
        if *kind != "slow" {
            assert!(extracted.requests > clean.requests, "{kind} did not strike");
        }
    }
}

const RECOVERABLE: [&str; 9] = [
    "throttle",
    "server_error",
    "service_unavailable",
    "reset",
    "truncated",
    "half_json_200",
    "error_in_200",
    "slow",
    "token_expired",
];

#[tokio::test]
async fn google_ads_recovers() {
    recovers(Stream::GOOGLE_ADS_CAMPAIGN_DAILY, &RECOVERABLE).await;
}

#[tokio::test]
async fn meta_recovers() {
    recovers(Stream::META_ADS_INSIGHTS_DAILY, &RECOVERABLE).await;
    recovers(Stream::META_ADS_INSIGHTS_DAILY, &["failed_report"]).await;
}

#[tokio::test]
async fn google_analytics_recovers() {
    recovers(Stream::GOOGLE_ANALYTICS_TRAFFIC_DAILY, &RECOVERABLE).await;
}

#[tokio::test]
async fn a_window_whose_reports_all_get_stuck_is_read_in_halves() {
    let world = World::start().await;
    let stream = Stream::META_ADS_INSIGHTS_DAILY;
    let session = world.session(stream.platform).await;
    let account = &session.accounts[0];
    let window = span(&session.truth(account).await);
    let (_, expected) = session.extract(account, stream, window).await;
    let order = json!({ "platform": "meta_ads", "kind": "stuck_report", "times": 2 });
    world.control("fault", order).await;
    let (extracted, kept) = session.extract(account, stream, window).await;
    extracted.unwrap();
    let (mut got, mut wanted) = (kept.lines, expected.lines);
    got.sort_unstable();
    wanted.sort_unstable();
    assert_eq!(got, wanted);
}

#[tokio::test]
async fn what_cannot_be_recovered_ends_in_one_clear_message() {
    let world = World::start().await;
    for stream in DAILY {
        // Analytics says the same of a property that is gone as of one that is not ours.
        let disabled = match stream.platform {
            Platform::GoogleAnalytics => "permission_denied",
            Platform::GoogleAds | Platform::MetaAds => "account_disabled",
        };
        for (kind, code) in [
            ("dead_version", "operator_action_needed"),
            ("account_disabled", disabled),
            ("permission_denied", "permission_denied"),
            ("revoked", "needs_reauth"),
        ] {
            let session = world.session(stream.platform).await;
            let account = &session.accounts[0];
            let window = span(&session.truth(account).await);
            let order = json!({ "platform": stream.platform, "kind": kind, "times": 1 });
            world.control("fault", order).await;
            let (extracted, _) = session.extract(account, stream, window).await;
            match extracted {
                Err(connectors::ExtractError::Platform(error)) => {
                    assert_eq!(error.code(), code, "{stream:?} {kind}");
                    assert!(error.to_string().contains(stream.platform.title()));
                }
                other => panic!("{stream:?} {kind}: {other:?}"),
            }
        }
    }
}

#[tokio::test]
async fn a_fault_of_one_account_leaves_the_others_alone() {
    let world = World::start().await;
    for stream in DAILY {
        let session = world.session(stream.platform).await;
        let [broken, fine, ..] = session.accounts.as_slice() else { panic!("two accounts") };
        let order = json!({ "platform": stream.platform, "account_id": broken.account_id,
            "kind": "permission_denied", "times": 100 });
        world.control("fault", order).await;
        let window = span(&session.truth(fine).await);
        let (extracted, _) = session.extract(broken, stream, window).await;
        assert!(extracted.is_err());
        let (extracted, _) = session.extract(fine, stream, window).await;
        extracted.unwrap();
    }
}
