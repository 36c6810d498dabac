//! `POST /access/v1/search/subject`, `/resource` and `/action`: who, which, what. Each result is one that an evaluation says
//! yes to. Pages are bounded; a page may be short before the end, and `page.next_token` is empty at the end.

use super::wire::{Asked, read};
use crate::app::App;
use crate::error::Result;
use crate::http::auth;
use crate::ops::discover::{self, Found};
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;

/// A part of the results.
#[derive(Serialize)]
struct Results<T> {
    page: PageBody,
    results: Vec<T>,
}

#[derive(Serialize)]
struct PageBody {
    next_token: String,
    count: usize,
}

#[derive(Serialize)]
struct Thing {
    r#type: &'static str,
    id: String,
}

#[derive(Serialize)]
struct Act {
    name: &'static str,
}

fn answer<T: Serialize>(results: Vec<T>, next: Option<String>) -> HttpResponse {
    let page = PageBody { next_token: next.unwrap_or_default(), count: results.len() };
    HttpResponse::Ok().json(Results { page, results })
}

fn things(r#type: &'static str, found: Found<String>) -> HttpResponse {
    answer(found.items.into_iter().map(|id| Thing { r#type, id }).collect(), found.next)
}

/// Who may do it.
pub async fn subject(app: web::Data<App>, request: HttpRequest, body: web::Bytes) -> Result<HttpResponse> {
    let who = auth::by_key(&app, &request)?;
    let asked: Asked = read(&request, &body)?;
    asked.check_subject_type()?;
    let (action, (kind, id)) = (asked.action()?, asked.resource()?);
    let found = app.ask(&who, |cx| discover::subjects(cx, action, kind, id, asked.page()))?;
    Ok(things("user", found))
}

/// On what they may do it.
pub async fn resource(app: web::Data<App>, request: HttpRequest, body: web::Bytes) -> Result<HttpResponse> {
    let who = auth::by_key(&app, &request)?;
    let asked: Asked = read(&request, &body)?;
    let (subject, action, kind) = (asked.subject()?, asked.action()?, asked.kind()?);
    let found = app.ask(&who, |cx| discover::resources(cx, subject, action, kind, asked.page()))?;
    Ok(things(kind.as_str(), found))
}

/// What they may do. The catalogue is smaller than a page.
pub async fn action(app: web::Data<App>, request: HttpRequest, body: web::Bytes) -> Result<HttpResponse> {
    let who = auth::by_key(&app, &request)?;
    let asked: Asked = read(&request, &body)?;
    let (subject, (kind, id)) = (asked.subject()?, asked.resource()?);
    let found = app.ask(&who, |cx| discover::actions(cx, subject, kind, id, asked.page()))?;
    Ok(answer(found.items.into_iter().map(|action| Act { name: action.as_str() }).collect(), found.next))
}
