//! Dimensions and metrics: names, types, and how each is read off a line of traffic.

use chrono::NaiveDate;
use rust_decimal::Decimal;

use crate::universe::{TrafficLine, WebFigures};

pub(super) struct Dimension {
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    pub(super) category: &'static str,
    read: fn(&TrafficLine, NaiveDate) -> String,
}

impl Dimension {
    pub(super) fn find(name: &str) -> Option<&'static Self> {
        DIMENSIONS.iter().find(|dimension| dimension.name == name)
    }

    pub(super) fn value(&self, line: &TrafficLine, date: NaiveDate) -> String {
        (self.read)(line, date)
    }
}

pub(super) const DIMENSIONS: &[Dimension] = &[
    Dimension {
        name: "date",
        title: "Date",
        category: "Time",
        read: |_, date| date.format("%Y%m%d").to_string(),
    },
    Dimension {
        name: "sessionCampaignName",
        title: "Session campaign",
        category: "Traffic source",
        read: |line, _| line.campaign_name.clone(),
    },
    Dimension {
        name: "sessionCampaignId",
        title: "Session campaign ID",
        category: "Traffic source",
        read: |line, _| line.campaign_id.clone(),
    },
    Dimension {
        name: "sessionSource",
        title: "Session source",
        category: "Traffic source",
        read: |line, _| line.source.clone(),
    },
    Dimension {
        name: "sessionMedium",
        title: "Session medium",
        category: "Traffic source",
        read: |line, _| line.medium.clone(),
    },
    Dimension {
        name: "sessionSourceMedium",
        title: "Session source / medium",
        category: "Traffic source",
        read: |line, _| format!("{} / {}", line.source, line.medium),
    },
    Dimension {
        name: "sessionDefaultChannelGroup",
        title: "Session default channel group",
        category: "Traffic source",
        read: |line, _| line.channel.to_owned(),
    },
];

/// The type of a metric: its name and its number in the protobuf enumeration.
#[derive(Clone, Copy)]
pub(super) struct MetricType(pub(super) &'static str, pub(super) u8);

const INTEGER: MetricType = MetricType("TYPE_INTEGER", 1);
const FLOAT: MetricType = MetricType("TYPE_FLOAT", 2);
const CURRENCY: MetricType = MetricType("TYPE_CURRENCY", 9);

pub(super) struct Metric {
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    pub(super) category: &'static str,
    pub(super) kind: MetricType,
    read: fn(&WebFigures) -> Decimal,
}

impl Metric {
    pub(super) fn find(name: &str) -> Option<&'static Self> {
        METRICS.iter().find(|metric| metric.name == name)
    }

    pub(super) fn value(&self, figures: &WebFigures) -> Decimal {
        (self.read)(figures)
    }
}

const fn metric(
    name: &'static str,
    title: &'static str,
    category: &'static str,
    kind: MetricType,
    read: fn(&WebFigures) -> Decimal,
) -> Metric {
    Metric { name, title, category, kind, read }
}

pub(super) const METRICS: &[Metric] = &[
    metric("sessions", "Sessions", "Session", INTEGER, |day| day.sessions.into()),
    metric("engagedSessions", "Engaged sessions", "Session", INTEGER, |day| {
        day.engaged_sessions.into()
    }),
    metric("totalUsers", "Total users", "User", INTEGER, |day| day.total_users.into()),
    metric("newUsers", "New users", "User", INTEGER, |day| day.new_users.into()),
    metric("screenPageViews", "Views", "Page / screen", INTEGER, |day| day.page_views.into()),
    metric("keyEvents", "Key events", "Event", FLOAT, |day| day.key_events),
    metric("totalRevenue", "Total revenue", "Revenue", CURRENCY, |day| day.revenue),
    metric("purchaseRevenue", "Purchase revenue", "Revenue", CURRENCY, |day| day.revenue),
];
