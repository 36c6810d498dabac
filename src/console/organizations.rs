//! The organizations of the instance: all of them for its administrators, who make new ones, and the forms by which anybody in
//! several goes on in another or chooses where to begin.

use super::page::frame::Section;
use super::page::organization::{OrganizationRow, Organizations};
use super::page::parts::Field;
use super::visit::{Fields, Instance, Visit, to_sign_in};
use super::words;
use crate::error::{Error, Kind, Result};
use crate::http::reply;
use crate::model::role::Action;
use crate::model::team::HOME as INSTANCE;
use crate::ops;
use crate::ops::orgs::NewOrg;
use crate::policy::Resource;
use crate::store::Range;
use actix_web::{HttpRequest, HttpResponse, web};

/// The page.
pub const HOME: &str = "/console/organizations";

fn page(app: &Instance, visit: &Visit, sent: Option<(&Fields, &Error)>) -> Result<Organizations> {
    let (mut rows, mut after) = (vec![], None);
    loop {
        let page = app.ask(&visit.caller, |cx| ops::orgs::list(cx, Range::all().after(after.take())))?;
        rows.extend(page.items.into_iter().map(|l| OrganizationRow {
            current: l.org.id == visit.org,
            mine: visit.me.org_role(l.org.id).is_some(),
            name: l.org.name,
            people: super::page::list::thousands(l.people),
            admins: l.admins,
            created: words::stamp(l.org.created_at, visit.now),
        }));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let refusal =
        app.ask(&visit.caller, |cx| ops::explain::why_not(cx, Action::OrganizationCreate, Resource::Org(INSTANCE)))?;
    let typed = |name: &str| sent.map(|(fields, _)| fields.get(name).to_owned()).unwrap_or_default();
    let error = sent.map(|(_, error)| error.sentence()).unwrap_or_default();
    let about_admin = sent.is_some_and(|(_, error)| error.kind() == Kind::NotFound);
    Ok(Organizations {
        frame: visit
            .frame("Organizations", Section::Settings)
            .crumb("Settings", visit.settings())
            .crumb("Organizations", ""),
        area: super::area::of(visit, HOME),
        rows,
        fields: vec![
            Field { max: 128, ..Field::text("name", "Name").value(&typed("name")) }.wrong(if about_admin {
                ""
            } else {
                &error
            }),
            Field::text("admin", "First administrator")
                .help("A username or an e-mail with an account on this instance; empty for yourself.")
                .value(&typed("admin"))
                .wrong(if about_admin { &error } else { "" })
                .optional(),
        ],
        refusal: refusal.unwrap_or_default(),
        why: super::why::link(&visit.me.username, Action::OrganizationCreate.as_str(), ""),
    })
}

/// `GET /console/organizations`.
pub async fn show(app: Instance, request: HttpRequest) -> Result<HttpResponse> {
    let Some(visit) = Visit::open(&app, &request)? else { return Ok(to_sign_in(&request)) };
    visit.html(&page(&app, &visit, None)?)
}

/// `POST /console/organizations`: makes one.
pub async fn create(app: Instance, request: HttpRequest, body: web::Bytes) -> Result<HttpResponse> {
    let fields = Fields::parse(&body);
    let Some(visit) = Visit::posted(&app, &request, &fields)? else { return Ok(to_sign_in(&request)) };
    let new = NewOrg { name: fields.text("name").to_owned(), admin: fields.optional("admin") };
    match app.act(&visit.caller, move |cx| ops::orgs::create(cx, &new)).await {
        Ok(org) => visit.done(HOME, format!("{} is there.", org.name)),
        Err(error) if error.kind() == Kind::Denied || !reply::status(&error).is_client_error() => Err(error),
        Err(error) if error.kind() == Kind::NotFound && fields.optional("admin").is_none() => Err(error),
        Err(error) => visit.again(&page(&app, &visit, Some((&fields, &error)))?, &error),
    }
}

/// `POST /console/switch`: goes on in another organization.
pub async fn switch(app: Instance, request: HttpRequest, body: web::Bytes) -> Result<HttpResponse> {
    let fields = Fields::parse(&body);
    let Some(visit) = Visit::posted(&app, &request, &fields)? else { return Ok(to_sign_in(&request)) };
    let org = fields.text("org").to_owned();
    let org = app.act(&visit.caller, move |cx| ops::orgs::switch(cx, &org)).await?;
    visit.done("/", format!("You are in {} now.", org.name))
}

/// `POST /console/account/organization`: chooses the default organization.
pub async fn choose(app: Instance, request: HttpRequest, body: web::Bytes) -> Result<HttpResponse> {
    let fields = Fields::parse(&body);
    let Some(visit) = Visit::posted(&app, &request, &fields)? else { return Ok(to_sign_in(&request)) };
    let org = fields.text("org").to_owned();
    let chosen = app.act(&visit.caller, move |cx| ops::orgs::set_default(cx, &org)).await;
    visit.settle("/console/account", chosen.map(|org| format!("Your default organization is {}.", org.name)))
}
