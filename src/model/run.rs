//! Runs: the small workload that the access rules guard. A run is one execution of somebody's script that reports what it
//! measures; who submitted it matters for the rules. [`Run`] is what is known from its start, [`Progress`] what changes while it
//! runs; lines, texts and files are rows of their own, so that a heartbeat rewrites little.

use super::{ProjectId, RunId, UserId};
use crate::clock::Millis;
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};

/// One run of a project.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Permanent.
    pub id: RunId,
    /// The project it is in now; moving changes it.
    pub project: ProjectId,
    /// What the wandb client calls the run id: unique in its project, compared exactly, kept when the run is deleted.
    pub name: String,
    /// The account whose credential submitted it. Stays when that account leaves the team.
    pub creator: UserId,
    /// The person a service account submitted it for.
    #[serde(default)]
    pub author: Option<UserId>,
    /// Whom the service account named to submit it for, where that had no effect: nobody who could have been meant.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub unfit_author: String,
    /// When it was submitted.
    pub created_at: Millis,
    /// Since when it is deleted; a deleted run can be brought back.
    #[serde(default)]
    pub deleted_at: Option<Millis>,
    /// The name for people; empty until one is given.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub display_name: String,
    /// What people wrote about it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub notes: String,
    /// What the script says of itself; older clients use it for notes.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Words to find it by.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// What it belongs together with.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub group: String,
    /// Its part in the group, such as `train`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub job_type: String,
    /// The commit of its source.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub commit: String,
    /// The machine, as the client says.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub host: String,
    /// The program, as the client says.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub program: String,
}

impl Run {
    /// Whether `user` submitted it, or had it submitted: the one who may do to it what others may not.
    pub fn is_own(&self, user: UserId) -> bool {
        self.creator == user || self.author == Some(user)
    }

    /// Whom it is shown as: the person it was submitted for, else the account that submitted it.
    pub fn shown_as(&self) -> UserId {
        self.author.unwrap_or(self.creator)
    }

    /// The name for people, or the run id where it has none.
    pub fn label(&self) -> &str {
        if self.display_name.is_empty() { &self.name } else { &self.display_name }
    }
}

/// What a run does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunState {
    /// It waits to be started.
    Pending,
    /// It reports.
    Running,
    /// It ended with exit code 0.
    Finished,
    /// It ended with another exit code, or somebody said so.
    Failed,
    /// It stopped reporting without saying that it ended.
    Crashed,
    /// It was ended from outside.
    Killed,
    /// It is being moved aside for another.
    Preempting,
    /// It was moved aside for another.
    Preempted,
}

impl RunState {
    /// All of them.
    pub const ALL: [RunState; 8] = [
        RunState::Pending,
        RunState::Running,
        RunState::Finished,
        RunState::Failed,
        RunState::Crashed,
        RunState::Killed,
        RunState::Preempting,
        RunState::Preempted,
    ];

    /// The word in store, API and pages.
    pub fn as_str(self) -> &'static str {
        match self {
            RunState::Pending => "pending",
            RunState::Running => "running",
            RunState::Finished => "finished",
            RunState::Failed => "failed",
            RunState::Crashed => "crashed",
            RunState::Killed => "killed",
            RunState::Preempting => "preempting",
            RunState::Preempted => "preempted",
        }
    }

    /// Reads the word.
    pub fn parse(text: &str) -> Result<Self> {
        RunState::ALL.into_iter().find(|s| s.as_str() == text).ok_or_else(|| {
            Error::invalid("A run is pending, running, finished, failed, crashed, killed, preempting or preempted.")
        })
    }

    /// Whether more reports are expected.
    pub fn is_live(self) -> bool {
        matches!(self, RunState::Running | RunState::Preempting)
    }
}

/// The three streams of lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stream {
    /// What the script logged, one JSON object a line.
    History,
    /// What the machine did meanwhile, one JSON object a line.
    Events,
    /// What the script printed.
    Console,
}

impl Stream {
    /// All of them, in the order of [`Progress::lines`].
    pub const ALL: [Stream; 3] = [Stream::History, Stream::Events, Stream::Console];

    /// The place in keys and in [`Progress::lines`].
    pub fn index(self) -> usize {
        match self {
            Stream::History => 0,
            Stream::Events => 1,
            Stream::Console => 2,
        }
    }

    /// The stream of the file name that the wandb client streams under.
    pub fn of_file(name: &str) -> Option<Self> {
        match name {
            "wandb-history.jsonl" => Some(Stream::History),
            "wandb-events.jsonl" => Some(Stream::Events),
            "output.log" => Some(Stream::Console),
            _ => None,
        }
    }
}

/// What changes while a run runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Whose.
    pub run: RunId,
    /// What it said last; see [`Progress::state_at`].
    pub state: RunState,
    /// When it reported last.
    pub heartbeat_at: Millis,
    /// How many lines each stream has.
    #[serde(default)]
    pub lines: [u64; 3],
    /// The largest step of its history; -1 before the first.
    #[serde(default = "no_step")]
    pub last_step: i64,
    /// What its lines and texts weigh, in bytes.
    #[serde(default)]
    pub bytes: u64,
    /// How many files it has.
    #[serde(default)]
    pub files: u64,
    /// What they weigh, in bytes.
    #[serde(default)]
    pub file_bytes: u64,
    /// What the script ended with.
    #[serde(default)]
    pub exit_code: Option<i64>,
    /// Whether somebody asked it to stop.
    #[serde(default)]
    pub stop: bool,
}

fn no_step() -> i64 {
    -1
}

impl Progress {
    /// Of a run that begins at `now`.
    pub fn new(run: RunId, state: RunState, now: Millis) -> Self {
        Progress {
            run,
            state,
            heartbeat_at: now,
            lines: [0; 3],
            last_step: -1,
            bytes: 0,
            files: 0,
            file_bytes: 0,
            exit_code: None,
            stop: false,
        }
    }

    /// The state at `now`: a live run that has not reported for `patience` has crashed.
    pub fn state_at(&self, now: Millis, patience: Millis) -> RunState {
        if self.state.is_live() && now - self.heartbeat_at > patience { RunState::Crashed } else { self.state }
    }

    /// How many lines `stream` has.
    pub fn count(&self, stream: Stream) -> u64 {
        self.lines[stream.index()]
    }
}

/// Some lines of a stream, one row. A line longer than a row goes on in rows of the same `first` with higher `part`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chunk {
    /// Whose.
    pub run: RunId,
    /// [`Stream::index`].
    pub stream: u8,
    /// The number of its first line.
    pub first: u64,
    /// 0, or the place of a piece of the line `first`.
    pub part: u32,
    /// The lines, or the piece.
    pub lines: Vec<String>,
}

/// The texts of a run that are replaced as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Text {
    /// What the script was configured with: a JSON object, `{key: {"value": …}}`.
    Config,
    /// The last value of each metric: a JSON object.
    Summary,
    /// The names of the metrics of the history: a JSON list.
    Keys,
}

impl Text {
    /// All of them.
    pub const ALL: [Text; 3] = [Text::Config, Text::Summary, Text::Keys];

    /// The place in keys.
    pub fn index(self) -> u8 {
        match self {
            Text::Config => 0,
            Text::Summary => 1,
            Text::Keys => 2,
        }
    }
}

/// A piece of a text, one row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextPart {
    /// Whose.
    pub run: RunId,
    /// [`Text::index`].
    pub kind: u8,
    /// Its place in the text.
    pub part: u32,
    /// The piece.
    pub text: String,
}

/// A file of a run. Its bytes are on disk under `blob`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunFile {
    /// Whose.
    pub run: RunId,
    /// Relative path with `/`, checked by [`check_file_name`]. Never used as a path on this machine.
    pub name: String,
    /// The name of its bytes on disk: random letters.
    pub blob: String,
    /// In bytes.
    pub size: u64,
    /// When it was uploaded.
    pub updated_at: Millis,
}

/// What the runs of a project weigh.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Whose.
    pub project: ProjectId,
    /// Lines, texts and files, in bytes.
    pub bytes: u64,
}

/// A run whose project is gone: its rows and files are swept away bit by bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remains {
    /// Which it was.
    pub run: RunId,
}

/// Bytes on disk that no file has any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlobRemains {
    /// Whose directory they are in.
    pub run: RunId,
    /// Their name.
    pub blob: String,
}

/// The longest run id, in bytes.
pub const RUN_NAME_MAX: usize = 128;
/// The longest file name, in bytes.
const FILE_NAME_MAX: usize = 512;
/// How deep a file may lie.
const FILE_DEPTH_MAX: usize = 32;

/// Checks a run id as the client chooses it: what stands in addresses and nothing else (the client's own rule, wandb 0.31.0:
/// none of `/ \ # ? % :`).
pub fn check_run_name(name: &str) -> Result<()> {
    if name.is_empty() || name.len() > RUN_NAME_MAX {
        return Err(Error::invalid(format!("A run id has 1 to {RUN_NAME_MAX} bytes.")));
    }
    let bad = name.chars().find(|c| c.is_control() || "/\\#?%:".contains(*c));
    if bad.is_some() || name.trim() != name || name.chars().all(|c| c == '.') {
        return Err(Error::invalid("The run id holds a character that has a meaning in addresses.")
            .hint("Use letters, digits, '-' and '_'."));
    }
    Ok(())
}

/// Checks a file's name: a plain relative path.
pub fn check_file_name(name: &str) -> Result<()> {
    let wrong = |what: &str| Err(Error::invalid(format!("The file name {what}.")).hint("Use a plain relative path."));
    if name.is_empty() {
        return wrong("is empty");
    }
    if name.len() > FILE_NAME_MAX {
        return wrong("is longer than 512 bytes");
    }
    if name.chars().any(char::is_control) {
        return wrong("holds a control character");
    }
    if name.contains('\\') || name.contains(':') {
        return wrong("holds a backslash or a colon");
    }
    let segments: Vec<&str> = name.split('/').collect();
    if segments.len() > FILE_DEPTH_MAX {
        return wrong("is nested too deeply");
    }
    if segments.iter().any(|s| matches!(*s, "" | "." | "..")) {
        return wrong("is absolute, or holds an empty, '.' or '..' part");
    }
    Ok(())
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn file_names_that_could_leave_the_runs_directory_are_refused() {
        for bad in ["", "/etc/passwd", "../x", "a/../b", "a//b", "a/./b", "a\\b", "c:x", "a\0b", "a\nb", ".."] {
            assert!(check_file_name(bad).is_err(), "{bad:?}");
        }
        assert!(check_file_name(&"a".repeat(513)).is_err());
        assert!(check_file_name(&"a/".repeat(40)).is_err());
        for good in ["config.yaml", "media/images/a_1.png", "..a", "a b", "größe.txt"] {
            check_file_name(good).unwrap();
        }
    }

    #[test]
    fn a_run_that_stays_silent_has_crashed() {
        let mut progress = Progress::new(RunId(1), RunState::Running, 1_000);
        assert_eq!(progress.state_at(61_000, 60_000), RunState::Running);
        assert_eq!(progress.state_at(61_001, 60_000), RunState::Crashed);
        progress.state = RunState::Finished;
        assert_eq!(progress.state_at(99_000, 60_000), RunState::Finished);
    }
}
