//! The settings about signing in through the company, and what they mean together.

use super::{Found, Kind, Setting, Source, pairs};
use crate::clock::Millis;
use crate::error::Result;

/// `oidc.enabled`.
pub const OIDC_ENABLED: &str = "oidc.enabled";
/// `oidc.issuer`.
pub const OIDC_ISSUER: &str = "oidc.issuer";
/// `oidc.client_id`.
pub const OIDC_CLIENT_ID: &str = "oidc.client_id";
/// `oidc.client_secret`.
pub const OIDC_CLIENT_SECRET: &str = "oidc.client_secret";
/// `oidc.method`.
pub const OIDC_METHOD: &str = "oidc.method";
/// `oidc.client_auth`.
pub const OIDC_CLIENT_AUTH: &str = "oidc.client_auth";
/// `oidc.scopes`.
pub const OIDC_SCOPES: &str = "oidc.scopes";
/// `oidc.group_claims`.
pub const OIDC_GROUP_CLAIMS: &str = "oidc.group_claims";
/// `oidc.identifier_claims`.
pub const OIDC_IDENTIFIER_CLAIMS: &str = "oidc.identifier_claims";
/// `oidc.trust_email`.
pub const OIDC_TRUST_EMAIL: &str = "oidc.trust_email";
/// `oidc.leeway`.
pub const OIDC_LEEWAY: &str = "oidc.leeway";
/// `oidc.backchannel_logout`.
pub const OIDC_BACKCHANNEL_LOGOUT: &str = "oidc.backchannel_logout";
/// `ldap.address`.
pub const LDAP_ADDRESS: &str = "ldap.address";
/// `ldap.base_dn`.
pub const LDAP_BASE_DN: &str = "ldap.base_dn";
/// `ldap.bind_dn`.
pub const LDAP_BIND_DN: &str = "ldap.bind_dn";
/// `ldap.bind_password`.
pub const LDAP_BIND_PASSWORD: &str = "ldap.bind_password";
/// `ldap.attributes`.
pub const LDAP_ATTRIBUTES: &str = "ldap.attributes";
/// `ldap.tls`.
pub const LDAP_TLS: &str = "ldap.tls";
/// `ldap.group_allow_list`.
pub const LDAP_GROUP_ALLOW_LIST: &str = "ldap.group_allow_list";
/// `ldap.login`.
pub const LDAP_LOGIN: &str = "ldap.login";
/// `ldap.group_sync`.
pub const LDAP_GROUP_SYNC: &str = "ldap.group_sync";
/// `ldap.group_map`.
pub const LDAP_GROUP_MAP: &str = "ldap.group_map";
/// `ldap.ca_file`.
pub const LDAP_CA_FILE: &str = "ldap.ca_file";
/// `ldap.user_filter`.
pub const LDAP_USER_FILTER: &str = "ldap.user_filter";
/// `ldap.nested_groups`.
pub const LDAP_NESTED: &str = "ldap.nested_groups";
/// `ldap.sync_every`.
pub const LDAP_SYNC_EVERY: &str = "ldap.sync_every";
/// `sso.link_by_email`.
pub const LINK_BY_EMAIL: &str = "sso.link_by_email";
/// `sso.provisioning_disabled`.
pub const PROVISIONING_DISABLED: &str = "sso.provisioning_disabled";
/// `sso.break_glass_disabled`.
pub const BREAK_GLASS_DISABLED: &str = "sso.break_glass_disabled";
/// `sso.allow_loopback_issuers`.
pub const ALLOW_LOOPBACK: &str = "sso.allow_loopback_issuers";
/// `sso.ca_file`.
pub const CA_FILE: &str = "sso.ca_file";
/// `sso.restore`.
pub const RESTORE: &str = "sso.restore";

/// The settings about signing in through the company.
pub const SETTINGS: &[Setting] = &[
    Setting {
        key: OIDC_ENABLED,
        env: &["BAILIWICK_OIDC_ENABLED"],
        kind: Kind::OneOf(&[("auto", &[]), ("true", &["1", "yes", "on"]), ("false", &["0", "no", "off"])]),
        default: "auto",
        secret: false,
        doc: "Whether people sign in with the OpenID provider. `auto`: as soon as the environment names an issuer and a client id.",
        caution: "While people sign in through the company, local passwords work only for administrators marked break-glass.",
    },
    Setting {
        key: OIDC_ISSUER,
        env: &["OIDC_ISSUER", "GORILLA_OIDC_ISSUER"],
        kind: Kind::Issuer,
        default: "",
        secret: false,
        doc: "The OpenID provider's issuer, exactly as it spells it; discovery is below it at `/.well-known/openid-configuration`.",
        caution: "",
    },
    Setting {
        key: OIDC_CLIENT_ID,
        env: &["OIDC_CLIENT_ID", "GORILLA_OIDC_CLIENT_ID"],
        kind: Kind::Text,
        default: "",
        secret: false,
        doc: "The id that the provider gave this application.",
        caution: "",
    },
    Setting {
        key: OIDC_CLIENT_SECRET,
        env: &["OIDC_SECRET", "GORILLA_OIDC_SECRET", "OIDC_CLIENT_SECRET"],
        kind: Kind::Text,
        default: "",
        secret: true,
        doc: "The secret that belongs to it, where the provider wants one.",
        caution: "",
    },
    Setting {
        key: OIDC_METHOD,
        env: &["OIDC_AUTH_METHOD", "GORILLA_AUTH_METHOD"],
        kind: Kind::OneOf(&[("implicit", &[]), ("pkce", &["code", "authorization_code"])]),
        default: "implicit",
        secret: false,
        doc: "How tokens come: `pkce` (authorization code with PKCE, recommended) or `implicit` (an ID token by form post).",
        caution: "",
    },
    Setting {
        key: OIDC_CLIENT_AUTH,
        env: &["BAILIWICK_OIDC_CLIENT_AUTH"],
        kind: Kind::OneOf(&[("auto", &[]), ("client_secret_basic", &["basic"]), ("client_secret_post", &["post"])]),
        default: "auto",
        secret: false,
        doc: "How the secret is sent to the token endpoint; `auto` takes what the provider announces.",
        caution: "",
    },
    Setting {
        key: OIDC_SCOPES,
        env: &["GORILLA_OIDC_CUSTOM_SCOPES"],
        kind: Kind::Text,
        default: "",
        secret: false,
        doc: "Scopes asked for besides `openid profile email`, divided by blanks or commas. They change nothing else here.",
        caution: "",
    },
    Setting {
        key: OIDC_GROUP_CLAIMS,
        env: &["GORILLA_ENABLE_SSO_GROUP_CLAIMS", "GORILLA_ENABLE_SSO_GROUPS_CLAIMS"],
        kind: Kind::Bool,
        default: "false",
        secret: false,
        doc: "Whether the `groups` claim names all teams that a person is in: at each sign-in people join the teams named there and leave the others.",
        caution: "People leave every team that the claim does not name, also those somebody added them to by hand.",
    },
    Setting {
        key: OIDC_IDENTIFIER_CLAIMS,
        env: &["GORILLA_USE_IDENTIFIER_CLAIMS"],
        kind: Kind::Bool,
        default: "false",
        secret: false,
        doc: "Whether username and full name are taken from `preferred_username` and `name` at each sign-in. Usernames outside letters, digits, `_` and `-` are refused.",
        caution: "People whose name at the provider has other characters cannot sign in.",
    },
    Setting {
        key: OIDC_TRUST_EMAIL,
        env: &["BAILIWICK_OIDC_TRUST_EMAIL"],
        kind: Kind::Bool,
        default: "false",
        secret: false,
        doc: "Whether an address counts as verified where the provider does not say (Entra ID omits `email_verified`). An explicit `false` is never trusted.",
        caution: "Only for a provider of your own tenant, in which nobody can set somebody else's address.",
    },
    Setting {
        key: OIDC_LEEWAY,
        env: &["BAILIWICK_OIDC_LEEWAY"],
        kind: Kind::Span,
        default: "60s",
        secret: false,
        doc: "How far the provider's clock and this one may be apart.",
        caution: "",
    },
    Setting {
        key: OIDC_BACKCHANNEL_LOGOUT,
        env: &["BAILIWICK_OIDC_BACKCHANNEL_LOGOUT"],
        kind: Kind::Bool,
        default: "true",
        secret: false,
        doc: "Whether the provider may end sessions here by back-channel and front-channel logout.",
        caution: "",
    },
    Setting {
        key: LDAP_ADDRESS,
        env: &["LOCAL_LDAP_ADDRESS"],
        kind: Kind::Directory,
        default: "",
        secret: false,
        doc: "The directory's address with its scheme and, where it is not the usual one, its port.",
        caution: "",
    },
    Setting {
        key: LDAP_BASE_DN,
        env: &["LOCAL_LDAP_BASE_DN"],
        kind: Kind::Text,
        default: "",
        secret: false,
        doc: "Where searches begin.",
        caution: "",
    },
    Setting {
        key: LDAP_BIND_DN,
        env: &["LOCAL_LDAP_BIND_DN"],
        kind: Kind::Text,
        default: "",
        secret: false,
        doc: "The entry that searches are made as; empty for an anonymous bind.",
        caution: "",
    },
    Setting {
        key: LDAP_BIND_PASSWORD,
        env: &["LOCAL_LDAP_BIND_PW"],
        kind: Kind::Text,
        default: "",
        secret: true,
        doc: "Its password. Without one the bind is anonymous.",
        caution: "",
    },
    Setting {
        key: LDAP_ATTRIBUTES,
        env: &["LOCAL_LDAP_ATTRIBUTES"],
        kind: Kind::Text,
        default: "email=mail,group=gidNumber",
        secret: false,
        doc: "The attributes that hold a person's address and group, as `email=mail,group=memberOf`.",
        caution: "",
    },
    Setting {
        key: LDAP_TLS,
        env: &["LOCAL_LDAP_TLS_ENABLE"],
        kind: Kind::Bool,
        default: "false",
        secret: false,
        doc: "Whether a connection to `ldap://` is turned into TLS before anything else is said (StartTLS). `ldaps://` always is.",
        caution: "",
    },
    Setting {
        key: LDAP_GROUP_ALLOW_LIST,
        env: &["LOCAL_LDAP_GROUP_ALLOW_LIST"],
        kind: Kind::Text,
        default: "",
        secret: false,
        doc: "Groups whose members may sign in: names or numbers divided by commas, distinguished names divided by semicolons, or a JSON array. Empty: everyone.",
        caution: "",
    },
    Setting {
        key: LDAP_LOGIN,
        env: &["LOCAL_LDAP_LOGIN"],
        kind: Kind::Bool,
        default: "false",
        secret: false,
        doc: "Whether people sign in with their password of the directory. `false`: configured for tests only.",
        caution: "While people sign in through the company, local passwords work only for administrators marked break-glass.",
    },
    Setting {
        key: LDAP_GROUP_SYNC,
        env: &["GORILLA_LDAP_GROUP_SYNC"],
        kind: Kind::Bool,
        default: "false",
        secret: false,
        doc: "Whether team membership follows the directory's groups, at sign-in and by a sync in the background, which also deactivates whoever is gone from the directory.",
        caution: "People leave every team whose group they are not in, also those somebody added them to by hand.",
    },
    Setting {
        key: LDAP_GROUP_MAP,
        env: &["BAILIWICK_LDAP_GROUP_MAP"],
        kind: Kind::Pairs,
        default: "",
        secret: false,
        doc: "Groups whose team has another name, as `group=team, other=third`. Without an entry the team has the group's name.",
        caution: "",
    },
    Setting {
        key: LDAP_CA_FILE,
        env: &["BAILIWICK_LDAP_CA_FILE"],
        kind: Kind::Text,
        default: "",
        secret: false,
        doc: "A file with the certificate authority of the directory in PEM, where the system does not know it.",
        caution: "",
    },
    Setting {
        key: LDAP_USER_FILTER,
        env: &["BAILIWICK_LDAP_USER_FILTER"],
        kind: Kind::Text,
        default: "",
        secret: false,
        doc: "A filter that people must match as well, such as `(objectClass=person)`.",
        caution: "",
    },
    Setting {
        key: LDAP_NESTED,
        env: &["BAILIWICK_LDAP_NESTED_GROUPS"],
        kind: Kind::OneOf(&[("auto", &[]), ("off", &[]), ("chain", &[]), ("walk", &[])]),
        default: "auto",
        secret: false,
        doc: "How groups in groups are found: `chain` by the matching rule of Active Directory, `walk` level by level, `auto` by whichever the directory can, `off` not at all.",
        caution: "",
    },
    Setting {
        key: LDAP_SYNC_EVERY,
        env: &["BAILIWICK_LDAP_SYNC_EVERY"],
        kind: Kind::Span,
        default: "1h",
        secret: false,
        doc: "How often the background sync runs.",
        caution: "",
    },
    Setting {
        key: LINK_BY_EMAIL,
        env: &["BAILIWICK_SSO_LINK_BY_EMAIL"],
        kind: Kind::Bool,
        default: "false",
        secret: false,
        doc: "Whether somebody who comes through the company for the first time is given the account here that has the same address, if the provider says the address is verified. Never an administrator's account.",
        caution: "Whoever can set a verified address at the provider can take over the account that has it here.",
    },
    Setting {
        key: PROVISIONING_DISABLED,
        env: &["DISABLE_SSO_PROVISIONING", "GORILLA_DISABLE_SSO_PROVISIONING"],
        kind: Kind::Bool,
        default: "false",
        secret: false,
        doc: "Whether people who have no account here are refused instead of getting one at their first sign-in through the company.",
        caution: "",
    },
    Setting {
        key: BREAK_GLASS_DISABLED,
        env: &["BAILIWICK_DISABLE_BREAK_GLASS"],
        kind: Kind::Bool,
        default: "false",
        secret: false,
        doc: "Whether also the passwords of administrators marked break-glass are refused while people sign in through the company.",
        caution: "When the provider fails, only the shell of this machine is left as a way in.",
    },
    Setting {
        key: ALLOW_LOOPBACK,
        env: &["BAILIWICK_ALLOW_LOOPBACK_ISSUERS"],
        kind: Kind::Bool,
        default: "false",
        secret: false,
        doc: "Whether issuers may sit on loopback addresses, there also over plain http: for a laptop or a test.",
        caution: "Other services of this machine can then be asked in the server's name.",
    },
    Setting {
        key: CA_FILE,
        env: &["BAILIWICK_CA_FILE"],
        kind: Kind::Text,
        default: "",
        secret: false,
        doc: "A file with certificate authorities in PEM that are trusted for issuers besides the built-in ones.",
        caution: "",
    },
    Setting {
        key: RESTORE,
        env: &["LOCAL_RESTORE"],
        kind: Kind::Bool,
        default: "false",
        secret: false,
        doc: "The way back in: at the start with `true` a temporary password is written to the error output, and signing in through the company is off until the variable is removed. Only by the environment.",
        caution: "Nobody but administrators with a password gets in meanwhile.",
    },
];

/// Who may sign in beside and through the company.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignIn {
    /// Whether a verified address gives the account that has it.
    pub link_by_email: bool,
    /// Whether people without an account are refused.
    pub provisioning_disabled: bool,
    /// Whether break-glass passwords are refused too.
    pub break_glass_disabled: bool,
    /// Whether the way back in is open and the company's is closed.
    pub restore: bool,
}

impl SignIn {
    pub(super) fn of(found: &Found) -> Result<Self> {
        Ok(SignIn {
            link_by_email: found.flag(LINK_BY_EMAIL)?,
            provisioning_disabled: found.flag(PROVISIONING_DISABLED)?,
            break_glass_disabled: found.flag(BREAK_GLASS_DISABLED)?,
            restore: found.flag(RESTORE)?,
        })
    }
}

/// How tokens come from the OpenID provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// An ID token by form post.
    Implicit,
    /// An authorization code with PKCE.
    Pkce,
}

/// How the client secret is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientAuth {
    /// As the provider announces.
    Auto,
    /// In the Authorization header.
    Basic,
    /// In the form.
    Post,
}

/// The OpenID provider.
#[derive(Clone, PartialEq, Eq)]
pub struct Oidc {
    /// Whether people sign in with it at present.
    pub enabled: bool,
    /// As it is written; empty where none is configured.
    pub issuer: String,
    /// The client id.
    pub client_id: String,
    /// The client secret, if any.
    pub client_secret: Option<String>,
    /// How tokens come.
    pub method: Method,
    /// How the secret is sent.
    pub client_auth: ClientAuth,
    /// Scopes besides `openid profile email`.
    pub scopes: Vec<String>,
    /// Whether teams follow the `groups` claim.
    pub group_claims: bool,
    /// Whether names follow `preferred_username` and `name`.
    pub identifier_claims: bool,
    /// Whether an address counts as verified where the provider does not say.
    pub trust_email: bool,
    /// How far clocks may be apart.
    pub leeway: Millis,
    /// Whether the provider may end sessions.
    pub backchannel_logout: bool,
    /// Certificate authorities in PEM.
    pub ca_file: Option<String>,
    /// Whether issuers may sit on loopback addresses, there over plain http.
    pub allow_loopback: bool,
}

impl std::fmt::Debug for Oidc {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Oidc").field("enabled", &self.enabled).field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

impl Oidc {
    pub(super) fn of(found: &Found) -> Result<Self> {
        let (issuer, client_id) = (found.text(OIDC_ISSUER)?, found.text(OIDC_CLIENT_ID)?);
        let by_environment = matches!(found.get(OIDC_ISSUER)?.source, Source::Env(_));
        let wanted = match found.word(OIDC_ENABLED)? {
            "true" => true,
            "false" => false,
            _ => by_environment && !client_id.is_empty(),
        };
        if wanted && (issuer.is_empty() || client_id.is_empty()) {
            return Err(Found::clash(
                "Signing in with the OpenID provider is on, and its issuer or client id is missing.",
                "Set OIDC_ISSUER and OIDC_CLIENT_ID, or switch it off.",
            ));
        }
        Ok(Oidc {
            enabled: wanted && !found.flag(RESTORE)?,
            issuer,
            client_id,
            client_secret: found.optional(OIDC_CLIENT_SECRET)?,
            method: if found.word(OIDC_METHOD)? == "pkce" { Method::Pkce } else { Method::Implicit },
            client_auth: match found.word(OIDC_CLIENT_AUTH)? {
                "client_secret_basic" => ClientAuth::Basic,
                "client_secret_post" => ClientAuth::Post,
                _ => ClientAuth::Auto,
            },
            scopes: words(&found.text(OIDC_SCOPES)?),
            group_claims: found.flag(OIDC_GROUP_CLAIMS)?,
            identifier_claims: found.flag(OIDC_IDENTIFIER_CLAIMS)?,
            trust_email: found.flag(OIDC_TRUST_EMAIL)?,
            leeway: found.span(OIDC_LEEWAY)?,
            backchannel_logout: found.flag(OIDC_BACKCHANNEL_LOGOUT)?,
            ca_file: found.optional(CA_FILE)?,
            allow_loopback: found.flag(ALLOW_LOOPBACK)?,
        })
    }
}

/// How groups in groups are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nested {
    /// By whichever way the directory can.
    Auto,
    /// Not at all.
    Off,
    /// By the matching rule of Active Directory.
    Chain,
    /// Level by level.
    Walk,
}

/// The directory.
#[derive(Clone, PartialEq, Eq)]
pub struct Ldap {
    /// Whether people sign in with it at present.
    pub login: bool,
    /// Its address; empty where none is configured.
    pub address: String,
    /// Where searches begin.
    pub base_dn: String,
    /// The entry that searches are made as.
    pub bind_dn: Option<String>,
    /// Its password.
    pub bind_password: Option<String>,
    /// The attribute that holds the address.
    pub email_attribute: String,
    /// The attribute that holds the group.
    pub group_attribute: String,
    /// Whether `ldap://` is turned into TLS.
    pub tls: bool,
    /// Groups whose members may sign in; empty for everyone.
    pub allow_list: Vec<String>,
    /// Whether teams follow the groups.
    pub group_sync: bool,
    /// Groups whose team has another name: group, team.
    pub group_map: Vec<(String, String)>,
    /// Certificate authority in PEM.
    pub ca_file: Option<String>,
    /// What people must match as well.
    pub user_filter: Option<String>,
    /// How groups in groups are found.
    pub nested: Nested,
    /// How often the background sync runs.
    pub sync_every: Millis,
}

impl std::fmt::Debug for Ldap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ldap").field("login", &self.login).field("address", &self.address).finish_non_exhaustive()
    }
}

impl Ldap {
    pub(super) fn of(found: &Found) -> Result<Self> {
        let (address, base_dn, wanted) =
            (found.text(LDAP_ADDRESS)?, found.text(LDAP_BASE_DN)?, found.flag(LDAP_LOGIN)?);
        if wanted && (address.is_empty() || base_dn.is_empty()) {
            return Err(Found::clash(
                "Signing in by LDAP is on, and the directory's address or base DN is missing.",
                "Set LOCAL_LDAP_ADDRESS and LOCAL_LDAP_BASE_DN, or switch it off with LOCAL_LDAP_LOGIN=false.",
            ));
        }
        let Some((email_attribute, group_attribute)) = attributes(&found.text(LDAP_ATTRIBUTES)?) else {
            return Err(Found::clash(
                "The setting ldap.attributes does not name attributes.",
                "Write it as LOCAL_LDAP_ATTRIBUTES=email=mail,group=memberOf.",
            ));
        };
        let Some(allow_list) = allow_list(&found.text(LDAP_GROUP_ALLOW_LIST)?) else {
            return Err(Found::clash(
                "The setting ldap.group_allow_list begins like a JSON array and is none of texts.",
                "Write names divided by commas, or a JSON array such as [\"cn=ml,ou=groups,dc=example,dc=com\"].",
            ));
        };
        Ok(Ldap {
            login: wanted && !found.flag(RESTORE)?,
            address,
            base_dn,
            bind_dn: found.optional(LDAP_BIND_DN)?,
            bind_password: found.optional(LDAP_BIND_PASSWORD)?,
            email_attribute,
            group_attribute,
            tls: found.flag(LDAP_TLS)?,
            allow_list,
            group_sync: found.flag(LDAP_GROUP_SYNC)?,
            group_map: pairs(&found.text(LDAP_GROUP_MAP)?).unwrap_or_default(),
            ca_file: found.optional(LDAP_CA_FILE)?,
            user_filter: found.optional(LDAP_USER_FILTER)?,
            nested: match found.word(LDAP_NESTED)? {
                "off" => Nested::Off,
                "chain" => Nested::Chain,
                "walk" => Nested::Walk,
                _ => Nested::Auto,
            },
            sync_every: found.span(LDAP_SYNC_EVERY)?,
        })
    }
}

fn words(text: &str) -> Vec<String> {
    text.split([' ', ',']).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// The attributes of address and group in `email=mail,group=gidNumber`, in any order and spacing, or in `mail,gidNumber`
/// (mission facts, C4). What is not named has its usual attribute.
fn attributes(text: &str) -> Option<(String, String)> {
    let is_attribute =
        |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b';'));
    let (mut email, mut group) = (None, None);
    for (at, part) in text.split(',').map(str::trim).filter(|part| !part.is_empty()).enumerate() {
        let (slot, attribute) = match (part.split_once('='), at) {
            (Some((key, attribute)), _) if key.trim().eq_ignore_ascii_case("email") => (&mut email, attribute.trim()),
            (Some((key, attribute)), _) if key.trim().eq_ignore_ascii_case("group") => (&mut group, attribute.trim()),
            (None, 0) => (&mut email, part),
            (None, 1) => (&mut group, part),
            _ => return None,
        };
        if !is_attribute(attribute) || slot.replace(attribute.to_owned()).is_some() {
            return None;
        }
    }
    Some((email.unwrap_or_else(|| "mail".to_owned()), group.unwrap_or_else(|| "gidNumber".to_owned())))
}

/// Names divided by commas, distinguished names divided by semicolons (or one alone), or a JSON array (mission facts, C7).
fn allow_list(text: &str) -> Option<Vec<String>> {
    let text = text.trim();
    if text.starts_with('[') {
        return serde_json::from_str(text).ok();
    }
    let by = if text.contains(';') || text.contains('=') { ';' } else { ',' };
    Some(text.split(by).map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect())
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::config::env::Env;
    use crate::config::settings::Settings;
    use std::collections::HashMap;

    fn resolve(env: &[(&str, &str)], saved: &[(&str, &str)]) -> Result<Settings> {
        let saved: HashMap<_, _> = saved.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Settings::resolve(&Env::of(env), &saved)
    }

    #[test]
    fn the_environment_alone_switches_the_provider_on_and_what_is_saved_waits_for_its_switch() {
        assert!(!resolve(&[], &[]).unwrap().is_sso_on());
        let env = [("OIDC_ISSUER", "https://h/realms/r/"), ("OIDC_CLIENT_ID", "c"), ("OIDC_AUTH_METHOD", "Code")];
        let by_env = resolve(&env, &[]).unwrap();
        assert!(by_env.oidc().enabled && by_env.is_sso_on());
        assert_eq!((by_env.oidc().issuer.as_str(), by_env.oidc().method), ("https://h/realms/r/", Method::Pkce));
        let saved = [(OIDC_ISSUER, "https://h"), (OIDC_CLIENT_ID, "c")];
        assert!(!resolve(&[], &saved).unwrap().oidc().enabled);
        let on = [(OIDC_ISSUER, "https://h"), (OIDC_CLIENT_ID, "c"), (OIDC_ENABLED, "true")];
        assert!(resolve(&[], &on).unwrap().oidc().enabled);
        // F056: the way back in closes the company's.
        assert!(!resolve(&[("LOCAL_RESTORE", "true")], &on).unwrap().is_sso_on());
        assert!(resolve(&[], &[(OIDC_ENABLED, "true")]).is_err());
        // F050.
        assert!(resolve(&[("OIDC_AUTH_METHOD", "hybrid")], &[]).is_err());
        for issuer in ["h", "ftp://h", "https://h?x", "https://u:p@h", "https://h#f"] {
            assert!(resolve(&[("OIDC_ISSUER", issuer)], &[]).is_err(), "{issuer}");
        }
        // C9: three names of one secret; the first wins.
        let both = resolve(&[("OIDC_CLIENT_SECRET", "beta"), ("OIDC_SECRET", "alpha")], &[]).unwrap();
        assert_eq!(both.oidc().client_secret.as_deref(), Some("alpha"));
        assert!(!format!("{both:?}").contains("alpha"));
    }

    #[test]
    fn f018_f022_a_directory_is_whole_or_refused() {
        let error = resolve(&[("LOCAL_LDAP_ADDRESS", "ldap://d"), ("LOCAL_LDAP_LOGIN", "True")], &[]).unwrap_err();
        assert!(error.sentence().contains("LOCAL_LDAP_BASE_DN"), "{}", error.sentence());
        assert!(
            !resolve(&[("LOCAL_LDAP_ADDRESS", "ldap://d"), ("LOCAL_LDAP_LOGIN", "False")], &[]).unwrap().ldap().login
        );
        assert!(resolve(&[("LOCAL_LDAP_ADDRESS", "d:389")], &[]).is_err());
        for text in ["email=mail,group=gidNumber", " group = gidNumber , email = mail", "mail,gidNumber", "", "mail"] {
            assert_eq!(attributes(text), Some(("mail".into(), "gidNumber".into())), "{text}");
        }
        for text in ["email=mail,email=x", "a,b,c", "phone=x", "email=(x)"] {
            assert_eq!(attributes(text), None, "{text}");
        }
        let lists = [
            ("ml, 20001", vec!["ml", "20001"]),
            ("cn=a,dc=x;cn=b,dc=x", vec!["cn=a,dc=x", "cn=b,dc=x"]),
            ("cn=a,dc=x", vec!["cn=a,dc=x"]),
            ("[\"cn=a,dc=x\", \"b\"]", vec!["cn=a,dc=x", "b"]),
            ("", vec![]),
        ];
        for (text, list) in lists {
            assert_eq!(allow_list(text).unwrap(), list, "{text}");
        }
        assert_eq!(allow_list("[1"), None);
        assert_eq!(
            pairs("ml=research; cn=x,dc=y=ops"),
            Some(vec![("ml".into(), "research".into()), ("cn=x,dc=y".into(), "ops".into())])
        );
    }
}
