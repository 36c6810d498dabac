//! Invitations of the organization: the list with the form, sending again, withdrawing, and many at once from a pasted list
//! with a preview first. The rules are in `ops::invitations`.

use super::page::frame::Section;
use super::page::invitations::{Bulk, Invitations, Line, Row, Sent};
use super::page::list::{Column, PAGE};
use super::page::parts::{Choice, Field, Mark, org_roles};
use super::visit::{Fields, Instance, Visit, to_sign_in};
use super::{roles, teams, words};
use crate::error::{Error, Kind, Result};
use crate::http::reply;
use crate::model::InviteId;
use crate::model::mail::MailState;
use crate::model::role::{Action, OrgRole};
use crate::ops;
use crate::ops::invitations::{AT_ONCE, Described, Waiting, Wanted, Welcomed};
use crate::policy::Resource;
use crate::store::Range;
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
        vouched: waiting.invite.vouched,
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
        list.total = ops::invitations::count(cx, &list.q, 100_000)?;
        list.page = list.page.clamp(1, list.pages());
        let range = Range::all().skip((list.page - 1) * PAGE).limit(PAGE);
        let rows = ops::invitations::list(cx, &list.q, range)?.items;
        let chosen = form.map(|(fields, _)| fields.all("team")).unwrap_or_default();
        let role = typed("role");
        let all = teams::visible(cx, visit)?;
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
                .take(200)
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

/// The lines of a pasted list: an address each, or columns `email, role, teams, team role`, divided by commas, semicolons or
/// tabs; a first line that names the columns gives their order. Teams are divided by `|` or blanks. With each the number of
/// its line, and what is wrong with it.
fn read(text: &str) -> Vec<(usize, Wanted, String)> {
    let text = text.trim_start_matches('\u{feff}');
    let mut order = ["email", "role", "teams", "team role"].map(str::to_owned).to_vec();
    let mut out = vec![];
    for (number, line) in text.lines().enumerate() {
        let cells = cells(line);
        if cells.iter().all(|cell| cell.is_empty()) {
            continue;
        }
        let named: Vec<String> = cells.iter().map(|c| c.to_lowercase().replace(['_', '-'], " ")).collect();
        if out.is_empty() && named.iter().any(|c| matches!(c.as_str(), "email" | "e mail" | "mail")) {
            order = named.into_iter().map(|c| if c.contains("mail") { "email".to_owned() } else { c }).collect();
            continue;
        }
        let cell = |name: &str| {
            let at = order.iter().position(|c| c == name || (name == "teams" && c == "team"));
            at.and_then(|at| cells.get(at)).map(|c| c.trim().to_owned()).unwrap_or_default()
        };
        let role = cell("role").to_lowercase();
        let who = cell("email");
        // `Ana <ana@example.com>`, as mail programs copy it.
        let who = match (who.rfind('<'), who.ends_with('>')) {
            (Some(at), true) => who[at + 1..who.len() - 1].to_owned(),
            _ => who,
        };
        let (org_role, problem) = match (role.is_empty(), OrgRole::parse(&role)) {
            (true, _) => (None, String::new()),
            (false, Ok(role)) => (Some(role), String::new()),
            (false, Err(error)) => (None, error.sentence()),
        };
        let wanted = Wanted {
            who,
            org_role,
            teams: cell("teams").split(['|', ' ']).filter(|t| !t.is_empty()).map(str::to_owned).collect(),
            team_role: cell("team role"),
        };
        out.push((number + 1, wanted, problem));
    }
    out
}

/// The cells of a line, with `"` around those that hold the divider.
fn cells(line: &str) -> Vec<String> {
    let by = ['\t', ';', ','].into_iter().find(|by| line.contains(*by)).unwrap_or(',');
    let (mut out, mut cell, mut quoted, mut chars) = (vec![], String::new(), false, line.chars().peekable());
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                cell.push('"');
                chars.next();
            }
            '"' => quoted = !quoted,
            c if c == by && !quoted => out.push(std::mem::take(&mut cell).trim().to_owned()),
            c => cell.push(c),
        }
    }
    out.push(cell.trim().to_owned());
    out
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
    let wanted = read(text);
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

#[cfg(test)]
mod tests {
    use super::read;
    use crate::model::role::OrgRole;

    #[test]
    fn lists_are_read_however_they_were_pasted() {
        let plain = read("ana@example.com\r\n\r\n Ben <ben@example.com>\n");
        assert_eq!(
            plain.iter().map(|(n, w, _)| (*n, w.who.as_str())).collect::<Vec<_>>(),
            [(1, "ana@example.com"), (3, "ben@example.com")]
        );
        let columns = read(
            "\u{feff}Role;E-Mail;Teams;Team role\nadmin;cleo@example.com;\"acme|lab\";viewer\n;dora@example.com;;",
        );
        let (_, cleo, _) = &columns[0];
        assert_eq!((cleo.who.as_str(), cleo.org_role), ("cleo@example.com", Some(OrgRole::Admin)));
        assert_eq!((cleo.teams.len(), cleo.team_role.as_str()), (2, "viewer"));
        assert_eq!((columns[1].1.who.as_str(), columns[1].1.org_role), ("dora@example.com", None));
        let tabs = read("eva@example.com\tviewer\tacme\n\"quoted \"\"name\"\"\"\t\n");
        assert_eq!(tabs[0].1.org_role, Some(OrgRole::Viewer));
        assert_eq!(tabs[1].1.who, "quoted \"name\"");
        assert!(read("\n \n,,\n").is_empty());
        assert!(!read("fay@example.com,boss")[0].2.is_empty(), "an unknown role is no role at all");
        for strange in ["\u{0}\u{1}", "\"", "\"\"\"", "研究,研究", &",".repeat(10_000)] {
            read(strange);
        }
    }
}
