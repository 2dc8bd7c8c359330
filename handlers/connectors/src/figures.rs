//! Numbers as platforms write them: `"12"`, `12`, `4.143961`, `1e-7`. They are read from the
//! text itself, so no figure passes through binary floating point.

use std::str::FromStr;

use domain::ports::BoxError;
use rust_decimal::Decimal;
use serde_json::value::RawValue;

#[derive(Debug, thiserror::Error)]
#[error("a metric is not a number, or too large for one")]
pub(crate) struct NotANumber;

/// A JSON number, or a string that holds one; nothing where the platform left it out.
pub(crate) type Figure<'a> = Option<&'a RawValue>;

fn text(figure: &RawValue) -> &str {
    figure.get().trim_matches('"')
}

/// Platforms leave zeros out.
pub(crate) fn count(figure: Figure<'_>) -> Result<i64, NotANumber> {
    figure.map_or(Ok(0), |raw| text(raw).parse().map_err(|_| NotANumber))
}

pub(crate) fn decimal(figure: Figure<'_>) -> Result<Decimal, NotANumber> {
    figure.map_or(Ok(Decimal::ZERO), |raw| parse_decimal(text(raw)))
}

pub(crate) fn parse_decimal(text: &str) -> Result<Decimal, NotANumber> {
    let parsed = if text.contains(['e', 'E']) {
        Decimal::from_scientific_lossy(text)
    } else {
        Decimal::from_str(text)
    };
    parsed.map_err(|_| NotANumber)
}

/// Micros of a currency in its major unit.
pub(crate) fn micros(figure: Figure<'_>) -> Result<Decimal, NotANumber> {
    Ok(Decimal::new(count(figure)?, 6))
}

pub(crate) fn add_count(total: &mut Option<i64>, more: i64) -> Result<(), BoxError> {
    *total = Some(total.unwrap_or(0).checked_add(more).ok_or(NotANumber)?);
    Ok(())
}

pub(crate) fn add(total: &mut Option<Decimal>, more: Decimal) -> Result<(), BoxError> {
    *total = Some(total.unwrap_or(Decimal::ZERO).checked_add(more).ok_or(NotANumber)?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(json: &str) -> Box<RawValue> {
        RawValue::from_string(json.to_owned()).unwrap()
    }

    #[test]
    fn figures_are_exact_however_they_are_written() {
        for (json, expected) in [
            ("4.143961", "4.143961"),
            ("\"90.5\"", "90.5"),
            ("1e-7", "0.0000001"),
            ("0.1", "0.1"),
            ("180.70756678", "180.70756678"),
            ("-3", "-3"),
        ] {
            assert_eq!(decimal(Some(&raw(json))).unwrap().to_string(), expected);
        }
        assert_eq!(micros(Some(&raw("\"312690000\""))).unwrap().normalize().to_string(), "312.69");
        assert_eq!(count(Some(&raw("\"1149\""))).unwrap(), 1149);
        assert_eq!(count(None).unwrap(), 0);
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for json in ["\"\"", "\"twelve\"", "true", "[1]", "\"1,5\""] {
            assert!(decimal(Some(&raw(json))).is_err(), "{json}");
            assert!(count(Some(&raw(json))).is_err(), "{json}");
        }
    }

    #[test]
    fn sums_do_not_wrap() {
        assert!(add_count(&mut Some(i64::MAX), 1).is_err());
        assert!(add(&mut Some(Decimal::MAX), Decimal::MAX).is_err());
    }
}
