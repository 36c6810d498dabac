//! Mail that is due: what it is about, to whom, and how far it came. The text is written when it is sent, from what is true
//! then; only the secret of its link is kept, sealed, until the server took it.

use super::{InviteId, MailId, OrgId};
use crate::clock::Millis;
use serde::{Deserialize, Serialize};

/// What a mail is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Letter {
    /// An invitation with its link.
    Invitation(InviteId),
    /// The link that proves an address at sign-up.
    SignUp,
}

/// How far a mail came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MailState {
    /// It is due, or will be tried again.
    Waiting,
    /// The mail server took it.
    Sent,
    /// The mail server refused it for good.
    Refused,
    /// It was tried for long enough.
    GivenUp,
    /// It is about something that is gone.
    Void,
}

impl MailState {
    /// The word in the store and on pages.
    pub fn as_str(self) -> &'static str {
        match self {
            MailState::Waiting => "waiting",
            MailState::Sent => "sent",
            MailState::Refused => "refused",
            MailState::GivenUp => "given up",
            MailState::Void => "void",
        }
    }
}

/// A mail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mail {
    /// Permanent.
    pub id: MailId,
    /// On behalf of which organization.
    pub org: OrgId,
    /// To whom.
    pub to: String,
    /// About what.
    pub letter: Letter,
    /// The secret of its link, sealed, base64; empty once it is not needed any more.
    pub secret: String,
    /// How far it came.
    pub state: MailState,
    /// How often it was tried.
    pub tries: u32,
    /// When it is tried next, while it waits; else when it was settled.
    pub at: Millis,
    /// Since when.
    pub created_at: Millis,
    /// What the mail server said last, or why it could not be asked; may be empty.
    pub answer: String,
}
