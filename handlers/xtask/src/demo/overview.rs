//! A tenant's overview as a table.

use std::collections::BTreeMap;
use std::fmt::Write;

use anyhow::Context;
use chrono::NaiveDate;
use comfy_table::{CellAlignment, Table, presets};
use domain::Platform;
use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::Value;

use super::people::Tenant;
use super::sparkline::sparkline;
use super::stage::Stage;

/// How many days are shown.
const DAYS: u64 = 30;

/// `GET /api/v1/dashboards/overview`, as far as it is shown.
#[derive(Debug, Deserialize)]
struct Overview {
    data: Vec<Panel>,
    totals: Vec<AdTotal>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Panel {
    Ads(AdPanel),
    Web(WebPanel),
}

#[derive(Debug, Deserialize)]
struct AdPanel {
    platform: Platform,
    #[serde(flatten)]
    total: AdTotal,
    series: Vec<CostOfDay>,
}

#[derive(Debug, Deserialize)]
struct AdTotal {
    currency_code: String,
    impressions: i64,
    clicks: i64,
    cost: Decimal,
    conversions: Decimal,
    roas: Option<Decimal>,
}

#[derive(Debug, Deserialize)]
struct CostOfDay {
    date: NaiveDate,
    cost: Decimal,
}

#[derive(Debug, Deserialize)]
struct WebPanel {
    platform: Platform,
    currency_code: String,
    sessions: i64,
    key_events: Decimal,
    revenue: Decimal,
    series: Vec<SessionsOfDay>,
}

#[derive(Debug, Deserialize)]
struct SessionsOfDay {
    date: NaiveDate,
    sessions: i64,
}

/// Reads the overview of the last days and draws it.
pub(super) async fn table(stage: &Stage, tenant: &Tenant) -> anyhow::Result<String> {
    let (from, to) = stage.last_days(DAYS);
    let path = format!("/api/v1/dashboards/overview?from={from}&to={to}");
    let answer: Value = stage.api.get(&path, &tenant.token).await?.expect(200)?;
    let overview = serde_json::from_value(answer).context("the overview has another shape")?;
    Ok(draw(&tenant.name, from, to, overview))
}

fn draw(name: &str, from: NaiveDate, to: NaiveDate, overview: Overview) -> String {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED).set_header([
        "platform",
        "currency",
        "impressions",
        "clicks",
        "cost",
        "conversions",
        "ROAS",
        "cost by day",
    ]);
    let mut website = String::new();
    let mut platforms_of: BTreeMap<String, usize> = BTreeMap::new();
    for panel in overview.data {
        match panel {
            Panel::Ads(panel) => {
                let costs = panel.series.iter().map(|day| (day.date, day.cost));
                *platforms_of.entry(panel.total.currency_code.clone()).or_default() += 1;
                let title = panel.platform.title();
                table.add_row(row(title, &panel.total, &every_day(from, to, costs)));
            }
            Panel::Web(panel) => {
                let sessions =
                    panel.series.iter().map(|day| (day.date, Decimal::from(day.sessions)));
                write!(
                    website,
                    "\n{}: {} sessions {} · {} key events · revenue {} {}",
                    panel.platform.title(),
                    grouped(&panel.sessions.to_string()),
                    sparkline(&every_day(from, to, sessions)),
                    fixed(panel.key_events, 1),
                    fixed(panel.revenue, 2),
                    panel.currency_code,
                )
                .expect("a string takes what is written to it");
            }
        }
    }
    // The total of a single platform would only repeat it.
    let shared = |total: &&AdTotal| platforms_of.get(&total.currency_code).is_some_and(|n| *n > 1);
    for total in overview.totals.iter().filter(shared) {
        table.add_row(row("all advertising", total, &[]));
    }
    for column in table.column_iter_mut().skip(2).take(5) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    format!("\n{name}, {from} to {to}\n{table}{website}")
}

fn row(title: &str, total: &AdTotal, costs: &[Decimal]) -> [String; 8] {
    [
        title.to_owned(),
        total.currency_code.clone(),
        grouped(&total.impressions.to_string()),
        grouped(&total.clicks.to_string()),
        fixed(total.cost, 2),
        fixed(total.conversions, 1),
        total.roas.map_or_else(|| "–".to_owned(), |roas| fixed(roas, 2)),
        sparkline(costs),
    ]
}

/// One value for each day of the range, zero where there is none.
fn every_day(
    from: NaiveDate,
    to: NaiveDate,
    values: impl Iterator<Item = (NaiveDate, Decimal)>,
) -> Vec<Decimal> {
    let mut by_day: BTreeMap<NaiveDate, Decimal> = BTreeMap::new();
    for (day, value) in values {
        *by_day.entry(day).or_default() += value;
    }
    from.iter_days()
        .take_while(|day| *day <= to)
        .map(|day| by_day.get(&day).copied().unwrap_or_default())
        .collect()
}

fn fixed(value: Decimal, places: u32) -> String {
    let text = format!("{:.*}", places as usize, value.round_dp(places));
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    match fraction {
        // A count that happens to be whole needs no fraction.
        "" | "0" => grouped(whole),
        fraction => format!("{}.{fraction}", grouped(whole)),
    }
}

/// `1234567` as `1,234,567`.
fn grouped(digits: &str) -> String {
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits), |positive| ("-", positive));
    let mut grouped = String::from(sign);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_are_grouped_and_money_keeps_its_cents() {
        let decimal = |text: &str| text.parse::<Decimal>().unwrap();
        assert_eq!(grouped("1234567"), "1,234,567");
        assert_eq!(grouped("-123"), "-123");
        assert_eq!(fixed(decimal("58705.2"), 2), "58,705.20");
        assert_eq!(fixed(decimal("1079"), 1), "1,079");
        assert_eq!(fixed(decimal("12.34"), 1), "12.3");
    }

    #[test]
    fn currencies_stay_apart_and_days_without_cost_are_gaps() {
        let figures = |currency: &str, cost: &str| {
            json!({"currency_code": currency, "impressions": 1000, "clicks": 10, "cost": cost,
                "conversions": "2", "conversion_value": null, "roas": null})
        };
        let panel = |platform: &str, currency: &str| {
            let mut panel = figures(currency, "3");
            panel["platform"] = json!(platform);
            panel["series"] = json!([
                {"date": "2023-08-01", "currency_code": currency, "cost": "1"},
                {"date": "2023-08-03", "currency_code": currency, "cost": "2"},
            ]);
            panel
        };
        let web = json!({"platform": "google_analytics", "currency_code": "EUR", "sessions": 1500,
            "engaged_sessions": 1, "key_events": "3", "revenue": "9.5", "series": []});
        let overview = |of_google: &str| {
            serde_json::from_value(json!({
                "data": [panel("google_ads", of_google), panel("meta_ads", "USD"), web],
                "totals": [figures("EUR", "1"), figures("USD", "3")],
            }))
            .unwrap()
        };
        let day = |text: &str| text.parse().unwrap();
        let draw = |of_google: &str| {
            draw("Acme", day("2023-08-01"), day("2023-08-03"), overview(of_google))
        };
        let drawn = draw("EUR");
        assert!(drawn.contains("▄ █"), "{drawn}");
        assert_eq!(drawn.matches("all advertising").count(), 0, "{drawn}");
        assert_eq!(draw("USD").matches("all advertising").count(), 1);
        assert!(drawn.contains("1,500 sessions") && drawn.contains("9.50 EUR"), "{drawn}");
    }
}
