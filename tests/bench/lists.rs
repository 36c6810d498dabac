//! Every list page of the console through the executable, signed in as an administrator: the first page, a search, the page in
//! the middle; with a thousand people and with a million, 10,000 teams and 100,000 projects, a team of 100,000 and an event for
//! each person. What a list costs must not grow with the organization. It writes the million first, so it runs only when named.

use crate::report::{Report, Target, count, median, time};
use crate::rig::{self, Connection, Running};
use crate::world::{self, Size, World};
use bailiwick::clock::Clock;
use bailiwick::crypto;
use bailiwick::model::audit::{Event, EventId, Named, Origin, Outcome};
use bailiwick::model::invitation::Invite;
use bailiwick::model::role::{OrgRole, TeamRole};
use bailiwick::model::session::Session;
use bailiwick::model::team::{HOME, Membership, Team};
use bailiwick::model::{InviteId, ProjectId, TeamId, UserId};
use bailiwick::store::key::KeyCode;
use bailiwick::store::{Cursor, Store, schema};
use std::path::Path;
use std::time::{Duration, Instant};

/// As many teams that a page and a form that offers them are full, with as many projects each as in the large one.
const SMALL: Size = Size { users: 1_000, teams: 240, projects: 2_400 };
const TOKEN: &str = "benchsession07abcdefghijklmnopqrstuvwxyz";
const REQUESTS: usize = 41;
const ROUNDS: usize = 3;
/// Pages all over the lists, before memory is looked at.
const ELSEWHERE: u64 = 1_000;
/// Resident memory while pages are rendered, in bytes.
const MEMORY: f64 = 150e6;

/// The people in the large team of an instance.
fn crowd(size: Size) -> u64 {
    (size.users / 10).max(1_000).min(size.users)
}

/// The number of the large team.
fn crowded(size: Size) -> TeamId {
    TeamId(size.users + size.teams + 1)
}

fn fill(dir: &Path, size: Size) {
    let app = rig::instance(Store::open_file(&rig::store_file(dir), &schema::SCHEMA).unwrap());
    World::sized(&app.store, size);
    let now = Clock::system().now();
    let id = crowded(size);
    world::write(&app.store, move |tx| {
        tx.next_id(schema::ENTITY_IDS)?;
        let team = Team { id, name: "everybody".to_owned(), ..world::team(size, 1) };
        tx.put(&schema::TEAMS, &team)?;
        let session = Session {
            id: crypto::hashed(TOKEN),
            user: UserId(1),
            method: "password".to_owned(),
            identity: None,
            created_at: now,
            expires_at: now + 1_000_000_000,
            ip: String::new(),
            agent: String::new(),
            csrf: "csrf".to_owned(),
            org: None,
        };
        tx.put(&schema::SESSIONS, &session)
    });
    in_pieces(&app.store, crowd(size), move |tx, n| {
        tx.put(&schema::MEMBERSHIPS, &Membership { team: id, user: UserId(n), role: TeamRole::Member, since_at: now })
    });
    in_pieces(&app.store, size.users / 10, move |tx, n| {
        let invite = Invite {
            id: InviteId(tx.next_id(schema::INVITE_IDS)?),
            org: HOME,
            team: None,
            teams: vec![],
            email: format!("guest-{n:06}@example.org"),
            role: TeamRole::Member,
            org_role: OrgRole::Member,
            by: UserId(1),
            token: String::new(),
            by_mail: false,
            link_at: 0,
            created_at: now,
            expires_at: now + 1_000_000_000,
        };
        tx.put(&schema::INVITES, &invite)
    });
    in_pieces(&app.store, size.users, move |tx, n| {
        let person = world::person(n);
        // Among a thousand, half of them as old as the page in the middle, are as many of each kind as fill two pages.
        let (action, outcome) = match n % 20 {
            1 | 11 => ("project:delete", Outcome::Denied),
            2 => ("user:login", Outcome::Failed),
            3..8 => ("team:update", Outcome::Done),
            8..14 => ("user:login", Outcome::Done),
            _ => ("user:create", Outcome::Done),
        };
        // Whoever was denied is one person, who did other things too.
        let actor = 1 + n % 5;
        let event = Event {
            id: EventId::new(now - (size.users - n) as i64 * 10, u128::from(n)),
            org: HOME,
            at: now - (size.users - n) as i64 * 10,
            actor: Named::new("user", UserId(actor), format!("user-{actor:05}")),
            credential: String::new(),
            origin: Origin::default(),
            action: action.to_owned(),
            target: Named::new("user", person.id, person.username),
            changes: vec![],
            chain: vec![],
            outcome,
            count: 1,
        };
        tx.put(&schema::EVENTS, &event)
    });
    app.stop();
}

/// Writes the things 1 to `n`.
fn in_pieces(
    store: &Store,
    n: u64,
    put: impl Fn(&mut bailiwick::store::Tx, u64) -> Result<(), bailiwick::error::Error> + Send + Copy + 'static,
) {
    for first in (1..=n).step_by(1_000) {
        let last = n.min(first + 999);
        world::write(store, move |tx| (first..=last).try_for_each(|n| put(tx, n)));
    }
}

/// The address of the page behind a place in a list of one part or several.
fn behind<K: KeyCode>(path: &str, part: u64, key: &K) -> String {
    let mark = if path.contains('?') { '&' } else { '?' };
    format!("{path}{mark}after={}&page=2", Cursor::at(key).within(part))
}

/// The pages of an instance: what they are, and where.
fn pages(size: Size) -> Vec<(&'static str, String)> {
    let middle = world::person(size.users / 2);
    let (at, name) = (middle.id, middle.username.clone());
    let team = size.teams / 2;
    let invited = size.users / 20;
    let open = |n: u64| format!("project-{n:04}");
    let old = EventId::new(Clock::system().now() - (size.users as i64 / 2) * 10, 0);
    let plain = |path: &str| path.to_owned();
    vec![
        ("people, first page", plain("/console/users")),
        ("people, middle by name", behind("/console/users", 0, &(HOME, name.clone(), at))),
        ("people, middle by age", behind("/console/users?sort=created", 4, &(HOME, at))),
        ("people, a search of many: username", plain("/console/users?q=USER")),
        ("people, a search of many: word of the name", plain("/console/users?q=num")),
        ("people, a search of ten: username", plain("/console/users?q=user-0050")),
        ("people, a search of one: e-mail", format!("/console/users?q={name}%40exam")),
        ("people, a search of one: two words", plain("/console/users?q=user-00500+numb")),
        ("people, a search of nobody", plain("/console/users?q=nobody")),
        ("people, middle of a search", behind("/console/users?q=user", 0, &(HOME, name.clone(), at))),
        ("people, viewers", plain("/console/users?show=viewer")),
        ("people, members", plain("/console/users?show=member")),
        ("people, deactivated", plain("/console/users?show=deactivated")),
        ("teams, first page", plain("/console/teams")),
        ("teams, middle", behind("/console/teams", 0, &(HOME, format!("team-{team:03}"), TeamId(size.users + team)))),
        ("teams, a search", plain("/console/teams?q=team-01")),
        ("projects, first page", plain("/console/projects")),
        (
            "projects, middle of the open ones",
            behind("/console/projects", u64::MAX, &(HOME, open(size.projects / 8), ProjectId(size.projects / 8 + 1))),
        ),
        ("projects, a search", plain("/console/projects?q=project-00")),
        ("members of the large team, first page", plain("/everybody/members")),
        (
            "members of the large team, middle",
            behind("/everybody/members", 0, &(crowded(size), UserId(crowd(size) / 2))),
        ),
        ("members of the large team, a search", plain("/everybody/members?q=user-0050")),
        ("the large team's overview", plain("/everybody")),
        ("service accounts of a team", plain("/everybody/service-accounts")),
        ("service accounts of the organization", plain("/org/dashboard/service-accounts")),
        ("invitations, first page", plain("/console/invitations")),
        (
            "invitations, middle",
            behind("/console/invitations", 0, &(HOME, format!("guest-{invited:06}@example.org"), InviteId(invited))),
        ),
        ("invitations, a search", plain("/console/invitations?q=guest-00001")),
        ("API keys nobody uses", plain("/console/keys")),
        ("roles", plain("/console/roles")),
        ("organization with its seats", plain("/console/organization")),
        ("provisioning", plain("/console/provisioning")),
        ("audit, first page", plain("/console/audit")),
        ("audit, middle", format!("/console/audit?before={old}")),
        ("audit, denials", plain("/console/audit?kind=denied")),
        ("audit, middle of the denials", format!("/console/audit?kind=denied&before={old}")),
        ("audit, sign-ins", plain("/console/audit?kind=user%3Alogin")),
        ("audit, teams", plain("/console/audit?kind=team")),
        ("audit, what one person did", plain("/console/audit?q=user-00002")),
        ("audit, denials of one person", plain("/console/audit?q=user-00002&kind=denied")),
        ("search for everything", plain("/console/search?q=user-0050")),
        ("dashboard", plain("/org/dashboard")),
        ("home", plain("/home")),
    ]
}

/// The middle of the times of one page.
fn each(url: &str, path: &str) -> Duration {
    let cookie = format!("cookie: bailiwick={TOKEN}");
    let mut connection = Connection::with(url, path, &cookie);
    let page = connection.ask();
    assert!(page.contains("</html>"), "{path} is no page");
    let mut taken: Vec<f64> = (0..REQUESTS)
        .map(|_| {
            let started = Instant::now();
            connection.ask();
            started.elapsed().as_secs_f64()
        })
        .collect();
    taken.sort_by(f64::total_cmp);
    Duration::from_secs_f64(median(&taken))
}

pub fn measure(report: &mut Report) {
    let (small, large) = (rig::directory(), rig::directory());
    fill(small.path(), SMALL);
    fill(large.path(), world::LARGE);
    let (little, great) = (Running::start(small.path(), &[]), Running::start(large.path(), &[]));
    for ((name, path), (_, least)) in pages(world::LARGE).into_iter().zip(pages(SMALL)) {
        // In turns, so that a busy moment hits both.
        let pairs: Vec<(f64, f64)> = (0..ROUNDS)
            .map(|_| (each(&great.url, &path).as_secs_f64(), each(&little.url, &least).as_secs_f64()))
            .collect();
        let of = |side: fn(&(f64, f64)) -> f64| median(&pairs.iter().map(side).collect::<Vec<_>>());
        let (ours, theirs) = (of(|p| p.0), of(|p| p.1));
        report.compared(
            name,
            time(Duration::from_secs_f64(ours)),
            format!("with {} people {}", count(SMALL.users as f64), time(Duration::from_secs_f64(theirs))),
            of(|p| p.0 / p.1),
            Target::AtMost(2.0),
        );
    }
    let cookie = format!("cookie: bailiwick={TOKEN}");
    for n in 0..ELSEWHERE {
        let person = world::person(n * 7_919 % world::LARGE.users + 1);
        let path = behind("/console/users", 0, &(HOME, person.username.clone(), person.id));
        Connection::with(&great.url, &path, &cookie).ask();
    }
    let peak = great.memory("VmHWM");
    report.compared(
        "resident memory at most, with 1,000,000 people",
        format!("{:.0} MB", peak / 1e6),
        format!("{:.0} MB", MEMORY / 1e6),
        peak / MEMORY,
        Target::AtMost(1.0),
    );
    little.stop();
    great.stop();
}
