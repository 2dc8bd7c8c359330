//! A campaign's day by device and network. Shares are cut so that they add up to the whole.

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use super::gaql::Query;
use crate::universe::AdFigures;

/// One device on one network; `weight` of all cells together is 100.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cell {
    pub(super) device: &'static str,
    pub(super) network: &'static str,
    before: u64,
    weight: u64,
}

const fn cell(device: &'static str, network: &'static str, before: u64, weight: u64) -> Cell {
    Cell { device, network, before, weight }
}

pub(super) const CELLS: [Cell; 6] = [
    cell("MOBILE", "SEARCH", 0, 52),
    cell("MOBILE", "SEARCH_PARTNERS", 52, 8),
    cell("DESKTOP", "SEARCH", 60, 30),
    cell("DESKTOP", "SEARCH_PARTNERS", 90, 4),
    cell("TABLET", "SEARCH", 94, 5),
    cell("TABLET", "SEARCH_PARTNERS", 99, 1),
];

impl Cell {
    /// What of the cell a query shows: a segment that it does not select is blank, and only
    /// campaigns of the search network know partners.
    pub(super) fn shown(self, query: &Query, channel: Option<&str>) -> Self {
        let network = match channel {
            Some("SEARCH" | "SHOPPING") => self.network,
            Some("DISPLAY") => "CONTENT",
            Some("VIDEO") => "YOUTUBE",
            _ => "MIXED",
        };
        Self {
            device: if query.selects("segments.device") { self.device } else { "" },
            network: if query.selects("segments.ad_network_type") { network } else { "" },
            before: 0,
            weight: 0,
        }
    }
}

/// The cell's share of a day.
pub(super) fn share(figures: &AdFigures, cell: Cell) -> AdFigures {
    let count = |whole: u64| whole * (cell.before + cell.weight) / 100 - whole * cell.before / 100;
    let amount = |whole: Decimal, places: u32| {
        let unit = Decimal::new(1, places);
        let units = (whole / unit).to_u64().unwrap_or_default();
        Decimal::from(count(units)) * unit
    };
    AdFigures {
        impressions: count(figures.impressions),
        clicks: count(figures.clicks),
        cost: amount(figures.cost, 2),
        conversions: amount(figures.conversions, 6),
        conversion_value: figures.conversion_value.map(|value| amount(value, 2)),
        leads: count(figures.leads),
    }
}
