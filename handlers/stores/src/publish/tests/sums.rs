//! After any sequence of publishes the sums by day are the sums of the facts that are served, and
//! those are what the marts hold.

use std::fmt::Write;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use sqlx::AssertSqlSafe;

use super::World;

/// What an account's day holds from now on, in both facts.
#[derive(Clone, Debug)]
struct Change {
    tenant: bool,
    account: u8,
    day: u8,
    rows: Vec<Row>,
}

#[derive(Clone, Debug)]
struct Row {
    currency: &'static str,
    count: u32,
    /// Billionths.
    money: i64,
    value: Option<i64>,
}

fn row() -> impl Strategy<Value = Row> {
    let money = prop_oneof![0..5_000_000_000_i64, Just(i64::MAX), Just(1)];
    let currency = prop_oneof![3 => Just("USD"), 1 => Just("EUR")];
    (currency, any::<u32>(), money, proptest::option::of(any::<i64>()))
        .prop_map(|(currency, count, money, value)| Row { currency, count, money, value })
}

fn change() -> impl Strategy<Value = Change> {
    (any::<bool>(), 1..3_u8, 1..4_u8, proptest::collection::vec(row(), 0..5))
        .prop_map(|(tenant, account, day, rows)| Change { tenant, account, day, rows })
}

/// What is published together, and how often something is.
fn publishes() -> impl Strategy<Value = Vec<Vec<Change>>> {
    proptest::collection::vec(proptest::collection::vec(change(), 1..5), 1..5)
}

const MARTS: &str = "
create table marts.fact_ad_performance (
    tenant_id uuid, date date, campaign_key text, platform text, account_id text,
    campaign_id text, currency_code text, impressions bigint, clicks bigint, cost numeric,
    conversions numeric, conversion_value numeric, ctr numeric, cpc numeric, cpa numeric,
    roas numeric
);";

/// How a step changes the marts.
fn sql(world: &World, day: &Change, change: usize) -> String {
    let tenant = if day.tenant { world.seeded.acme } else { world.seeded.bolt };
    let (account, date) = (day.account, format!("2024-03-0{}", day.day));
    let mut sql = String::new();
    for (fact, platform) in
        [("fact_ad_performance", "meta_ads"), ("fact_web_performance", "google_analytics")]
    {
        let place = format!("tenant_id = '{tenant}' and account_id = '{account}'");
        write!(
            sql,
            "delete from marts.{fact} where {place} and date = '{date}';
            delete from marts.day_changes
            where {place} and date = '{date}' and platform = '{platform}';
            insert into marts.day_changes
            values ('{tenant}', '{platform}', '{account}', '{date}', {change});"
        )
        .unwrap();
    }
    for (number, row) in day.rows.iter().enumerate() {
        let Row { currency, count, money, value } = row;
        let value = value.map_or("null".to_owned(), |value| format!("{value} * 1e-9"));
        write!(
            sql,
            "insert into marts.fact_ad_performance values (
                '{tenant}', '{date}', 'meta_ads-{account}-{number}', 'meta_ads', '{account}',
                '{number}', '{currency}', {count}, {count}, {money} * 1e-9, {money} * 1e-9, {value},
                null, null, null, null
            );
            insert into marts.fact_web_performance values (
                '{tenant}', '{date}', '{account}-{number}', 'google_analytics', '{account}', 'c',
                's', 'm', 'Direct', '{currency}', {count}, {count}, {count}, {money} * 1e-9,
                {money} * 1e-9
            );"
        )
        .unwrap();
    }
    sql
}

/// Rows that one side holds and the other does not.
const DIFFERENCES: &str = "
with
ad_sums as (
    select
        tenant_id, date, platform, account_id, currency_code, sum(impressions), sum(clicks),
        sum(cost), sum(conversions), sum(conversion_value)
    from serving.fact_ad_performance group by 1, 2, 3, 4, 5
),
web_sums as (
    select
        tenant_id, date, platform, account_id, currency_code, sum(sessions),
        sum(engaged_sessions), sum(key_events), sum(revenue)
    from serving.fact_web_performance group by 1, 2, 3, 4, 5
),
served_ads as (
    select tenant_id, date, campaign_key, currency_code::text, cost, conversion_value
    from serving.fact_ad_performance
),
mart_ads as (
    select tenant_id, date, campaign_key, currency_code, cost, conversion_value
    from marts.fact_ad_performance
)
select
    (select count(*) from ((table ad_sums except all table serving.ad_days)
        union all (table serving.ad_days except all table ad_sums)) as ads)
    + (select count(*) from ((table web_sums except all table serving.web_days)
        union all (table serving.web_days except all table web_sums)) as web)
    + (select count(*) from ((table served_ads except all table mart_ads)
        union all (table mart_ads except all table served_ads)) as facts)";

#[test]
fn the_sums_by_day_are_those_of_the_facts_after_any_publishes() {
    let config = ProptestConfig { cases: 6, failure_persistence: None, ..Default::default() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let checked = TestRunner::new(config).run(&publishes(), |publishes| {
        runtime.block_on(async {
            let world = World::new().await;
            world.as_transform("delete from marts.day_changes").await;
            world.as_transform(MARTS).await;
            for (step, days) in publishes.iter().enumerate() {
                let change = step + 1;
                for day in days {
                    world.as_transform(&sql(&world, day, change)).await;
                }
                let change = i64::try_from(change).unwrap();
                let published = world.publish_through(change).await.unwrap();
                prop_assert_eq!(published.data_version, change);
                let differences: i64 = sqlx::query_scalar(AssertSqlSafe(DIFFERENCES))
                    .fetch_one(world.seeded.database.owner())
                    .await
                    .unwrap();
                prop_assert_eq!(differences, 0);
            }
            Ok(())
        })
    });
    checked.unwrap();
}
