//! The Google Ads Query Language: what a query says, or which error Google would give.

use chrono::NaiveDate;

use super::errors::Failure;
use super::fields::{Field, Resource};
use super::parser;

/// A query whose every name is known and whose parts fit together.
#[derive(Clone, Debug)]
pub(super) struct Query {
    pub(super) select: Vec<Field>,
    pub(super) from: Resource,
    /// All must hold.
    pub(super) filters: Vec<Filter>,
    pub(super) order_by: Vec<(Field, Direction)>,
    pub(super) limit: Option<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    Ascending,
    Descending,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Filter {
    pub(super) field: Field,
    pub(super) test: Test,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Test {
    Equals(String),
    Differs(String),
    Less(String),
    AtMost(String),
    Greater(String),
    AtLeast(String),
    Between(String, String),
    In(Vec<String>),
    NotIn(Vec<String>),
    During(String),
}

impl Query {
    pub(super) fn parse(text: &str) -> Result<Self, Failure> {
        let query = parser::parse(text)?;
        query.check()?;
        Ok(query)
    }

    pub(super) fn selects_metrics(&self) -> bool {
        self.select.iter().any(|field| field.is_metric())
    }

    pub(super) fn selects_segments(&self) -> bool {
        self.select.iter().any(|field| field.is_segment())
    }

    pub(super) fn selects(&self, name: &str) -> bool {
        self.select.iter().any(|field| field.name == name)
    }

    /// What only the whole query can show.
    fn check(&self) -> Result<(), Failure> {
        let named = self.select.iter().chain(self.filters.iter().map(|filter| &filter.field));
        for field in named {
            if !self.from.offers(*field) {
                let code = match field.owner() {
                    "metrics" => "PROHIBITED_METRIC_IN_SELECT_OR_WHERE_CLAUSE",
                    "segments" => "PROHIBITED_SEGMENT_IN_SELECT_OR_WHERE_CLAUSE",
                    _ => "PROHIBITED_RESOURCE_TYPE_IN_SELECT_CLAUSE",
                };
                return Err(Failure::query(
                    code,
                    format!(
                        "Cannot select or filter on '{}': it is incompatible with the resource \
                         '{}' in the FROM clause.",
                        field.name,
                        self.from.name()
                    ),
                ));
            }
        }
        let has_range = self.filters.iter().any(|filter| {
            filter.field.name == "segments.date"
                && !matches!(filter.test, Test::Differs(_) | Test::NotIn(_))
        });
        if self.selects("segments.date") && !has_range {
            return Err(Failure::query(
                "EXPECTED_FILTERS_ON_DATE_RANGE",
                "Expected filters on the following field: 'segments.date', with a finite range.",
            ));
        }
        for (field, _) in &self.order_by {
            if !self.select.contains(field) && !field.name.starts_with(self.from.name()) {
                return Err(Failure::query(
                    "EXPECTED_REFERENCED_FIELD_IN_SELECT_CLAUSE",
                    format!("'{}' in ORDER BY must be in the SELECT clause.", field.name),
                ));
            }
        }
        Ok(())
    }
}

/// Dates in filters must be dates, and a range must not be empty.
pub(super) fn check_dates(test: &Test) -> Result<(), Failure> {
    let date = |text: &str| {
        NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().filter(|_| text.len() == 10).ok_or_else(
            || {
                Failure::query(
                    "INVALID_DATE_FORMAT",
                    format!("Invalid date format: '{text}'; expected YYYY-MM-DD."),
                )
            },
        )
    };
    match test {
        Test::Between(from, to) => {
            if date(from)? > date(to)? {
                return Err(Failure::query(
                    "DATE_RANGE_TOO_NARROW",
                    format!("The date range from '{from}' to '{to}' holds no day."),
                ));
            }
        }
        Test::In(days) | Test::NotIn(days) => {
            for day in days {
                date(day)?;
            }
        }
        Test::During(range)
            if !matches!(
                range.as_str(),
                "TODAY" | "YESTERDAY" | "LAST_7_DAYS" | "LAST_14_DAYS" | "LAST_30_DAYS"
            ) =>
        {
            return Err(Failure::query(
                "INVALID_VALUE_WITH_DURING_OPERATOR",
                format!("'{range}' is not a date range literal."),
            ));
        }
        Test::During(_) => {}
        Test::Equals(day)
        | Test::Differs(day)
        | Test::Less(day)
        | Test::AtMost(day)
        | Test::Greater(day)
        | Test::AtLeast(day) => {
            date(day)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> &'static str {
        Query::parse(text).expect_err(text).error_code().1
    }

    #[test]
    fn the_daily_report_is_understood() {
        let query = Query::parse(
            "SELECT campaign.id, segments.date, metrics.cost_micros FROM campaign \
             WHERE segments.date BETWEEN '2024-05-01' AND '2024-05-31' \
             AND campaign.status IN ('ENABLED', 'REMOVED') \
             ORDER BY segments.date DESC, campaign.id LIMIT 7",
        )
        .expect("a good query");
        assert_eq!(query.select.len(), 3);
        assert_eq!(query.filters.len(), 2);
        assert_eq!(query.order_by[0].1, Direction::Descending);
        assert_eq!(query.order_by[1].1, Direction::Ascending);
        assert_eq!(query.limit, Some(7));
    }

    #[test]
    fn each_mistake_has_its_own_error() {
        let day = "segments.date = '2024-05-01'";
        for (text, expected) in [
            (String::new(), "EXPECTED_SELECT"),
            ("SELECT campaign.id".to_owned(), "EXPECTED_FROM"),
            ("SELECT FROM campaign".to_owned(), "BAD_FIELD_NAME"),
            ("SELECT campaign.nam FROM campaign".to_owned(), "UNRECOGNIZED_FIELD"),
            ("SELECT campaign.start_date FROM campaign".to_owned(), "UNRECOGNIZED_FIELD"),
            ("SELECT campaign.id FROM campain".to_owned(), "BAD_RESOURCE_TYPE_IN_FROM_CLAUSE"),
            (
                "SELECT campaign.id FROM customer".to_owned(),
                "PROHIBITED_RESOURCE_TYPE_IN_SELECT_CLAUSE",
            ),
            (
                "SELECT metrics.clicks FROM customer_client".to_owned(),
                "PROHIBITED_METRIC_IN_SELECT_OR_WHERE_CLAUSE",
            ),
            ("SELECT segments.date FROM campaign".to_owned(), "EXPECTED_FILTERS_ON_DATE_RANGE"),
            (
                "SELECT segments.date FROM campaign WHERE segments.date != '2024-05-01'".to_owned(),
                "EXPECTED_FILTERS_ON_DATE_RANGE",
            ),
            (
                "SELECT campaign.id FROM campaign WHERE segments.date = '1 May'".to_owned(),
                "INVALID_DATE_FORMAT",
            ),
            (
                "SELECT campaign.id FROM campaign WHERE segments.date BETWEEN '2024-05-02' AND \
                 '2024-05-01'"
                    .to_owned(),
                "DATE_RANGE_TOO_NARROW",
            ),
            (
                "SELECT campaign.id FROM campaign WHERE segments.date DURING NEXT_YEAR".to_owned(),
                "INVALID_VALUE_WITH_DURING_OPERATOR",
            ),
            (
                format!("SELECT campaign.id FROM campaign WHERE {day} LIMIT 0"),
                "LIMIT_VALUE_TOO_LOW",
            ),
            (format!("SELECT campaign.id FROM campaign WHERE {day} ; x"), "BAD_SYMBOL"),
            (
                "SELECT campaign.id FROM campaign WHERE campaign.id LIKES 3".to_owned(),
                "BAD_OPERATOR",
            ),
            (
                "SELECT campaign.id FROM campaign WHERE campaign.name = 'x".to_owned(),
                "STRING_NOT_TERMINATED",
            ),
            ("SELECT campaign.id FROM campaign campaign".to_owned(), "UNEXPECTED_INPUT"),
            ("SELECT campaign.id FROM campaign WHERE".to_owned(), "UNEXPECTED_END_OF_QUERY"),
        ] {
            assert_eq!(code(&text), expected, "{text}");
        }
    }
}
