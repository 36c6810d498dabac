//! Random organizations: a search is the filter of the evaluation, paged or not; a batch is its single questions; explaining
//! is evaluating. CVE-2023-40579 and CVE-2025-25196 OpenFGA, CVE-2024-38361 SpiceDB (lists that differ from checks),
//! CVE-2026-33729 OpenFGA and CVE-2026-55866 SpiceDB (a cache key that misses an input).

#![expect(clippy::unwrap_used)]

use super::*;
use crate::app::App;
use crate::clock::Clock;
use crate::model::project::{Project, ProjectMember};
use crate::model::role::TeamRole;
use crate::model::team::{HOME, Membership, Team};
use crate::model::user::{OrgMembership, Service, UserKind};
use crate::ops::Caller;
use crate::ops::evaluate::Answer;
use crate::policy::{Actor, Credential, Process, Subject};
use crate::store::Tx;
use proptest::prelude::*;

const USERS: u64 = 7;
const TEAMS: u64 = 3;

/// Everything random about an organization.
#[derive(Clone, Debug)]
struct Shape {
    roles: Vec<(u8, bool, bool)>,
    members: Vec<(u8, u8, u8)>,
    projects: Vec<(u8, u8, u8)>,
    invited: Vec<(u8, u8)>,
    members_may_create: bool,
}

fn shapes() -> impl Strategy<Value = Shape> {
    (
        prop::collection::vec((0..3u8, prop::bool::weighted(0.85), prop::bool::weighted(0.2)), USERS as usize),
        prop::collection::vec((0..TEAMS as u8, 0..USERS as u8, 0..3u8), 0..12),
        prop::collection::vec((0..(TEAMS + 2) as u8, 0..4u8, 0..USERS as u8), 1..10),
        prop::collection::vec((0..10u8, 0..USERS as u8), 0..10),
        any::<bool>(),
    )
        .prop_map(|(roles, members, projects, invited, members_may_create)| Shape {
            roles,
            members,
            projects,
            invited,
            members_may_create,
        })
}

fn build(shape: &Shape) -> App {
    let setting = if shape.members_may_create { "true" } else { "false" };
    let app = App::for_tests(Clock::fixed(1_800_000_000_000), &[("GORILLA_ALLOW_USER_TEAM_CREATION", setting)]);
    let shape = shape.clone();
    app.store
        .write_blocking(move |tx| {
            tx.note_event();
            fill(tx, &shape)
        })
        .unwrap();
    app
}

fn fill(tx: &mut Tx, shape: &Shape) -> Result<()> {
    for (n, (role, active, service)) in (1..).zip(&shape.roles) {
        tx.next_id(schema::ENTITY_IDS)?;
        let team = TeamId(USERS + 1 + n % TEAMS);
        let service = *service && n > 1;
        // Of the organization: in no team's list, and at work in every one.
        let wide = n % 2 == 0;
        tx.put(
            &schema::USERS,
            &User {
                id: UserId(n),
                kind: match service {
                    true if wide => UserKind::Service(Service::default()),
                    true => UserKind::Service(Service::of_team(team)),
                    false => UserKind::Person,
                },
                username: format!("user{n}"),
                name: String::new(),
                emails: vec![],
                status: if *active { Status::Active } else { Status::Deactivated },
                orgs: vec![OrgMembership::new(
                    HOME,
                    if service { OrgRole::Member } else { OrgRole::ALL[usize::from(*role)] },
                )],
                default_org: None,
                default_team: None,
                created_at: 1,
                updated_at: 0,
                version: 1,
            },
        )?;
        if service && !wide {
            let membership = Membership { team, user: UserId(n), role: TeamRole::Service, since_at: 1 };
            tx.put(&schema::MEMBERSHIPS, &membership)?;
        }
    }
    for n in 1..=TEAMS {
        let id = TeamId(tx.next_id(schema::ENTITY_IDS)?);
        tx.put(&schema::TEAMS, &Team::new(id, HOME, format!("team{n}"), 1))?;
    }
    for (team, user, role) in &shape.members {
        let key = (TeamId(USERS + 1 + u64::from(*team)), UserId(1 + u64::from(*user)));
        if tx.get(&schema::USERS, &key.1)?.is_some_and(|u| !u.is_service()) {
            let role = TeamRole::HUMAN[usize::from(*role)];
            tx.put(&schema::MEMBERSHIPS, &Membership { team: key.0, user: key.1, role, since_at: 1 })?;
        }
    }
    for (place, visibility, owner) in &shape.projects {
        let id = ProjectId(tx.next_id(schema::PROJECT_IDS)?);
        let place = u64::from(*place);
        // Machines have no namespace of their own.
        let owner_is_person = tx.get(&schema::USERS, &UserId(1 + place))?.is_some_and(|u| !u.is_service());
        let entity = match place {
            place if place >= TEAMS && owner_is_person => Entity::Person(UserId(1 + place)),
            place => Entity::Team(TeamId(USERS + 1 + place % TEAMS)),
        };
        let visibility = match (entity, Visibility::ALL[usize::from(*visibility)]) {
            (Entity::Person(_), Visibility::Restricted) => Visibility::Team,
            (_, visibility) => visibility,
        };
        tx.put(
            &schema::PROJECTS,
            &Project {
                id,
                org: HOME,
                entity,
                name: format!("project{}", id.0),
                visibility,
                owner: Some(UserId(1 + u64::from(*owner))),
                description: String::new(),
                created_at: 1,
                version: 1,
            },
        )?;
    }
    for (project, user) in &shape.invited {
        let (project, user) = (ProjectId(1 + u64::from(*project)), UserId(1 + u64::from(*user)));
        if tx.get(&schema::PROJECTS, &project)?.is_some() {
            tx.put(&schema::PROJECT_MEMBERS, &ProjectMember::invited(project, user, 1))?;
        }
    }
    Ok(())
}

/// Every name of a kind, those that name nothing too.
fn names(app: &App, kind: Kind) -> Vec<String> {
    let users = (1..=USERS + 1).map(|n| format!("user{n}"));
    match kind {
        Kind::Organization => vec!["default".into()],
        Kind::User => users.collect(),
        Kind::Team => (1..=TEAMS + 1).map(|n| format!("team{n}")).chain(users).collect(),
        Kind::Project => {
            let all = app.store.read(|view| view.list(&schema::PROJECTS, Range::all())).unwrap();
            let named = |p: &Project| app.store.read(|v| crate::ops::projects::entity_name(v, p.entity)).unwrap();
            all.items.iter().map(|p| format!("{}/{}", named(p), p.name)).chain(["team1/none".to_owned()]).collect()
        }
    }
}

fn ask(app: &App, who: &Caller, question: Question) -> Answer {
    app.ask(who, |cx| Evaluator::new(cx).ask(question, true)).unwrap()
}

/// All pages of a search, in pages of `limit`.
fn all_pages(mut search: impl FnMut(Page) -> Found<String>, limit: usize) -> Vec<String> {
    let (mut out, mut token) = (vec![], String::new());
    loop {
        let found = search(Page { limit, token: &token });
        assert!(found.items.len() <= limit);
        out.extend(found.items);
        match found.next {
            Some(next) => {
                assert_ne!(next, token, "the search stands still");
                token = next;
            }
            None => break,
        }
    }
    out
}

fn sorted(mut names: Vec<String>) -> Vec<String> {
    names.sort();
    names
}

fn user(n: u64) -> Caller {
    let subject = Subject { actor: Actor::User(UserId(n)), credential: Credential::Session("test".into(), None) };
    Caller { subject, origin: Default::default() }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, max_shrink_iters: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_search_is_the_filter_of_the_evaluation(shape in shapes(), limit in 1usize..6) {
        let app = build(&shape);
        let shell = Caller::process(Process::Shell);
        for kind in Kind::ALL {
            let things = names(&app, kind);
            for action in Action::ALL.iter().copied() {
                let mut by_thing: std::collections::BTreeMap<&str, Vec<String>> = things.iter().map(|t| (&**t, vec![])).collect();
                for n in 1..=USERS {
                    let subject = format!("user{n}");
                    let allowed: Vec<String> = things
                        .iter()
                        .filter(|id| ask(&app, &shell, Question { subject: &subject, action, kind, id }).decision)
                        .cloned()
                        .collect();
                    for id in &allowed {
                        by_thing.get_mut(&**id).unwrap().push(subject.clone());
                    }
                    let allowed = sorted(allowed);
                    let found = all_pages(|page| app.ask(&shell, |cx| resources(cx, &subject, action, kind, page)).unwrap(), limit);
                    prop_assert_eq!(&allowed, &sorted(found), "{} {} {:?}", subject, action.as_str(), kind);
                    if app.ask(&user(n), |cx| cx.decide(Action::UserRead, Resource::User(UserId(n)))).unwrap().0.allowed() {
                        // About oneself: the same.
                        let own = all_pages(|page| app.ask(&user(n), |cx| resources(cx, &subject, action, kind, page)).unwrap(), 100);
                        prop_assert_eq!(&allowed, &sorted(own), "{} {} {:?}", subject, action.as_str(), kind);
                    }
                }
                for (id, allowed) in by_thing {
                    let found = all_pages(|page| app.ask(&shell, |cx| subjects(cx, action, kind, id, page)).unwrap(), limit);
                    prop_assert_eq!(sorted(allowed), sorted(found), "{} {:?} {}", action.as_str(), kind, id);
                }
            }
        }
    }

    #[test]
    fn a_batch_is_its_questions_one_by_one_and_explaining_is_evaluating(shape in shapes(), picks in prop::collection::vec((0..8u64, any::<u16>(), 0..4usize, any::<u16>()), 1..60)) {
        let app = build(&shape);
        let things = Kind::ALL.map(|kind| names(&app, kind));
        let subjects: Vec<String> = (1..=USERS + 1).map(|n| format!("user{n}")).collect();
        let questions: Vec<Question> = picks.iter().map(|(who, action, kind, thing)| Question {
            subject: &subjects[*who as usize],
            action: Action::ALL[usize::from(*action) % Action::ALL.len()],
            kind: Kind::ALL[*kind],
            id: &things[*kind][usize::from(*thing) % things[*kind].len()],
        }).collect();
        let shell = Caller::process(Process::Shell);
        let together = app.ask(&shell, |cx| {
            let mut evaluator = Evaluator::new(cx);
            questions.iter().map(|q| evaluator.ask(*q, true)).collect::<Result<Vec<_>>>()
        }).unwrap();
        for (question, answer) in questions.iter().zip(&together) {
            prop_assert_eq!(answer, &ask(&app, &shell, *question));
            let path = match question.kind {
                Kind::User => format!("user:{}", question.id),
                _ => question.id.to_owned(),
            };
            let explained = app.ask(&shell, |cx| crate::ops::explain::explain(cx, question.subject, question.action.as_str(), &path));
            match explained {
                Ok(said) => {
                    // A bare name means what the action applies to; the question here names a kind.
                    if said.chain.iter().all(|r| r.rule != "resource_kind") && answer.rule != "resource_kind" {
                        prop_assert_eq!(said.allowed, answer.decision, "{:?} {:?} {:?}", question, said, answer);
                    }
                }
                Err(_) => prop_assert!(!answer.decision),
            }
        }
        // About oneself hidden is absent: the same words, rule and all.
        for n in 1..=USERS {
            let me = format!("user{n}");
            for id in &things[3] {
                for action in [Action::ProjectRead, Action::RunCreate, Action::ProjectDelete] {
                    let question = Question { subject: &me, action, kind: Kind::Project, id };
                    let (seen, whole) = (ask(&app, &user(n), question), ask(&app, &shell, question));
                    prop_assert_eq!(seen.decision, whole.decision);
                    if seen != whole {
                        prop_assert_eq!(seen.rule, "existence");
                        let nothing = Question { id: "team1/none", ..question };
                        let absent = ask(&app, &user(n), nothing);
                        prop_assert_eq!(seen.reason.replace(id.as_str(), ""), absent.reason.replace("team1/none", ""));
                    }
                }
            }
        }
    }
}

#[test]
fn a_name_that_is_also_somebody_elses_id_names_nobody() {
    let shape = Shape {
        roles: vec![(0, true, false); 7],
        members: vec![],
        projects: vec![],
        invited: vec![],
        members_may_create: false,
    };
    let app = build(&shape);
    let shell = Caller::process(Process::Shell);
    let (first, second) = (UserId(1).global(), UserId(2).global());
    let question = |subject| Question { subject, action: Action::UserRead, kind: Kind::Organization, id: "" };
    let organization = |subject| Question { action: Action::OrganizationRead, ..question(subject) };
    assert!(ask(&app, &shell, organization(&first)).decision);
    // User 2 takes the id of user 1 for a username.
    let taken = first.clone();
    app.store
        .write_blocking(move |tx| {
            tx.note_event();
            let mut user = tx.get(&schema::USERS, &UserId(2))?.unwrap();
            user.username = taken.clone();
            tx.put(&schema::USERS, &user)
        })
        .unwrap();
    let closed = ask(&app, &shell, organization(&first));
    assert_eq!((closed.decision, closed.rule), (false, "existence"));
    assert!(ask(&app, &shell, organization(&second)).decision, "by the own id");
    assert!(ask(&app, &shell, organization("user1")).decision, "by the own name");
}

#[test]
fn a_token_is_for_its_question_and_its_asker() {
    let shape = Shape {
        roles: vec![(0, true, false); 7],
        members: vec![],
        projects: vec![],
        invited: vec![],
        members_may_create: false,
    };
    let app = build(&shape);
    let one = Page { limit: 1, token: "" };
    let search = |who: u64, subject: &str, page: Page| {
        app.ask(&user(who), |cx| resources(cx, subject, Action::UserRead, Kind::User, page))
    };
    let token = search(1, "user1", one).unwrap().next.unwrap();
    let next = Page { limit: 1, token: &token };
    assert_eq!(search(1, "user1", next).unwrap().items, ["user2"]);
    assert!(search(2, "user1", next).is_err(), "another asker");
    assert!(search(1, "user2", next).is_err(), "another question");
    for bad in ["x", "====", &token[1..], &token[..token.len() - 2], "Li4u", "\u{0}"] {
        assert!(search(1, "user1", Page { limit: 1, token: bad }).is_err(), "{bad:?}");
    }
}
