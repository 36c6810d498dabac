//! The company's door: to its OpenID provider and back, linking an identity to one's own account, and signing out, here and
//! there. Where a form would have to lead to the provider, a page in between does: the content policy lets no form go
//! elsewhere. The protocol is `app/company.rs`'s.

use super::page::entry::{Leave, NotSignedIn, SignOut};
use super::page::frame::Frame;
use super::visit::{Fields, Instance, Visit, add_cookie, html, left_cookie, redirect, safe_path, theme, to_sign_in};
use crate::app::App;
use crate::app::sign_in::company::Return;
use crate::error::{Error, Kind, Result};
use crate::http::middleware::context;
use crate::http::{auth, reply};
use actix_web::cookie::{Cookie, SameSite};
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::json;

/// The cookie that ties a sign-in to the browser that began it, over TLS. Apart from the session's, since the provider's page
/// posts the return from its own site: the session's cookie does not travel with that, and need not.
const COOKIE_TLS: &str = "__Host-bailiwick-sso";
/// The same on plain loopback.
const COOKIE_PLAIN: &str = "bailiwick-sso";
/// How long it lasts, in seconds: as long as a sign-in may take.
const COOKIE_SECONDS: i64 = crate::ops::sign_ins::VALID / crate::clock::SECOND;
/// How long its value is.
const COOKIE_LEN: usize = 43;

/// The provider's errors, too, are shown on a page with the ways on.
fn problem(request: &HttpRequest, error: Error, next: &str) -> Result<HttpResponse> {
    if error.kind() == Kind::Internal {
        return Err(error);
    }
    let id = context(request).id;
    reply::log(&error, id);
    let page = NotSignedIn {
        frame: Frame { title: "Not signed in".into(), theme: theme(request), ..Frame::default() },
        detail: error.detail().to_owned(),
        hint: error.next_step().unwrap_or_default().to_owned(),
        again: begin_path(next),
        request_id: id.to_string(),
    };
    let mut response = html(&page, reply::status(&error))?;
    if let Some(seconds) = error.retry_after_seconds() {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    Ok(response)
}

/// Where a sign-in by the provider begins.
pub fn begin_path(next: &str) -> String {
    match safe_path(next) {
        "/" => "/oidc/login".to_owned(),
        next => {
            let query = url::form_urlencoded::Serializer::new(String::new()).append_pair("next", next).finish();
            format!("/oidc/login?{query}")
        }
    }
}

fn cookie_name(request: &HttpRequest) -> &'static str {
    if context(request).https { COOKIE_TLS } else { COOKIE_PLAIN }
}

/// The browser's token: the one it has, so that sign-ins in several tabs go on side by side, else a new one.
fn browser(app: &App, request: &HttpRequest) -> Result<(String, Cookie<'static>)> {
    let (name, https) = (cookie_name(request), context(request).https);
    let known = request.cookie(name).map(|c| c.value().to_owned());
    let known = known.filter(|v| v.len() == COOKIE_LEN && v.bytes().all(|b| b.is_ascii_alphanumeric()));
    let token = match known {
        Some(token) => token,
        None => app.random.letters(COOKIE_LEN)?,
    };
    let cookie = Cookie::build(name, token.clone())
        .path("/")
        .http_only(true)
        // Without TLS browsers refuse None; the return by form then needs a provider on the same site, as on a laptop.
        .same_site(if https { SameSite::None } else { SameSite::Lax })
        .secure(https)
        .max_age(actix_web::cookie::time::Duration::seconds(COOKIE_SECONDS))
        .finish();
    Ok((token, cookie))
}

/// `GET /oidc/login`: to the provider.
pub async fn begin(app: Instance, request: HttpRequest) -> Result<HttpResponse> {
    let query = Fields::query(&request);
    let next = safe_path(query.get("next")).to_owned();
    let (token, cookie) = browser(&app, &request)?;
    match app.begin_company_sign_in(&token, &next, None, &auth::anonymous(&request)).await {
        Ok(url) => {
            let mut response = redirect(&url);
            add_cookie(&mut response, &cookie)?;
            Ok(response)
        }
        Err(error) => problem(&request, error, &next),
    }
}

/// `POST /oidc/link`: to the provider and back, to link who one is there to one's account here.
pub async fn link(app: Instance, request: HttpRequest, body: web::Bytes) -> Result<HttpResponse> {
    let Some(visit) = Visit::posted(&app, &request, &Fields::parse(&body))? else { return Ok(to_sign_in(&request)) };
    let (token, cookie) = browser(&app, &request)?;
    let begun = app.begin_company_sign_in(&token, ACCOUNT, Some(&visit.session), &visit.caller).await;
    match begun {
        Ok(url) => {
            let mut response = leave(&request, "Going to the company's sign-in", &url)?;
            add_cookie(&mut response, &cookie)?;
            Ok(response)
        }
        Err(error) if error.kind() != Kind::Internal => visit.refused(ACCOUNT, &error),
        Err(error) => Err(error),
    }
}

/// Where people see whom they are linked to.
const ACCOUNT: &str = "/console/account";

/// A page that leads elsewhere by itself: where a form cannot.
fn leave(request: &HttpRequest, title: &str, url: &str) -> Result<HttpResponse> {
    let frame = Frame { title: title.to_owned(), theme: theme(request), ..Frame::default() };
    html(&Leave { frame, title: title.to_owned(), url: url.to_owned() }, StatusCode::OK)
}

/// `GET /oidc/callback`: the return with a code.
pub async fn callback(app: Instance, request: HttpRequest) -> Result<HttpResponse> {
    let query = Fields::query(&request);
    finish(&app, &request, &query).await
}

/// `POST /oidc/callback`: the return as a form of the provider's page. That it comes from another site is its nature; what ties
/// it to this browser is the cookie.
pub async fn callback_post(app: Instance, request: HttpRequest, body: web::Bytes) -> Result<HttpResponse> {
    finish(&app, &request, &Fields::parse(&body)).await
}

async fn finish(app: &App, request: &HttpRequest, fields: &Fields) -> Result<HttpResponse> {
    let back = Return {
        state: fields.get("state").to_owned(),
        code: fields.get("code").to_owned(),
        id_token: fields.get("id_token").to_owned(),
        error: fields.get("error").to_owned(),
        error_description: fields.get("error_description").to_owned(),
        issuer: fields.optional("iss"),
    };
    let token = request.cookie(cookie_name(request)).map(|c| c.value().to_owned()).unwrap_or_default();
    match app.finish_company_sign_in(back, &token, &auth::anonymous(request)).await {
        Ok(landing) => {
            let mut response = redirect(safe_path(&landing.next));
            if let Some((fresh, session)) = landing.opened {
                let cookie = auth::session_cookie(request, fresh.token(), session.expires_at, session.created_at);
                add_cookie(&mut response, &cookie)?;
            }
            Ok(response)
        }
        Err(error) => problem(request, error, ""),
    }
}

/// `POST /oidc/backchannel-logout`: the provider ends sessions (OpenID Connect Back-Channel Logout 1.0 §2.8).
pub async fn backchannel(app: Instance, request: HttpRequest, body: web::Bytes) -> HttpResponse {
    let fields = Fields::parse(&body);
    match app.company_logout_token(fields.get("logout_token"), &auth::anonymous(&request)).await {
        Ok(_) => HttpResponse::Ok().finish(),
        Err(error) => {
            reply::log(&error, context(&request).id);
            let status = match error.kind() {
                Kind::Unavailable | Kind::Internal => reply::status(&error),
                _ => StatusCode::BAD_REQUEST,
            };
            let body = json!({ "error": "invalid_request", "error_description": error.sentence() });
            HttpResponse::build(status).json(body)
        }
    }
}

/// `POST /logout`.
pub async fn sign_out_post(app: Instance, request: HttpRequest, body: web::Bytes) -> Result<HttpResponse> {
    let fields = Fields::parse(&body);
    let visit = Visit::posted(&app, &request, &fields)?;
    let Some(url) = end(&app, visit.as_ref()).await? else { return signed_out(&request, redirect(SIGNED_OUT)) };
    let page = leave(&request, "Signing out there too", &url)?;
    signed_out(&request, page)
}

/// `GET /logout`: where providers send people to be signed out here, and the provider's own sign-out in a frame, which names the
/// session. A link on another site signs nobody out: it leads to a question.
pub async fn sign_out(app: Instance, request: HttpRequest) -> Result<HttpResponse> {
    let query = Fields::query(&request);
    if !query.get("iss").is_empty() && !query.get("sid").is_empty() {
        app.company_front_channel(query.get("iss"), query.get("sid"), &auth::anonymous(&request)).await?;
        return signed_out(&request, redirect(SIGNED_OUT));
    }
    let Some(visit) = Visit::open(&app, &request)? else { return signed_out(&request, redirect(SIGNED_OUT)) };
    let from = request.headers().get("sec-fetch-site").and_then(|v| v.to_str().ok()).unwrap_or("none");
    if !matches!(from, "none" | "same-origin") {
        let frame = Frame {
            title: "Sign out".into(),
            theme: theme(&request),
            csrf: visit.session.csrf.clone(),
            ..Frame::default()
        };
        return html(&SignOut { frame, username: visit.me.username.clone() }, StatusCode::OK);
    }
    let to = end(&app, Some(&visit)).await?;
    signed_out(&request, redirect(to.as_deref().unwrap_or(SIGNED_OUT)))
}

/// Where people land who signed out.
const SIGNED_OUT: &str = "/login?signed-out=yes";

/// Ends the visit's session; gives where to sign out at the provider.
async fn end(app: &App, visit: Option<&Visit>) -> Result<Option<String>> {
    let Some(visit) = visit else { return Ok(None) };
    let there = app.company_sign_out(&visit.session).await;
    app.act(&visit.caller, crate::ops::sessions::sign_out).await?;
    Ok(there)
}

fn signed_out(request: &HttpRequest, mut response: HttpResponse) -> Result<HttpResponse> {
    add_cookie(&mut response, &auth::no_session_cookie(request))?;
    add_cookie(&mut response, &left_cookie(request))?;
    Ok(response)
}
