//! Insights: what campaigns did, by day or over a range.

use chrono::{Months, NaiveDate};
use rust_decimal::Decimal;
use serde_json::{Map, Value, json};

use super::error::GraphError;
use super::params::{Params, days};
use crate::universe::{Account, AdFigures, Campaign, Status};
use crate::world::World;

/// How far back insights reach.
pub(super) const HISTORY: Months = Months::new(37);

const FIELDS: [&str; 22] = [
    "account_id",
    "account_name",
    "account_currency",
    "campaign_id",
    "campaign_name",
    "objective",
    "spend",
    "impressions",
    "clicks",
    "inline_link_clicks",
    "reach",
    "frequency",
    "cpc",
    "cpm",
    "ctr",
    "actions",
    "action_values",
    "purchase_roas",
    "attribution_setting",
    "date_start",
    "date_stop",
    "buying_type",
];

/// Sent when no fields are asked for.
const DEFAULT_FIELDS: [&str; 4] = ["account_id", "campaign_id", "impressions", "spend"];

/// The same purchases under each of their names.
const PURCHASES: [&str; 3] = ["offsite_conversion.fb_pixel_purchase", "omni_purchase", "purchase"];

/// What insights are asked for, checked.
#[derive(Clone, Debug)]
pub(super) struct Question {
    fields: Vec<String>,
    by_campaign: bool,
    /// Days of one row; all of the range when absent.
    increment: Option<usize>,
    first: NaiveDate,
    last: NaiveDate,
    filters: Vec<Condition>,
}

#[derive(Clone, Debug)]
enum Condition {
    CampaignId(Vec<String>),
    Status(Vec<String>),
    Above(&'static str, Decimal),
}

impl Question {
    pub(super) fn read(params: &Params, today: NaiveDate) -> Result<Self, GraphError> {
        let by_campaign = match params.get("level") {
            None | Some("account") => false,
            Some("campaign") => true,
            Some(_) => {
                return Err(GraphError::bad_parameter("level", "account and campaign are known"));
            }
        };
        let increment = match params.get("time_increment") {
            None | Some("all_days") => None,
            Some(text) => {
                Some(text.parse().ok().filter(|days| (1..=90).contains(days)).ok_or_else(|| {
                    GraphError::bad_parameter("time_increment", "1 to 90, or all_days")
                })?)
            }
        };
        let mut fields = params.list("fields")?;
        for field in &fields {
            if !FIELDS.contains(&field.as_str()) {
                return Err(GraphError::new(
                    100,
                    format!(
                        "(#100) {field} is not valid for fields param. please check \
                         https://developers.facebook.com/docs/marketing-api/reference/\
                         ads-insights/ for all valid values"
                    ),
                ));
            }
        }
        if fields.is_empty() {
            fields = DEFAULT_FIELDS.map(str::to_owned).to_vec();
        }
        if !params.list("breakdowns")?.is_empty() {
            return Err(
                GraphError::new(2, "Invalid breakdowns: none are simulated").subcode(1_504_041)
            );
        }
        let (first, last) = days(params, today)?;
        if first < today - HISTORY {
            return Err(GraphError::new(
                3_018,
                "(#3018) The start date of the time range cannot be beyond 37 months from the \
                 current date",
            ));
        }
        let filters = params.json("filtering")?.map(|filters| conditions(&filters));
        Ok(Self {
            fields,
            by_campaign,
            increment,
            first,
            last,
            filters: filters.transpose()?.unwrap_or_default(),
        })
    }

    pub(super) fn range(&self) -> (NaiveDate, NaiveDate) {
        (self.first, self.last)
    }

    /// The rows, by day and then by campaign. Nothing is sent about what did not run.
    pub(super) fn rows(&self, world: &World, account: &Account) -> Vec<Value> {
        let mut rows = Vec::new();
        let days: Vec<NaiveDate> = self.first.iter_days().take_while(|d| *d <= self.last).collect();
        for span in days.chunks(self.increment.unwrap_or(days.len()).max(1)) {
            let (Some(start), Some(stop)) = (span.first(), span.last()) else { continue };
            let figures = |campaign: &Campaign| -> AdFigures {
                let days = world.days(account, *start, *stop);
                days.filter_map(|day| world.ad_day(account, campaign, day)).sum()
            };
            let campaigns = account.campaigns().iter().filter(|c| self.wants(c));
            let found: Vec<(Option<&Campaign>, AdFigures)> = if self.by_campaign {
                campaigns.map(|campaign| (Some(campaign), figures(campaign))).collect()
            } else {
                vec![(None, campaigns.map(figures).sum())]
            };
            for (campaign, figures) in found {
                if !figures.is_zero() && self.passes(&figures) {
                    rows.push(self.row(account, campaign, &figures, *start, *stop));
                }
            }
        }
        rows
    }

    fn wants(&self, campaign: &Campaign) -> bool {
        self.filters.iter().all(|condition| match condition {
            Condition::CampaignId(ids) => ids.contains(&campaign.id),
            Condition::Status(statuses) => {
                statuses.iter().any(|status| status == effective_status(campaign.status))
            }
            Condition::Above(..) => true,
        })
    }

    fn passes(&self, figures: &AdFigures) -> bool {
        self.filters.iter().all(|condition| match condition {
            Condition::Above("spend", than) => figures.cost > *than,
            Condition::Above("impressions", than) => Decimal::from(figures.impressions) > *than,
            Condition::Above(_, than) => Decimal::from(figures.clicks) > *than,
            Condition::CampaignId(_) | Condition::Status(_) => true,
        })
    }

    fn row(
        &self,
        account: &Account,
        campaign: Option<&Campaign>,
        figures: &AdFigures,
        start: NaiveDate,
        stop: NaiveDate,
    ) -> Value {
        let mut row = Map::new();
        for field in &self.fields {
            if let Some(value) = value(field, account, campaign, figures) {
                row.insert(field.clone(), value);
            }
        }
        row.insert("date_start".to_owned(), json!(start));
        row.insert("date_stop".to_owned(), json!(stop));
        Value::Object(row)
    }
}

pub(super) fn effective_status(status: Status) -> &'static str {
    match status {
        Status::Enabled => "ACTIVE",
        Status::Paused => "PAUSED",
        Status::Removed => "DELETED",
    }
}

fn conditions(filters: &Value) -> Result<Vec<Condition>, GraphError> {
    let bad = |reason: &str| GraphError::bad_parameter("filtering", reason);
    let filters = filters.as_array().ok_or_else(|| bad("must be an array"))?;
    filters
        .iter()
        .map(|filter| {
            let values: Vec<String> = match &filter["value"] {
                Value::Array(values) => values.iter().map(plain).collect(),
                value => vec![plain(value)],
            };
            let operator = filter["operator"].as_str().unwrap_or_default();
            let number = || values.first().and_then(|text| text.parse().ok());
            match (filter["field"].as_str().unwrap_or_default(), operator) {
                ("campaign.id" | "campaign_id", "IN" | "EQUAL") => {
                    Ok(Condition::CampaignId(values))
                }
                ("campaign.effective_status" | "campaign.delivery_status", "IN" | "EQUAL") => {
                    Ok(Condition::Status(values))
                }
                (field, "GREATER_THAN") => {
                    let field = ["spend", "impressions", "clicks"]
                        .into_iter()
                        .find(|known| field == *known || field.ends_with(&format!(".{known}")))
                        .ok_or_else(|| bad("a field that is not simulated"))?;
                    Ok(Condition::Above(field, number().ok_or_else(|| bad("not a number"))?))
                }
                _ => Err(bad("a field or operator that is not simulated")),
            }
        })
        .collect()
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A field's value; absent when there is nothing to say.
fn value(
    field: &str,
    account: &Account,
    campaign: Option<&Campaign>,
    figures: &AdFigures,
) -> Option<Value> {
    let text = |text: String| Some(Value::String(text));
    let ratio = |part: Decimal, whole: Decimal| {
        (!whole.is_zero()).then(|| json!((part / whole).round_dp(6).to_string()))
    };
    let (impressions, clicks) = (Decimal::from(figures.impressions), Decimal::from(figures.clicks));
    let reach = figures.impressions - figures.impressions / 4;
    match field {
        "account_id" => text(account.id.clone()),
        "account_name" => text(account.name.clone()),
        "account_currency" => text(account.currency.to_string()),
        "campaign_id" => text(campaign?.id.clone()),
        "campaign_name" => text(campaign?.name.clone()),
        "objective" => text(campaign?.kind.to_owned()),
        "buying_type" => text("AUCTION".to_owned()),
        "attribution_setting" => text("7d_click_1d_view".to_owned()),
        "spend" => text(format!("{:.2}", figures.cost)),
        "impressions" => text(figures.impressions.to_string()),
        "clicks" => text(figures.clicks.to_string()),
        "inline_link_clicks" => some_count(link_clicks(figures)).map(Value::String),
        "reach" => text(reach.to_string()),
        "frequency" => ratio(impressions, Decimal::from(reach)),
        "cpc" => ratio(figures.cost, clicks),
        "cpm" => ratio(figures.cost * Decimal::ONE_THOUSAND, impressions),
        "ctr" => ratio(clicks * Decimal::ONE_HUNDRED, impressions),
        "actions" => actions(figures),
        "action_values" => action_values(figures),
        "purchase_roas" => {
            let value = figures.conversion_value.filter(|value| !value.is_zero())?;
            let roas = ratio(value, figures.cost)?;
            Some(json!([{ "action_type": "omni_purchase", "value": roas }]))
        }
        _ => None,
    }
}

fn link_clicks(figures: &AdFigures) -> u64 {
    figures.clicks - figures.clicks / 5
}

fn some_count(count: u64) -> Option<String> {
    (count > 0).then(|| count.to_string())
}

/// Purchases appear under three overlapping names; adding them up would count them thrice.
fn actions(figures: &AdFigures) -> Option<Value> {
    let purchases = figures.conversions.normalize().to_string();
    let mut actions = Vec::new();
    let mut push = |kind: &str, value: String| {
        actions.push(json!({ "action_type": kind, "value": value }));
    };
    if let Some(value) = some_count(link_clicks(figures)) {
        push("link_click", value);
    }
    if let Some(value) = some_count(figures.leads) {
        push("lead", value);
    }
    if !figures.conversions.is_zero() {
        for kind in PURCHASES {
            push(kind, purchases.clone());
        }
    }
    (!actions.is_empty()).then_some(Value::Array(actions))
}

fn action_values(figures: &AdFigures) -> Option<Value> {
    let value = figures.conversion_value.filter(|value| !value.is_zero())?;
    let value = value.normalize().to_string();
    let values: Vec<Value> =
        PURCHASES.iter().map(|kind| json!({ "action_type": kind, "value": value })).collect();
    Some(Value::Array(values))
}
