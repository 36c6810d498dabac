//! The console: server-rendered pages over the use-cases. Handlers ask `ops` and fill the structs of [`page`]; forms post
//! to `ops` and answer with a redirect and a flash, or show themselves again with the error in place. Nothing is decided
//! here, and nothing is shown that an op did not return. Next: `page` for what pages show, then a handler file per area.

pub mod page;
mod visit;
mod words;

use askama::Template;

/// Address of an asset, under the name that carries its content's hash.
#[must_use]
pub fn asset(name: &str) -> &'static str {
    crate::http::assets::url(name)
}

/// The page for an error: what went wrong, why, what to do, and the request id to quote. `why` is the address of the whole
/// reason chain, or empty. It shows nothing about who is signed in, since an error may strike before that is known.
#[must_use]
pub fn error_page(status: u16, detail: &str, hint: &str, request_id: &str, why: &str) -> String {
    let title = match status {
        401 => "Sign in first",
        403 => "You may not do that",
        404 => "There is nothing here",
        409 | 412 => "That clashes with what is there",
        413 => "That is too large",
        429 => "Too many tries",
        503 => "Not possible right now",
        400..=499 => "That request cannot be answered",
        _ => "Something went wrong on our side",
    };
    let page = page::entry::ErrorPage {
        frame: page::frame::Frame { title: title.to_owned(), theme: "auto", ..page::frame::Frame::default() },
        status,
        title: title.to_owned(),
        detail: detail.to_owned(),
        hint: hint.to_owned(),
        request_id: request_id.to_owned(),
        why: why.to_owned(),
        offer_sign_in: status == 401,
    };
    page.render().unwrap_or_else(|_| format!("<!doctype html><title>{status}</title><h1>{status}</h1>"))
}
