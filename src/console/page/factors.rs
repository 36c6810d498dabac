//! Second factors of one's account: what there is, the app being set, and recovery codes, which are shown once.

use super::frame::Frame;
use super::parts::{Field, Stamp, Tab};
use askama::Template;

/// One passkey.
#[derive(Debug, Clone)]
pub struct PasskeyRow {
    /// By which it is removed.
    pub id: String,
    /// What its owner calls it.
    pub name: String,
    /// Added.
    pub created: Stamp,
    /// When it was used last.
    pub used: Stamp,
}

/// The tab of one's account.
#[derive(Debug, Template)]
#[template(path = "factors.html")]
pub struct Factors {
    /// The page's frame.
    pub frame: Frame,
    /// The unique name.
    pub username: String,
    /// The tabs.
    pub tabs: Vec<Tab>,
    /// Passkeys.
    pub passkeys: Vec<PasskeyRow>,
    /// Whether browsers offer passkeys at this address.
    pub offered: bool,
    /// The app: when it was added, and used last.
    pub app: Option<(Stamp, Stamp)>,
    /// How many recovery codes are left.
    pub recovery: usize,
    /// Whether there is a password to prove oneself by.
    pub has_password: bool,
    /// What went wrong.
    pub problem: String,
}

impl Factors {
    /// What proves that it is the person who asks.
    #[must_use]
    pub fn proof(&self) -> &'static str {
        if self.app.is_some() { "Current password, or a code of the app" } else { "Current password" }
    }
}

/// A square code as one path of an SVG.
#[derive(Debug)]
pub struct Square {
    /// Its width and height in modules, with the quiet border.
    pub size: i32,
    /// Its dark modules.
    pub path: String,
}

/// The app for codes, while its first code is awaited.
#[derive(Debug, Template)]
#[template(path = "factors_app.html")]
pub struct NewApp {
    /// The page's frame.
    pub frame: Frame,
    /// The secret in groups, to type.
    pub secret: String,
    /// The address that holds it.
    pub address: String,
    /// The address to scan; none where it is too long.
    pub square: Option<Square>,
    /// The first code.
    pub field: Field,
}

/// Recovery codes, once.
#[derive(Debug, Template)]
#[template(path = "factors_recovery.html")]
pub struct Recovery {
    /// The page's frame.
    pub frame: Frame,
    /// What was just done.
    pub done: &'static str,
    /// The codes.
    pub codes: Vec<String>,
}
