//! A real Chromium, driven by Node with playwright-core, and axe-core for accessibility. Scripts live in
//! `tests/suite/browser`; they get their task as JSON, answer with JSON, and leave all judging to the Rust side.

use super::{Permits, counterpart, counterparties};
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Stdio};

/// One browser at a time: it uses both cores by itself.
static PERMITS: Permits = Permits::new(1);

/// Whether Chromium, Node and the packages are there; see [`counterpart`].
pub fn present() -> bool {
    counterpart("chromium", Path::new("/usr/bin/chromium"))
        && counterpart("chromium", &counterparties().join("node/node_modules/axe-core/axe.min.js"))
}

/// Runs a script with a task; its last line of stdout is the answer.
pub fn run(script: &str, task: &Value) -> Value {
    let _permit = PERMITS.take();
    let own = tempfile::tempdir().unwrap();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite/browser").join(script);
    let out = Command::new("timeout")
        .args(["--kill-after=5", "300", "node"])
        .arg(path)
        .arg(task.to_string())
        .env("HOME", own.path())
        .env("TMPDIR", own.path())
        .env("SUITE_NODE", counterparties().join("node"))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let stdout = String::from_utf8_lossy(&out.stdout);
    let answer = stdout.lines().last().and_then(|line| serde_json::from_str(line).ok());
    answer.unwrap_or_else(|| panic!("{script}: {} {stdout}\n{}", out.status, String::from_utf8_lossy(&out.stderr)))
}
