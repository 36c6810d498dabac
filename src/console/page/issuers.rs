//! The issuers of tokens that the organization trusts: the list, the terms of each, and the bench that tries a token.

use super::frame::Frame;
use super::parts::{Area, Choice, EventLine, Field, Mark, Stamp, Switch};
use crate::model::identity::Check;
use askama::Template;

/// One issuer in the list.
#[derive(Debug)]
pub struct IssuerRow {
    /// Its number, in addresses.
    pub id: u64,
    /// As it was entered.
    pub url: String,
    /// Where its keys come from.
    pub keys: Mark,
    /// The algorithms that are believed.
    pub algorithms: String,
    /// When it was changed last.
    pub changed: Stamp,
}

/// On which terms an issuer is trusted: the same form for a new one and for one that is there.
#[derive(Debug)]
pub struct TermsForm {
    /// Where it posts.
    pub action: String,
    /// What its button says.
    pub button: &'static str,
    /// The issuer; none where it cannot be changed.
    pub url: Option<Field>,
    /// Discovered or pasted.
    pub keys: Vec<Choice>,
    /// The key set that was sent and refused.
    pub jwks: String,
    /// Whether keys were pasted before.
    pub has_jwks: bool,
    /// When pasted keys should be looked at again.
    pub stale: Field,
    /// The algorithms.
    pub algorithms: Vec<Choice>,
    /// Further audiences, and how old a token may be.
    pub fields: Vec<Field>,
    /// By verified address, once.
    pub switches: Vec<Switch>,
    /// Whether the issuer's certificates are by an authority that is pasted.
    pub own_ca: bool,
    /// The authorities that were sent and refused.
    pub ca: String,
    /// Whether authorities were pasted before.
    pub has_ca: bool,
}

/// The list.
#[derive(Debug, Template)]
#[template(path = "issuers.html")]
pub struct Issuers {
    /// The page's frame.
    pub frame: Frame,
    /// The pages beside it.
    pub area: Area,
    /// The issuers.
    pub rows: Vec<IssuerRow>,
    /// What tokens must be for.
    pub audience: String,
    /// Where tokens are exchanged.
    pub endpoint: String,
    /// Trusting another one.
    pub form: TermsForm,
    /// What went wrong.
    pub problem: String,
}

/// One issuer.
#[derive(Debug, Template)]
#[template(path = "issuer.html")]
pub struct IssuerPage {
    /// The page's frame.
    pub frame: Frame,
    /// The pages beside it.
    pub area: Area,
    /// Its number, in addresses.
    pub id: u64,
    /// As it was entered.
    pub url: String,
    /// Where its keys come from.
    pub keys: Mark,
    /// When pasted keys go stale, where that is soon or was; empty else.
    pub stale: String,
    /// What a test found.
    pub checks: Vec<Check>,
    /// What the tried token would lead to; empty where it leads to nothing.
    pub outcome: String,
    /// The terms.
    pub form: TermsForm,
    /// What was refused of late.
    pub refusals: Vec<EventLine>,
    /// What went wrong.
    pub problem: String,
}
