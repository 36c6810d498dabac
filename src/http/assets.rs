//! Style sheets, scripts and icons, embedded in the executable. Each is served under a name that carries the hash of its
//! content, so browsers may keep it for ever and an upgrade changes the address; it goes out packed to whoever takes that. Pages
//! themselves are never packed: they hold secrets beside words that others choose. Templates ask [`url()`] for the address.

use crate::crypto::{hex, sha256};
use crate::error::Error;
use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};
use std::borrow::Cow;
use std::collections::HashMap;
use std::io::Write as _;
use std::sync::OnceLock;

#[derive(rust_embed::Embed)]
#[folder = "assets"]
struct Files;

struct Asset {
    url: String,
    etag: String,
    content_type: &'static str,
    body: web::Bytes,
    packed: web::Bytes,
}

struct Assets {
    by_name: HashMap<String, Asset>,
    by_hashed_name: HashMap<String, String>,
}

fn assets() -> &'static Assets {
    static ASSETS: OnceLock<Assets> = OnceLock::new();
    ASSETS.get_or_init(|| {
        let mut all = Assets { by_name: HashMap::new(), by_hashed_name: HashMap::new() };
        for name in Files::iter() {
            let Some(file) = Files::get(&name) else { continue };
            let hash = hex(&sha256(&file.data)[..4]);
            let (stem, extension) = name.rsplit_once('.').unwrap_or((&name, "bin"));
            let hashed = format!("{stem}.{hash}.{extension}");
            let body = match file.data {
                Cow::Borrowed(bytes) => web::Bytes::from_static(bytes),
                Cow::Owned(bytes) => web::Bytes::from(bytes),
            };
            let mut packer = flate2::write::GzEncoder::new(vec![], flate2::Compression::best());
            // Into memory nothing fails; should it, the empty rest is not served.
            let packed = packer.write_all(&body).and_then(|()| packer.finish()).unwrap_or_default();
            let asset = Asset {
                packed: web::Bytes::from(packed),
                url: format!("/assets/{hashed}"),
                etag: format!("\"{hash}\""),
                content_type: content_type(extension),
                body,
            };
            all.by_hashed_name.insert(hashed, name.to_string());
            all.by_name.insert(name.into_owned(), asset);
        }
        all
    })
}

fn content_type(extension: &str) -> &'static str {
    match extension {
        "css" => "text/css; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        _ => "application/octet-stream",
    }
}

/// The address of the asset called `name` in `assets/`, such as `/assets/console.1f2e3d4c.css`. An unknown name gives an
/// address that answers 404.
pub fn url(name: &str) -> &'static str {
    assets().by_name.get(name).map_or("/assets/absent", |asset| asset.url.as_str())
}

/// Answers `GET /assets/{name}`.
pub async fn serve(request: HttpRequest, name: web::Path<String>) -> Result<HttpResponse, Error> {
    let all = assets();
    let asset = all.by_hashed_name.get(name.as_str()).and_then(|plain| all.by_name.get(plain));
    let Some(asset) = asset else { return Err(super::reply::no_such_page()) };
    let known = request.headers().get(header::IF_NONE_MATCH).is_some_and(|tag| tag.as_bytes() == asset.etag.as_bytes());
    let mut response = if known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    response
        .insert_header((header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable")))
        .insert_header((header::ETAG, asset.etag.as_str()));
    if known {
        return Ok(response.finish());
    }
    response.content_type(asset.content_type).insert_header((header::VARY, "accept-encoding"));
    let taken =
        request.headers().get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let takes_gzip = taken.split(',').any(|one| one.trim().eq_ignore_ascii_case("gzip"));
    if takes_gzip && !asset.packed.is_empty() {
        return Ok(response.insert_header((header::CONTENT_ENCODING, "gzip")).body(asset.packed.clone()));
    }
    Ok(response.body(asset.body.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_asset_has_an_address_with_its_hash() {
        for wanted in ["console.css", "console.js", "icons.svg", "mark.svg", "favicon.svg"] {
            assert_ne!(url(wanted), "/assets/absent", "{wanted} is not in the executable");
        }
        for (name, asset) in &assets().by_name {
            assert_eq!(url(name), asset.url);
            let hashed = asset.url.strip_prefix("/assets/").unwrap_or_default();
            assert_eq!(assets().by_hashed_name.get(hashed), Some(name));
            assert_ne!(asset.content_type, "application/octet-stream", "{name}: add its type");
        }
        assert_eq!(url("no such"), "/assets/absent");
    }
}
