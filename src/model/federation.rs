//! Other people's issuers of JSON Web Tokens that an organization trusts, and the access tokens that their tokens are exchanged
//! for. What a token must be for is decided here; how it is proved is in `idp::assertion`, what it leads to in
//! `ops::federation`.

use super::{IssuerId, OrgId, UserId};
use crate::clock::{DAY, Millis, SECOND};
use crate::crypto;
use serde::{Deserialize, Serialize};

/// The audience that self-managed servers take besides the organization's name.
pub const WANDB: &str = "wandb";
/// How old a token may be where nobody says otherwise: projected tokens of Kubernetes are renewed daily.
pub const AGE_MAX: Millis = 2 * DAY;

/// An issuer that an organization trusts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Issuer {
    /// Permanent; never used for another one.
    pub id: IssuerId,
    /// Who trusts it.
    pub org: OrgId,
    /// The issuer as it was entered; tokens carry it byte for byte, or as its own metadata spell it.
    pub url: String,
    /// The signature algorithms that are believed, by name. Never empty.
    pub algorithms: Vec<String>,
    /// Audiences taken besides the organization's name and [`WANDB`].
    #[serde(default)]
    pub audiences: Vec<String>,
    /// Whether the verified `email` claim finds a person where `sub` finds nobody.
    #[serde(default)]
    pub by_email: bool,
    /// Whether a token id (`jti`) counts once.
    #[serde(default)]
    pub once: bool,
    /// How old a token may be.
    pub age_max: Millis,
    /// Whether its keys were pasted rather than discovered.
    #[serde(default)]
    pub pasted: bool,
    /// When pasted keys should be looked at again.
    #[serde(default)]
    pub stale_at: Option<Millis>,
    /// Whether its certificates are by an authority that was pasted.
    #[serde(default)]
    pub own_ca: bool,
    /// Since when.
    pub made_at: Millis,
    /// When it was changed last.
    pub changed_at: Millis,
    /// Counts changes.
    pub version: u64,
}

/// What was pasted for an issuer, apart from it since it is large.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssuerPapers {
    /// Which.
    pub issuer: IssuerId,
    /// The key set (RFC 7517), public keys only.
    #[serde(default)]
    pub jwks: Option<String>,
    /// Certificate authorities in PEM.
    #[serde(default)]
    pub ca: Option<String>,
}

impl Issuer {
    /// What finds it: its text without one trailing slash.
    pub fn place(url: &str) -> &str {
        url.strip_suffix('/').unwrap_or(url)
    }

    /// Whether its pasted keys should be looked at within `ahead` of `now`.
    pub fn is_going_stale(&self, now: Millis, ahead: Millis) -> bool {
        self.stale_at.is_some_and(|at| at <= now + ahead)
    }

    /// Whether a token for `audiences` (none where it names none) is meant for the organization called `org`. `sole` says
    /// that nobody else trusts the issuer, `skip` that the operator gave the check up. The text says why.
    ///
    /// # Errors
    /// A sentence that names neither the organization nor what it takes besides: whoever reads it has proved nothing yet.
    pub fn audience(&self, org: &str, sole: bool, audiences: &[&str], skip: bool) -> Result<&'static str, String> {
        let names = |wanted: &str| audiences.contains(&wanted);
        if names(org) {
            return Ok("It is the organization's name.");
        }
        if self.audiences.iter().any(|own| names(own)) {
            return Ok("It is one that was listed for this issuer.");
        }
        if names(WANDB) && sole {
            return Ok("It is 'wandb'.");
        }
        if skip {
            return Ok("It is not checked: SKIP_AUDIENCE_VALIDATION is set.");
        }
        let found = match audiences {
            [] => "The token names no audience (aud)".to_owned(),
            [one] => format!("The token is for '{}' (aud)", one.chars().take(120).collect::<String>()),
            several => format!("None of the token's {} audiences (aud) is meant here", several.len()),
        };
        let wandb = if sole { ", or 'wandb'" } else { "" };
        Err(format!("{found}; it must be for the organization's name as the console shows it{wandb}."))
    }
}

/// An access token as stored; the token itself is nowhere. Sorted by its end, so that what is over lies in front.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessToken {
    /// From when on it is refused; whole seconds.
    pub expires_at: Millis,
    /// Hexadecimal SHA-256 of the token.
    pub hash: String,
    /// Whose rights it carries.
    pub user: UserId,
    /// Where: in no other organization.
    pub org: OrgId,
    /// By whose word.
    pub issuer: IssuerId,
}

/// What every access token begins with; no API key does.
const BEGINNING: &str = "bwt_";
/// Hexadecimal digits of the end in seconds.
const END_LEN: usize = 9;
/// Random letters and digits at the end: 256 bits.
pub const SECRET_LEN: usize = 43;

impl AccessToken {
    /// The token with this end and secret, as its holder presents it. The end stands in it, so that one that is over is refused
    /// without looking it up.
    pub fn text(expires_at: Millis, secret: &str) -> String {
        format!("{BEGINNING}{:0END_LEN$x}_{secret}", expires_at / SECOND)
    }

    /// Whether `presented` could be an access token rather than an API key.
    pub fn could_be(presented: &str) -> bool {
        presented.starts_with(BEGINNING)
    }

    /// End and hash of what is presented; none for what cannot be an access token.
    pub fn place(presented: &str) -> Option<(Millis, String)> {
        let (end, secret) = presented.strip_prefix(BEGINNING)?.split_once('_')?;
        let digits = end.len() == END_LEN && end.bytes().all(|b| b.is_ascii_hexdigit() && !b.is_ascii_uppercase());
        let letters = secret.len() == SECRET_LEN && secret.bytes().all(|b| b.is_ascii_alphanumeric());
        let end = i64::from_str_radix(end, 16).ok().filter(|_| digits && letters)?;
        Some((end * SECOND, crypto::hashed(presented)))
    }

    /// A short public name, for the audit log: enough of the hash to be unique, useless as a token.
    pub fn handle(hash: &str) -> &str {
        hash.get(..16).unwrap_or(hash)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn issuer(audiences: &[&str]) -> Issuer {
        Issuer {
            id: IssuerId(1),
            org: OrgId(1),
            url: "https://idp.example.com".into(),
            algorithms: vec!["RS256".into()],
            audiences: audiences.iter().map(|a| (*a).to_owned()).collect(),
            by_email: false,
            once: false,
            age_max: AGE_MAX,
            pasted: false,
            stale_at: None,
            own_ca: false,
            made_at: 0,
            changed_at: 0,
            version: 1,
        }
    }

    #[test]
    fn f080_f081_f082_a_token_is_for_the_organization_or_refused() {
        let plain = issuer(&[]);
        for (audiences, sole, skip, fits) in [
            (&["acme"][..], true, false, true),
            (&["other", "acme"], true, false, true),
            (&["acme"], false, false, true),
            (&["wandb"], true, false, true),
            (&["wandb"], false, false, false),
            (&["other"], true, false, false),
            (&["Acme"], true, false, false),
            (&[" acme"], true, false, false),
            (&[""], true, false, false),
            (&[], true, false, false),
            (&[], true, true, true),
            (&["other"], false, true, true),
        ] {
            assert_eq!(plain.audience("acme", sole, audiences, skip).is_ok(), fits, "{audiences:?} {sole} {skip}");
        }
        assert!(issuer(&["api://ml"]).audience("acme", false, &["api://ml"], false).is_ok());
        let said = plain.audience("acme", true, &["other"], false).unwrap_err();
        assert!(said.contains("'other'") && !said.contains("acme"), "{said}");
    }

    #[test]
    fn an_access_token_says_when_it_ends_and_nothing_else_is_read_as_one() {
        let secret = "a".repeat(SECRET_LEN);
        let text = AccessToken::text(1_800_000_000_000, &secret);
        let (end, hash) = AccessToken::place(&text).unwrap();
        assert_eq!((end, hash.len(), text.len()), (1_800_000_000_000, 64, 57));
        assert!(text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'), "as the client takes a key");
        let other = text.to_ascii_uppercase();
        for bad in
            ["", "bwt_", "bwt__", &text[1..], &text[..56], &format!("{text}a"), &other, &text.replace("6b", "6B")]
        {
            assert_eq!(AccessToken::place(bad), None, "{bad}");
        }
        assert!(!AccessToken::could_be(&"a".repeat(40)));
    }
}
