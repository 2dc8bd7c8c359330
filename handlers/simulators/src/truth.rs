//! What is true: every figure that the platforms would answer today, by tenant, account and day.

use domain::{BusinessClock, Platform};
use rust_decimal::Decimal;
use serde_json::{Map, Value, json};

use crate::universe::{Account, Client};
use crate::wire::{Answer, Call};
use crate::world::World;

/// `GET /_truth`, narrowed by `client`, `platform` and `account_id`. Rows without any figure
/// are left out, as the platforms leave them out.
pub(crate) fn answer(world: &World, call: &Call) -> Answer {
    let wanted = |name: &str, value: &str| call.query(name).is_none_or(|asked| asked == value);
    let tenants: Vec<Value> = world
        .universe
        .clients()
        .iter()
        .filter(|client| wanted("client", &client.name))
        .map(|client| {
            let accounts = client.accounts.iter().filter(|account| {
                wanted("platform", account.platform.code()) && wanted("account_id", &account.id)
            });
            tenant(world, client, accounts)
        })
        .collect();
    Answer::ok(&json!({ "business_now": world.clock.now(), "tenants": tenants }))
}

fn tenant<'a>(
    world: &World,
    client: &Client,
    accounts: impl Iterator<Item = &'a Account>,
) -> Value {
    let accounts: Vec<Value> = accounts.map(|account| account_truth(world, account)).collect();
    json!({ "name": client.name, "accounts": accounts })
}

fn account_truth(world: &World, account: &Account) -> Value {
    let (first, last) = world.universe.span();
    let is_website = account.platform == Platform::GoogleAnalytics;
    let days: Vec<Value> = world
        .days(account, first, last)
        .map(|date| {
            let rows = if is_website { traffic } else { campaigns };
            (date, rows(world, account, date))
        })
        .filter(|(_, rows)| !rows.is_empty())
        .map(|(date, rows)| {
            let mut day = Map::new();
            day.insert("date".to_owned(), json!(date));
            let name = if is_website { "rows" } else { "campaigns" };
            day.insert(name.to_owned(), Value::Array(rows));
            Value::Object(day)
        })
        .collect();
    json!({
        "platform": account.platform,
        "account_id": account.id,
        "name": account.name,
        "currency": account.currency,
        "time_zone": account.time_zone.name(),
        "days": days,
    })
}

fn campaigns(world: &World, account: &Account, date: chrono::NaiveDate) -> Vec<Value> {
    let rows = account.campaigns().iter().filter_map(|campaign| {
        let figures = world.ad_day(account, campaign, date)?;
        Some(json!({
            "campaign_id": campaign.id,
            "campaign_name": campaign.name,
            "impressions": figures.impressions,
            "clicks": figures.clicks,
            "cost": plain(figures.cost),
            "conversions": plain(figures.conversions),
            "conversion_value": figures
                .conversion_value
                // Meta sends no values for a day without purchases.
                .filter(|value| account.platform == Platform::GoogleAds || !value.is_zero())
                .map(plain),
        }))
    });
    rows.collect()
}

fn traffic(world: &World, account: &Account, date: chrono::NaiveDate) -> Vec<Value> {
    let rows = account.traffic().iter().filter_map(|line| {
        let figures = world.web_day(account, line, date)?;
        Some(json!({
            "campaign_name": line.campaign_name,
            "source": line.source,
            "medium": line.medium,
            "channel": line.channel,
            "sessions": figures.sessions,
            "engaged_sessions": figures.engaged_sessions,
            "total_users": figures.total_users,
            "key_events": plain(figures.key_events),
            "revenue": plain(figures.revenue),
        }))
    });
    rows.collect()
}

fn plain(amount: Decimal) -> String {
    amount.normalize().to_string()
}
