use std::sync::Arc;

use domain::ports;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{Tenant, conversion_actions, refused};
use crate::fields::{parsed, time_zone};
use crate::{App, Document, Endpoint, Problem, Reply, Request};

pub(in crate::endpoints) const ENDPOINT: Endpoint = Endpoint {
    function: "CreateTenant",
    handle: |app, request| Box::pin(handle(app, request)),
    document,
};

fn document() -> Document {
    Document::answers::<Tenant>(201).takes::<NewTenant>().fails_with(&[409])
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewTenant {
    name: String,
    /// IANA name.
    time_zone: String,
    /// ISO 4217.
    reporting_currency: String,
    /// Left out: `offsite_conversion.fb_pixel_purchase`.
    meta_conversion_actions: Option<Vec<String>>,
}

async fn handle(app: Arc<App>, request: Request) -> Result<Reply, Problem> {
    let scope = request.organization()?;
    let body: NewTenant = request.json()?;
    let tenant = ports::NewTenant {
        name: parsed("name", &body.name)?,
        time_zone: time_zone("time_zone", &body.time_zone)?,
        reporting_currency: parsed("reporting_currency", &body.reporting_currency)?,
        meta_conversion_actions: conversion_actions(body.meta_conversion_actions)?,
    };
    let by = request.caller()?.user;
    let created = app.tenants.create(&scope, by, &tenant).await.map_err(refused)?;
    Reply::created(&Tenant::from(created))
}
