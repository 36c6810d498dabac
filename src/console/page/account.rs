//! My account: keys, sessions, password. A key's secret is shown on the one page that follows its creation.

use super::frame::Frame;
use super::keys::KeyForm;
use super::parts::{Choice, Field, Mark, Stamp, Tab};
use askama::Template;

/// One API key, never its secret.
#[derive(Debug, Clone)]
pub struct KeyRow {
    /// The public part, by which it is revoked.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Created.
    pub created: Stamp,
    /// When it was last used.
    pub used: Stamp,
    /// When it ends.
    pub expires: Stamp,
    /// Whether it still works.
    pub state: Mark,
    /// Where it counts and from where it is accepted, in words; empty for everywhere.
    pub narrowed: String,
    /// Whether it can have a successor.
    pub can_replace: bool,
}

/// One browser session.
#[derive(Debug, Clone)]
pub struct SessionRow {
    /// Its public handle, by which it is revoked.
    pub id: String,
    /// Browser and system, in words.
    pub agent: String,
    /// From which address.
    pub ip: String,
    /// Signed in.
    pub created: Stamp,
    /// Last seen.
    pub seen: Stamp,
    /// When it ends.
    pub expires: Stamp,
    /// Whether it is the one this page was asked with.
    pub current: bool,
}

/// One identity at the company's provider or directory.
#[derive(Debug, Clone)]
pub struct IdentityRow {
    /// The connection, by which it is removed.
    pub connection: String,
    /// The provider's id of the person.
    pub subject: String,
    /// Linked.
    pub linked: Stamp,
    /// When it was last used.
    pub used: Stamp,
    /// Teams that its groups gave, with the attribute that did.
    pub teams: Vec<(String, String)>,
}

/// My account, one tab of it.
#[derive(Debug, Template)]
#[template(path = "account.html")]
pub struct Account {
    /// The page's frame.
    pub frame: Frame,
    /// The unique name.
    pub username: String,
    /// The display name.
    pub name: String,
    /// All e-mails.
    pub emails: Vec<String>,
    /// Role in the organization.
    pub role: Mark,
    /// The reasons behind it.
    pub role_why: String,
    /// Member of these teams.
    pub teams: Vec<(String, Mark)>,
    /// The tabs.
    pub tabs: Vec<Tab>,
    /// `profile`, `keys` or `password`.
    pub tab: &'static str,
    /// Keys.
    pub keys: Vec<KeyRow>,
    /// A key that is shown once: its name and itself.
    pub new_key: Option<(String, String)>,
    /// Signs the client in.
    pub login: String,
    /// Sessions.
    pub sessions: Vec<SessionRow>,
    /// Identities elsewhere.
    pub identities: Vec<IdentityRow>,
    /// Whether another can be linked: people sign in with OpenID Connect.
    pub can_link: bool,
    /// The tab's form.
    pub fields: Vec<Field>,
    /// What that form is made from.
    pub seen: Vec<(String, String)>,
    /// The teams that runs may go to which name none; the first is the personal namespace.
    pub default_teams: Vec<Choice>,
    /// The default organization.
    pub default_org: String,
    /// What creates a key.
    pub key_form: KeyForm,
    /// What went wrong.
    pub problem: String,
}
