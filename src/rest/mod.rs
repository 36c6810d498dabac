//! Small JSON endpoints by header credential: who am I, why may or may not somebody, and the audit log as W&B's API gives it.
//! Each is one question to `ops`; errors get their form in `http/reply.rs`.

use crate::app::App;
use crate::error::Result;
use crate::http::auth;
use crate::ops;
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::json;

/// Adds the endpoints.
pub fn routes(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/access/v1/subject").route(web::get().to(subject)));
}

async fn subject(app: web::Data<App>, request: HttpRequest) -> Result<HttpResponse> {
    let who = auth::by_key(&app, &request)?;
    let user = app.ask(&who, |cx| ops::users::me(cx))?;
    Ok(HttpResponse::Ok().json(json!({ "id": user.id.global(), "username": user.username })))
}
