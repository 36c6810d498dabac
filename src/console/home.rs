//! Home, the search and the settings page. Home shows an admin what needs attention, and everyone their own work.

use super::account::key_rows;
use super::page::draw::{Activity, Day, Series};
use super::page::frame::Section;
use super::page::home::{Attention, Figure, Home, Search, SettingRow, Settings};
use super::page::list::{Column, thousands};
use super::page::parts::{Link, Mark};
use super::visit::{Fields, Instance, Visit, to_sign_in};
use super::{people, projects, teams, words};
use crate::clock::DAY;
use crate::config::settings::Setting;
use crate::error::Result;
use crate::model::audit::DayCounts;
use crate::ops::audit;
use crate::ops::lists::Reaching;
use crate::ops::paging::Turn;
use crate::ops::people::{Asked, Show};
use crate::ops::{self, Asking};
use crate::store::Range;
use actix_web::{HttpRequest, HttpResponse};

/// Days of the activity chart.
const DAYS: u64 = 14;
/// The latest lines.
const EVENTS: usize = 8;
/// Projects in reach that are looked at for the newest ones.
const IN_REACH: usize = 200;
/// Results of a kind that the search shows.
const FOUND: usize = 12;

/// `GET /` and `GET /home`.
pub async fn home(app: Instance, request: HttpRequest) -> Result<HttpResponse> {
    let Some(visit) = Visit::open(&app, &request)? else { return Ok(to_sign_in(&request)) };
    let page = app.ask(&visit.caller, |cx| {
        let in_reach = ops::lists::projects(cx, &Reaching::default(), &Turn::first(IN_REACH))?;
        let reachable = in_reach.items;
        let keys = ops::credentials::list(cx, visit.me.id)?;
        let mut figures = vec![];
        let mut figure = |number: usize, one: &'static str, many: &'static str, href: &'static str| {
            figures.push(Figure { number: thousands(number), word: if number == 1 { one } else { many }, href });
        };
        let (mut events, mut attention, mut activity) = (vec![], vec![], Activity::default());
        if visit.is_admin {
            figure(ops::people::total(cx, Show::Everyone)?, "person", "people", "/console/users");
            figure(ops::teams::count(cx)?, "team", "teams", "/console/teams");
            events = audit::search(cx, &audit::Search { limit: EVENTS, ..audit::Search::default() })?.items;
            attention = needs_attention(cx, &visit)?;
            activity = changes_and_denials(&audit::days(cx, DAYS)?);
        } else {
            figure(visit.teams.len(), "team of mine", "teams of mine", "/console/teams");
        }
        figure(reachable.len(), "project in reach", "projects in reach", "/console/projects");
        if let Some(last) = figures.last_mut().filter(|_| in_reach.next.is_some()) {
            last.number.push('+');
        }
        let mut newest: Vec<_> = reachable.iter().collect();
        newest.sort_by_key(|(_, project)| std::cmp::Reverse(project.created_at));
        let hello = visit.me.name.split_whitespace().next().unwrap_or(&visit.me.username);
        Ok(Home {
            frame: visit.frame("Home", Section::Home),
            hello: hello.to_owned(),
            figures,
            attention,
            activity,
            events: events.iter().map(|e| words::event(e, visit.now, false)).collect(),
            projects: newest.into_iter().take(6).map(|(team, p)| projects::row(team, p, visit.now)).collect(),
            keys: key_rows(cx, &keys, visit.now)?,
            install: "pip install wandb".to_owned(),
            login: super::login_line(&app.base_url),
        })
    })?;
    visit.html(&page)
}

fn needs_attention(cx: &Asking, visit: &Visit) -> Result<Vec<Attention>> {
    let mut out = vec![];
    let mut say = |tone, icon, title: &str, text: String, label: &str, href: &str| {
        let action = Link { label: label.to_owned(), href: href.to_owned() };
        out.push(Attention { tone, icon, title: title.to_owned(), text, action });
    };
    let held: usize = ops::fuse::waiting_count(cx, 100_000)?;
    if held > 0 {
        let text = format!(
            "A directory wanted to take something from too many accounts at once. {} wait for your word; nothing was applied.",
            thousands(held)
        );
        say("danger", "pause", "Changes are held back", text, "Decide", super::provisioning::HOME);
    }
    let wanted = ops::connections::wishes(cx, Range::all().limit(50))?.items.len();
    if wanted > 0 {
        let text = format!("{wanted} local accounts are wanted by an identity provider. You hand them over, or not.");
        say("", "path", "Accounts to hand over", text, "Look at them", super::provisioning::HOME);
    }
    if ops::users::admins(cx)? == 1 {
        say(
            "warn",
            "warn",
            "There is only one administrator",
            "If that person cannot sign in, only the shell of the server helps. Make a second person admin.".to_owned(),
            "Choose someone",
            "/console/users",
        );
    }
    let bare = ops::factors::bare(cx)?;
    if let Some(first) = bare.first() {
        let mine = bare.contains(&visit.me.username);
        let text = format!(
            "{} in by a password and nothing else. A passkey or one-time codes make a stolen password useless.",
            if bare.len() == 1 { format!("{first} gets") } else { format!("{} get", bare.join(", ")) }
        );
        let (label, href) = match mine {
            true => ("Add one", super::factors::HOME.to_owned()),
            false => ("Look", super::person::path(first)),
        };
        say("warn", "key", "Break-glass is a password alone", text, label, &href);
    }
    let failed: u64 = audit::days(cx, 2)?.iter().map(|day| day.failed).sum();
    if failed >= 10 {
        let text = format!("{failed} sign-ins failed since yesterday. Somebody may be guessing passwords.");
        say("warn", "lock", "Many failed sign-ins", text, "Look at them", "/console/audit?kind=failed");
    }
    let keys = ops::credentials::list(cx, visit.me.id)?;
    let idle = keys.iter().filter(|k| k.last.is_none() && k.key.created_at < visit.now - 30 * DAY).count();
    if idle > 0 {
        let text =
            format!("{idle} of your API keys are older than a month and were never used. Revoke what nobody needs.");
        say("", "key", "Unused keys", text, "Look at them", "/authorize");
    }
    let is_new = ops::teams::count(cx)? == 0;
    if is_new {
        let text =
            "People reach projects through teams. Make one, and add the people who share experiments.".to_owned();
        say("", "teams", "There is no team yet", text, "Create a team", "/console/teams/new");
    }
    Ok(out)
}

fn changes_and_denials(days: &[DayCounts]) -> Activity {
    let series = vec![Series { label: "Changes", class: "" }, Series { label: "Denials", class: "no" }];
    chart(series, days, |day| vec![day.sign_ins + day.changes, day.denied + day.failed])
}

/// The counted days as a drawing.
pub fn chart(series: Vec<Series>, days: &[DayCounts], counts: impl Fn(&DayCounts) -> Vec<u64>) -> Activity {
    let day = |of: &DayCounts| Day { label: words::short_date(of.day.cast_signed() * DAY), counts: counts(of) };
    Activity { series, days: days.iter().map(day).collect() }
}

/// Pages that are found by what people call them: title, other words for it, address, whether only admins open it.
const PLACES: [(&str, &str, &str, bool); 25] = [
    ("My account", "profile sessions sign out", "/console/account", false),
    ("My API keys", "token wandb login credential", "/authorize", false),
    ("My password", "change", "/console/account/password", false),
    ("My second factors", "passkey one-time code recovery totp mfa 2fa", "/console/account/factors", false),
    ("Projects", "", "/console/projects", false),
    ("Create a project", "new add", "/console/projects/new", false),
    ("Teams", "groups", "/console/teams", false),
    ("Create a team", "new add group", "/console/teams/new", true),
    ("People", "users members accounts", "/console/users", true),
    ("Create a person", "new add user account", "/console/users/new", true),
    ("Invitations", "invite colleague people", "/console/invitations", true),
    ("Invite many", "bulk csv list invitations", "/console/invitations/bulk", true),
    ("Service accounts", "machines robots", "/org/dashboard/service-accounts", true),
    ("Dashboard", "seats activity sign-ins", "/org/dashboard", true),
    ("Organization", "seats billing rename rules", "/console/organization", true),
    ("Domains", "capture claim newcomers", "/console/organization/domains", true),
    ("Roles", "permissions custom", "/console/roles", true),
    ("Why?", "explain access denied cannot see", "/console/why", false),
    ("Audit", "log events history", "/console/audit", true),
    ("Sign-in settings", "sso oidc openid ldap company directory password", "/console/settings/sign-in", true),
    ("Mail server settings", "smtp e-mail", "/console/settings/mail", true),
    ("Mail", "outbox sent", "/console/mail", true),
    ("Keys nobody uses", "api keys unused", "/console/keys", true),
    ("Provisioning", "scim directory identity provider", "/console/provisioning", true),
    ("JWT issuers", "federation tokens machines ci", "/console/issuers", true),
];

/// The pages that `low`, in lower case, means, for an admin or somebody else.
fn places(low: &str, is_admin: bool) -> Vec<Link> {
    let meant = |title: &str, words: &str| {
        let all = format!("{title} {words}").to_lowercase();
        low.split_whitespace().all(|typed| all.split(' ').any(|word| word.starts_with(typed)))
    };
    let open = PLACES.iter().filter(|(title, words, _, admin)| (is_admin || !admin) && meant(title, words));
    open.map(|(title, _, href, _)| Link { label: (*title).to_owned(), href: (*href).to_owned() }).collect()
}

/// `GET /console/search?q=`: people (for those who may list them), teams and projects the asker can see.
pub async fn search(app: Instance, request: HttpRequest) -> Result<HttpResponse> {
    let Some(visit) = Visit::open(&app, &request)? else { return Ok(to_sign_in(&request)) };
    let q: String = Fields::query(&request).text("q").chars().take(100).collect();
    let low = q.to_lowercase();
    let (people, teams, projects, settings) = app.ask(&visit.caller, |cx| {
        if q.is_empty() {
            return Ok((vec![], vec![], vec![], vec![]));
        }
        let settings = if visit.is_instance { ops::settings::list(cx)? } else { vec![] };
        let asked = Asked { search: &q, ..Asked::default() };
        let first = Turn::first(FOUND);
        let users = if visit.is_admin { ops::people::list(cx, &asked, &first)?.items } else { vec![] };
        let hits = ops::lists::projects(cx, &Reaching { text: &q, ..Reaching::default() }, &first)?.items;
        Ok((
            users.iter().map(|user| people::row(cx, &visit, user)).collect::<Result<Vec<_>>>()?,
            teams::find(cx, &visit, &q, FOUND)?,
            hits.iter().map(|(team, p)| projects::row(team, p, visit.now)).collect::<Vec<_>>(),
            settings
                .iter()
                .map(|r| r.setting)
                .filter(|s| about(s, &low))
                .map(|s| (s.key, s.doc))
                .take(FOUND)
                .collect::<Vec<_>>(),
        ))
    })?;
    let frame = visit.frame("Search", Section::None).crumb("Search", "");
    let manual = super::manual::search(&q).into_iter().take(FOUND / 2).collect();
    let places = places(&low, visit.is_admin);
    visit.html(&Search { frame, q, places, people, teams, projects, settings, manual })
}

/// Whether a setting's names or sentence hold `low`, which is in lower case.
fn about(setting: &Setting, low: &str) -> bool {
    format!("{} {} {}", setting.key, setting.doc, setting.env.join(" ")).to_lowercase().contains(low)
}

/// `GET /console/settings`.
pub async fn settings(app: Instance, request: HttpRequest) -> Result<HttpResponse> {
    let Some(visit) = Visit::open(&app, &request)? else { return Ok(to_sign_in(&request)) };
    let query = Fields::query(&request);
    let columns = vec![
        Column::plain("Setting"),
        Column::plain("Value"),
        Column::plain("Source"),
        Column::plain("Environment variable"),
    ];
    let mut list = super::list_from(&query, "/console/settings", "settings", columns, "");
    let all = app.ask(&visit.caller, |cx| ops::settings::list(cx))?;
    let q = list.q.to_lowercase();
    let rows = all
        .iter()
        .filter(|r| about(r.setting, &q))
        .map(|r| SettingRow {
            key: r.setting.key.to_owned(),
            doc: r.setting.doc.to_owned(),
            env: r.setting.env.join(", "),
            value: r.shown().to_owned(),
            source: Mark::source(r.source.as_str()),
            caution: r.setting.caution,
            shadowed: r.shadowed.is_some(),
        })
        .collect();
    let rows = list.cut(rows);
    let frame = visit.frame("Settings", Section::Settings).crumb("Settings", "");
    visit.html(&Settings { frame, area: super::area::of(&visit, "/console/settings"), list, rows })
}
