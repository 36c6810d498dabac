//! What a running wandb client sends beside GraphQL: the stream of lines with its credential, and the bytes of files with a
//! ticket instead of one. Both are bounded before they are read; what they mean is `ops::runs`' business.

mod stream;
mod transfer;

use actix_web::web;

/// Adds the routes.
pub fn routes(cfg: &mut web::ServiceConfig) {
    cfg.service(
        web::resource("/files/transfer/{ticket}")
            .app_data(web::PayloadConfig::new(crate::http::STREAM_LIMIT))
            .route(web::put().to(transfer::put))
            .route(web::get().to(transfer::get)),
    )
    .service(
        web::resource("/files/{entity}/{project}/{run}/file_stream")
            .app_data(web::PayloadConfig::new(crate::http::STREAM_LIMIT))
            .route(web::post().to(stream::post)),
    );
}
