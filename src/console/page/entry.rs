//! Pages before sign-in: setup, sign-in, and the error page in both its frames. They say nothing about who exists.

use super::frame::Frame;
use super::parts::Field;
use askama::Template;

/// The sign-in form.
#[derive(Debug, Template)]
#[template(path = "sign_in.html")]
pub struct SignIn {
    /// The page's frame.
    pub frame: Frame,
    /// Name or e-mail, and password.
    pub fields: Vec<Field>,
    /// What went wrong; the same words whatever the cause.
    pub problem: String,
    /// Where to go afterwards: a path on this server.
    pub next: String,
    /// What just happened: "You are signed out."
    pub notice: String,
    /// Whether nobody exists yet, so that nobody can sign in.
    pub is_empty: bool,
    /// Whether browsers offer passkeys at this address.
    pub passkeys: bool,
    /// Where signing in by the company's provider begins; empty where that is not set up.
    pub company: String,
    /// Whether the form is shown: not where the provider is the way in.
    pub form: bool,
}

/// The second step of signing in.
#[derive(Debug, Template)]
#[template(path = "second.html")]
pub struct Second {
    /// The page's frame.
    pub frame: Frame,
    /// The code of an app, or a recovery code; none where the account has neither.
    pub field: Option<Field>,
    /// Whether a passkey will do.
    pub passkey: bool,
    /// What went wrong.
    pub problem: String,
    /// Where to go afterwards: a path on this server.
    pub next: String,
}

/// A sign-in by the company's provider that did not work, and the ways on.
#[derive(Debug, Template)]
#[template(path = "not_signed_in.html")]
pub struct NotSignedIn {
    /// The page's frame.
    pub frame: Frame,
    /// What happened.
    pub detail: String,
    /// What to do; may be empty.
    pub hint: String,
    /// Where to begin again.
    pub again: String,
    /// Id to look for in the log.
    pub request_id: String,
}

/// Leads to another site by itself.
#[derive(Debug, Template)]
#[template(path = "leave.html")]
pub struct Leave {
    /// The page's frame.
    pub frame: Frame,
    /// What is going on.
    pub title: String,
    /// Where to.
    pub url: String,
}

/// Asks whether to sign out, where another site led here.
#[derive(Debug, Template)]
#[template(path = "sign_out.html")]
pub struct SignOut {
    /// The page's frame.
    pub frame: Frame,
    /// Who is signed in.
    pub username: String,
}

/// The first person makes the organization's first admin.
#[derive(Debug, Template)]
#[template(path = "setup.html")]
pub struct Setup {
    /// The page's frame.
    pub frame: Frame,
    /// The one-use code from the link.
    pub code: String,
    /// The organization's name.
    pub org: Field,
    /// Username, e-mail, name, password.
    pub fields: Vec<Field>,
    /// What went wrong.
    pub problem: String,
}

/// What setup made, shown once at the end.
#[derive(Debug, Template)]
#[template(path = "setup_done.html")]
pub struct SetupDone {
    /// The page's frame.
    pub frame: Frame,
    /// The organization's name.
    pub org: String,
    /// The admin's username.
    pub username: String,
    /// The admin's e-mail.
    pub email: String,
    /// Line to paste: signs the client in.
    pub login: String,
}

/// What went wrong, why, and what to do next, with the request id.
#[derive(Debug, Template)]
#[template(path = "error.html")]
pub struct ErrorPage {
    /// The page's frame.
    pub frame: Frame,
    /// The HTTP status.
    pub status: u16,
    /// "You may not do that".
    pub title: String,
    /// What happened and why.
    pub detail: String,
    /// What to do next; may be empty.
    pub hint: String,
    /// Id to look for in the log.
    pub request_id: String,
    /// Where the whole reason chain is explained; may be empty.
    pub why: String,
    /// Whether to offer signing in.
    pub offer_sign_in: bool,
}
