//! What the platforms know: clients, accounts, campaigns and every day's figures.
//!
//! Nothing is stored but what a file recorded: a day is drawn when it is asked for, always the
//! same for the same seed.

mod account;
mod cast;
mod csv_file;
mod figures;
mod random;

use std::path::Path;

use anyhow::Context;
use chrono::{DateTime, Days, NaiveDate, NaiveTime, Utc};
use domain::Platform;

pub(crate) use account::{Account, Campaign, Client, Content, Status, TrafficLine};
pub(crate) use cast::{MANAGER_ID, MANAGER_NAME};
pub use csv_file::CsvFaults;
pub(crate) use figures::{AdFigures, WebFigures};

/// The file that ships with the project: made up, in the shape that `--meta-csv` reads.
const SAMPLE: &str = include_str!("../../data/meta_sample.csv");

/// The clients of one agency with all their accounts, drawn from a seed.
#[derive(Debug)]
pub struct Universe {
    seed: u64,
    /// The first day that chance draws; a file may tell of earlier ones.
    drawn_from: NaiveDate,
    first_day: NaiveDate,
    last_day: NaiveDate,
    clients: Vec<Client>,
}

impl Universe {
    /// `meta_csv` is the first client's Meta account, else the shipped sample is; all other
    /// figures cover the `days` days that end on that file's last. `more_clients` join the two
    /// that are always there.
    pub fn new(
        seed: u64,
        days: u32,
        more_clients: u32,
        meta_csv: Option<&Path>,
    ) -> anyhow::Result<Self> {
        let recorded = match meta_csv {
            None => csv_file::read(SAMPLE.as_bytes()).context("the shipped sample is broken")?,
            Some(path) => {
                let named = || format!("the CSV file {} cannot be used", path.display());
                let file = std::fs::File::open(path).with_context(named)?;
                csv_file::read(std::io::BufReader::new(file)).with_context(named)?
            }
        };
        let last_day = recorded.last_day;
        let drawn_from = last_day - Days::new(u64::from(days.saturating_sub(1)));
        Ok(Self {
            seed,
            drawn_from,
            first_day: drawn_from.min(recorded.first_day),
            last_day,
            clients: cast::clients(seed, more_clients, last_day, recorded.content),
        })
    }

    /// Noon UTC of the day after the last one with figures: where the business clock starts.
    pub fn business_now(&self) -> DateTime<Utc> {
        let noon = NaiveTime::from_hms_opt(12, 0, 0).expect("a time of day");
        (self.last_day + Days::new(1)).and_time(noon).and_utc()
    }

    pub(crate) fn seed(&self) -> u64 {
        self.seed
    }

    pub(crate) fn clients(&self) -> &[Client] {
        &self.clients
    }

    /// The first and last day that any account may have figures of.
    pub(crate) fn span(&self) -> (NaiveDate, NaiveDate) {
        (self.first_day, self.last_day)
    }

    pub(crate) fn account(&self, platform: Platform, id: &str) -> Option<&Account> {
        self.clients
            .iter()
            .flat_map(|client| &client.accounts)
            .find(|account| account.platform == platform && account.id == id)
    }

    /// The figures as the platform first had them; `None` where there was nothing.
    pub(crate) fn ad_day(
        &self,
        account: &Account,
        campaign: &Campaign,
        date: NaiveDate,
    ) -> Option<AdFigures> {
        if let Content::Recorded { days, .. } = &account.content {
            return days.get(&(date, campaign.id.clone())).cloned();
        }
        if !self.draws(date) || !campaign.ran_on(date) {
            return None;
        }
        let mut rng = random::keyed(
            self.seed,
            &["day", account.platform.code(), &campaign.id, &date.to_string()],
        );
        match account.platform {
            Platform::GoogleAds => figures::google_ads_day(&campaign.habit, date, &mut rng),
            Platform::MetaAds => figures::meta_day(&campaign.habit, date, &mut rng),
            Platform::GoogleAnalytics => None,
        }
    }

    /// As [`Self::ad_day`], of a line of a property's traffic.
    pub(crate) fn web_day(
        &self,
        account: &Account,
        line: &TrafficLine,
        date: NaiveDate,
    ) -> Option<WebFigures> {
        if !self.draws(date) || !line.ran_on(date) {
            return None;
        }
        let day = date.to_string();
        let key =
            ["visits", &account.id, &line.campaign_name, &line.source, &line.medium, day.as_str()];
        let mut rng = random::keyed(self.seed, &key);
        figures::web_day(&line.habit, date, &mut rng)
    }

    fn draws(&self, date: NaiveDate) -> bool {
        self.drawn_from <= date && date <= self.last_day
    }
}
