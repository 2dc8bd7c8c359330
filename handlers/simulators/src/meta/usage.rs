//! How much of each limit is used, as headers say it.

use domain::Platform;
use serde_json::json;

use crate::wire::Answer;
use crate::world::World;

/// Adds the headers, which failing calls carry too.
pub(super) fn with_headers(
    world: &World,
    answer: Answer,
    account_id: Option<&str>,
    version: &str,
) -> Answer {
    let app = json!({ "call_count": 2, "total_cputime": 1, "total_time": 2 });
    let answer = answer
        .with_header("facebook-api-version", version)
        .with_header("x-fb-trace-id", uuid::Uuid::new_v4().simple().to_string())
        .with_header("x-app-usage", app.to_string());
    let Some(id) = account_id else { return answer };
    // A thousandth of the limit a call; never above half, so that only ordered faults throttle.
    let percent = (world.stats.of_account(Platform::MetaAds, id) / 10).min(50);
    let tier = "standard_access";
    let business = json!({ id: [{
        "type": "ads_insights",
        "call_count": percent,
        "total_cputime": percent,
        "total_time": percent,
        "estimated_time_to_regain_access": 0,
        "ads_api_access_tier": tier,
    }]});
    let throttle = json!({ "app_id_util_pct": percent, "acc_id_util_pct": percent });
    let account = json!({
        "acc_id_util_pct": percent, "reset_time_duration": 0, "ads_api_access_tier": tier,
    });
    answer
        .with_header("x-business-use-case-usage", business.to_string())
        .with_header("x-ad-account-usage", account.to_string())
        .with_header("x-fb-ads-insights-throttle", throttle.to_string())
}
