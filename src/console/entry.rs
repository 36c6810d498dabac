//! The doors: setup, sign-in with a password, the theme switch; the company's door is `company.rs`. They say the same whatever the reason of a refusal; who may sign
//! in is decided by [`crate::app::App::sign_in`]. Cookies and the brakes on forged forms are `http/auth.rs`'s.

use super::page::entry::{Setup, SetupDone, SignIn};
use super::page::frame::Frame;
use super::page::parts::Field;
use super::second;
use super::visit::{
    Fields, Instance, Visit, add_cookie, has_left, html, redirect, safe_path, theme, theme_cookie, to_sign_in,
};
use crate::app::SignedIn;
use crate::error::{Code, Error, Kind, Result};
use crate::http::{auth, reply};
use crate::model::session::Session;
use crate::ops::sessions::FreshSession;
use crate::ops::settings::OrgChange;
use crate::ops::users::NewUser;
use crate::ops::{self, Caller};
use crate::policy::{Actor, Credential, Subject};
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};

/// The frame of a page before sign-in.
pub fn frame(request: &HttpRequest, title: &str) -> Frame {
    Frame { title: title.to_owned(), theme: theme(request), ..Frame::default() }
}

/// The sign-in form, with the name typed and where to go on.
pub fn sign_in_page(
    app: &Instance,
    request: &HttpRequest,
    (username, next): (&str, &str),
    problem: &str,
    notice: &str,
    local: bool,
) -> Result<SignIn> {
    let company = app.is_oidc_on();
    Ok(SignIn {
        company: if company { super::company::begin_path(next) } else { String::new() },
        form: !company || local || app.settings.current().ldap().login,
        is_empty: !app.has_users()?,
        frame: frame(request, "Sign in"),
        fields: vec![
            Field::text("username", "Username or e-mail").autocomplete("username").value(username),
            Field::password("password", "Password", "current-password"),
        ],
        problem: problem.to_owned(),
        next: safe_path(next).to_owned(),
        notice: notice.to_owned(),
        passkeys: app.has_passkeys(),
    })
}

/// `GET /login`.
pub async fn sign_in(app: Instance, request: HttpRequest) -> Result<HttpResponse> {
    let query = Fields::query(&request);
    if auth::by_cookie(&app, &request)?.is_some() {
        return Ok(redirect(safe_path(query.get("next"))));
    }
    let local = !query.get("local").is_empty();
    let is_out = !query.get("signed-out").is_empty() || has_left(&request);
    let page = sign_in_page(
        &app,
        &request,
        ("", query.get("next")),
        "",
        if is_out { "You are signed out." } else { "" },
        local,
    )?;
    // Where the provider is the only way in there is nothing to choose; after signing out, the choice is to do so again.
    if !page.form && !is_out && !page.is_empty {
        return Ok(redirect(&page.company));
    }
    html(&page, StatusCode::OK)
}

/// `POST /login`.
pub async fn sign_in_post(app: Instance, request: HttpRequest, body: web::Bytes) -> Result<HttpResponse> {
    let fields = Fields::parse(&body);
    auth::same_site(&request, &app.base_url)?;
    let (typed, next) = (fields.text("username"), fields.get("next"));
    let who = auth::anonymous(&request);
    let ip = crate::http::middleware::context(&request).client;
    match app.sign_in(typed, fields.get("password"), &who, Some(ip)).await {
        Ok(SignedIn::Open(fresh, session)) => signed_in(&request, &fresh, &session, redirect(safe_path(next))),
        Ok(SignedIn::Half(token)) => second::on(&request, &token, next),
        Err(error) if reply::status(&error).is_client_error() || error.kind() == Kind::Unavailable => {
            let mut response = {
                let page = sign_in_page(&app, &request, (typed, next), &error.sentence(), "", true)?;
                html(&page, reply::status(&error))?
            };
            if let Some(seconds) = error.retry_after_seconds() {
                response.headers_mut().insert(actix_web::http::header::RETRY_AFTER, seconds.into());
            }
            Ok(response)
        }
        Err(error) => Err(error),
    }
}

/// The answer to whoever is signed in now.
pub fn signed_in(
    request: &HttpRequest,
    fresh: &FreshSession,
    session: &Session,
    mut response: HttpResponse,
) -> Result<HttpResponse> {
    let cookie = auth::session_cookie(request, fresh.token(), session.expires_at, session.created_at);
    add_cookie(&mut response, &cookie)?;
    Ok(response)
}

fn setup_page(request: &HttpRequest, fields: &Fields, error: Option<&Error>) -> Setup {
    let detail = error.map(Error::sentence).unwrap_or_default();
    let on = |name: &str| -> String {
        match error.map(Error::code) {
            Some(Code::WeakPassword) if name == "password" => detail.clone(),
            Some(Code::EmailTaken) if name == "email" => detail.clone(),
            Some(Code::NameTaken) if name == "username" => detail.clone(),
            _ => String::new(),
        }
    };
    let named = ["password", "email", "username"].iter().any(|name| !on(name).is_empty());
    Setup {
        frame: frame(request, "Set up"),
        code: fields.get("code").to_owned(),
        org: Field::text("org", "Organization")
            .help("Shown at the top of every page; it can be changed later.")
            .value(fields.get("org"))
            .optional(),
        fields: vec![
            Field::email("email", "E-mail").autocomplete("email").value(fields.get("email")).wrong(&on("email")),
            Field::text("username", "Username")
                .help("Letters, digits, _ and -. Left empty, it is made from the e-mail.")
                .autocomplete("username")
                .value(fields.get("username"))
                .optional()
                .wrong(&on("username")),
            Field::text("name", "Name").autocomplete("name").value(fields.get("name")).optional(),
            Field::password("password", "Password", "new-password")
                .help("At least 10 characters and hard to guess; four unrelated words are fine.")
                .wrong(&on("password")),
        ],
        problem: if named { String::new() } else { detail },
    }
}

/// `GET /setup?code=…`: shows the form; only sending it uses the code.
pub async fn setup(app: Instance, request: HttpRequest) -> Result<HttpResponse> {
    let query = Fields::query(&request);
    app.check_setup(query.get("code"))?;
    html(&setup_page(&request, &query, None), StatusCode::OK)
}

/// `POST /setup`.
pub async fn setup_post(app: Instance, request: HttpRequest, body: web::Bytes) -> Result<HttpResponse> {
    let fields = Fields::parse(&body);
    auth::same_site(&request, &app.base_url)?;
    let new = NewUser {
        email: fields.text("email").to_owned(),
        username: fields.optional("username"),
        name: fields.text("name").to_owned(),
        ..NewUser::default()
    };
    let who = auth::anonymous(&request);
    let (fresh, session) = match app.set_up(fields.get("code"), new, fields.get("password"), &who).await {
        Ok(made) => made,
        Err(error) if reply::status(&error).is_client_error() => {
            return html(&setup_page(&request, &fields, Some(&error)), reply::status(&error));
        }
        Err(error) => return Err(error),
    };
    let me = Caller {
        subject: Subject {
            actor: Actor::User(session.user),
            credential: Credential::Session(session.handle().to_owned(), session.org),
        },
        origin: who.origin,
    };
    if let Some(org) = fields.optional("org") {
        // The administrator exists by now: a name that cannot be taken is told, not a reason to fail.
        if let Err(error) = app
            .act(&me, move |cx| {
                ops::settings::update_org(cx, &OrgChange { name: Some(org.clone()), ..OrgChange::default() })
            })
            .await
        {
            tracing::info!(detail = error.detail(), "the organization keeps its name");
        }
    }
    signed_in(&request, &fresh, &session, redirect("/setup/done"))
}

/// `GET /setup/done`: what was chosen, and what to do next.
pub async fn setup_done(app: Instance, request: HttpRequest) -> Result<HttpResponse> {
    let Some(visit) = Visit::open(&app, &request)? else { return Ok(to_sign_in(&request)) };
    let page = SetupDone {
        frame: frame(&request, "Ready"),
        org: visit.org_name.clone(),
        email: visit.me.email().unwrap_or_default().to_owned(),
        username: visit.me.username.clone(),
        login: super::login_line(&app.base_url),
    };
    visit.html(&page)
}

/// `POST /console/theme`.
pub async fn set_theme(app: Instance, request: HttpRequest, body: web::Bytes) -> Result<HttpResponse> {
    let fields = Fields::parse(&body);
    auth::same_site(&request, &app.base_url)?;
    let mut response = redirect(safe_path(fields.get("back")));
    add_cookie(&mut response, &theme_cookie(&request, fields.get("theme")))?;
    Ok(response)
}
