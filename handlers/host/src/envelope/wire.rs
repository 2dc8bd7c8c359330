//! The objects of a timer's call, in the order in which the host writes their fields.

use serde::Serialize;
use uuid::Uuid;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct TimerInfo {
    pub(super) schedule: ScheduleInfo,
    #[serde(rename = "ScheduleStatus")]
    pub(super) status: Option<StatusInfo>,
    pub(super) is_past_due: bool,
}

#[derive(Serialize)]
pub(super) struct ScheduleInfo {
    #[serde(rename = "AdjustForDST")]
    pub(super) adjust_for_dst: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct StatusInfo {
    pub(super) last: String,
    pub(super) next: String,
    pub(super) last_updated: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Attempt<'a> {
    pub(super) retry_count: u32,
    pub(super) max_retry_count: u32,
    pub(super) exception: &'a str,
}

#[derive(Serialize)]
pub(super) struct Metadata<'a> {
    #[serde(rename = "RetryContext", skip_serializing_if = "Option::is_none")]
    pub(super) retry: Option<Attempt<'a>>,
    pub(super) sys: Sys<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Sys<'a> {
    pub(super) method_name: &'a str,
    pub(super) utc_now: String,
    pub(super) rand_guid: Uuid,
}
