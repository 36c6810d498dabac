//! The rules, as ordinary code in the order a person would explain them: is it the server itself → is the credential fit →
//! is the subject active → does it belong to the organization → which role applies here → does that role hold the action.
//! Pure and total; a step is pushed whenever a rule is consulted. To change what a role may do, change the table in
//! `model/role.rs`; to change which role applies where, change this file.

use super::Process;
use super::decision::{Chain, Decision, Step};
use super::facts::{Facts, What, Who};
use crate::model::Entity;
use crate::model::credential::KeyScope;
use crate::model::project::Visibility;
use crate::model::role::{Action, Level, OrgRole, TeamRole};
use crate::model::user::Status;

/// The decision on `action` under `facts`. Never fails, never blocks; an empty chain is impossible.
pub fn decide(facts: &Facts, action: Action) -> Decision {
    let mut chain = Chain::default();
    let verdict = consult(facts, action, &mut chain);
    let (allowed, visible) = match verdict {
        Verdict::Allow => (true, true),
        Verdict::Refuse => (false, true),
        Verdict::Hide => (false, false),
    };
    Decision { action, allowed, visible, chain }
}

/// How it ends: a refusal is either plain to see or looks like absence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Allow,
    Refuse,
    Hide,
}
use Verdict::{Allow, Hide, Refuse};

/// The subject once it is known to be an active user of the organization.
#[derive(Clone, Copy)]
struct Known {
    id: crate::model::UserId,
    org_role: OrgRole,
    is_service: bool,
}

fn consult(facts: &Facts, action: Action, chain: &mut Chain) -> Verdict {
    let known = match &facts.who {
        Who::Process(process) => {
            let may = match process {
                Process::Shell => true,
                Process::Setup => matches!(action, Action::UserCreate | Action::UserLogin),
            };
            chain.push(if may { Step::ProcessMay(*process) } else { Step::ProcessMayNot(*process) });
            return if may { Allow } else { Refuse };
        }
        Who::Anonymous => {
            chain.push(Step::Anonymous);
            return Hide;
        }
        Who::User { id, status, org_role, scope, is_service, .. } => {
            chain.push(Step::Status(*status));
            if *status != Status::Active {
                return Refuse;
            }
            if *scope == KeyScope::ReadOnly && action.writes() {
                // A narrower credential must not show what the account itself would not be shown.
                let mut rest = Chain::default();
                let hidden = consult(&facts.with_full_scope(), action, &mut rest) == Hide;
                chain.push(Step::CredentialReadsOnly);
                return if hidden { Hide } else { Refuse };
            }
            let Some(org_role) = *org_role else {
                chain.push(Step::NotInOrg);
                return Hide;
            };
            chain.push(Step::OrgRole(org_role));
            Known { id: *id, org_role, is_service: *is_service }
        }
    };
    match (&facts.what, action.level()) {
        (What::Org { .. }, Level::Org) => on_org(facts, action, known, chain),
        (What::User { .. }, Level::User) => on_user(facts, action, known, chain),
        (What::Team { role, .. }, Level::Entity) => on_team(action, known, *role, chain),
        (What::Namespace { owner, .. }, Level::Entity) => on_namespace(action, known, *owner, chain),
        (What::Project { .. }, Level::Project) => on_project(facts, action, known, chain),
        (What::Org { .. }, _) => wrong_kind(chain, Refuse),
        _ => wrong_kind(chain, Hide),
    }
}

fn wrong_kind(chain: &mut Chain, verdict: Verdict) -> Verdict {
    chain.push(Step::WrongKind);
    verdict
}

fn on_org(facts: &Facts, action: Action, known: Known, chain: &mut Chain) -> Verdict {
    if by_org_role(action, known, chain) {
        return Allow;
    }
    if action == Action::TeamCreate
        && facts.members_may_create_teams
        && known.org_role == OrgRole::Member
        && !known.is_service
    {
        chain.push(Step::MembersMayCreateTeams);
        return Allow;
    }
    chain.push(Step::OrgRoleLacks(known.org_role));
    Refuse
}

fn on_user(facts: &Facts, action: Action, known: Known, chain: &mut Chain) -> Verdict {
    let What::User { id, is_service, service_role, shares_org, .. } = &facts.what else {
        return wrong_kind(chain, Hide);
    };
    if action == Action::UserLogin && *is_service {
        chain.push(Step::ServiceNeverSignsIn);
        return Refuse;
    }
    if *id == known.id && action.is_for_oneself() {
        if known.is_service && action.writes() {
            // A machine does not mint keys for itself: whoever manages it does.
            chain.push(Step::ServiceManagesNothing);
            return Refuse;
        }
        chain.push(Step::Oneself);
        return Allow;
    }
    if !shares_org {
        chain.push(Step::NotInOrg);
        return Hide;
    }
    let manages_team = *service_role == Some(TeamRole::Admin) && known.org_role != OrgRole::Viewer;
    if *is_service && (manages_team || known.org_role == OrgRole::Admin) {
        let keys =
            matches!(action, Action::ApiKeyRead | Action::ApiKeyCreate | Action::ApiKeyDelete | Action::UserRead);
        if keys {
            chain.push(Step::ManagesService);
            return Allow;
        }
    }
    if by_org_role(action, known, chain) {
        return Allow;
    }
    if action.org_roles().is_empty() {
        chain.push(Step::OnlyOneself);
    } else {
        chain.push(Step::OrgRoleLacks(known.org_role));
    }
    if known.org_role == OrgRole::Admin { Refuse } else { Hide }
}

fn on_team(action: Action, known: Known, role: Option<TeamRole>, chain: &mut Chain) -> Verdict {
    if by_org_role(action, known, chain) {
        return Allow;
    }
    let Some(role) = role else {
        chain.push(Step::NotMember);
        return if known.org_role == OrgRole::Admin { Refuse } else { Hide };
    };
    chain.push(Step::Member(role));
    by_team_role(action, known, role, chain)
}

fn on_namespace(action: Action, known: Known, owner: crate::model::UserId, chain: &mut Chain) -> Verdict {
    if owner != known.id || known.is_service {
        chain.push(Step::ForeignNamespace);
        return Hide;
    }
    if !matches!(action, Action::TeamRead | Action::ProjectCreate) {
        return wrong_kind(chain, Refuse);
    }
    chain.push(Step::OwnNamespace);
    by_team_role(action, known, TeamRole::Admin, chain)
}

fn on_project(facts: &Facts, action: Action, known: Known, chain: &mut Chain) -> Verdict {
    let What::Project { entity, visibility, role, invited, owner, .. } = &facts.what else {
        return wrong_kind(chain, Hide);
    };
    let (visibility, role) = (*visibility, *role);
    if by_org_role(action, known, chain) {
        return Allow;
    }
    let belonging = match (entity, role) {
        (Entity::Person(_), Some(_)) => Step::OwnNamespace,
        (Entity::Person(_), None) => Step::ForeignNamespace,
        (Entity::Team(_), Some(role)) => Step::Member(role),
        (Entity::Team(_), None) => Step::NotMember,
    };
    let Some(role) = role else {
        return from_outside(action, known, visibility, belonging, chain);
    };
    chain.push(belonging);
    chain.push(Step::Visibility(visibility));
    let is_org_admin = known.org_role == OrgRole::Admin;
    let restricted = visibility == Visibility::Restricted;
    if action == Action::ProjectJoin {
        return joining(known, role, restricted && !invited, chain);
    }
    if restricted {
        if !invited {
            chain.push(Step::NotInvited);
            return if role == TeamRole::Admin || is_org_admin { Refuse } else { Hide };
        }
        chain.push(Step::Invited);
    }
    let owners =
        matches!(action, Action::ProjectUpdate | Action::ProjectUpdateVisibility | Action::ProjectUpdateMember);
    if *owner == Some(known.id) && owners && role != TeamRole::Viewer && known.org_role != OrgRole::Viewer {
        chain.push(Step::Owner);
        return Allow;
    }
    let verdict = by_team_role(action, known, role, chain);
    if verdict == Refuse && opens(visibility, action) && !(action.writes() && known.org_role == OrgRole::Viewer) {
        // A role in the team never takes away what everyone has.
        chain.push(Step::VisibilityGrants(visibility));
        return Allow;
    }
    verdict
}

/// What a visibility gives to everyone signed in.
fn opens(visibility: Visibility, action: Action) -> bool {
    match visibility {
        Visibility::Open => action.is_public_reading() || action.is_open_submitting(),
        Visibility::Public => action.is_public_reading(),
        Visibility::Team | Visibility::Restricted => false,
    }
}

/// A project seen by somebody who is not in its team, or not the owner of its namespace (`belonging` says which).
fn from_outside(action: Action, known: Known, visibility: Visibility, belonging: Step, chain: &mut Chain) -> Verdict {
    if !matches!(visibility, Visibility::Open | Visibility::Public) {
        // The last step is the denial's sentence; outside a closed project the missing membership says it best.
        chain.push_all([Step::Visibility(visibility), belonging]);
        return if known.org_role == OrgRole::Admin { Refuse } else { Hide };
    }
    chain.push_all([belonging, Step::Visibility(visibility)]);
    if !opens(visibility, action) {
        chain.push(Step::VisibilityLacks(visibility));
        return Refuse;
    }
    if action.writes() && known.org_role == OrgRole::Viewer {
        chain.push(Step::OrgViewerReadsOnly);
        return Refuse;
    }
    chain.push(Step::VisibilityGrants(visibility));
    Allow
}

fn joining(known: Known, role: TeamRole, closed: bool, chain: &mut Chain) -> Verdict {
    if !closed {
        chain.push(Step::NothingToJoin);
        return Refuse;
    }
    if role == TeamRole::Admin && known.org_role != OrgRole::Viewer {
        chain.push(Step::MayJoin);
        return Allow;
    }
    chain.push(Step::NotInvited);
    Hide
}

/// Whether the organization role holds the action by itself. Service accounts learn where they are and carry no other
/// power of an organization role.
fn by_org_role(action: Action, known: Known, chain: &mut Chain) -> bool {
    let fit = !known.is_service || action == Action::OrganizationRead;
    let holds = fit && action.org_roles().contains(&known.org_role);
    if holds {
        chain.push(Step::OrgRoleGrants(known.org_role));
    }
    holds
}

/// The team role's word on the action, under the cap of the organization role viewer.
fn by_team_role(action: Action, known: Known, role: TeamRole, chain: &mut Chain) -> Verdict {
    if action.writes() && known.org_role == OrgRole::Viewer {
        chain.push(Step::OrgViewerReadsOnly);
        return Refuse;
    }
    if action.team_roles().contains(&role) {
        chain.push(Step::TeamRoleGrants(role));
        Allow
    } else {
        chain.push(Step::TeamRoleLacks(role));
        Refuse
    }
}

/// The organization role that the action named `action` needs, for the sentence of a denial.
pub(super) fn needed_org_role(action: &str) -> Option<&'static str> {
    let action = Action::parse(action).ok()?;
    let [needed] = action.org_roles() else { return None };
    Some(needed.as_str())
}
