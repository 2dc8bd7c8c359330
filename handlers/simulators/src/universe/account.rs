//! Clients of the agency, their accounts, and what runs in them.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use chrono_tz::Tz;
use domain::{CurrencyCode, Platform};

use super::figures::{AdFigures, Habit};

/// A client of the agency: one account on each platform.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) name: String,
    pub(crate) accounts: Vec<Account>,
}

#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) platform: Platform,
    /// Bare digits.
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) currency: CurrencyCode,
    pub(crate) time_zone: Tz,
    pub(crate) content: Content,
}

#[derive(Debug)]
pub(crate) enum Content {
    /// Campaigns whose days are drawn when they are asked for.
    Drawn(Vec<Campaign>),
    /// Campaigns whose days were read from a file.
    Recorded { campaigns: Vec<Campaign>, days: BTreeMap<(NaiveDate, String), AdFigures> },
    /// A website's traffic.
    Traffic(Vec<TrafficLine>),
}

impl Account {
    /// The campaigns of an advertising account; none for a property.
    pub(crate) fn campaigns(&self) -> &[Campaign] {
        match &self.content {
            Content::Drawn(campaigns) | Content::Recorded { campaigns, .. } => campaigns,
            Content::Traffic(_) => &[],
        }
    }

    /// The lines of a property's traffic; none for an advertising account.
    pub(crate) fn traffic(&self) -> &[TrafficLine] {
        match &self.content {
            Content::Traffic(lines) => lines,
            Content::Drawn(_) | Content::Recorded { .. } => &[],
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Enabled,
    Paused,
    /// Google Ads `REMOVED`, Meta `DELETED`: gone from the lists of Meta, its past still counts.
    Removed,
}

#[derive(Clone, Debug)]
pub(crate) struct Campaign {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) status: Status,
    /// Google Ads `advertising_channel_type`, or Meta `objective`.
    pub(crate) kind: &'static str,
    /// In hundredths of the currency.
    pub(crate) daily_budget: u64,
    pub(crate) habit: Habit,
    pub(crate) started: NaiveDate,
    /// The last day it ran, for one that no longer does.
    pub(crate) ended: Option<NaiveDate>,
}

impl Campaign {
    pub(crate) fn ran_on(&self, date: NaiveDate) -> bool {
        date >= self.started && self.ended.is_none_or(|ended| date <= ended)
    }
}

/// Sessions that came the same way.
#[derive(Clone, Debug)]
pub(crate) struct TrafficLine {
    pub(crate) campaign_id: String,
    pub(crate) campaign_name: String,
    pub(crate) source: String,
    pub(crate) medium: String,
    pub(crate) channel: &'static str,
    pub(crate) habit: Habit,
    pub(crate) started: NaiveDate,
    pub(crate) ended: Option<NaiveDate>,
}

impl TrafficLine {
    pub(crate) fn ran_on(&self, date: NaiveDate) -> bool {
        date >= self.started && self.ended.is_none_or(|ended| date <= ended)
    }
}
