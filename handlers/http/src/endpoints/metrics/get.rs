use std::sync::Arc;

use chrono::NaiveDate;
use domain::ports::{Granularity, Metrics, MetricsQuery, PlatformRow, Served};
use domain::{AdFigures, CurrencyCode, Platform, WebFigures};
use serde::Serialize;
use utoipa::ToSchema;

use crate::cache::{Answer, Question};
use crate::figures::{AdFiguresOut, AdTotal, Meta, PlatformName, WebFiguresOut, WebTotal, each};
use crate::params::Params;
use crate::{App, Document, Endpoint, Problem, Reply, Request};

pub(in crate::endpoints) const ENDPOINT: Endpoint = Endpoint {
    function: "GetMetrics",
    handle: |app, request| Box::pin(handle(app, request)),
    document,
};

fn document() -> Document {
    Document::answers::<MetricsAnswer>(200).queried_by::<MetricsParams>().with_etag()
}

#[derive(ToSchema)]
#[expect(dead_code, reason = "documents the parameters that are read by name")]
struct MetricsParams {
    /// The first day. Without it, 30 days up to `to`.
    from: Option<NaiveDate>,
    /// The last day. Without it, today on the tenant's calendar.
    to: Option<NaiveDate>,
    /// Only these platforms: repeated, or a list with commas.
    platform: Option<Vec<PlatformName>>,
    /// A row for each day, or one for the whole range. Without it, `day`.
    granularity: Option<GranularityName>,
}

#[derive(ToSchema)]
#[schema(as = Granularity, rename_all = "snake_case")]
#[expect(dead_code, reason = "the schema of domain::ports::Granularity")]
enum GranularityName {
    Day,
    Total,
}

const PARAMS: &[&str] = &["from", "to", "platform", "granularity"];
const GRANULARITIES: &[(&str, Granularity)] =
    &[("day", Granularity::Day), ("total", Granularity::Total)];

/// Rows by day, then by platform and currency. All of them: there is no next page.
#[derive(Serialize, ToSchema)]
struct MetricsAnswer {
    data: Vec<MetricsRow>,
    /// Over all advertising rows, one per currency.
    totals: Vec<AdTotal>,
    /// Over all website rows, one per currency.
    web_totals: Vec<WebTotal>,
    meta: Meta,
    /// Always null.
    next_cursor: Option<String>,
}

/// Advertising platforms and Google Analytics have figures of their own.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
enum MetricsRow {
    Ads(AdRow),
    Web(WebRow),
}

#[derive(Serialize, ToSchema)]
struct AdRow {
    #[serde(flatten)]
    days: RowDays,
    #[schema(value_type = PlatformName)]
    platform: Platform,
    #[schema(value_type = String, example = "USD")]
    currency_code: CurrencyCode,
    #[serde(flatten)]
    figures: AdFiguresOut,
}

#[derive(Serialize, ToSchema)]
struct WebRow {
    #[serde(flatten)]
    days: RowDays,
    #[schema(value_type = PlatformName)]
    platform: Platform,
    #[schema(value_type = String, example = "EUR")]
    currency_code: CurrencyCode,
    #[serde(flatten)]
    figures: WebFiguresOut,
}

/// `date` in daily rows; in those of a whole range the first and the last day with figures.
#[derive(Serialize, ToSchema)]
struct RowDays {
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = NaiveDate, required = false)]
    date: Option<NaiveDate>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = NaiveDate, required = false)]
    first_date: Option<NaiveDate>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = NaiveDate, required = false)]
    last_date: Option<NaiveDate>,
}

async fn handle(app: Arc<App>, request: Request) -> Result<Reply, Problem> {
    let scope = request.scope()?;
    let params = Params::of(&request, PARAMS)?;
    let calendar = app.answers.calendar(&scope).await?;
    let query = MetricsQuery {
        range: params.days(calendar.today)?,
        platforms: params.platforms()?,
        granularity: params.choice("granularity", GRANULARITIES)?,
    };
    let question = Question::Metrics(query.clone());
    let answer = async {
        let served = app.answers.serving().metrics(&scope, &query).await?;
        Answer::of(served.data_version, &render(served, &query, calendar.zone))
    };
    app.answers.reply(&request, &scope, calendar.zone, question, answer).await
}

fn render(served: Served<Metrics>, query: &MetricsQuery, zone: chrono_tz::Tz) -> MetricsAnswer {
    let (meta, metrics) = Meta::part(served, zone);
    let daily = query.granularity == Granularity::Day;
    let mut rows: Vec<_> = metrics.ads.iter().map(|row| ad_row(row, daily)).collect();
    rows.extend(metrics.web.iter().map(|row| web_row(row, daily)));
    rows.sort_by_key(|(key, _)| *key);
    MetricsAnswer {
        data: rows.into_iter().map(|(_, row)| row).collect(),
        totals: each(metrics.ad_totals),
        web_totals: each(metrics.web_totals),
        meta,
        next_cursor: None,
    }
}

/// What rows are sorted by: the day where there is one, platform and currency.
type SortKey = (Option<NaiveDate>, Platform, CurrencyCode);

fn ad_row(row: &PlatformRow<AdFigures>, daily: bool) -> (SortKey, MetricsRow) {
    let days = RowDays::of(row, daily);
    let key = (days.date, row.platform, row.currency);
    let (platform, currency_code) = (row.platform, row.currency);
    (key, MetricsRow::Ads(AdRow { days, platform, currency_code, figures: row.figures.into() }))
}

fn web_row(row: &PlatformRow<WebFigures>, daily: bool) -> (SortKey, MetricsRow) {
    let days = RowDays::of(row, daily);
    let key = (days.date, row.platform, row.currency);
    let (platform, currency_code) = (row.platform, row.currency);
    (key, MetricsRow::Web(WebRow { days, platform, currency_code, figures: row.figures.into() }))
}

impl RowDays {
    fn of<F>(row: &PlatformRow<F>, daily: bool) -> Self {
        let (first, last) = (row.days.first(), row.days.last());
        if daily {
            Self { date: Some(first), first_date: None, last_date: None }
        } else {
            Self { date: None, first_date: Some(first), last_date: Some(last) }
        }
    }
}
