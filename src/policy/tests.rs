//! Tests of the rules: the whole grid as a reviewed file, properties over random facts, and a second evaluator written the
//! other way round (from the documents' table, without chains or early returns) that must always agree.

#![expect(clippy::unwrap_used)]

use super::*;
use crate::model::TeamId;
use crate::model::credential::KeyScope;
use crate::model::project::Visibility;
use crate::model::role::{Action, Level, OrgRole, TeamRole};
use crate::model::user::Status;
use proptest::prelude::*;

const ANA: UserId = UserId(1);
const BEN: UserId = UserId(2);
const ACME: TeamId = TeamId(10);

fn who(org_role: Option<OrgRole>) -> Who {
    Who::User {
        id: BEN,
        username: "ben".into(),
        status: Status::Active,
        is_service: false,
        org_role,
        scope: KeyScope::Full,
    }
}

fn project(visibility: Visibility, role: Option<TeamRole>, invited: bool) -> What {
    What::Project {
        id: ProjectId(1),
        name: "fusion".into(),
        entity: Entity::Team(ACME),
        entity_name: "acme".into(),
        visibility,
        role,
        invited,
        owner: Some(ANA),
        inside: None,
    }
}

fn facts(who: Who, what: What) -> Facts {
    Facts { org: OrgId(1), who, what, members_may_create_teams: false }
}

/// Every persona on every kind of resource, one line per action: `+` allowed, `-` refused, `.` hidden.
fn grid() -> String {
    let service = Who::User {
        id: BEN,
        username: "ben".into(),
        status: Status::Active,
        is_service: true,
        org_role: Some(OrgRole::Member),
        scope: KeyScope::Full,
    };
    let reader = Who::User {
        id: BEN,
        username: "ben".into(),
        status: Status::Active,
        is_service: false,
        org_role: Some(OrgRole::Admin),
        scope: KeyScope::ReadOnly,
    };
    let gone = Who::User {
        id: BEN,
        username: "ben".into(),
        status: Status::Deactivated,
        is_service: false,
        org_role: Some(OrgRole::Admin),
        scope: KeyScope::Full,
    };
    let m = Some(OrgRole::Member);
    let personas: Vec<(&str, Who, Option<TeamRole>, bool)> = vec![
        ("anonymous", Who::Anonymous, None, false),
        ("stranger", who(None), None, false),
        ("org_viewer", who(Some(OrgRole::Viewer)), None, false),
        ("org_member", who(m), None, false),
        ("org_admin", who(Some(OrgRole::Admin)), None, false),
        ("viewer_admin", who(Some(OrgRole::Viewer)), Some(TeamRole::Admin), true),
        ("team_viewer", who(m), Some(TeamRole::Viewer), false),
        ("team_member", who(m), Some(TeamRole::Member), false),
        ("member_invited", who(m), Some(TeamRole::Member), true),
        ("team_admin", who(m), Some(TeamRole::Admin), false),
        ("admin_invited", who(m), Some(TeamRole::Admin), true),
        ("service", service.clone(), Some(TeamRole::Service), false),
        ("service_outside", service, None, false),
        ("admin_read_only", reader, Some(TeamRole::Admin), true),
        ("deactivated", gone, Some(TeamRole::Admin), true),
        ("setup", Who::Process(Process::Setup), None, false),
    ];
    let resources: Vec<(&str, Level)> = vec![
        ("organization", Level::Org),
        ("oneself", Level::User),
        ("somebody", Level::User),
        ("service of the team", Level::User),
        ("team", Level::Entity),
        ("own namespace", Level::Entity),
        ("open project", Level::Project),
        ("public project", Level::Project),
        ("team project", Level::Project),
        ("restricted project", Level::Project),
    ];
    let mut out = String::from("Reviewed by hand: + allowed, - refused, . hidden. Columns:\n");
    for (n, (name, ..)) in personas.iter().enumerate() {
        out += &format!("{:>2} {name}\n", n + 1);
    }
    for (resource, level) in resources {
        out += &format!("\n{resource}\n");
        for action in Action::ALL.iter().filter(|a| a.level() == level) {
            out += &format!("  {:<28}", action.as_str());
            for (_, who, role, invited) in &personas {
                let user = |id, username: &str, is_service, service_role| What::User {
                    id,
                    username: username.into(),
                    is_service,
                    service_role,
                    shares_org: who.org_role().is_some(),
                };
                let is_service = matches!(who, Who::User { is_service: true, .. });
                let what = match resource {
                    "organization" => What::Org { id: OrgId(1), name: "default".into() },
                    "oneself" => user(BEN, "ben", is_service, None),
                    "somebody" => user(ANA, "ana", false, None),
                    "service of the team" => user(UserId(9), "service-ci", true, *role),
                    "team" => What::Team { id: ACME, name: "acme".into(), role: *role },
                    "own namespace" => What::Namespace { owner: BEN, name: "ben".into() },
                    "open project" => project(Visibility::Open, *role, *invited),
                    "public project" => project(Visibility::Public, *role, *invited),
                    "team project" => project(Visibility::Team, *role, *invited),
                    _ => project(Visibility::Restricted, *role, *invited),
                };
                let decision = decide(&facts(who.clone(), what), *action);
                out += match (decision.allowed(), decision.visible()) {
                    (true, _) => "  +",
                    (false, true) => "  -",
                    (false, false) => "  .",
                };
            }
            out.push('\n');
        }
    }
    out
}

#[test]
fn the_grid_is_the_reviewed_one() {
    let (now, reviewed) = (grid(), include_str!("../../tests/golden/policy.txt"));
    if now != reviewed {
        let fresh = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("target/policy.txt");
        std::fs::create_dir_all(fresh.parent().unwrap()).unwrap();
        std::fs::write(&fresh, &now).unwrap();
        let line = now.lines().zip(reviewed.lines()).find(|(a, b)| a != b);
        panic!(
            "the grid changed, first at {line:?}; review target/policy.txt and copy it over tests/golden/policy.txt"
        );
    }
}

#[test]
fn a_denial_names_the_rule_and_the_next_step() {
    let f = facts(who(Some(OrgRole::Member)), What::Org { id: OrgId(1), name: "default".into() });
    let d = decide(&f, Action::UserCreate);
    assert_eq!(d.last(&f), "user:create needs the organization role admin; ben has member.");
    assert_eq!(d.next_step(&f), Some("Ask an organization admin."));

    let f = facts(who(Some(OrgRole::Member)), project(Visibility::Restricted, Some(TeamRole::Admin), false));
    let d = decide(&f, Action::ProjectRead);
    assert!(!d.allowed() && d.visible());
    assert_eq!(d.last(&f), "project acme/fusion is restricted and ben is not invited.");
    assert_eq!(d.next_step(&f), Some("As a team admin you can join the project first."));
}

fn org_role() -> impl Strategy<Value = Option<OrgRole>> {
    prop_oneof![Just(None), Just(Some(OrgRole::Admin)), Just(Some(OrgRole::Member)), Just(Some(OrgRole::Viewer))]
}

fn team_role() -> impl Strategy<Value = Option<TeamRole>> {
    prop_oneof![
        Just(None),
        Just(Some(TeamRole::Admin)),
        Just(Some(TeamRole::Member)),
        Just(Some(TeamRole::Viewer)),
        Just(Some(TeamRole::Service))
    ]
}

fn any_who() -> impl Strategy<Value = Who> {
    let status = prop_oneof![3 => Just(Status::Active), 1 => Just(Status::Deactivated), 1 => Just(Status::Deleted)];
    let scope = prop_oneof![3 => Just(KeyScope::Full), 1 => Just(KeyScope::ReadOnly)];
    prop_oneof![
        8 => (status, any::<bool>(), org_role(), scope, prop_oneof![Just(ANA), Just(BEN)]).prop_map(
            |(status, is_service, org_role, scope, id)| Who::User {
                id, username: "x".into(), status, is_service, org_role, scope
            }
        ),
        1 => Just(Who::Anonymous),
        1 => prop_oneof![Just(Process::Shell), Just(Process::Setup)].prop_map(Who::Process),
    ]
}

fn any_what() -> impl Strategy<Value = What> {
    let id = || prop_oneof![Just(ANA), Just(BEN)];
    let visibility = prop::sample::select(Visibility::ALL.to_vec());
    prop_oneof![
        Just(What::Org { id: OrgId(1), name: "o".into() }),
        (id(), any::<bool>(), team_role(), any::<bool>()).prop_map(|(id, is_service, service_role, shares_org)| {
            What::User { id, username: "u".into(), is_service, service_role, shares_org }
        }),
        team_role().prop_map(|role| What::Team { id: ACME, name: "t".into(), role }),
        id().prop_map(|owner| What::Namespace { owner, name: "n".into() }),
        (visibility, team_role(), any::<bool>(), prop::option::of(id()), any::<bool>()).prop_map(
            |(visibility, role, invited, owner, personal)| What::Project {
                id: ProjectId(1),
                name: "p".into(),
                entity: if personal { Entity::Person(ANA) } else { Entity::Team(ACME) },
                entity_name: "e".into(),
                visibility,
                role,
                invited,
                owner,
                inside: None,
            }
        ),
    ]
}

fn any_action() -> impl Strategy<Value = Action> {
    prop::sample::select(Action::ALL.to_vec())
}

/// The second evaluator: one boolean expression per kind of resource.
fn reference(facts: &Facts, action: Action) -> bool {
    let Who::User { id: me, status, is_service, org_role, scope, .. } = &facts.who else {
        return match facts.who {
            Who::Process(Process::Shell) => true,
            Who::Process(Process::Setup) => matches!(action, Action::UserCreate | Action::UserLogin),
            _ => false,
        };
    };
    let alive = *status == Status::Active && (*scope == KeyScope::Full || !action.writes());
    let in_org = org_role.is_some();
    let capped = *org_role == Some(OrgRole::Viewer) && action.writes();
    let by_org = (!is_service || action == Action::OrganizationRead)
        && org_role.is_some_and(|r| action.org_roles().contains(&r));
    let holds = |role: Option<TeamRole>| !capped && role.is_some_and(|r| action.team_roles().contains(&r));
    let fits = match (&facts.what, action.level()) {
        (What::Org { .. }, Level::Org) => {
            let setting = action == Action::TeamCreate && facts.members_may_create_teams;
            by_org || (setting && *org_role == Some(OrgRole::Member) && !is_service)
        }
        (What::User { id, is_service: machine, service_role, shares_org, .. }, Level::User) => {
            let own = id == me && action.is_for_oneself() && !(*is_service && action.writes());
            let about_keys =
                matches!(action, Action::ApiKeyRead | Action::ApiKeyCreate | Action::ApiKeyDelete | Action::UserRead);
            let manages = *org_role == Some(OrgRole::Admin)
                || (*service_role == Some(TeamRole::Admin) && *org_role != Some(OrgRole::Viewer));
            let sign_in_of_machine = action == Action::UserLogin && *machine;
            !sign_in_of_machine
                && (own
                    || (!(id == me && action.is_for_oneself())
                        && *shares_org
                        && ((*machine && manages && about_keys) || by_org)))
        }
        (What::Team { role, .. }, Level::Entity) => by_org || holds(*role),
        (What::Namespace { owner, .. }, Level::Entity) => {
            let fits = matches!(action, Action::TeamRead | Action::ProjectCreate);
            owner == me && !is_service && fits && holds(Some(TeamRole::Admin))
        }
        (What::Project { visibility, role, invited, owner, .. }, Level::Project) => {
            let closed = *visibility == Visibility::Restricted && !invited;
            let public = matches!(visibility, Visibility::Open | Visibility::Public) && !action.writes();
            let open = *visibility == Visibility::Open && action.is_open_submitting() && !capped;
            let owns = *owner == Some(*me)
                && *role != Some(TeamRole::Viewer)
                && !capped
                && matches!(
                    action,
                    Action::ProjectUpdate | Action::ProjectUpdateVisibility | Action::ProjectUpdateMember
                );
            by_org
                || match role {
                    None => public || open,
                    Some(_) if public || open => true,
                    Some(TeamRole::Admin) if action == Action::ProjectJoin => closed && !capped,
                    Some(_) if action == Action::ProjectJoin => false,
                    Some(_) => !closed && (owns || holds(*role)),
                }
        }
        _ => false,
    };
    alive && in_org && fits
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn both_evaluators_agree(who in any_who(), what in any_what(), action in any_action(), setting in any::<bool>()) {
        let facts = Facts { org: OrgId(1), who, what, members_may_create_teams: setting };
        prop_assert_eq!(decide(&facts, action).allowed(), reference(&facts, action), "{:?} {}", facts, action.as_str());
    }

    #[test]
    fn a_decision_always_says_why(who in any_who(), what in any_what(), action in any_action()) {
        let facts = facts(who, what);
        let decision = decide(&facts, action);
        prop_assert!(!decision.steps().is_empty());
        prop_assert!(decision.visible() || !decision.allowed());
        for reason in decision.reasons(&facts) {
            prop_assert!(reason.text.ends_with('.') && !reason.rule.is_empty());
        }
    }

    #[test]
    fn suspension_and_absence_deny_everything(what in any_what(), action in any_action(), role in org_role()) {
        for status in [Status::Deactivated, Status::Deleted] {
            let who = Who::User {
                id: BEN, username: "b".into(), status, is_service: false, org_role: role, scope: KeyScope::Full
            };
            prop_assert!(!decide(&facts(who, what.clone()), action).allowed());
        }
        prop_assert!(!decide(&facts(Who::Anonymous, what), action).allowed());
    }

    #[test]
    fn joining_a_team_never_takes_access_away(
        who in any_who(), visibility in prop::sample::select(vec![Visibility::Open, Visibility::Public, Visibility::Team]),
        role in team_role(), action in any_action()
    ) {
        // A restricted project asks for an invitation besides, and joining is itself what changes.
        let before = decide(&facts(who.clone(), project(visibility, None, false)), action).allowed();
        let after = decide(&facts(who, project(visibility, role, false)), action).allowed();
        prop_assert!(!before || after);
    }

    #[test]
    fn a_restricted_project_is_never_read_through_the_team_role_alone(role in team_role(), action in any_action()) {
        let f = facts(who(Some(OrgRole::Member)), project(Visibility::Restricted, role, false));
        prop_assert!(!decide(&f, action).allowed() || action == Action::ProjectJoin);
    }

    #[test]
    fn a_read_only_key_shows_nothing_more(who in any_who(), what in any_what(), action in any_action()) {
        let full = Facts { org: OrgId(1), who, what, members_may_create_teams: false }.with_full_scope();
        let mut narrow = full.clone();
        if let Who::User { scope, .. } = &mut narrow.who {
            *scope = KeyScope::ReadOnly;
        }
        prop_assert!(decide(&full, action).visible() || !decide(&narrow, action).visible());
    }

    #[test]
    fn a_read_only_key_never_writes(what in any_what(), action in any_action(), role in org_role()) {
        let who = Who::User {
            id: BEN, username: "b".into(), status: Status::Active, is_service: false, org_role: role, scope: KeyScope::ReadOnly
        };
        prop_assert!(!action.writes() || !decide(&facts(who, what), action).allowed());
    }
}
