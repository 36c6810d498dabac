//! Tests of the rules: the whole grid as a reviewed file, properties over random facts, and a second evaluator written the
//! other way round (from the documents' table, without chains or early returns) that must always agree.

#![expect(clippy::unwrap_used)]

use super::*;
use crate::model::TeamId;
use crate::model::credential::{KeyPlace, KeyScope};
use crate::model::project::Visibility;
use crate::model::role::{Action, Level, OrgRole, Seat, TeamRole};
use crate::model::user::Status;
use crate::model::{RoleId, RunId};
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
        models: Seat::Full,
        weave: Seat::Full,
        scope: KeyScope::Full,
    }
}

/// A custom role of the tests: view-only, and deletes anybody's runs.
const CURATOR: RoleId = RoleId(1);
/// Another one: member, and manages people.
const STEWARD: RoleId = RoleId(2);

fn held(role: Option<TeamRole>) -> Option<Held> {
    let custom = |role, base, adds: &[Action], name: &str| Held {
        role,
        base,
        adds: adds.iter().copied().collect(),
        name: name.into(),
    };
    role.map(|role| match role {
        TeamRole::Custom(CURATOR) => custom(role, TeamRole::Viewer, &[Action::RunDelete], "curator"),
        TeamRole::Custom(_) => {
            custom(role, TeamRole::Member, &[Action::TeamInviteUser, Action::TeamUpdateMember], "steward")
        }
        predefined => Held::of(predefined),
    })
}

fn run(mut what: What, own: bool) -> What {
    if let What::Project { inside, .. } = &mut what {
        *inside = Some(Inside { id: RunId(1), name: "r1".into(), own });
    }
    what
}

fn with_project_role(mut what: What, role: Option<TeamRole>) -> What {
    if let What::Project { project_role, .. } = &mut what {
        *project_role = held(role);
    }
    what
}

fn project(visibility: Visibility, role: Option<TeamRole>, invited: bool) -> What {
    What::Project {
        id: ProjectId(1),
        name: "fusion".into(),
        entity: Entity::Team(ACME),
        entity_name: "acme".into(),
        visibility,
        role: held(role),
        project_role: None,
        invited,
        owner: Some(ANA),
        inside: None,
    }
}

fn facts(who: Who, what: What) -> Facts {
    Facts { org: OrgId(1), who, what, switches: Switches::default() }
}

/// Every persona on every kind of resource, one line per action: `+` allowed, `-` refused, `.` hidden.
fn grid() -> String {
    let service = Who::User {
        id: BEN,
        username: "ben".into(),
        status: Status::Active,
        is_service: true,
        org_role: Some(OrgRole::Member),
        models: Seat::Full,
        weave: Seat::Full,
        scope: KeyScope::Full,
    };
    let reader = Who::User {
        id: BEN,
        username: "ben".into(),
        status: Status::Active,
        is_service: false,
        org_role: Some(OrgRole::Admin),
        models: Seat::Full,
        weave: Seat::Full,
        scope: KeyScope::ReadOnly,
    };
    let connection = Who::User {
        id: BEN,
        username: "ben".into(),
        status: Status::Active,
        is_service: true,
        org_role: Some(OrgRole::Admin),
        models: Seat::None,
        weave: Seat::None,
        scope: KeyScope::Provisioning,
    };
    let gone = Who::User {
        id: BEN,
        username: "ben".into(),
        status: Status::Deactivated,
        is_service: false,
        org_role: Some(OrgRole::Admin),
        models: Seat::Full,
        weave: Seat::Full,
        scope: KeyScope::Full,
    };
    let seated = |models, weave| Who::User {
        id: BEN,
        username: "ben".into(),
        status: Status::Active,
        is_service: false,
        org_role: Some(OrgRole::Member),
        models,
        weave,
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
        ("custom_role", who(m), Some(TeamRole::Custom(CURATOR)), true),
        ("seat_viewer", seated(Seat::Viewer, Seat::Viewer), Some(TeamRole::Member), true),
        ("weave_only", seated(Seat::None, Seat::Full), Some(TeamRole::Member), true),
        ("connection", connection, None, false),
    ];
    let resources: Vec<(&str, Level)> = vec![
        ("organization", Level::Org),
        ("oneself", Level::User),
        ("somebody", Level::User),
        ("somebody who belongs elsewhere", Level::User),
        ("service of the team", Level::User),
        ("team", Level::Entity),
        ("own namespace", Level::Entity),
        ("open project", Level::Project),
        ("public project", Level::Project),
        ("team project", Level::Project),
        ("restricted project", Level::Project),
        ("own run in a team project", Level::Project),
        ("own run in an open project", Level::Project),
        ("team project with the project role admin", Level::Project),
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
                    elsewhere: resource.ends_with("elsewhere"),
                    keys_closed: false,
                };
                let is_service = matches!(who, Who::User { is_service: true, .. });
                let what = match resource {
                    "organization" => What::Org { id: OrgId(1), name: "default".into() },
                    "oneself" => user(BEN, "ben", is_service, None),
                    "somebody" | "somebody who belongs elsewhere" => user(ANA, "ana", false, None),
                    "service of the team" => user(UserId(9), "service-ci", true, held(*role)),
                    "team" => What::Team {
                        id: ACME,
                        name: "acme".into(),
                        role: held(*role),
                        inviting: Inviting::Roles,
                        recommended: false,
                    },
                    "own namespace" => What::Namespace { owner: BEN, name: "ben".into() },
                    "open project" => project(Visibility::Open, *role, *invited),
                    "public project" => project(Visibility::Public, *role, *invited),
                    "team project" => project(Visibility::Team, *role, *invited),
                    "own run in a team project" => run(project(Visibility::Team, *role, *invited), true),
                    "own run in an open project" => run(project(Visibility::Open, *role, *invited), true),
                    "team project with the project role admin" => {
                        let project_role = role.filter(|r| *r != TeamRole::Service).map(|_| TeamRole::Admin);
                        with_project_role(project(Visibility::Team, *role, *invited), project_role)
                    }
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
        Just(Some(TeamRole::Service)),
        Just(Some(TeamRole::Custom(CURATOR))),
        Just(Some(TeamRole::Custom(STEWARD))),
    ]
}

fn seat() -> impl Strategy<Value = Seat> {
    prop_oneof![3 => Just(Seat::Full), 1 => Just(Seat::Viewer), 1 => Just(Seat::None)]
}

fn switches() -> impl Strategy<Value = Switches> {
    (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>()).prop_map(
        |(members_may_create_teams, personal_entities, admin_team_access, team_services, several_orgs)| Switches {
            members_may_create_teams,
            personal_entities,
            admin_team_access,
            team_services,
            several_orgs,
        },
    )
}

fn any_who() -> impl Strategy<Value = Who> {
    let status = prop_oneof![3 => Just(Status::Active), 1 => Just(Status::Deactivated), 1 => Just(Status::Deleted)];
    let place = prop_oneof![
        Just(KeyPlace::Org(OrgId(1))),
        Just(KeyPlace::Org(OrgId(2))),
        Just(KeyPlace::Team(ACME)),
        Just(KeyPlace::Team(TeamId(11))),
        Just(KeyPlace::Project(ProjectId(1))),
        Just(KeyPlace::Project(ProjectId(2))),
    ];
    let within = (place, any::<bool>()).prop_map(|(place, reads_only)| KeyScope::Within { place, reads_only });
    let scope = prop_oneof![
        3 => Just(KeyScope::Full),
        1 => Just(KeyScope::ReadOnly),
        1 => Just(KeyScope::Provisioning),
        2 => within,
    ];
    prop_oneof![
        8 => (status, any::<bool>(), org_role(), scope, prop_oneof![Just(ANA), Just(BEN)], seat(), seat()).prop_map(
            |(status, is_service, org_role, scope, id, models, weave)| Who::User {
                id, username: "x".into(), status, is_service, org_role, models, weave, scope
            }
        ),
        1 => Just(Who::Anonymous),
        1 => prop_oneof![Just(Process::Shell), Just(Process::Setup), Just(Process::Company), Just(Process::Newcomer)].prop_map(Who::Process),
    ]
}

fn any_project() -> impl Strategy<Value = What> {
    let id = || prop_oneof![Just(ANA), Just(BEN)];
    let visibility = prop::sample::select(Visibility::ALL.to_vec());
    let inside = prop::option::of(any::<bool>());
    (visibility, team_role(), team_role(), any::<bool>(), prop::option::of(id()), any::<bool>(), inside).prop_map(
        |(visibility, role, project_role, invited, owner, personal, own)| {
            let what = What::Project {
                id: ProjectId(1),
                name: "p".into(),
                entity: if personal { Entity::Person(ANA) } else { Entity::Team(ACME) },
                entity_name: "e".into(),
                visibility,
                role: held(role),
                // As `facts` gathers it: where project roles apply, and only for members of the team.
                project_role: held(project_role.filter(|_| role.is_some() && visibility >= Visibility::Team)),
                invited,
                owner,
                inside: None,
            };
            match own {
                Some(own) => run(what, own),
                None => what,
            }
        },
    )
}

fn any_what() -> impl Strategy<Value = What> {
    let id = || prop_oneof![Just(ANA), Just(BEN)];
    prop_oneof![
        1 => Just(What::Org { id: OrgId(1), name: "o".into() }),
        1 => (id(), any::<bool>(), team_role(), any::<[bool; 3]>()).prop_map(|(id, is_service, role, [shares_org, elsewhere, keys_closed])| {
            What::User { id, username: "u".into(), is_service, service_role: held(role), shares_org, elsewhere, keys_closed }
        }),
        1 => (team_role(), inviting(), any::<bool>()).prop_map(|(role, inviting, recommended)| {
            What::Team { id: ACME, name: "t".into(), role: held(role), inviting, recommended }
        }),
        1 => id().prop_map(|owner| What::Namespace { owner, name: "n".into() }),
        4 => any_project(),
    ]
}

/// Once found by [`nobody_gives_what_they_lack`]: a connection is a machine, and gives all the same what its admin could.
#[test]
fn a_provisioning_connection_gives_roles_that_its_own_does_not_cover() {
    let who = |scope| Who::User {
        id: BEN,
        username: "okta".into(),
        status: Status::Active,
        is_service: true,
        org_role: Some(OrgRole::Admin),
        models: Seat::Full,
        weave: Seat::Full,
        scope,
    };
    let mine = held(Some(TeamRole::Custom(RoleId(2))));
    let what = What::Team { id: ACME, name: "acme".into(), role: mine, inviting: Inviting::Admins, recommended: false };
    let given = held(Some(TeamRole::Custom(RoleId(1)))).unwrap();
    let may = |scope| decide_giving(&facts(who(scope), what.clone()), Action::TeamInviteUser, &given).allowed();
    assert!(may(KeyScope::Provisioning) && !may(KeyScope::Full));
}

fn inviting() -> impl Strategy<Value = Inviting> {
    prop::sample::select(vec![Inviting::Admins, Inviting::Roles, Inviting::Members])
}

fn any_action() -> impl Strategy<Value = Action> {
    prop::sample::select(Action::ALL.to_vec())
}

/// The second evaluator: one boolean expression per kind of resource.
fn reference(facts: &Facts, action: Action) -> bool {
    let Who::User { id: me, status, is_service, org_role, scope, models, weave, .. } = &facts.who else {
        return match facts.who {
            Who::Process(Process::Shell) => action != Action::OrganizationCreate || facts.switches.several_orgs,
            Who::Process(Process::Setup) => matches!(action, Action::UserCreate | Action::UserLogin),
            Who::Process(Process::Company) => [
                "user:create",
                "user:update",
                "user:update_email",
                "user:deactivate",
                "team:join",
                "team:invite_user",
                "team:uninvite",
                "session:revoke",
            ]
            .contains(&action.as_str()),
            Who::Process(Process::Newcomer) => {
                ["user:create", "user:login", "user:uninvite", "team:join", "team:uninvite"].contains(&action.as_str())
            }
            _ => false,
        };
    };
    let is_admin = *org_role == Some(OrgRole::Admin) && !is_service;
    let is_viewer = *org_role == Some(OrgRole::Viewer);
    let fits = match scope {
        KeyScope::Full => true,
        KeyScope::ReadOnly => !action.writes(),
        KeyScope::Provisioning => action.is_for_provisioning(),
        KeyScope::Within { place, reads_only } => {
            let here = match (place, &facts.what) {
                (KeyPlace::Org(org), _) if *org == facts.org => true,
                (KeyPlace::Team(team), What::Team { id, .. }) => team == id,
                (KeyPlace::Team(team), What::Project { entity, .. }) => Entity::Team(*team) == *entity,
                (KeyPlace::Project(project), What::Project { id, .. }) => project == id,
                // Whoever presents it may always be told who they are and where.
                (_, What::User { id, .. }) => id == me && !action.writes(),
                (KeyPlace::Org(_), _) => false,
                (_, What::Org { .. }) => ["organization:read", "role:read"].contains(&action.as_str()),
                _ => false,
            };
            here && !(*reads_only && action.writes())
        }
    };
    let alive = *status == Status::Active && fits;
    let capped = is_viewer && action.writes();
    let by_org = (!is_service || *scope == KeyScope::Provisioning || action == Action::OrganizationRead)
        && org_role.is_some_and(|r| action.org_roles().contains(&r));
    let has = |role: &Held, action: Action| action.team_roles().contains(&role.base) || role.adds.contains(action);
    let reads_only = |role: &Held| Action::ALL.iter().all(|a| !has(role, *a) || Held::of(TeamRole::Viewer).holds(*a));
    // What an organization admin does in a team from outside, where that is switched off.
    let kept_out = |holds_there: bool| {
        !facts.switches.admin_team_access
            && is_admin
            && !holds_there
            && ["team:join", "team:create_service_account", "project:update_visibility"].contains(&action.as_str())
    };
    let seat = match action.as_str().split_once(':').unwrap().0 {
        _ if matches!(action.level(), Level::Org | Level::User) => Seat::Full,
        "team" | "secret" => Seat::Full,
        "weave" => *weave,
        "project" => *models.max(weave),
        _ => *models,
    };
    let seated = *is_service
        || match seat {
            Seat::Full => true,
            Seat::Viewer => !action.writes() && action != Action::ArtifactDownload,
            Seat::None => false,
        };
    let fits = match (&facts.what, action.level()) {
        (What::Org { .. }, Level::Org) => {
            let setting = action == Action::TeamCreate && facts.switches.members_may_create_teams;
            let into_teams = action == Action::ServiceCreate && !facts.switches.admin_team_access;
            let too_many = action == Action::OrganizationCreate && !facts.switches.several_orgs;
            (by_org && !into_teams && !too_many) || (setting && *org_role == Some(OrgRole::Member) && !is_service)
        }
        (What::User { keys_closed: true, .. }, Level::User) if action == Action::ApiKeyCreate => false,
        (What::User { id, is_service: machine, service_role, shares_org, elsewhere, .. }, Level::User) => {
            let own = id == me && action.is_for_oneself();
            let keys = ["api_key:read", "user:create_api_key", "user:delete_api_key", "user:read", "user:update"]
                .contains(&action.as_str());
            let everything = |role: &Held| {
                has(role, Action::TeamCreateService)
                    && Action::ALL.iter().all(|a| !a.team_roles().contains(&TeamRole::Service) || has(role, *a))
            };
            let manages = service_role.as_ref().is_some_and(everything) && !is_viewer;
            let from_above = is_admin && (facts.switches.admin_team_access || action != Action::ApiKeyCreate);
            if action == Action::UserLogin && *machine {
                false
            } else if own {
                !(*is_service && action.writes()) || action == Action::UserExchangeToken
            } else if !shares_org {
                false
            } else if *machine && keys && (manages || from_above) {
                true
            } else {
                let account = "user:update user:update_email user:deactivate user:reactivate user:permanently_delete \
                    session:read session:revoke api_key:read user:delete_api_key";
                by_org && !(*elsewhere && account.split_whitespace().any(|about| about == action.as_str()))
            }
        }
        (What::Team { .. }, Level::Entity) if action == Action::TeamCreateService && !facts.switches.team_services => {
            false
        }
        (What::Team { role, inviting, recommended, .. }, Level::Entity) => {
            let closed = action == Action::TeamInviteUser && *inviting == Inviting::Admins;
            let holds = role.as_ref().is_some_and(|r| has(r, action) && (!closed || r.base == TeamRole::Admin));
            let any_member = action == Action::TeamInviteUser
                && *inviting == Inviting::Members
                && !is_service
                && role.as_ref().is_some_and(|r| !reads_only(r));
            let joins = action == Action::TeamJoin && *recommended && role.is_none() && !is_service;
            !kept_out(holds) && (by_org || (!capped && seated && holds) || (!capped && any_member) || joins)
        }
        (What::Namespace { owner, .. }, Level::Entity) => {
            let open =
                action == Action::TeamRead || (action == Action::ProjectCreate && facts.switches.personal_entities);
            owner == me && !is_service && open && !capped && seated
        }
        (What::Project { entity, visibility, role, project_role, invited, owner, inside, .. }, Level::Project) => {
            let effective = role.as_ref().map(|role| match project_role {
                Some(other) if !reads_only(role) => other,
                _ => role,
            });
            let holds = effective.is_some_and(|r| has(r, action));
            let closed = *visibility == Visibility::Restricted && !invited;
            let mine = inside.as_ref().is_some_and(|i| i.own)
                && ["run:update", "run:stop", "run:delete", "run:undelete", "run:move"].contains(&action.as_str());
            let public = matches!(visibility, Visibility::Open | Visibility::Public) && !action.writes();
            let open = *visibility == Visibility::Open && (action.is_open_submitting() || mine) && !capped;
            let owns = *owner == Some(*me)
                && role.as_ref().is_some_and(|r| !reads_only(r))
                && !is_viewer
                && matches!(
                    action,
                    Action::ProjectUpdate
                        | Action::ProjectUpdateVisibility
                        | Action::ProjectUpdateMember
                        | Action::ProjectUpdateOwner
                );
            let submitter = mine && !capped && effective.is_some_and(|r| has(r, Action::RunCreate));
            let opened = match role {
                None => public || open,
                Some(role) if action == Action::ProjectJoin => closed && has(role, action) && !is_viewer,
                Some(_) => !closed && (public || open || owns || submitter || (holds && !capped)),
            };
            let frozen = matches!(entity, Entity::Person(_)) && action.writes() && !facts.switches.personal_entities;
            !kept_out(holds) && (by_org || (opened && !frozen && seated))
        }
        _ => false,
    };
    alive && org_role.is_some() && fits
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn both_evaluators_agree(who in any_who(), what in any_what(), action in any_action(), switches in switches()) {
        let facts = Facts { org: OrgId(1), who, what, switches };
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
                id: BEN, username: "b".into(), status, is_service: false, org_role: role, models: Seat::Full,
                weave: Seat::Full, scope: KeyScope::Full
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
        let full = Facts { org: OrgId(1), who, what, switches: Switches::default() }.with_full_scope();
        let mut narrow = full.clone();
        if let Who::User { scope, .. } = &mut narrow.who {
            *scope = KeyScope::ReadOnly;
        }
        prop_assert!(decide(&full, action).visible() || !decide(&narrow, action).visible());
    }

    #[test]
    fn a_read_only_key_never_writes(what in any_what(), action in any_action(), role in org_role()) {
        let who = Who::User {
            id: BEN, username: "b".into(), status: Status::Active, is_service: false, org_role: role, models: Seat::Full,
            weave: Seat::Full, scope: KeyScope::ReadOnly
        };
        prop_assert!(!action.writes() || !decide(&facts(who, what), action).allowed());
    }

    #[test]
    fn a_better_seat_never_takes_access_away(
        who in any_who(), what in any_what(), action in any_action(), models in seat(), weave in seat()
    ) {
        let before = facts(who.clone(), what.clone());
        let mut after = before.clone();
        if let (Who::User { models: old_models, weave: old_weave, .. }, Who::User { models: m, weave: w, .. }) =
            (&before.who, &mut after.who)
        {
            (*m, *w) = (models.max(*old_models), weave.max(*old_weave));
        }
        prop_assert!(!decide(&before, action).allowed() || decide(&after, action).allowed());
    }

    #[test]
    fn a_permission_added_to_a_role_never_takes_access_away(
        who in any_who(), visibility in prop::sample::select(Visibility::ALL.to_vec()), base in prop_oneof![Just(TeamRole::Member), Just(TeamRole::Viewer)],
        few in prop::collection::vec(any_action(), 0..4), more in any_action(), action in any_action(), invited in any::<bool>(), own in any::<bool>()
    ) {
        let role = |adds: Vec<Action>| {
            let adds = adds.into_iter().filter(|a| a.is_assignable()).collect();
            Some(Held { role: TeamRole::Custom(CURATOR), base, adds, name: "c".into() })
        };
        let with = |held: Option<Held>| {
            let mut what = run(project(visibility, None, invited), own);
            if let What::Project { role, .. } = &mut what {
                *role = held;
            }
            decide(&facts(who.clone(), what), action).allowed()
        };
        let all = few.iter().copied().chain([more]).collect();
        prop_assert!(!with(role(few)) || with(role(all)));
    }

    #[test]
    fn nobody_gives_what_they_lack(who in any_who(), mine in team_role(), given in team_role(), inviting in inviting()) {
        let Some(given) = held(given) else { return Ok(()) };
        let what = What::Team { id: ACME, name: "acme".into(), role: held(mine), inviting, recommended: false };
        let f = facts(who, what);
        for action in [Action::TeamInviteUser, Action::TeamUpdateMember, Action::TeamUninvite, Action::TeamCreateService] {
            let decision = decide_giving(&f, action, &given);
            prop_assert!(!decision.allowed() || decide(&f, action).allowed());
            let above = matches!(f.who, Who::Process(_)) || (f.who.org_role() == Some(OrgRole::Admin)
                    && (!f.who.is_service() || matches!(f.who, Who::User { scope: KeyScope::Provisioning, .. })));
            let covers = Action::ALL.iter().all(|a| !given.holds(*a) || held(mine).is_some_and(|m| m.holds(*a)));
            prop_assert!(!decision.allowed() || above || covers, "{:?}", decision.reasons(&f));
        }
    }

    #[test]
    fn a_view_only_member_of_the_team_is_not_raised_by_a_project(visibility in prop::sample::select(vec![Visibility::Team, Visibility::Restricted]), role in team_role(), action in any_action()) {
        let what = with_project_role(project(visibility, Some(TeamRole::Viewer), true), role);
        let plain = project(visibility, Some(TeamRole::Viewer), true);
        let m = who(Some(OrgRole::Member));
        prop_assert_eq!(decide(&facts(m.clone(), what), action).allowed(), decide(&facts(m, plain), action).allowed());
    }
}
