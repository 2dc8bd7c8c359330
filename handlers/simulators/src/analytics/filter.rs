//! Filters on dimensions.

use chrono::NaiveDate;
use serde_json::Value;

use super::errors::Failure;
use super::fields::Dimension;
use crate::universe::TrafficLine;

pub(super) enum Filter {
    All(Vec<Filter>),
    Any(Vec<Filter>),
    Not(Box<Filter>),
    In { dimension: &'static Dimension, values: Vec<String>, exact_case: bool },
    Text { dimension: &'static Dimension, value: String, how: Match, exact_case: bool },
}

#[derive(Clone, Copy)]
pub(super) enum Match {
    Exact,
    Begins,
    Ends,
    Contains,
}

impl Filter {
    pub(super) fn read(expression: &Value) -> Result<Self, Failure> {
        let group = |key: &str| -> Option<Result<Vec<Self>, Failure>> {
            let expressions = expression[key]["expressions"].as_array()?;
            Some(expressions.iter().map(Self::read).collect())
        };
        if let Some(all) = group("andGroup") {
            return Ok(Self::All(all?));
        }
        if let Some(any) = group("orGroup") {
            return Ok(Self::Any(any?));
        }
        if !expression["notExpression"].is_null() {
            return Ok(Self::Not(Box::new(Self::read(&expression["notExpression"])?)));
        }
        let filter = &expression["filter"];
        let name = filter["fieldName"].as_str().unwrap_or_default();
        let dimension = Dimension::find(name)
            .ok_or_else(|| Failure::invalid(format!("Field {name} is not a valid dimension.")))?;
        let list = &filter["inListFilter"];
        if let Some(values) = list["values"].as_array() {
            let values =
                values.iter().filter_map(|value| value.as_str().map(str::to_owned)).collect();
            let exact_case = list["caseSensitive"].as_bool().unwrap_or(false);
            return Ok(Self::In { dimension, values, exact_case });
        }
        let text = &filter["stringFilter"];
        let how = match &text["matchType"] {
            Value::Null => Match::Exact,
            Value::String(name) if name == "EXACT" => Match::Exact,
            Value::String(name) if name == "BEGINS_WITH" => Match::Begins,
            Value::String(name) if name == "ENDS_WITH" => Match::Ends,
            Value::String(name) if name == "CONTAINS" => Match::Contains,
            // The client libraries send the numbers of the enumeration.
            number => match number.as_u64() {
                Some(0 | 1) => Match::Exact,
                Some(2) => Match::Begins,
                Some(3) => Match::Ends,
                Some(4) => Match::Contains,
                _ => return Err(Failure::invalid("This matchType is not simulated.")),
            },
        };
        match text["value"].as_str() {
            Some(value) => Ok(Self::Text {
                dimension,
                value: value.to_owned(),
                how,
                exact_case: text["caseSensitive"].as_bool().unwrap_or(false),
            }),
            None => Err(Failure::invalid(
                "A dimensionFilter must be an inListFilter or a stringFilter.",
            )),
        }
    }

    pub(super) fn passes(&self, line: &TrafficLine, date: NaiveDate) -> bool {
        let folded = |text: &str, exact_case: bool| {
            if exact_case { text.to_owned() } else { text.to_lowercase() }
        };
        match self {
            Self::All(filters) => filters.iter().all(|filter| filter.passes(line, date)),
            Self::Any(filters) => filters.iter().any(|filter| filter.passes(line, date)),
            Self::Not(filter) => !filter.passes(line, date),
            Self::In { dimension, values, exact_case } => {
                let mine = folded(&dimension.value(line, date), *exact_case);
                values.iter().any(|value| folded(value, *exact_case) == mine)
            }
            Self::Text { dimension, value, how, exact_case } => {
                let mine = folded(&dimension.value(line, date), *exact_case);
                let value = folded(value, *exact_case);
                match how {
                    Match::Exact => mine == value,
                    Match::Begins => mine.starts_with(&value),
                    Match::Ends => mine.ends_with(&value),
                    Match::Contains => mine.contains(&value),
                }
            }
        }
    }
}
