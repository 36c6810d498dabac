//! The same rules about projects in casbin's model of roles with domains: a user holds roles in teams, in the organization and
//! in projects (owner, invited), the policy says which role does what under which visibility.

use crate::world::{Query, World, team_of};
use bailiwick::model::project::Visibility;
use bailiwick::model::role::{Action, Level, OrgRole, TeamRole};
use bailiwick::model::user::Status;
use casbin::{CoreApi, DefaultModel, Enforcer, MemoryAdapter, MgmtApi};

/// `in` says in which domain the role must be held; `vis` is a visibility, `shared` (all but restricted) or `any`.
const MODEL: &str = r#"
[request_definition]
r = sub, team, project, vis, class, act
[policy_definition]
p = sub, in, vis, act, eft
[role_definition]
g = _, _, _
[policy_effect]
e = some(where (p.eft == allow)) && !some(where (p.eft == deny))
[matchers]
m = r.act == p.act && (p.vis == "any" || r.vis == p.vis || r.class == p.vis) && ((p.in == "team" && g(r.sub, p.sub, r.team)) || (p.in == "project" && g(r.sub, p.sub, r.project)) || (p.in == "org" && g(r.sub, p.sub, "org")))
"#;

/// An enforcer over the whole world.
pub struct Casbin(Enforcer);

impl Casbin {
    pub fn build(world: &World) -> Casbin {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let model = DefaultModel::from_str(MODEL).await.unwrap();
            let mut enforcer = Enforcer::new(model, MemoryAdapter::default()).await.unwrap();
            enforcer.add_policies(policies()).await.unwrap();
            enforcer.add_grouping_policies(groupings(world)).await.unwrap();
            Casbin(enforcer)
        })
    }

    pub fn allows(&self, world: &World, query: &Query) -> bool {
        let project = world.project(query.project);
        let class = if project.visibility == Visibility::Restricted { "restricted" } else { "shared" };
        let request = (
            format!("u{}", query.user.0),
            format!("t{}", team_of(project).0),
            format!("p{}", project.id.0),
            project.visibility.as_str(),
            class,
            query.action.as_str(),
        );
        self.0.enforce(request).unwrap()
    }
}

fn policies() -> Vec<Vec<String>> {
    let mut rules = vec![];
    let mut rule = |sub: &str, place: &str, vis: &str, act: Action, effect: &str| {
        rules.push([sub, place, vis, act.as_str(), effect].map(str::to_owned).to_vec());
    };
    for action in Action::ALL.iter().copied().filter(|a| a.level() == Level::Project) {
        if action.writes() {
            rule("viewer", "org", "any", action, "deny");
        }
        if action.org_roles().contains(&OrgRole::Admin) {
            rule("admin", "org", "any", action, "allow");
        }
        if action.is_public_reading() {
            rule("active", "org", "open", action, "allow");
            rule("active", "org", "public", action, "allow");
        }
        if action.is_open_submitting() {
            rule("active", "org", "open", action, "allow");
        }
        if action == Action::ProjectJoin {
            rule("admin", "team", "restricted", action, "allow");
            rule("admin", "project", "restricted", action, "deny");
            continue;
        }
        for role in TeamRole::HUMAN {
            if action.team_roles().contains(&role) {
                rule(role.as_str(), "team", "shared", action, "allow");
                rule(role.as_str(), "project", "restricted", action, "allow");
            }
        }
        if [Action::ProjectUpdate, Action::ProjectUpdateVisibility, Action::ProjectUpdateMember].contains(&action) {
            rule("owner", "project", "any", action, "allow");
        }
    }
    rules
}

fn groupings(world: &World) -> Vec<Vec<String>> {
    let mut roles = vec![];
    let mut hold = |user: u64, role: &str, place: String| roles.push(vec![format!("u{user}"), role.to_owned(), place]);
    let active = |id: bailiwick::model::UserId| world.user(id).status == Status::Active;
    for user in world.users.iter().filter(|u| u.status == Status::Active) {
        hold(user.id.0, "active", "org".to_owned());
        hold(user.id.0, user.orgs[0].role.as_str(), "org".to_owned());
    }
    for ((team, user), role) in world.roles.iter().filter(|((_, user), _)| active(*user)) {
        hold(user.0, role.as_str(), format!("t{}", team.0));
    }
    for project in &world.projects {
        let Some(owner) = project.owner.filter(|o| active(*o)) else { continue };
        let role = world.roles.get(&(team_of(project), owner));
        let shut_out = project.visibility == Visibility::Restricted && !world.invited.contains(&(project.id, owner));
        if !shut_out && role.is_some_and(|r| *r != TeamRole::Viewer) {
            hold(owner.0, "owner", format!("p{}", project.id.0));
        }
    }
    for (project, user) in world.invited.iter().filter(|(_, user)| active(*user)) {
        if let Some(role) = world.roles.get(&(team_of(world.project(*project)), *user)) {
            hold(user.0, role.as_str(), format!("p{}", project.0));
        }
    }
    roles
}
