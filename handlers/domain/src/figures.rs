//! Figures as people read them: sums that may be added, and the ratios and changes made from
//! sums. Figures of different currencies are never put into one value.

use rust_decimal::Decimal;

/// Decimal places of a ratio or a change, rounded half-even. Sums are never rounded.
pub const RATIO_PLACES: u32 = 6;

/// Sums over advertising rows of one currency. Money is in major units of that currency.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AdFigures {
    pub impressions: i64,
    pub clicks: i64,
    pub cost: Decimal,
    pub conversions: Decimal,
    /// The sum of the known values; `None` where no row has one.
    pub conversion_value: Option<Decimal>,
}

/// Ratios of sums; each is `None` where its denominator is zero or absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AdRatios {
    /// Clicks per impression.
    pub ctr: Option<Decimal>,
    /// Cost per click.
    pub cpc: Option<Decimal>,
    /// Cost per conversion.
    pub cpa: Option<Decimal>,
    /// Conversion value per unit of cost.
    pub roas: Option<Decimal>,
}

impl AdFigures {
    pub fn ratios(&self) -> AdRatios {
        AdRatios {
            ctr: ratio(self.clicks.into(), self.impressions.into()),
            cpc: ratio(self.cost, self.clicks.into()),
            cpa: ratio(self.cost, self.conversions),
            roas: self.conversion_value.and_then(|value| ratio(value, self.cost)),
        }
    }

    /// How each figure moved since `before`, as a share of what it was.
    pub fn change_since(&self, before: &Self) -> AdChange {
        let (now, then) = (self.ratios(), before.ratios());
        AdChange {
            impressions: change(self.impressions.into(), before.impressions.into()),
            clicks: change(self.clicks.into(), before.clicks.into()),
            cost: change(self.cost, before.cost),
            conversions: change(self.conversions, before.conversions),
            conversion_value: change_of_known(self.conversion_value, before.conversion_value),
            ctr: change_of_known(now.ctr, then.ctr),
            cpc: change_of_known(now.cpc, then.cpc),
            cpa: change_of_known(now.cpa, then.cpa),
            roas: change_of_known(now.roas, then.roas),
        }
    }
}

/// `0.25` is a quarter more than before; `None` where there was nothing to compare with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AdChange {
    pub impressions: Option<Decimal>,
    pub clicks: Option<Decimal>,
    pub cost: Option<Decimal>,
    pub conversions: Option<Decimal>,
    pub conversion_value: Option<Decimal>,
    pub ctr: Option<Decimal>,
    pub cpc: Option<Decimal>,
    pub cpa: Option<Decimal>,
    pub roas: Option<Decimal>,
}

/// Sums over website rows of one currency. Users are left out: they cannot be added.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WebFigures {
    pub sessions: i64,
    pub engaged_sessions: i64,
    pub key_events: Decimal,
    pub revenue: Decimal,
}

impl WebFigures {
    /// How each figure moved since `before`, as a share of what it was.
    pub fn change_since(&self, before: &Self) -> WebChange {
        WebChange {
            sessions: change(self.sessions.into(), before.sessions.into()),
            engaged_sessions: change(self.engaged_sessions.into(), before.engaged_sessions.into()),
            key_events: change(self.key_events, before.key_events),
            revenue: change(self.revenue, before.revenue),
        }
    }
}

/// `0.25` is a quarter more than before; `None` where there was nothing to compare with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WebChange {
    pub sessions: Option<Decimal>,
    pub engaged_sessions: Option<Decimal>,
    pub key_events: Option<Decimal>,
    pub revenue: Option<Decimal>,
}

fn ratio(numerator: Decimal, denominator: Decimal) -> Option<Decimal> {
    // None also where the quotient is too large for a decimal of 28 digits.
    let exact = numerator.checked_div(denominator)?;
    Some(exact.round_dp(RATIO_PLACES).normalize())
}

fn change(now: Decimal, before: Decimal) -> Option<Decimal> {
    ratio(now.checked_sub(before)?, before)
}

fn change_of_known(now: Option<Decimal>, before: Option<Decimal>) -> Option<Decimal> {
    change(now?, before?)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decimal(text: &str) -> Decimal {
        Decimal::from_str_exact(text).unwrap()
    }

    fn figures() -> AdFigures {
        AdFigures {
            impressions: 3_000,
            clicks: 40,
            cost: decimal("58705.23"),
            conversions: decimal("8"),
            conversion_value: Some(decimal("117410.46")),
        }
    }

    #[test]
    fn ratios_come_from_the_sums() {
        let ratios = figures().ratios();
        assert_eq!(ratios.ctr, Some(decimal("0.013333")));
        assert_eq!(ratios.cpc, Some(decimal("1467.63075")));
        assert_eq!(ratios.cpa, Some(decimal("7338.15375")));
        assert_eq!(ratios.roas, Some(decimal("2")));
        assert_eq!(ratios.roas.unwrap().to_string(), "2");
    }

    #[test]
    fn a_ratio_without_a_denominator_is_none() {
        assert_eq!(AdFigures::default().ratios(), AdRatios::default());
        let unvalued = AdFigures { conversion_value: None, ..figures() };
        assert_eq!(unvalued.ratios().roas, None);
    }

    #[test]
    fn the_seventh_place_is_rounded_half_even() {
        assert_eq!(ratio(decimal("0.0000005"), Decimal::ONE), Some(decimal("0")));
        assert_eq!(ratio(decimal("0.0000015"), Decimal::ONE), Some(decimal("0.000002")));
    }

    #[test]
    fn a_change_is_a_share_of_what_was() {
        let before = AdFigures { clicks: 32, conversion_value: None, ..figures() };
        let change = figures().change_since(&before);
        assert_eq!(change.clicks, Some(decimal("0.25")));
        assert_eq!(change.cost, Some(decimal("0")));
        assert_eq!(change.conversion_value, None);
        assert_eq!(change.cpc, Some(decimal("-0.2")));
        assert_eq!(figures().change_since(&AdFigures::default()), AdChange::default());
    }

    proptest! {
        #[test]
        fn no_figures_are_too_large_to_divide(
            impressions in any::<i64>(), clicks in any::<i64>(),
            cost in any::<[u8; 16]>(), value in any::<[u8; 16]>(),
        ) {
            let [cost, conversion_value] = [cost, value].map(|mut bytes| {
                // The scale's byte and the sign; the rest of the flags must be zero.
                bytes[0] = 0;
                bytes[1] = 0;
                bytes[2] %= 29;
                bytes[3] &= 0x80;
                Decimal::deserialize(bytes)
            });
            let figures = AdFigures {
                impressions, clicks, cost,
                conversions: conversion_value,
                conversion_value: Some(conversion_value),
            };
            let ratios = figures.ratios();
            prop_assert_eq!(ratios.ctr.is_none(), impressions == 0);
            let _change = figures.change_since(&AdFigures { cost: conversion_value, ..figures });
        }
    }
}
