//! Two judges from outside: scim2-tester, which checks what a server announces against RFC 7643 and 7644, and schemathesis, which
//! sends what nobody would think of to every SCIM endpoint of `tests/data/scim/openapi.json`.

use crate::harness::{Permits, Server, Setup, counterpart, counterparties};
use base64::Engine;
use serde_json::Value;
use std::path::PathBuf;
use std::process::{Command, Output};

/// Both keep a core busy for a while.
static PERMITS: Permits = Permits::new(1);

fn tool(name: &str) -> PathBuf {
    counterparties().join("scim-tools/bin").join(name)
}

fn authorization(key: &str) -> String {
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("api:{key}")))
}

fn run(command: &mut Command) -> (Output, String) {
    let own = tempfile::tempdir().unwrap();
    let out = command.env("HOME", own.path()).env("TMPDIR", own.path()).current_dir(own.path()).output().unwrap();
    let said = format!("{}\n{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    (out, said)
}

#[test]
fn scim2_tester_finds_nothing_wrong_in_all_that_is_announced() {
    if !counterpart("scim2-tester", &tool("scim2")) {
        return;
    }
    let _permit = PERMITS.take();
    let server = Server::start(Setup::default().env("BAILIWICK_PROVISIONING_FUSE_PERCENT", "100"));
    let root = server.person("root", "admin");
    let url = format!("{}/scim/v2", server.url);
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/suite/scim/tester.py");
    let (_, said) = run(Command::new(tool("python")).args([script, &url, &authorization(&root.key)]));
    let line = said.lines().find(|l| l.starts_with('{')).unwrap_or_else(|| panic!("{said}"));
    let report: Value = serde_json::from_str(line).unwrap();
    let counts = report["counts"].as_object().unwrap();
    println!("scim2-tester: {report}");
    let wrong = report["rest"].as_array().unwrap();
    assert!(wrong.is_empty(), "{wrong:#?}");
    let good = counts.get("SUCCESS").and_then(Value::as_u64).unwrap_or_default();
    assert!(good >= 135, "only {good} good checks: {counts:?}");
    // And by its own command line, as people run it.
    let mut cli = Command::new(tool("scim2"));
    cli.env("SCIM_CLI_URL", &url).env("SCIM_CLI_HEADERS", format!("Authorization: {}", authorization(&root.key)));
    let (_, said) = run(cli.args(["test", "-v"]));
    assert!(said.contains("check_add_attribute"), "{said}");
}

#[test]
fn schemathesis_finds_no_answer_that_was_not_promised() {
    if !counterpart("schemathesis", &tool("schemathesis")) {
        return;
    }
    let _permit = PERMITS.take();
    let server = Server::start(Setup::default().env("BAILIWICK_PROVISIONING_FUSE_PERCENT", "100"));
    let root = server.person("root", "admin");
    let text = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/scim/openapi.json");
    let (out, said) = run(Command::new("timeout")
        .args(["--kill-after=5", "240"])
        .arg(tool("schemathesis"))
        .args(["run", text, "--url", &format!("{}/scim/v2", server.url)])
        .args(["--header", &format!("Authorization: {}", authorization(&root.key))])
        .args([
            "--checks",
            "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance",
        ])
        .args(["--phases", "examples,coverage,fuzzing", "--max-examples", "15", "--seed", "1", "--no-color"]));
    println!("{}", said.lines().rev().take(25).collect::<Vec<_>>().into_iter().rev().collect::<Vec<_>>().join("\n"));
    assert!(out.status.success(), "{said}");
}
