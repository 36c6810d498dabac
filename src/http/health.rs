//! `/healthz` (the process is alive), `/ready` (the store answers) and `/metrics` (Prometheus).
//! `/metrics` is for callers on loopback and for holders of a credential; the other two are for everyone and say nothing.

use super::Outer;
use crate::error::Result;
use actix_web::{HttpResponse, web};
use std::sync::Arc;

const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Answers `GET /healthz`.
pub async fn healthz() -> HttpResponse {
    HttpResponse::Ok().json(serde_json::json!({ "status": "ok" }))
}

/// Answers `GET /ready`: reads the store, so that a server whose store failed takes itself out of rotation.
pub async fn ready(outer: web::Data<Outer>) -> Result<HttpResponse> {
    (outer.probe)()?;
    Ok(HttpResponse::Ok().json(serde_json::json!({ "status": "ready" })))
}

/// The metrics text, for the route that has checked who asks.
pub fn metrics(outer: &Arc<Outer>) -> HttpResponse {
    HttpResponse::Ok().content_type(OPENMETRICS).body(outer.metrics.render())
}
