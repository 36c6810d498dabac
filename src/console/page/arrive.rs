//! Pages of people who have no account yet: an invitation, and signing up.

use super::frame::Frame;
use super::parts::{Choice, Field, Stamp};
use askama::Template;

/// An invitation behind its link.
#[derive(Debug, Template)]
#[template(path = "invitation.html")]
pub struct Invitation {
    /// The page's frame.
    pub frame: Frame,
    /// The one-use code from the link.
    pub code: String,
    /// "Ana invites you to the team acme".
    pub title: String,
    /// The invited address.
    pub email: String,
    /// What it gives, line by line.
    pub gives: Vec<String>,
    /// What it does not give any more.
    pub left_out: Vec<String>,
    /// Until which day.
    pub until: Stamp,
    /// Who is signed in; empty for nobody.
    pub me: String,
    /// Whether whoever is signed in is the one who is invited.
    pub is_mine: bool,
    /// Whether an account has the address.
    pub has_account: bool,
    /// Where to sign in and come back; the company's sign-in where people use that.
    pub sign_in: String,
    /// Whether accounts are made by signing in through the company.
    pub company: bool,
    /// Username, name, password.
    pub fields: Vec<Field>,
    /// What went wrong.
    pub problem: String,
}

/// Signing up: the address, or why not.
#[derive(Debug, Template)]
#[template(path = "sign_up.html")]
pub struct SignUp {
    /// The page's frame.
    pub frame: Frame,
    /// Whether people sign up here by themselves.
    pub open: bool,
    /// Whom to ask; may be empty.
    pub contact: String,
    /// The address that was refused or mailed to; empty before.
    pub email: String,
    /// Whether a mail is on its way, as far as anybody is told.
    pub sent: bool,
    /// The address.
    pub field: Field,
    /// What went wrong.
    pub problem: String,
}

/// Signing up once the address is proved.
#[derive(Debug, Template)]
#[template(path = "sign_up_confirm.html")]
pub struct Confirm {
    /// The page's frame.
    pub frame: Frame,
    /// The one-use code from the link.
    pub code: String,
    /// The organization.
    pub org: String,
    /// The proved address.
    pub email: String,
    /// The team one joins anyway; may be empty.
    pub default_team: String,
    /// Further teams to choose from.
    pub teams: Vec<Choice>,
    /// Username, name, password.
    pub fields: Vec<Field>,
    /// What went wrong.
    pub problem: String,
}

/// What stands there after an invitation was declined.
#[derive(Debug, Template)]
#[template(path = "declined.html")]
pub struct Declined {
    /// The page's frame.
    pub frame: Frame,
}
