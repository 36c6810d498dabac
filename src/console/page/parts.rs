//! The small parts pages share: marks (word, symbol, tone), times, form fields, flashes, reason chains, event lines.
//! The words for roles, states and visibilities live here once. Rendered by `templates/macros.html`.

use crate::model::project::Visibility;
use crate::model::team::StorageType;
use std::borrow::Cow;

/// A word with a symbol and a tone; meaning never rests on colour alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// The word.
    pub label: Cow<'static, str>,
    /// Symbol in `assets/icons.svg`.
    pub icon: &'static str,
    /// Class: empty, `ok`, `warn`, `danger`, `info` or `accent`.
    pub tone: &'static str,
}

impl Mark {
    const fn new(label: &'static str, icon: &'static str, tone: &'static str) -> Self {
        Self { label: Cow::Borrowed(label), icon, tone }
    }
    /// A role by its word: a predefined one, or a custom one's own name.
    #[must_use]
    pub fn role(name: &str) -> Self {
        match name {
            "admin" => Self::new("Admin", "shield", "accent"),
            "member" => Self::new("Member", "person", ""),
            "viewer" => Self::new("Viewer", "eye", ""),
            "service" => Self::new("Service account", "robot", "info"),
            "" => Self::new("No role", "no", ""),
            custom => Self { label: Cow::Owned(custom.to_owned()), icon: "shield", tone: "info" },
        }
    }
    /// How far a seat reaches, by its stored name.
    #[must_use]
    pub fn seat(name: &str) -> Self {
        match name {
            "full" => Self::new("Full", "check", ""),
            "viewer" => Self::new("Viewer", "eye", "warn"),
            _ => Self::new("No access", "no", "danger"),
        }
    }
    /// What a run does, by its stored name.
    #[must_use]
    pub fn run(name: &str) -> Self {
        match name {
            "pending" => Self::new("Pending", "clock", ""),
            "running" => Self::new("Running", "chart", "info"),
            "finished" => Self::new("Finished", "yes", "ok"),
            "failed" => Self::new("Failed", "no", "danger"),
            "crashed" => Self::new("Crashed", "warn", "danger"),
            "killed" => Self::new("Stopped", "pause", "warn"),
            "preempting" | "preempted" => Self::new("Preempted", "pause", "warn"),
            _ => Self::new("Unknown", "info", ""),
        }
    }
    /// A person's state by its stored name.
    #[must_use]
    pub fn status(name: &str) -> Self {
        match name {
            "active" => Self::new("Active", "yes", "ok"),
            "deactivated" | "suspended" => Self::new("Deactivated", "pause", "warn"),
            "deleted" => Self::new("Deleted", "trash", "danger"),
            "pending" => Self::new("Pending", "clock", "warn"),
            _ => Self::new("Unknown", "info", ""),
        }
    }
    /// A project's visibility by its stored name.
    #[must_use]
    pub fn visibility(name: &str) -> Self {
        match name {
            "open" => Self::new("Open", "globe", "warn"),
            "public" => Self::new("Public", "eye", "info"),
            "team" => Self::new("Team", "teams", ""),
            "restricted" => Self::new("Restricted", "lock", "accent"),
            _ => Self::new("Unknown", "info", ""),
        }
    }
    /// May read and submit runs.
    #[must_use]
    pub fn submits() -> Self {
        Self::new("Reads and submits", "check", "ok")
    }
    /// May read only.
    #[must_use]
    pub fn reads() -> Self {
        Self::new("Reads", "eye", "")
    }
    /// How far a mail came, by its stored name.
    #[must_use]
    pub fn mail(name: &str) -> Self {
        match name {
            "waiting" => Self::new("Waiting", "clock", "warn"),
            "sent" => Self::new("Sent", "yes", "ok"),
            "refused" => Self::new("Refused", "no", "danger"),
            "given up" => Self::new("Given up", "no", "danger"),
            _ => Self::new("Not needed any more", "no", ""),
        }
    }
    /// Whether an invitation can still be taken up, and how.
    #[must_use]
    pub fn invitation(is_over: bool, has_no_link: bool) -> Self {
        match (is_over, has_no_link) {
            (true, _) => Self::new("Expired", "clock", "danger"),
            (false, true) => Self::new("Waits for an account", "clock", "warn"),
            (false, false) => Self::new("Waits for an answer", "clock", "warn"),
        }
    }
    /// What becomes, or became, of a line of a list of people to invite.
    #[must_use]
    pub fn will(what: &str, done: bool) -> Self {
        match (what, done) {
            ("invited", false) => Self::new("Will be invited", "plus", "ok"),
            ("invited", true) => Self::new("Invited", "yes", "ok"),
            ("added", false) => Self::new("Will be added", "plus", "ok"),
            ("added", true) => Self::new("Added", "yes", "ok"),
            ("there", _) => Self::new("Is there already", "check", "warn"),
            ("waits", _) => Self::new("Is invited already", "clock", "warn"),
            (_, false) => Self::new("Will be left out", "no", "danger"),
            (_, true) => Self::new("Left out", "no", "danger"),
        }
    }
    /// Whether a domain is proved, and how.
    #[must_use]
    pub fn proof(by: Option<&str>) -> Self {
        match by {
            Some(by) => Self { label: Cow::Owned(format!("Proved by {by}")), icon: "yes", tone: "ok" },
            None => Self::new("Not proved yet", "clock", "warn"),
        }
    }
    /// Whether something is on.
    #[must_use]
    pub fn switched(on: bool) -> Self {
        if on { Self::new("On", "yes", "ok") } else { Self::new("Off", "no", "") }
    }
    /// Whether a key still works.
    #[must_use]
    pub fn key(expired: bool) -> Self {
        if expired { Self::new("Expired", "clock", "danger") } else { Self::new("Works", "yes", "ok") }
    }
    /// How a service account proves who it is.
    #[must_use]
    pub fn method(federated: bool) -> Self {
        if federated { Self::new("Federated identity", "shield", "info") } else { Self::new("API key", "key", "") }
    }
    /// The session this page was asked with.
    #[must_use]
    pub fn this_session() -> Self {
        Self::new("This session", "yes", "ok")
    }
    /// What is taken from an account by a change that is held back.
    #[must_use]
    pub fn loss(name: &str) -> Self {
        match name {
            "delete" => Self::new("Deleted", "trash", "danger"),
            "leave" => Self::new("Leaves the team", "out", "warn"),
            _ => Self::new("Deactivated", "pause", "warn"),
        }
    }
    /// Whether held changes wait for a decision.
    #[must_use]
    pub fn held(waits: bool) -> Self {
        if waits { Self::new("Waits for you", "pause", "warn") } else { Self::new("Not possible", "no", "danger") }
    }
    /// Who keeps the members of a team: the connection of this name, or its own admins.
    #[must_use]
    pub fn managed(by: Option<&str>) -> Self {
        match by {
            Some(name) => Self { label: Cow::Owned(name.to_owned()), icon: "path", tone: "info" },
            None => Self::new("Local", "teams", ""),
        }
    }
    /// Where an issuer's keys come from.
    #[must_use]
    pub fn keys(name: &str) -> Self {
        match name {
            "discovered" => Self::new("Keys discovered", "globe", "ok"),
            "stale" => Self::new("Pasted keys go stale", "clock", "warn"),
            _ => Self::new("Keys pasted", "key", "info"),
        }
    }
    /// How a request was answered.
    #[must_use]
    pub fn answered(status: u16, dry_run: bool) -> Self {
        let (icon, tone) = match status {
            ..400 => ("yes", "ok"),
            400..500 => ("no", "warn"),
            _ => ("warn", "danger"),
        };
        let word = if dry_run { format!("{status}, dry run") } else { status.to_string() };
        Self { label: Cow::Owned(word), icon, tone }
    }
    /// Where a setting's value comes from.
    #[must_use]
    pub fn source(name: &str) -> Self {
        match name {
            "env" => Self::new("Environment", "lock", "info"),
            "saved" => Self::new("Saved", "check", "accent"),
            "flag" => Self::new("Command line", "lock", "info"),
            _ => Self::new("Default", "settings", ""),
        }
    }
}

/// A moment: exact for machines and the tooltip, relative for people.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stamp {
    /// RFC 3339 in UTC; empty when it never happened.
    pub exact: String,
    /// "4 minutes ago", "3 May 2026", or the word for never.
    pub ago: String,
    /// Whether `ago` is a day, which is another one elsewhere on earth.
    pub is_day: bool,
    /// "Sunday 3 May 2026, 14:02:07 UTC", for whoever points at it.
    pub full: String,
    /// "14:02 UTC", where the day stands above.
    pub clock: String,
}

impl Stamp {
    /// The word for what did not happen or has no end.
    #[must_use]
    pub fn never(word: &str) -> Self {
        Self { ago: word.to_owned(), ..Self::default() }
    }
    /// Whether there is no moment behind it.
    #[must_use]
    pub fn is_never(&self) -> bool {
        self.exact.is_empty()
    }
}

/// A form that takes the last action back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undo {
    /// Where it posts.
    pub action: String,
    /// Its hidden fields.
    pub fields: Vec<(String, String)>,
}

/// The quiet confirmation after an action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flash {
    /// Empty (it worked) or `danger`.
    pub tone: &'static str,
    /// One sentence.
    pub text: String,
    /// How to take it back, where that is possible.
    pub undo: Option<Undo>,
}

impl Flash {
    /// The symbol beside the sentence.
    #[must_use]
    pub fn icon(&self) -> &'static str {
        if self.tone == "danger" { "warn" } else { "yes" }
    }
}

/// One input of a form with its label, help and error.
#[derive(Debug, Clone, Default)]
pub struct Field {
    /// Name and id.
    pub name: &'static str,
    /// The label above.
    pub label: &'static str,
    /// The sentence below.
    pub help: &'static str,
    /// The input's type.
    pub kind: &'static str,
    /// What was entered; never a password.
    pub value: String,
    /// What is wrong and what to do; empty when nothing is.
    pub error: String,
    /// The autocomplete token.
    pub autocomplete: &'static str,
    /// Whether it may stay empty.
    pub optional: bool,
    /// Longest input in characters; 0 for no limit.
    pub max: usize,
    /// Id of a datalist; empty for none.
    pub list: &'static str,
}

impl Field {
    /// A required text field.
    #[must_use]
    pub fn text(name: &'static str, label: &'static str) -> Self {
        Self { name, label, kind: "text", autocomplete: "off", max: 200, ..Self::default() }
    }
    /// A required e-mail field.
    #[must_use]
    pub fn email(name: &'static str, label: &'static str) -> Self {
        Self { kind: "email", ..Self::text(name, label) }
    }
    /// A password field; `current-password` or `new-password` tells password managers what to do.
    #[must_use]
    pub fn password(name: &'static str, label: &'static str, autocomplete: &'static str) -> Self {
        Self { kind: "password", autocomplete, max: 512, ..Self::text(name, label) }
    }
    /// With help below.
    #[must_use]
    pub fn help(self, help: &'static str) -> Self {
        Self { help, ..self }
    }
    /// With what was entered before.
    #[must_use]
    pub fn value(self, value: &str) -> Self {
        Self { value: value.to_owned(), ..self }
    }
    /// With an autocomplete token.
    #[must_use]
    pub fn autocomplete(self, autocomplete: &'static str) -> Self {
        Self { autocomplete, ..self }
    }
    /// May stay empty.
    #[must_use]
    pub fn optional(self) -> Self {
        Self { optional: true, ..self }
    }
    /// With an error in place.
    #[must_use]
    pub fn wrong(self, error: &str) -> Self {
        Self { error: error.to_owned(), ..self }
    }
}

/// One choice of a select or a group of radio buttons.
#[derive(Debug, Clone, Default)]
pub struct Choice {
    /// What is sent.
    pub value: String,
    /// What is read.
    pub label: String,
    /// A sentence below; may be empty.
    pub help: Cow<'static, str>,
    /// Why it cannot be chosen; empty where it can.
    pub off: String,
    /// Whether it is the current one.
    pub chosen: bool,
}

/// A switch of a form: on or off, perhaps held by somebody above.
#[derive(Debug, Clone)]
pub struct Switch {
    /// Name and id.
    pub name: &'static str,
    /// What is read.
    pub label: &'static str,
    /// The sentence below.
    pub help: &'static str,
    /// Whether it is on.
    pub on: bool,
    /// Who holds it where it cannot be changed here; empty where it can.
    pub held: String,
}

/// The three roles of an organization, with what they mean.
#[must_use]
pub fn org_roles(chosen: &str) -> Vec<Choice> {
    roles(
        chosen,
        [
            ("admin", "Admin", "Manages people, teams, keys and settings of the whole organization."),
            ("member", "Member", "Works in the teams they belong to and in open and public projects."),
            ("viewer", "Viewer", "Reads what their teams and public projects show, changes nothing."),
        ],
    )
}

/// The three roles of a team, with what they mean.
#[must_use]
pub fn team_roles(chosen: &str) -> Vec<Choice> {
    roles(
        chosen,
        [
            ("admin", "Admin", "Adds and removes people, changes roles and the team's settings."),
            ("member", "Member", "Creates and changes the team's projects and runs."),
            ("viewer", "Viewer", "Reads the team's projects and runs."),
        ],
    )
}

fn roles(chosen: &str, all: [(&'static str, &'static str, &'static str); 3]) -> Vec<Choice> {
    all.into_iter()
        .map(|(value, label, help)| Choice {
            value: value.to_owned(),
            label: label.to_owned(),
            help: Cow::Borrowed(help),
            chosen: value == chosen,
            ..Choice::default()
        })
        .collect()
}

/// Where a team may want its files.
#[must_use]
pub fn storage_types(chosen: &str) -> Vec<Choice> {
    StorageType::ALL
        .into_iter()
        .map(|s| Choice {
            value: s.as_str().to_owned(),
            label: s.label().to_owned(),
            chosen: s.as_str() == chosen,
            ..Choice::default()
        })
        .collect()
}

/// The three reaches of a seat.
#[must_use]
pub fn seats(chosen: &str) -> Vec<Choice> {
    roles(chosen, [("full", "Full", ""), ("viewer", "Viewer", ""), ("none", "No access", "")])
}

/// The four visibilities of a project, with what they mean.
#[must_use]
pub fn visibilities(chosen: &str) -> Vec<Choice> {
    Visibility::ALL
        .into_iter()
        .map(|v| Choice {
            value: v.as_str().to_owned(),
            label: Mark::visibility(v.as_str()).label.into_owned(),
            help: Cow::Borrowed(v.meaning()),
            chosen: v.as_str() == chosen,
            ..Choice::default()
        })
        .collect()
}

/// One tab of a thing that has parts.
#[derive(Debug, Clone)]
pub struct Tab {
    /// What is read.
    pub label: &'static str,
    /// Where it leads.
    pub href: String,
    /// Whether it is the current one.
    pub current: bool,
    /// How many things are behind it.
    pub count: Option<usize>,
}

/// The pages about the organization: their groups, and the pages of the current one. Empty for whoever sees one page only.
#[derive(Debug, Clone, Default)]
pub struct Area {
    /// The groups.
    pub groups: Vec<Tab>,
    /// The pages of the current group.
    pub pages: Vec<Tab>,
}

/// One step of a reason chain.
#[derive(Debug, Clone)]
pub struct Reason {
    /// The rule's permanent name.
    pub rule: String,
    /// The sentence.
    pub text: String,
    /// `yes` or `no` on the last step, else empty.
    pub tone: &'static str,
}

impl Reason {
    /// The symbol beside the sentence.
    #[must_use]
    pub fn icon(&self) -> &'static str {
        match self.tone {
            "yes" => "yes",
            "no" => "no",
            _ => "step",
        }
    }
}

/// A piece of an event's sentence, linked where it names a thing.
#[derive(Debug, Clone)]
pub struct Part {
    /// What is read.
    pub text: String,
    /// Where it leads; empty for plain words.
    pub href: String,
}

/// One changed field of an event.
#[derive(Debug, Clone)]
pub struct Change {
    /// The field.
    pub field: String,
    /// Before; empty when there was nothing.
    pub before: String,
    /// After; empty when there is nothing.
    pub after: String,
}

/// One line of the timeline.
#[derive(Debug, Clone)]
pub struct EventLine {
    /// The event's id, also its permanent address.
    pub id: String,
    /// When.
    pub at: Stamp,
    /// Symbol.
    pub icon: &'static str,
    /// Whether it was refused.
    pub denied: bool,
    /// "root changed ana's role in acme".
    pub sentence: Vec<Part>,
    /// Whether origin and reasons are shown below the sentence.
    pub full: bool,
    /// Whether the reasons are opened.
    pub open: bool,
    /// Address, credential, request id.
    pub meta: Vec<String>,
    /// What changed.
    pub changes: Vec<Change>,
    /// Why it was allowed or denied.
    pub chain: Vec<Reason>,
}

/// A name that links to its page.
#[derive(Debug, Clone)]
pub struct Link {
    /// What is read.
    pub label: String,
    /// Where it leads.
    pub href: String,
}
