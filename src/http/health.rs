//! `/healthz` (the process is alive), `/ready` (the store answers) and `/metrics` (Prometheus).
//! `/metrics` is for callers on loopback and for holders of a credential; the other two are for everyone and say nothing.

use super::middleware::context;
use super::{Outer, auth};
use crate::app::App;
use crate::error::Result;
use actix_web::{HttpRequest, HttpResponse, web};

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

/// Answers `GET /metrics`: to callers on this machine that no proxy speaks for, and to holders of an API key.
pub async fn metrics(outer: web::Data<Outer>, app: web::Data<App>, request: HttpRequest) -> Result<HttpResponse> {
    let proxied = ["x-forwarded-for", "forwarded"].iter().any(|name| request.headers().contains_key(*name));
    if proxied || !context(&request).client.is_loopback() {
        auth::by_key(&app, &request)?;
    }
    Ok(HttpResponse::Ok().content_type(OPENMETRICS).body(outer.metrics.render()))
}
