//! `/Users`: people.

use super::{Answer, Asked, at, serve, user_json};
use crate::app::App;
use crate::error::Result;
use crate::model::UserId;
use crate::ops::provision;
use actix_web::{HttpRequest, HttpResponse, web};

/// Adds the endpoints.
pub(super) fn routes(cfg: &mut web::ServiceConfig) {
    cfg.service(at("/Users/{id}").route(web::get().to(get)));
}

async fn get(app: web::Data<App>, request: HttpRequest, id: web::Path<String>) -> HttpResponse {
    serve(app, request, async move |asked| read(&asked, &id)).await
}

/// One person.
pub(super) fn read(asked: &Asked, id: &str) -> Result<Answer> {
    let id = user_id(id)?;
    let person = asked.read(|cx| provision::person(cx, id))?;
    let body = user_json::shaped(asked.dialect, user_json::rfc(asked, &person));
    Ok(Answer::found(body, person.version()))
}

/// The id in an address.
pub(super) fn user_id(text: &str) -> Result<UserId> {
    UserId::from_global(text)
        .ok_or_else(|| crate::error::Error::not_found("There is no such user, or you may not see it."))
}
