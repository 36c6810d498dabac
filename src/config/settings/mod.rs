//! How the server behaves: every setting once, in [`settings`]. The parser, `settings list`, the console's page and the
//! README's table derive from that list. Precedence: environment, then what was saved, then the default; a saved value
//! that the environment hides is kept and shown, since it would come alive when the variable is removed.
//! How the server *starts* (addresses, files) is not here but in `config/mod.rs`.

pub mod federation;
mod kind;
mod list;
pub mod mail;
pub mod sso;

pub use kind::{Kind, Value, pairs};
pub use list::*;

use super::env::Env;
use crate::clock::Millis;
use crate::error::{Code, Error, Result};
use federation::Federation;
use parking_lot::RwLock;
use sso::{Ldap, Oidc, SignIn};
use std::collections::HashMap;
use std::sync::Arc;

/// One setting's definition.
#[derive(Debug)]
pub struct Setting {
    /// Permanent dotted name, as saved and as shown.
    pub key: &'static str,
    /// Environment variables that set it; the first is the main one, the others are accepted aliases.
    pub env: &'static [&'static str],
    /// What its text must look like.
    pub kind: Kind,
    /// The default, as text.
    pub default: &'static str,
    /// Whether the value must never be shown.
    pub secret: bool,
    /// One sentence for the manual.
    pub doc: &'static str,
    /// What to know before changing it, where it takes access away or gives it; else empty.
    pub caution: &'static str,
}

/// The bounds on runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunLimits {
    /// Silence after which a running run counts as crashed.
    pub crashed_after: Millis,
    /// Bytes of lines of one run.
    pub lines: u64,
    /// Bytes of one line.
    pub line: u64,
    /// Bytes of a configuration or summary.
    pub text: u64,
    /// Tags of one run.
    pub tags: u64,
    /// Bytes of one file.
    pub file: u64,
    /// Files of one run.
    pub files: u64,
    /// Bytes of all runs of a project.
    pub project: u64,
}

/// The bounds on what a directory takes from people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FuseBounds {
    /// Accounts that may lose something.
    pub accounts: u64,
    /// Share of all people, in percent.
    pub percent: u64,
    /// Within how long.
    pub window: Millis,
}

/// Where the value in force comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The environment variable of this name.
    Env(String),
    /// Saved in the store.
    Saved,
    /// Neither: the built-in default.
    Default,
}

impl Source {
    /// `env`, `saved` or `default`.
    pub fn as_str(&self) -> &'static str {
        match self {
            Source::Env(_) => "env",
            Source::Saved => "saved",
            Source::Default => "default",
        }
    }
}

/// A setting with the value in force.
#[derive(Clone)]
pub struct Resolved {
    /// Its definition.
    pub setting: &'static Setting,
    /// The value in force.
    pub value: Value,
    /// The value in force as it was written.
    pub text: String,
    /// Where it comes from.
    pub source: Source,
    /// A saved value that the environment hides.
    pub shadowed: Option<String>,
}

impl std::fmt::Debug for Resolved {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}={:?} ({})", self.setting.key, self.shown(), self.source.as_str())
    }
}

impl Resolved {
    /// The value for people's eyes: secrets read "set".
    pub fn shown(&self) -> &str {
        if self.setting.secret && !self.text.is_empty() { "set" } else { &self.text }
    }
}

/// Every setting's value in force: an immutable snapshot.
#[derive(Clone, Debug)]
pub struct Settings {
    resolved: Vec<Resolved>,
    session_length: Millis,
    members_may_create_teams: bool,
    personal_entities_disabled: bool,
    admin_team_access_disabled: bool,
    team_services_disabled: bool,
    scim_delete_deactivates: bool,
    runs: RunLimits,
    fuse: FuseBounds,
    sign_in: SignIn,
    oidc: Arc<Oidc>,
    ldap: Arc<Ldap>,
    federation: Federation,
    mail: Arc<mail::Mail>,
    people: Arc<mail::People>,
}

/// Every setting there is, in the order of tables and pages.
pub fn settings() -> impl Iterator<Item = &'static Setting> {
    GENERAL.iter().chain(sso::SETTINGS).chain(federation::SETTINGS).chain(mail::SETTINGS)
}

/// The setting of this key.
pub fn setting(key: &str) -> Option<&'static Setting> {
    settings().find(|s| s.key == key)
}

/// Values by key, for the typed views.
struct Found<'a>(&'a [Resolved]);

impl Found<'_> {
    fn get(&self, key: &str) -> Result<&Resolved> {
        let found = self.0.iter().find(|r| r.setting.key == key);
        found.ok_or_else(|| Error::internal(format!("there is no setting {key}")))
    }

    fn wrong<T>(key: &str) -> Result<T> {
        Err(Error::internal(format!("setting {key} has another kind than its getter")))
    }

    fn flag(&self, key: &str) -> Result<bool> {
        if let Value::Bool(yes) = self.get(key)?.value { Ok(yes) } else { Self::wrong(key) }
    }

    fn number(&self, key: &str) -> Result<u64> {
        if let Value::Number(n) = self.get(key)?.value { Ok(n) } else { Self::wrong(key) }
    }

    fn span(&self, key: &str) -> Result<Millis> {
        if let Value::Span(span) = self.get(key)?.value { Ok(span) } else { Self::wrong(key) }
    }

    fn word(&self, key: &str) -> Result<&'static str> {
        if let Value::Word(word) = self.get(key)?.value { Ok(word) } else { Self::wrong(key) }
    }

    fn text(&self, key: &str) -> Result<String> {
        if let Value::Text(text) = &self.get(key)?.value { Ok(text.clone()) } else { Self::wrong(key) }
    }

    /// A text where there is one.
    fn optional(&self, key: &str) -> Result<Option<String>> {
        Ok(Some(self.text(key)?).filter(|text| !text.is_empty()))
    }

    /// What else the settings mean together must not hold.
    fn clash(text: &str, hint: &str) -> Error {
        Error::new(Code::Misconfigured, text.to_owned()).hint(hint.to_owned())
    }
}

impl Settings {
    /// Resolves every setting from the environment, what was `saved` (key to text) and the defaults.
    /// Fails naming the culprit and its source.
    pub fn resolve(env: &Env, saved: &HashMap<String, String>) -> Result<Settings> {
        let resolved = settings().map(|s| resolve_one(s, env, saved)).collect::<Result<Vec<_>>>()?;
        let found = Found(&resolved);
        let runs = RunLimits {
            crashed_after: found.span(RUN_CRASHED_AFTER)?,
            lines: found.number(RUN_LINES_LIMIT)?,
            line: found.number(RUN_LINE_LIMIT)?,
            text: found.number(RUN_TEXT_LIMIT)?,
            tags: found.number(RUN_TAGS_LIMIT)?,
            file: found.number(RUN_FILE_LIMIT)?,
            files: found.number(RUN_FILES_LIMIT)?,
            project: found.number(RUN_PROJECT_LIMIT)?,
        };
        let fuse = FuseBounds {
            accounts: found.number(FUSE_ACCOUNTS)?,
            percent: found.number(FUSE_PERCENT)?,
            window: found.span(FUSE_WINDOW)?,
        };
        Ok(Settings {
            session_length: found.span(SESSION_LENGTH)?,
            members_may_create_teams: found.flag(MEMBERS_MAY_CREATE_TEAMS)?,
            personal_entities_disabled: found.flag(PERSONAL_ENTITIES_DISABLED)?,
            admin_team_access_disabled: found.flag(ADMIN_TEAM_ACCESS_DISABLED)?,
            team_services_disabled: found.flag(TEAM_SERVICES_DISABLED)?,
            scim_delete_deactivates: found.word(SCIM_DELETE_MODE)? == "deactivate",
            runs,
            fuse,
            sign_in: SignIn::of(&found)?,
            oidc: Arc::new(Oidc::of(&found)?),
            ldap: Arc::new(Ldap::of(&found)?),
            federation: Federation::of(&found)?,
            mail: Arc::new(mail::Mail::of(&found)?),
            people: Arc::new(mail::People::of(&found)?),
            resolved,
        })
    }

    /// Every setting with its source, in the order of [`settings`].
    pub fn all(&self) -> &[Resolved] {
        &self.resolved
    }

    /// How long a browser session lasts.
    pub fn session_length(&self) -> Millis {
        self.session_length
    }

    /// Whether personal namespaces are closed for writing.
    pub fn personal_entities_disabled(&self) -> bool {
        self.personal_entities_disabled
    }

    /// Whether organization admins are kept out of teams they are not in.
    pub fn admin_team_access_disabled(&self) -> bool {
        self.admin_team_access_disabled
    }

    /// Whether teams get no new service accounts.
    pub fn team_services_disabled(&self) -> bool {
        self.team_services_disabled
    }

    /// Whether DELETE of a user by SCIM deactivates only.
    pub fn scim_delete_deactivates(&self) -> bool {
        self.scim_delete_deactivates
    }

    /// The bounds on runs.
    pub fn runs(&self) -> &RunLimits {
        &self.runs
    }

    /// The bounds on what a directory takes from people.
    pub fn fuse(&self) -> FuseBounds {
        self.fuse
    }

    /// Who may sign in, and how, beside a password.
    pub fn sign_in(&self) -> SignIn {
        self.sign_in
    }

    /// The OpenID provider.
    pub fn oidc(&self) -> &Arc<Oidc> {
        &self.oidc
    }

    /// The directory.
    pub fn ldap(&self) -> &Arc<Ldap> {
        &self.ldap
    }

    /// How tokens of other issuers are exchanged.
    pub fn federation(&self) -> Federation {
        self.federation
    }

    /// The mail server.
    pub fn mail(&self) -> &Arc<mail::Mail> {
        &self.mail
    }

    /// The ways in besides the company's sign-in.
    pub fn people(&self) -> &Arc<mail::People> {
        &self.people
    }

    /// Whether people sign in through the company at present.
    pub fn is_sso_on(&self) -> bool {
        !self.sign_in.restore && (self.oidc.enabled || self.ldap.login)
    }

    /// Whether members who are not admins may create teams.
    pub fn members_may_create_teams(&self) -> bool {
        self.members_may_create_teams
    }
}

fn resolve_one(setting: &'static Setting, env: &Env, saved: &HashMap<String, String>) -> Result<Resolved> {
    let mut found: Option<(String, Value, String)> = None;
    for name in setting.env {
        let Some(text) = env.get(name)? else { continue };
        let value = setting.kind.parse(&text).ok_or_else(|| unreadable(setting, name, &text))?;
        match &found {
            Some((first, other, _)) if *other != value && setting.secret => {
                tracing::warn!("{first} and {name} mean the same secret and differ; {first} is used");
            }
            Some((first, other, _)) if *other != value => {
                return Err(Error::new(
                    Code::Misconfigured,
                    format!("{first} and {name} mean the same setting and differ."),
                )
                .hint(format!("Unset {name}.")));
            }
            Some(_) => {}
            None => found = Some(((*name).to_owned(), value, text)),
        }
    }
    let kept = saved.get(setting.key).filter(|text| !text.is_empty());
    if let Some((name, value, text)) = found {
        let text = setting.kind.open_text(&text);
        return Ok(Resolved { setting, value, text, source: Source::Env(name), shadowed: kept.cloned() });
    }
    let (text, source) = match kept {
        Some(text) => (text.as_str(), Source::Saved),
        None => (setting.default, Source::Default),
    };
    let value = setting.kind.parse(text).ok_or_else(|| unreadable(setting, "its saved value", text))?;
    Ok(Resolved { setting, value, text: setting.kind.open_text(text), source, shadowed: None })
}

fn unreadable(setting: &Setting, origin: &str, text: &str) -> Error {
    let shown = if setting.secret { "its value".to_owned() } else { format!("{text:?}") };
    Error::new(Code::Misconfigured, format!("The setting {} cannot take {shown} from {origin}.", setting.key))
        .hint(format!("Give {}.", setting.kind.describe().replace('`', "")))
}

/// The snapshot in force; a change swaps it whole, and a request keeps the one it began with.
pub struct LiveSettings(RwLock<Arc<Settings>>);

impl LiveSettings {
    /// Starts with `settings` in force.
    pub fn new(settings: Settings) -> Self {
        LiveSettings(RwLock::new(Arc::new(settings)))
    }

    /// The snapshot in force now.
    pub fn current(&self) -> Arc<Settings> {
        Arc::clone(&self.0.read())
    }

    /// Puts `settings` in force for every request that begins from now on.
    pub fn replace(&self, settings: Settings) {
        *self.0.write() = Arc::new(settings);
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::clock::HOUR;

    fn saved(pairs: &[(&str, &str)]) -> HashMap<String, String> {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    #[test]
    fn environment_beats_saved_beats_default_and_the_hidden_value_is_kept() {
        let none = Settings::resolve(&Env::of(&[]), &saved(&[])).unwrap();
        assert_eq!(none.session_length(), 720 * HOUR);
        assert_eq!(none.all()[0].source, Source::Default);
        let kept = saved(&[(SESSION_LENGTH, "5")]);
        let from_store = Settings::resolve(&Env::of(&[]), &kept).unwrap();
        assert_eq!((from_store.session_length(), &from_store.all()[0].source), (5 * HOUR, &Source::Saved));
        let env = Env::of(&[("GORILLA_SESSION_LENGTH", "720h")]);
        let pinned = Settings::resolve(&env, &kept).unwrap();
        assert_eq!(pinned.session_length(), 720 * HOUR);
        assert_eq!(pinned.all()[0].source, Source::Env("GORILLA_SESSION_LENGTH".into()));
        assert_eq!(pinned.all()[0].shadowed.as_deref(), Some("5"));
    }

    #[test]
    fn what_cannot_be_meant_is_refused_by_name() {
        for text in ["0", "-1", "0h", "week", "1.5", "99999999999999", "true"] {
            let error = Settings::resolve(&Env::of(&[("SESSION_LENGTH", text)]), &saved(&[])).unwrap_err();
            assert!(error.sentence().contains("SESSION_LENGTH"), "{text}: {}", error.sentence());
        }
        let both = Env::of(&[("SESSION_LENGTH", "24"), ("GORILLA_SESSION_LENGTH", "25h")]);
        assert!(Settings::resolve(&both, &saved(&[])).is_err());
        let same = Env::of(&[("SESSION_LENGTH", "24"), ("GORILLA_SESSION_LENGTH", "24h")]);
        assert_eq!(Settings::resolve(&same, &saved(&[])).unwrap().session_length(), 24 * HOUR);
        let yes = Env::of(&[("GORILLA_ALLOW_USER_TEAM_CREATION", "Yes")]);
        assert!(Settings::resolve(&yes, &saved(&[])).unwrap().members_may_create_teams());
    }

    #[test]
    fn sizes_take_binary_units() {
        for (text, bytes) in [("1048576", 1 << 20), ("64MiB", 64 << 20), (" 5 GiB ", 5 << 30), ("2TiB", 2 << 40)] {
            assert_eq!(Kind::Bytes.parse(text), Some(Value::Number(bytes)), "{text}");
        }
        for text in ["", "0", "-1", "64MB", "1e6", "99999999999TiB", "MiB"] {
            assert_eq!(Kind::Bytes.parse(text), None, "{text}");
        }
    }

    #[test]
    fn keys_and_variables_are_unique() {
        let mut seen = std::collections::BTreeSet::new();
        for setting in settings() {
            assert!(seen.insert(setting.key), "{}", setting.key);
            assert!(setting.env.iter().all(|name| seen.insert(name)), "{}", setting.key);
            assert!(setting.kind.parse(setting.default).is_some(), "{}", setting.key);
        }
    }
}
