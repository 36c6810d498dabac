//! Domains that an organization captures: newcomers who prove an address there become its members by themselves.

use super::{OrgId, TeamId, UserId};
use crate::clock::Millis;
use serde::{Deserialize, Serialize};

/// How it was proved that a domain is the organization's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Proof {
    /// Its zone holds the record that was asked for.
    Dns,
    /// An administrator of the instance said so.
    Admin,
}

impl Proof {
    /// The word in events and on pages.
    pub fn as_str(self) -> &'static str {
        match self {
            Proof::Dns => "DNS record",
            Proof::Admin => "an administrator's word",
        }
    }
}

/// A claim. One per domain in the whole instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Domain {
    /// Lower case, without a dot at its end.
    pub name: String,
    /// Whose.
    pub org: OrgId,
    /// The team that newcomers join, as long as it recommends itself to them.
    pub default_team: Option<TeamId>,
    /// What the DNS record must hold.
    pub challenge: String,
    /// Until it is proved, a claim only keeps others from claiming.
    pub proof: Option<Proof>,
    /// Who claimed.
    pub by: UserId,
    /// When.
    pub created_at: Millis,
}

/// The domain of an address, as claims are compared; none for what is no address.
pub fn of_address(address: &str) -> Option<String> {
    let (_, domain) = address.rsplit_once('@')?;
    normal(domain)
}

/// A domain as claims are compared: lower case, in the form that goes over the wire.
pub fn normal(typed: &str) -> Option<String> {
    let typed = typed.trim().trim_start_matches('@').trim_end_matches('.');
    let url::Host::Domain(name) = url::Host::parse(typed).ok()? else { return None };
    let label = |l: &str| !l.is_empty() && l.len() <= 63 && !l.starts_with('-') && !l.ends_with('-');
    let fine = name.len() <= 253
        && name.contains('.')
        && name.split('.').all(label)
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.');
    fine.then_some(name)
}

/// Domains at which anybody gets an address: nobody's to claim.
pub const PUBLIC: &[&str] = &[
    "aol.com",
    "fastmail.com",
    "gmail.com",
    "gmx.com",
    "gmx.de",
    "gmx.net",
    "googlemail.com",
    "hey.com",
    "hotmail.com",
    "icloud.com",
    "live.com",
    "mac.com",
    "mail.com",
    "mail.ru",
    "me.com",
    "msn.com",
    "outlook.com",
    "pm.me",
    "proton.me",
    "protonmail.com",
    "qq.com",
    "t-online.de",
    "tutanota.com",
    "web.de",
    "yahoo.com",
    "yandex.com",
    "yandex.ru",
    "ymail.com",
    "zoho.com",
    "126.com",
    "163.com",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_have_one_spelling() {
        for typed in ["Example.com", "@example.com", "example.com.", " EXAMPLE.COM "] {
            assert_eq!(normal(typed).as_deref(), Some("example.com"), "{typed}");
        }
        assert_eq!(normal("bücher.example").as_deref(), Some("xn--bcher-kva.example"));
        assert_eq!(of_address("Ana@Example.COM").as_deref(), Some("example.com"));
        for bad in ["", "com", "a b.com", "192.0.2.1", "[::1]", "-a.com", "a..com", "a@b.com/x", "ana", "a_b.com"] {
            assert_eq!(normal(bad), None, "{bad}");
        }
    }
}
