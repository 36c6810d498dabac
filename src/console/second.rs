//! Signing in by more than a password, or by a passkey alone. What was begun is known to the browser by a cookie of its own,
//! which gives no right; who may sign in is decided by [`crate::app`]. Passkeys need scripts: their forms are hidden without.

use super::entry::{frame, sign_in_page, signed_in};
use super::page::entry::Second;
use super::page::parts::Field;
use super::visit::{Fields, Instance, add_cookie, html, redirect, safe_path};
use crate::app::SECOND_STEP;
use crate::error::{Error, Result};
use crate::http::{auth, middleware, reply};
use crate::model::session::Session;
use crate::ops::sessions::FreshSession;
use actix_web::cookie::{Cookie, SameSite};
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};

/// The cookie of a half sign-in.
const HALF: &str = "bailiwick-half";
/// The cookie of a passkey that is awaited.
const PASSKEY: &str = "bailiwick-passkey";

fn cookie(request: &HttpRequest, name: &'static str, token: String) -> Cookie<'static> {
    Cookie::build(name, token)
        .path("/login")
        .http_only(true)
        .same_site(SameSite::Strict)
        .secure(middleware::context(request).https)
        .max_age(actix_web::cookie::time::Duration::milliseconds(SECOND_STEP))
        .finish()
}

fn held(request: &HttpRequest, name: &str) -> Option<String> {
    request.cookie(name).map(|c| c.value().to_owned()).filter(|token| token.len() <= 64)
}

/// Sends the browser whose password fits on to the second step.
pub fn on(request: &HttpRequest, token: &str, next: &str) -> Result<HttpResponse> {
    let query = url::form_urlencoded::Serializer::new(String::new()).append_pair("next", safe_path(next)).finish();
    let mut response = redirect(&format!("/login/second?{query}"));
    add_cookie(&mut response, &cookie(request, HALF, token.to_owned()))?;
    Ok(response)
}

/// The answer to whoever asked for the options of an authenticator.
pub fn options(asked: Result<String>) -> Result<HttpResponse> {
    match asked {
        Ok(json) => Ok(HttpResponse::Ok().content_type("application/json").body(json)),
        Err(error) if reply::status(&error).is_client_error() => {
            let body = serde_json::json!({"problem": error.sentence()}).to_string();
            Ok(HttpResponse::build(reply::status(&error)).content_type("application/json").body(body))
        }
        Err(error) => Err(error),
    }
}

fn step(app: &Instance, request: &HttpRequest, next: &str, error: Option<&Error>) -> Result<HttpResponse> {
    let offered = match held(request, HALF).map(|token| app.second_step(&token)) {
        Some(Ok(offered)) => offered,
        Some(Err(over)) => {
            let page = sign_in_page(app, request, ("", next), &error.unwrap_or(&over).sentence(), "", true)?;
            return html(&page, reply::status(&over));
        }
        None => return Ok(redirect("/login")),
    };
    let code = |label, help| Field { max: 64, ..Field::text("code", label).help(help) };
    let page = Second {
        frame: frame(request, "Second step"),
        field: match (offered.code, offered.recovery) {
            (true, _) => Some(
                code("Code", "Six digits from your app, or one of your recovery codes.").autocomplete("one-time-code"),
            ),
            (false, true) => Some(code("Recovery code", "One of those you kept when you added the passkey.")),
            (false, false) => None,
        },
        passkey: offered.passkey,
        problem: error.map(Error::sentence).unwrap_or_default(),
        next: safe_path(next).to_owned(),
    };
    let mut response = html(&page, error.map_or(StatusCode::OK, reply::status))?;
    if let Some(seconds) = error.and_then(Error::retry_after_seconds) {
        response.headers_mut().insert(actix_web::http::header::RETRY_AFTER, seconds.into());
    }
    Ok(response)
}

/// `GET /login/second`.
pub async fn show(app: Instance, request: HttpRequest) -> Result<HttpResponse> {
    step(&app, &request, Fields::query(&request).get("next"), None)
}

fn settle(
    app: &Instance,
    request: &HttpRequest,
    next: &str,
    outcome: Result<(FreshSession, Session)>,
) -> Result<HttpResponse> {
    match outcome {
        Ok((fresh, session)) => {
            let mut response = signed_in(request, &fresh, &session, redirect(safe_path(next)))?;
            let mut over = cookie(request, HALF, String::new());
            over.make_removal();
            add_cookie(&mut response, &over)?;
            Ok(response)
        }
        Err(error) if reply::status(&error).is_client_error() => step(app, request, next, Some(&error)),
        Err(error) => Err(error),
    }
}

/// `POST /login/second`: a code of the app, or a recovery code.
pub async fn by_code(app: Instance, request: HttpRequest, body: web::Bytes) -> Result<HttpResponse> {
    let fields = Fields::parse(&body);
    auth::same_site(&request, &app.base_url)?;
    let Some(token) = held(&request, HALF) else { return Ok(redirect("/login")) };
    let outcome = app.sign_in_by_code(&token, fields.get("code"), &auth::anonymous(&request)).await;
    settle(&app, &request, fields.get("next"), outcome)
}

/// `POST /login/second/begin`: the options for the authenticator.
pub async fn begin(app: Instance, request: HttpRequest) -> Result<HttpResponse> {
    auth::same_site(&request, &app.base_url)?;
    let token = held(&request, HALF).unwrap_or_default();
    options(app.ask_for_passkey(Some(&token)).map(|(asked, _)| asked))
}

/// `POST /login/second/passkey`: the authenticator's answer.
pub async fn by_passkey(app: Instance, request: HttpRequest, body: web::Bytes) -> Result<HttpResponse> {
    let fields = Fields::parse(&body);
    auth::same_site(&request, &app.base_url)?;
    let Some(token) = held(&request, HALF) else { return Ok(redirect("/login")) };
    let outcome = app.second_by_passkey(&token, fields.get("credential"), &auth::anonymous(&request)).await;
    settle(&app, &request, fields.get("next"), outcome)
}

/// `POST /login/passkey/begin`: the options for the authenticator, and the cookie that its answer must come with.
pub async fn begin_alone(app: Instance, request: HttpRequest) -> Result<HttpResponse> {
    auth::same_site(&request, &app.base_url)?;
    let begun = app.ask_for_passkey(None);
    let (asked, token) = match begun {
        Ok((asked, token)) => (Ok(asked), token),
        Err(error) => (Err(error), None),
    };
    let mut response = options(asked)?;
    if let Some(token) = token {
        add_cookie(&mut response, &cookie(&request, PASSKEY, token))?;
    }
    Ok(response)
}

/// `POST /login/passkey`: the authenticator's answer, which is the whole sign-in.
pub async fn alone(app: Instance, request: HttpRequest, body: web::Bytes) -> Result<HttpResponse> {
    let fields = Fields::parse(&body);
    auth::same_site(&request, &app.base_url)?;
    let Some(token) = held(&request, PASSKEY) else { return Ok(redirect("/login")) };
    let who = auth::anonymous(&request);
    let next = fields.get("next");
    let mut response = match app.sign_in_by_passkey(&token, fields.get("credential"), &who).await {
        Ok((fresh, session)) => signed_in(&request, &fresh, &session, redirect(safe_path(next)))?,
        Err(error) if reply::status(&error).is_client_error() => {
            html(&sign_in_page(&app, &request, ("", next), &error.sentence(), "", true)?, reply::status(&error))?
        }
        Err(error) => return Err(error),
    };
    let mut over = cookie(&request, PASSKEY, String::new());
    over.make_removal();
    add_cookie(&mut response, &over)?;
    Ok(response)
}
