//! What a decision is made on: a plain struct, and how it is gathered from one snapshot in a handful of point reads.
//! The only file of the policy that touches the store, and it only reads.

use super::{Actor, Credential, Process, Resource, Subject};
use crate::error::{Error, Result};
use crate::model::credential::{KeyPlace, KeyScope};
use crate::model::domain;
use crate::model::project::Visibility;
use crate::model::role::{Action, ActionSet, OrgRole, Seat, TeamRole};
use crate::model::user::{Status, User};
use crate::model::{Entity, OrgId, ProjectId, RunId, TeamId, UserId};
use crate::store::Read;
use crate::store::schema;

/// Everything that can matter for one decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The organization it is about: the resource's, for a user one that is shared with the asker, and of several the one in
    /// which the asker acts.
    pub org: OrgId,
    /// About the asker.
    pub who: Who,
    /// About the resource, seen from the asker.
    pub what: What,
    /// The settings that matter.
    pub switches: Switches,
}

/// The settings that decisions depend on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Switches {
    /// Whether members of the organization may create teams.
    pub members_may_create_teams: bool,
    /// Whether personal namespaces may be written to.
    pub personal_entities: bool,
    /// Whether organization admins may add themselves to teams, and reach into teams they are not in.
    pub admin_team_access: bool,
    /// Whether teams may get new service accounts.
    pub team_services: bool,
    /// Whether the instance has several organizations.
    pub several_orgs: bool,
}

impl Default for Switches {
    fn default() -> Self {
        Switches {
            members_may_create_teams: false,
            personal_entities: true,
            admin_team_access: true,
            team_services: true,
            several_orgs: false,
        }
    }
}

/// A role as somebody holds it: which one, and what follows from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The role as it was given.
    pub role: TeamRole,
    /// The predefined role whose permissions it has.
    pub base: TeamRole,
    /// The permissions a custom role adds.
    pub adds: ActionSet,
    /// A custom role's name; empty for a predefined one, which names itself.
    pub name: String,
}

impl Held {
    /// A predefined role.
    pub fn of(role: TeamRole) -> Held {
        Held { role, base: role, adds: ActionSet::default(), name: String::new() }
    }

    /// A role as `view` defines it. A custom role that is gone counts as view-only: doubt never gives more.
    pub fn load(view: &impl Read, role: TeamRole) -> Result<Held> {
        let TeamRole::Custom(id) = role else { return Ok(Held::of(role)) };
        Ok(match view.shared(&schema::ROLES, &id)? {
            Some(custom) => {
                let adds = custom.permissions.iter().copied().collect();
                Held { role, base: custom.inherits, adds, name: custom.name.clone() }
            }
            None => Held { role, ..Held::of(TeamRole::Viewer) },
        })
    }

    /// Whether it holds `action`.
    pub fn holds(&self, action: Action) -> bool {
        self.inherits(action) || self.adds.contains(action)
    }

    /// Whether it holds `action` by its predefined role.
    pub fn inherits(&self, action: Action) -> bool {
        action.team_roles().contains(&self.base)
    }

    /// Whether it only reads: view-only, or a custom role that adds nothing to it.
    pub fn is_view_only(&self) -> bool {
        self.base == TeamRole::Viewer && self.adds == ActionSet::default()
    }

    /// Whether its holder manages the team's service accounts and their keys: it takes the permission to make them and
    /// everything that such an account may do, or a key would be a way to more.
    pub fn manages_services(&self) -> bool {
        let service = Held::of(TeamRole::Service);
        self.holds(Action::TeamCreateService) && Action::ALL.iter().all(|a| !service.holds(*a) || self.holds(*a))
    }

    /// The word for people.
    pub fn label(&self) -> &str {
        if self.name.is_empty() { self.base.as_str() } else { &self.name }
    }
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
        /// The Models seat there.
        models: Seat,
        /// The Weave access there.
        weave: Seat,
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
        service_role: Option<Held>,
        /// Whether asker and resource share an organization.
        shares_org: bool,
        /// Whether it belongs to an organization too that the asker does not administer.
        elsewhere: bool,
        /// Whether the organization lets nobody have another key.
        keys_closed: bool,
    },
    /// A team.
    Team {
        /// Which.
        id: TeamId,
        /// The name for sentences.
        name: String,
        /// The asker's role in it.
        role: Option<Held>,
        /// Who invites to it.
        inviting: Inviting,
        /// Whether it recommends itself to the asker, whose address is at a domain of the organization.
        recommended: bool,
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
        role: Option<Held>,
        /// The asker's project role, where it differs from the team role and project roles apply.
        project_role: Option<Held>,
        /// Whether the asker is invited to it (matters when it is restricted).
        invited: bool,
        /// Its owner.
        owner: Option<UserId>,
        /// The run in it that is asked about.
        inside: Option<Inside>,
    },
}

/// Who invites to a team.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inviting {
    /// Admins only, as the organization enforces: no custom role and no switch of the team counts.
    Admins,
    /// Whoever has a role that holds it.
    Roles,
    /// Every member besides, as the team lets them.
    Members,
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
pub fn load(view: &impl Read, subject: &Subject, resource: Resource, switches: Switches) -> Result<Facts> {
    let asker = match subject.actor {
        Actor::User(id) => view.shared(&schema::USERS, &id)?,
        _ => None,
    };
    let here = acting_in(view, subject, asker.as_deref())?;
    about(view, subject, (asker.as_deref(), here), resource, switches)
}

/// The organization in which somebody acts: that of an access token or of a key that counts in one place; the one that a session
/// was switched to; else the person's own choice. `None` for the server's own parts and for nobody known.
pub fn acting_in(view: &impl Read, subject: &Subject, asker: Option<&User>) -> Result<Option<OrgId>> {
    let Some(asker) = asker else { return Ok(None) };
    let of_place = match &subject.credential {
        Credential::Token { org, .. } => Some(*org),
        Credential::Session(_, org) => *org,
        credential => match credential.scope().place() {
            Some(KeyPlace::Org(org)) => Some(org),
            Some(KeyPlace::Team(id)) => view.shared(&schema::TEAMS, &id)?.map(|team| team.org),
            Some(KeyPlace::Project(id)) => view.shared(&schema::PROJECTS, &id)?.map(|project| project.org),
            None => None,
        },
    };
    Ok(of_place.or_else(|| asker.home_org()))
}

/// [`load`] where the asker's row, as `view` has it, is at hand, with the organization in which the asker acts.
pub fn about(
    view: &impl Read,
    subject: &Subject,
    (asker, here): (Option<&User>, Option<OrgId>),
    resource: Resource,
    switches: Switches,
) -> Result<Facts> {
    let (org, what) = gather(view, (asker, here), resource)?;
    let scope = subject.credential.scope();
    let who = match (subject.actor, asker) {
        (Actor::Process(process), _) => Who::Process(process),
        (Actor::User(_), Some(user)) => Who::User {
            id: user.id,
            is_service: user.is_service(),
            status: user.status,
            // An account of the organization provisions as a connection does: with what admins hold, and with nothing else.
            org_role: match user.org_role(org) {
                Some(_) if scope == KeyScope::Provisioning && user.is_org_service() => Some(OrgRole::Admin),
                role => role,
            },
            models: user.membership(org).map_or(Seat::None, |m| m.models),
            weave: user.membership(org).map_or(Seat::None, |m| m.weave),
            username: user.username.clone(),
            scope,
        },
        (Actor::User(_) | Actor::Anonymous, _) => Who::Anonymous,
    };
    Ok(Facts { org, who, what, switches })
}

fn gather(
    view: &impl Read,
    (asker, here): (Option<&User>, Option<OrgId>),
    resource: Resource,
) -> Result<(OrgId, What)> {
    let member_of = |team: TeamId| -> Result<Option<Held>> {
        let Some(asker) = asker else { return Ok(None) };
        let membership = view.shared(&schema::MEMBERSHIPS, &(team, asker.id))?;
        membership.map(|m| Held::load(view, m.role)).transpose()
    };
    let role_in = |team: TeamId, org: OrgId| match asker {
        // It stands in no team's list of members and works in all of them.
        Some(asker) if asker.is_org_service() => Ok(asker.org_role(org).map(|_| Held::of(TeamRole::Service))),
        _ => member_of(team),
    };
    match resource {
        Resource::Org(id) => {
            let org = view.shared(&schema::ORGS, &id)?.ok_or_else(absent)?;
            Ok((id, What::Org { id, name: org.name.clone() }))
        }
        Resource::User(id) => {
            let other;
            let user = match asker {
                Some(asker) if asker.id == id => asker,
                _ => {
                    let found = view.shared(&schema::USERS, &id)?.filter(|u| u.status != Status::Deleted);
                    other = found.ok_or_else(absent)?;
                    &other
                }
            };
            let service_role = user.service_team().map(member_of).transpose()?.flatten();
            // Others are met in the organization in which the asker acts, and nowhere else: a role there says nothing about
            // another one. Oneself is oneself everywhere.
            let common =
                |org: &OrgId| user.membership(*org).is_some() && asker.is_some_and(|a| a.org_role(*org).is_some());
            let is_own = asker.is_some_and(|a| a.id == id);
            let anywhere = || user.orgs.iter().map(|m| m.org).find(common).filter(|_| is_own);
            let shared = here.filter(common).or_else(anywhere);
            let administers = |org: OrgId| asker.is_some_and(|a| a.org_role(org) == Some(OrgRole::Admin));
            // What is not shared is its own organization's, where a refusal is noted too.
            let org = shared.or_else(|| user.home_org()).or(here).ok_or_else(absent)?;
            let what = What::User {
                id,
                is_service: user.is_service(),
                service_role,
                shares_org: shared.is_some(),
                elsewhere: user.orgs.len() > 1 && user.orgs.iter().any(|m| !administers(m.org)),
                keys_closed: view.shared(&schema::ORGS, &org)?.is_some_and(|org| org.keys_closed),
                username: user.username.clone(),
            };
            Ok((org, what))
        }
        Resource::Entity(Entity::Team(id)) => {
            let team = view.shared(&schema::TEAMS, &id)?.ok_or_else(absent)?;
            let enforced = view.shared(&schema::ORGS, &team.org)?.is_some_and(|org| org.admins_invite);
            let inviting = match (enforced, team.members_invite) {
                (true, _) => Inviting::Admins,
                (false, true) => Inviting::Members,
                (false, false) => Inviting::Roles,
            };
            let role = role_in(id, team.org)?;
            let recommended = team.recommended
                && role.is_none()
                && asker.map_or(Ok(false), |asker| is_captured(view, asker, team.org))?;
            Ok((team.org, What::Team { id, name: team.name.clone(), role, inviting, recommended }))
        }
        Resource::Entity(Entity::Person(owner)) => {
            let user = view.shared(&schema::USERS, &owner)?.ok_or_else(absent)?;
            let org = user.orgs.first().map(|m| m.org).ok_or_else(absent)?;
            Ok((org, What::Namespace { owner, name: user.username.clone() }))
        }
        Resource::Run(id) => {
            let run = view.shared(&schema::RUNS, &id)?.ok_or_else(absent)?;
            let (org, mut what) = gather(view, (asker, here), Resource::Project(run.project))?;
            if let What::Project { inside, .. } = &mut what {
                let own = asker.is_some_and(|a| run.is_own(a.id));
                *inside = Some(Inside { id, name: run.name.clone(), own });
            }
            Ok((org, what))
        }
        Resource::Project(id) => {
            let project = view.shared(&schema::PROJECTS, &id)?.ok_or_else(absent)?;
            let (entity_name, role) = match project.entity {
                Entity::Team(team) => {
                    (view.shared(&schema::TEAMS, &team)?.ok_or_else(absent)?.name.clone(), role_in(team, project.org)?)
                }
                Entity::Person(owner) => {
                    let name = view.shared(&schema::USERS, &owner)?.ok_or_else(absent)?.username.clone();
                    (name, asker.filter(|a| a.id == owner).map(|_| Held::of(TeamRole::Admin)))
                }
            };
            let apart = match asker {
                // Project roles and invitations count in team and restricted projects only, for members of the team.
                Some(asker) if role.is_some() && project.visibility >= Visibility::Team => {
                    view.shared(&schema::PROJECT_MEMBERS, &(id, asker.id))?
                }
                _ => None,
            };
            let invited = project.visibility == Visibility::Restricted && apart.as_ref().is_some_and(|m| m.invited);
            let project_role = apart.and_then(|m| m.role).map(|role| Held::load(view, role)).transpose()?;
            let what = What::Project {
                id,
                name: project.name.clone(),
                entity: project.entity,
                entity_name,
                visibility: project.visibility,
                role,
                project_role,
                invited,
                owner: project.owner,
                inside: None,
            };
            Ok((project.org, what))
        }
    }
}

/// Whether somebody has a proven address at a proven domain of an organization.
pub fn is_captured(view: &impl Read, user: &User, org: OrgId) -> Result<bool> {
    for email in user.emails.iter().filter(|e| e.verified) {
        let Some(name) = domain::of_address(&email.address) else { continue };
        if view.shared(&schema::DOMAINS, &name)?.is_some_and(|d| d.org == org && d.proof.is_some()) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn absent() -> Error {
    Error::not_found("There is no such thing, or you may not see it.")
}
