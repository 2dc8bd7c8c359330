//! A call's parameters: from the query, from a form, lists and objects as JSON strings.

use chrono::{Days, NaiveDate};
use serde_json::Value;

use super::error::GraphError;
use crate::wire::Call;

pub(super) struct Params(Vec<(String, String)>);

impl Params {
    pub(super) fn of(call: &Call) -> Self {
        let mut params = call.form();
        params.extend(call.query.iter().cloned());
        Self(params)
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// A list, written as a JSON array or with commas.
    pub(super) fn list(&self, name: &str) -> Result<Vec<String>, GraphError> {
        let text = self.get(name).unwrap_or_default().trim();
        if text.starts_with('[') {
            return serde_json::from_str(text)
                .map_err(|_| GraphError::bad_parameter(name, "not a JSON array of strings"));
        }
        Ok(top_level(text))
    }

    pub(super) fn json(&self, name: &str) -> Result<Option<Value>, GraphError> {
        self.get(name)
            .map(|text| {
                serde_json::from_str(text).map_err(|_| GraphError::bad_parameter(name, "not JSON"))
            })
            .transpose()
    }

    pub(super) fn number(&self, name: &str) -> Result<Option<usize>, GraphError> {
        self.get(name)
            .map(|text| {
                text.parse().map_err(|_| GraphError::bad_parameter(name, "not a positive integer"))
            })
            .transpose()
    }

    pub(super) fn is_true(&self, name: &str) -> bool {
        matches!(self.get(name), Some("true" | "1" | "True"))
    }

    /// All but the token, for the links of a listing.
    pub(super) fn without(&self, dropped: &[&str]) -> Vec<(&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .filter(|(name, _)| !dropped.contains(name))
            .collect()
    }
}

/// Splits at the commas outside of braces: `id,insights{spend,clicks}` are two.
fn top_level(text: &str) -> Vec<String> {
    let mut depth = 0_u32;
    let mut names = vec![String::new()];
    for letter in text.chars() {
        match letter {
            '{' | '(' => depth += 1,
            '}' | ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => names.push(String::new()),
            _ if depth == 0 => {
                if let Some(name) = names.last_mut() {
                    name.push(letter);
                }
            }
            _ => {}
        }
    }
    names.into_iter().map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect()
}

/// The first and last day that `time_range`, `time_ranges` or `date_preset` name; the last 30
/// days when none does.
pub(super) fn days(
    params: &Params,
    today: NaiveDate,
) -> Result<(NaiveDate, NaiveDate), GraphError> {
    let range = match params.json("time_range")? {
        Some(range) => Some(range),
        None => match params.json("time_ranges")? {
            Some(Value::Array(ranges)) if ranges.len() == 1 => ranges.into_iter().next(),
            Some(_) => {
                return Err(GraphError::bad_parameter("time_ranges", "one range is simulated"));
            }
            None => None,
        },
    };
    let Some(range) = range else {
        return preset(params.get("date_preset").unwrap_or("last_30d"), today);
    };
    let day = |name: &str| {
        range[name].as_str().and_then(|text| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok())
    };
    let (Some(since), Some(until)) = (day("since"), day("until")) else {
        return Err(GraphError::bad_parameter(
            "time_range",
            "must be an object with since and until, written as YYYY-MM-DD",
        ));
    };
    if since > until {
        return Err(GraphError::bad_parameter("time_range", "since must not be after until"));
    }
    Ok((since, until))
}

fn preset(name: &str, today: NaiveDate) -> Result<(NaiveDate, NaiveDate), GraphError> {
    let yesterday = today - Days::new(1);
    let before = |days| (today - Days::new(days), yesterday);
    Ok(match name {
        "today" => (today, today),
        "yesterday" => (yesterday, yesterday),
        "last_3d" => before(3),
        "last_7d" => before(7),
        "last_14d" => before(14),
        "last_28d" => before(28),
        "last_30d" => before(30),
        "last_90d" => before(90),
        "maximum" => (today - super::insights::HISTORY, today),
        _ => return Err(GraphError::bad_parameter("date_preset", "not one that is known")),
    })
}
