//! What tests may do to the platforms, all of it undone by `/_control/reset`.

use std::time::Duration;

use chrono::{DateTime, NaiveDate, Utc};
use domain::{BusinessClock, Platform};
use rust_decimal::Decimal;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use warp::http::{Method, StatusCode};

use crate::faults::Order;
use crate::truth;
use crate::universe::Universe;
use crate::wire::{Answer, Call};
use crate::world::{Change, ChangeKind, World};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Clock {
    now: DateTime<Utc>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Restate {
    platform: Platform,
    account_id: String,
    date: NaiveDate,
    campaign_id: Option<String>,
    factor: Decimal,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Vanish {
    platform: Platform,
    account_id: String,
    date: NaiveDate,
    campaign_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Latency {
    ms: Option<u64>,
    report_polls: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Consent {
    #[serde(default)]
    untick: Vec<String>,
    #[serde(default)]
    deny: bool,
}

/// Answers `/_clock`, `/_truth`, `/_stats` and `/_control/…`; `None` for any other path.
pub(crate) fn answer(world: &World, call: &Call) -> Option<Answer> {
    let answered = match (&call.method, call.path.as_str()) {
        (&Method::GET, "_clock") => Ok(clock(world)),
        (&Method::POST, "_clock") => body(call).map(|Clock { now }| {
            world.clock.set(now);
            clock(world)
        }),
        (&Method::GET, "_truth") => Ok(truth::answer(world, call)),
        (&Method::GET, "_stats") => Ok(Answer::ok(&world.stats.to_json())),
        (&Method::POST, "_control/restate") => body(call).and_then(|order| restate(world, order)),
        (&Method::POST, "_control/vanish") => body(call).and_then(|order| vanish(world, order)),
        (&Method::POST, "_control/fault") => body(call).map(|order: Order| {
            world.faults.order(order);
            done()
        }),
        (&Method::POST, "_control/latency") => body(call).map(|order: Latency| {
            world.turn(|knobs| {
                knobs.latency = order.ms.map_or(knobs.latency, Duration::from_millis);
                knobs.report_polls = order.report_polls.unwrap_or(knobs.report_polls);
            });
            done()
        }),
        (&Method::POST, "_control/consent") => body(call).map(|order: Consent| {
            world.oauth.set_consent(order.untick, order.deny);
            done()
        }),
        (&Method::POST, "_control/reset") => {
            world.reset();
            Ok(done())
        }
        _ => return None,
    };
    Some(answered.unwrap_or_else(|reason| {
        Answer::json(StatusCode::BAD_REQUEST, &json!({ "error": reason }))
    }))
}

fn clock(world: &World) -> Answer {
    Answer::ok(&json!({ "now": world.clock.now(), "business_now": world.clock.now() }))
}

fn done() -> Answer {
    Answer::ok(&json!({ "ok": true }))
}

fn body<T: DeserializeOwned>(call: &Call) -> Result<T, String> {
    serde_json::from_slice(&call.body).map_err(|fault| fault.to_string())
}

fn restate(world: &World, order: Restate) -> Result<Answer, String> {
    if order.factor < Decimal::ZERO || order.factor > Decimal::ONE_THOUSAND {
        return Err("factor must be between 0 and 1000".to_owned());
    }
    let Restate { platform, account_id, date, campaign_id, factor } = order;
    known(&world.universe, platform, &account_id)?;
    let change = Change { campaign: campaign_id, kind: ChangeKind::Restated(factor) };
    world.change(platform, account_id, date, change);
    Ok(done())
}

fn vanish(world: &World, order: Vanish) -> Result<Answer, String> {
    let Vanish { platform, account_id, date, campaign_id } = order;
    known(&world.universe, platform, &account_id)?;
    let change = Change { campaign: campaign_id, kind: ChangeKind::Vanished };
    world.change(platform, account_id, date, change);
    Ok(done())
}

fn known(universe: &Universe, platform: Platform, account_id: &str) -> Result<(), String> {
    match universe.account(platform, account_id) {
        Some(_) => Ok(()),
        None => Err(format!("{platform} has no account {account_id}")),
    }
}
