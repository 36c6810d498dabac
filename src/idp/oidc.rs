//! Signing people in with an OpenID Connect provider, as its client: where to send them ([`begin`]), what their return proves
//! ([`prove`]), how they sign out there ([`sign_out`]), and the same step by step for an administrator ([`mod@bench`]). Code flow
//! with PKCE, or the implicit flow by form post. What a proof leads to here is `ops::sso`'s.
//!
//! ## Why the messages are the `openidconnect` crate's and the checks are not
//! The crate builds and reads the protocol's messages. Tokens are read and checked in [`super::jwt`], [`super::keys`] and
//! [`id_token`]: they refuse wrong-typed and repeated claims where the crate takes them for absent, they tell which step
//! failed, and the exchange of other issuers' tokens shares them.

pub mod begin;
pub mod bench;
pub mod claims;
pub mod id_token;
pub mod prove;
pub mod sign_out;

use super::fetch::Rules;
use crate::clock::Millis;
use crate::config::settings::sso::Oidc;
pub use crate::config::settings::sso::{ClientAuth, Method};
use std::fmt;

/// A connection to a provider.
#[derive(Clone, PartialEq, Eq)]
pub struct Config {
    /// The issuer as configured.
    pub issuer: String,
    /// Our name there.
    pub client_id: String,
    /// Our secret there; none for a public client.
    pub client_secret: Option<String>,
    /// How a return carries the proof.
    pub method: Method,
    /// How we prove ourselves.
    pub client_auth: ClientAuth,
    /// Scopes asked for besides `openid profile email`.
    pub scopes: Vec<String>,
    /// How far clocks may differ.
    pub leeway: Millis,
    /// Our own address, without a slash at the end.
    pub base_url: String,
    /// What may be called.
    pub rules: Rules,
}

impl Config {
    /// What the settings say, for a server at `base_url`.
    pub fn of(settings: &Oidc, base_url: &str) -> Self {
        Config {
            issuer: settings.issuer.clone(),
            client_id: settings.client_id.clone(),
            client_secret: settings.client_secret.clone(),
            method: settings.method,
            client_auth: settings.client_auth,
            scopes: settings.scopes.clone(),
            leeway: settings.leeway,
            base_url: base_url.trim_end_matches('/').to_owned(),
            rules: Rules { allow_loopback: settings.allow_loopback, ca_file: settings.ca_file.clone(), ca: None },
        }
    }

    /// Where providers send people back to.
    pub fn redirect_uri(&self) -> String {
        format!("{}/oidc/callback", self.base_url)
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The secret is not in it.
        f.debug_struct("Config")
            .field("issuer", &self.issuer)
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}
