//! A day's figures of one campaign or one line of traffic, and how chance draws them.

use std::iter::Sum;
use std::ops::Add;

use chrono::{Datelike, NaiveDate};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rust_decimal::{Decimal, RoundingStrategy};

/// What one campaign did on one day.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct AdFigures {
    pub(crate) impressions: u64,
    pub(crate) clicks: u64,
    /// In the account's currency, at most two decimals.
    pub(crate) cost: Decimal,
    /// Google Ads: fractional, at most six decimals. Meta: purchases.
    pub(crate) conversions: Decimal,
    /// `None` where the platform sends none.
    pub(crate) conversion_value: Option<Decimal>,
    /// Meta only: enquiries.
    pub(crate) leads: u64,
}

impl AdFigures {
    pub(crate) fn is_zero(&self) -> bool {
        self.impressions == 0
            && self.clicks == 0
            && self.leads == 0
            && self.cost.is_zero()
            && self.conversions.is_zero()
            && self.conversion_value.is_none_or(|value| value.is_zero())
    }

    /// Every figure times `factor`, rounded half-even to what the platform can express;
    /// `conversion_places` is 6 for Google Ads and 0 for Meta.
    pub(crate) fn scaled(&self, factor: Decimal, conversion_places: u32) -> Self {
        Self {
            impressions: scale_count(self.impressions, factor),
            clicks: scale_count(self.clicks, factor),
            cost: round(self.cost * factor, 2),
            conversions: round(self.conversions * factor, conversion_places),
            conversion_value: self.conversion_value.map(|value| round(value * factor, 2)),
            leads: scale_count(self.leads, factor),
        }
    }
}

impl Add for AdFigures {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            impressions: self.impressions + other.impressions,
            clicks: self.clicks + other.clicks,
            cost: self.cost + other.cost,
            conversions: self.conversions + other.conversions,
            conversion_value: match (self.conversion_value, other.conversion_value) {
                (None, value) | (value, None) => value,
                (Some(left), Some(right)) => Some(left + right),
            },
            leads: self.leads + other.leads,
        }
    }
}

impl Sum for AdFigures {
    fn sum<I: Iterator<Item = Self>>(figures: I) -> Self {
        figures.fold(Self::default(), Add::add)
    }
}

/// What one line of traffic (campaign, source, medium, channel) did on one day.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct WebFigures {
    pub(crate) sessions: u64,
    pub(crate) engaged_sessions: u64,
    pub(crate) total_users: u64,
    pub(crate) new_users: u64,
    pub(crate) page_views: u64,
    pub(crate) key_events: Decimal,
    pub(crate) revenue: Decimal,
}

impl WebFigures {
    pub(crate) fn is_zero(&self) -> bool {
        self.sessions == 0
            && self.engaged_sessions == 0
            && self.total_users == 0
            && self.new_users == 0
            && self.page_views == 0
            && self.key_events.is_zero()
            && self.revenue.is_zero()
    }

    /// Every figure times `factor`, rounded half-even to what GA4 can express.
    pub(crate) fn scaled(&self, factor: Decimal) -> Self {
        Self {
            sessions: scale_count(self.sessions, factor),
            engaged_sessions: scale_count(self.engaged_sessions, factor),
            total_users: scale_count(self.total_users, factor),
            new_users: scale_count(self.new_users, factor),
            page_views: scale_count(self.page_views, factor),
            key_events: round(self.key_events * factor, 0),
            revenue: round(self.revenue * factor, 2),
        }
    }
}

impl Add for WebFigures {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            sessions: self.sessions + other.sessions,
            engaged_sessions: self.engaged_sessions + other.engaged_sessions,
            total_users: self.total_users + other.total_users,
            new_users: self.new_users + other.new_users,
            page_views: self.page_views + other.page_views,
            key_events: self.key_events + other.key_events,
            revenue: self.revenue + other.revenue,
        }
    }
}

/// What a campaign or line of traffic does on an average day.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Habit {
    /// Impressions, or sessions, of an average day at the start of 2020.
    pub(crate) volume: u64,
    /// Clicks per 10,000 impressions.
    pub(crate) click_rate: u64,
    /// Cost of a click, in hundredths of the currency.
    pub(crate) click_price: u64,
    /// Conversions per 10,000 clicks or sessions.
    pub(crate) conversion_rate: u64,
    /// Worth of a conversion, in hundredths of the currency.
    pub(crate) conversion_worth: u64,
}

/// Thousandths of an average day, Monday first.
const WEEKDAYS: [u64; 7] = [1_040, 1_010, 990, 1_000, 1_090, 950, 920];

/// How many days in a hundred a campaign rests.
const IDLE_PERCENT: u32 = 3;

/// The day's volume: weekday, a growth of a thousandth of the starting volume a day, chance.
fn volume(habit: &Habit, date: NaiveDate, rng: &mut ChaCha8Rng) -> Option<u64> {
    if rng.random_range(0..100) < IDLE_PERCENT {
        return None;
    }
    let start = NaiveDate::from_ymd_opt(2020, 1, 1).expect("a date");
    let age = u64::try_from((date - start).num_days()).unwrap_or(0);
    let weekday = WEEKDAYS[date.weekday().num_days_from_monday() as usize];
    Some(habit.volume * weekday * (1_000 + age) / 1_000_000 * chance(rng) / 1_000)
}

/// Between 0.8 and 1.2, in thousandths.
fn chance(rng: &mut ChaCha8Rng) -> u64 {
    rng.random_range(800..=1_200)
}

/// A day of a Google Ads campaign: conversions are fractions, as data-driven attribution
/// leaves them.
pub(crate) fn google_ads_day(
    habit: &Habit,
    date: NaiveDate,
    rng: &mut ChaCha8Rng,
) -> Option<AdFigures> {
    let impressions = volume(habit, date, rng)?;
    let clicks = (impressions * habit.click_rate * chance(rng) / 10_000_000).min(impressions);
    let cost = clicks * habit.click_price * chance(rng) / 1_000;
    let conversion_micros = clicks * habit.conversion_rate * chance(rng) / 10;
    let value = conversion_micros * habit.conversion_worth / 1_000_000 * chance(rng) / 1_000;
    let figures = AdFigures {
        impressions,
        clicks,
        cost: hundredths(cost),
        conversions: Decimal::from(conversion_micros) / Decimal::from(1_000_000),
        conversion_value: Some(hundredths(value)),
        leads: 0,
    };
    Some(figures).filter(|figures| !figures.is_zero())
}

/// A day of a Meta campaign: whole purchases, and more enquiries than purchases.
pub(crate) fn meta_day(habit: &Habit, date: NaiveDate, rng: &mut ChaCha8Rng) -> Option<AdFigures> {
    let impressions = volume(habit, date, rng)?;
    let clicks = (impressions * habit.click_rate * chance(rng) / 10_000_000).min(impressions);
    let cost = clicks * habit.click_price * chance(rng) / 1_000;
    let purchases = clicks * habit.conversion_rate * chance(rng) / 10_000_000;
    let value = purchases * habit.conversion_worth * chance(rng) / 1_000;
    let figures = AdFigures {
        impressions,
        clicks,
        cost: hundredths(cost),
        conversions: Decimal::from(purchases),
        conversion_value: Some(hundredths(value)),
        leads: purchases * 3 + rng.random_range(0..4),
    };
    Some(figures).filter(|figures| !figures.is_zero())
}

/// A day of one line of a property's traffic.
pub(crate) fn web_day(habit: &Habit, date: NaiveDate, rng: &mut ChaCha8Rng) -> Option<WebFigures> {
    let sessions = volume(habit, date, rng)?;
    let key_events = sessions * habit.conversion_rate * chance(rng) / 10_000_000;
    let total_users = sessions * rng.random_range(780..=950) / 1_000;
    let figures = WebFigures {
        sessions,
        engaged_sessions: sessions * rng.random_range(450..=700) / 1_000,
        total_users,
        new_users: total_users * rng.random_range(500..=800) / 1_000,
        page_views: sessions * rng.random_range(2_000..=4_500) / 1_000,
        key_events: Decimal::from(key_events),
        revenue: hundredths(key_events * habit.conversion_worth * chance(rng) / 1_000),
    };
    Some(figures).filter(|figures| !figures.is_zero())
}

fn hundredths(amount: u64) -> Decimal {
    Decimal::from(amount) / Decimal::ONE_HUNDRED
}

fn scale_count(count: u64, factor: Decimal) -> u64 {
    let scaled = round(Decimal::from(count) * factor, 0);
    u64::try_from(scaled).expect("a count times a factor that was checked to be in 0..=1000")
}

fn round(amount: Decimal, places: u32) -> Decimal {
    amount.round_dp_with_strategy(places, RoundingStrategy::MidpointNearestEven)
}
