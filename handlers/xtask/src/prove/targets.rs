//! The rows of docs/targets.md.

/// One row.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target {
    pub(super) id: &'static str,
    pub(super) work: &'static str,
    /// What lands.
    pub(super) floor: &'static str,
    /// What we aim at.
    pub(super) goal: &'static str,
    pub(super) proof: Proof,
}

/// How a row is proven.
#[derive(Clone, Copy, Debug)]
pub(super) enum Proof {
    NotBuilt,
    /// Start of the process to its first answer.
    Startup,
    /// Size of the binary and its memory while idle.
    Size,
    /// The package, in a root that holds nothing else.
    Package,
    /// Integration tests whose names contain this.
    Tests(&'static str),
    /// The vendors' own clients on the simulators' payloads.
    Vendors,
}

const fn row(
    id: &'static str,
    work: &'static str,
    floor: &'static str,
    goal: &'static str,
    proof: Proof,
) -> Target {
    Target { id, work, floor, goal, proof }
}

use Proof::{NotBuilt, Package, Size, Startup, Tests, Vendors};

/// All rows, in the document's order.
#[rustfmt::skip]
pub(super) static TARGETS: &[Target] = &[
    row("P1", "extraction, simulator to raw store, CPU of our process", "300 k rows/s a core", "600 k", NotBuilt),
    row("P2", "memory of P1, any number of rows", "96 MB RSS", "64 MB", NotBuilt),
    row("P3", "uncached dashboard query, row-level security on, 1.46 M rows", "0.6 + 1.5 CPU-ms", "0.3 + 0.8 CPU-ms", NotBuilt),
    row("P4", "the same, cached", "15 k req/s a core, p99 < 5 ms", "30 k, p99 < 2 ms", NotBuilt),
    row("P5", "process start to first answer to GET /", "60 ms", "20 ms", Startup),
    row("P6", "release binary; idle memory", "40 MB; 60 MB", "25 MB; 30 MB", Size),
    row("P7", "1,000 tenants x 3 platforms, one slot", "15 min, no throttled account delays another", "8 min", NotBuilt),
    row("P8", "dbt build + publish after one more day for 100 tenants", "60 s", "20 s", NotBuilt),
    row("P9", "export of 1 M rows", "5 s, flat memory", "1 s", NotBuilt),
    row("P10", "a first look at a dashboard after a build; any drill-down", "p95 2 s; 500 ms", "p95 200 ms; 50 ms", NotBuilt),
    row("L1", "open-loop load at twice capacity", "goodput >= 95 % of peak", "the same", NotBuilt),
    row("L2", "30-minute soak, 1,000 tenants, mixed roles", "0 errors, drift < 2 %", "the same", NotBuilt),
    row("L3", "one tenant at 100 x the others", "others' p99 <= 1.5 x", "the same", NotBuilt),
    row("L4", "200 logins at once", "p99 of other routes <= 1.2 x", "the same", NotBuilt),
    row("F1", "kill -9 at points of plan, extract, load, publish", "0 rows lost, 0 doubled", "the same, 200 points", Tests("f1_")),
    row("F2", "source faults", "each recovered, or one clear message", "the same", NotBuilt),
    row("F3", "raw store, Redis, secrets, database, warehouse down 60 s each", "recovery < 5 s, nothing lost", "the same", Tests("f3_")),
    row("F4", "two hosts fire the same slot; clocks apart; a daylight-saving day", "one landing per slot", "the same", NotBuilt),
    row("F5", "100 tenants x 5 accounts, 37 months under Explorer access", "0 quota errors", "finish predicted within 10 %", NotBuilt),
    row("B1", "schemathesis, every check, stateful", "0 x 5xx, 0 violations, 50,000 cases", "the same", NotBuilt),
    row("B2", "fuzz targets", "0 crashes, 0 hangs > 1 s in an hour", "the same", NotBuilt),
    row("B3", "every route x role x tenant x token; every table x role in SQL", "100 % covered, 0 leaks", "the same", Tests("b3_")),
    row("B4", "100 parallel uses of one refresh token; replay", "1 child, family revoked, audit row", "the same", NotBuilt),
    row("B5", "SQL injection, unicode, large and deep bodies, bombs", "4xx in < 50 ms, memory flat", "the same", NotBuilt),
    row("D1", "campaign facts against the platform's account totals", "exact to the micro-unit", "the same", NotBuilt),
    row("D2", "restated and vanished rows", "all found", "95 % within 24 h, <= 25 % extra calls", NotBuilt),
    row("D3", "currencies: convert, then ROAS = ROAS", "10,000 cases, 0 failures", "the same", NotBuilt),
    row("D4", "our rows against Airbyte's connectors' on the same simulator", "equal, row for row", "the same", NotBuilt),
    row("D5", "the same run twice, and a run cut in two anywhere", "byte-equal marts", "the same", Tests("d5_")),
    row("D6", "every payload of the simulators, in the vendors' own classes", "all parse", "the same", Vendors),
    row("A1", "the pipeline on Azure's stand-ins, by host-format calls alone", "marts equal, row for row", "the same", Tests("a1_")),
    row("A2", "the packaged zip, every backend unreachable", "GET / in 60 ms, then recovery", "the same", Package),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_document_and_the_commands_name_the_same_rows() {
        let document = include_str!("../../../../docs/targets.md");
        let named: BTreeSet<_> = document
            .lines()
            .filter_map(|line| line.strip_prefix("| ")?.split_once(" |"))
            .map(|(id, _)| id)
            .filter(|id| {
                let mut letters = id.chars();
                letters.next().is_some_and(|first| first.is_ascii_uppercase())
                    && letters.as_str().parse::<u32>().is_ok()
            })
            .collect();
        let built: BTreeSet<_> = TARGETS.iter().map(|target| target.id).collect();
        assert_eq!(named, built);
        assert_eq!(built.len(), TARGETS.len(), "an id twice");
    }
}
