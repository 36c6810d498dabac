//! What a person proves besides, or instead of, the local password: passkeys, one-time codes of an app, recovery codes.
//! Nothing here lets anybody in by itself: passkeys are public keys, the secret of the app is sealed, recovery codes are
//! hashes. What counts as a proof is decided in `ops::factors` and `app::factors`.

use super::UserId;
use crate::clock::Millis;
use serde::{Deserialize, Serialize};

/// Most passkeys of one person.
pub const PASSKEYS_MAX: usize = 10;

/// A passkey: the public half of a key pair that an authenticator keeps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Passkey {
    /// The credential's id as its authenticator chose it, base64url.
    pub id: String,
    /// Whose.
    pub user: UserId,
    /// The random name by which authenticators know the account; the same for all passkeys of a person.
    pub handle: [u8; 16],
    /// What the person calls it.
    pub name: String,
    /// The public key and what never changes of the credential, base64.
    pub key: String,
    /// What changes with its use, the signature counter among it.
    pub state: [u8; 7],
    /// How it can be reached (USB, NFC …), as bits.
    pub transports: u8,
    /// When it was added.
    pub created_at: Millis,
    /// When it was used last.
    pub last_at: Option<Millis>,
}

/// An app that shows one-time codes (RFC 6238: SHA-1, six digits, thirty seconds). At most one a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeApp {
    /// Whose.
    pub user: UserId,
    /// The shared secret, sealed for this person, base64.
    pub sealed: String,
    /// When it was added.
    pub created_at: Millis,
    /// The newest step of which a code was accepted; neither it nor one before it is accepted again.
    pub last_step: u64,
    /// When it was used last.
    pub last_at: Option<Millis>,
}

/// Codes for when everything else is lost. Each works once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecoveryCodes {
    /// Whose.
    pub user: UserId,
    /// Hexadecimal SHA-256 of those that are left; each has 80 random bits.
    pub hashes: Vec<String>,
    /// When they were made.
    pub created_at: Millis,
}
