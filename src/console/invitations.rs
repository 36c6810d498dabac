//! Invitations of the organization: the list with the form, sending again, withdrawing, and many at once from a pasted list
//! with a preview first. The rules are in `ops::invitations`.

use super::page::frame::Section;
use super::page::invitations::{Bulk, Invitations, Line, Row, Sent};
use super::page::list::Column;
use super::page::parts::{Choice, Field, Mark, org_roles};
use super::visit::{Fields, Instance, Visit, to_sign_in};
use super::{pasted, roles, teams, words};
use crate::error::{Error, Kind, Result};
use crate::http::reply;
use crate::model::InviteId;
use crate::model::mail::MailState;
use crate::model::role::{Action, OrgRole};
use crate::ops;
use crate::ops::invitations::{AT_ONCE, Described, Waiting, Wanted, Welcomed};
use crate::policy::Resource;
use actix_web::{HttpRequest, HttpResponse, web};

/// Where they are listed.
pub const HOME: &str = "/console/invitations";
/// The longest pasted list, in bytes.
const TEXT_MAX: usize = 200_000;

/// What was just sent, as pages show it.
pub fn sent(waiting: &Waiting, link: Option<String>) -> Sent {
    Sent {
        email: waiting.invite.email.clone(),
        link: link.unwrap_or_default(),
        mailed: waiting.mailed,
        until: words::on_day(waiting.invite.expires_at),
        vouched: waiting.proves,
    }
}

/// How far a mail came, as a mark.
pub fn mail_mark(state: MailState) -> Mark {
    Mark::mail(state.as_str())
}

fn row(visit: &Visit, described: Described) -> Row {
    let Described { invite, teams, held, by, mail } = described;
    let is_over = invite.is_over(visit.now);
    Row {
        id: invite.id.0,
        role: invite.team.is_none().then(|| Mark::role(invite.org_role.as_str())),
        team_role: (!teams.is_empty()).then(|| Mark::role(held.label())),
        teams,
        by: by.unwrap_or_default(),
        at: words::stamp(invite.created_at, visit.now),
        state: Mark::invitation(is_over, invite.token.is_empty()),
        mail: mail.as_ref().map(|(state, _)| mail_mark(*state)),
        answer: mail
            .map(|(state, answer)| if state == MailState::Sent { String::new() } else { answer })
            .unwrap_or_default(),
        email: invite.email,
    }
}

fn page(
    app: &Instance,
    visit: &Visit,
    query: &Fields,
    form: Option<(&Fields, &Error)>,
    just: Option<Sent>,
) -> Result<Invitations> {
    let columns = vec![
        Column::plain("E-mail"),
        Column::plain("Role"),
        Column::plain("Teams"),
        Column::plain("Invited"),
        Column::plain("State"),
        Column::quiet("Actions"),
    ];
    let mut list = super::list_from(query, HOME, "invitations", columns, "");
    let typed = |name: &str| form.map(|(fields, _)| fields.get(name).to_owned()).unwrap_or_default();
    let has_mail = app.has_mail();
    app.ask(&visit.caller, |cx| {
        let total = if list.q.is_empty() { Some(ops::invitations::count(cx)?) } else { None };
        let found = ops::invitations::list(cx, &list.q, &super::turn(&list)?)?;
        let rows = super::turned(&mut list, found, total);
        let chosen = form.map(|(fields, _)| fields.all("team")).unwrap_or_default();
        let role = typed("role");
        let all = teams::offered(cx, visit)?;
        let wrong = form.map(|(_, error)| error.sentence()).unwrap_or_default();
        Ok(Invitations {
            frame: visit
                .frame("Invitations", Section::People)
                .crumb("People", "/console/users")
                .crumb("Invitations", ""),
            area: super::area::of(visit, HOME),
            rows: rows.into_iter().map(|described| row(visit, described)).collect(),
            sent: just,
            fields: vec![
                Field::text("who", "E-mail or username")
                    .help("Somebody of the organization joins the teams at once; a newcomer gets an invitation.")
                    .value(&typed("who"))
                    .wrong(&wrong),
            ],
            roles: org_roles(if role.is_empty() { "member" } else { &role }),
            teams: all
                .into_iter()
                .map(|team| Choice {
                    chosen: chosen.contains(&team.name),
                    value: team.name.clone(),
                    label: team.name,
                    ..Choice::default()
                })
                .collect(),
            team_roles: roles::choices(
                cx,
                visit,
                &if form.is_some() { typed("team_role") } else { "member".to_owned() },
            )?,
            has_mail,
            mail: has_mail && form.is_none_or(|(fields, _)| fields.get("mail") == "on"),
            can_invite: cx.can(Action::UserInvite, Resource::Org(visit.org))?,
            problem: String::new(),
            list,
        })
    })
}

/// `GET /console/invitations`.
pub async fn list(app: Instance, request: HttpRequest) -> Result<HttpResponse> {
    let Some(visit) = Visit::open(&app, &request)? else { return Ok(to_sign_in(&request)) };
    visit.html(&page(&app, &visit, &Fields::query(&request), None, None)?)
}

fn said(welcomed: &Welcomed) -> String {
    match welcomed {
        Welcomed::Added(user, joined) if joined.is_empty() => {
            format!("{} is in the organization already; nothing changed.", user.username)
        }
        Welcomed::Added(user, joined) => format!("{} is in {} now.", user.username, joined.join(", ")),
        Welcomed::Waits(invite) => {
            format!("{} is invited already. Send the invitation again below, or withdraw it.", invite.email)
        }
        Welcomed::Pending(waiting) => format!("{} is invited.", waiting.invite.email),
    }
}

/// `POST /console/invitations`.
pub async fn create(app: Instance, request: HttpRequest, body: web::Bytes) -> Result<HttpResponse> {
    let fields = Fields::parse(&body);
    let Some(visit) = Visit::posted(&app, &request, &fields)? else { return Ok(to_sign_in(&request)) };
    let none = Fields::default();
    match try_create(&app, &visit, &fields).await {
        Ok((Welcomed::Pending(waiting), link)) => {
            visit.html(&page(&app, &visit, &none, None, Some(sent(&waiting, link)))?)
        }
        Ok((welcomed, _)) => visit.done(HOME, said(&welcomed)),
        Err(error) if error.kind() == Kind::Denied || !reply::status(&error).is_client_error() => Err(error),
        Err(error) => visit.again(&page(&app, &visit, &none, Some((&fields, &error)), None)?, &error),
    }
}

async fn try_create(app: &Instance, visit: &Visit, fields: &Fields) -> Result<(Welcomed, Option<String>)> {
    let wanted = Wanted {
        who: fields.text("who").to_owned(),
        org_role: fields.optional("role").map(|role| OrgRole::parse(&role)).transpose()?,
        teams: fields.all("team"),
        team_role: fields.text("team_role").to_owned(),
    };
    if wanted.who.is_empty() {
        return Err(Error::invalid("Enter an e-mail address or a username."));
    }
    app.invite(&visit.caller, wanted, fields.get("mail") == "on").await
}

/// `POST /console/invitations/{id}/{what}`: sends again or withdraws.
pub async fn change(
    app: Instance,
    request: HttpRequest,
    parts: web::Path<(u64, String)>,
    body: web::Bytes,
) -> Result<HttpResponse> {
    let (id, what) = parts.into_inner();
    let fields = Fields::parse(&body);
    let Some(visit) = Visit::posted(&app, &request, &fields)? else { return Ok(to_sign_in(&request)) };
    let id = InviteId(id);
    match what.as_str() {
        "resend" | "link" => match app.resend(&visit.caller, id, what == "resend").await {
            Ok((waiting, link)) => {
                let card = sent(&waiting, link);
                visit.html(&page(&app, &visit, &Fields::default(), None, Some(card))?)
            }
            Err(error) => visit.settle(HOME, Err(error)),
        },
        "withdraw" => {
            let gone = app.act(&visit.caller, move |cx| ops::invitations::withdraw(cx, id)).await;
            visit.settle(HOME, gone.map(|invite| format!("The invitation of {} is withdrawn.", invite.email)))
        }
        _ => Err(Error::not_found("There is no such action.")),
    }
}

fn bulk_page(app: &Instance, visit: &Visit, fields: &Fields, first: bool) -> Bulk {
    let has_mail = app.has_mail();
    Bulk {
        frame: visit
            .frame("Invite many", Section::People)
            .crumb("People", "/console/users")
            .crumb("Invitations", HOME)
            .crumb("Invite many", ""),
        text: fields.get("list").to_owned(),
        lines: vec![],
        good: 0,
        done: false,
        has_mail,
        mail: has_mail && (first || fields.get("mail") == "on"),
        most: AT_ONCE,
        problem: String::new(),
    }
}

/// `GET /console/invitations/bulk`.
pub async fn bulk(app: Instance, request: HttpRequest) -> Result<HttpResponse> {
    let Some(visit) = Visit::open(&app, &request)? else { return Ok(to_sign_in(&request)) };
    app.ask(&visit.caller, |cx| cx.allow(Action::UserInvite, Resource::Org(visit.org)).map(drop))?;
    visit.html(&bulk_page(&app, &visit, &Fields::default(), true))
}

/// `POST /console/invitations/bulk`: the preview first, then the same list for good.
pub async fn bulk_post(app: Instance, request: HttpRequest, body: web::Bytes) -> Result<HttpResponse> {
    let fields = Fields::parse(&body);
    let Some(visit) = Visit::posted(&app, &request, &fields)? else { return Ok(to_sign_in(&request)) };
    let done = fields.get("do") == "invite";
    let mut page = bulk_page(&app, &visit, &fields, false);
    match try_bulk(&app, &visit, &fields, done).await {
        Ok(lines) => {
            page.good = lines.iter().filter(|line| line.mark.tone != "danger" && line.mark.tone != "warn").count();
            page.lines = lines;
            page.done = done;
            visit.html(&page)
        }
        Err(error) if error.kind() == Kind::Denied || !reply::status(&error).is_client_error() => Err(error),
        Err(error) => {
            page.problem = error.sentence();
            visit.again(&page, &error)
        }
    }
}

async fn try_bulk(app: &Instance, visit: &Visit, fields: &Fields, done: bool) -> Result<Vec<Line>> {
    let text = fields.get("list");
    if text.len() > TEXT_MAX {
        return Err(Error::new(crate::error::Code::TooLarge, "The list is too long.").hint("Divide it."));
    }
    let wanted = pasted::read(text);
    if wanted.is_empty() {
        return Err(Error::invalid("The list is empty. Paste an address on each line."));
    }
    let good = wanted.iter().filter(|(.., problem)| problem.is_empty()).map(|(_, wanted, _)| wanted.clone()).collect();
    let mut outcomes = app.invite_many(&visit.caller, good, fields.get("mail") == "on", !done).await?.into_iter();
    let lines = wanted.into_iter().map(|(number, wanted, problem)| {
        let role = wanted.org_role.unwrap_or(OrgRole::Member).as_str();
        let teams = if wanted.teams.is_empty() { String::new() } else { format!(", in {}", wanted.teams.join(", ")) };
        let outcome = if problem.is_empty() { outcomes.next() } else { None };
        let (mark, why, link) = match outcome {
            Some((Ok(Welcomed::Pending(_)), link)) => (Mark::will("invited", done), String::new(), link),
            Some((Ok(Welcomed::Added(user, joined)), _)) if joined.is_empty() => {
                (Mark::will("there", done), format!("{} is in the organization already.", user.username), None)
            }
            Some((Ok(Welcomed::Added(user, joined)), _)) => {
                (Mark::will("added", done), format!("{} joins {}.", user.username, joined.join(", ")), None)
            }
            Some((Ok(Welcomed::Waits(_)), _)) => (Mark::will("waits", done), String::new(), None),
            Some((Err(error), _)) => (Mark::will("refused", done), error.sentence(), None),
            None => (Mark::will("refused", done), problem, None),
        };
        Line {
            number,
            who: wanted.who.chars().take(100).collect(),
            what: format!("{role}{teams}"),
            mark,
            why,
            link: link.unwrap_or_default(),
        }
    });
    Ok(lines.collect())
}
