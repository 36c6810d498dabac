//! The console: server-rendered pages over the use-cases. Handlers ask `ops` and fill the structs of [`page`]; forms post
//! to `ops` and answer with a redirect and a flash, or show themselves again with the error in place. Nothing is decided
//! here, and nothing is shown that an op did not return. Next: `page` for what pages show, then a handler file per area.

mod account;
mod area;
mod arrive;
mod audit;
mod company;
mod conflict;
mod dashboard;
mod domains;
mod entry;
mod factors;
mod home;
mod invitations;
mod issuers;
mod keys;
mod mail;
mod manual;
mod members;
mod organization;
mod organizations;
pub mod page;
pub mod pasted;
mod people;
mod person;
mod plot;
mod project;
mod project_access;
mod project_change;
mod projects;
mod provisioning;
mod review;
mod roles;
mod run;
mod runs;
mod second;
mod services;
mod sign_in_settings;
mod teams;
mod visit;
mod why;
mod words;

use crate::model::name;
use crate::ops::paging::{self, Turn};
use actix_web::{guard, web};
use askama::Template;
use page::list::{Column, List, PAGE, Place};

pub use plot::SIZE as PLOT_SIZE;
pub use review::SURE;

/// Every page and form. The addresses of teams and projects catch whatever is left, so this comes last.
pub fn routes(routes: &mut web::ServiceConfig) {
    let page = web::resource::<&str>;
    routes
        .service(page("/").get(home::home))
        .service(page("/home").get(home::home))
        .service(page("/login").get(entry::sign_in).post(entry::sign_in_post))
        .service(page("/login/second").get(second::show).post(second::by_code))
        .service(page("/login/second/begin").post(second::begin))
        .service(page("/login/second/passkey").post(second::by_passkey))
        .service(page("/login/passkey").post(second::alone))
        .service(page("/login/passkey/begin").post(second::begin_alone))
        .service(page("/logout").get(company::sign_out).post(company::sign_out_post))
        .service(page("/oidc/login").get(company::begin))
        .service(page("/oidc/link").post(company::link))
        .service(page("/oidc/callback").get(company::callback).post(company::callback_post))
        .service(page("/oidc/backchannel-logout").post(company::backchannel))
        .service(page("/invite").get(arrive::invitation).post(arrive::accept))
        .service(page("/invite/decline").post(arrive::decline))
        .service(page("/signup").get(arrive::sign_up).post(arrive::sign_up_post))
        .service(page("/signup/confirm").get(arrive::confirm).post(arrive::confirm_post))
        .service(page("/setup").get(entry::setup).post(entry::setup_post))
        .service(page("/setup/done").get(entry::setup_done))
        .service(page("/authorize").get(account::keys).post(account::create_key))
        .service(page("/org/dashboard").get(dashboard::show))
        .service(page("/org/dashboard/users").get(people::list))
        .service(page("/org/dashboard/service-accounts").get(services::show).post(services::create))
        .service(page("/console/keys").get(keys::show))
        .service(page("/console/keys/{what}").post(keys::change))
        .service(page("/console/theme").post(entry::set_theme))
        .service(page("/console/switch").post(organizations::switch))
        .service(page("/console/organizations").get(organizations::show).post(organizations::create))
        .service(page("/console/search").get(home::search))
        .service(page("/console/manual").get(manual::index))
        .service(page("/console/manual/{chapter}").get(manual::chapter))
        .service(page("/console/settings").get(home::settings))
        .service(page("/console/settings/organization").post(organization::save))
        .service(page("/console/settings/{form}").get(sign_in_settings::show).post(sign_in_settings::save))
        .service(page("/system-admin").get(sign_in_settings::system_admin))
        .service(page("/console/organization").get(organization::show))
        .service(page("/console/organization/domains").get(domains::show).post(domains::claim))
        .service(page("/console/organization/domains/{domain}/{what}").post(domains::change))
        .service(page("/console/mail").get(mail::show))
        .service(page("/console/mail/{id}/again").post(mail::again))
        .service(page("/console/invitations").get(invitations::list).post(invitations::create))
        .service(page("/console/invitations/bulk").get(invitations::bulk).post(invitations::bulk_post))
        .service(page("/console/invitations/{id}/{what}").post(invitations::change))
        .service(page("/console/provisioning").get(provisioning::show).post(provisioning::create))
        .service(page("/console/provisioning/adoption").post(provisioning::adoption))
        .service(page("/console/provisioning/team").post(provisioning::team))
        .service(page("/console/provisioning/connections/{id}/{what}").post(provisioning::connection))
        .service(page("/console/provisioning/held/{id}/{what}").post(provisioning::held))
        .service(page("/console/issuers").get(issuers::list).post(issuers::add))
        .service(page("/console/issuers/{id}").get(issuers::show))
        .service(page("/console/issuers/{id}/{what}").post(issuers::change))
        .service(page("/console/roles").get(roles::list))
        .service(page("/console/roles/new").get(roles::new).post(roles::create))
        .service(page("/console/roles/permissions").get(roles::permissions))
        .service(page("/console/roles/{role}").get(roles::show).post(roles::save))
        .service(page("/console/roles/{role}/delete").post(roles::delete))
        .service(page("/console/account").get(account::profile).post(account::save))
        .service(page("/console/account/password").get(account::password).post(account::change_password))
        .service(page("/console/account/factors").get(factors::show))
        .service(page("/console/account/factors/passkey").post(factors::add_passkey))
        .service(page("/console/account/factors/passkey/begin").post(factors::begin_passkey))
        .service(page("/console/account/factors/app").post(factors::begin_app))
        .service(page("/console/account/factors/app/confirm").post(factors::add_app))
        .service(page("/console/account/factors/recovery").post(factors::recovery))
        .service(page("/console/account/factors/remove").post(factors::remove))
        .service(page("/console/account/organization").post(organizations::choose))
        .service(page("/console/account/revoke-key").post(account::revoke_key))
        .service(page("/console/account/replace-key").post(account::replace_key))
        .service(page("/console/account/end-session").post(account::end_session))
        .service(page("/console/account/unlink").post(account::unlink))
        .service(page("/console/account/end-others").post(account::end_others))
        .service(page("/console/users").get(people::list))
        .service(page("/console/users/new").get(people::new).post(people::create))
        .service(page("/console/users/bulk").post(people::bulk))
        .service(page("/console/users/{user}").get(person::overview))
        .service(page("/console/users/{user}/credentials").get(person::credentials))
        .service(page("/console/users/{user}/{what}").post(person::change))
        .service(page("/console/teams").get(teams::list))
        .service(page("/console/teams/join").post(domains::join))
        .service(page("/console/teams/new").get(teams::new).post(teams::create))
        .service(page("/console/projects").get(projects::list))
        .service(page("/console/projects/new").get(projects::new).post(projects::create))
        .service(page("/console/audit").get(audit::list))
        .service(page("/console/audit/{id}").get(audit::event))
        .service(page("/console/why").get(why::show));
    of_teams(routes);
}

/// Pages whose first part is the name of a team or person. Names that are paths of the server cannot be taken, so those
/// paths never come here: an address of another surface that nothing serves stays absent instead of asking for a sign-in.
fn of_teams(routes: &mut web::ServiceConfig) {
    let page = web::resource::<&str>;
    let is_name = guard::fn_guard(|context| {
        let first = context.head().uri.path().split('/').nth(1).unwrap_or_default();
        first.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
            && !name::RESERVED.contains(&name::fold(first).as_str())
    });
    routes.service(
        web::scope("")
            .guard(is_name)
            .service(page("/{team}").get(teams::overview))
            .service(page("/{team}/projects").get(teams::projects_tab))
            .service(page("/{team}/members").get(teams::members_tab).post(members::add))
            .service(page("/{team}/service-accounts").get(teams::services_tab).post(services::create_of_team))
            .service(page("/{team}/settings").get(teams::settings_tab).post(members::save))
            .service(page("/{team}/settings/delete").post(members::delete))
            .service(page("/{team}/members/{user}/role").post(members::set_role))
            .service(page("/{team}/members/{user}/remove").post(members::remove))
            .service(page("/{team}/members/invitations/{id}/withdraw").post(members::withdraw))
            .service(page("/{team}/members/invitations/{id}/{what}").post(members::resend))
            .service(page("/{team}/{project}").get(project::overview))
            .service(page("/{team}/{project}/access").get(project::access))
            .service(page("/{team}/{project}/settings").get(project::settings))
            .service(page("/{team}/{project}/runs").get(runs::list))
            .service(page("/{team}/{project}/runs/{run}").get(run::overview))
            .service(page("/{team}/{project}/runs/{run}/logs").get(run::logs))
            .service(page("/{team}/{project}/runs/{run}/files").get(run::files))
            .service(page("/{team}/{project}/runs/{run}/{what}").post(runs::change))
            .service(page("/{team}/{project}/{what}").post(project_change::change))
            .service(page("/{team}/{project}/members/{user}/remove").post(project_change::uninvite))
            .service(page("/{team}/{project}/members/{user}/role").post(project_change::set_role)),
    );
}

/// The line that signs the wandb client in here.
fn login_line(base_url: &str) -> String {
    format!("wandb login --host {base_url}")
}

/// A list's state as the address carries it.
fn list_from(
    query: &visit::Fields,
    action: &str,
    noun: &'static str,
    columns: Vec<Column>,
    order: &'static str,
) -> List {
    let wanted = query.text("sort");
    let known = columns.iter().any(|column| !column.key.is_empty() && column.key == wanted.trim_start_matches('-'));
    List {
        action: action.to_owned(),
        q: query.text("q").chars().take(100).collect(),
        sort: if known { wanted } else { order }.to_owned(),
        page: query.text("page").parse().unwrap_or(1),
        at: match (query.optional("after"), query.optional("before")) {
            (Some(place), _) => Some(Place::After(place)),
            (None, place) => place.map(Place::Before),
        },
        noun,
        columns,
        ..List::default()
    }
}

/// The page of a list that the address asks for by its place.
fn turn(list: &List) -> crate::error::Result<Turn> {
    let (at, back) = match &list.at {
        Some(Place::After(place)) => (Some(place.parse()?), false),
        Some(Place::Before(place)) => (Some(place.parse()?), true),
        None => (None, false),
    };
    Ok(Turn { at, back, limit: PAGE })
}

/// Puts a page that came by its place into a list; `total` where it is known.
fn turned<T>(list: &mut List, page: paging::Page<T>, total: Option<usize>) -> Vec<T> {
    let place = |at: Option<crate::store::Cursor>| at.map(|place| place.to_string());
    list.set_page(page.items.len(), place(page.previous), place(page.next), total);
    page.items
}

/// Address of an asset, under the name that carries its content's hash.
#[must_use]
pub fn asset(name: &str) -> &'static str {
    crate::http::assets::url(name)
}

/// Address of the reasons why whoever is signed in may, or may not, do `action` on `resource`.
#[must_use]
pub fn why(action: &str, resource: &str) -> String {
    why::link("", action, resource)
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
