//! The rules, as ordinary code in the order a person would explain them: is it the server itself → is the credential fit →
//! is the subject active → does it belong to the organization → which role applies here → does that role hold the action →
//! does the seat let it.
//! Pure and total; a step is pushed whenever a rule is consulted. To change what a role may do, change the table in
//! `model/role.rs`; to change which role applies where, change this file.

use super::Process;
use super::decision::{Chain, Decision, Step};
use super::facts::{Facts, Held, Inside, Inviting, What, Who};
use crate::model::credential::{KeyPlace, KeyScope};
use crate::model::project::Visibility;
use crate::model::role::{Action, Level, OrgRole, Product, Seat, TeamRole};
use crate::model::team::HOME;
use crate::model::user::Status;
use crate::model::{Entity, UserId};

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

/// The decision on `action` where it gives somebody the role `given`: [`decide`], and nobody gives a permission that they lack
/// there themselves. Organization admins may give every role: they hold the organization, and can join.
pub fn decide_giving(facts: &Facts, action: Action, given: &Held) -> Decision {
    let mut decision = decide(facts, action);
    let free = match &facts.who {
        Who::Process(_) => true,
        Who::User { scope: KeyScope::Provisioning, org_role, .. } => *org_role == Some(OrgRole::Admin),
        who => who.org_role() == Some(OrgRole::Admin) && !who.is_service(),
    };
    if decision.allowed && !free {
        let lacking = match &facts.what {
            What::Team { role, .. } => first_lacking(role.as_ref(), given, &[Level::Entity, Level::Project]),
            What::Project { role: Some(role), project_role, .. } => {
                first_lacking(Some(in_project(role, project_role.as_ref())), given, &[Level::Project])
            }
            _ => None,
        };
        if let Some(action) = lacking {
            decision.chain.push(Step::CannotGive(action));
            decision.allowed = false;
        }
    }
    decision
}

/// The first permission at `levels` that `given` holds and `own` does not.
fn first_lacking(own: Option<&Held>, given: &Held, levels: &[Level]) -> Option<Action> {
    let holds = |action: Action| own.is_some_and(|own| own.holds(action));
    Action::ALL.iter().copied().find(|a| levels.contains(&a.level()) && given.holds(*a) && !holds(*a))
}

/// The role that counts in a project: its own where there is one, but view-only in the team stays view-only everywhere.
fn in_project<'a>(role: &'a Held, project_role: Option<&'a Held>) -> &'a Held {
    match project_role {
        Some(other) if !role.is_view_only() => other,
        _ => role,
    }
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
    id: UserId,
    org_role: OrgRole,
    is_service: bool,
    /// Whether the credential is that of a provisioning connection.
    provisions: bool,
    models: Seat,
    weave: Seat,
}

impl Known {
    /// Whether it is a person who administers the organization.
    fn is_org_admin(self) -> bool {
        self.org_role == OrgRole::Admin && !self.is_service
    }

    /// Whether the cap of the organization role viewer keeps it from `action`.
    fn is_capped(self, action: Action) -> bool {
        action.writes() && self.org_role == OrgRole::Viewer
    }
}

fn consult(facts: &Facts, action: Action, chain: &mut Chain) -> Verdict {
    let known = match &facts.who {
        Who::Process(process) => {
            if action == Action::OrganizationCreate && !facts.switches.several_orgs {
                chain.push(Step::OneOrganization);
                return Refuse;
            }
            let may = match process {
                Process::Shell => true,
                Process::Setup => matches!(action, Action::UserCreate | Action::UserLogin),
                Process::Company => matches!(
                    action,
                    Action::UserCreate
                        | Action::UserUpdate
                        | Action::UserUpdateEmail
                        | Action::UserDeactivate
                        | Action::TeamJoin
                        | Action::TeamInviteUser
                        | Action::TeamUninvite
                        | Action::SessionRevoke
                ),
                Process::Newcomer => matches!(
                    action,
                    Action::UserCreate
                        | Action::UserLogin
                        | Action::UserUninvite
                        | Action::TeamJoin
                        | Action::TeamUninvite
                ),
            };
            chain.push(if may { Step::ProcessMay(*process) } else { Step::ProcessMayNot(*process) });
            return if may { Allow } else { Refuse };
        }
        Who::Anonymous => {
            chain.push(Step::Anonymous);
            return Hide;
        }
        Who::User { id, status, org_role, scope, is_service, models, weave, .. } => {
            chain.push(Step::Status(*status));
            if *status != Status::Active {
                return Refuse;
            }
            if scope.reads_only() && action.writes() {
                return narrowed(facts, action, Step::CredentialReadsOnly, chain);
            }
            if scope.place().is_some_and(|place| !is_within(place, facts, action, *id)) {
                return narrowed(facts, action, Step::CredentialElsewhere, chain);
            }
            let Some(org_role) = *org_role else {
                chain.push(Step::NotInOrg);
                return Hide;
            };
            chain.push(Step::OrgRole(org_role));
            let provisions = *scope == KeyScope::Provisioning;
            if provisions && !action.is_for_provisioning() {
                return narrowed(facts, action, Step::CredentialProvisionsOnly, chain);
            }
            Known { id: *id, org_role, is_service: *is_service, provisions, models: *models, weave: *weave }
        }
    };
    match (&facts.what, action.level()) {
        (What::Org { .. }, Level::Org) => on_org(facts, action, known, chain),
        (What::User { .. }, Level::User) => on_user(facts, action, known, chain),
        (What::Team { .. }, Level::Entity) => on_team(facts, action, known, chain),
        (What::Namespace { owner, .. }, Level::Entity) => on_namespace(facts, action, known, *owner, chain),
        (What::Project { .. }, Level::Project) => on_project(facts, action, known, chain),
        (What::Org { .. }, _) => wrong_kind(chain, Refuse),
        _ => wrong_kind(chain, Hide),
    }
}

/// A refusal by what a narrower credential is for. It must not show what the account itself would not be shown.
fn narrowed(facts: &Facts, action: Action, step: Step, chain: &mut Chain) -> Verdict {
    let mut rest = Chain::default();
    let hidden = consult(&facts.with_full_scope(), action, &mut rest) == Hide;
    chain.push(step);
    if hidden { Hide } else { Refuse }
}

/// Whether a key that counts in `place` counts here. A client asks first who it is and where, so that much it reads anyway.
fn is_within(place: KeyPlace, facts: &Facts, action: Action, me: UserId) -> bool {
    match (place, &facts.what) {
        (KeyPlace::Org(org), What::User { id, .. }) => facts.org == org || (*id == me && !action.writes()),
        (KeyPlace::Org(org), _) => facts.org == org,
        (_, What::User { id, .. }) => *id == me && !action.writes(),
        (_, What::Org { .. }) => matches!(action, Action::OrganizationRead | Action::RoleRead),
        (KeyPlace::Team(team), What::Team { id, .. }) => *id == team,
        (KeyPlace::Team(team), What::Project { entity, .. }) => *entity == Entity::Team(team),
        (KeyPlace::Project(project), What::Project { id, .. }) => *id == project,
        (KeyPlace::Team(_) | KeyPlace::Project(_), _) => false,
    }
}

fn wrong_kind(chain: &mut Chain, verdict: Verdict) -> Verdict {
    chain.push(Step::WrongKind);
    verdict
}

fn on_org(facts: &Facts, action: Action, known: Known, chain: &mut Chain) -> Verdict {
    if action == Action::OrganizationCreate {
        if facts.org != HOME {
            chain.push(Step::InstanceOnly);
            return Refuse;
        }
        if !facts.switches.several_orgs {
            chain.push(Step::OneOrganization);
            return Refuse;
        }
    }
    if by_org_role(action, known, chain) {
        if action == Action::ServiceCreate && !facts.switches.admin_team_access {
            // Such an account reaches every team, and its key would be a way into them.
            chain.push(Step::AdminTeamAccessOff);
            return Refuse;
        }
        return Allow;
    }
    if action == Action::TeamCreate
        && facts.switches.members_may_create_teams
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
    let verdict = on_account(facts, action, known, chain);
    if verdict == Allow && action == Action::ApiKeyCreate && matches!(facts.what, What::User { keys_closed: true, .. })
    {
        chain.push(Step::KeysClosed);
        return Refuse;
    }
    verdict
}

fn on_account(facts: &Facts, action: Action, known: Known, chain: &mut Chain) -> Verdict {
    let What::User { id, is_service, service_role, shares_org, elsewhere, .. } = &facts.what else {
        return wrong_kind(chain, Hide);
    };
    if action == Action::UserLogin && *is_service {
        chain.push(Step::ServiceNeverSignsIn);
        return Refuse;
    }
    if *id == known.id && action.is_for_oneself() {
        if known.is_service && action.writes() && action != Action::UserExchangeToken {
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
    if *is_service && action.is_for_services() {
        let in_team = service_role.as_ref().is_some_and(Held::manages_services) && known.org_role != OrgRole::Viewer;
        let into_team = action == Action::ApiKeyCreate && !facts.switches.admin_team_access;
        if in_team || (known.is_org_admin() && !into_team) {
            chain.push(Step::ManagesService);
            return Allow;
        }
        if known.is_org_admin() {
            // A fresh key of the team's machine would be a way into the team.
            chain.push(Step::AdminTeamAccessOff);
            return Refuse;
        }
    }
    if *elsewhere && action.is_about_account() && known.org_role == OrgRole::Admin {
        chain.push(Step::BelongsElsewhere);
        return Refuse;
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

/// What lets an organization admin reach into a team from outside; the switch against that closes exactly these.
fn reaches_into_team(action: Action) -> bool {
    matches!(action, Action::TeamJoin | Action::TeamCreateService | Action::ProjectUpdateVisibility)
}

/// The organization role's word on something of a team: `Some` settles it.
fn by_org_role_on_team(
    facts: &Facts,
    action: Action,
    known: Known,
    role: Option<&Held>,
    chain: &mut Chain,
) -> Option<Verdict> {
    let from_outside = reaches_into_team(action) && !role.is_some_and(|r| r.holds(action));
    if from_outside && known.is_org_admin() && !facts.switches.admin_team_access {
        chain.push(Step::AdminTeamAccessOff);
        return Some(Refuse);
    }
    by_org_role(action, known, chain).then_some(Allow)
}

fn on_team(facts: &Facts, action: Action, known: Known, chain: &mut Chain) -> Verdict {
    let verdict = in_team(facts, action, known, chain);
    if verdict == Allow && action == Action::TeamCreateService && !facts.switches.team_services {
        chain.push(Step::TeamServicesOff);
        return Refuse;
    }
    verdict
}

fn in_team(facts: &Facts, action: Action, known: Known, chain: &mut Chain) -> Verdict {
    let What::Team { role, inviting, recommended, .. } = &facts.what else {
        return wrong_kind(chain, Hide);
    };
    if let Some(verdict) = by_org_role_on_team(facts, action, known, role.as_ref(), chain) {
        return verdict;
    }
    if action == Action::TeamJoin && *recommended && role.is_none() && !known.is_service {
        chain.push(Step::Recommended);
        return Allow;
    }
    let Some(role) = role else {
        chain.push(Step::NotMember);
        return if known.is_org_admin() { Refuse } else { Hide };
    };
    chain.push(Step::Member(role.role));
    let regular = !role.is_view_only() && !known.is_service && known.org_role != OrgRole::Viewer;
    if action == Action::TeamInviteUser {
        if *inviting == Inviting::Members && regular && !role.holds(action) {
            chain.push(Step::MembersInvite);
            return Allow;
        }
        if *inviting == Inviting::Admins && role.base != TeamRole::Admin {
            chain.push(Step::AdminsInvite);
            return Refuse;
        }
    }
    let verdict = by_team_role(action, known, role, chain);
    by_seat(verdict, action, known, chain)
}

fn on_namespace(facts: &Facts, action: Action, known: Known, owner: UserId, chain: &mut Chain) -> Verdict {
    if owner != known.id || known.is_service {
        chain.push(Step::ForeignNamespace);
        return Hide;
    }
    if !matches!(action, Action::TeamRead | Action::ProjectCreate) {
        return wrong_kind(chain, Refuse);
    }
    chain.push(Step::OwnNamespace);
    let verdict = by_team_role(action, known, &Held::of(TeamRole::Admin), chain);
    let verdict = by_personal_switch(verdict, facts, action, chain);
    by_seat(verdict, action, known, chain)
}

fn on_project(facts: &Facts, action: Action, known: Known, chain: &mut Chain) -> Verdict {
    let What::Project { entity, role, project_role, .. } = &facts.what else {
        return wrong_kind(chain, Hide);
    };
    let insider = role.as_ref().map(|role| in_project(role, project_role.as_ref()));
    if let Some(verdict) = by_org_role_on_team(facts, action, known, insider, chain) {
        return verdict;
    }
    let mut verdict = match insider {
        Some(effective) => from_inside(facts, action, known, effective, chain),
        None => from_outside(facts, action, known, chain),
    };
    if matches!(entity, Entity::Person(_)) {
        verdict = by_personal_switch(verdict, facts, action, chain);
    }
    by_seat(verdict, action, known, chain)
}

/// What a visibility gives to everyone signed in; `own` tells whether it is about a run that the asker submitted.
fn opens(visibility: Visibility, action: Action, own: bool) -> bool {
    match visibility {
        Visibility::Open => {
            action.is_public_reading() || action.is_open_submitting() || (own && action.is_for_submitter())
        }
        Visibility::Public => action.is_public_reading(),
        Visibility::Team | Visibility::Restricted => false,
    }
}

fn is_own(inside: &Option<Inside>) -> bool {
    inside.as_ref().is_some_and(|run| run.own)
}

/// A project seen by a member of its team, or by the owner of its namespace; `effective` is the role that counts in it.
fn from_inside(facts: &Facts, action: Action, known: Known, effective: &Held, chain: &mut Chain) -> Verdict {
    let What::Project { entity, visibility, role: Some(role), invited, owner, inside, .. } = &facts.what else {
        return wrong_kind(chain, Hide);
    };
    let (visibility, own) = (*visibility, is_own(inside));
    chain.push(match entity {
        Entity::Team(_) => Step::Member(role.role),
        Entity::Person(_) => Step::OwnNamespace,
    });
    chain.push(Step::Visibility(visibility));
    let restricted = visibility == Visibility::Restricted;
    if action == Action::ProjectJoin {
        return joining(known, role, restricted && !invited, chain);
    }
    if restricted {
        if !invited {
            chain.push(Step::NotInvited);
            return if role.holds(Action::ProjectJoin) || known.is_org_admin() { Refuse } else { Hide };
        }
        chain.push(Step::Invited);
    }
    let in_project = effective.role != role.role;
    if in_project {
        chain.push(Step::ProjectRole(effective.role));
    }
    if *owner == Some(known.id) && action.is_for_owner() && !role.is_view_only() && known.org_role != OrgRole::Viewer {
        chain.push(Step::Owner);
        return Allow;
    }
    if own && action.is_for_submitter() && effective.holds(Action::RunCreate) && !known.is_capped(action) {
        chain.push(Step::OwnRun);
        return Allow;
    }
    if opens(visibility, action, own) && !effective.holds(action) && !known.is_capped(action) {
        // A role in the team never takes away what everyone has.
        chain.push(Step::VisibilityGrants(visibility));
        return Allow;
    }
    if action.is_for_submitter() && !effective.holds(action) && effective.holds(Action::RunCreate) {
        chain.push(Step::OwnRunsOnly);
        return Refuse;
    }
    if in_project {
        by_project_role(action, known, effective, chain)
    } else {
        by_team_role(action, known, effective, chain)
    }
}

/// A project seen by somebody who is not in its team, or not the owner of its namespace.
fn from_outside(facts: &Facts, action: Action, known: Known, chain: &mut Chain) -> Verdict {
    let What::Project { entity, visibility, inside, .. } = &facts.what else {
        return wrong_kind(chain, Hide);
    };
    let visibility = *visibility;
    let belonging = match entity {
        Entity::Person(_) => Step::ForeignNamespace,
        Entity::Team(_) => Step::NotMember,
    };
    if !matches!(visibility, Visibility::Open | Visibility::Public) {
        // The last step is the denial's sentence; outside a closed project the missing membership says it best.
        chain.push_all([Step::Visibility(visibility), belonging]);
        return if known.is_org_admin() { Refuse } else { Hide };
    }
    chain.push_all([belonging, Step::Visibility(visibility)]);
    if !opens(visibility, action, is_own(inside)) {
        let submitters = visibility == Visibility::Open && action.is_for_submitter();
        chain.push(if submitters { Step::OwnRunsOnly } else { Step::VisibilityLacks(visibility) });
        return Refuse;
    }
    if known.is_capped(action) {
        chain.push(Step::OrgViewerReadsOnly);
        return Refuse;
    }
    chain.push(Step::VisibilityGrants(visibility));
    Allow
}

fn joining(known: Known, role: &Held, closed: bool, chain: &mut Chain) -> Verdict {
    if !closed {
        chain.push(Step::NothingToJoin);
        return Refuse;
    }
    if role.holds(Action::ProjectJoin) && known.org_role != OrgRole::Viewer {
        chain.push(Step::MayJoin);
        return Allow;
    }
    chain.push(Step::NotInvited);
    Hide
}

/// Whether the organization role holds the action by itself. Service accounts learn where they are and carry no other
/// power of an organization role, other than a connection for what it is there for.
fn by_org_role(action: Action, known: Known, chain: &mut Chain) -> bool {
    let fit = !known.is_service || known.provisions || action == Action::OrganizationRead;
    let holds = fit && action.org_roles().contains(&known.org_role);
    if holds {
        chain.push(Step::OrgRoleGrants(known.org_role));
    }
    holds
}

/// The team role's word on the action, under the cap of the organization role viewer.
fn by_team_role(action: Action, known: Known, role: &Held, chain: &mut Chain) -> Verdict {
    if known.is_capped(action) {
        chain.push(Step::OrgViewerReadsOnly);
        return Refuse;
    }
    let holds = role.holds(action);
    chain.push(match (holds, role.inherits(action)) {
        (true, true) => Step::TeamRoleGrants(role.role),
        (true, false) => Step::CustomRoleAdds(role.role),
        (false, _) => Step::TeamRoleLacks(role.role),
    });
    if holds { Allow } else { Refuse }
}

/// The project role's word on the action, in the same way.
fn by_project_role(action: Action, known: Known, role: &Held, chain: &mut Chain) -> Verdict {
    if known.is_capped(action) {
        chain.push(Step::OrgViewerReadsOnly);
        return Refuse;
    }
    let holds = role.holds(action);
    chain.push(if holds { Step::ProjectRoleGrants(role.role) } else { Step::ProjectRoleLacks(role.role) });
    if holds { Allow } else { Refuse }
}

/// The switch against personal namespaces: what is there stays readable, nothing is written any more.
fn by_personal_switch(verdict: Verdict, facts: &Facts, action: Action, chain: &mut Chain) -> Verdict {
    if verdict == Allow && action.writes() && !facts.switches.personal_entities {
        chain.push(Step::PersonalEntitiesOff);
        return Refuse;
    }
    verdict
}

/// The seat's word on what a role or a visibility allowed. Service accounts take no seat.
fn by_seat(verdict: Verdict, action: Action, known: Known, chain: &mut Chain) -> Verdict {
    let (Allow, Some(product), false) = (verdict, action.product(), known.is_service) else { return verdict };
    let seat = match product {
        Product::Models => known.models,
        Product::Weave => known.weave,
        Product::Either => known.models.max(known.weave),
    };
    let fits = match seat {
        Seat::Full => true,
        Seat::Viewer => !action.writes() && !action.exports(),
        Seat::None => false,
    };
    if fits {
        return Allow;
    }
    chain.push(Step::SeatLacks(product, seat));
    Refuse
}

/// The organization role that the action named `action` needs, for the sentence of a denial.
pub(super) fn needed_org_role(action: &str) -> Option<&'static str> {
    let action = Action::parse(action).ok()?;
    let [needed] = action.org_roles() else { return None };
    Some(needed.as_str())
}
