//! A file of an advertiser's figures as the content of a Meta account.
//!
//! One line per ad; `xyz_campaign_id` is the campaign and `Date` (DD-MM-YYYY) the day. Each
//! line's `Spent` is rounded half-even to cents before it is added, as Meta reports it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::Read;
use std::str::FromStr;

use chrono::NaiveDate;
use rust_decimal::{Decimal, RoundingStrategy};

use super::account::{Campaign, Content, Status};
use super::figures::{AdFigures, Habit};

/// The largest figure of one line that is believed; keeps every sum far from overflow.
const LARGEST: u64 = 1_000_000_000_000;

/// How many bad lines a refusal names.
const NAMED_FAULTS: usize = 20;

/// Why a file was refused: every bad line's number and reason, the first 20 of them.
#[derive(Debug, PartialEq, Eq)]
pub struct CsvFaults {
    faults: Vec<(u64, String)>,
}

impl fmt::Display for CsvFaults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bad line(s)", self.faults.len())?;
        for (line, reason) in self.faults.iter().take(NAMED_FAULTS) {
            write!(f, "\n  line {line}: {reason}")?;
        }
        if self.faults.len() > NAMED_FAULTS {
            write!(f, "\n  and {} more", self.faults.len() - NAMED_FAULTS)?;
        }
        Ok(())
    }
}

impl std::error::Error for CsvFaults {}

/// Where each needed column stands.
struct Columns {
    count: usize,
    date: usize,
    campaign: usize,
    impressions: usize,
    clicks: usize,
    spent: usize,
    enquiries: usize,
    purchases: usize,
}

impl Columns {
    fn find(header: &csv::StringRecord) -> Result<Self, CsvFaults> {
        let mut missing = Vec::new();
        let mut find = |name: &str| {
            header.iter().position(|column| column.trim() == name).unwrap_or_else(|| {
                missing.push(name.to_owned());
                0
            })
        };
        let columns = Self {
            count: header.len(),
            date: find("Date"),
            campaign: find("xyz_campaign_id"),
            impressions: find("Impressions"),
            clicks: find("Clicks"),
            spent: find("Spent"),
            enquiries: find("Total_Conversion"),
            purchases: find("Approved_Conversion"),
        };
        if missing.is_empty() {
            Ok(columns)
        } else {
            let reason = format!("the header lacks the column(s) {}", missing.join(", "));
            Err(CsvFaults { faults: vec![(1, reason)] })
        }
    }
}

/// What a file holds, and the last day that it tells of.
#[derive(Debug)]
pub(crate) struct CsvContent {
    pub(crate) content: Content,
    pub(crate) first_day: NaiveDate,
    pub(crate) last_day: NaiveDate,
}

pub(crate) fn read(input: impl Read) -> Result<CsvContent, CsvFaults> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(input);
    let header =
        reader.headers().map_err(|fault| CsvFaults { faults: vec![(1, fault.to_string())] })?;
    let columns = Columns::find(header)?;

    let mut faults = Vec::new();
    let mut days: BTreeMap<(NaiveDate, String), AdFigures> = BTreeMap::new();
    for record in reader.records() {
        match record {
            Ok(record) => match parse(&record, &columns) {
                Ok((date, campaign, figures)) => {
                    let total = days.entry((date, campaign)).or_default();
                    *total = std::mem::take(total) + figures;
                }
                Err(reason) => faults.push((line(record.position()), reason)),
            },
            Err(fault) => faults.push((line(fault.position()), fault.to_string())),
        }
    }
    if faults.is_empty() && days.is_empty() {
        faults.push((1, "there are no rows below the header".to_owned()));
    }
    if !faults.is_empty() {
        return Err(CsvFaults { faults });
    }
    Ok(content_of(days))
}

fn line(position: Option<&csv::Position>) -> u64 {
    position.map_or(0, csv::Position::line)
}

fn parse(
    record: &csv::StringRecord,
    columns: &Columns,
) -> Result<(NaiveDate, String, AdFigures), String> {
    if record.len() != columns.count {
        return Err(format!("{} fields, where the header has {}", record.len(), columns.count));
    }
    let text = |at: usize| record.get(at).unwrap_or_default().trim();
    let count = |name: &str, at: usize| {
        u64::from_str(text(at))
            .ok()
            .filter(|count| *count <= LARGEST)
            .ok_or_else(|| format!("{name} {:?} is not a whole number up to {LARGEST}", text(at)))
    };

    let date = NaiveDate::parse_from_str(text(columns.date), "%d-%m-%Y")
        .map_err(|_| format!("Date {:?} is not a day written as DD-MM-YYYY", text(columns.date)))?;
    let campaign = text(columns.campaign);
    if campaign.is_empty() || !campaign.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(format!("xyz_campaign_id {campaign:?} is not a number"));
    }
    let spent = text(columns.spent);
    let cost = Decimal::from_str_exact(spent)
        .or_else(|_| Decimal::from_scientific(spent))
        .ok()
        .filter(|cost| (Decimal::ZERO..=Decimal::from(LARGEST)).contains(cost))
        .ok_or_else(|| format!("Spent {spent:?} is not an amount of money"))?
        .round_dp_with_strategy(2, RoundingStrategy::MidpointNearestEven);
    let figures = AdFigures {
        impressions: count("Impressions", columns.impressions)?,
        clicks: count("Clicks", columns.clicks)?,
        cost,
        conversions: Decimal::from(count("Approved_Conversion", columns.purchases)?),
        conversion_value: None,
        leads: count("Total_Conversion", columns.enquiries)?,
    };
    Ok((date, campaign.to_owned(), figures))
}

fn content_of(mut days: BTreeMap<(NaiveDate, String), AdFigures>) -> CsvContent {
    let first_day = days.keys().map(|(date, _)| *date).min().expect("there are rows");
    let last_day = days.keys().map(|(date, _)| *date).max().expect("there are rows");
    let ids: BTreeSet<String> = days.keys().map(|(_, campaign)| campaign.clone()).collect();
    let campaigns = ids.into_iter().map(|id| recorded_campaign(id, first_day)).collect();
    days.retain(|_, figures| !figures.is_zero());
    CsvContent { content: Content::Recorded { campaigns, days }, first_day, last_day }
}

fn recorded_campaign(id: String, started: NaiveDate) -> Campaign {
    Campaign {
        name: format!("Campaign {id}"),
        id,
        status: Status::Enabled,
        kind: "OUTCOME_SALES",
        daily_budget: 250_000,
        habit: Habit {
            volume: 0,
            click_rate: 0,
            click_price: 0,
            conversion_rate: 0,
            conversion_worth: 0,
        },
        started,
        ended: None,
    }
}
