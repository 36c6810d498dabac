//! Roles and the catalogue of actions: one table says, per `object:operation`, where it applies, whether it changes anything,
//! and which predefined roles hold it (mission document, "Roles" and the permission table of its facts).
//! Permissions are derived from roles when a decision is made; they are never stored per person.

use super::{OrgId, RoleId};
use crate::clock::Millis;
use crate::error::{Error, Result};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Role in an organization.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OrgRole {
    /// Manages users, teams and settings.
    Admin,
    /// Regular.
    Member,
    /// Reads only, in its own teams.
    Viewer,
}

impl OrgRole {
    /// All three, mightiest first.
    pub const ALL: [OrgRole; 3] = [OrgRole::Admin, OrgRole::Member, OrgRole::Viewer];

    /// The word in code, store, API and pages.
    pub fn as_str(self) -> &'static str {
        match self {
            OrgRole::Admin => "admin",
            OrgRole::Member => "member",
            OrgRole::Viewer => "viewer",
        }
    }

    /// Reads the word or one of the documents' synonyms, in any case.
    pub fn parse(text: &str) -> Result<Self> {
        Ok(match text.trim().to_ascii_lowercase().as_str() {
            "admin" | "administrator" => OrgRole::Admin,
            "member" => OrgRole::Member,
            "viewer" | "view-only" | "view only" => OrgRole::Viewer,
            _ => return Err(Error::invalid("An organization role is admin, member or viewer.")),
        })
    }
}

/// Role in a team.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TeamRole {
    /// Manages members, roles and settings of the team.
    Admin,
    /// Regular: reads and writes.
    Member,
    /// View-only: reads.
    Viewer,
    /// A service account: reads and writes, manages nobody. Never a person's role.
    Service,
    /// A custom role of the organization: what it inherits, and what it adds, stands in its [`CustomRole`].
    Custom(RoleId),
}

impl TeamRole {
    /// The roles a person can hold, mightiest first.
    pub const HUMAN: [TeamRole; 3] = [TeamRole::Admin, TeamRole::Member, TeamRole::Viewer];

    /// The word in code, store, API and pages.
    pub fn as_str(self) -> &'static str {
        match self {
            TeamRole::Admin => "admin",
            TeamRole::Member => "member",
            TeamRole::Viewer => "viewer",
            TeamRole::Service => "service",
            TeamRole::Custom(_) => "custom",
        }
    }

    /// Reads a person's predefined role or one of the documents' synonyms, in any case. `service` is not assignable.
    pub fn parse(text: &str) -> Result<Self> {
        Ok(match text.trim().to_ascii_lowercase().as_str() {
            "admin" | "administrator" => TeamRole::Admin,
            "member" => TeamRole::Member,
            "viewer" | "view-only" | "view only" => TeamRole::Viewer,
            _ => return Err(Error::invalid("A team role is admin, member or viewer.")),
        })
    }
}

/// What a user may use of one product, set per organization and inherited by all its teams (mission document, "Seats").
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Seat {
    /// Nothing of it.
    None,
    /// Reading only.
    Viewer,
    /// Everything the roles allow.
    #[default]
    Full,
}

impl Seat {
    /// All three, widest first.
    pub const ALL: [Seat; 3] = [Seat::Full, Seat::Viewer, Seat::None];

    /// The word in code, store, API and pages.
    pub fn as_str(self) -> &'static str {
        match self {
            Seat::Full => "full",
            Seat::Viewer => "viewer",
            Seat::None => "none",
        }
    }

    /// Reads the word or one of the documents' synonyms, in any case.
    pub fn parse(text: &str) -> Result<Self> {
        Ok(match text.trim().to_ascii_lowercase().as_str() {
            "full" => Seat::Full,
            "viewer" => Seat::Viewer,
            "none" | "no-access" | "no_access" | "no access" => Seat::None,
            _ => return Err(Error::invalid("A seat is full, viewer or none.")),
        })
    }
}

/// What a seat is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Product {
    /// Runs, artifacts, reports, sweeps, launch, registries.
    Models,
    /// Traces and evaluations.
    Weave,
    /// Projects, which hold both: the better of the two seats counts.
    Either,
}

/// A role that an organization defines: what it inherits from a predefined one, and what it adds. Effective permissions are
/// derived when a decision is made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomRole {
    /// Permanent.
    pub id: RoleId,
    /// The organization that defines it.
    pub org: OrgId,
    /// Unique in its organization without regard to case; never a predefined role's name.
    pub name: String,
    /// One line for people; may be empty.
    #[serde(default)]
    pub description: String,
    /// The predefined role it inherits from: member or viewer.
    pub inherits: TeamRole,
    /// What it adds, in the catalogue's order. May name what it inherits too; that shows again when the base shrinks.
    pub permissions: Vec<Action>,
    /// A provisioning client's own id for it: data in its own namespace, never one of ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// When it was made.
    pub created_at: Millis,
    /// When it was changed last.
    pub updated_at: Millis,
    /// Counts changes, for conditional updates.
    #[serde(default)]
    pub version: u64,
}

impl CustomRole {
    /// Every permission a holder has, in the catalogue's order, each with whether it is inherited.
    pub fn effective(&self) -> impl Iterator<Item = (Action, bool)> + '_ {
        Action::ALL.iter().filter_map(|action| {
            let inherited = action.team_roles().contains(&self.inherits);
            (inherited || self.permissions.contains(action)).then_some((*action, inherited))
        })
    }
}

/// A set of actions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ActionSet(u128);

impl ActionSet {
    /// Whether `action` is in it.
    pub fn contains(self, action: Action) -> bool {
        self.0 & (1 << action as u32) != 0
    }
}

impl FromIterator<Action> for ActionSet {
    fn from_iter<I: IntoIterator<Item = Action>>(actions: I) -> Self {
        ActionSet(actions.into_iter().fold(0, |bits, action| bits | 1 << action as u32))
    }
}

impl Serialize for Action {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Action {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Action::parse(&text).map_err(|_| D::Error::custom("an action that is not in the catalogue"))
    }
}

/// Where an action applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Level {
    /// On an organization.
    Org,
    /// On a user: a person or a service account.
    User,
    /// On a team or a personal namespace.
    Entity,
    /// On a project and what is inside.
    Project,
}

impl Level {
    /// The word in the API and on pages.
    pub fn as_str(self) -> &'static str {
        match self {
            Level::Org => "organization",
            Level::User => "user",
            Level::Entity => "team",
            Level::Project => "project",
        }
    }
}

macro_rules! actions {
    ($($name:ident $text:literal $level:ident $effect:ident [$($org:ident)*] [$($team:ident)*] $doc:literal;)*) => {
        /// Everything that can be asked of the access decision, `object:operation` each.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Action { $(#[doc = $doc] $name,)* }

        impl Action {
            /// The whole catalogue.
            pub const ALL: &'static [Action] = &[$(Action::$name,)*];
            /// `object:operation`.
            pub fn as_str(self) -> &'static str { match self { $(Action::$name => $text,)* } }
            /// One sentence for people.
            pub fn doc(self) -> &'static str { match self { $(Action::$name => $doc,)* } }
            /// Where it applies.
            pub fn level(self) -> Level { match self { $(Action::$name => Level::$level,)* } }
            /// Whether it changes something.
            pub fn writes(self) -> bool { match self { $(Action::$name => actions!(@$effect),)* } }
            /// The organization roles that hold it by themselves, on their organization.
            pub fn org_roles(self) -> &'static [OrgRole] { match self { $(Action::$name => &[$(OrgRole::$org,)*],)* } }
            /// The team roles that hold it, on their team and its projects.
            pub fn team_roles(self) -> &'static [TeamRole] { match self { $(Action::$name => &[$(TeamRole::$team,)*],)* } }
        }
    };
    (@reads) => { false };
    (@writes) => { true };
}

actions! {
    OrganizationRead        "organization:read"         Org     reads  [Admin Member Viewer] [] "See the organization and its name.";
    OrganizationUpdate      "organization:update"       Org     writes [Admin] [] "Rename the organization.";
    OrganizationCreate      "organization:create"       Org     writes [Admin] [] "Create another organization on this instance.";
    UserList                "user:list"                 Org     reads  [Admin] [] "List and search all users.";
    UserCreate              "user:create"               Org     writes [Admin] [] "Create a user.";
    UserInvite              "user:invite"               Org     writes [Admin] [] "Invite people to the organization.";
    UserUninvite            "user:uninvite"             Org     writes [Admin] [] "Withdraw invitations to the organization.";
    RoleRead                "role:read"                 Org     reads  [Admin Member Viewer] [] "See the custom roles and the catalogue.";
    RoleCreate              "role:create"               Org     writes [Admin] [] "Define a custom role.";
    RoleUpdate              "role:update"               Org     writes [Admin] [] "Change a custom role.";
    RoleDelete              "role:delete"               Org     writes [Admin] [] "Delete a custom role.";
    TeamList                "team:list"                 Org     reads  [Admin] [] "List all teams, also those one is not in.";
    TeamCreate              "team:create"               Org     writes [Admin] [] "Create a team.";
    AuditRead               "audit:read"                Org     reads  [Admin] [] "Read the audit log.";
    SettingRead             "setting:read"              Org     reads  [Admin] [] "See settings and where their values come from.";
    SettingUpdate           "setting:update"            Org     writes [Admin] [] "Change settings.";
    DecisionEvaluate        "decision:evaluate"         Org     reads  [Admin] [] "Ask for the decision about somebody else.";
    ServiceCreate           "organization:create_service_account" Org writes [Admin] [] "Create a service account of the organization.";
    ProvisioningRead        "provisioning:read"         Org     reads  [Admin] [] "See the connections of identity providers, their last requests and what is held back.";
    ProvisioningUpdate      "provisioning:update"       Org     writes [Admin] [] "Make connections of identity providers, and decide what they may do.";
    IssuerRead              "issuer:read"               Org     reads  [Admin] [] "See the issuers of tokens that the organization trusts.";
    IssuerUpdate            "issuer:update"             Org     writes [Admin] [] "Trust an issuer of tokens, and no longer.";
    UserRead                "user:read"                 User    reads  [Admin] [] "See a user's record.";
    UserUpdate              "user:update"               User    writes [Admin] [] "Change a user's names.";
    UserUpdateEmail         "user:update_email"         User    writes [Admin] [] "Change a user's address, by which invitations find people.";
    UserUpdateRole          "user:update_role"          User    writes [Admin] [] "Change a user's organization role.";
    UserUpdateSeat          "user:update_seat"          User    writes [Admin] [] "Change a user's seats.";
    UserUpdateMembership    "user:update_membership"    User    writes [Admin] [] "Suspend a user in the organization, and remove one from it.";
    UserDeactivate          "user:deactivate"           User    writes [Admin] [] "Deactivate a user.";
    UserReactivate          "user:reactivate"           User    writes [Admin] [] "Reactivate a user.";
    UserDelete              "user:permanently_delete"   User    writes [Admin] [] "Delete a user for good.";
    UserSetPassword         "user:set_password"         User    writes [] [] "Set one's own password.";
    UserSetFactor           "user:set_second_factor"    User    writes [] [] "Add and remove one's own passkeys and one-time codes.";
    UserLogin               "user:login"                User    writes [] [] "Sign in to the console.";
    UserExchangeToken       "user:exchange_token"       User    writes [] [] "Exchange a token of a trusted issuer for an access token of one's own.";
    SessionRead             "session:read"              User    reads  [Admin] [] "See a user's sessions.";
    SessionRevoke           "session:revoke"            User    writes [Admin] [] "End a user's sessions.";
    ApiKeyRead              "api_key:read"              User    reads  [Admin] [] "See a user's keys, without their secrets.";
    ApiKeyCreate            "user:create_api_key"       User    writes [] [] "Create an API key.";
    ApiKeyDelete            "user:delete_api_key"       User    writes [Admin] [] "Revoke an API key.";
    TeamRead                "team:read"                 Entity  reads  [Admin] [Admin Member Viewer Service] "See a team's record and its members.";
    TeamUpdate              "team:update"               Entity  writes [Admin] [Admin] "Change a team's settings.";
    TeamDelete              "team:delete"               Entity  writes [Admin] [] "Delete a team.";
    TeamJoin                "team:join"                 Entity  writes [Admin] [] "Add oneself to a team.";
    TeamInviteUser          "team:invite_user"          Entity  writes [Admin] [Admin] "Add or invite members.";
    TeamUninvite            "team:uninvite"             Entity  writes [Admin] [Admin] "Remove members and invitations.";
    TeamUpdateMember        "team:update_member"        Entity  writes [Admin] [Admin] "Change a member's team role.";
    TeamCreateService       "team:create_service_account" Entity writes [Admin] [Admin] "Create a service account of the team.";
    SecretRead              "secret:read"               Entity  reads  [] [Admin] "See the names of a team's secrets.";
    SecretUpdate            "secret:update"             Entity  writes [] [Admin] "Set and remove a team's secrets.";
    ProjectCreate           "project:create"            Entity  writes [] [Admin Member Service] "Create a project.";
    ProjectRead             "project:read"              Project reads  [] [Admin Member Viewer Service] "See a project.";
    ProjectUpdate           "project:update"            Project writes [] [Admin] "Change a project's name and description.";
    ProjectDelete           "project:delete"            Project writes [] [Admin] "Delete a project.";
    ProjectUpdateVisibility "project:update_visibility" Project writes [Admin] [Admin] "Change who can reach a project.";
    ProjectUpdateMember     "project:update_member"     Project writes [] [Admin] "Choose a project's members and their project roles.";
    ProjectUpdateOwner      "project:update_owner"      Project writes [] [Admin] "Give a project another owner.";
    ProjectJoin             "project:join"              Project writes [] [Admin] "Join a restricted project of one's team.";
    ProjectMoveRunsIn       "project:move_runs_in"      Project writes [] [Admin Member Service] "Move runs into a project.";
    RunRead                 "run:read"                  Project reads  [] [Admin Member Viewer Service] "See runs.";
    RunCreate               "run:create"                Project writes [] [Admin Member Service] "Submit runs.";
    RunUpdate               "run:update"                Project writes [] [Admin Member Service] "Change runs.";
    RunStop                 "run:stop"                  Project writes [] [Admin] "Stop anybody's runs.";
    RunDelete               "run:delete"                Project writes [] [Admin] "Delete anybody's runs.";
    RunUndelete             "run:undelete"              Project writes [] [Admin] "Bring back anybody's runs.";
    RunMove                 "run:move"                  Project writes [] [Admin] "Move anybody's runs.";
    ArtifactRead            "artifact:read"             Project reads  [] [Admin Member Viewer Service] "See artifacts.";
    ArtifactDownload        "artifact:download"         Project reads  [] [Admin Member Viewer Service] "Download artifacts.";
    ArtifactCreate          "artifact:create"           Project writes [] [Admin Member Service] "Create artifacts.";
    ArtifactUpdate          "artifact:update"           Project writes [] [Admin Member Service] "Change artifacts.";
    ArtifactDelete          "artifact:delete"           Project writes [] [Admin Member Service] "Delete artifacts.";
    ReportRead              "report:read"               Project reads  [] [Admin Member Viewer Service] "See reports.";
    ReportComment           "report:comment"            Project writes [] [Admin Member Viewer Service] "Comment on reports.";
    ReportCreate            "report:create"             Project writes [] [Admin Member Service] "Create reports.";
    ReportUpdate            "report:update"             Project writes [] [Admin] "Change anybody's reports.";
    ReportDelete            "report:delete"             Project writes [] [Admin] "Delete anybody's reports.";
    WorkspaceRead           "workspace:read"            Project reads  [] [Admin Member Viewer Service] "See workspaces.";
    WorkspaceUpdate         "workspace:update"          Project writes [] [Admin Member Service] "Change workspaces.";
    SweepRead               "sweep:read"                Project reads  [] [Admin Member Viewer Service] "See sweeps.";
    SweepCreate             "sweep:create"              Project writes [] [Admin Member Service] "Create sweeps.";
    SweepUpdate             "sweep:update"              Project writes [] [Admin Member Service] "Change sweeps.";
    SweepDelete             "sweep:delete"              Project writes [] [Admin] "Delete anybody's sweeps.";
    SweepCreateAgent        "sweep:create_agent"        Project writes [] [Admin Member Service] "Run sweep agents.";
    AliasUpdate             "artifactalias:update"      Project writes [] [Admin Member Service] "Set aliases of artifacts.";
    AliasDelete             "artifactalias:delete"      Project writes [] [Admin Member Service] "Remove aliases of artifacts.";
    LaunchAgentRead         "launchagent:read"          Project reads  [] [Admin Member Viewer Service] "See launch agents.";
    LaunchAgentCreate       "launchagent:create"        Project writes [] [Admin Member Service] "Run launch agents.";
    LaunchAgentDelete       "launchagent:delete"        Project writes [] [Admin] "Remove launch agents.";
    LaunchQueueRead         "launchqueue:read"          Project reads  [] [Admin Member Viewer Service] "See launch queues.";
    LaunchQueueCreate       "launchqueue:create"        Project writes [] [Admin] "Create launch queues.";
    LaunchQueueUpdate       "launchqueue:update"        Project writes [] [Admin] "Change launch queues.";
    LaunchQueueDelete       "launchqueue:delete"        Project writes [] [Admin] "Delete launch queues.";
    LaunchJobRead           "launchjob:read"            Project reads  [] [Admin Member Viewer Service] "See launch jobs.";
    LaunchJobCreate         "launchjob:create"          Project writes [] [Admin Member Service] "Submit launch jobs.";
    LaunchJobUpdate         "launchjob:update"          Project writes [] [Admin Member Service] "Change launch jobs.";
    LaunchJobDelete         "launchjob:delete"          Project writes [] [Admin] "Delete launch jobs.";
    RegistryRead            "registry:read"             Project reads  [] [Admin Member Viewer Service] "See registries.";
    RegistryUpdate          "registry:update"           Project writes [] [Admin Member Service] "Link models to registries.";
    RegistryDelete          "registry:delete"           Project writes [] [Admin] "Delete registries.";
    RegistryProtectAlias    "registry:protectalias"     Project writes [] [Admin] "Protect aliases of registries.";
    AutomationRead          "automation:read"           Project reads  [] [Admin Member Viewer Service] "See automations.";
    AutomationCreate        "automation:create"         Project writes [] [Admin Member Service] "Create automations.";
    AutomationUpdate        "automation:update"         Project writes [] [Admin Member Service] "Change automations.";
    AutomationDelete        "automation:delete"         Project writes [] [Admin] "Delete automations.";
    WeaveRead               "weave:read"                Project reads  [] [Admin Member Viewer Service] "See traces and evaluations.";
    WeaveCreate             "weave:create"              Project writes [] [Admin Member Service] "Record traces and evaluations.";
    WeaveUpdate             "weave:update"              Project writes [] [Admin Member Service] "Change traces and evaluations.";
    WeaveDelete             "weave:delete"              Project writes [] [Admin] "Delete traces and evaluations.";
}

impl Action {
    /// Reads `object:operation`, exactly.
    pub fn parse(text: &str) -> Result<Self> {
        Action::ALL.iter().copied().find(|a| a.as_str() == text).ok_or_else(|| {
            Error::invalid("That action is not in the catalogue. Actions look like project:read or user:create.")
                .hint("The manual lists them all.")
        })
    }

    /// Whether a person holds it on themselves, as long as they are active.
    pub fn is_for_oneself(self) -> bool {
        matches!(
            self,
            Action::UserRead
                | Action::UserUpdate
                | Action::UserSetPassword
                | Action::UserSetFactor
                | Action::UserLogin
                | Action::UserExchangeToken
                | Action::SessionRead
                | Action::SessionRevoke
                | Action::ApiKeyRead
                | Action::ApiKeyCreate
                | Action::ApiKeyDelete
        )
    }

    /// Whether it is about the account itself, wherever it belongs: an admin of one of several organizations does not hold it.
    pub fn is_about_account(self) -> bool {
        matches!(
            self,
            Action::UserUpdate
                | Action::UserUpdateEmail
                | Action::UserDeactivate
                | Action::UserReactivate
                | Action::UserDelete
                | Action::SessionRead
                | Action::SessionRevoke
                | Action::ApiKeyRead
                | Action::ApiKeyDelete
        )
    }

    /// Whether those who manage a service account hold it on that account.
    pub fn is_for_services(self) -> bool {
        matches!(
            self,
            Action::UserRead | Action::UserUpdate | Action::ApiKeyRead | Action::ApiKeyCreate | Action::ApiKeyDelete
        )
    }

    /// Whether a provisioning connection holds it: people, teams, members and roles, and nothing that gives a way in.
    pub fn is_for_provisioning(self) -> bool {
        matches!(
            self,
            Action::OrganizationRead
                | Action::UserList
                | Action::UserCreate
                | Action::UserRead
                | Action::UserUpdate
                | Action::UserUpdateEmail
                | Action::UserUpdateRole
                | Action::UserUpdateSeat
                | Action::UserUpdateMembership
                | Action::UserDeactivate
                | Action::UserReactivate
                | Action::UserDelete
                | Action::RoleRead
                | Action::RoleCreate
                | Action::RoleUpdate
                | Action::RoleDelete
                | Action::TeamList
                | Action::TeamCreate
                | Action::TeamRead
                | Action::TeamUpdate
                | Action::TeamDelete
                | Action::TeamInviteUser
                | Action::TeamUninvite
                | Action::TeamUpdateMember
        )
    }

    /// Whether everyone signed in holds it on a public or open project.
    pub fn is_public_reading(self) -> bool {
        self.level() == Level::Project && !self.writes()
    }

    /// Whether everyone signed in who may write at all holds it on an open project: what submitting a run takes. Changing a
    /// run takes having submitted it; see [`Self::is_for_submitter`].
    pub fn is_open_submitting(self) -> bool {
        matches!(
            self,
            Action::RunCreate
                | Action::ArtifactCreate
                | Action::ReportCreate
                | Action::ReportComment
                | Action::SweepCreateAgent
                | Action::WeaveCreate
        )
    }

    /// Whether whoever submitted a run holds it on that run wherever they may submit at all ("own only" in the documents'
    /// permission table; it stays with them when the run is moved).
    pub fn is_for_submitter(self) -> bool {
        matches!(self, Action::RunUpdate | Action::RunStop | Action::RunDelete | Action::RunUndelete | Action::RunMove)
    }

    /// Whether a project's owner holds it on that project, whatever their role in the team, as long as it is not view-only.
    pub fn is_for_owner(self) -> bool {
        matches!(
            self,
            Action::ProjectUpdate
                | Action::ProjectUpdateVisibility
                | Action::ProjectUpdateMember
                | Action::ProjectUpdateOwner
        )
    }

    /// Which seat it takes; none for what is not a product's data.
    pub fn product(self) -> Option<Product> {
        let (object, _) = self.as_str().split_once(':')?;
        match (self.level(), object) {
            (Level::Org | Level::User, _) | (_, "team" | "secret") => None,
            (_, "project") => Some(Product::Either),
            (_, "weave") => Some(Product::Weave),
            _ => Some(Product::Models),
        }
    }

    /// Whether a reading seat is too little for it although it changes nothing here: it takes data away.
    pub fn exports(self) -> bool {
        self == Action::ArtifactDownload
    }

    /// Whether a custom role can hold it: whatever some team role holds.
    pub fn is_assignable(self) -> bool {
        !self.team_roles().is_empty()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn every_action_has_a_unique_name_of_the_grammar() {
        let mut names: Vec<_> = Action::ALL.iter().map(|a| a.as_str()).collect();
        for action in Action::ALL {
            let (object, operation) = action.as_str().split_once(':').unwrap();
            assert!(object.bytes().all(|b| b.is_ascii_lowercase() || b == b'_') && !operation.is_empty());
            assert_eq!(Action::parse(action.as_str()).unwrap(), *action);
        }
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Action::ALL.len());
        assert!(Action::parse("project:Read").is_err());
    }

    #[test]
    fn view_only_never_holds_a_write_but_comments() {
        for action in Action::ALL {
            if action.writes() && *action != Action::ReportComment {
                assert!(!action.team_roles().contains(&TeamRole::Viewer), "{}", action.as_str());
            }
        }
    }

    #[test]
    fn roles_read_the_documents_synonyms() {
        assert_eq!(OrgRole::parse("ADMIN").unwrap(), OrgRole::Admin);
        assert_eq!(TeamRole::parse("View-Only").unwrap(), TeamRole::Viewer);
        assert!(TeamRole::parse("service").is_err());
    }
}
