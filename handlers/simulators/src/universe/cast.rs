//! Who exists: the two clients that demo and tests know by name, further ones for scale, and
//! what chance gives each of them to run.

use chrono::{Days, NaiveDate};
use chrono_tz::Tz;
use domain::{CurrencyCode, Platform};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::account::{Account, Campaign, Client, Content, Status, TrafficLine};
use super::figures::Habit;
use super::random::keyed;

/// The manager account through which the agency reaches its clients' Google Ads accounts.
pub(crate) const MANAGER_ID: &str = "9180000001";
pub(crate) const MANAGER_NAME: &str = "Northstar Media";

/// Where and in what money an account reports.
struct Place(&'static str, Tz);

/// A client before chance fills its accounts.
struct Role {
    name: String,
    ids: [String; 3],
    google_ads: Place,
    meta_ads: Place,
    google_analytics: Place,
    themes: &'static [&'static str],
}

const OUTDOOR: &[&str] =
    &["Hiking Boots", "Tents", "Rain Jackets", "Backpacks", "Climbing", "Winter Sale", "Kids"];
const TRAVEL: &[&str] =
    &["City Breaks", "Beach Holidays", "Ski Weeks", "Last Minute", "Family", "Cruises", "Rail"];

/// What Google Ads runs, and where; the first five exist in every account.
const GOOGLE_PLANS: [(&str, &str); 7] = [
    ("SEARCH", "Search | Brand"),
    ("SEARCH", "Search | Generic"),
    ("PERFORMANCE_MAX", "PMax"),
    ("DISPLAY", "Display | Remarketing"),
    ("SEARCH", "Search | Archive"),
    ("SHOPPING", "Shopping"),
    ("VIDEO", "YouTube | Reach"),
];

const META_PLANS: [(&str, &str); 6] = [
    ("OUTCOME_SALES", "Prospecting"),
    ("OUTCOME_SALES", "Retargeting"),
    ("OUTCOME_LEADS", "Leads"),
    ("OUTCOME_SALES", "Old Creative"),
    ("OUTCOME_TRAFFIC", "Traffic"),
    ("OUTCOME_AWARENESS", "Awareness"),
];

fn northwind() -> Role {
    Role {
        name: "Northwind Outfitters".to_owned(),
        ids: ["4310050021".to_owned(), "120210045500101".to_owned(), "345100201".to_owned()],
        google_ads: Place("EUR", Tz::Europe__Amsterdam),
        meta_ads: Place("USD", Tz::America__New_York),
        google_analytics: Place("EUR", Tz::Europe__Amsterdam),
        themes: OUTDOOR,
    }
}

fn bluebird() -> Role {
    Role {
        name: "Bluebird Travel".to_owned(),
        ids: ["7720060042".to_owned(), "120210045500202".to_owned(), "345100302".to_owned()],
        google_ads: Place("GBP", Tz::Europe__London),
        meta_ads: Place("CAD", Tz::America__Toronto),
        google_analytics: Place("GBP", Tz::Europe__London),
        themes: TRAVEL,
    }
}

/// One of the further clients: places are drawn, names and ids come from the number.
fn further(seed: u64, number: u32) -> Role {
    const PLACES: [(&str, Tz); 6] = [
        ("EUR", Tz::Europe__Berlin),
        ("USD", Tz::America__Los_Angeles),
        ("GBP", Tz::Europe__London),
        ("AUD", Tz::Australia__Sydney),
        ("SEK", Tz::Europe__Stockholm),
        ("USD", Tz::America__Chicago),
    ];
    let mut rng = keyed(seed, &["client", &number.to_string()]);
    let mut place = || {
        let (currency, zone) = PLACES[rng.random_range(0..PLACES.len())];
        Place(currency, zone)
    };
    Role {
        name: format!("Client {number:04}"),
        ids: [
            format!("{}", 5_000_000_000_u64 + u64::from(number)),
            format!("{}", 120_300_000_000_000_u64 + u64::from(number)),
            format!("{}", 400_000_000_u64 + u64::from(number)),
        ],
        google_ads: place(),
        meta_ads: place(),
        google_analytics: place(),
        themes: if number.is_multiple_of(2) { OUTDOOR } else { TRAVEL },
    }
}

/// The clients of the agency. `recorded` replaces what the first client's Meta account would
/// have drawn.
pub(crate) fn clients(seed: u64, more: u32, last_day: NaiveDate, recorded: Content) -> Vec<Client> {
    let mut recorded = Some(recorded);
    [northwind(), bluebird()]
        .into_iter()
        .chain((1..=more).map(|number| further(seed, number)))
        .map(|role| client(seed, role, last_day, recorded.take()))
        .collect()
}

fn client(seed: u64, role: Role, last_day: NaiveDate, recorded: Option<Content>) -> Client {
    let Role { name, ids: [google_id, meta_id, property_id], themes, .. } = role;
    let google = campaigns(seed, &google_id, &GOOGLE_PLANS, 5, themes, last_day);
    let meta = recorded.unwrap_or_else(|| {
        Content::Drawn(campaigns(seed, &meta_id, &META_PLANS, 4, themes, last_day))
    });

    let mut traffic = organic_traffic(&mut keyed(seed, &["organic", &property_id]));
    let chance = |campaign: &Campaign| keyed(seed, &["paid", &property_id, &campaign.id]);
    traffic.extend(google.iter().map(|campaign| paid_search(campaign, &mut chance(campaign))));
    let meta_campaigns = match &meta {
        Content::Drawn(campaigns) | Content::Recorded { campaigns, .. } => campaigns.as_slice(),
        Content::Traffic(_) => &[],
    };
    traffic
        .extend(meta_campaigns.iter().map(|campaign| paid_social(campaign, &mut chance(campaign))));

    let account = |platform, id, suffix: &str, place: Place, content| Account {
        platform,
        id,
        name: format!("{name}{suffix}"),
        currency: place.0.parse::<CurrencyCode>().expect("the table holds codes of ISO 4217"),
        time_zone: place.1,
        content,
    };
    let accounts = vec![
        account(Platform::GoogleAds, google_id, "", role.google_ads, Content::Drawn(google)),
        account(Platform::MetaAds, meta_id, " Ads", role.meta_ads, meta),
        account(
            Platform::GoogleAnalytics,
            property_id,
            " - GA4",
            role.google_analytics,
            Content::Traffic(traffic),
        ),
    ];
    Client { name, accounts }
}

/// Before any day that is drawn.
fn long_ago() -> NaiveDate {
    NaiveDate::from_ymd_opt(2019, 6, 3).expect("a date")
}

/// The first `fixed` plans once each, then up to as many more, with a theme each.
fn campaigns(
    seed: u64,
    account_id: &str,
    plans: &[(&'static str, &str)],
    fixed: usize,
    themes: &[&str],
    last_day: NaiveDate,
) -> Vec<Campaign> {
    let more = keyed(seed, &["campaigns", account_id]).random_range(1..=5);
    (0..fixed + more)
        .map(|index| {
            let (kind, label) = plans[index % plans.len()];
            let mut rng = keyed(seed, &["campaign", account_id, &index.to_string()]);
            let theme = themes[rng.random_range(0..themes.len())];
            // The last of the fixed plans is gone since ten days, the one before it rests
            // since four; of the others, some began lately.
            let (status, ended) = match index + 1 {
                number if number == fixed => (Status::Removed, Some(last_day - Days::new(10))),
                number if number + 1 == fixed => (Status::Paused, Some(last_day - Days::new(4))),
                _ => (Status::Enabled, None),
            };
            let began_lately = status == Status::Enabled && index >= fixed && rng.random_bool(0.3);
            Campaign {
                id: format!("{account_id}{:03}", index + 1),
                name: format!("{label} | {theme} {}", index + 1),
                status,
                kind,
                daily_budget: rng.random_range(20..400) * 100,
                habit: habit(kind, &mut rng),
                started: if began_lately { last_day - Days::new(20) } else { long_ago() },
                ended,
            }
        })
        .collect()
}

/// Averages that such a campaign might have.
fn habit(kind: &str, rng: &mut ChaCha8Rng) -> Habit {
    let (volume, click_rate, click_price, conversion_rate) = match kind {
        "SEARCH" => (400..1_500, 350..900, 45..160, 250..700),
        "SHOPPING" => (1_500..4_000, 80..180, 25..60, 150..350),
        "PERFORMANCE_MAX" => (2_500..8_000, 60..150, 30..80, 120..320),
        "DISPLAY" | "VIDEO" => (8_000..20_000, 8..40, 15..45, 20..90),
        "OUTCOME_AWARENESS" => (9_000..25_000, 15..50, 20..60, 5..20),
        _ => (3_000..9_000, 70..180, 35..110, 80..300),
    };
    Habit {
        volume: rng.random_range(volume),
        click_rate: rng.random_range(click_rate),
        click_price: rng.random_range(click_price),
        conversion_rate: rng.random_range(conversion_rate),
        conversion_worth: rng.random_range(2_500..14_000),
    }
}

/// Sessions for a website.
fn sessions(volume: u64, rng: &mut ChaCha8Rng) -> Habit {
    Habit {
        volume: volume * rng.random_range(700..=1_300) / 1_000,
        click_rate: 0,
        click_price: 0,
        conversion_rate: rng.random_range(120..380),
        conversion_worth: rng.random_range(2_500..14_000),
    }
}

fn organic_traffic(rng: &mut ChaCha8Rng) -> Vec<TrafficLine> {
    const WAYS: [(&str, &str, &str, &str, u64); 7] = [
        ("(direct)", "(direct)", "(none)", "Direct", 260),
        ("(organic)", "google", "organic", "Organic Search", 420),
        ("(organic)", "bing", "organic", "Organic Search", 35),
        ("(referral)", "outdoorblog.example", "referral", "Referral", 28),
        ("newsletter_weekly", "newsletter", "email", "Email", 60),
        ("(not set)", "(not set)", "(not set)", "Unassigned", 9),
        ("partner, \"autumn\" <fair>", "partner.example", "affiliate", "Affiliates", 3),
    ];
    WAYS.into_iter()
        .map(|(campaign, source, medium, channel, volume)| TrafficLine {
            campaign_id: "(not set)".to_owned(),
            campaign_name: campaign.to_owned(),
            source: source.to_owned(),
            medium: medium.to_owned(),
            channel,
            habit: sessions(volume, rng),
            started: long_ago(),
            ended: None,
        })
        .collect()
}

fn paid_search(campaign: &Campaign, rng: &mut ChaCha8Rng) -> TrafficLine {
    let channel = match campaign.kind {
        "SEARCH" => "Paid Search",
        "SHOPPING" => "Paid Shopping",
        "PERFORMANCE_MAX" => "Cross-network",
        "VIDEO" => "Paid Video",
        _ => "Display",
    };
    TrafficLine {
        campaign_id: campaign.id.clone(),
        campaign_name: campaign.name.clone(),
        source: "google".to_owned(),
        medium: "cpc".to_owned(),
        channel,
        habit: sessions(45, rng),
        started: campaign.started,
        ended: campaign.ended,
    }
}

fn paid_social(campaign: &Campaign, rng: &mut ChaCha8Rng) -> TrafficLine {
    TrafficLine {
        campaign_id: campaign.id.clone(),
        campaign_name: campaign.name.clone(),
        source: "facebook".to_owned(),
        medium: "paid_social".to_owned(),
        channel: "Paid Social",
        habit: sessions(30, rng),
        started: campaign.started,
        ended: campaign.ended,
    }
}
