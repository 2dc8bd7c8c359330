//! The API's answers equal what the platforms know, to the last digit: per tenant, account, day
//! and campaign; and again after the platforms changed their minds.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde_json::{Value, json};

use crate::world::{Tenant, World, account, accounts, text};

/// Every figure of a tenant, by platform, account, day and campaign.
type Figures = BTreeMap<String, String>;

/// Whatever the business's "today" is, all the days that the simulators know.
const ALL_DAYS: &str = "from=2022-01-01&to=2024-12-31";

fn add(figures: &mut Figures, key: String, values: String) {
    assert!(!figures.contains_key(&key), "{key} stands twice");
    figures.insert(key, values);
}

/// One line of advertising figures; decimals without trailing zeros.
fn ad_line(row: &Value) -> String {
    let number = |name: &str| match &row[name] {
        Value::Null => "none".to_owned(),
        Value::String(text) => plain(text),
        other => other.to_string(),
    };
    ["impressions", "clicks", "cost", "conversions", "conversion_value"].map(number).join(" ")
}

fn plain(text: &str) -> String {
    let decimal: Decimal = text.parse().unwrap_or_else(|_| panic!("{text:?} is no decimal"));
    decimal.normalize().to_string()
}

/// What the simulators say.
fn true_figures(truth: &Value, tenant: &Tenant) -> Figures {
    let mut figures = Figures::new();
    for account in accounts(truth, &tenant.name) {
        let platform = text(account, "platform");
        let (id, currency) = (text(account, "account_id"), text(account, "currency"));
        for day in account["days"].as_array().expect("days") {
            let date = text(day, "date");
            if platform == "google_analytics" {
                let rows = day["rows"].as_array().expect("rows");
                let mut sums = [Decimal::ZERO; 4];
                for row in rows {
                    let figures = [
                        row["sessions"].to_string(),
                        row["engaged_sessions"].to_string(),
                        text(row, "key_events").to_owned(),
                        text(row, "revenue").to_owned(),
                    ];
                    for (sum, figure) in sums.iter_mut().zip(figures) {
                        *sum += figure.parse::<Decimal>().expect("a decimal");
                    }
                }
                let line = sums.map(|sum| sum.normalize().to_string()).join(" ");
                add(&mut figures, format!("{platform} {date} {currency}"), line);
                continue;
            }
            for campaign in day["campaigns"].as_array().expect("campaigns") {
                let key =
                    format!("{platform} {id} {date} {} {currency}", text(campaign, "campaign_id"));
                add(&mut figures, key, ad_line(campaign));
            }
        }
    }
    figures
}

/// What the API says.
async fn served_figures(world: &World, tenant: &Tenant) -> Figures {
    let mut figures = Figures::new();
    let mut cursor = String::new();
    loop {
        let path = format!("/api/v1/campaigns?{ALL_DAYS}&limit=7{cursor}");
        let page = world.get(&path, &tenant.token).await.expect(200);
        for campaign in page["data"].as_array().expect("campaigns") {
            let id = text(campaign, "id");
            let path = format!("/api/v1/campaigns/{id}/performance?{ALL_DAYS}");
            let days = world.get(&path, &tenant.token).await.expect(200);
            for day in days["data"].as_array().expect("days") {
                let key = format!(
                    "{} {} {} {} {}",
                    text(campaign, "platform"),
                    text(campaign, "account_id"),
                    text(day, "date"),
                    text(campaign, "campaign_id"),
                    text(day, "currency_code"),
                );
                add(&mut figures, key, ad_line(day));
            }
        }
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    let path = format!("/api/v1/metrics?{ALL_DAYS}&platform=google_analytics");
    let web = world.get(&path, &tenant.token).await.expect(200);
    for row in web["data"].as_array().expect("rows") {
        let key = format!(
            "{} {} {}",
            text(row, "platform"),
            text(row, "date"),
            text(row, "currency_code")
        );
        let line = [
            row["sessions"].to_string(),
            row["engaged_sessions"].to_string(),
            plain(text(row, "key_events")),
            plain(text(row, "revenue")),
        ];
        add(&mut figures, key, line.join(" "));
    }
    figures
}

pub(crate) async fn assert_served_is_true(world: &World, tenants: &[&Tenant], when: &str) {
    let truth = world.truth().await;
    for tenant in tenants {
        let wanted = true_figures(&truth, tenant);
        let served = served_figures(world, tenant).await;
        assert!(wanted.len() > 100, "{} has too little to compare", tenant.name);
        let wrong: Vec<_> = wanted
            .keys()
            .chain(served.keys())
            .filter(|key| wanted.get(*key) != served.get(*key))
            .map(|key| format!("{key}: {:?}, served {:?}", wanted.get(key), served.get(key)))
            .take(10)
            .collect();
        assert!(wrong.is_empty(), "{} {when}:\n{}", tenant.name, wrong.join("\n"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_answers_what_the_platforms_know_and_follows_when_they_restate() {
    let world = World::start().await;
    let (northwind, bluebird) = world.two_tenants().await;
    let tenants = [&northwind, &bluebird];
    for tenant in tenants {
        world.synced(tenant, &[]);
    }
    assert_served_is_true(&world, &tenants, "after the first sync").await;

    let truth = world.truth().await;
    for platform in ["google_ads", "meta_ads"] {
        let account = account(&truth, &northwind.name, platform);
        let days = account["days"].as_array().expect("days");
        let [.., whole, row, restated] = days.as_slice() else { panic!("too few days") };
        let id = text(account, "account_id");
        let change =
            |day: &Value| json!({"platform": platform, "account_id": id, "date": day["date"]});
        let mut more = change(restated);
        more["factor"] = json!("1.25");
        world.control("restate", more).await;
        let mut vanished = change(row);
        vanished["campaign_id"] = row["campaigns"][0]["campaign_id"].clone();
        world.control("vanish", vanished).await;
        world.control("vanish", change(whole)).await;
    }
    let changed = true_figures(&world.truth().await, &northwind);
    assert_ne!(changed, true_figures(&truth, &northwind), "the platforms changed nothing");
    world.synced(&northwind, &[]);
    assert_served_is_true(&world, &tenants, "after the platforms restated").await;

    let version = world.get("/health", &northwind.token).await.body["data_version"].clone();
    let before = served_figures(&world, &northwind).await;
    world.synced(&northwind, &[]);
    assert_eq!(served_figures(&world, &northwind).await, before, "running twice changed figures");
    assert!(!version.is_null(), "health names no data version");
}
