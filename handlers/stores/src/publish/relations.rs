//! What is copied: tables that bear the same name and columns in the marts and in serving.
//!
//! Every statement here is put together from constants of this file.

use super::day_sums::{AD_DAYS, DaySums, WEB_DAYS};

/// A mart, the staging table that its rows arrive in, and the table that serves them.
pub(super) struct Relation {
    pub(super) name: &'static str,
    pub(super) columns: &'static str,
    pub(super) by: Window,
    /// Of a fact: its sums by day.
    pub(super) sums: Option<DaySums>,
}

/// What of a table is replaced: days of accounts, or all of a tenant.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Window {
    Day,
    Tenant,
}

pub(super) const RELATIONS: [Relation; 5] = [
    Relation {
        name: "fact_ad_performance",
        columns: "tenant_id, date, campaign_key, platform, account_id, campaign_id, \
            currency_code, impressions, clicks, cost, conversions, conversion_value, ctr, cpc, \
            cpa, roas",
        by: Window::Day,
        sums: Some(AD_DAYS),
    },
    Relation {
        name: "fact_web_performance",
        columns: "tenant_id, date, traffic_key, platform, account_id, campaign_name, source, \
            medium, channel, currency_code, sessions, engaged_sessions, total_users, key_events, \
            revenue",
        by: Window::Day,
        sums: Some(WEB_DAYS),
    },
    Relation {
        name: "day_quality",
        columns: "tenant_id, platform, account_id, date, sampled, thresholded, other_row, \
            truncated",
        by: Window::Day,
        sums: None,
    },
    Relation {
        name: "dim_campaigns",
        columns: "tenant_id, campaign_key, platform, account_id, campaign_id, name, type, \
            status, budget, currency_code",
        by: Window::Tenant,
        sums: None,
    },
    Relation {
        name: "dim_accounts",
        columns: "tenant_id, platform, account_id, name, currency_code, time_zone",
        by: Window::Tenant,
        sums: None,
    },
];

impl Relation {
    /// On the transform role's connection: the mart's rows of the changed windows.
    pub(super) fn copy_out(&self) -> String {
        let Self { name, columns, by, .. } = self;
        format!(
            "copy (select {columns} from marts.{name} join {} using ({})) to stdout",
            by.table(),
            by.key(),
        )
    }

    /// A table of the transaction's own, for row-level security refuses COPY into one that it
    /// guards.
    pub(super) fn create_staging(&self) -> String {
        let name = self.name;
        format!("create temporary table {name} (like serving.{name}) on commit drop")
    }

    pub(super) fn copy_in(&self) -> String {
        let Self { name, columns, .. } = self;
        format!("copy pg_temp.{name} ({columns}) from stdin")
    }

    /// What is gone from the mart is gone from here.
    pub(super) fn forget(&self) -> String {
        self.by.forget(self.name)
    }

    /// The rows of the windows that are being replaced, and none besides.
    pub(super) fn put(&self) -> String {
        let Self { name, columns, .. } = self;
        format!("insert into serving.{name} ({columns}) select {columns} from {}", self.staged())
    }

    /// What was received of the changed windows.
    pub(super) fn staged(&self) -> String {
        let Self { name, by, .. } = self;
        format!("pg_temp.{name} join {} using ({})", by.table(), by.key())
    }
}

impl Window {
    /// The changed windows: a temporary table on either connection.
    pub(super) fn table(self) -> &'static str {
        match self {
            Self::Day => "pg_temp.changed_days",
            Self::Tenant => "pg_temp.changed_tenants",
        }
    }

    pub(super) fn create(self) -> &'static str {
        match self {
            Self::Day => {
                "create temporary table changed_days (
                    tenant_id uuid, platform text, account_id text, date date
                )"
            }
            Self::Tenant => {
                "create temporary table changed_tenants (tenant_id uuid, fresh_at timestamptz)"
            }
        }
    }

    pub(super) fn key(self) -> &'static str {
        match self {
            Self::Day => "tenant_id, date, platform, account_id",
            Self::Tenant => "tenant_id",
        }
    }

    pub(super) fn copy_out(self) -> String {
        format!("copy {} to stdout", self.table())
    }

    pub(super) fn copy_in(self) -> String {
        format!("copy {} from stdin", self.table())
    }

    pub(super) fn keep_known_tenants(self) -> String {
        format!(
            "delete from {} as w
            where not exists (select from app.tenants as t where t.id = w.tenant_id)",
            self.table(),
        )
    }

    /// Deletes the windows from the serving table of that name.
    pub(super) fn forget(self, serving: &str) -> String {
        let table = self.table();
        match self {
            Self::Day => format!(
                "delete from serving.{serving} as s using {table} as d
                where
                    s.tenant_id = d.tenant_id and s.date = d.date
                    and s.platform = d.platform and s.account_id = d.account_id"
            ),
            Self::Tenant => format!(
                "delete from serving.{serving} as s using {table} as t
                where s.tenant_id = t.tenant_id"
            ),
        }
    }
}
