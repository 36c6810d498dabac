//! How the server behaves: every setting once, in [`SETTINGS`]. The parser, `settings list`, the console's page and the
//! README's table derive from that list. Precedence: environment, then what was saved, then the default; a saved value
//! that the environment hides is kept and shown, since it would come alive when the variable is removed.
//! How the server *starts* (addresses, files) is not here but in `config/mod.rs`.

use super::env::{Env, parse_bool};
use super::span;
use crate::clock::{HOUR, Millis};
use crate::error::{Code, Error, Result};
use parking_lot::RwLock;
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

/// What a setting's text must look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `true 1 yes on` or `false 0 no off`.
    Bool,
    /// A positive length of time: a whole number of hours, or a span such as `720h` or `30d`.
    Hours,
    /// A positive length of time, such as `5m`.
    Span,
    /// A number of bytes, such as `1048576` or `64MiB`.
    Bytes,
    /// A whole number above 0.
    Count,
    /// One of two words.
    Either(&'static str, &'static str),
}

impl Kind {
    /// What to write, for the table and for messages.
    pub fn describe(self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Kind::Bool => "`true` or `false`",
            Kind::Hours => "a whole number of hours above 0, or a length of time such as `720h`",
            Kind::Span => "a length of time such as `5m`",
            Kind::Bytes => "a number of bytes above 0, such as `1048576` or `64MiB`",
            Kind::Count => "a whole number above 0",
            Kind::Either(one, other) => return Cow::Owned(format!("`{one}` or `{other}`")),
        })
    }

    /// Reads a value of this kind; `None` when the text is not one.
    pub fn parse(self, text: &str) -> Option<Value> {
        match self {
            Kind::Bool => parse_bool(text).map(Value::Bool),
            Kind::Hours => {
                let text = text.trim();
                let span = match text.parse::<i64>() {
                    Ok(hours) => hours.checked_mul(HOUR)?,
                    Err(_) => span::parse(text)?,
                };
                (span > 0 && span <= span::LONGEST).then_some(Value::Span(span))
            }
            Kind::Span => span::parse(text).filter(|span| *span > 0).map(Value::Span),
            Kind::Either(one, other) => {
                let text = text.trim();
                [one, other].into_iter().find(|word| word.eq_ignore_ascii_case(text)).map(Value::Word)
            }
            Kind::Bytes => parse_bytes(text).map(Value::Number),
            Kind::Count => text.trim().parse().ok().filter(|n| *n > 0 && *n <= 1_000_000_000).map(Value::Number),
        }
    }
}

/// A number with or without `KiB`, `MiB`, `GiB` or `TiB`, above 0 and below an exbibyte.
fn parse_bytes(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let number: u64 = text.get(..digits)?.parse().ok()?;
    let unit = match text[digits..].trim() {
        "" => 0,
        "KiB" => 10,
        "MiB" => 20,
        "GiB" => 30,
        "TiB" => 40,
        _ => return None,
    };
    number.checked_mul(1 << unit).filter(|n| *n > 0 && *n < 1 << 60)
}

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

/// `session.length`.
pub const SESSION_LENGTH: &str = "session.length";
/// `teams.members_may_create`.
pub const MEMBERS_MAY_CREATE_TEAMS: &str = "teams.members_may_create";
/// `runs.crashed_after`.
pub const RUN_CRASHED_AFTER: &str = "runs.crashed_after";
/// `runs.lines_limit`.
pub const RUN_LINES_LIMIT: &str = "runs.lines_limit";
/// `runs.line_limit`.
pub const RUN_LINE_LIMIT: &str = "runs.line_limit";
/// `runs.text_limit`.
pub const RUN_TEXT_LIMIT: &str = "runs.text_limit";
/// `runs.tags_limit`.
pub const RUN_TAGS_LIMIT: &str = "runs.tags_limit";
/// `runs.file_limit`.
pub const RUN_FILE_LIMIT: &str = "runs.file_limit";
/// `runs.files_limit`.
pub const RUN_FILES_LIMIT: &str = "runs.files_limit";
/// `runs.project_limit`.
pub const RUN_PROJECT_LIMIT: &str = "runs.project_limit";

/// `provisioning.fuse_accounts`.
pub const FUSE_ACCOUNTS: &str = "provisioning.fuse_accounts";
/// `provisioning.fuse_percent`.
pub const FUSE_PERCENT: &str = "provisioning.fuse_percent";
/// `provisioning.fuse_window`.
pub const FUSE_WINDOW: &str = "provisioning.fuse_window";

/// `personal_entities.disabled`.
pub const PERSONAL_ENTITIES_DISABLED: &str = "personal_entities.disabled";
/// `teams.admin_access_disabled`.
pub const ADMIN_TEAM_ACCESS_DISABLED: &str = "teams.admin_access_disabled";
/// `scim.delete_mode`.
pub const SCIM_DELETE_MODE: &str = "scim.delete_mode";

/// Every setting there is.
pub const SETTINGS: &[Setting] = &[
    Setting {
        key: SESSION_LENGTH,
        env: &["SESSION_LENGTH", "GORILLA_SESSION_LENGTH"],
        kind: Kind::Hours,
        default: "720",
        secret: false,
        doc: "How long a browser session lasts, in hours.",
        caution: "",
    },
    Setting {
        key: MEMBERS_MAY_CREATE_TEAMS,
        env: &["GORILLA_ALLOW_USER_TEAM_CREATION"],
        kind: Kind::Bool,
        default: "false",
        secret: false,
        doc: "Whether members of the organization who are not its admins may create teams.",
        caution: "",
    },
    Setting {
        key: PERSONAL_ENTITIES_DISABLED,
        env: &["GORILLA_DISABLE_PERSONAL_ENTITY"],
        kind: Kind::Bool,
        default: "false",
        secret: false,
        doc: "Whether personal namespaces are closed: no new personal projects, nothing written to existing ones; reading stays.",
        caution: "Scripts that name no team submit to the personal namespace and will fail from then on.",
    },
    Setting {
        key: ADMIN_TEAM_ACCESS_DISABLED,
        env: &["GORILLA_DISABLE_ADMIN_TEAM_ACCESS"],
        kind: Kind::Bool,
        default: "false",
        secret: false,
        doc: "Whether organization admins are kept out of teams: they cannot add themselves, make service accounts or keys there, or change the visibility of projects in teams they are not in.",
        caution: "A team whose last admin leaves can then be repaired only by adding somebody else to it.",
    },
    Setting {
        key: SCIM_DELETE_MODE,
        env: &["SCIM_DELETE_MODE"],
        kind: Kind::Either("delete", "deactivate"),
        default: "delete",
        secret: false,
        doc: "What DELETE of a user by SCIM does: deletes the account for good, or deactivates it and keeps it listed.",
        caution: "",
    },
    Setting {
        key: RUN_CRASHED_AFTER,
        env: &["BAILIWICK_RUN_CRASHED_AFTER"],
        kind: Kind::Span,
        default: "5m",
        secret: false,
        doc: "How long a running run may be silent before it counts as crashed. The client reports at least every 30 seconds.",
        caution: "",
    },
    Setting {
        key: RUN_LINES_LIMIT,
        env: &["BAILIWICK_RUN_LINES_LIMIT"],
        kind: Kind::Bytes,
        default: "1GiB",
        secret: false,
        doc: "How much history, machine metrics and console output one run may have.",
        caution: "",
    },
    Setting {
        key: RUN_LINE_LIMIT,
        env: &["BAILIWICK_RUN_LINE_LIMIT"],
        kind: Kind::Bytes,
        default: "1MiB",
        secret: false,
        doc: "How long one line of history or console output may be.",
        caution: "",
    },
    Setting {
        key: RUN_TEXT_LIMIT,
        env: &["BAILIWICK_RUN_TEXT_LIMIT"],
        kind: Kind::Bytes,
        default: "1MiB",
        secret: false,
        doc: "How large the configuration and the summary of a run may be, each.",
        caution: "",
    },
    Setting {
        key: RUN_TAGS_LIMIT,
        env: &["BAILIWICK_RUN_TAGS_LIMIT"],
        kind: Kind::Count,
        default: "100",
        secret: false,
        doc: "How many tags a run may have.",
        caution: "",
    },
    Setting {
        key: RUN_FILE_LIMIT,
        env: &["BAILIWICK_RUN_FILE_LIMIT"],
        kind: Kind::Bytes,
        default: "5GiB",
        secret: false,
        doc: "How large one file of a run may be.",
        caution: "",
    },
    Setting {
        key: RUN_FILES_LIMIT,
        env: &["BAILIWICK_RUN_FILES_LIMIT"],
        kind: Kind::Count,
        default: "10000",
        secret: false,
        doc: "How many files one run may have.",
        caution: "",
    },
    Setting {
        key: RUN_PROJECT_LIMIT,
        env: &["BAILIWICK_RUN_PROJECT_LIMIT"],
        kind: Kind::Bytes,
        default: "100GiB",
        secret: false,
        doc: "How much the runs of one project may have in all, files included.",
        caution: "",
    },
    Setting {
        key: FUSE_ACCOUNTS,
        env: &["BAILIWICK_PROVISIONING_FUSE_ACCOUNTS"],
        kind: Kind::Count,
        default: "20",
        secret: false,
        doc: "How many accounts a directory may deactivate, delete or take out of teams within the window before the rest is held back for approval, if they are also above the share.",
        caution: "",
    },
    Setting {
        key: FUSE_PERCENT,
        env: &["BAILIWICK_PROVISIONING_FUSE_PERCENT"],
        kind: Kind::Count,
        default: "10",
        secret: false,
        doc: "Which share of all people, in percent, that number must be above as well. 100 never holds anything back.",
        caution: "A directory that fails, or falls into wrong hands, can then lock everybody else out at once.",
    },
    Setting {
        key: FUSE_WINDOW,
        env: &["BAILIWICK_PROVISIONING_FUSE_WINDOW"],
        kind: Kind::Span,
        default: "1h",
        secret: false,
        doc: "How far back those accounts are counted.",
        caution: "",
    },
];

/// A setting's value, parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Yes or no.
    Bool(bool),
    /// A length of time.
    Span(Millis),
    /// A size or a count.
    Number(u64),
    /// A word.
    Word(&'static str),
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
#[derive(Clone, Debug)]
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

impl Resolved {
    /// The value for people's eyes: secrets read "set".
    pub fn shown(&self) -> &str {
        if self.setting.secret { "set" } else { &self.text }
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
    scim_delete_deactivates: bool,
    runs: RunLimits,
    fuse: FuseBounds,
}

impl Settings {
    /// Resolves every setting from the environment, what was `saved` (key to text) and the defaults.
    /// Fails naming the culprit and its source.
    pub fn resolve(env: &Env, saved: &HashMap<String, String>) -> Result<Settings> {
        let resolved = SETTINGS.iter().map(|s| resolve_one(s, env, saved)).collect::<Result<Vec<_>>>()?;
        let find = |key: &str| resolved.iter().find(|r| r.setting.key == key).map(|r| r.value.clone());
        let wrong = |key: &str| Error::internal(format!("setting {key} has another kind than its getter"));
        let session_length = match find(SESSION_LENGTH) {
            Some(Value::Span(span)) => span,
            _ => return Err(wrong(SESSION_LENGTH)),
        };
        let flag = |key: &str| match find(key) {
            Some(Value::Bool(yes)) => Ok(yes),
            _ => Err(wrong(key)),
        };
        let number = |key: &str| match find(key) {
            Some(Value::Number(n)) => Ok(n),
            _ => Err(wrong(key)),
        };
        let runs = RunLimits {
            crashed_after: match find(RUN_CRASHED_AFTER) {
                Some(Value::Span(span)) => span,
                _ => return Err(wrong(RUN_CRASHED_AFTER)),
            },
            lines: number(RUN_LINES_LIMIT)?,
            line: number(RUN_LINE_LIMIT)?,
            text: number(RUN_TEXT_LIMIT)?,
            tags: number(RUN_TAGS_LIMIT)?,
            file: number(RUN_FILE_LIMIT)?,
            files: number(RUN_FILES_LIMIT)?,
            project: number(RUN_PROJECT_LIMIT)?,
        };
        let fuse = FuseBounds {
            accounts: number(FUSE_ACCOUNTS)?,
            percent: number(FUSE_PERCENT)?,
            window: match find(FUSE_WINDOW) {
                Some(Value::Span(span)) => span,
                _ => return Err(wrong(FUSE_WINDOW)),
            },
        };
        Ok(Settings {
            session_length,
            members_may_create_teams: flag(MEMBERS_MAY_CREATE_TEAMS)?,
            personal_entities_disabled: flag(PERSONAL_ENTITIES_DISABLED)?,
            admin_team_access_disabled: flag(ADMIN_TEAM_ACCESS_DISABLED)?,
            scim_delete_deactivates: find(SCIM_DELETE_MODE) == Some(Value::Word("deactivate")),
            runs,
            fuse,
            resolved,
        })
    }

    /// Every setting with its source, in the order of [`SETTINGS`].
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
        return Ok(Resolved { setting, value, text, source: Source::Env(name), shadowed: kept.cloned() });
    }
    let (text, source) = match kept {
        Some(text) => (text.as_str(), Source::Saved),
        None => (setting.default, Source::Default),
    };
    let value = setting.kind.parse(text).ok_or_else(|| unreadable(setting, "its saved value", text))?;
    Ok(Resolved { setting, value, text: text.to_owned(), source, shadowed: None })
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
        for setting in SETTINGS {
            assert!(seen.insert(setting.key), "{}", setting.key);
            assert!(setting.env.iter().all(|name| seen.insert(name)), "{}", setting.key);
            assert!(setting.kind.parse(setting.default).is_some(), "{}", setting.key);
        }
    }
}
