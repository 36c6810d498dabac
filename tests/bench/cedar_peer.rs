//! The same rules about projects in Cedar, over the same facts: all entities and requests are built before anything is timed.

use crate::world::{Query, World, team_of};
use bailiwick::model::role::{Action, Level, OrgRole, TeamRole};
use bailiwick::model::user::Status;
use bailiwick::model::{TeamId, UserId};
use cedar_policy::{
    Authorizer, Context, Decision, Entities, Entity, EntityUid, PolicySet, Request, RestrictedExpression,
};
use std::collections::{HashMap, HashSet};
use std::fmt::Display;

/// Groups of actions are parents of actions, made from the catalogue below.
const POLICY: &str = r#"
forbid(principal, action, resource) unless { principal.active };
forbid(principal in OrgRole::"viewer", action in Action::"writes", resource);
permit(principal in OrgRole::"admin", action in Action::"org admin", resource);
permit(principal, action in Action::"public reading", resource)
  when { resource.visibility == "open" || resource.visibility == "public" };
permit(principal, action in Action::"open submitting", resource) when { resource.visibility == "open" };
permit(principal, action in Action::"team admin", resource)
  when { principal in resource.admins && (resource.visibility != "restricted" || resource.invited.contains(principal)) };
permit(principal, action in Action::"team member", resource)
  when { principal in resource.members && (resource.visibility != "restricted" || resource.invited.contains(principal)) };
permit(principal, action in Action::"team viewer", resource)
  when { principal in resource.viewers && (resource.visibility != "restricted" || resource.invited.contains(principal)) };
permit(principal, action in Action::"owner", resource)
  when { resource.owner == principal && (principal in resource.admins || principal in resource.members)
         && (resource.visibility != "restricted" || resource.invited.contains(principal)) };
permit(principal, action == Action::"project:join", resource)
  when { principal in resource.admins && resource.visibility == "restricted" && !resource.invited.contains(principal) };
"#;

/// Everything Cedar needs, in memory.
pub struct Cedar {
    authorizer: Authorizer,
    policies: PolicySet,
    entities: Entities,
}

impl Cedar {
    pub fn build(world: &World) -> Cedar {
        let mut entities: Vec<Entity> =
            Action::ALL.iter().filter(|a| a.level() == Level::Project).map(action).collect();
        let mut held: HashMap<UserId, Vec<EntityUid>> = HashMap::new();
        for ((team, user), role) in &world.roles {
            held.entry(*user).or_default().push(team_role(*team, *role));
        }
        for user in &world.users {
            let role = match user.orgs[0].role {
                OrgRole::Admin => "admin",
                OrgRole::Member => "member",
                OrgRole::Viewer => "viewer",
            };
            let active = RestrictedExpression::new_bool(user.status == Status::Active);
            let mut parents = HashSet::from([uid("OrgRole", role)]);
            parents.extend(held.remove(&user.id).unwrap_or_default());
            let attributes = HashMap::from([("active".to_owned(), active)]);
            entities.push(Entity::new(uid("User", user.id.0), attributes, parents).unwrap());
        }
        let mut invited: HashMap<u64, Vec<RestrictedExpression>> = HashMap::new();
        for (project, user) in &world.invited {
            let user = RestrictedExpression::new_entity_uid(uid("User", user.0));
            invited.entry(project.0).or_default().push(user);
        }
        for project in &world.projects {
            let team = team_of(project);
            let role = |role| RestrictedExpression::new_entity_uid(team_role(team, role));
            let owner = project.owner.map_or(0, |u| u.0);
            let attributes = HashMap::from([
                ("visibility".to_owned(), RestrictedExpression::new_string(project.visibility.as_str().to_owned())),
                ("admins".to_owned(), role(TeamRole::Admin)),
                ("members".to_owned(), role(TeamRole::Member)),
                ("viewers".to_owned(), role(TeamRole::Viewer)),
                ("owner".to_owned(), RestrictedExpression::new_entity_uid(uid("User", owner))),
                (
                    "invited".to_owned(),
                    RestrictedExpression::new_set(invited.remove(&project.id.0).unwrap_or_default()),
                ),
            ]);
            entities.push(Entity::new(uid("Project", project.id.0), attributes, HashSet::new()).unwrap());
        }
        Cedar {
            authorizer: Authorizer::new(),
            policies: POLICY.parse().unwrap(),
            entities: Entities::from_entities(entities, None).unwrap(),
        }
    }

    pub fn request(&self, query: &Query) -> Request {
        let (user, project) = (uid("User", query.user.0), uid("Project", query.project.0));
        Request::new(user, uid("Action", query.action.as_str()), project, Context::empty(), None).unwrap()
    }

    pub fn allows(&self, request: &Request) -> bool {
        self.authorizer.is_authorized(request, &self.policies, &self.entities).decision() == Decision::Allow
    }
}

fn action(action: &Action) -> Entity {
    let joining = *action == Action::ProjectJoin;
    let held_by = |role: TeamRole| !joining && action.team_roles().contains(&role);
    let owners = [Action::ProjectUpdate, Action::ProjectUpdateVisibility, Action::ProjectUpdateMember];
    let groups = [
        ("writes", action.writes()),
        ("org admin", action.org_roles().contains(&OrgRole::Admin)),
        ("public reading", action.is_public_reading()),
        ("open submitting", action.is_open_submitting()),
        ("team admin", held_by(TeamRole::Admin)),
        ("team member", held_by(TeamRole::Member)),
        ("team viewer", held_by(TeamRole::Viewer)),
        ("owner", owners.contains(action)),
    ];
    let parents = groups.into_iter().filter(|(_, belongs)| *belongs).map(|(name, _)| uid("Action", name)).collect();
    Entity::new(uid("Action", action.as_str()), HashMap::new(), parents).unwrap()
}

fn team_role(team: TeamId, role: TeamRole) -> EntityUid {
    uid("TeamRole", format!("{}/{}", team.0, role.as_str()))
}

fn uid(kind: &str, id: impl Display) -> EntityUid {
    format!("{kind}::\"{id}\"").parse().unwrap()
}
