//! The decision point as other services meet it: one evaluation against a bare route of the framework, a hundred in one
//! request against a hundred requests, and what listing one person's projects costs in a small and in a large instance.

use crate::reads;
use crate::report::{Report, Target, count, median, time};
use crate::rig::{self, Connection};
use crate::world::{self, World};
use crate::wrk::Load;
use bailiwick::error::Error;
use bailiwick::model::project::{Project, Visibility};
use bailiwick::model::role::{OrgRole, TeamRole};
use bailiwick::model::team::{HOME, Membership, Team};
use bailiwick::model::user::OrgMembership;
use bailiwick::model::{Entity, ProjectId, TeamId, UserId};
use bailiwick::ops::Caller;
use bailiwick::ops::discover::{self, Page};
use bailiwick::ops::evaluate::Kind;
use bailiwick::policy::{Actor, Credential, Subject};
use bailiwick::store::{Store, schema};
use serde_json::{Value, json};
use std::time::Instant;

const KEY: &str = "benchkey02abcdefghijklmnopqrstuvwxyz0123";
const PAIRS: usize = 5;
const SECONDS: u32 = 2;
/// Questions in one request.
const MANY: usize = 100;
/// Teams and projects that the listing person has, whatever the size of the instance.
const OWN: u64 = 5;

/// A Lua script that posts `body` over and over.
fn post(dir: &std::path::Path, url: &str, body: &Value) -> Load {
    let body = body.to_string();
    let lua = format!(
        "wrk.method = \"POST\"\nwrk.headers[\"Content-Type\"] = \"application/json\"\n\
         wrk.headers[\"Authorization\"] = \"Bearer {KEY}\"\nwrk.body = [==[{body}]==]\n"
    );
    Load::script(dir, url, &lua)
}

fn resource(n: usize) -> Value {
    json!({"type": "project", "id": format!("team-{:03}/project-{n:04}", n % 500 + 1)})
}

pub fn measure(report: &mut Report) {
    over_http(report);
    listing(report);
}

fn over_http(report: &mut Report) {
    let dir = rig::directory();
    let app = rig::instance(Store::open_file(&rig::store_file(dir.path()), &schema::SCHEMA).unwrap());
    World::build(&app.store);
    // An organization admin asks about an ordinary member.
    world::give_key(&app.store, UserId(1), KEY);
    let subject = json!({"type": "user", "id": "user-00021"});
    let read = json!({"name": "project:read"});
    let one = json!({"subject": subject, "action": read, "resource": resource(1)});
    let own = json!({"subject": {"type": "user", "id": "user-00001"}, "action": read, "resource": resource(1)});
    // As a page with twenty projects and five buttons each asks, and a hundred projects of a list.
    let actions = ["project:read", "run:create", "project:update", "project:delete", "run:stop"];
    let page: Vec<Value> = (0..MANY)
        .map(|n| json!({"resource": resource(n / actions.len()), "action": {"name": actions[n % actions.len()]}}))
        .collect();
    let list: Vec<Value> = (0..MANY).map(|n| json!({"resource": resource(n)})).collect();
    let page = json!({"subject": subject, "evaluations": page});
    let list = json!({"subject": subject, "action": read, "evaluations": list});
    for workers in [1, 2] {
        let (bare, ours) = (reads::bare(workers), rig::serve(&app, workers));
        let limit = Load::get(dir.path(), &format!("{}/hello", bare.url), &[]);
        let at = |path: &str| format!("{}/access/v1/{path}", ours.url);
        Connection::open(&ours.url, "/access/v1/subject", &format!("Bearer {KEY}")).ask();
        let single = post(dir.path(), &at("evaluation"), &one);
        for (name, load) in [("about another", &single), ("about oneself", &post(dir.path(), &at("evaluation"), &own))]
        {
            let figure = format!("evaluation {name}, {workers} worker(s), c16");
            reads::pairs(report, &figure, &limit, load, 16, Target::AtLeast(0.6));
        }
        for (name, body, target) in
            [("20 projects × 5 actions", &page, Target::AtLeast(10.0)), ("100 projects", &list, Target::None)]
        {
            let many = post(dir.path(), &at("evaluations"), body);
            single.run(16, 1);
            many.run(16, 1);
            let rounds: Vec<(f64, f64)> = (0..PAIRS)
                .map(|_| (single.run(16, SECONDS).per_second, many.run(16, SECONDS).per_second * MANY as f64))
                .collect();
            let of = |f: &dyn Fn(&(f64, f64)) -> f64| median(&rounds.iter().map(f).collect::<Vec<_>>());
            report.compared(
                format!("{MANY} evaluations in one request ({name}), {workers} worker(s), c16"),
                format!("{} decisions/s", count(of(&|r| r.1))),
                format!("single {}/s", count(of(&|r| r.0))),
                of(&|r| r.1 / r.0),
                target,
            );
        }
        bare.stop();
        ours.stop();
    }
    app.stop();
}

/// A change of the store.
type Change = Box<dyn Fn(&mut bailiwick::store::Tx) -> Result<(), Error> + Send>;

/// What one person reaches, in an instance with `teams` teams of ten closed projects each: the person is in [`OWN`] teams.
fn reaching(teams: u64) -> (usize, std::time::Duration) {
    let dir = rig::directory();
    let app = rig::instance(Store::open_file(&rig::store_file(dir.path()), &schema::SCHEMA).unwrap());
    let me = UserId(1);
    let write = |f: Change| {
        app.store
            .write_blocking(move |tx| {
                tx.note_event();
                f(tx)
            })
            .unwrap();
    };
    write(Box::new(move |tx| {
        tx.next_id(schema::ENTITY_IDS)?;
        let mut user = world::person(1);
        user.orgs = vec![OrgMembership::new(HOME, OrgRole::Member)];
        tx.put(&schema::USERS, &user)
    }));
    for piece in (0..teams).collect::<Vec<_>>().chunks(100).map(<[u64]>::to_vec) {
        write(Box::new(move |tx| {
            for n in &piece {
                let id = TeamId(tx.next_id(schema::ENTITY_IDS)?);
                tx.put(&schema::TEAMS, &Team::new(id, HOME, format!("team-{n:05}"), 1))?;
                for k in 0..10 {
                    let project = Project {
                        id: ProjectId(tx.next_id(schema::PROJECT_IDS)?),
                        org: HOME,
                        entity: Entity::Team(id),
                        name: format!("project-{k}"),
                        visibility: Visibility::Team,
                        owner: None,
                        description: String::new(),
                        created_at: 1,
                        version: 1,
                    };
                    tx.put(&schema::PROJECTS, &project)?;
                }
                if *n % (teams / OWN) == 0 {
                    let membership = Membership { team: id, user: me, role: TeamRole::Member, since_at: 1 };
                    tx.put(&schema::MEMBERSHIPS, &membership)?;
                }
            }
            Ok(())
        }));
    }
    let subject = Subject { actor: Actor::User(me), credential: Credential::Session("bench".into(), None) };
    let who = Caller { subject, origin: Default::default() };
    let action = bailiwick::model::role::Action::ProjectRead;
    let page = Page { limit: discover::LIMIT_MAX, token: "" };
    let list = || app.ask(&who, |cx| discover::resources(cx, "user-00001", action, Kind::Project, page)).unwrap();
    let found = list().items.len();
    let rounds: Vec<f64> = (0..50)
        .map(|_| {
            let started = Instant::now();
            list();
            started.elapsed().as_secs_f64()
        })
        .collect();
    app.stop();
    (found, std::time::Duration::from_secs_f64(median(&rounds)))
}

fn listing(report: &mut Report) {
    let ((few, small), (many, large)) = (reaching(100), reaching(10_000));
    assert_eq!(few, many, "the same answer in both");
    report.compared(
        format!("listing the {many} projects that one person reaches, of 100,000"),
        time(large),
        format!("of 1,000: {}", time(small)),
        large.as_secs_f64() / small.as_secs_f64(),
        Target::AtMost(2.0),
    );
}
