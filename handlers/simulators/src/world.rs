//! What all simulated platforms share: the universe as it was changed since, clock, consents,
//! faults, counters.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError, RwLock};
use std::time::Duration;

use chrono::NaiveDate;
use domain::{BusinessClock, FixedClock, Platform};
use rust_decimal::Decimal;

use crate::faults::Faults;
use crate::meta::Reports;
use crate::oauth::OAuth;
use crate::stats::Stats;
use crate::universe::{Account, AdFigures, Campaign, TrafficLine, Universe, WebFigures};

pub(crate) struct World {
    pub(crate) universe: Universe,
    pub(crate) clock: FixedClock,
    pub(crate) oauth: OAuth,
    pub(crate) faults: Faults,
    pub(crate) reports: Reports,
    pub(crate) stats: Stats,
    knobs: Mutex<Knobs>,
    changes: RwLock<BTreeMap<(Platform, String, NaiveDate), Vec<Change>>>,
}

/// What tests may turn.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Knobs {
    /// Waited before each answer of a platform.
    pub(crate) latency: Duration,
    /// How often a Meta report run is asked after before it is done.
    pub(crate) report_polls: u32,
}

impl Default for Knobs {
    fn default() -> Self {
        Self { latency: Duration::ZERO, report_polls: 1 }
    }
}

/// What a platform changed about a day afterwards.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    /// A campaign's id, or for GA4 its name; all of the day when absent.
    pub(crate) campaign: Option<String>,
    pub(crate) kind: ChangeKind,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum ChangeKind {
    Restated(Decimal),
    Vanished,
}

impl World {
    pub(crate) fn new(universe: Universe) -> Self {
        Self {
            clock: FixedClock::at(universe.business_now()),
            oauth: OAuth::new(universe.seed()),
            universe,
            faults: Faults::default(),
            reports: Reports::default(),
            stats: Stats::default(),
            knobs: Mutex::default(),
            changes: RwLock::default(),
        }
    }

    pub(crate) fn knobs(&self) -> Knobs {
        *self.knobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn turn(&self, turn: impl FnOnce(&mut Knobs)) {
        turn(&mut self.knobs.lock().unwrap_or_else(PoisonError::into_inner));
    }

    pub(crate) fn change(
        &self,
        platform: Platform,
        account_id: String,
        date: NaiveDate,
        change: Change,
    ) {
        let mut changes = self.changes.write().unwrap_or_else(PoisonError::into_inner);
        changes.entry((platform, account_id, date)).or_default().push(change);
    }

    /// Takes back all that tests changed: clock, figures, faults, knobs, consents.
    pub(crate) fn reset(&self) {
        self.clock.set(self.universe.business_now());
        self.changes.write().unwrap_or_else(PoisonError::into_inner).clear();
        self.turn(|knobs| *knobs = Knobs::default());
        self.faults.clear();
        self.stats.clear();
        self.oauth.reset();
    }

    pub(crate) fn today(&self, account: &Account) -> NaiveDate {
        self.clock.today(account.time_zone)
    }

    /// Those days of `first..=last` that the account can have figures of: none of the future.
    pub(crate) fn days(
        &self,
        account: &Account,
        first: NaiveDate,
        last: NaiveDate,
    ) -> impl Iterator<Item = NaiveDate> + use<> {
        let (earliest, latest) = self.universe.span();
        let last = last.min(latest).min(self.today(account));
        first.max(earliest).iter_days().take_while(move |day| *day <= last)
    }

    /// What the platform says today about a campaign's day.
    pub(crate) fn ad_day(
        &self,
        account: &Account,
        campaign: &Campaign,
        date: NaiveDate,
    ) -> Option<AdFigures> {
        let figures = self.universe.ad_day(account, campaign, date)?;
        let places = if account.platform == Platform::GoogleAds { 6 } else { 0 };
        self.changed(account, date, &[&campaign.id], figures, |figures, factor| {
            figures.scaled(factor, places)
        })
        .filter(|figures| !figures.is_zero())
    }

    /// What the platform says today about a day of a line of traffic.
    pub(crate) fn web_day(
        &self,
        account: &Account,
        line: &TrafficLine,
        date: NaiveDate,
    ) -> Option<WebFigures> {
        let figures = self.universe.web_day(account, line, date)?;
        let names = [line.campaign_id.as_str(), &line.campaign_name];
        self.changed(account, date, &names, figures, WebFigures::scaled)
            .filter(|figures| !figures.is_zero())
    }

    fn changed<F>(
        &self,
        account: &Account,
        date: NaiveDate,
        names: &[&str],
        figures: F,
        scale: impl Fn(&F, Decimal) -> F,
    ) -> Option<F> {
        let changes = self.changes.read().unwrap_or_else(PoisonError::into_inner);
        if changes.is_empty() {
            return Some(figures);
        }
        let Some(changes) = changes.get(&(account.platform, account.id.clone(), date)) else {
            return Some(figures);
        };
        let mine = changes.iter().filter(|change| {
            change.campaign.as_deref().is_none_or(|campaign| names.contains(&campaign))
        });
        mine.map(|change| change.kind).try_fold(figures, |figures, kind| match kind {
            ChangeKind::Restated(factor) => Some(scale(&figures, factor)),
            ChangeKind::Vanished => None,
        })
    }
}
