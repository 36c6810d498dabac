//! What is done to a team: members added, changed and removed, invitations withdrawn, settings saved.

use super::conflict::{self, Edit, Place};
use super::page::frame::Section;
use super::page::parts::Undo;
use super::review::{self, Question};
use super::teams::page;
use super::visit::{Fields, Instance, Visit, to_sign_in};
use super::words;
use crate::error::{Code, Error, Kind, Result};
use crate::http::reply;
use crate::model::InviteId;
use crate::model::role::TeamRole;
use crate::ops;
use crate::ops::edits::Thing;
use crate::ops::teams::{Invited, TeamChange};
use crate::ops::what_if::Scope;
use crate::policy::Held;
use actix_web::{HttpRequest, HttpResponse, web};

/// The tab again with the error in place, or the error page where the team itself is out of reach.
pub fn again(
    app: &Instance,
    visit: &Visit,
    team: &str,
    tab: &'static str,
    fields: &Fields,
    error: Error,
) -> Result<HttpResponse> {
    if error.kind() == Kind::Denied || !reply::status(&error).is_client_error() {
        return Err(error);
    }
    match page(app, visit, &Fields::default(), team, tab, Some((fields, &error))) {
        Ok(page) => visit.again(&page, &error),
        Err(_) => Err(error),
    }
}

/// `POST /{team}/members`: adds somebody, or invites an address that nobody has yet.
pub async fn add(
    app: Instance,
    request: HttpRequest,
    team: web::Path<String>,
    body: web::Bytes,
) -> Result<HttpResponse> {
    let fields = Fields::parse(&body);
    let Some(visit) = Visit::posted(&app, &request, &fields)? else { return Ok(to_sign_in(&request)) };
    match try_add(&app, &visit, &team, &fields).await {
        Ok(response) => Ok(response),
        Err(error) => again(&app, &visit, &team, "members", &fields, error),
    }
}

async fn try_add(app: &Instance, visit: &Visit, team: &str, fields: &Fields) -> Result<HttpResponse> {
    let who = fields.text("who").to_owned();
    if who.is_empty() {
        return Err(Error::invalid("Enter a username or an e-mail address."));
    }
    let role = fields.text("role").to_owned();
    let of = format!("/{team}/members");
    // Without the box in the form nothing is mailed; a form of before had none.
    let mail = fields.get("mail") == "on";
    let (invited, link) = app.invite_to_team(&visit.caller, team, &who, &role, mail).await?;
    match invited {
        Invited::Added(user, membership, held) if membership.since_at < visit.now => {
            visit.done(&of, format!("{} was in {team} already, as {}.", user.username, held.label()))
        }
        Invited::Added(user, _, held) => {
            let undo = Undo { action: format!("{of}/{}/remove", user.username), fields: vec![] };
            let said = format!("{} is in {team} now, as {}.", user.username, held.label());
            visit.done_with_undo(&of, said, undo)
        }
        Invited::Pending(waiting) => {
            let mut shown = page(app, visit, &Fields::default(), team, "members", None)?;
            shown.sent = Some(super::invitations::sent(&waiting, link));
            visit.html(&shown)
        }
    }
}

/// `POST /{team}/members/{username}/role`.
pub async fn set_role(
    app: Instance,
    request: HttpRequest,
    parts: web::Path<(String, String)>,
    body: web::Bytes,
) -> Result<HttpResponse> {
    let (team, name) = parts.into_inner();
    let fields = Fields::parse(&body);
    let Some(visit) = Visit::posted(&app, &request, &fields)? else { return Ok(to_sign_in(&request)) };
    match try_set_role(&app, &visit, &team, &name, &fields).await {
        Ok(response) => Ok(response),
        Err(error) => again(&app, &visit, &team, "members", &Fields::default(), error),
    }
}

async fn try_set_role(app: &Instance, visit: &Visit, team: &str, name: &str, fields: &Fields) -> Result<HttpResponse> {
    let role = fields.text("role").to_owned();
    let (of, was) = (format!("/{team}/members"), role_of(app, visit, team, name)?);
    let (to, who) = (team.to_owned(), name.to_owned());
    if !review::is_sure(fields)
        && let Some(scope) = scope(app, visit, team, name)?
    {
        let question = Question {
            scope,
            title: format!("Make {name} {role} in {team}?"),
            text: "A team role counts in the team and in every project of it that has no other role for the person."
                .to_owned(),
            button: "Change the role".to_owned(),
            danger: false,
            action: format!("{of}/{name}/role"),
            back: format!("{of}?of={}&role={}", words::encoded(name), words::encoded(fields.text("role"))),
            section: Section::Teams,
            crumbs: vec![(team.to_owned(), format!("/{team}")), ("Members".to_owned(), of)],
        };
        let change = move |cx: &mut ops::Acting| ops::teams::set_role(cx, &to, &who, &role).map(drop);
        return review::ask(app, visit, question, fields, change).await;
    }
    let held = app.act(&visit.caller, move |cx| ops::teams::set_role(cx, &to, &who, &role)).await?;
    let said = format!("{name} is {} in {team} now.", held.label());
    match was.filter(|was| was.role != held.role) {
        None => visit.done(&of, said),
        Some(was) => {
            let fields = review::undo(vec![("role", was.label().to_owned())]);
            visit.done_with_undo(&of, said, Undo { action: format!("{of}/{name}/role"), fields })
        }
    }
}

/// The member and the team, as far as the asker sees them; none leaves the refusal to the change itself.
fn scope(app: &Instance, visit: &Visit, team: &str, name: &str) -> Result<Option<Scope>> {
    app.ask(&visit.caller, |cx| {
        let team = ops::teams::get(cx, team)?;
        let found = ops::lists::member(cx, &team, name)?;
        Ok(found.map(|(user, ..)| Scope::Member(team.id, user.id)))
    })
}

/// The role a member has now, for the undo.
fn role_of(app: &Instance, visit: &Visit, team: &str, name: &str) -> Result<Option<Held>> {
    app.ask(&visit.caller, |cx| Ok(ops::lists::member(cx, &ops::teams::get(cx, team)?, name)?.map(|(_, _, held)| held)))
}

/// `POST /{team}/members/{username}/remove`.
pub async fn remove(
    app: Instance,
    request: HttpRequest,
    parts: web::Path<(String, String)>,
    body: web::Bytes,
) -> Result<HttpResponse> {
    let (team, name) = parts.into_inner();
    let fields = Fields::parse(&body);
    let Some(visit) = Visit::posted(&app, &request, &fields)? else { return Ok(to_sign_in(&request)) };
    match try_remove(&app, &visit, &team, &name, &fields).await {
        Ok(response) => Ok(response),
        Err(error) => again(&app, &visit, &team, "members", &Fields::default(), error),
    }
}

async fn try_remove(app: &Instance, visit: &Visit, team: &str, name: &str, fields: &Fields) -> Result<HttpResponse> {
    let was = role_of(app, visit, team, name)?;
    let (of, who, home) = (team.to_owned(), name.to_owned(), format!("/{team}/members"));
    let is_service = matches!(was, Some(Held { role: TeamRole::Service, .. }));
    if !review::is_sure(fields)
        && let Some(scope) = scope(app, visit, team, name)?
    {
        let question = Question {
            scope,
            title: format!("Remove {name} from {team}?"),
            text: if is_service {
                "A service account exists for its team only: it is deleted, and its keys with it.".to_owned()
            } else {
                "Their runs stay. Added again, they start from the team role, without invitations and project roles."
                    .to_owned()
            },
            button: format!("Remove {name}"),
            danger: true,
            action: format!("{home}/{name}/remove"),
            back: if is_service { format!("/{team}/service-accounts") } else { home.clone() },
            section: Section::Teams,
            crumbs: vec![(team.to_owned(), format!("/{team}")), ("Members".to_owned(), home)],
        };
        let change = move |cx: &mut ops::Acting| ops::teams::remove_member(cx, &of, &who);
        return review::ask(app, visit, question, fields, change).await;
    }
    app.act(&visit.caller, move |cx| ops::teams::remove_member(cx, &of, &who)).await?;
    let said = format!("{name} is no longer in {team}.");
    match was {
        // Who leaves by their own hand may not see the team any more.
        _ if name == visit.me.username && !visit.is_admin => visit.done("/console/teams", said),
        None | Some(Held { role: TeamRole::Service, .. }) => {
            visit.done(&format!("/{team}/service-accounts"), format!("{name} is deleted, and its keys with it."))
        }
        Some(role) => {
            let fields = vec![("who".to_owned(), name.to_owned()), ("role".to_owned(), role.label().to_owned())];
            visit.done_with_undo(&home, said, Undo { action: home.clone(), fields })
        }
    }
}

/// `POST /{team}/members/invitations/{id}/withdraw`.
pub async fn withdraw(
    app: Instance,
    request: HttpRequest,
    parts: web::Path<(String, u64)>,
    body: web::Bytes,
) -> Result<HttpResponse> {
    let (team, id) = parts.into_inner();
    let fields = Fields::parse(&body);
    let Some(visit) = Visit::posted(&app, &request, &fields)? else { return Ok(to_sign_in(&request)) };
    let of = team.clone();
    let outcome = app.act(&visit.caller, move |cx| ops::teams::withdraw(cx, &of, InviteId(id))).await;
    visit.settle(&format!("/{team}/members"), outcome.map(|()| "The invitation is withdrawn.".to_owned()))
}

/// `POST /{team}/members/invitations/{id}/{what}`: sends one again by mail (`resend`), or makes a link to hand over (`link`).
pub async fn resend(
    app: Instance,
    request: HttpRequest,
    parts: web::Path<(String, u64, String)>,
    body: web::Bytes,
) -> Result<HttpResponse> {
    let (team, id, what) = parts.into_inner();
    let fields = Fields::parse(&body);
    let Some(visit) = Visit::posted(&app, &request, &fields)? else { return Ok(to_sign_in(&request)) };
    if !matches!(what.as_str(), "resend" | "link") {
        return Err(Error::not_found("There is no such action."));
    }
    match app.resend(&visit.caller, InviteId(id), what == "resend").await {
        Ok((waiting, link)) => {
            let mut shown = page(&app, &visit, &Fields::default(), &team, "members", None)?;
            shown.sent = Some(super::invitations::sent(&waiting, link));
            visit.html(&shown)
        }
        Err(error) => visit.settle(&format!("/{team}/members"), Err(error)),
    }
}

/// `POST /{team}/settings`.
pub async fn save(
    app: Instance,
    request: HttpRequest,
    team: web::Path<String>,
    body: web::Bytes,
) -> Result<HttpResponse> {
    let fields = Fields::parse(&body);
    let Some(visit) = Visit::posted(&app, &request, &fields)? else { return Ok(to_sign_in(&request)) };
    // A switch that the organization holds was not in the form as one, and stays as it is stored.
    let org = app.ask(&visit.caller, |cx| ops::settings::org(cx))?;
    let switch = |name: &str, held: bool| (!held && !fields.get("whole").is_empty()).then(|| fields.get(name) == "on");
    let change = TeamChange {
        name: Some(fields.text("name").to_owned()),
        description: Some(fields.text("about").to_owned()),
        private_projects: switch("private", org.private_projects),
        members_invite: switch("invite", org.admins_invite),
        recommended: switch("recommended", false),
        default_role: fields.optional("default-role"),
        storage: fields.optional("storage"),
    };
    let of = team.clone();
    let edit = Edit::of(Thing::Team(team.clone()), &fields);
    match app.act(&visit.caller, edit.guarding(move |cx| ops::teams::update(cx, &of, &change))).await {
        Ok(changed) => {
            let home = format!("/{}/settings", changed.name);
            let undo = edit.undo(&home, &[("whole", "yes")]);
            visit.done_or_undo(&home, format!("The settings of {} are saved.", changed.name), undo)
        }
        Err(error) if error.code() == Code::StaleVersion => {
            let home = format!("/{team}/settings");
            let place = Place {
                what: format!("The settings of {team}"),
                action: home.clone(),
                back: home.clone(),
                section: Section::Teams,
                crumbs: vec![(team.clone(), format!("/{team}")), ("Settings".to_owned(), home)],
            };
            conflict::page(&app, &visit, &edit, &fields, place, error)
        }
        Err(error) => again(&app, &visit, &team, "settings", &fields, error),
    }
}

/// `POST /{team}/settings/delete`.
pub async fn delete(
    app: Instance,
    request: HttpRequest,
    team: web::Path<String>,
    body: web::Bytes,
) -> Result<HttpResponse> {
    let fields = Fields::parse(&body);
    let Some(visit) = Visit::posted(&app, &request, &fields)? else { return Ok(to_sign_in(&request)) };
    let settings = format!("/{team}/settings");
    if fields.text("sure") != team.as_str() {
        let error = Error::invalid(format!("Nothing was deleted: '{team}' was not typed."));
        return visit.refused(&settings, &error);
    }
    let of = team.clone();
    match app.act(&visit.caller, move |cx| ops::teams::delete(cx, &of)).await {
        Ok(()) => visit.done("/console/teams", format!("{team} is deleted. The name is free again.")),
        Err(error) => visit.settle(&settings, Err(error)),
    }
}
