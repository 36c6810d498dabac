//! The doors of people who have no account yet: an invitation behind its link, and signing up. Whoever holds a link proves no
//! more by it than `ops` says; a GET uses nothing up, since mail programs open links by themselves.

use super::entry::{frame, signed_in};
use super::page::arrive::{Confirm, Invitation, SignUp};
use super::page::parts::{Choice, Field};
use super::visit::{Fields, Instance, html, redirect};
use super::words;
use crate::error::{Code, Error, Kind, Result};
use crate::http::{auth, middleware, reply};
use crate::ops;
use crate::ops::invitations::Offer;
use crate::ops::users::NewUser;
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};

/// The fields of an account that its owner makes, with what was typed.
fn account_fields(fields: &Fields, error: Option<&Error>) -> (Vec<Field>, String) {
    let detail = error.map(Error::sentence).unwrap_or_default();
    let on = |codes: &[Code]| match error {
        Some(e) if codes.contains(&e.code()) => detail.clone(),
        _ => String::new(),
    };
    let (weak, name) = (on(&[Code::WeakPassword]), on(&[Code::NameTaken, Code::InvalidValue]));
    let in_place = !weak.is_empty() || !name.is_empty();
    let all = vec![
        Field::text("username", "Username")
            .help("Letters, digits, _ and -. Left empty, it is made from the e-mail.")
            .autocomplete("username")
            .value(fields.get("username"))
            .optional()
            .wrong(&name),
        Field::text("name", "Name").autocomplete("name").value(fields.get("name")).optional(),
        Field::password("password", "Password", "new-password")
            .help("At least 10 characters and hard to guess; four unrelated words are fine.")
            .wrong(&weak),
    ];
    (all, if in_place { String::new() } else { detail })
}

fn new_user(fields: &Fields) -> NewUser {
    NewUser { username: fields.optional("username"), name: fields.text("name").to_owned(), ..NewUser::default() }
}

fn gives(offer: &Offer) -> Vec<String> {
    let mut out = vec![format!("Your role in the organization {}: {}.", offer.org, offer.org_role.as_str())];
    out.extend(offer.teams.iter().map(|team| format!("Your role in the team {team}: {}.", offer.role)));
    out
}

fn invitation_page(
    app: &Instance,
    request: &HttpRequest,
    fields: &Fields,
    error: Option<&Error>,
) -> Result<Invitation> {
    let who = auth::anonymous(request);
    let code = fields.get("code");
    let offer = app.look_at_invitation(code, &who)?;
    let me = match auth::by_cookie(app, request)? {
        Some((caller, session)) => Some((app.ask(&caller, |cx| ops::users::me(cx))?, session)),
        None => None,
    };
    let address = crate::model::name::fold(&offer.email);
    let is_mine =
        me.as_ref().is_some_and(|(me, _)| me.emails.iter().any(|e| crate::model::name::fold(&e.address) == address));
    let back = format!("/invite?code={}", words::encoded(code));
    let company = app.settings.current().is_sso_on();
    let sign_in = match app.is_oidc_on() {
        true => super::company::begin_path(&back),
        false => format!("/login?next={}", words::encoded(&back)),
    };
    let (all, problem) = account_fields(fields, error);
    let by = if offer.by.is_empty() { "You are invited".to_owned() } else { format!("{} invites you", offer.by) };
    let mut frame = frame(request, "Invitation");
    if let Some((_, session)) = &me {
        frame.csrf.clone_from(&session.csrf);
    }
    Ok(Invitation {
        frame,
        code: code.to_owned(),
        title: format!("{by} to {}", offer.org),
        gives: gives(&offer),
        left_out: offer.left_out.iter().map(|team| format!("the team {team}")).collect(),
        until: words::on_day(offer.expires_at),
        is_mine,
        me: me.map(|(me, _)| me.username).unwrap_or_default(),
        has_account: offer.has_account,
        email: offer.email,
        sign_in,
        company,
        fields: all,
        problem,
    })
}

/// `GET /invite?code=…`: shows what it is about; only sending the form uses the link.
pub async fn invitation(app: Instance, request: HttpRequest) -> Result<HttpResponse> {
    html(&invitation_page(&app, &request, &Fields::query(&request), None)?, StatusCode::OK)
}

/// `POST /invite`: makes the account, or takes the invitation up for whoever is signed in.
pub async fn accept(app: Instance, request: HttpRequest, body: web::Bytes) -> Result<HttpResponse> {
    let fields = Fields::parse(&body);
    auth::same_site(&request, &app.base_url)?;
    let outcome = match auth::by_cookie(&app, &request)? {
        Some((caller, session)) => {
            auth::check_csrf(&request, &app.base_url, &session, fields.get("csrf"))?;
            let code = fields.get("code").to_owned();
            app.act(&caller, move |cx| ops::invitations::accept(cx, &code)).await.map(|_| redirect("/"))
        }
        None => {
            let who = auth::anonymous(&request);
            let made = app.accept_invitation(fields.get("code"), new_user(&fields), fields.get("password"), &who).await;
            made.and_then(|(fresh, session)| signed_in(&request, &fresh, &session, redirect("/")))
        }
    };
    match outcome {
        // A link that is void has no page to show it on.
        Err(error) if error.code() == Code::InvitationVoid || !reply::status(&error).is_client_error() => Err(error),
        Err(error) => html(&invitation_page(&app, &request, &fields, Some(&error))?, reply::status(&error)),
        done => done,
    }
}

/// `POST /invite/decline`.
pub async fn decline(app: Instance, request: HttpRequest, body: web::Bytes) -> Result<HttpResponse> {
    let fields = Fields::parse(&body);
    auth::same_site(&request, &app.base_url)?;
    app.decline_invitation(fields.get("code"), &auth::anonymous(&request)).await?;
    let page = super::page::arrive::Declined { frame: frame(&request, "Declined") };
    html(&page, StatusCode::OK)
}

fn sign_up_page(app: &Instance, request: &HttpRequest, email: &str, sent: bool, problem: &str) -> SignUp {
    let settings = app.settings.current();
    SignUp {
        frame: frame(request, "Sign up"),
        open: settings.people().sign_up && app.has_mail(),
        contact: settings.people().contact.clone(),
        email: email.to_owned(),
        sent,
        field: Field::email("email", "E-mail at work").autocomplete("email").value(email).wrong(problem),
        problem: String::new(),
    }
}

/// `GET /signup`.
pub async fn sign_up(app: Instance, request: HttpRequest) -> Result<HttpResponse> {
    html(&sign_up_page(&app, &request, "", false, ""), StatusCode::OK)
}

/// `POST /signup`: has a link mailed. Where the address may sign up, the answer is the same whether it has an account or not.
pub async fn sign_up_post(app: Instance, request: HttpRequest, body: web::Bytes) -> Result<HttpResponse> {
    let fields = Fields::parse(&body);
    auth::same_site(&request, &app.base_url)?;
    let email = fields.text("email");
    let ip = middleware::context(&request).client;
    match app.begin_sign_up(email, &auth::anonymous(&request), ip).await {
        Ok(()) => html(&sign_up_page(&app, &request, email, true, ""), StatusCode::OK),
        Err(error) if reply::status(&error).is_client_error() => {
            let page = sign_up_page(&app, &request, email, false, &error.sentence());
            let mut response = html(&page, reply::status(&error))?;
            if let Some(seconds) = error.retry_after_seconds() {
                response.headers_mut().insert(actix_web::http::header::RETRY_AFTER, seconds.into());
            }
            Ok(response)
        }
        Err(error) => Err(error),
    }
}

fn confirm_page(app: &Instance, request: &HttpRequest, fields: &Fields, error: Option<&Error>) -> Result<Confirm> {
    let found = app.look_at_sign_up(fields.get("code"), &auth::anonymous(request))?;
    let (all, problem) = account_fields(fields, error);
    let chosen = fields.all("team");
    Ok(Confirm {
        frame: frame(request, "Sign up"),
        code: fields.get("code").to_owned(),
        org: found.org,
        email: found.email,
        default_team: found.default_team.unwrap_or_default(),
        teams: found
            .teams
            .into_iter()
            .map(|team| Choice {
                chosen: chosen.contains(&team),
                value: team.clone(),
                label: team,
                ..Choice::default()
            })
            .collect(),
        fields: all,
        problem,
    })
}

/// `GET /signup/confirm?code=…`.
pub async fn confirm(app: Instance, request: HttpRequest) -> Result<HttpResponse> {
    html(&confirm_page(&app, &request, &Fields::query(&request), None)?, StatusCode::OK)
}

/// `POST /signup/confirm`: makes the account and signs its owner in.
pub async fn confirm_post(app: Instance, request: HttpRequest, body: web::Bytes) -> Result<HttpResponse> {
    let fields = Fields::parse(&body);
    auth::same_site(&request, &app.base_url)?;
    let who = auth::anonymous(&request);
    let made = app
        .finish_sign_up(fields.get("code"), new_user(&fields), fields.get("password"), fields.all("team"), &who)
        .await;
    match made {
        Ok((fresh, session)) => signed_in(&request, &fresh, &session, redirect("/")),
        Err(error) if error.code() == Code::InvitationVoid || error.kind() == Kind::Internal => Err(error),
        Err(error) if reply::status(&error).is_client_error() => {
            html(&confirm_page(&app, &request, &fields, Some(&error))?, reply::status(&error))
        }
        Err(error) => Err(error),
    }
}
