//! `PUT` and `GET /files/transfer/{ticket}`: the bytes of one file. The ticket says who comes for which file; the account's rights
//! are asked again here. Bytes go to disk as they arrive, so that a large file costs no memory, and are no file until the last
//! one is there.

use crate::app::App;
use crate::blobs::Blobs;
use crate::error::{Code, Error, Result};
use crate::http::auth;
use crate::ops::runs::files;
use crate::ops::runs::tickets::Way;
use actix_web::http::header::{self, HeaderValue};
use actix_web::web::{Bytes, BytesMut};
use actix_web::{HttpRequest, HttpResponse, web};
use futures_util::{StreamExt, stream};
use std::io::Read;
use std::sync::Arc;

/// How many bytes are gathered for one write, and read at once.
const STRETCH: usize = 256 * 1024;

/// Takes a file's bytes.
pub async fn put(
    app: web::Data<App>,
    blobs: web::Data<Blobs>,
    request: HttpRequest,
    ticket: web::Path<String>,
    mut body: web::Payload,
) -> Result<HttpResponse> {
    let (ticket, who) = app.by_ticket(&ticket, Way::Up, auth::origin(&request))?;
    let limit = app.ask(&who, |cx| files::admit(cx, &ticket))?;
    let length = request.headers().get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse::<u64>().ok());
    if length.is_some_and(|length| length > limit) {
        return Err(too_large(limit));
    }
    let blobs = blobs.into_inner();
    let random = app.random.clone();
    let on_disk = Arc::clone(&blobs);
    let mut incoming = blocking(move || on_disk.begin(&random)).await?;
    let (mut size, mut gathered) = (0u64, BytesMut::new());
    loop {
        let next = body.next().await;
        if let Some(chunk) = &next {
            let chunk = chunk
                .as_ref()
                .map_err(|e| Error::new(Code::InvalidRequest, format!("The file did not arrive whole: {e}.")))?;
            size += chunk.len() as u64;
            if size > limit {
                return Err(too_large(limit));
            }
            gathered.extend_from_slice(chunk);
        }
        if gathered.len() >= STRETCH || next.is_none() {
            let bytes = gathered.split().freeze();
            incoming = blocking(move || incoming.write(&bytes).map(|()| incoming)).await?;
        }
        if next.is_none() {
            break;
        }
    }
    let (on_disk, run) = (Arc::clone(&blobs), ticket.run.0);
    let blob = blocking(move || on_disk.keep(incoming, run)).await?;
    let (kept, stored) = (blob.clone(), ticket.clone());
    let outcome = app.act(&who, move |cx| files::arrived(cx, &stored, &kept, size)).await;
    if let Err(error) = outcome {
        let _ = blocking(move || blobs.remove(run, &blob)).await;
        return Err(error);
    }
    Ok(HttpResponse::Ok().finish())
}

/// Gives a file's bytes, as something no browser opens by itself.
pub async fn get(
    app: web::Data<App>,
    blobs: web::Data<Blobs>,
    request: HttpRequest,
    ticket: web::Path<String>,
) -> Result<HttpResponse> {
    let (ticket, who) = app.by_ticket(&ticket, Way::Down, auth::origin(&request))?;
    let file = app.ask(&who, |cx| files::requested(cx, &ticket))?;
    let (blobs, run, blob) = (blobs.into_inner(), ticket.run.0, file.blob);
    let opened = blocking(move || blobs.read(run, &blob)).await?;
    let bytes = stream::try_unfold(opened, |mut opened| async move {
        let stretch = blocking(move || {
            let mut bytes = vec![0; STRETCH];
            let read = opened.read(&mut bytes).map_err(Error::internal)?;
            bytes.truncate(read);
            Ok((bytes, opened))
        });
        let (bytes, opened) = stretch.await?;
        Ok::<_, Error>((!bytes.is_empty()).then(|| (Bytes::from(bytes), opened)))
    });
    let plain: String = file.name.rsplit('/').next().unwrap_or_default().chars().map(plain).collect();
    let disposition = format!("attachment; filename=\"{plain}\"");
    let mut answer = HttpResponse::Ok();
    answer.content_type("application/octet-stream").no_chunking(file.size);
    if let Ok(value) = HeaderValue::from_str(&disposition) {
        answer.insert_header((header::CONTENT_DISPOSITION, value));
    }
    Ok(answer.streaming(bytes))
}

fn plain(c: char) -> char {
    if c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_') { c } else { '_' }
}

fn too_large(limit: u64) -> Error {
    Error::new(Code::LimitReached, format!("The file is larger than the {limit} bytes that may come."))
        .hint("An administrator can raise the settings runs.file_limit and runs.project_limit.")
}

/// Disk work beside the workers.
async fn blocking<T: Send + 'static>(f: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    web::block(f).await.map_err(Error::internal)?
}
