//! The rows that a query finds.

use chrono::{Days, Months, NaiveDate};
use domain::BusinessClock;
use rust_decimal::Decimal;

use super::errors::Failure;
use super::fields::{Field, Kind, Resource};
use super::gaql::{Direction, Filter, Query, Test};
use super::split::{CELLS, Cell, share};
use crate::universe::{Account, AdFigures, Campaign, MANAGER_ID};
use crate::world::World;

/// Months for which Google keeps daily figures.
const HISTORY: Months = Months::new(37);

/// Who is asked: a client's account, or the agency's manager account.
#[derive(Clone, Copy, Debug)]
pub(super) enum Customer<'a> {
    Client(&'a Account),
    Manager,
}

impl Customer<'_> {
    pub(super) fn id(self) -> String {
        match self {
            Self::Client(account) => account.id.clone(),
            Self::Manager => MANAGER_ID.to_owned(),
        }
    }

    pub(super) fn is_manager(self) -> bool {
        matches!(self, Self::Manager)
    }
}

/// One row before it is written: only what was selected is ever looked at.
#[derive(Clone)]
pub(super) struct Row<'a> {
    pub(super) customer: Customer<'a>,
    /// For `customer_client`: the client, and how far below the customer.
    pub(super) client: Option<(Customer<'a>, u8)>,
    pub(super) campaign: Option<&'a Campaign>,
    pub(super) date: Option<NaiveDate>,
    pub(super) cell: Option<Cell>,
    pub(super) figures: AdFigures,
}

/// Runs the query; the clients of the manager are `clients`.
pub(super) fn run<'a>(
    world: &World,
    customer: Customer<'a>,
    clients: &[&'a Account],
    query: &Query,
) -> Result<Vec<Row<'a>>, Failure> {
    if customer.is_manager() && query.selects_metrics() {
        return Err(Failure::query(
            "REQUESTED_METRICS_FOR_MANAGER",
            "Metrics cannot be requested for a manager account. To retrieve metrics, issue \
             separate requests against each client account under the manager account.",
        ));
    }
    let blank = Row {
        customer,
        client: None,
        campaign: None,
        date: None,
        cell: None,
        figures: AdFigures::default(),
    };
    let mut rows = match (query.from, customer) {
        (Resource::CustomerClient, _) => client_rows(&blank, clients),
        (Resource::Customer, Customer::Manager) => vec![blank],
        (Resource::Campaign, Customer::Manager) => Vec::new(),
        (Resource::Campaign, Customer::Client(account)) => {
            let groups: Vec<Vec<&Campaign>> =
                account.campaigns().iter().map(|campaign| vec![campaign]).collect();
            performance_rows(world, &blank, account, &groups, query)?
        }
        (Resource::Customer, Customer::Client(account)) => {
            let groups = [account.campaigns().iter().collect()];
            let mut rows = performance_rows(world, &blank, account, &groups, query)?;
            for row in &mut rows {
                row.campaign = None;
            }
            rows
        }
    };
    rows.retain(|row| query.filters.iter().all(|filter| row.passes(filter)));
    for (field, direction) in query.order_by.iter().rev() {
        rows.sort_by(|left, right| {
            let order = compare(*field, &left.text(*field), &right.text(*field));
            if *direction == Direction::Descending { order.reverse() } else { order }
        });
    }
    rows.truncate(query.limit.unwrap_or(usize::MAX));
    Ok(rows)
}

fn client_rows<'a>(blank: &Row<'a>, clients: &[&'a Account]) -> Vec<Row<'a>> {
    let own = (blank.customer, 0);
    let below = clients.iter().map(|client| (Customer::Client(client), 1));
    let below = below.filter(|_| blank.customer.is_manager());
    std::iter::once(own)
        .chain(below)
        .map(|client| Row { client: Some(client), ..blank.clone() })
        .collect()
}

/// One row per group of campaigns and per segment that was selected.
fn performance_rows<'a>(
    world: &World,
    blank: &Row<'a>,
    account: &'a Account,
    groups: &[Vec<&'a Campaign>],
    query: &Query,
) -> Result<Vec<Row<'a>>, Failure> {
    let (first, last) = date_range(world, account, query)?;
    let days: Vec<NaiveDate> = world
        .days(account, first, last)
        .filter(|day| {
            let on_dates = query.filters.iter().filter(|f| f.field.name == "segments.date");
            on_dates.into_iter().all(|filter| date_passes(*day, &filter.test))
        })
        .collect();
    let by_day = query.selects("segments.date");
    let by_cell = query.selects("segments.device") || query.selects("segments.ad_network_type");
    let cells: Vec<Option<Cell>> =
        if by_cell { CELLS.into_iter().map(Some).collect() } else { vec![None] };

    let mut rows = Vec::new();
    for group in groups {
        let base = Row { campaign: group.first().copied(), ..blank.clone() };
        let spans: Vec<&[NaiveDate]> =
            if by_day { days.chunks(1).collect() } else { vec![days.as_slice()] };
        for span in spans {
            let drawn: Vec<AdFigures> = group
                .iter()
                .flat_map(|campaign| span.iter().map(move |day| (*campaign, *day)))
                .filter_map(|(campaign, day)| world.ad_day(account, campaign, day))
                .collect();
            let mut found: Vec<(Option<Cell>, AdFigures)> = Vec::new();
            for cell in &cells {
                let figures: AdFigures = match cell {
                    Some(cell) => drawn.iter().map(|figures| share(figures, *cell)).sum(),
                    None => drawn.iter().cloned().sum(),
                };
                let shown = cell.map(|cell| cell.shown(query, group.first().map(|c| c.kind)));
                match found.iter_mut().find(|(other, _)| *other == shown) {
                    Some((_, total)) => *total = std::mem::take(total) + figures,
                    None => found.push((shown, figures)),
                }
            }
            rows.extend(found.into_iter().map(|(cell, figures)| Row {
                date: by_day.then(|| span[0]),
                cell,
                figures,
                ..base.clone()
            }));
        }
    }
    // Google leaves out what has no figures once anything is segmented.
    if query.selects_segments() {
        rows.retain(|row| row.has_selected_metrics(query));
    }
    Ok(rows)
}

/// The days that the filters leave; daily figures older than 37 months cannot be asked for.
fn date_range(
    world: &World,
    account: &Account,
    query: &Query,
) -> Result<(NaiveDate, NaiveDate), Failure> {
    let (mut first, mut last) = world.universe.span();
    let today = world.clock.today(account.time_zone);
    let date = |text: &String| text.parse::<NaiveDate>().unwrap_or_default();
    let mut asked = None;
    for filter in query.filters.iter().filter(|filter| filter.field.name == "segments.date") {
        let (from, to) = match &filter.test {
            Test::Between(from, to) => (date(from), date(to)),
            Test::Equals(day) => (date(day), date(day)),
            Test::AtLeast(day) | Test::Greater(day) => (date(day), NaiveDate::MAX),
            Test::AtMost(day) | Test::Less(day) => (NaiveDate::MIN, date(day)),
            Test::In(days) => (
                days.iter().map(date).min().unwrap_or_default(),
                days.iter().map(date).max().unwrap_or_default(),
            ),
            Test::During(range) => during(range, today),
            Test::Differs(_) | Test::NotIn(_) => (NaiveDate::MIN, NaiveDate::MAX),
        };
        if from != NaiveDate::MIN {
            asked = Some(from);
        }
        first = first.max(from);
        last = last.min(to);
    }
    if query.selects("segments.date") && asked.is_some_and(|from| from < today - HISTORY) {
        return Err(Failure::date_range(
            "REQUESTED_DATE_GRANULARITY_NOT_SUPPORTED",
            "Daily, hourly and weekly data can only be requested for the last 37 months.",
        ));
    }
    Ok((first, last))
}

fn during(range: &str, today: NaiveDate) -> (NaiveDate, NaiveDate) {
    let yesterday = today - Days::new(1);
    match range {
        "TODAY" => (today, today),
        "LAST_7_DAYS" => (today - Days::new(7), yesterday),
        "LAST_14_DAYS" => (today - Days::new(14), yesterday),
        "LAST_30_DAYS" => (today - Days::new(30), yesterday),
        _ => (yesterday, yesterday),
    }
}

fn date_passes(day: NaiveDate, test: &Test) -> bool {
    let day = day.to_string();
    match test {
        Test::Differs(other) => day != *other,
        Test::Greater(other) => day > *other,
        Test::Less(other) => day < *other,
        Test::In(days) => days.contains(&day),
        Test::NotIn(days) => !days.contains(&day),
        // The rest bound a range, which was applied already.
        _ => true,
    }
}

impl Row<'_> {
    fn has_selected_metrics(&self, query: &Query) -> bool {
        let metrics = query.select.iter().filter(|field| field.is_metric());
        let zero = |field: &Field| matches!(self.text(*field).as_str(), "" | "0" | "0.0");
        if query.selects_metrics() {
            metrics.into_iter().any(|field| !zero(field))
        } else {
            !self.figures.is_zero()
        }
    }

    fn passes(&self, filter: &Filter) -> bool {
        if filter.field.name == "segments.date" {
            return true;
        }
        let mine = self.text(filter.field);
        let order = |other: &String| compare(filter.field, &mine, other);
        match &filter.test {
            Test::Equals(other) => order(other).is_eq(),
            Test::Differs(other) => order(other).is_ne(),
            Test::Less(other) => order(other).is_lt(),
            Test::AtMost(other) => order(other).is_le(),
            Test::Greater(other) => order(other).is_gt(),
            Test::AtLeast(other) => order(other).is_ge(),
            Test::Between(from, to) => order(from).is_ge() && order(to).is_le(),
            Test::In(others) => others.iter().any(|other| order(other).is_eq()),
            Test::NotIn(others) => others.iter().all(|other| order(other).is_ne()),
            Test::During(_) => true,
        }
    }
}

fn compare(field: Field, left: &str, right: &str) -> std::cmp::Ordering {
    let number = |text: &str| text.parse::<Decimal>().ok();
    match field.kind {
        Kind::Integer | Kind::Double => number(left).cmp(&number(right)),
        Kind::Boolean => left.to_ascii_lowercase().cmp(&right.to_ascii_lowercase()),
        Kind::Text | Kind::Enum | Kind::Date => left.cmp(right),
    }
}
