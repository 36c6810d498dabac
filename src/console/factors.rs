//! My account, second factors: passkeys, the app for one-time codes, recovery codes. Each change is proved by the present
//! password or a code first. Secrets and recovery codes leave the server once, on the answer to the form that made them.

use super::account::tabs;
use super::page::factors::{Factors, NewApp, PasskeyRow, Recovery, Square};
use super::page::frame::{Frame, Section};
use super::page::parts::Field;
use super::visit::{Fields, Instance, Visit, to_sign_in};
use super::words;
use crate::app::ForApp;
use crate::error::{Error, Result};
use crate::http::{middleware, reply};
use crate::model::user::User;
use crate::ops;
use actix_web::{HttpRequest, HttpResponse, web};
use qrcodegen::{QrCode, QrCodeEcc};
use std::fmt::Write as _;

/// Where the tab is.
pub const HOME: &str = "/console/account/factors";

fn page_frame(visit: &Visit, last: &str) -> Frame {
    let frame = visit.frame(last.to_owned(), Section::None).crumb("My account", "/console/account");
    if last == "Second factors" { frame.crumb(last, "") } else { frame.crumb("Second factors", HOME).crumb(last, "") }
}

fn page(app: &Instance, visit: &Visit, error: Option<&Error>) -> Result<Factors> {
    let (mine, keys) =
        app.ask(&visit.caller, |cx| Ok((ops::factors::mine(cx)?, ops::credentials::list(cx, visit.me.id)?.len())))?;
    Ok(Factors {
        frame: page_frame(visit, "Second factors"),
        username: visit.me.username.clone(),
        tabs: tabs("factors", Some(keys)),
        passkeys: mine
            .passkeys
            .iter()
            .map(|p| PasskeyRow {
                id: p.id.clone(),
                name: p.name.clone(),
                created: words::stamp(p.created_at, visit.now),
                used: words::stamp_or(p.last_at, visit.now, "never"),
            })
            .collect(),
        offered: app.has_passkeys(),
        app: mine.app.map(|a| (words::stamp(a.created_at, visit.now), words::stamp_or(a.last_at, visit.now, "never"))),
        recovery: mine.recovery,
        has_password: mine.password,
        problem: error.map(Error::sentence).unwrap_or_default(),
    })
}

/// `GET /console/account/factors`.
pub async fn show(app: Instance, request: HttpRequest) -> Result<HttpResponse> {
    let Some(visit) = Visit::open(&app, &request)? else { return Ok(to_sign_in(&request)) };
    visit.html(&page(&app, &visit, None)?)
}

async fn proved(app: &Instance, request: &HttpRequest, visit: &Visit, fields: &Fields) -> Result<User> {
    let ip = middleware::context(request).client;
    app.prove_oneself(&visit.caller, &visit.session, fields.get("proof"), Some(ip)).await
}

fn again(app: &Instance, visit: &Visit, error: Error) -> Result<HttpResponse> {
    if !reply::status(&error).is_client_error() {
        return Err(error);
    }
    visit.again(&page(app, visit, Some(&error))?, &error)
}

/// Recovery codes where some were made, else back to the tab.
fn done(visit: &Visit, said: &'static str, codes: Option<Vec<String>>) -> Result<HttpResponse> {
    match codes {
        Some(codes) => visit.html(&Recovery { frame: page_frame(visit, "Recovery codes"), done: said, codes }),
        None => visit.done(HOME, said),
    }
}

/// `POST /console/account/factors/passkey/begin`: the options for the authenticator.
pub async fn begin_passkey(app: Instance, request: HttpRequest, body: web::Bytes) -> Result<HttpResponse> {
    let fields = Fields::parse(&body);
    let Some(visit) = Visit::posted(&app, &request, &fields)? else { return Ok(to_sign_in(&request)) };
    let asked = match proved(&app, &request, &visit, &fields).await {
        Ok(me) => app.begin_passkey(&visit.caller, &me, fields.text("name")),
        Err(error) => Err(error),
    };
    super::second::options(asked)
}

/// `POST /console/account/factors/passkey`: the authenticator's answer.
pub async fn add_passkey(app: Instance, request: HttpRequest, body: web::Bytes) -> Result<HttpResponse> {
    let fields = Fields::parse(&body);
    let Some(visit) = Visit::posted(&app, &request, &fields)? else { return Ok(to_sign_in(&request)) };
    match app.finish_passkey(&visit.caller, fields.get("credential")).await {
        Ok(codes) => done(&visit, "The passkey is added.", codes),
        Err(error) => again(&app, &visit, error),
    }
}

fn app_page(visit: &Visit, told: ForApp, error: Option<&Error>) -> NewApp {
    let groups: Vec<String> =
        told.secret.as_bytes().chunks(4).map(|c| String::from_utf8_lossy(c).into_owned()).collect();
    NewApp {
        frame: page_frame(visit, "One-time codes"),
        secret: groups.join(" "),
        square: square(&told.address),
        address: told.address,
        field: Field { max: 10, ..Field::text("code", "Code").autocomplete("one-time-code") }
            .help("The six digits that the app shows now.")
            .wrong(&error.map(Error::sentence).unwrap_or_default()),
    }
}

/// `POST /console/account/factors/app`: a fresh secret for the app.
pub async fn begin_app(app: Instance, request: HttpRequest, body: web::Bytes) -> Result<HttpResponse> {
    let fields = Fields::parse(&body);
    let Some(visit) = Visit::posted(&app, &request, &fields)? else { return Ok(to_sign_in(&request)) };
    let told = match proved(&app, &request, &visit, &fields).await {
        Ok(me) => app.begin_app(&visit.caller, &me),
        Err(error) => Err(error),
    };
    match told {
        Ok(told) => visit.html(&app_page(&visit, told, None)),
        Err(error) => again(&app, &visit, error),
    }
}

/// `POST /console/account/factors/app/confirm`: its first code.
pub async fn add_app(app: Instance, request: HttpRequest, body: web::Bytes) -> Result<HttpResponse> {
    let fields = Fields::parse(&body);
    let Some(visit) = Visit::posted(&app, &request, &fields)? else { return Ok(to_sign_in(&request)) };
    match app.finish_app(&visit.caller, fields.get("code")).await {
        Ok(codes) => done(&visit, "One-time codes are set.", codes),
        Err(error) => match app.begun_app(&visit.caller) {
            Ok(told) if reply::status(&error).is_client_error() => {
                visit.again(&app_page(&visit, told, Some(&error)), &error)
            }
            _ => again(&app, &visit, error),
        },
    }
}

/// `POST /console/account/factors/recovery`: other recovery codes.
pub async fn recovery(app: Instance, request: HttpRequest, body: web::Bytes) -> Result<HttpResponse> {
    let fields = Fields::parse(&body);
    let Some(visit) = Visit::posted(&app, &request, &fields)? else { return Ok(to_sign_in(&request)) };
    let made = match proved(&app, &request, &visit, &fields).await {
        Ok(_) => app.renew_recovery(&visit.caller).await,
        Err(error) => Err(error),
    };
    match made {
        Ok(codes) => done(&visit, "The old recovery codes are void.", Some(codes)),
        Err(error) => again(&app, &visit, error),
    }
}

/// `POST /console/account/factors/remove`: a passkey by its id, or the app.
pub async fn remove(app: Instance, request: HttpRequest, body: web::Bytes) -> Result<HttpResponse> {
    let fields = Fields::parse(&body);
    let Some(visit) = Visit::posted(&app, &request, &fields)? else { return Ok(to_sign_in(&request)) };
    let passkey = fields.optional("passkey");
    let removed = match proved(&app, &request, &visit, &fields).await {
        Ok(_) => app.act(&visit.caller, move |cx| ops::factors::remove(cx, passkey.as_deref())).await,
        Err(error) => Err(error),
    };
    match removed {
        Ok(()) => visit.done(HOME, "It is removed, and lets nobody in any more."),
        Err(error) => again(&app, &visit, error),
    }
}

/// The square code of a text, with the border of four that readers want.
fn square(text: &str) -> Option<Square> {
    const BORDER: i32 = 4;
    let code = QrCode::encode_text(text, QrCodeEcc::Medium).ok()?;
    let mut path = String::new();
    for y in 0..code.size() {
        for x in (0..code.size()).filter(|x| code.get_module(*x, y)) {
            write!(path, "M{} {}h1v1h-1z", x + BORDER, y + BORDER).ok()?;
        }
    }
    Some(Square { size: code.size() + 2 * BORDER, path })
}
