//! Roles and the catalogue of actions: one table says, per `object:operation`, where it applies, whether it changes anything,
//! and which predefined roles hold it (mission document, "Roles" and the permission table of its facts).
//! Permissions are derived from roles when a decision is made; they are never stored per person.

use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};

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
        }
    }

    /// Reads a person's role or one of the documents' synonyms, in any case. `service` is not assignable.
    pub fn parse(text: &str) -> Result<Self> {
        Ok(match text.trim().to_ascii_lowercase().as_str() {
            "admin" | "administrator" => TeamRole::Admin,
            "member" => TeamRole::Member,
            "viewer" | "view-only" | "view only" => TeamRole::Viewer,
            _ => return Err(Error::invalid("A team role is admin, member or viewer.")),
        })
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
    UserList                "user:list"                 Org     reads  [Admin] [] "List and search all users.";
    UserCreate              "user:create"               Org     writes [Admin] [] "Create a user.";
    TeamList                "team:list"                 Org     reads  [Admin] [] "List all teams, also those one is not in.";
    TeamCreate              "team:create"               Org     writes [Admin] [] "Create a team.";
    AuditRead               "audit:read"                Org     reads  [Admin] [] "Read the audit log.";
    SettingRead             "setting:read"              Org     reads  [Admin] [] "See settings and where their values come from.";
    SettingUpdate           "setting:update"            Org     writes [Admin] [] "Change settings.";
    DecisionEvaluate        "decision:evaluate"         Org     reads  [Admin] [] "Ask for the decision about somebody else.";
    UserRead                "user:read"                 User    reads  [Admin] [] "See a user's record.";
    UserUpdate              "user:update"               User    writes [Admin] [] "Change a user's names.";
    UserUpdateEmail         "user:update_email"         User    writes [Admin] [] "Change a user's address, by which invitations find people.";
    UserUpdateRole          "user:update_role"          User    writes [Admin] [] "Change a user's organization role.";
    UserDeactivate          "user:deactivate"           User    writes [Admin] [] "Deactivate a user.";
    UserReactivate          "user:reactivate"           User    writes [Admin] [] "Reactivate a user.";
    UserDelete              "user:permanently_delete"   User    writes [Admin] [] "Delete a user for good.";
    UserSetPassword         "user:set_password"         User    writes [] [] "Set one's own password.";
    UserLogin               "user:login"                User    writes [] [] "Sign in to the console.";
    SessionRead             "session:read"              User    reads  [Admin] [] "See a user's sessions.";
    SessionRevoke           "session:revoke"            User    writes [Admin] [] "End a user's sessions.";
    ApiKeyRead              "api_key:read"              User    reads  [Admin] [] "See a user's keys, without their secrets.";
    ApiKeyCreate            "user:create_api_key"       User    writes [] [] "Create an API key.";
    ApiKeyDelete            "user:delete_api_key"       User    writes [Admin] [] "Revoke an API key.";
    TeamRead                "team:read"                 Entity  reads  [Admin] [Admin Member Viewer Service] "See a team's record and its members.";
    TeamUpdate              "team:update"               Entity  writes [Admin] [Admin] "Change a team's settings.";
    TeamDelete              "team:delete"               Entity  writes [Admin] [] "Delete a team.";
    TeamInviteUser          "team:invite_user"          Entity  writes [Admin] [Admin] "Add or invite members.";
    TeamUninvite            "team:uninvite"             Entity  writes [Admin] [Admin] "Remove members and invitations.";
    TeamUpdateMember        "team:update_member"        Entity  writes [Admin] [Admin] "Change a member's team role.";
    TeamCreateService       "team:create_service_account" Entity writes [Admin] [Admin] "Create a service account of the team.";
    ProjectCreate           "project:create"            Entity  writes [] [Admin Member Service] "Create a project.";
    ProjectRead             "project:read"              Project reads  [] [Admin Member Viewer Service] "See a project.";
    ProjectUpdate           "project:update"            Project writes [] [Admin] "Change a project's name and description.";
    ProjectDelete           "project:delete"            Project writes [] [Admin] "Delete a project.";
    ProjectUpdateVisibility "project:update_visibility" Project writes [Admin] [Admin] "Change who can reach a project.";
    ProjectUpdateMember     "project:update_member"     Project writes [] [Admin] "Invite to and remove from a restricted project.";
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
                | Action::UserLogin
                | Action::SessionRead
                | Action::SessionRevoke
                | Action::ApiKeyRead
                | Action::ApiKeyCreate
                | Action::ApiKeyDelete
        )
    }

    /// Whether everyone signed in holds it on a public or open project.
    pub fn is_public_reading(self) -> bool {
        self.level() == Level::Project && !self.writes()
    }

    /// Whether everyone signed in who may write at all holds it on an open project: what submitting a run takes.
    pub fn is_open_submitting(self) -> bool {
        matches!(
            self,
            Action::RunCreate
                | Action::RunUpdate
                | Action::ArtifactCreate
                | Action::ReportCreate
                | Action::ReportComment
                | Action::SweepCreateAgent
        )
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
