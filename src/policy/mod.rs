//! The access decision: pure, total, deny by default, and it explains itself.
//!
//! Three people make the whole model clear. *Ana* has the organization role admin, *Ben* is a member of team acme with the
//! team role member, *Cleo* is in the organization and in no team. Project acme/fusion has the visibility team.
//!
//! - Ben reads fusion: he is active, he is in the team, the role member holds `project:read`. Allowed.
//! - Cleo reads fusion: she is active, she is not in the team, and visibility team opens nothing to her. Denied and *hidden*:
//!   she could not otherwise learn the name, so it looks like absence (404).
//! - Ana reads fusion: organization admins manage people, they do not read what is inside a team. Denied but visible: she may
//!   add herself to the team, which is audited.
//! - Fusion becomes restricted: Ben's team role is not consulted any more until he is invited.
//! - Ben gets the project role admin in fusion: there, and only there, his project role counts instead of his team role. A
//!   view-only member of the team stays view-only whatever a project says.
//! - Ana gives Ben the Models seat viewer: whatever his roles hold, he changes no product data any more.
//! - Ben wants to give Cleo the role admin: nobody gives a permission they lack there themselves ([`decide_giving`]).
//! - Ana deactivates Ben: the first rule that is asked says no, everywhere, at his next request.
//!
//! [`facts::load`] gathers what could matter from one snapshot, [`rules::decide`] is ordinary code over that plain struct in
//! the order in which a person would explain it, and every rule consulted is pushed on the chain, so *why* and *whether*
//! cannot drift. The chain is what the audit event, the denial, `bailiwick explain` and the "why?" page show.

pub mod decision;
pub mod facts;
pub mod rules;

#[cfg(test)]
mod tests;

pub use decision::{Decision, Step};
pub use facts::{Facts, Held, Inside, Inviting, Switches, What, Who};
pub use rules::{decide, decide_giving};

use crate::clock::Millis;
use crate::model::credential::{KeyPlace, KeyScope};
use crate::model::federation::AccessToken;
use crate::model::{Entity, OrgId, ProjectId, RunId, UserId};

/// A part of the server itself that acts, each with rules of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Process {
    /// The command line on the machine itself: whoever owns the data directory may do everything.
    Shell,
    /// The holder of the one-use setup link, who makes the first administrator and nothing else.
    Setup,
    /// The company's identity provider or directory, as far as it says who people are and which teams they are in.
    Company,
    /// Somebody without an account who holds an invitation's link or proved an address at sign-up, and makes their own.
    Newcomer,
}

impl Process {
    /// The name in events and chains.
    pub fn as_str(self) -> &'static str {
        match self {
            Process::Shell => "shell",
            Process::Setup => "setup",
            Process::Company => "company sign-in",
            Process::Newcomer => "newcomer",
        }
    }
}

/// Who is asking. Made by authentication only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Actor {
    /// Nobody known.
    Anonymous,
    /// A part of the server.
    Process(Process),
    /// A person or a service account.
    User(UserId),
}

/// By what the asker proved to be who they are.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Credential {
    /// By nothing.
    None,
    /// By standing on the machine.
    Shell,
    /// By a browser session: its public short name, and the organization it was switched to.
    Session(String, Option<OrgId>),
    /// By an API key; its public id and what it is for.
    Key(String, KeyScope),
    /// By an access token that a token of a trusted issuer was exchanged for.
    Token {
        /// Hexadecimal SHA-256 of it.
        hash: String,
        /// Until when it is good.
        until: Millis,
        /// The one organization it is good in.
        org: OrgId,
    },
}

impl Credential {
    /// How far it reaches.
    pub fn scope(&self) -> KeyScope {
        match self {
            Credential::Key(_, scope) => *scope,
            Credential::Token { org, .. } => KeyScope::Within { place: KeyPlace::Org(*org), reads_only: false },
            Credential::None | Credential::Shell | Credential::Session(..) => KeyScope::Full,
        }
    }

    /// As it stands in events: `session 1a2b…`, `key Ab3…`, `token 1a2b…`, `shell`, or empty.
    pub fn label(&self) -> String {
        match self {
            Credential::None => String::new(),
            Credential::Shell => "shell".to_owned(),
            Credential::Session(handle, _) => format!("session {handle}"),
            Credential::Key(id, _) => format!("key {id}"),
            Credential::Token { hash, .. } => format!("token {}", AccessToken::handle(hash)),
        }
    }
}

/// Actor and credential together.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Subject {
    /// Who.
    pub actor: Actor,
    /// By what.
    pub credential: Credential,
}

impl Subject {
    /// Nobody known.
    pub fn anonymous() -> Self {
        Subject { actor: Actor::Anonymous, credential: Credential::None }
    }

    /// A part of the server.
    pub fn process(process: Process) -> Self {
        let credential = if process == Process::Shell { Credential::Shell } else { Credential::None };
        Subject { actor: Actor::Process(process), credential }
    }

    /// The user, if it is one.
    pub fn user(&self) -> Option<UserId> {
        match self.actor {
            Actor::User(id) => Some(id),
            _ => None,
        }
    }
}

/// What is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Resource {
    /// An organization.
    Org(OrgId),
    /// A person or a service account.
    User(UserId),
    /// A team or a personal namespace.
    Entity(Entity),
    /// A project.
    Project(ProjectId),
    /// A run of a project: what the project's rules say, and what its submitter may do besides.
    Run(RunId),
}
