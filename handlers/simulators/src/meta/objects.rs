//! Ad accounts and campaigns as the Graph describes them.

use chrono::{NaiveDate, NaiveTime, Offset, TimeZone};
use chrono_tz::Tz;
use serde_json::{Map, Value, json};

use super::error::GraphError;
use super::insights::effective_status;
use super::params::Params;
use crate::universe::{Account, Campaign, Status};
use crate::world::World;

const ACCOUNT_FIELDS: [&str; 13] = [
    "id",
    "account_id",
    "name",
    "currency",
    "timezone_id",
    "timezone_name",
    "timezone_offset_hours_utc",
    "account_status",
    "disable_reason",
    "business",
    "amount_spent",
    "created_time",
    "user_access_expire_time",
];

const CAMPAIGN_FIELDS: [&str; 14] = [
    "id",
    "account_id",
    "name",
    "status",
    "configured_status",
    "effective_status",
    "objective",
    "buying_type",
    "daily_budget",
    "lifetime_budget",
    "start_time",
    "stop_time",
    "created_time",
    "updated_time",
];

/// The fields that were asked for, each of which must exist.
fn fields(params: &Params, known: &[&str], always: &[&str]) -> Result<Vec<String>, GraphError> {
    let mut fields = params.list("fields")?;
    if let Some(unknown) = fields.iter().find(|field| !known.contains(&field.as_str())) {
        return Err(GraphError::bad_field(unknown));
    }
    for name in always {
        if !fields.iter().any(|field| field == name) {
            fields.push((*name).to_owned());
        }
    }
    Ok(fields)
}

fn object(fields: &[String], value: impl Fn(&str) -> Option<Value>) -> Value {
    let pairs = fields.iter().filter_map(|field| Some((field.clone(), value(field)?)));
    Value::Object(pairs.collect::<Map<_, _>>())
}

/// `listed` adds what a listing always names.
pub(super) fn accounts(
    world: &World,
    accounts: &[&Account],
    params: &Params,
    listed: bool,
) -> Result<Vec<Value>, GraphError> {
    let always: &[&str] =
        if listed && params.get("fields").is_none() { &["account_id", "id"] } else { &["id"] };
    let fields = fields(params, &ACCOUNT_FIELDS, always)?;
    let describe =
        |account: &Account| object(&fields, |field| account_value(world, account, field));
    Ok(accounts.iter().copied().map(describe).collect())
}

fn account_value(world: &World, account: &Account, field: &str) -> Option<Value> {
    Some(match field {
        "id" => json!(format!("act_{}", account.id)),
        "account_id" => json!(account.id),
        "name" => json!(account.name),
        "currency" => json!(account.currency),
        "timezone_name" => json!(account.time_zone.name()),
        "timezone_offset_hours_utc" => {
            json!(offset_seconds(account.time_zone, world.today(account)) / 3_600)
        }
        "timezone_id" | "account_status" => json!(1),
        "disable_reason" => json!(0),
        "business" => json!({ "id": "510000000000001", "name": "Northstar Media" }),
        "amount_spent" => json!("0"),
        "created_time" => json!(local_time(account, NaiveDate::from_ymd_opt(2019, 6, 3)?)),
        _ => return None,
    })
}

/// Campaigns in a listing: deleted ones never, the rest by `effective_status` if asked.
pub(super) fn campaigns(account: &Account, params: &Params) -> Result<Vec<Value>, GraphError> {
    let fields = fields(params, &CAMPAIGN_FIELDS, &["id"])?;
    let wanted = params.list("effective_status")?;
    Ok(account
        .campaigns()
        .iter()
        .filter(|campaign| campaign.status != Status::Removed)
        .filter(|campaign| {
            wanted.is_empty()
                || wanted.iter().any(|status| status == effective_status(campaign.status))
        })
        .map(|campaign| describe_campaign(account, campaign, &fields))
        .collect())
}

pub(super) fn campaign(
    account: &Account,
    campaign: &Campaign,
    params: &Params,
) -> Result<Value, GraphError> {
    let fields = fields(params, &CAMPAIGN_FIELDS, &["id"])?;
    Ok(describe_campaign(account, campaign, &fields))
}

fn describe_campaign(account: &Account, campaign: &Campaign, fields: &[String]) -> Value {
    object(fields, |field| {
        Some(match field {
            "id" => json!(campaign.id),
            "account_id" => json!(account.id),
            "name" => json!(campaign.name),
            "status" | "configured_status" | "effective_status" => {
                json!(effective_status(campaign.status))
            }
            "objective" => json!(campaign.kind),
            "buying_type" => json!("AUCTION"),
            "daily_budget" => json!(campaign.daily_budget.to_string()),
            "start_time" | "created_time" | "updated_time" => {
                json!(local_time(account, campaign.started))
            }
            "stop_time" => json!(local_time(account, campaign.ended?)),
            _ => return None,
        })
    })
}

/// Midday of a date in the account's zone: `2024-05-01T12:00:00+0200`.
fn local_time(account: &Account, date: NaiveDate) -> String {
    let noon = date.and_time(NaiveTime::from_hms_opt(12, 0, 0).expect("a time of day"));
    let offset = account.time_zone.offset_from_utc_datetime(&noon).fix().to_string();
    format!("{}{}", noon.format("%Y-%m-%dT%H:%M:%S"), offset.replace(':', ""))
}

fn offset_seconds(zone: Tz, date: NaiveDate) -> i32 {
    let noon = date.and_time(NaiveTime::from_hms_opt(12, 0, 0).expect("a time of day"));
    zone.offset_from_utc_datetime(&noon).fix().local_minus_utc()
}
