//! The access decision: alone against a hand-written match on the same facts, and with its facts loaded from the store
//! against what `cedar-policy` and `casbin` take for evaluation alone, with everything they need prepared in memory.
//! All of them must answer every sampled question alike, or the comparison is void.

use crate::report::{Report, Target, median, time};
use crate::world::{self, Query, Size, World};
use crate::{casbin_peer, cedar_peer, rig};
use bailiwick::model::project::Visibility;
use bailiwick::model::role::{Action, OrgRole, Product, Seat, TeamRole};
use bailiwick::model::user::Status;
use bailiwick::policy::{Actor, Credential, Facts, Resource, Subject, Switches, What, Who, decide, facts};
use bailiwick::store::{Store, schema};
use std::hint::black_box;
use std::time::{Duration, Instant};

/// Questions asked of everyone but casbin, which takes a sample.
const QUERIES: usize = 4_096;
const ROUNDS: usize = 7;

pub fn measure(report: &mut Report) {
    let dir = rig::directory();
    let app = rig::instance(Store::open_file(&rig::store_file(dir.path()), &schema::SCHEMA).unwrap());
    let world = World::build(&app.store);
    let queries = world.queries(QUERIES);
    let load = |q: &Query| {
        let subject = Subject { actor: Actor::User(q.user), credential: Credential::None };
        app.store.read(|view| facts::load(view, &subject, Resource::Project(q.project), Switches::default())).unwrap()
    };
    let loaded: Vec<Facts> = queries.iter().map(load).collect();
    let asked: Vec<(&Facts, Action)> = loaded.iter().zip(&queries).map(|(f, q)| (f, q.action)).collect();
    let ours: Vec<bool> = asked.iter().map(|(f, a)| decide(f, *a).allowed()).collect();
    let allowed = ours.iter().filter(|a| **a).count();
    report.note("decisions sampled", format!("{QUERIES}, {allowed} allowed"), "");

    let by_hand = per_call(QUERIES, 50, || asked.iter().filter(|(f, a)| hand(black_box(f), *a)).count());
    let pure = per_call(QUERIES, 50, || asked.iter().filter(|(f, a)| decide(black_box(f), *a).allowed()).count());
    let differing = asked.iter().zip(&ours).filter(|((f, a), ours)| hand(f, *a) != **ours).count();
    agree("the hand-written match", differing);
    report.compared(
        "decision alone, with its chain",
        time(pure),
        format!("hand-written match {}", time(by_hand)),
        pure.as_secs_f64() / by_hand.as_secs_f64(),
        Target::AtMost(10.0),
    );

    let stored = per_call(QUERIES, 3, || queries.iter().filter(|q| decide(&load(q), q.action).allowed()).count());
    let cedar = cedar_peer::Cedar::build(&world);
    let requests: Vec<_> = queries.iter().map(|q| cedar.request(q)).collect();
    agree("cedar", requests.iter().zip(&ours).filter(|(r, ours)| cedar.allows(r) != **ours).count());
    let by_cedar = per_call(QUERIES, 1, || requests.iter().filter(|r| cedar.allows(r)).count());
    report.compared(
        "decision with facts from the store",
        time(stored),
        format!("cedar-policy, evaluation alone {}", time(by_cedar)),
        stored.as_secs_f64() / by_cedar.as_secs_f64(),
        Target::AtMost(1.0),
    );

    let casbin = casbin_peer::Casbin::build(&world);
    let sample: Vec<(&Query, bool)> = queries.iter().zip(ours.iter().copied()).step_by(16).collect();
    agree("casbin", sample.iter().filter(|(q, ours)| casbin.allows(&world, q) != *ours).count());
    let by_casbin = per_call(sample.len(), 1, || sample.iter().filter(|(q, _)| casbin.allows(&world, q)).count());
    report.compared(
        "decision with facts from the store",
        time(stored),
        format!("casbin, evaluation alone {}", time(by_casbin)),
        stored.as_secs_f64() / by_casbin.as_secs_f64(),
        Target::AtMost(1.0),
    );
    app.stop();
}

/// How a decision with its facts from the store fares in an instance a hundred times as large; `cedar-policy` evaluates with
/// everything of the smaller one in memory. A command of its own: it writes a million users first.
pub fn at_scale(report: &mut Report) {
    let loaded = |size: Size| {
        let dir = rig::directory();
        let app = rig::instance(Store::open_file(&rig::store_file(dir.path()), &schema::SCHEMA).unwrap());
        let world = World::sized(&app.store, size);
        let queries = world.queries(QUERIES);
        let decided = |q: &Query| {
            let subject = Subject { actor: Actor::User(q.user), credential: Credential::None };
            let resource = Resource::Project(q.project);
            let facts = app.store.read(|view| facts::load(view, &subject, resource, Switches::default())).unwrap();
            decide(&facts, q.action).allowed()
        };
        let each = per_call(QUERIES, 3, || queries.iter().filter(|q| decided(q)).count());
        app.stop();
        (each, world, queries)
    };
    let (usual, world, queries) = loaded(world::USUAL);
    let cedar = cedar_peer::Cedar::build(&world);
    let requests: Vec<_> = queries.iter().map(|q| cedar.request(q)).collect();
    let by_cedar = per_call(QUERIES, 1, || requests.iter().filter(|r| cedar.allows(r)).count());
    let (large, ..) = loaded(world::LARGE);
    for (peer, limit, target) in [
        (format!("with 10,000 users {}", time(usual)), usual, 2.0),
        (format!("cedar-policy, evaluation alone {}", time(by_cedar)), by_cedar, 1.0),
    ] {
        let ratio = large.as_secs_f64() / limit.as_secs_f64();
        report.compared("decision with facts, 1,000,000 users", time(large), peer, ratio, Target::AtMost(target));
    }
}

fn agree(peer: &str, differing: usize) {
    assert!(differing == 0, "{peer} answers {differing} of the sampled questions otherwise");
}

/// Median over rounds of the time of one of `calls`, run `times` over in each round.
fn per_call(calls: usize, times: usize, mut all: impl FnMut() -> usize) -> Duration {
    let round = |_| {
        let started = Instant::now();
        for _ in 0..times {
            black_box(all());
        }
        started.elapsed().as_secs_f64() / (calls * times) as f64
    };
    Duration::from_secs_f64(median(&(0..ROUNDS).map(round).collect::<Vec<_>>()))
}

/// The rules about projects as one would write them for this alone: no chain, no sentences, no other kinds of resource.
fn hand(facts: &Facts, action: Action) -> bool {
    let Who::User { id, status: Status::Active, org_role: Some(org_role), models, weave, .. } = &facts.who else {
        return false;
    };
    let What::Project { visibility, role, project_role, invited, owner, inside, .. } = &facts.what else {
        return false;
    };
    let (writes, viewer) = (action.writes(), *org_role == OrgRole::Viewer);
    if writes && viewer {
        return false;
    }
    if *org_role == OrgRole::Admin && action == Action::ProjectUpdateVisibility && facts.switches.admin_team_access {
        return true;
    }
    let seat = match action.product() {
        Some(Product::Models) => *models,
        Some(Product::Weave) => *weave,
        _ => *models.max(weave),
    };
    if seat == Seat::None || (seat == Seat::Viewer && (writes || action.exports())) {
        return false;
    }
    let mine = inside.as_ref().is_some_and(|i| i.own) && action.is_for_submitter();
    let public = match visibility {
        Visibility::Open => !writes || action.is_open_submitting() || mine,
        Visibility::Public => !writes,
        Visibility::Team | Visibility::Restricted => false,
    };
    let Some(team_role) = role else { return public };
    if action == Action::ProjectJoin {
        return *visibility == Visibility::Restricted && !invited && team_role.base == TeamRole::Admin;
    }
    if *visibility == Visibility::Restricted && !invited {
        return false;
    }
    let role = project_role.as_ref().filter(|_| !team_role.is_view_only()).unwrap_or(team_role);
    let owners = matches!(
        action,
        Action::ProjectUpdate
            | Action::ProjectUpdateVisibility
            | Action::ProjectUpdateMember
            | Action::ProjectUpdateOwner
    );
    (owners && *owner == Some(*id) && !team_role.is_view_only())
        || (mine && role.holds(Action::RunCreate))
        || role.holds(action)
        || public
}
