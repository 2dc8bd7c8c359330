//! Rows that the queries of this module hand over as PostgreSQL's records, column by column, with
//! exact decimals as text.

use domain::ports::StoreError;
use domain::{AdFigures, CurrencyCode, Platform, WebFigures};
use rust_decimal::Decimal;

use super::rows::{Exact, corrupt};

/// What `array_agg` made of the rows; null where there were none.
pub(super) fn each<R, S>(records: Option<Vec<R>>) -> Result<Vec<S>, StoreError>
where
    S: TryFrom<R, Error = StoreError>,
{
    records.unwrap_or_default().into_iter().map(S::try_from).collect()
}

/// Cost, conversions and their value.
pub(super) type AdDecimals = (String, String, Option<String>);

/// Key events and revenue.
pub(super) type WebDecimals = (String, String);

pub(super) fn ad_figures(
    impressions: i64,
    clicks: i64,
    (cost, conversions, conversion_value): &AdDecimals,
) -> Result<AdFigures, StoreError> {
    Ok(AdFigures {
        impressions,
        clicks,
        cost: exact(cost)?,
        conversions: exact(conversions)?,
        conversion_value: conversion_value.as_deref().map(exact).transpose()?,
    })
}

pub(super) fn web_figures(
    sessions: i64,
    engaged_sessions: i64,
    (key_events, revenue): &WebDecimals,
) -> Result<WebFigures, StoreError> {
    Ok(WebFigures {
        sessions,
        engaged_sessions,
        key_events: exact(key_events)?,
        revenue: exact(revenue)?,
    })
}

pub(super) fn platform(code: &str) -> Result<Platform, StoreError> {
    code.parse::<Platform>().map_err(corrupt)
}

pub(super) fn currency(code: &str) -> Result<CurrencyCode, StoreError> {
    code.parse::<CurrencyCode>().map_err(corrupt)
}

fn exact(text: &str) -> Result<Decimal, StoreError> {
    text.parse().map(|Exact(decimal)| decimal).map_err(corrupt)
}
