use std::sync::Arc;

use domain::ports;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{Tenant, conversion_actions, refused};
use crate::fields::{parsed_if_given, time_zone};
use crate::{App, Document, Endpoint, Problem, Reply, Request};

pub(in crate::endpoints) const ENDPOINT: Endpoint = Endpoint {
    function: "UpdateTenant",
    handle: |app, request| Box::pin(handle(app, request)),
    document,
};

fn document() -> Document {
    Document::answers::<Tenant>(200).takes::<TenantChange>().fails_with(&[409])
}

/// What is left out stays as it is.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct TenantChange {
    name: Option<String>,
    /// IANA name.
    time_zone: Option<String>,
    /// ISO 4217.
    reporting_currency: Option<String>,
    meta_conversion_actions: Option<Vec<String>>,
}

async fn handle(app: Arc<App>, request: Request) -> Result<Reply, Problem> {
    let scope = request.scope()?;
    let body: TenantChange = request.json()?;
    let change = ports::TenantChange {
        name: parsed_if_given("name", body.name.as_deref())?,
        time_zone: body.time_zone.map(|zone| time_zone("time_zone", &zone)).transpose()?,
        reporting_currency: parsed_if_given(
            "reporting_currency",
            body.reporting_currency.as_deref(),
        )?,
        meta_conversion_actions: conversion_actions(body.meta_conversion_actions)?,
    };
    let by = request.caller()?.user;
    let updated = app.tenants.update(&scope, by, &change).await.map_err(refused)?;
    app.answers.forget_zone(scope.tenant()).await;
    Reply::ok(&Tenant::from(updated))
}
