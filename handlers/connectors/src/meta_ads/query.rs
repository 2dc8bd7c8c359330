//! What is asked of Meta.

use domain::DateRange;

/// Rows of a page.
pub(crate) const PAGE: &str = "500";

/// No action breakdowns: asking for them changes the counts. The attribution windows are the
/// account's own.
const INSIGHTS_FIELDS: &str = "account_id,account_currency,campaign_id,campaign_name,objective,\
    spend,impressions,clicks,inline_link_clicks,reach,actions,action_values,date_start,date_stop";

const CAMPAIGN_FIELDS: &str = "id,name,status,effective_status,objective,daily_budget,\
    lifetime_budget,start_time,stop_time,created_time,updated_time";

/// A listing leaves out archived campaigns unless they are asked for, and deleted ones even
/// then: the names of those come with their insights.
const ALL_STATUSES: &str = r#"["ACTIVE","PAUSED","DELETED","ARCHIVED","IN_PROCESS","WITH_ISSUES"]"#;

pub(crate) const ACCOUNT_FIELDS: &str = "id,account_id,name,currency,timezone_name,account_status";

type Parameters = Vec<(&'static str, String)>;

pub(crate) fn insights(days: DateRange) -> Parameters {
    let range = format!(r#"{{"since":"{}","until":"{}"}}"#, days.first(), days.last());
    vec![
        ("level", "campaign".to_owned()),
        ("time_increment", "1".to_owned()),
        ("time_range", range),
        ("fields", INSIGHTS_FIELDS.to_owned()),
    ]
}

pub(crate) fn campaigns() -> Parameters {
    vec![("fields", CAMPAIGN_FIELDS.to_owned()), ("effective_status", ALL_STATUSES.to_owned())]
}
