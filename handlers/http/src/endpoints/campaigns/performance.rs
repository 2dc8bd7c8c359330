use std::sync::Arc;

use chrono::NaiveDate;
use domain::AdFigures;
use domain::ports::{DayRow, Performance, PerformanceQuery, Served};
use serde::Serialize;
use utoipa::ToSchema;

use crate::cache::{Answer, Question};
use crate::figures::{AdTotal, CampaignOut, DayFigures, Meta, each};
use crate::params::Params;
use crate::{App, Document, Endpoint, Problem, Reply, Request};

pub(in crate::endpoints) const ENDPOINT: Endpoint = Endpoint {
    function: "GetCampaignPerformance",
    handle: |app, request| Box::pin(handle(app, request)),
    document,
};

fn document() -> Document {
    Document::answers::<PerformanceAnswer>(200)
        .queried_by::<PerformanceParams>()
        .named_like("meta_ads-1029-1178")
        .with_etag()
}

#[derive(ToSchema)]
#[expect(dead_code, reason = "documents the parameters that are read by name")]
struct PerformanceParams {
    /// The first day. Without it, 30 days up to `to`.
    from: Option<NaiveDate>,
    /// The last day. Without it, today on the tenant's calendar.
    to: Option<NaiveDate>,
}

const PARAMS: &[&str] = &["from", "to"];

#[derive(Serialize, ToSchema)]
struct PerformanceAnswer {
    campaign: CampaignOut,
    /// Days with figures, the oldest first.
    data: Vec<DayFigures>,
    /// Over the range, one per currency.
    totals: Vec<AdTotal>,
    meta: Meta,
    /// Always null.
    next_cursor: Option<String>,
}

async fn handle(app: Arc<App>, request: Request) -> Result<Reply, Problem> {
    let scope = request.scope()?;
    let params = Params::of(&request, PARAMS)?;
    let calendar = app.answers.calendar(&scope).await?;
    let query =
        PerformanceQuery { campaign: request.id("id")?, range: params.days(calendar.today)? };
    let question = Question::Performance(query.clone());
    let answer = async {
        let served = app.answers.serving().campaign_performance(&scope, &query).await?;
        Answer::of(served.data_version, &render(served, calendar.zone))
    };
    app.answers.reply(&request, &scope, calendar.zone, question, answer).await
}

fn render(served: Served<Performance>, zone: chrono_tz::Tz) -> PerformanceAnswer {
    let (meta, performance) = Meta::part(served, zone);
    PerformanceAnswer {
        campaign: performance.campaign.into(),
        data: each::<DayRow<AdFigures>, _>(performance.days),
        totals: each(performance.totals),
        meta,
        next_cursor: None,
    }
}
