//! The settings about exchanging tokens of other issuers for access tokens.

use super::{Found, Kind, Setting};
use crate::clock::{HOUR, MINUTE, Millis};
use crate::error::Result;

/// `federation.skip_audience_validation`.
pub const SKIP_AUDIENCE: &str = "federation.skip_audience_validation";
/// `federation.token_lifetime`.
pub const TOKEN_LIFETIME: &str = "federation.token_lifetime";
/// `federation.leeway`.
pub const LEEWAY: &str = "federation.leeway";

/// The shortest life of an access token: the wandb client asks for a new one five minutes before the end.
const LIFETIME_MIN: Millis = 10 * MINUTE;
/// The longest: what is taken from somebody is seen at once, but a token that leaks is good for this long.
const LIFETIME_MAX: Millis = 24 * HOUR;

/// The settings about exchanging tokens.
pub const SETTINGS: &[Setting] = &[
    Setting {
        key: SKIP_AUDIENCE,
        env: &["SKIP_AUDIENCE_VALIDATION"],
        kind: Kind::Bool,
        default: "false",
        secret: false,
        doc: "Whether tokens of trusted JWT issuers are taken whatever audience (`aud`) they are for.",
        caution: "A token that the issuer made for any other service then opens this one.",
    },
    Setting {
        key: TOKEN_LIFETIME,
        env: &["BAILIWICK_TOKEN_LIFETIME"],
        kind: Kind::Span,
        default: "1h",
        secret: false,
        doc: "How long an access token is good that a token of a JWT issuer is exchanged for: from 10 minutes to 24 hours.",
        caution: "",
    },
    Setting {
        key: LEEWAY,
        env: &["BAILIWICK_JWT_LEEWAY"],
        kind: Kind::Span,
        default: "60s",
        secret: false,
        doc: "How far the clocks of JWT issuers and this one may be apart.",
        caution: "",
    },
];

/// How tokens are exchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Federation {
    /// Whether the audience does not matter.
    pub skip_audience: bool,
    /// How long an access token is good.
    pub token_lifetime: Millis,
    /// How far clocks may be apart.
    pub leeway: Millis,
}

impl Federation {
    pub(super) fn of(found: &Found) -> Result<Self> {
        let token_lifetime = found.span(TOKEN_LIFETIME)?;
        if !(LIFETIME_MIN..=LIFETIME_MAX).contains(&token_lifetime) {
            return Err(Found::clash(
                "The setting federation.token_lifetime is not between 10 minutes and 24 hours.",
                "The wandb client needs more than five minutes; write it as BAILIWICK_TOKEN_LIFETIME=1h.",
            ));
        }
        Ok(Federation { skip_audience: found.flag(SKIP_AUDIENCE)?, token_lifetime, leeway: found.span(LEEWAY)? })
    }
}
