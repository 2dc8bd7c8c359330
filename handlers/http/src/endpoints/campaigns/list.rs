use std::fmt::Write;
use std::sync::Arc;

use chrono::NaiveDate;
use chrono_tz::Tz;
use domain::ports::{CampaignOrder, CampaignPage, CampaignPosition, CampaignsQuery, Served};
use domain::{CurrencyCode, TenantId};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::cache::{Answer, Question};
use crate::figures::{AdTotal, CampaignTotals, Meta, PlatformName, each};
use crate::params::Params;
use crate::{App, Document, Endpoint, Problem, Reply, Request, cursor};

pub(in crate::endpoints) const ENDPOINT: Endpoint = Endpoint {
    function: "ListCampaigns",
    handle: |app, request| Box::pin(handle(app, request)),
    document,
};

fn document() -> Document {
    Document::answers::<CampaignsAnswer>(200).queried_by::<CampaignsParams>().with_etag()
}

#[derive(ToSchema)]
#[expect(dead_code, reason = "documents the parameters that are read by name")]
struct CampaignsParams {
    /// The first day. Without it, 30 days up to `to`.
    from: Option<NaiveDate>,
    /// The last day. Without it, today on the tenant's calendar.
    to: Option<NaiveDate>,
    /// Only these platforms: repeated, or a list with commas.
    platform: Option<Vec<PlatformName>>,
    /// `cost`: by currency, the costliest first. `id`: the order for a walk that goes on while
    /// new figures are published. Without it, `cost`.
    sort: Option<SortName>,
    /// Also campaigns without figures in the range. Without it, `false`.
    include_idle: Option<bool>,
    /// Without it, 100.
    #[schema(minimum = 1, maximum = 500)]
    limit: Option<u16>,
    /// `next_cursor` of the page before, with the same other parameters.
    cursor: Option<String>,
}

#[derive(ToSchema)]
#[schema(as = CampaignSort, rename_all = "snake_case")]
#[expect(dead_code, reason = "the schema of domain::ports::CampaignOrder")]
enum SortName {
    Cost,
    Id,
}

const PARAMS: &[&str] = &["from", "to", "platform", "sort", "include_idle", "limit", "cursor"];
const SORTS: &[(&str, CampaignOrder)] =
    &[("cost", CampaignOrder::Cost), ("id", CampaignOrder::Key)];
const FLAG: &[(&str, bool)] = &[("false", false), ("true", true)];

#[derive(Serialize, ToSchema)]
struct CampaignsAnswer {
    data: Vec<CampaignTotals>,
    /// Over all pages, one per currency.
    totals: Vec<AdTotal>,
    meta: Meta,
    /// Null on the last page.
    next_cursor: Option<String>,
}

/// A position as a cursor holds it.
#[derive(Serialize, Deserialize)]
struct Position {
    currency: CurrencyCode,
    cost: Decimal,
    key: String,
}

async fn handle(app: Arc<App>, request: Request) -> Result<Reply, Problem> {
    let scope = request.scope()?;
    let params = Params::of(&request, PARAMS)?;
    let calendar = app.answers.calendar(&scope).await?;
    let mut query = CampaignsQuery {
        range: params.days(calendar.today)?,
        platforms: params.platforms()?,
        order: params.choice("sort", SORTS)?,
        include_idle: params.choice("include_idle", FLAG)?,
        limit: params.limit()?,
        after: None,
    };
    let list = list_name(scope.tenant(), &query);
    query.after = params.one("cursor").map(|cursor| position(&list, cursor)).transpose()?;
    let question = Question::Campaigns(query.clone());
    let answer = async {
        let served = app.answers.serving().campaigns(&scope, &query).await?;
        Answer::of(served.data_version, &render(served, &list, calendar.zone))
    };
    app.answers.reply(&request, &scope, calendar.zone, question, answer).await
}

/// What a cursor belongs to.
fn list_name(tenant: TenantId, query: &CampaignsQuery) -> String {
    let mut name =
        format!("campaigns {tenant} {} {:?} {}", query.range, query.order, query.include_idle);
    for platform in &query.platforms {
        write!(name, " {platform}").expect("a string takes all text");
    }
    name
}

fn position(list: &str, cursor: &str) -> Result<CampaignPosition, Problem> {
    let Position { currency, cost, key } = cursor::decode(list, cursor)?;
    let key = key.parse().map_err(|_| cursor::invalid())?;
    Ok(CampaignPosition { currency, cost, key })
}

fn render(served: Served<CampaignPage>, list: &str, zone: Tz) -> CampaignsAnswer {
    let (meta, page) = Meta::part(served, zone);
    let reached = page.campaigns.last().filter(|_| page.has_more).map(|row| Position {
        currency: row.currency,
        cost: row.figures.cost,
        key: row.campaign.key.to_string(),
    });
    CampaignsAnswer {
        next_cursor: reached.map(|position| cursor::encode(list, &position)),
        data: each(page.campaigns),
        totals: each(page.totals),
        meta,
    }
}
