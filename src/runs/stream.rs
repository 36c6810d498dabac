//! `POST /files/{entity}/{project}/{run}/file_stream`: lines, summary, heartbeat and end of a run. Answered only once everything
//! is on disk. Refusals are statuses that clients take for final: 400, 401, 403, 404 (wandb 0.16.6 repeats 413 and 422 for
//! minutes), and 503 where trying again helps.

use crate::app::App;
use crate::error::{Code, Error, Kind, Result};
use crate::http::auth;
use crate::ops::runs::report;
use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::json;
use std::sync::Arc;

pub async fn post(
    app: web::Data<App>,
    request: HttpRequest,
    path: web::Path<(String, String, String)>,
    body: web::Bytes,
) -> Result<HttpResponse> {
    let who = auth::by_key(&app, &request)?;
    if request.headers().get(header::CONTENT_ENCODING).is_some_and(|e| e != "identity") {
        return Err(Error::new(Code::InvalidRequest, "The stream is taken uncompressed only.")
            .hint("Leave the client's setting x_file_stream_no_gzip as it is."));
    }
    let (entity, project, run) = path.into_inner();
    let pieces = report::read(&body)?;
    drop(body);
    let mut stopped = false;
    for piece in pieces {
        let (piece, entity, project, run) = (Arc::new(piece), entity.clone(), project.clone(), run.clone());
        stopped = app.act(&who, move |cx| report::keep(cx, &entity, &project, &run, &piece)).await.map_err(last)?;
    }
    Ok(HttpResponse::Ok().json(if stopped { json!({ "stopped": true }) } else { json!({}) }))
}

/// A clash or a size, as a status that ends the client's tries.
fn last(error: Error) -> Error {
    match error.kind() {
        Kind::TooLarge | Kind::Conflict | Kind::Precondition => {
            Error::new(Code::LimitReached, error.detail().to_owned())
                .hint(error.next_step().unwrap_or_default().to_owned())
        }
        _ => error,
    }
}
