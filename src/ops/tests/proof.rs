//! Random organizations, judged twice: by the engine over the store, and by a reference evaluator that knows neither facts
//! nor chains. The reference reads a plain picture of the organization and the sentences of the documents (permission table
//! by role, visibility scopes, project roles, seats, switches), each written down anew here; it shares no rule and no table
//! with `policy` or `model/role.rs`.

use super::*;
use crate::model::project::{Project, ProjectMember};
use crate::model::role::{CustomRole, Level, Seat};
use crate::model::run::Run;
use crate::model::team::{Membership, Org, Team};
use crate::model::user::{OrgMembership, Service, Status, UserKind};
use crate::model::{Entity, OrgId, ProjectId, RoleId, RunId, TeamId, UserId};
use proptest::prelude::*;
use std::collections::BTreeMap;

const PEOPLE: usize = 5;
const TEAMS: usize = 2;
const PROJECTS: usize = 4;
const ROLES: usize = 2;

/// A team or project role as the picture has it: `admin`, `member`, `viewer`, or a custom role by its place in the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum R {
    Admin,
    Member,
    Viewer,
    Custom(usize),
}

#[derive(Clone, Debug)]
struct Person {
    active: bool,
    org_role: OrgRole,
    models: Seat,
    weave: Seat,
    /// Whether it is a service account: of team 0, or of the organization.
    service: bool,
    wide: bool,
    /// Whether the belonging to the first organization is suspended.
    suspended: bool,
    /// The role in the second organization, with full seats there.
    second: Option<OrgRole>,
}

#[derive(Clone, Debug)]
struct Place {
    /// The team it is in, or the person whose namespace it is in.
    team: Option<usize>,
    visibility: Visibility,
    owner: usize,
    invited: Vec<usize>,
    roles: BTreeMap<usize, R>,
}

#[derive(Clone, Debug)]
struct Picture {
    people: Vec<Person>,
    members: Vec<BTreeMap<usize, R>>,
    members_invite: Vec<bool>,
    admins_invite: bool,
    /// Whether the last team is of the second organization, with its projects.
    split: bool,
    places: Vec<Place>,
    /// Project, who submitted, for whom.
    run: (usize, usize, Option<usize>),
    /// Whether it inherits from member, and what it adds.
    custom: Vec<(bool, Vec<Action>)>,
    personal_disabled: bool,
    admins_kept_out: bool,
}

// ---- the reference: the documents' sentences over the picture ----

/// The permission table: what view-only holds, what member holds besides, what only admin holds; the rest is not a role's.
const VIEWER: &str = "team:read project:read run:read artifact:read artifact:download report:read report:comment \
    workspace:read sweep:read launchagent:read launchqueue:read launchjob:read registry:read automation:read weave:read";
const MEMBER: &str = "project:create project:move_runs_in run:create run:update artifact:create artifact:update \
    artifact:delete artifactalias:update artifactalias:delete report:create workspace:update sweep:create sweep:update \
    sweep:create_agent launchagent:create launchjob:create launchjob:update registry:update automation:create \
    automation:update weave:create weave:update";
const ADMIN: &str = "team:update team:invite_user team:uninvite team:update_member team:create_service_account \
    secret:read secret:update project:update project:delete project:update_visibility project:update_member \
    project:update_owner project:join run:stop run:delete run:undelete run:move report:update report:delete sweep:delete \
    launchagent:delete launchqueue:create launchqueue:update launchqueue:delete launchjob:delete registry:delete \
    registry:protectalias automation:delete weave:delete";
/// "Submit runs and reports": what anyone may do in an open project besides reading.
const SUBMIT: &str = "run:create artifact:create report:create report:comment sweep:create_agent weave:create";
/// What the submitter of a run may do to it.
const OWN: &str = "run:update run:stop run:delete run:undelete run:move";

fn within(list: &str, action: &str) -> bool {
    list.split_whitespace().any(|word| word == action)
}

fn reads(action: &str) -> bool {
    action.ends_with(":read") || action == "artifact:download"
}

impl Picture {
    fn holds(&self, role: R, action: &str) -> bool {
        match role {
            R::Viewer => within(VIEWER, action),
            R::Member => within(VIEWER, action) || within(MEMBER, action),
            R::Admin => within(VIEWER, action) || within(MEMBER, action) || within(ADMIN, action),
            R::Custom(n) => {
                let (member, adds) = &self.custom[n];
                self.holds(if *member { R::Member } else { R::Viewer }, action)
                    || adds.iter().any(|a| a.as_str() == action)
            }
        }
    }

    fn view_only(&self, role: R) -> bool {
        match role {
            R::Viewer => true,
            R::Custom(n) => !self.custom[n].0 && self.custom[n].1.is_empty(),
            R::Admin | R::Member => false,
        }
    }

    /// Whether the seats let a person do what roles and visibility allow them.
    fn seated(&self, who: &Person, action: &str) -> bool {
        let seat = match action.split_once(':').unwrap().0 {
            "team" | "secret" => return true,
            "weave" => who.weave,
            "project" if who.models == Seat::Full || who.weave == Seat::Full => Seat::Full,
            "project" if who.models == Seat::Viewer || who.weave == Seat::Viewer => Seat::Viewer,
            "project" => Seat::None,
            _ => who.models,
        };
        // The viewer seat reads only; taking data away is not reading.
        who.service || seat == Seat::Full || (seat == Seat::Viewer && reads(action) && action != "artifact:download")
    }

    /// Whether organization admins are kept from this by the switch, unless the team itself gives it to them.
    fn kept_out(&self, who: &Person, action: &str, by_team: bool) -> bool {
        let reaching = within("team:join team:create_service_account project:update_visibility", action);
        self.admins_kept_out && who.org_role == OrgRole::Admin && !who.service && reaching && !by_team
    }

    fn role_in(&self, team: usize, who: usize) -> Option<R> {
        if self.people[who].wide {
            // "Reads and writes every project of every team except restricted ones."
            return Some(R::Member);
        }
        self.members[team].get(&who).copied()
    }

    fn is_second(&self, team: Option<usize>) -> bool {
        self.split && team == Some(TEAMS - 1)
    }

    /// Somebody as they are in the organization of a team, or of a namespace; nobody where they do not belong or are suspended.
    fn at(&self, who: usize, team: Option<usize>) -> Option<Person> {
        let person = self.people[who].clone();
        if self.is_second(team) {
            return person.second.map(|org_role| Person { org_role, models: Seat::Full, weave: Seat::Full, ..person });
        }
        (!person.suspended).then_some(person)
    }

    fn on_team(&self, who: usize, team: usize, action: &str) -> bool {
        let Some(person) = &self.at(who, Some(team)) else { return false };
        if !person.active {
            return false;
        }
        let viewer = person.org_role == OrgRole::Viewer;
        let role = self.role_in(team, who);
        // "No invitations by anybody but admins", where the organization enforces it.
        let closed = self.admins_invite && action == "team:invite_user" && role != Some(R::Admin);
        let by_team = role.is_some_and(|r| self.holds(r, action)) && !closed;
        if self.kept_out(person, action, by_team) {
            return false;
        }
        let by_org = person.org_role == OrgRole::Admin
            && !person.service
            && within(
                "team:read team:update team:delete team:join team:invite_user team:uninvite team:update_member \
                 team:create_service_account",
                action,
            );
        let lets_all = self.members_invite[team] && !self.admins_invite && action == "team:invite_user";
        let invites = lets_all && !viewer && !person.service && role.is_some_and(|r| !self.view_only(r));
        by_org || invites || (by_team && (!viewer || reads(action)) && self.seated(person, action))
    }

    fn on_project(&self, who: usize, place: usize, own: bool, action: &str) -> bool {
        let project = &self.places[place];
        let Some(person) = &self.at(who, project.team) else { return false };
        if !person.active {
            return false;
        }
        let org_viewer_writes = person.org_role == OrgRole::Viewer && !reads(action);
        // The team role; the owner of a personal project is its admin.
        let team_role = match project.team {
            Some(team) => self.role_in(team, who),
            None => (project.owner == who).then_some(R::Admin),
        };
        // "Project roles apply in Team and Restricted projects"; a view-only member of the team cannot have another.
        let closed_scope = matches!(project.visibility, Visibility::Team | Visibility::Restricted);
        let role = team_role.map(|role| match project.roles.get(&who) {
            Some(other) if closed_scope && !self.view_only(role) => *other,
            _ => role,
        });
        let by_role = role.is_some_and(|r| self.holds(r, action));
        if self.kept_out(person, action, by_role) {
            return false;
        }
        // "Visibility is set by the owner, a team admin, or an organization admin."
        if action == "project:update_visibility" && person.org_role == OrgRole::Admin && !person.service {
            return true;
        }
        let inside = project.visibility != Visibility::Restricted || project.invited.contains(&who);
        let mut allowed = match team_role {
            Some(role) if action == "project:join" => {
                !inside && self.holds(role, action) && person.org_role != OrgRole::Viewer
            }
            Some(team_role) => {
                let owner = project.owner == who
                    && !self.view_only(team_role)
                    && within(
                        "project:update project:update_visibility project:update_member project:update_owner",
                        action,
                    );
                let submitter = own && within(OWN, action) && role.is_some_and(|r| self.holds(r, "run:create"));
                inside && (owner || submitter || by_role)
            }
            None => false,
        };
        // "Open: anyone views and submits. Public: anyone views."
        let open = project.visibility == Visibility::Open;
        let anyone = (open || project.visibility == Visibility::Public) && reads(action);
        let submits = open && (within(SUBMIT, action) || (own && within(OWN, action)));
        allowed |= anyone || submits;
        if project.team.is_none() && self.personal_disabled && !reads(action) {
            allowed = false;
        }
        allowed && !org_viewer_writes && self.seated(person, action)
    }
}

// ---- the picture put into the store ----

fn user_id(n: usize) -> UserId {
    UserId(1 + n as u64)
}

fn team_id(n: usize) -> TeamId {
    TeamId(1 + (PEOPLE + n) as u64)
}

fn project_id(n: usize) -> ProjectId {
    ProjectId(1 + n as u64)
}

fn team_role(role: R) -> TeamRole {
    match role {
        R::Admin => TeamRole::Admin,
        R::Member => TeamRole::Member,
        R::Viewer => TeamRole::Viewer,
        R::Custom(n) => TeamRole::Custom(RoleId(1 + n as u64)),
    }
}

fn build(picture: &Picture) -> World {
    let clock = Clock::fixed(START);
    let environment = [
        ("GORILLA_DISABLE_PERSONAL_ENTITY", if picture.personal_disabled { "true" } else { "false" }),
        ("GORILLA_DISABLE_ADMIN_TEAM_ACCESS", if picture.admins_kept_out { "true" } else { "false" }),
    ];
    let app = App::for_tests(clock.clone(), &environment);
    let picture = picture.clone();
    app.store.write_blocking(move |tx| put(tx, &picture)).unwrap();
    World { app, clock }
}

fn put(tx: &mut Tx, picture: &Picture) -> Result<()> {
    tx.note_event();
    let mut org = tx.get(&schema::ORGS, &HOME)?.unwrap();
    org.admins_invite = picture.admins_invite;
    tx.put(&schema::ORGS, &org)?;
    let second = OrgId(tx.next_id(schema::ORG_IDS)?);
    tx.put(&schema::ORGS, &Org { id: second, name: "second".into(), ..org })?;
    let org_of = |team: Option<usize>| if picture.is_second(team) { second } else { HOME };
    for (n, (member, adds)) in picture.custom.iter().enumerate() {
        let id = RoleId(tx.next_id(schema::ROLE_IDS)?);
        let inherits = if *member { TeamRole::Member } else { TeamRole::Viewer };
        let role = CustomRole {
            external_id: None,
            id,
            org: HOME,
            name: format!("role {n}"),
            description: String::new(),
            inherits,
            permissions: adds.clone(),
            created_at: 1,
            updated_at: 1,
            version: 1,
        };
        tx.put(&schema::ROLES, &role)?;
    }
    for n in 0..PEOPLE + TEAMS {
        tx.next_id(schema::ENTITY_IDS)?;
        if let Some(team) = n.checked_sub(PEOPLE) {
            let members_invite = picture.members_invite[team];
            let row = Team { members_invite, ..Team::new(team_id(team), org_of(Some(team)), format!("team{team}"), 1) };
            tx.put(&schema::TEAMS, &row)?;
        }
    }
    for (n, person) in picture.people.iter().enumerate() {
        let (models, weave) = (person.models, person.weave);
        let suspended = person.suspended;
        let membership = OrgMembership { models, weave, suspended, ..OrgMembership::new(HOME, person.org_role) };
        let other = person.second.map(|role| OrgMembership::new(second, role));
        let row = User {
            id: user_id(n),
            kind: match (person.service, person.wide) {
                (true, true) => UserKind::Service(Service::default()),
                (true, false) => UserKind::Service(Service::of_team(team_id(0))),
                (false, _) => UserKind::Person,
            },
            username: format!("user{n}"),
            name: String::new(),
            emails: vec![],
            status: if person.active { Status::Active } else { Status::Deactivated },
            orgs: std::iter::once(membership).chain(other).collect(),
            default_org: None,
            default_team: None,
            created_at: 1,
            updated_at: 0,
            version: 1,
        };
        tx.put(&schema::USERS, &row)?;
    }
    for (team, members) in picture.members.iter().enumerate() {
        for (user, role) in members.iter().filter(|(user, _)| !picture.people[**user].wide) {
            let role = if picture.people[*user].service { TeamRole::Service } else { team_role(*role) };
            tx.put(&schema::MEMBERSHIPS, &Membership { team: team_id(team), user: user_id(*user), role, since_at: 1 })?;
        }
    }
    for (n, place) in picture.places.iter().enumerate() {
        tx.next_id(schema::PROJECT_IDS)?;
        let entity = match place.team {
            Some(team) => Entity::Team(team_id(team)),
            None => Entity::Person(user_id(place.owner)),
        };
        let row = Project {
            id: project_id(n),
            org: org_of(place.team),
            entity,
            name: format!("project{n}"),
            visibility: place.visibility,
            owner: Some(user_id(place.owner)),
            description: String::new(),
            created_at: 1,
            version: 1,
        };
        tx.put(&schema::PROJECTS, &row)?;
        for user in 0..PEOPLE {
            let (invited, role) = (place.invited.contains(&user), place.roles.get(&user).map(|r| team_role(*r)));
            if invited || role.is_some() {
                let row = ProjectMember { invited, role, ..ProjectMember::invited(project_id(n), user_id(user), 1) };
                tx.put(&schema::PROJECT_MEMBERS, &row)?;
            }
        }
    }
    tx.next_id(schema::RUN_IDS)?;
    let (project, creator, author) = picture.run;
    let run: Run = serde_json::from_value(serde_json::json!({
        "id": 1, "project": project_id(project), "name": "r1", "creator": user_id(creator),
        "author": author.map(user_id), "created_at": 1,
    }))
    .unwrap();
    assert_eq!(run.id, RunId(1));
    tx.put(&schema::RUNS, &run)
}

// ---- random pictures ----

fn role() -> impl Strategy<Value = R> {
    prop_oneof![
        2 => Just(R::Member), 1 => Just(R::Admin), 1 => Just(R::Viewer), 2 => (0..ROLES).prop_map(R::Custom)
    ]
}

fn seat() -> impl Strategy<Value = Seat> {
    prop_oneof![4 => Just(Seat::Full), 1 => Just(Seat::Viewer), 1 => Just(Seat::None)]
}

fn person() -> impl Strategy<Value = Person> {
    let org_role = prop_oneof![1 => Just(OrgRole::Admin), 3 => Just(OrgRole::Member), 1 => Just(OrgRole::Viewer)];
    let second = prop::option::of(prop::sample::select(OrgRole::ALL.to_vec()));
    let states = (prop::bool::weighted(0.9), prop::bool::weighted(0.1));
    (states, org_role, seat(), seat(), second).prop_map(|((active, suspended), org_role, models, weave, second)| {
        Person { active, org_role, models, weave, service: false, wide: false, suspended, second }
    })
}

fn place() -> impl Strategy<Value = Place> {
    let team = prop_oneof![4 => (0..TEAMS).prop_map(Some), 1 => Just(None)];
    (
        team,
        prop::sample::select(Visibility::ALL.to_vec()),
        0..PEOPLE - 1,
        prop::collection::vec(0..PEOPLE, 0..3),
        prop::collection::btree_map(0..PEOPLE - 1, role(), 0..3),
    )
        .prop_map(|(team, visibility, owner, invited, roles)| {
            let personal = team.is_none();
            let visibility =
                if personal && visibility == Visibility::Restricted { Visibility::Team } else { visibility };
            let (invited, roles) = if personal { (vec![], BTreeMap::new()) } else { (invited, roles) };
            Place { team, visibility, owner, invited, roles }
        })
}

fn picture() -> impl Strategy<Value = Picture> {
    let assignable: Vec<Action> = Action::ALL.iter().copied().filter(|a| a.is_assignable()).collect();
    let custom = (any::<bool>(), prop::collection::vec(prop::sample::select(assignable), 0..5));
    (
        prop::collection::vec(person(), PEOPLE),
        prop::collection::vec(prop::collection::btree_map(0..PEOPLE - 1, role(), 0..4), TEAMS),
        prop::collection::vec(any::<bool>(), TEAMS),
        any::<bool>(),
        prop::collection::vec(place(), PROJECTS),
        (0..PROJECTS, 0..PEOPLE, prop::option::of(0..PEOPLE - 1)),
        prop::collection::vec(custom, ROLES),
        any::<[bool; 4]>(),
    )
        .prop_map(
            |(
                mut people,
                mut members,
                members_invite,
                admins_invite,
                places,
                run,
                custom,
                [personal, kept_out, wide, split],
            )| {
                // The last one is a service account, of the organization or of team 0, with the permissions of a member.
                let last = people[PEOPLE - 1].clone();
                people[PEOPLE - 1] = Person { service: true, wide, org_role: OrgRole::Member, second: None, ..last };
                members[0].insert(PEOPLE - 1, R::Member);
                Picture {
                    people,
                    members,
                    members_invite,
                    admins_invite,
                    split,
                    places,
                    run,
                    custom,
                    personal_disabled: personal,
                    admins_kept_out: kept_out,
                }
            },
        )
}

/// Every (who, resource, action) with the two verdicts.
fn verdicts(world: &World, picture: &Picture) -> Vec<(String, bool, bool)> {
    let mut out = vec![];
    let ask = |who: usize, resource: Resource, action: Action| {
        world
            .app
            .ask(&shell(), |cx| {
                let subject = Subject { actor: Actor::User(user_id(who)), credential: Credential::None };
                Ok(decide(&cx.facts(&subject, resource)?, action).allowed())
            })
            .unwrap()
    };
    for who in 0..PEOPLE {
        for action in Action::ALL.iter().copied() {
            let name = action.as_str();
            match action.level() {
                Level::Entity => {
                    for team in 0..TEAMS {
                        let engine = ask(who, Resource::Entity(Entity::Team(team_id(team))), action);
                        let line = format!("user{who} {name} team{team}");
                        out.push((line, engine, picture.on_team(who, team, name)));
                    }
                }
                Level::Project => {
                    for place in 0..PROJECTS {
                        let engine = ask(who, Resource::Project(project_id(place)), action);
                        let line = format!("user{who} {name} project{place}");
                        out.push((line, engine, picture.on_project(who, place, false, name)));
                    }
                    let (place, creator, author) = picture.run;
                    let own = creator == who || author == Some(who);
                    let engine = ask(who, Resource::Run(RunId(1)), action);
                    let line = format!("user{who} {name} run in project{place}");
                    out.push((line, engine, picture.on_project(who, place, own, name)));
                }
                Level::Org | Level::User => {}
            }
        }
    }
    out
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, max_shrink_iters: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn the_engine_equals_the_reference_on_random_organizations(picture in picture()) {
        let world = build(&picture);
        for (line, engine, reference) in verdicts(&world, &picture) {
            prop_assert_eq!(engine, reference, "engine and reference differ on {}", line);
        }
    }

    #[test]
    fn explanations_lists_and_gets_agree(picture in picture()) {
        let world = build(&picture);
        for who in 0..PEOPLE {
            let user = world.app.ask(&shell(), |cx| users::get(cx, &format!("user{who}"))).unwrap();
            let caller = as_user(&user);
            let mut readable = vec![];
            for (n, place) in picture.places.iter().enumerate() {
                let entity = place.team.map_or(format!("user{}", place.owner), |t| format!("team{t}"));
                let path = format!("{entity}/project{n}");
                let got = world.app.ask(&caller, |cx| projects::get(cx, &entity, &format!("project{n}"))).is_ok();
                let said = world.app.ask(&shell(), |cx| explain::explain(cx, &user.username, "project:read", &path));
                let said = said.unwrap();
                prop_assert_eq!(got, said.allowed, "explain differs from enforcement on {}", path);
                prop_assert!(!said.chain.is_empty());
                // Lists are of the organization in which one acts.
                let here = user.home_org() == Some(if picture.is_second(place.team) { OrgId(2) } else { HOME });
                if got && here {
                    readable.push(path);
                }
            }
            readable.sort();
            let listed = world.app.ask(&caller, |cx| projects::reachable(cx, 100));
            let mut listed: Vec<String> = match listed {
                Ok(listed) => listed.into_iter().map(|(entity, p)| format!("{entity}/{}", p.name)).collect(),
                Err(_) => vec![],
            };
            listed.sort();
            prop_assert_eq!(listed, readable, "user{}'s list is not the filter of their gets", who);
        }
    }

    #[test]
    fn a_grant_added_never_takes_access_away(picture in picture(), who in 0..PEOPLE - 1, at in any::<prop::sample::Index>(), kind in 0..4u8) {
        let mut more = picture.clone();
        match kind {
            0 => { more.people[who].models = Seat::Full; }
            1 => { more.people[who].weave = Seat::Full; }
            2 => {
                let place = at.index(PROJECTS);
                if picture.places[place].team.is_some() {
                    more.places[place].invited.push(who);
                }
            }
            _ => {
                let all: Vec<Action> = Action::ALL.iter().copied().filter(|a| a.is_assignable()).collect();
                more.custom[at.index(ROLES)].1.push(all[at.index(all.len())]);
            }
        }
        // An invitation and joining are two ways to the same: what joining would do is done.
        let same = |line: &str| kind == 2 && line.contains("project:join");
        for ((line, before, _), (_, after, _)) in verdicts(&build(&picture), &picture).into_iter().zip(verdicts(&build(&more), &more)) {
            prop_assert!(!before || after || same(&line), "{} was lost by a grant of kind {}", line, kind);
        }
    }

    #[test]
    fn suspension_takes_everything(picture in picture(), who in 0..PEOPLE, whole in any::<bool>()) {
        let mut gone = picture.clone();
        let person = &mut gone.people[who];
        // Of the account, or of every belonging.
        match whole {
            true => person.active = false,
            false => (person.suspended, person.second) = (true, None),
        }
        let name = format!("user{who} ");
        for (line, allowed, _) in verdicts(&build(&gone), &gone) {
            prop_assert!(!allowed || !line.starts_with(&name), "{} is still allowed", line);
        }
    }
}

#[test]
fn the_reference_knows_every_action_of_a_role() {
    for action in Action::ALL.iter().filter(|a| a.is_assignable()) {
        let known = [VIEWER, MEMBER, ADMIN].iter().filter(|list| within(list, action.as_str())).count();
        assert_eq!(known, 1, "{}", action.as_str());
    }
}
