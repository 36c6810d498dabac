//! The real wandb SDK, newest and old, run as a person would: a Python script with nothing but the package, the
//! address and a key in its environment, and a home directory of its own.
//! Scripts live in `tests/suite/sdk`, print one JSON object a line, and leave all judging to the Rust side.

use super::{Permits, counterpart, counterparties};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Interpreters are heavy; two at a time fill the machine.
static PERMITS: Permits = Permits::new(2);

/// Which SDK.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Sdk {
    /// 0.31.0: every request goes through its Go core.
    Newest,
    /// 0.16.6: requests from Python.
    Old,
}

/// What a script left.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    /// The JSON lines of stdout, in order.
    pub lines: Vec<Value>,
    pub stderr: String,
}

impl Ran {
    /// What the named step reported; a script that did not get there shows why.
    pub fn step(&self, name: &str) -> &Value {
        let found = self.lines.iter().find(|line| line["step"] == name);
        found.unwrap_or_else(|| panic!("no step {name}: {self:#?}"))
    }

    /// The value of a step that went well.
    pub fn value(&self, name: &str) -> &Value {
        let step = self.step(name);
        assert!(step["error"].is_null(), "{name} failed: {step}\n{}", self.stderr);
        &step["value"]
    }

    /// The error of a step that had to fail.
    pub fn error(&self, name: &str) -> String {
        let step = self.step(name);
        step["error"].as_str().unwrap_or_else(|| panic!("{name} was to fail: {step}\n{}", self.stderr)).to_owned()
    }
}

impl Sdk {
    /// Both, for tests that compare them.
    pub const BOTH: [Sdk; 2] = [Sdk::Newest, Sdk::Old];

    /// The version it must report.
    pub fn version(self) -> &'static str {
        match self {
            Sdk::Newest => "0.31.0",
            Sdk::Old => "0.16.6",
        }
    }

    fn home(self) -> PathBuf {
        counterparties().join(format!("wandb-{}", self.version()))
    }

    /// Whether it is installed; see [`counterpart`].
    pub fn present(self) -> bool {
        counterpart("wandb", &self.home().join("bin/python"))
    }

    /// Runs a script of `tests/suite/sdk` against a server. `key` empty: none in the environment.
    pub fn script(self, url: &str, key: &str, script: &str, args: &[&str]) -> Ran {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite/sdk").join(script);
        let mut command = vec![path.to_str().unwrap()];
        command.extend(args);
        self.run(url, key, "python", &command, None)
    }

    /// Runs a program of the virtual environment (`python`, `wandb`).
    pub fn run(self, url: &str, key: &str, program: &str, args: &[&str], home: Option<&Path>) -> Ran {
        self.run_in(url, key, program, args, home, &[])
    }

    /// The same with more environment.
    pub fn run_in(
        self,
        url: &str,
        key: &str,
        program: &str,
        args: &[&str],
        home: Option<&Path>,
        env: &[(&str, &str)],
    ) -> Ran {
        let _permit = PERMITS.take();
        let own = tempfile::tempdir().unwrap();
        let home = home.unwrap_or(own.path());
        std::fs::create_dir_all(home.join(".config/wandb")).unwrap();
        let mut command = Command::new("timeout");
        command.args(["--kill-after=5", "150"]).arg(self.home().join("bin").join(program)).args(args);
        command.env_clear().env("PATH", "/usr/bin:/bin").env("HOME", home).env("TMPDIR", own.path());
        command.env("WANDB_BASE_URL", url).env("WANDB_ERROR_REPORTING", "false").env("WANDB_SILENT", "false");
        command.env("PYTHONDONTWRITEBYTECODE", "1").env("NO_PROXY", "127.0.0.1,localhost");
        if !key.is_empty() {
            command.env("WANDB_API_KEY", key);
        }
        command.envs(env.iter().copied());
        let out = command.current_dir(home).stdin(Stdio::null()).output().unwrap();
        let stdout = String::from_utf8_lossy(&out.stdout).into_owned();
        Ran {
            code: out.status.code().unwrap_or(-1),
            lines: stdout.lines().filter_map(|line| serde_json::from_str(line).ok()).collect(),
            stderr: String::from_utf8_lossy(&out.stderr).into_owned(),
        }
    }
}
