//! A decision and the chain of rules that led to it. Steps are small and name things by role, not by text; the sentences are
//! made from the facts only when somebody reads them, so that deciding stays cheap.

use super::facts::{Facts, Held, What, Who};
use super::{Process, rules};
use crate::model::audit::Reason;
use crate::model::project::Visibility;
use crate::model::role::{Action, OrgRole, Product, Seat, TeamRole};
use crate::model::user::Status;

/// One rule consulted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// The server itself acts, and this process may.
    ProcessMay(Process),
    /// The server itself acts, and this process may not.
    ProcessMayNot(Process),
    /// Nobody is signed in.
    Anonymous,
    /// The credential is for reading only and the action writes.
    CredentialReadsOnly,
    /// The credential is a connection's, for provisioning and nothing else.
    CredentialProvisionsOnly,
    /// The credential counts in one place only, and this is not in it.
    CredentialElsewhere,
    /// The subject's status.
    Status(Status),
    /// The subject's organization role where the resource is.
    OrgRole(OrgRole),
    /// The subject does not belong to the organization.
    NotInOrg,
    /// The subject asks about itself, and everyone may do that on themselves.
    Oneself,
    /// A service account never signs in to the console.
    ServiceNeverSignsIn,
    /// A service account changes nothing about itself.
    ServiceManagesNothing,
    /// The action is for oneself only.
    OnlyOneself,
    /// The action does not apply to a resource of this kind.
    WrongKind,
    /// The account is a service account that the subject manages: one of a team of theirs, or any for an organization admin.
    ManagesService,
    /// The account belongs to another organization too, which the subject does not administer.
    BelongsElsewhere,
    /// The instance has one organization and no more.
    OneOrganization,
    /// Only the first organization, which administers the instance, holds it.
    InstanceOnly,
    /// The organization lets nobody have another key.
    KeysClosed,
    /// The setting keeps teams from new service accounts.
    TeamServicesOff,
    /// The subject's role in the team.
    Member(TeamRole),
    /// The subject is not in the team.
    NotMember,
    /// The namespace is the subject's own.
    OwnNamespace,
    /// The namespace is somebody else's.
    ForeignNamespace,
    /// The project's visibility.
    Visibility(Visibility),
    /// The subject is invited to the restricted project.
    Invited,
    /// The subject is not invited to the restricted project.
    NotInvited,
    /// A team admin may join a restricted project.
    MayJoin,
    /// There is nothing to join: the project is not restricted, or one is in already.
    NothingToJoin,
    /// The subject owns the project, and owners may do this.
    Owner,
    /// The visibility opens this action to everyone signed in.
    VisibilityGrants(Visibility),
    /// The visibility does not open this action to people outside the team.
    VisibilityLacks(Visibility),
    /// The organization role viewer writes nowhere.
    OrgViewerReadsOnly,
    /// The setting lets members create teams.
    MembersMayCreateTeams,
    /// The organization role holds the action.
    OrgRoleGrants(OrgRole),
    /// The organization role does not hold the action.
    OrgRoleLacks(OrgRole),
    /// The team role holds the action.
    TeamRoleGrants(TeamRole),
    /// The team role does not hold the action.
    TeamRoleLacks(TeamRole),
    /// The custom role holds the action beyond what it inherits.
    CustomRoleAdds(TeamRole),
    /// The subject has a role of its own in the project, which counts instead of the team role.
    ProjectRole(TeamRole),
    /// The project role holds the action.
    ProjectRoleGrants(TeamRole),
    /// The project role does not hold the action.
    ProjectRoleLacks(TeamRole),
    /// The subject submitted the run, and submitters may do this to their own.
    OwnRun,
    /// The subject may do this to runs it submitted only.
    OwnRunsOnly,
    /// The team lets every member invite.
    MembersInvite,
    /// The organization lets only admins invite.
    AdminsInvite,
    /// The team recommends itself to people of the organization's domains.
    Recommended,
    /// The seat does not let the subject do this with the product.
    SeatLacks(Product, Seat),
    /// The switch against personal namespaces is on.
    PersonalEntitiesOff,
    /// The switch against organization admins reaching into teams is on.
    AdminTeamAccessOff,
    /// The role to be given holds this permission, which the subject lacks there.
    CannotGive(Action),
}

/// The steps of one decision, without a heap allocation: deciding costs less than a tenth of what looking up a row does.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chain {
    steps: [Step; Chain::LONGEST],
    len: u8,
}

impl Default for Chain {
    fn default() -> Self {
        Chain { steps: [Step::Anonymous; Chain::LONGEST], len: 0 }
    }
}

impl Chain {
    /// No decision consults as many rules; a test holds that over every action and kind of resource.
    pub(super) const LONGEST: usize = 12;

    /// Appends a step.
    pub(super) fn push(&mut self, step: Step) {
        debug_assert!(usize::from(self.len) < Chain::LONGEST);
        if let Some(place) = self.steps.get_mut(usize::from(self.len)) {
            *place = step;
            self.len += 1;
        }
    }

    /// Appends two steps.
    pub(super) fn push_all(&mut self, steps: [Step; 2]) {
        steps.into_iter().for_each(|step| self.push(step));
    }
}

impl std::ops::Deref for Chain {
    type Target = [Step];
    fn deref(&self) -> &[Step] {
        &self.steps[..usize::from(self.len)]
    }
}

impl PartialEq for Chain {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Chain {}

/// Whether, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    pub(super) action: Action,
    pub(super) allowed: bool,
    pub(super) visible: bool,
    pub(super) chain: Chain,
}

impl Decision {
    /// Whether it is allowed.
    pub fn allowed(&self) -> bool {
        self.allowed
    }

    /// Whether the asker may know that the resource exists; a denial about an invisible one looks like absence.
    pub fn visible(&self) -> bool {
        self.visible
    }

    /// What was asked.
    pub fn action(&self) -> Action {
        self.action
    }

    /// The rules consulted, in order; never empty, the last one settled it.
    pub fn steps(&self) -> &[Step] {
        &self.chain
    }

    /// The chain as sentences about `facts`, which must be those it was decided on.
    pub fn reasons(&self, facts: &Facts) -> Vec<Reason> {
        self.chain
            .iter()
            .map(|step| Reason { rule: step.rule().to_owned(), text: step.text(facts, self.action) })
            .collect()
    }

    /// The sentence of the rule that settled it.
    pub fn last(&self, facts: &Facts) -> String {
        self.chain.last().map(|step| step.text(facts, self.action)).unwrap_or_default()
    }

    /// What the asker can do about a denial.
    pub fn next_step(&self, facts: &Facts) -> Option<&'static str> {
        if self.allowed {
            return None;
        }
        Some(match self.chain.last()? {
            Step::Anonymous => "Sign in, or send an API key.",
            Step::CredentialReadsOnly => "Use a key with full scope.",
            Step::CredentialProvisionsOnly => "Use the key of a person or a service account.",
            Step::CredentialElsewhere => "Use a key that counts there.",
            Step::BelongsElsewhere => "Suspend or remove the person in your organization instead.",
            Step::OneOrganization => "Start the server with --multi-org (BAILIWICK_MULTI_ORG=true) to allow several.",
            Step::InstanceOnly => "Ask an administrator of the instance.",
            Step::KeysClosed => "Sign in through the company, or use a token of the company's issuer.",
            Step::TeamServicesOff => "Ask an organization admin for a service account of the organization.",
            Step::Status(_) => "Ask an organization admin to reactivate the account.",
            Step::OrgRoleLacks(_) => "Ask an organization admin.",
            Step::NotMember if facts.who.org_role() == Some(OrgRole::Admin) => {
                "As an organization admin you can add yourself to the team; that is audited."
            }
            Step::NotMember | Step::VisibilityLacks(_) => "Ask an admin of the team to add you.",
            Step::TeamRoleLacks(_) | Step::ProjectRoleLacks(_) => "Ask an admin of the team.",
            Step::OwnRunsOnly => "Ask whoever submitted the run, or an admin of the team.",
            Step::SeatLacks(..) => "Ask an organization admin for another seat.",
            Step::AdminsInvite => "Ask an admin of the team to invite.",
            Step::PersonalEntitiesOff => "Name a team that you are in: WANDB_ENTITY, or entity= in wandb.init.",
            Step::AdminTeamAccessOff => "Ask an admin of the team.",
            Step::CannotGive(_) => "Ask an admin of the team or of the organization to give this role.",
            Step::NotInvited => match facts.what {
                What::Project { role: Some(ref role), .. } if role.holds(Action::ProjectJoin) => {
                    "As a team admin you can join the project first."
                }
                _ => "Ask somebody in the project to invite you.",
            },
            Step::OrgViewerReadsOnly => "Ask an organization admin for the organization role member.",
            _ => return None,
        })
    }
}

impl Step {
    /// The rule's permanent name.
    pub fn rule(self) -> &'static str {
        match self {
            Step::ProcessMay(_) | Step::ProcessMayNot(_) => "process",
            Step::Anonymous => "authentication",
            Step::CredentialReadsOnly | Step::CredentialProvisionsOnly | Step::CredentialElsewhere => {
                "credential_scope"
            }
            Step::Status(_) => "status",
            Step::OrgRole(_) | Step::NotInOrg | Step::BelongsElsewhere => "organization_membership",
            Step::OneOrganization | Step::InstanceOnly => "instance",
            Step::Oneself | Step::OnlyOneself => "oneself",
            Step::ServiceNeverSignsIn | Step::ServiceManagesNothing | Step::ManagesService => "service_account",
            Step::WrongKind => "resource_kind",
            Step::Member(_) | Step::NotMember => "team_membership",
            Step::OwnNamespace | Step::ForeignNamespace => "personal_namespace",
            Step::Visibility(_) | Step::VisibilityGrants(_) | Step::VisibilityLacks(_) => "visibility",
            Step::Invited | Step::NotInvited => "project_invitation",
            Step::MayJoin | Step::NothingToJoin => "project_join",
            Step::Owner => "project_owner",
            Step::OrgViewerReadsOnly => "organization_viewer",
            Step::MembersMayCreateTeams => "setting",
            Step::OrgRoleGrants(_) | Step::OrgRoleLacks(_) => "organization_role",
            Step::TeamRoleGrants(_) | Step::TeamRoleLacks(_) => "team_role",
            Step::CustomRoleAdds(_) => "custom_role",
            Step::ProjectRole(_) | Step::ProjectRoleGrants(_) | Step::ProjectRoleLacks(_) => "project_role",
            Step::OwnRun | Step::OwnRunsOnly => "own_run",
            Step::MembersInvite | Step::AdminsInvite => "inviting",
            Step::Recommended => "domain",
            Step::SeatLacks(..) => "seat",
            Step::PersonalEntitiesOff | Step::AdminTeamAccessOff | Step::TeamServicesOff => "setting",
            Step::KeysClosed => "keys_closed",
            Step::CannotGive(_) => "giving",
        }
    }

    fn text(self, facts: &Facts, action: Action) -> String {
        let who = facts.who.name();
        let what = facts.what.label();
        let action = action.as_str();
        match self {
            Step::ProcessMay(process) => {
                format!("{} acts for the server itself and may do {action}.", process.as_str())
            }
            Step::ProcessMayNot(process) => {
                format!("{} acts for the server itself and may not do {action}.", process.as_str())
            }
            Step::Anonymous => format!("Nobody is signed in, and {action} needs somebody."),
            Step::CredentialReadsOnly => format!("The API key is read-only, and {action} changes something."),
            Step::CredentialProvisionsOnly => format!("The key is for provisioning, and {action} is not part of that."),
            Step::CredentialElsewhere => format!("The API key counts in one place only, and {what} is not there."),
            Step::BelongsElsewhere => {
                format!("{what} belongs to another organization too, and {action} is about the account as a whole.")
            }
            Step::OneOrganization => "This instance has one organization and is not set up for more.".to_owned(),
            Step::InstanceOnly => format!("{action} belongs to the instance's first organization, not to {what}."),
            Step::KeysClosed => "The organization lets nobody have another API key.".to_owned(),
            Step::TeamServicesOff => "A setting keeps teams from new service accounts.".to_owned(),
            Step::Status(status) => format!("{who} is {}.", status.as_str()),
            Step::OrgRole(role) => format!("{who} has the organization role {}.", role.as_str()),
            Step::NotInOrg => format!("{who} does not belong to the organization."),
            Step::Oneself => format!("{what} is the one who asks, and everyone may do {action} on themselves."),
            Step::OnlyOneself => format!("{action} is for oneself only, and {who} is not {what}."),
            Step::ServiceNeverSignsIn => format!("{what} is a service account; those never sign in to the console."),
            Step::ServiceManagesNothing => {
                format!("{what} is a service account; an admin of its team does {action} for it.")
            }
            Step::WrongKind => format!("{action} does not apply to {what}."),
            Step::ManagesService => format!("{what} is a service account that {who} manages."),
            Step::Member(TeamRole::Service) => {
                format!("{who} is a service account and works in team {} with the role service.", facts.what.entity())
            }
            Step::Member(role) => {
                format!("{who} is in team {} with the team role {}.", facts.what.entity(), facts.what.role_label(role))
            }
            Step::NotMember => format!("{who} is not a member of team {}.", facts.what.entity()),
            Step::OwnNamespace => format!("The namespace {} is {who}'s own.", facts.what.entity()),
            Step::ForeignNamespace => format!("The namespace {} is another person's.", facts.what.entity()),
            Step::Visibility(v) => format!("{what} has the visibility {}.", v.as_str()),
            Step::Invited => format!("{who} is invited to {what}."),
            Step::NotInvited => format!("{what} is restricted and {who} is not invited."),
            Step::MayJoin => format!("{who} is an admin of team {} and may join {what}.", facts.what.entity()),
            Step::NothingToJoin => format!("There is nothing to join: {what} is not restricted, or {who} is in it."),
            Step::Owner => format!("{who} owns {what}, and owners may do {action}."),
            Step::VisibilityGrants(v) => {
                format!("The visibility {} allows {action} to everyone signed in.", v.as_str())
            }
            Step::VisibilityLacks(v) => {
                format!(
                    "{who} is outside the team, and the visibility {} does not allow {action} to outsiders.",
                    v.as_str()
                )
            }
            Step::OrgViewerReadsOnly => {
                format!("{who} has the organization role viewer, which never writes, and {action} does.")
            }
            Step::MembersMayCreateTeams => "A setting lets members of the organization create teams.".to_owned(),
            Step::OrgRoleGrants(role) => format!("The organization role {} allows {action}.", role.as_str()),
            Step::OrgRoleLacks(role) => match rules::needed_org_role(action) {
                Some(needed) => format!("{action} needs the organization role {needed}; {who} has {}.", role.as_str()),
                None => format!("The organization role {} does not allow {action}.", role.as_str()),
            },
            Step::TeamRoleGrants(role @ TeamRole::Custom(_)) => {
                let (label, base) = (facts.what.role_label(role), facts.what.role_base(role));
                format!("The custom role {label} inherits {action} from {base}.")
            }
            Step::TeamRoleGrants(role) => format!("The team role {} allows {action}.", role.as_str()),
            Step::TeamRoleLacks(role) => {
                let label = facts.what.role_label(role);
                format!("The team role {label} of {who} in {} does not allow {action}.", facts.what.entity())
            }
            Step::CustomRoleAdds(role) => {
                format!("The custom role {} has {action} as a permission of its own.", facts.what.role_label(role))
            }
            Step::ProjectRole(role) => {
                format!("{who} has the project role {} in {what}, which counts instead.", facts.what.role_label(role))
            }
            Step::ProjectRoleGrants(role) => {
                format!("The project role {} allows {action}.", facts.what.role_label(role))
            }
            Step::ProjectRoleLacks(role) => {
                let label = facts.what.role_label(role);
                format!("The project role {label} of {who} in {what} does not allow {action}.")
            }
            Step::OwnRun => format!("{who} submitted {what}, and submitters may do {action} to their own runs."),
            Step::OwnRunsOnly => format!("{who} may do {action} only to runs they submitted themselves."),
            Step::AdminsInvite => "The organization lets only admins invite to teams.".to_owned(),
            Step::Recommended => format!(
                "Team {} recommends itself to people with an address at a domain of the organization, and {who} has one.",
                facts.what.entity()
            ),
            Step::MembersInvite => {
                format!("Team {} lets every member invite.", facts.what.entity())
            }
            Step::SeatLacks(product, seat) => {
                let product = match product {
                    Product::Models => "the Models seat",
                    Product::Weave => "the Weave access",
                    Product::Either => "at best the seat",
                };
                let reach = if seat == Seat::None { "reaches no product data" } else { "is for reading only" };
                format!("{who} has {product} {}, which {reach}.", seat.as_str())
            }
            Step::PersonalEntitiesOff => {
                "A setting closes personal namespaces: what is in them can be read and no longer changed.".to_owned()
            }
            Step::AdminTeamAccessOff => "A setting keeps organization admins out of teams they are not in.".to_owned(),
            Step::CannotGive(lacking) => {
                format!("The role to be given holds {}, which {who} does not hold there.", lacking.as_str())
            }
        }
    }
}

impl Who {
    /// The name for sentences.
    pub fn name(&self) -> &str {
        match self {
            Who::Anonymous => "nobody",
            Who::Process(process) => process.as_str(),
            Who::User { username, .. } => username,
        }
    }

    /// Whether it is a service account.
    pub fn is_service(&self) -> bool {
        matches!(self, Who::User { is_service: true, .. })
    }

    /// The organization role where the resource is.
    pub fn org_role(&self) -> Option<OrgRole> {
        match self {
            Who::User { org_role, .. } => *org_role,
            _ => None,
        }
    }
}

impl What {
    /// Kind and name for sentences.
    pub fn label(&self) -> String {
        match self {
            What::Org { name, .. } => format!("organization {name}"),
            What::User { username, .. } => username.clone(),
            What::Team { name, .. } => format!("team {name}"),
            What::Namespace { name, .. } => format!("namespace {name}"),
            What::Project { entity_name, name, inside: Some(run), .. } => {
                format!("run {entity_name}/{name}/{}", run.name)
            }
            What::Project { entity_name, name, inside: None, .. } => format!("project {entity_name}/{name}"),
        }
    }

    /// `role`, one of the asker's here, as it was loaded.
    fn loaded(&self, role: TeamRole) -> Option<&Held> {
        match self {
            What::Team { role: held, .. } => held.as_ref(),
            What::Project { role: held, project_role, .. } => {
                [held, project_role].into_iter().flatten().find(|h| h.role == role)
            }
            _ => None,
        }
    }

    /// The word for `role`, one of the asker's here.
    fn role_label(&self, role: TeamRole) -> &str {
        match role {
            TeamRole::Custom(_) => self.loaded(role).map(Held::label).unwrap_or("custom"),
            predefined => predefined.as_str(),
        }
    }

    /// The predefined role that `role`, one of the asker's here, inherits from.
    fn role_base(&self, role: TeamRole) -> &'static str {
        self.loaded(role).map_or("viewer", |h| h.base.as_str())
    }

    /// The name of the team or namespace it is in.
    fn entity(&self) -> &str {
        match self {
            What::Org { name, .. } | What::Team { name, .. } | What::Namespace { name, .. } => name,
            What::User { username, .. } => username,
            What::Project { entity_name, .. } => entity_name,
        }
    }
}
