//! The decision point for other services: OpenID AuthZEN Authorization API 1.0 (`authzen.rs`, `search.rs`, and what they
//! read in `wire.rs`), by API key only, and the answer for reverse proxies (`forward_auth.rs`). A surface: it translates,
//! `ops::evaluate`, `ops::discover` and `ops::admit` answer.

mod authzen;
mod forward_auth;
mod search;
mod wire;

use crate::app::App;
use crate::error::Result;
use actix_web::http::Method;
use actix_web::{HttpResponse, web};
use serde::Serialize;

/// Adds the endpoints.
pub fn routes(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/access/v1/evaluation").route(web::post().to(authzen::evaluation)))
        .service(web::resource("/access/v1/evaluations").route(web::post().to(authzen::evaluations)))
        .service(web::resource("/access/v1/search/subject").route(web::post().to(search::subject)))
        .service(web::resource("/access/v1/search/resource").route(web::post().to(search::resource)))
        .service(web::resource("/access/v1/search/action").route(web::post().to(search::action)))
        .service(web::resource("/.well-known/authzen-configuration").route(web::get().to(metadata)))
        .service(web::resource("/.well-known/jwks.json").route(web::get().to(forward_auth::keys)))
        .service(
            // Proxies ask with GET or with the method of the request they hold back; it means nothing here.
            web::resource("/access/v1/forward-auth")
                .route(web::get().to(forward_auth::answer))
                .route(web::post().to(forward_auth::answer))
                .route(web::put().to(forward_auth::answer))
                .route(web::patch().to(forward_auth::answer))
                .route(web::delete().to(forward_auth::answer))
                .route(web::method(Method::OPTIONS).to(forward_auth::answer)),
        );
}

/// What the decision point offers, and where (AuthZEN 1.0, "Policy Decision Point Metadata").
#[derive(Serialize)]
struct Metadata<'a> {
    policy_decision_point: &'a str,
    access_evaluation_endpoint: String,
    access_evaluations_endpoint: String,
    search_subject_endpoint: String,
    search_resource_endpoint: String,
    search_action_endpoint: String,
}

/// `GET /.well-known/authzen-configuration`: nothing but addresses, for anybody.
async fn metadata(app: web::Data<App>) -> Result<HttpResponse> {
    let at = |path: &str| format!("{}/access/v1/{path}", app.base_url);
    Ok(HttpResponse::Ok().json(Metadata {
        policy_decision_point: &app.base_url,
        access_evaluation_endpoint: at("evaluation"),
        access_evaluations_endpoint: at("evaluations"),
        search_subject_endpoint: at("search/subject"),
        search_resource_endpoint: at("search/resource"),
        search_action_endpoint: at("search/action"),
    }))
}
