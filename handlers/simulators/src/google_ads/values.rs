//! A row's values, as text and in JSON.

use rust_decimal::Decimal;
use serde_json::{Map, Value, json};

use super::fields::{Field, Kind, camel_case};
use super::gaql::Query;
use super::rows::{Customer, Row};
use crate::universe::{AdFigures, MANAGER_NAME, Status};

impl Row<'_> {
    /// The row in JSON: what was selected, and the name of each resource it comes from.
    pub(super) fn to_json(&self, query: &Query) -> Value {
        let mut row = Map::new();
        let mut put = |owner: &str, name: &str, value: Value| {
            let object = row.entry(camel_case(owner)).or_insert_with(|| Value::Object(Map::new()));
            object[camel_case(name)] = value;
        };
        put(query.from.name(), "resource_name", self.resource_name(query.from.name()).into());
        for field in &query.select {
            let owner = field.owner();
            if !field.is_metric() && !field.is_segment() {
                put(owner, "resource_name", self.resource_name(owner).into());
            }
            let (_, name) = field.name.split_once('.').expect("every field has an owner");
            let text = self.text(*field);
            // An unset field is left out, as protobuf's JSON does.
            if !text.is_empty() {
                put(owner, name, value_of(field.kind, text));
            }
        }
        Value::Object(row)
    }

    fn resource_name(&self, owner: &str) -> String {
        let customer = self.customer.id();
        match owner {
            "campaign" => format!("customers/{customer}/campaigns/{}", self.campaign_id()),
            "campaign_budget" => {
                format!("customers/{customer}/campaignBudgets/{}", self.budget_id())
            }
            "customer_client" => {
                let client = self.client.map_or(customer.clone(), |(client, _)| client.id());
                format!("customers/{customer}/customerClients/{client}")
            }
            _ => format!("customers/{customer}"),
        }
    }

    fn campaign_id(&self) -> &str {
        self.campaign.map_or("", |campaign| &campaign.id)
    }

    fn budget_id(&self) -> String {
        format!("{}9", self.campaign_id())
    }

    /// The field's value as text; empty when unset.
    pub(super) fn text(&self, field: Field) -> String {
        match field.owner() {
            "customer" => customer_text(self.customer, field.name),
            "customer_client" => self.client_text(field.name),
            "campaign" | "campaign_budget" => self.campaign_text(field.name),
            "segments" => self.segment_text(field.name),
            _ => metric_text(&self.figures, field.name),
        }
    }

    fn client_text(&self, name: &str) -> String {
        let Some((client, level)) = self.client else { return String::new() };
        match name {
            "customer_client.resource_name" => self.resource_name("customer_client"),
            "customer_client.client_customer" => format!("customers/{}", client.id()),
            "customer_client.level" => level.to_string(),
            "customer_client.hidden" => "false".to_owned(),
            _ => customer_text(client, &name.replacen("customer_client.", "customer.", 1)),
        }
    }

    fn campaign_text(&self, name: &str) -> String {
        let Some(campaign) = self.campaign else { return String::new() };
        match name {
            "campaign.resource_name" => self.resource_name("campaign"),
            "campaign.id" => campaign.id.clone(),
            "campaign.name" => campaign.name.clone(),
            "campaign.status" => match campaign.status {
                Status::Enabled => "ENABLED",
                Status::Paused => "PAUSED",
                Status::Removed => "REMOVED",
            }
            .to_owned(),
            "campaign.advertising_channel_type" => campaign.kind.to_owned(),
            "campaign.bidding_strategy_type" => match campaign.kind {
                "SEARCH" => "TARGET_CPA",
                "PERFORMANCE_MAX" | "SHOPPING" => "MAXIMIZE_CONVERSION_VALUE",
                _ => "MAXIMIZE_CONVERSIONS",
            }
            .to_owned(),
            "campaign.campaign_budget" | "campaign_budget.resource_name" => {
                self.resource_name("campaign_budget")
            }
            "campaign.start_date_time" => format!("{} 00:00:00", campaign.started),
            "campaign.end_date_time" => {
                campaign.ended.map_or(String::new(), |ended| format!("{ended} 23:59:59"))
            }
            "campaign_budget.id" => self.budget_id(),
            "campaign_budget.amount_micros" => (campaign.daily_budget * 10_000).to_string(),
            _ => String::new(),
        }
    }

    fn segment_text(&self, name: &str) -> String {
        match name {
            "segments.date" => self.date.map_or(String::new(), |date| date.to_string()),
            "segments.device" => self.cell.map_or("", |cell| cell.device).to_owned(),
            _ => self.cell.map_or("", |cell| cell.network).to_owned(),
        }
    }
}

fn customer_text(customer: Customer<'_>, name: &str) -> String {
    let (title, currency, zone) = match customer {
        Customer::Client(account) => {
            (account.name.as_str(), account.currency.as_str(), account.time_zone.name())
        }
        Customer::Manager => (MANAGER_NAME, "EUR", "Europe/Amsterdam"),
    };
    match name {
        "customer.resource_name" => format!("customers/{}", customer.id()),
        "customer.id" => customer.id(),
        "customer.descriptive_name" => title.to_owned(),
        "customer.currency_code" => currency.to_owned(),
        "customer.time_zone" => zone.to_owned(),
        "customer.manager" => customer.is_manager().to_string(),
        "customer.test_account" => "false".to_owned(),
        _ => "ENABLED".to_owned(),
    }
}

fn metric_text(figures: &AdFigures, name: &str) -> String {
    let micros = |amount: Decimal| (amount * Decimal::from(1_000_000)).normalize().to_string();
    let per = |part: Decimal, whole: u64| {
        if whole == 0 { Decimal::ZERO } else { part / Decimal::from(whole) }.to_string()
    };
    let value = figures.conversion_value.unwrap_or_default();
    match name {
        "metrics.impressions" => figures.impressions.to_string(),
        "metrics.clicks" | "metrics.interactions" => figures.clicks.to_string(),
        "metrics.view_through_conversions" => (figures.impressions / 9_000).to_string(),
        "metrics.cost_micros" => micros(figures.cost),
        "metrics.conversions" => figures.conversions.normalize().to_string(),
        "metrics.conversions_value" => value.normalize().to_string(),
        // All conversions also count actions that bidding leaves out: here a quarter more.
        "metrics.all_conversions" => {
            (figures.conversions * Decimal::new(125, 2)).normalize().to_string()
        }
        "metrics.all_conversions_value" => (value * Decimal::new(125, 2)).normalize().to_string(),
        "metrics.ctr" => per(Decimal::from(figures.clicks), figures.impressions),
        _ => per(figures.cost * Decimal::from(1_000_000), figures.clicks),
    }
}

fn value_of(kind: Kind, text: String) -> Value {
    match kind {
        Kind::Boolean => json!(text == "true"),
        Kind::Double => json!(text.parse::<f64>().unwrap_or_default()),
        Kind::Text | Kind::Enum | Kind::Integer | Kind::Date => Value::String(text),
    }
}
