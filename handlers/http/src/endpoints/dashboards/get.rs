use std::sync::Arc;

use chrono::{Days, NaiveDate};
use chrono_tz::Tz;
use domain::ports::{Compared, InCurrency, Overview, OverviewQuery, PlatformOverview, Served};
use domain::{AdFigures, CurrencyCode, DateRange, Platform, WebFigures};
use serde::Serialize;
use utoipa::ToSchema;

use super::{OVERVIEW, OVERVIEW_NAME};
use crate::cache::{Answer, Question};
use crate::figures::{
    AdChangeOut, AdFiguresOut, CampaignTotals, DayFigures, Meta, PlatformName, WebChangeOut,
    WebDayFigures, WebFiguresOut, each,
};
use crate::params::Params;
use crate::{App, Document, Endpoint, Problem, Reply, Request};

pub(in crate::endpoints) const ENDPOINT: Endpoint = Endpoint {
    function: "GetDashboard",
    handle: |app, request| Box::pin(handle(app, request)),
    document,
};

fn document() -> Document {
    Document::answers::<DashboardAnswer>(200)
        .queried_by::<DashboardParams>()
        .named_by_one_of([OVERVIEW])
        .with_etag()
}

#[derive(ToSchema)]
#[expect(dead_code, reason = "documents the parameters that are read by name")]
struct DashboardParams {
    /// The first day. Without it, 30 days up to `to`.
    from: Option<NaiveDate>,
    /// The last day. Without it, today on the tenant's calendar.
    to: Option<NaiveDate>,
}

const PARAMS: &[&str] = &["from", "to"];

/// How many campaigns of each currency are named.
const TOP_CAMPAIGNS: u16 = 10;

#[derive(Serialize, ToSchema)]
struct DashboardAnswer {
    #[schema(example = "overview")]
    id: &'static str,
    #[schema(example = "Overview")]
    name: &'static str,
    period: Period,
    /// As many days, just before `period`.
    previous_period: Period,
    /// One per platform and currency.
    data: Vec<PlatformPanel>,
    /// Advertising over all platforms, one per currency.
    totals: Vec<AdComparison>,
    /// Website traffic, one per currency.
    web_totals: Vec<WebComparison>,
    /// The ten campaigns of each currency with the highest cost in `period`.
    top_campaigns: Vec<CampaignTotals>,
    meta: Meta,
    /// Always null.
    next_cursor: Option<String>,
}

/// Both days are included.
#[derive(Serialize, ToSchema)]
struct Period {
    from: NaiveDate,
    to: NaiveDate,
}

/// Advertising platforms and Google Analytics have figures of their own.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
enum PlatformPanel {
    Ads(Box<AdPanel>),
    Web(Box<WebPanel>),
}

#[derive(Serialize, ToSchema)]
struct AdPanel {
    #[schema(value_type = PlatformName)]
    platform: Platform,
    #[serde(flatten)]
    comparison: AdComparison,
    /// The days of `period` that have figures.
    series: Vec<DayFigures>,
}

#[derive(Serialize, ToSchema)]
struct WebPanel {
    #[schema(value_type = PlatformName)]
    platform: Platform,
    #[serde(flatten)]
    comparison: WebComparison,
    /// The days of `period` that have figures.
    series: Vec<WebDayFigures>,
}

/// The period's figures, those of the period before, and the change between them.
#[derive(Serialize, ToSchema)]
struct AdComparison {
    #[schema(value_type = String, example = "USD")]
    currency_code: CurrencyCode,
    #[serde(flatten)]
    figures: AdFiguresOut,
    previous: AdFiguresOut,
    change: AdChangeOut,
}

/// The period's figures, those of the period before, and the change between them.
#[derive(Serialize, ToSchema)]
struct WebComparison {
    #[schema(value_type = String, example = "EUR")]
    currency_code: CurrencyCode,
    #[serde(flatten)]
    figures: WebFiguresOut,
    previous: WebFiguresOut,
    change: WebChangeOut,
}

async fn handle(app: Arc<App>, request: Request) -> Result<Reply, Problem> {
    let scope = request.scope()?;
    if request.param("id") != OVERVIEW {
        return Err(Problem::not_found("the dashboard"));
    }
    let params = Params::of(&request, PARAMS)?;
    let calendar = app.answers.calendar(&scope).await?;
    let range = params.days(calendar.today)?;
    let query = OverviewQuery { range, previous: before(range), top: TOP_CAMPAIGNS };
    let question = Question::Overview(query.clone());
    let answer = async {
        let served = app.answers.serving().overview(&scope, &query).await?;
        Answer::of(served.data_version, &render(served, &query, calendar.zone))
    };
    app.answers.reply(&request, &scope, calendar.zone, question, answer).await
}

fn before(range: DateRange) -> DateRange {
    let days = u32::try_from(range.len()).expect("a range of days that a request may ask for");
    DateRange::ending(range.first() - Days::new(1), days)
}

fn render(served: Served<Overview>, query: &OverviewQuery, zone: Tz) -> DashboardAnswer {
    let (meta, overview) = Meta::part(served, zone);
    // Platforms in their own order: advertising first.
    let ads = overview.ads.into_iter().map(|row| PlatformPanel::Ads(Box::new(row.into())));
    let web = overview.web.into_iter().map(|row| PlatformPanel::Web(Box::new(row.into())));
    DashboardAnswer {
        id: OVERVIEW,
        name: OVERVIEW_NAME,
        period: query.range.into(),
        previous_period: query.previous.into(),
        data: ads.chain(web).collect(),
        totals: each(overview.ad_totals),
        web_totals: each(overview.web_totals),
        top_campaigns: each(overview.top_campaigns),
        meta,
        next_cursor: None,
    }
}

impl From<DateRange> for Period {
    fn from(range: DateRange) -> Self {
        Self { from: range.first(), to: range.last() }
    }
}

impl From<PlatformOverview<AdFigures>> for AdPanel {
    fn from(row: PlatformOverview<AdFigures>) -> Self {
        let PlatformOverview { platform, currency, figures, days } = row;
        let comparison = InCurrency { currency, figures }.into();
        Self { platform, comparison, series: each(days) }
    }
}

impl From<PlatformOverview<WebFigures>> for WebPanel {
    fn from(row: PlatformOverview<WebFigures>) -> Self {
        let PlatformOverview { platform, currency, figures, days } = row;
        let comparison = InCurrency { currency, figures }.into();
        Self { platform, comparison, series: each(days) }
    }
}

impl From<InCurrency<Compared<AdFigures>>> for AdComparison {
    fn from(row: InCurrency<Compared<AdFigures>>) -> Self {
        let Compared { current, previous } = row.figures;
        Self {
            currency_code: row.currency,
            figures: current.into(),
            change: current.change_since(&previous).into(),
            previous: previous.into(),
        }
    }
}

impl From<InCurrency<Compared<WebFigures>>> for WebComparison {
    fn from(row: InCurrency<Compared<WebFigures>>) -> Self {
        let Compared { current, previous } = row.figures;
        Self {
            currency_code: row.currency,
            figures: current.into(),
            change: current.change_since(&previous).into(),
            previous: previous.into(),
        }
    }
}
