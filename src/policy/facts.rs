//! What a decision is made on: a plain struct, and how it is gathered from one snapshot in a handful of point reads.
//! The only file of the policy that touches the store, and it only reads.

use super::{Actor, Credential, Process, Resource, Subject};
use crate::error::{Error, Result};
use crate::model::credential::KeyScope;
use crate::model::project::Visibility;
use crate::model::role::{OrgRole, TeamRole};
use crate::model::user::{Status, User, UserKind};
use crate::model::{Entity, OrgId, ProjectId, RunId, TeamId, UserId};
use crate::store::Read;
use crate::store::schema;

/// Everything that can matter for one decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The organization it is about: the resource's, for a user one that is shared with the asker.
    pub org: OrgId,
    /// About the asker.
    pub who: Who,
    /// About the resource, seen from the asker.
    pub what: What,
    /// The setting `teams.members_may_create`.
    pub members_may_create_teams: bool,
}

/// About the asker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    /// Nobody known.
    Anonymous,
    /// A part of the server.
    Process(Process),
    /// A person or a service account.
    User {
        /// Who.
        id: UserId,
        /// The name for sentences.
        username: String,
        /// Whether the account works.
        status: Status,
        /// Whether it is a machine.
        is_service: bool,
        /// The role in the resource's organization; absent when it does not belong there.
        org_role: Option<OrgRole>,
        /// How far the credential reaches.
        scope: KeyScope,
    },
}

/// About the resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// An organization.
    Org {
        /// Which.
        id: OrgId,
        /// The name for sentences.
        name: String,
    },
    /// A person or a service account.
    User {
        /// Who.
        id: UserId,
        /// The name for sentences.
        username: String,
        /// Whether it is a machine.
        is_service: bool,
        /// The asker's role in the team of that machine.
        service_role: Option<TeamRole>,
        /// Whether asker and resource share an organization.
        shares_org: bool,
    },
    /// A team.
    Team {
        /// Which.
        id: TeamId,
        /// The name for sentences.
        name: String,
        /// The asker's role in it.
        role: Option<TeamRole>,
    },
    /// A personal namespace.
    Namespace {
        /// Whose.
        owner: UserId,
        /// The name for sentences.
        name: String,
    },
    /// A project.
    Project {
        /// Which.
        id: ProjectId,
        /// The name for sentences.
        name: String,
        /// What it belongs to.
        entity: Entity,
        /// That one's name.
        entity_name: String,
        /// Who can reach it.
        visibility: Visibility,
        /// The asker's role in the team; admin in the asker's own namespace.
        role: Option<TeamRole>,
        /// Whether the asker is invited to it (matters when it is restricted).
        invited: bool,
        /// Its owner.
        owner: Option<UserId>,
        /// The run in it that is asked about.
        inside: Option<Inside>,
    },
}

/// A run that is asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inside {
    /// Which.
    pub id: RunId,
    /// The name for sentences.
    pub name: String,
    /// Whether the asker submitted it, or had it submitted.
    pub own: bool,
}

impl Facts {
    /// The same, seen by the account itself rather than through a narrower credential.
    pub(super) fn with_full_scope(&self) -> Facts {
        let mut facts = self.clone();
        if let Who::User { scope, .. } = &mut facts.who {
            *scope = KeyScope::Full;
        }
        facts
    }
}

/// Gathers the facts about `subject` and `resource` from `view`.
///
/// # Errors
/// [`crate::error::Code::NotFound`] when the resource does not exist, the store's own errors otherwise. A subject whose row
/// is gone counts as anonymous.
pub fn load(view: &impl Read, subject: &Subject, resource: Resource, members_may_create_teams: bool) -> Result<Facts> {
    let asker = match subject.actor {
        Actor::User(id) => view.get(&schema::USERS, &id)?,
        _ => None,
    };
    about(view, subject, asker.as_ref(), resource, members_may_create_teams)
}

/// [`load`] where the asker's row, as `view` has it, is at hand.
pub fn about(
    view: &impl Read,
    subject: &Subject,
    asker: Option<&User>,
    resource: Resource,
    members_may_create_teams: bool,
) -> Result<Facts> {
    let (org, what) = gather(view, asker, resource)?;
    let who = match (subject.actor, asker) {
        (Actor::Process(process), _) => Who::Process(process),
        (Actor::User(_), Some(user)) => Who::User {
            id: user.id,
            is_service: user.is_service(),
            status: user.status,
            org_role: user.org_role(org),
            username: user.username.clone(),
            scope: match &subject.credential {
                Credential::Key(_, scope) => *scope,
                _ => KeyScope::Full,
            },
        },
        (Actor::User(_) | Actor::Anonymous, _) => Who::Anonymous,
    };
    Ok(Facts { org, who, what, members_may_create_teams })
}

fn gather(view: &impl Read, asker: Option<&User>, resource: Resource) -> Result<(OrgId, What)> {
    let role_in = |team: TeamId| -> Result<Option<TeamRole>> {
        let Some(asker) = asker else { return Ok(None) };
        Ok(view.get(&schema::MEMBERSHIPS, &(team, asker.id))?.map(|m| m.role))
    };
    match resource {
        Resource::Org(id) => {
            let org = view.get(&schema::ORGS, &id)?.ok_or_else(absent)?;
            Ok((id, What::Org { id, name: org.name }))
        }
        Resource::User(id) => {
            let other;
            let user = match asker {
                Some(asker) if asker.id == id => asker,
                _ => {
                    let found = view.get(&schema::USERS, &id)?.filter(|u| u.status != Status::Deleted);
                    other = found.ok_or_else(absent)?;
                    &other
                }
            };
            let service_role = match user.kind {
                UserKind::Service { team } => role_in(team)?,
                UserKind::Person => None,
            };
            let home = |u: &User| u.orgs.first().map(|m| m.org);
            let shared = asker.and_then(|a| user.orgs.iter().map(|m| m.org).find(|org| a.org_role(*org).is_some()));
            let org = shared.or_else(|| asker.and_then(home)).or_else(|| home(user)).ok_or_else(absent)?;
            let what = What::User {
                id,
                is_service: user.is_service(),
                service_role,
                shares_org: shared.is_some(),
                username: user.username.clone(),
            };
            Ok((org, what))
        }
        Resource::Entity(Entity::Team(id)) => {
            let team = view.get(&schema::TEAMS, &id)?.ok_or_else(absent)?;
            Ok((team.org, What::Team { id, name: team.name, role: role_in(id)? }))
        }
        Resource::Entity(Entity::Person(owner)) => {
            let user = view.get(&schema::USERS, &owner)?.ok_or_else(absent)?;
            let org = user.orgs.first().map(|m| m.org).ok_or_else(absent)?;
            Ok((org, What::Namespace { owner, name: user.username }))
        }
        Resource::Run(id) => {
            let run = view.get(&schema::RUNS, &id)?.ok_or_else(absent)?;
            let (org, mut what) = gather(view, asker, Resource::Project(run.project))?;
            if let What::Project { inside, .. } = &mut what {
                let own = asker.is_some_and(|a| run.is_own(a.id));
                *inside = Some(Inside { id, name: run.name, own });
            }
            Ok((org, what))
        }
        Resource::Project(id) => {
            let project = view.get(&schema::PROJECTS, &id)?.ok_or_else(absent)?;
            let (entity_name, role) = match project.entity {
                Entity::Team(team) => (view.get(&schema::TEAMS, &team)?.ok_or_else(absent)?.name, role_in(team)?),
                Entity::Person(owner) => {
                    let name = view.get(&schema::USERS, &owner)?.ok_or_else(absent)?.username;
                    (name, asker.filter(|a| a.id == owner).map(|_| TeamRole::Admin))
                }
            };
            let invited = match asker {
                Some(asker) if project.visibility == Visibility::Restricted => {
                    view.get(&schema::PROJECT_MEMBERS, &(id, asker.id))?.is_some()
                }
                _ => false,
            };
            let what = What::Project {
                id,
                name: project.name,
                entity: project.entity,
                entity_name,
                visibility: project.visibility,
                role,
                invited,
                owner: project.owner,
                inside: None,
            };
            Ok((project.org, what))
        }
    }
}

fn absent() -> Error {
    Error::not_found("There is no such thing, or you may not see it.")
}
