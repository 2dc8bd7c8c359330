//! What the platforms answer adds up to the truth, before and after it was changed.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde_json::{Value, json};

use crate::support::{Simulator, json_of, list, simulator, span, text};

/// (account, day, campaign) → impressions, clicks, cost, conversions, value.
type Ads = BTreeMap<(String, String, String), [String; 5]>;
/// (property, day, campaign, source, medium, channel) → the five figures.
type Web = BTreeMap<[String; 6], [String; 5]>;

fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => decimal(text),
        other => decimal(&other.to_string()),
    }
}

fn decimal(text: &str) -> String {
    text.parse::<Decimal>().expect("a number").normalize().to_string()
}

fn accounts<'a>(truth: &'a Value, platform: &str) -> Vec<&'a Value> {
    list(&truth["tenants"])
        .iter()
        .flat_map(|tenant| list(&tenant["accounts"]))
        .filter(|account| account["platform"] == platform)
        .collect()
}

fn true_ads(truth: &Value, platform: &str) -> Ads {
    let mut ads = Ads::new();
    for account in accounts(truth, platform) {
        for day in list(&account["days"]) {
            for row in list(&day["campaigns"]) {
                let key =
                    (text(&account["account_id"]), text(&day["date"]), text(&row["campaign_id"]));
                let figures = ["impressions", "clicks", "cost", "conversions", "conversion_value"]
                    .map(|name| plain(&row[name]));
                ads.insert(key, figures);
            }
        }
    }
    ads
}

fn true_web(truth: &Value) -> Web {
    let mut web = Web::new();
    for account in accounts(truth, "google_analytics") {
        for day in list(&account["days"]) {
            for row in list(&day["rows"]) {
                let key = [
                    text(&account["account_id"]),
                    text(&day["date"]),
                    text(&row["campaign_name"]),
                    text(&row["source"]),
                    text(&row["medium"]),
                    text(&row["channel"]),
                ];
                let figures =
                    ["sessions", "engaged_sessions", "total_users", "key_events", "revenue"]
                        .map(|name| plain(&row[name]));
                web.insert(key, figures);
            }
        }
    }
    web
}

async fn google_ads(simulator: &Simulator, truth: &Value) -> Ads {
    let token = simulator.google("agency@example.com").await;
    let mut ads = Ads::new();
    for account in accounts(truth, "google_ads") {
        let (first, last) = span(account);
        let id = text(&account["account_id"]);
        let query = format!(
            "SELECT campaign.id, segments.date, metrics.impressions, metrics.clicks, \
             metrics.cost_micros, metrics.conversions, metrics.conversions_value FROM campaign \
             WHERE segments.date BETWEEN '{first}' AND '{last}'"
        );
        let chunks = json_of(simulator.stream(&token, &id, &query).await, 200).await;
        for row in list(&chunks).iter().flat_map(|chunk| list(&chunk["results"])) {
            let metrics = &row["metrics"];
            let cost: Decimal = text(&metrics["costMicros"]).parse().expect("micros");
            let figures = [
                plain(&metrics["impressions"]),
                plain(&metrics["clicks"]),
                (cost / Decimal::from(1_000_000)).normalize().to_string(),
                plain(&metrics["conversions"]),
                plain(&metrics["conversionsValue"]),
            ];
            let key = (id.clone(), text(&row["segments"]["date"]), text(&row["campaign"]["id"]));
            assert!(ads.insert(key, figures).is_none(), "a campaign's day came twice");
        }
    }
    ads
}

async fn meta_ads(simulator: &Simulator, truth: &Value) -> Ads {
    let token = simulator.meta("agency@example.com").await;
    let action = |row: &Value, array: &str| {
        list(&row[array])
            .iter()
            .find(|action| action["action_type"] == "offsite_conversion.fb_pixel_purchase")
            .map(|action| plain(&action["value"]))
    };
    let mut ads = Ads::new();
    for account in accounts(truth, "meta_ads") {
        let (first, last) = span(account);
        let id = text(&account["account_id"]);
        let range = json!({ "since": first, "until": last }).to_string();
        let mut next = Some(simulator.get(&format!("/graph/v26.0/act_{id}/insights")).query(&[
            ("level", "campaign"),
            ("time_increment", "1"),
            ("time_range", &range),
            ("fields", "campaign_id,spend,impressions,clicks,actions,action_values"),
            ("limit", "37"),
            ("access_token", &token),
        ]));
        while let Some(call) = next.take() {
            let page = json_of(call.send().await.expect("answer"), 200).await;
            for row in list(&page["data"]) {
                let figures = [
                    plain(&row["impressions"]),
                    plain(&row["clicks"]),
                    plain(&row["spend"]),
                    action(row, "actions").unwrap_or_else(|| "0".to_owned()),
                    action(row, "action_values").unwrap_or_default(),
                ];
                let key = (id.clone(), text(&row["date_start"]), text(&row["campaign_id"]));
                assert!(ads.insert(key, figures).is_none(), "a campaign's day came twice");
            }
            next = page["paging"]["next"].as_str().map(|link| simulator.client.get(link));
        }
    }
    ads
}

async fn analytics(simulator: &Simulator, truth: &Value) -> Web {
    let token = simulator.google("agency@example.com").await;
    let mut web = Web::new();
    for account in accounts(truth, "google_analytics") {
        let (first, last) = span(account);
        let id = text(&account["account_id"]);
        let mut offset = 0;
        loop {
            let report = json!({
                "dimensions": [
                    { "name": "date" }, { "name": "sessionCampaignName" },
                    { "name": "sessionSource" }, { "name": "sessionMedium" },
                    { "name": "sessionDefaultChannelGroup" },
                ],
                "metrics": [
                    { "name": "sessions" }, { "name": "engagedSessions" },
                    { "name": "totalUsers" }, { "name": "keyEvents" },
                    { "name": "totalRevenue" },
                ],
                "dateRanges": [{ "startDate": first, "endDate": last }],
                "offset": offset.to_string(),
                "limit": 101,
            });
            let path = format!("/analytics-data/v1beta/properties/{id}:runReport");
            let call = simulator.post(&path, &report).bearer_auth(&token);
            let page = json_of(call.send().await.expect("answer"), 200).await;
            for row in list(&page["rows"]) {
                let dimension = |index: usize| text(&row["dimensionValues"][index]["value"]);
                let day = dimension(0);
                let day = format!("{}-{}-{}", &day[..4], &day[4..6], &day[6..]);
                let key = [id.clone(), day, dimension(1), dimension(2), dimension(3), dimension(4)];
                let figures =
                    [0, 1, 2, 3, 4].map(|index: usize| plain(&row["metricValues"][index]["value"]));
                assert!(web.insert(key, figures).is_none(), "a row came twice");
            }
            offset += list(&page["rows"]).len();
            if page["rowCount"].as_u64() == Some(offset as u64) {
                break;
            }
        }
    }
    web
}

async fn agrees(simulator: &Simulator) -> Value {
    let truth = simulator.truth().await;
    let google = true_ads(&truth, "google_ads");
    assert!(google.len() > 200, "only {} campaign days", google.len());
    assert_eq!(google_ads(simulator, &truth).await, google);
    let meta = true_ads(&truth, "meta_ads");
    assert!(meta.len() > 200, "only {} campaign days", meta.len());
    assert_eq!(meta_ads(simulator, &truth).await, meta);
    let web = true_web(&truth);
    assert!(web.len() > 200, "only {} rows", web.len());
    assert_eq!(analytics(simulator, &truth).await, web);
    truth
}

#[tokio::test]
async fn all_platforms_answer_what_is_true() {
    let simulator = simulator().await;
    agrees(&simulator).await;
}

#[tokio::test]
async fn restated_and_vanished_figures_are_true_afterwards_and_can_be_taken_back() {
    let simulator = simulator().await;
    let before = agrees(&simulator).await;
    for platform in ["google_ads", "meta_ads", "google_analytics"] {
        let account = accounts(&before, platform)[0].clone();
        let id = text(&account["account_id"]);
        let days = list(&account["days"]);
        let [restated, vanished, thinned] = [3, 5, 7].map(|index: usize| &days[index]);
        let first_row = thinned["campaigns"].get(0).unwrap_or(&thinned["rows"][0]);
        let campaign = first_row.get("campaign_id").unwrap_or(&first_row["campaign_name"]);
        let order = |date: &Value| json!({ "platform": platform, "account_id": id, "date": date });
        let mut restate = order(&restated["date"]);
        restate["factor"] = json!("1.25");
        let mut thin = order(&thinned["date"]);
        thin["campaign_id"] = campaign.clone();
        simulator.control("restate", restate).await;
        simulator.control("vanish", order(&vanished["date"])).await;
        simulator.control("vanish", thin).await;

        let after = simulator.truth().await;
        let changed = accounts(&after, platform)[0].clone();
        let day =
            |date: &Value| list(&changed["days"]).iter().find(|day| day["date"] == *date).cloned();
        assert_eq!(day(&vanished["date"]), None);
        let rows = |day: &Value| list(day.get("campaigns").unwrap_or(&day["rows"])).len();
        assert_eq!(day(&thinned["date"]).map_or(0, |day| rows(&day)), rows(thinned) - 1);
        assert_ne!(day(&restated["date"]).as_ref(), Some(restated));
    }
    agrees(&simulator).await;

    simulator.control("reset", json!({})).await;
    assert_eq!(simulator.truth().await, before);
}

#[tokio::test]
async fn a_seed_always_draws_the_same_and_a_longer_history_or_more_clients_shift_nothing() {
    let first = simulator().await.truth().await;
    assert_eq!(simulator().await.truth().await, first);

    let config = simulators::Config { seed: 11, days: 50, more_clients: 3, ..Default::default() };
    let more = crate::support::simulator_of(config.clone()).await.truth().await;
    assert_eq!(list(&more["tenants"]).len(), 5);
    let kept = true_ads(&more, "google_ads");
    for (key, figures) in true_ads(&first, "google_ads") {
        assert_eq!(kept.get(&key), Some(&figures), "{key:?}");
    }

    let other = simulators::Config { seed: 12, ..config };
    assert_ne!(crate::support::simulator_of(other).await.truth().await, more);
}

#[tokio::test]
async fn no_day_is_served_before_it_has_begun_in_the_accounts_zone() {
    let simulator = simulator().await;
    // 03:00 UTC: in Amsterdam the 20th has begun, in New York and Toronto it is the 19th.
    let now = json!({ "now": "2024-05-20T03:00:00Z" });
    simulator.post("/_clock", &now).send().await.expect("answer");
    let truth = agrees_on_last_days(&simulator).await;
    assert_eq!(truth["google_ads"], "2024-05-20");
    assert_eq!(truth["meta_ads"], "2024-05-19");
}

async fn agrees_on_last_days(simulator: &Simulator) -> BTreeMap<&'static str, String> {
    let truth = simulator.truth().await;
    ["google_ads", "meta_ads"]
        .map(|platform| (platform, span(accounts(&truth, platform)[1]).1))
        .into_iter()
        .collect()
}
