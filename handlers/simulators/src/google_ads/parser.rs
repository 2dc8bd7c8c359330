//! The grammar of a query, by recursive descent.

use super::errors::Failure;
use super::fields::{Field, Kind, Resource};
use super::gaql::{Direction, Filter, Query, Test, check_dates};
use super::lexer::{Token, tokens};

/// Reads a query whose names are known; whether its parts fit together is not asked here.
pub(super) fn parse(text: &str) -> Result<Query, Failure> {
    Parser { tokens: tokens(text)?, at: 0 }.query()
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
}

impl Parser {
    fn query(mut self) -> Result<Query, Failure> {
        self.keyword("SELECT").or(Err(Failure::query(
            "EXPECTED_SELECT",
            "Error in query: expected SELECT at the beginning.",
        )))?;
        let select = self.fields()?;
        self.keyword("FROM").or(Err(Failure::query(
            "EXPECTED_FROM",
            "Error in query: expected FROM after the SELECT clause.",
        )))?;
        let name = self.word()?;
        let from = Resource::find(&name).ok_or_else(|| {
            Failure::query(
                "BAD_RESOURCE_TYPE_IN_FROM_CLAUSE",
                format!("'{name}' is not a valid resource name in the FROM clause."),
            )
        })?;
        let mut filters = Vec::new();
        if self.keyword("WHERE").is_ok() {
            filters.push(self.filter()?);
            while self.keyword("AND").is_ok() {
                filters.push(self.filter()?);
            }
        }
        let mut order_by = Vec::new();
        if self.keyword("ORDER").is_ok() {
            self.keyword("BY")?;
            order_by.push(self.order()?);
            while self.sign(",").is_ok() {
                order_by.push(self.order()?);
            }
        }
        let limit = if self.keyword("LIMIT").is_ok() { Some(self.limit()?) } else { None };
        if self.keyword("PARAMETERS").is_ok() {
            self.at = self.tokens.len();
        }
        match self.tokens.get(self.at) {
            None => Ok(Query { select, from, filters, order_by, limit }),
            Some(_) => Err(self.unexpected()),
        }
    }

    fn fields(&mut self) -> Result<Vec<Field>, Failure> {
        let mut fields = Vec::new();
        loop {
            let field = self.field()?;
            if !fields.contains(&field) {
                fields.push(field);
            }
            if self.sign(",").is_err() {
                return Ok(fields);
            }
        }
    }

    fn field(&mut self) -> Result<Field, Failure> {
        let name = self.word()?;
        if matches!(name.to_ascii_uppercase().as_str(), "FROM" | "WHERE") || name.ends_with('.') {
            return Err(Failure::query(
                "BAD_FIELD_NAME",
                format!("Error in query: '{name}' is not a valid field name."),
            ));
        }
        Field::find(&name).ok_or_else(|| {
            Failure::query(
                "UNRECOGNIZED_FIELD",
                format!("Unrecognized field in the query: '{name}'."),
            )
        })
    }

    fn filter(&mut self) -> Result<Filter, Failure> {
        let field = self.field()?;
        let test = self.test()?;
        if field.kind == Kind::Date {
            check_dates(&test)?;
        }
        Ok(Filter { field, test })
    }

    fn test(&mut self) -> Result<Test, Failure> {
        let token = self.next()?;
        Ok(match token {
            Token::Sign("=") => Test::Equals(self.value()?),
            Token::Sign("!=") => Test::Differs(self.value()?),
            Token::Sign("<") => Test::Less(self.value()?),
            Token::Sign("<=") => Test::AtMost(self.value()?),
            Token::Sign(">") => Test::Greater(self.value()?),
            Token::Sign(">=") => Test::AtLeast(self.value()?),
            Token::Word(word) => match word.to_ascii_uppercase().as_str() {
                "BETWEEN" => {
                    let from = self.value()?;
                    self.keyword("AND")?;
                    Test::Between(from, self.value()?)
                }
                "IN" => Test::In(self.list()?),
                "NOT" => {
                    self.keyword("IN")?;
                    Test::NotIn(self.list()?)
                }
                "DURING" => Test::During(self.word()?.to_ascii_uppercase()),
                _ => {
                    return Err(Failure::query(
                        "BAD_OPERATOR",
                        format!("Error in query: '{word}' is not a valid operator."),
                    ));
                }
            },
            Token::Quoted(_) | Token::Sign(_) => {
                return Err(Failure::query(
                    "BAD_OPERATOR",
                    "Error in query: expected an operator after the field.",
                ));
            }
        })
    }

    fn list(&mut self) -> Result<Vec<String>, Failure> {
        self.sign("(")?;
        let mut values = vec![self.value()?];
        while self.sign(",").is_ok() {
            values.push(self.value()?);
        }
        self.sign(")")?;
        Ok(values)
    }

    fn order(&mut self) -> Result<(Field, Direction), Failure> {
        let field = self.field()?;
        let descending = self.keyword("DESC").is_ok();
        if !descending {
            // Ascending is what a bare field means too.
            let _explicit = self.keyword("ASC");
        }
        Ok((field, if descending { Direction::Descending } else { Direction::Ascending }))
    }

    fn limit(&mut self) -> Result<usize, Failure> {
        let word = self.word()?;
        word.parse().ok().filter(|limit| *limit > 0).ok_or_else(|| {
            Failure::query(
                "LIMIT_VALUE_TOO_LOW",
                format!("Error in query: LIMIT '{word}' must be a positive number."),
            )
        })
    }

    fn value(&mut self) -> Result<String, Failure> {
        match self.next()? {
            Token::Word(value) | Token::Quoted(value) => Ok(value),
            Token::Sign(_) => Err(Failure::query("BAD_VALUE", "Error in query: expected a value.")),
        }
    }

    fn word(&mut self) -> Result<String, Failure> {
        match self.next()? {
            Token::Word(word) => Ok(word),
            Token::Quoted(_) | Token::Sign(_) => {
                self.at -= 1;
                Err(self.unexpected())
            }
        }
    }

    fn keyword(&mut self, keyword: &str) -> Result<(), Failure> {
        match self.tokens.get(self.at) {
            Some(Token::Word(word)) if word.eq_ignore_ascii_case(keyword) => {
                self.at += 1;
                Ok(())
            }
            _ => Err(self.unexpected()),
        }
    }

    fn sign(&mut self, sign: &str) -> Result<(), Failure> {
        match self.tokens.get(self.at) {
            Some(Token::Sign(found)) if *found == sign => {
                self.at += 1;
                Ok(())
            }
            _ => Err(self.unexpected()),
        }
    }

    fn next(&mut self) -> Result<Token, Failure> {
        let token = self.tokens.get(self.at).cloned().ok_or_else(|| self.unexpected())?;
        self.at += 1;
        Ok(token)
    }

    fn unexpected(&self) -> Failure {
        let input = match self.tokens.get(self.at) {
            None => {
                return Failure::query(
                    "UNEXPECTED_END_OF_QUERY",
                    "Error in query: unexpected end of the query.",
                );
            }
            Some(Token::Word(text) | Token::Quoted(text)) => text.as_str(),
            Some(Token::Sign(sign)) => sign,
        };
        Failure::query("UNEXPECTED_INPUT", format!("Error in query: unexpected input {input}."))
    }
}
