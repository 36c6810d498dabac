//! `POST /graphql`: what the wandb SDK administers by, and whoever else likes GraphQL. This file is the transport: one operation
//! per request, bounds on it, and errors with the status and the shape that the SDK shows at once. The schema is in the
//! files beside it; resolvers call `ops` through [`crate::app::App`] and hold no rule.

mod query;

use crate::app::App;
use crate::error::{Code, Error, Result};
use crate::http::{auth, middleware, reply};
use crate::ops::Caller;
use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, web};
use async_graphql::{EmptyMutation, EmptySubscription, Request, Response, Schema, Variables};
use serde::Deserialize;
use std::sync::{Arc, LazyLock};

/// Adds `POST /graphql`.
pub fn routes(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/graphql").route(web::post().to(post)));
}

type Whole = Schema<query::Query, EmptyMutation, EmptySubscription>;

static SCHEMA: LazyLock<Whole> =
    LazyLock::new(|| Schema::build(query::Query, EmptyMutation, EmptySubscription).finish());

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    query: String,
    #[serde(default)]
    operation_name: Option<String>,
    #[serde(default)]
    variables: Option<Variables>,
}

async fn post(app: web::Data<App>, request: HttpRequest, body: web::Bytes) -> Result<HttpResponse> {
    let who = auth::by_key(&app, &request)?;
    let body: Body = serde_json::from_slice(&body)
        .map_err(|e| Error::new(Code::InvalidRequest, format!("The body is not a GraphQL request in JSON: {e}.")))?;
    let mut asked = Request::new(body.query).data(app.into_inner()).data(who);
    asked.operation_name = body.operation_name;
    asked.variables = body.variables.unwrap_or_default();
    Ok(answer(SCHEMA.execute(asked).await, &request))
}

fn answer(response: Response, request: &HttpRequest) -> HttpResponse {
    let mut status = StatusCode::OK;
    for error in &response.errors {
        status = StatusCode::BAD_REQUEST;
        if let Some(ours) = error.source::<Error>() {
            reply::log(ours, middleware::context(request).id);
            status = reply::graphql_status(ours);
            break;
        }
    }
    HttpResponse::build(status).insert_header((header::CONTENT_TYPE, "application/json")).json(response)
}

/// A use-case's error for the schema: the sentence, the code, and the error itself for the status.
fn shown(error: Error) -> async_graphql::Error {
    let (message, code) = (error.sentence(), reply::shown_code(&error));
    let mut shown = async_graphql::Error { message, source: Some(Arc::new(error)), extensions: None };
    shown.extensions.get_or_insert_default().set("code", code);
    shown
}

fn app_of<'a>(cx: &async_graphql::Context<'a>) -> (&'a App, &'a Caller) {
    (cx.data_unchecked::<Arc<App>>(), cx.data_unchecked::<Caller>())
}
