//! Plain data and the rules that need nothing but the data itself: ids, names, users, teams, projects, roles, credentials,
//! sessions, audit events. No input or output, no clock, no store. Next: `role` for what each role may do, `user` for who.

pub mod audit;
pub mod credential;
pub mod domain;
pub mod factor;
pub mod federation;
pub mod identity;
pub mod invitation;
pub mod mail;
pub mod name;
pub mod profile;
pub mod project;
pub mod provisioning;
pub mod role;
pub mod run;
pub mod session;
pub mod team;
pub mod user;

use base64::Engine as _;
use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! ids {
    ($($name:ident $label:literal $doc:literal;)*) => {$(
        #[doc = $doc]
        /// A number from a sequence of the store, never used twice.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($label, ":{}"), self.0)
            }
        }

        impl $name {
            /// The opaque form on the wire: base64 of `Label:number`, as the wandb SDK takes apart for users and teams.
            pub fn global(self) -> String {
                base64::engine::general_purpose::STANDARD.encode(self.to_string())
            }

            /// Reads [`Self::global`] back; `None` for anything else.
            pub fn from_global(text: &str) -> Option<Self> {
                let bytes = base64::engine::general_purpose::STANDARD.decode(text).ok()?;
                let number = std::str::from_utf8(&bytes).ok()?.strip_prefix(concat!($label, ":"))?;
                // One id, one spelling: no sign, no zeros in front.
                number.parse().ok().map($name).filter(|id| id.0.to_string() == number)
            }
        }
    )*};
}

ids! {
    OrgId "Organization" "An organization, the root scope.";
    UserId "User" "A person or a service account. Shares its sequence with teams, so no number names both.";
    TeamId "Entity" "A team. Shares its sequence with users.";
    ProjectId "Project" "A project.";
    InviteId "Invite" "A pending invitation.";
    MailId "Mail" "A mail that is due or was sent.";
    RunId "Run" "A run, inside a project.";
    RoleId "Role" "A custom role of an organization.";
    HoldId "Hold" "Changes of a directory that are held back together.";
    IssuerId "Issuer" "An issuer of tokens that an organization trusts.";
}

/// What owns projects and stands first in a path: a team, or a person's own namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Entity {
    /// A team.
    Team(TeamId),
    /// The personal namespace of a user, named as the user.
    Person(UserId),
}

impl Entity {
    /// The number, unique over teams and users.
    pub fn number(self) -> u64 {
        match self {
            Entity::Team(id) => id.0,
            Entity::Person(id) => id.0,
        }
    }

    /// The opaque form on the wire; users' namespaces are entities there too.
    pub fn global(self) -> String {
        TeamId(self.number()).global()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn global_ids_are_base64_of_label_and_number() {
        assert_eq!(UserId(7).global(), "VXNlcjo3");
        assert_eq!(UserId::from_global("VXNlcjo3"), Some(UserId(7)));
        assert_eq!(TeamId::from_global("VXNlcjo3"), None);
        for bad in ["not base64", "VXNlcjowNw==", "VXNlcjorNw==", "VXNlcjo="] {
            assert_eq!(UserId::from_global(bad), None, "{bad}");
        }
    }
}
