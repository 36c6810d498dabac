//! Adapters to other people's identity systems: they prove who somebody is and tell it as an
//! [`crate::model::identity::ExternalIdentity`]. They speak over the network and keep nothing but caches in memory; what a
//! proof leads to here is decided in `ops::sso`. No store, no use-cases in this room.
//!
//! [`fetch`] is the only way out over HTTP; [`discovery`], [`keys`] and [`jwt`] find an issuer's keys and check its
//! signatures, whatever the token is for; [`oidc`] signs people in with them, [`assertion`] checks tokens that are exchanged. A proof that fails is a [`refusal::Refusal`].
//! [`ldap`] asks a directory, over connections of its own.

pub mod assertion;
pub mod discovery;
pub mod fetch;
pub mod jwt;
pub mod keys;
pub mod ldap;
pub mod oidc;
pub mod refusal;
pub mod trail;

/// What is known of other people's issuers, and the way to ask them. One per instance.
#[derive(Default)]
pub struct Issuers {
    /// The way out.
    pub fetcher: fetch::Fetcher,
    /// Their metadata.
    pub discovery: discovery::Discovery,
    /// Their keys.
    pub keys: keys::KeyCache,
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
pub(crate) mod tests;
