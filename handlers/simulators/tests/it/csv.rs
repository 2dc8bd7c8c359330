//! The file behind the first client's Meta account.

use std::collections::BTreeMap;
use std::io::Write;

use rust_decimal::{Decimal, RoundingStrategy};
use simulators::Config;
use tempfile::NamedTempFile;

use crate::support::{list, simulator, text};

const SAMPLE: &str = include_str!("../../data/meta_sample.csv");
const HEADER: &str = "Date,ad_id,xyz_campaign_id,fb_campaign_id,age,gender,interest,Impressions,\
                      Clicks,Spent,Total_Conversion,Approved_Conversion";

#[tokio::test]
async fn the_sample_is_the_first_clients_meta_account_to_the_cent() {
    // Read here in the plainest way, apart from the reader under test.
    let mut expected: BTreeMap<(String, String), (u64, u64, Decimal, u64)> = BTreeMap::new();
    for line in SAMPLE.lines().skip(1) {
        let cells: Vec<&str> = line.split(',').collect();
        let date: Vec<&str> = cells[0].split('-').collect();
        let day = format!("{}-{}-{}", date[2], date[1], date[0]);
        let total = expected.entry((day, cells[2].to_owned())).or_default();
        let number = |at: usize| cells[at].parse::<u64>().expect("a count");
        total.0 += number(7);
        total.1 += number(8);
        total.2 += cells[9]
            .parse::<Decimal>()
            .expect("an amount")
            .round_dp_with_strategy(2, RoundingStrategy::MidpointNearestEven);
        total.3 += number(11);
    }

    let account = simulator().await.true_account("Northwind Outfitters", "meta_ads").await;
    assert_eq!(account["currency"], "USD");
    assert_eq!(account["time_zone"], "America/New_York");
    let mut found = BTreeMap::new();
    for day in list(&account["days"]) {
        for row in list(&day["campaigns"]) {
            assert!(row["conversion_value"].is_null(), "the file knows no values");
            let number = |name: &str| row[name].as_u64().expect("a count");
            let figures = (
                number("impressions"),
                number("clicks"),
                text(&row["cost"]).parse::<Decimal>().expect("an amount"),
                text(&row["conversions"]).parse::<u64>().expect("whole purchases"),
            );
            found.insert((text(&day["date"]), text(&row["campaign_id"])), figures);
        }
    }
    assert_eq!(found, expected);
}

#[tokio::test]
async fn the_business_clock_stands_at_noon_of_the_day_after_the_files_last() {
    let simulator = simulator().await;
    assert_eq!(simulator.running.business_now.to_rfc3339(), "2024-06-01T12:00:00+00:00");
}

async fn refusal(content: &str) -> String {
    let mut file = NamedTempFile::new().expect("a file");
    file.write_all(content.as_bytes()).expect("written");
    let config = Config { meta_csv: Some(file.path().to_owned()), ..Config::default() };
    format!("{:#}", simulators::start(config).await.expect_err("a refusal"))
}

#[tokio::test]
async fn every_bad_line_is_named_with_its_reason() {
    let good = "31-08-2023,1,916,1,30-34,M,15,7350,1,1.43,2,1";
    let lines = [
        HEADER,
        good,
        "2023-08-31,1,916,1,30-34,M,15,7350,1,1.43,2,1",
        "31-08-2023,1,abc,1,30-34,M,15,7350,1,1.43,2,1",
        good,
        "31-08-2023,1,916,1,30-34,M,15,-5,1,1.43,2,1",
        "31-08-2023,1,916,1,30-34,M,15,7350,1,NaN,2,1",
        "31-08-2023,1,916,1,30-34,M,15,7350,1,-1.43,2,1",
        "31-08-2023,1,916,1,30-34,M,15,7350,1,1.43,2",
        "31-08-2023,1,916,1,30-34,M,15,99999999999999,1,1.43,2,1",
    ];
    let reason = refusal(&lines.join("\n")).await;
    for part in [
        "7 bad line(s)",
        "line 3: Date \"2023-08-31\" is not a day written as DD-MM-YYYY",
        "line 4: xyz_campaign_id \"abc\" is not a number",
        "line 6: Impressions \"-5\" is not a whole number",
        "line 7: Spent \"NaN\" is not an amount of money",
        "line 8: Spent \"-1.43\" is not an amount of money",
        "line 9: 11 fields, where the header has 12",
        "line 10: Impressions \"99999999999999\" is not a whole number",
    ] {
        assert!(reason.contains(part), "{part:?} is not in {reason}");
    }
    assert!(!reason.contains("line 2:") && !reason.contains("line 5:"), "{reason}");
}

#[tokio::test]
async fn many_bad_lines_are_cut_short_and_counted() {
    let bad = "x,1,916,1,30-34,M,15,1,1,1,1,1\n".repeat(25);
    let reason = refusal(&format!("{HEADER}\n{bad}")).await;
    assert!(reason.contains("25 bad line(s)") && reason.contains("and 5 more"), "{reason}");
    assert!(reason.contains("line 21:") && !reason.contains("line 22:"), "{reason}");
}

#[tokio::test]
async fn a_file_without_rows_or_columns_or_at_all_is_refused() {
    assert!(refusal(HEADER).await.contains("no rows below the header"));
    let reason = refusal("Date,Clicks\n01-01-2024,3\n").await;
    assert!(reason.contains("lacks the column(s) xyz_campaign_id, Impressions, Spent"), "{reason}");
    let config = Config { meta_csv: Some("/nowhere/at/all.csv".into()), ..Config::default() };
    let reason = format!("{:#}", simulators::start(config).await.expect_err("a refusal"));
    assert!(reason.contains("/nowhere/at/all.csv"), "{reason}");
}
