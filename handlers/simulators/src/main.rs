//! The simulators as a program: prints where it listens, serves until it is told to stop.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use simulators::Config;
use simulators::program::{self, Listening};

/// Simulates Google Ads, Meta Ads and Google Analytics 4 with their consent servers.
///
/// Once it listens it prints one line of JSON with the address and the business clock. All
/// figures come from the seed, or for the first client's Meta account from a CSV file, and end
/// the day before the business clock's. Logins: agency@example.com (sees all accounts),
/// northwind@example.com, bluebird@example.com. Client id: any; client secret:
/// simulator-secret.
///
/// GET /_truth tells every figure that is true; GET /_stats counts calls; GET and POST /_clock
/// read and set the business clock; POST /_control/{restate,vanish,fault,latency,consent,reset}
/// make trouble and take it back.
#[derive(Parser)]
#[command(
    version,
    after_help = "Example:\n  simulators --listen 127.0.0.1:8900 --seed 7 --days 120"
)]
struct Arguments {
    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    listen: SocketAddr,

    /// What all chance is drawn from: the same number gives the same figures
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,

    // Without the back quotes that a comment would need, which a terminal would show.
    #[arg(
        long,
        value_name = "PATH",
        help = "The first client's Meta account: a CSV with the columns Date (DD-MM-YYYY), \
                xyz_campaign_id, Impressions, Clicks, Spent, Total_Conversion and \
                Approved_Conversion [default: a made-up sample]"
    )]
    meta_csv: Option<PathBuf>,

    /// How many days of figures, ending on the CSV's last
    #[arg(long, value_name = "NUMBER", default_value_t = 90,
          value_parser = clap::value_parser!(u32).range(1..=1_200))]
    days: u32,

    /// How many clients beside Northwind Outfitters and Bluebird Travel
    #[arg(long, value_name = "NUMBER", default_value_t = 0,
          value_parser = clap::value_parser!(u32).range(..=100_000))]
    clients: u32,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    program::run("info,hyper=warn,warp=off", |listening| serve(arguments, listening)).await
}

async fn serve(arguments: Arguments, listening: Listening) -> anyhow::Result<()> {
    let running = simulators::start(Config {
        listen: arguments.listen,
        seed: arguments.seed,
        meta_csv: arguments.meta_csv,
        days: arguments.days,
        more_clients: arguments.clients,
    })
    .await?;
    let line = serde_json::json!({
        "address": running.base_url(),
        "business_now": running.business_now,
    });
    listening.announce(&line).await?;
    running.shutdown().await;
    Ok(())
}
