//! Who may import whom, and which words stay in which room. One crate cannot enforce this through Cargo, so this test reads
//! every source file. The table is the architecture: change it together with the design, never to let a shortcut pass.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

const LEAVES: &[&str] = &["error", "clock", "crypto", "meter"];

/// Room, and what it may import besides the leaves and itself.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("error", &[]),
    ("clock", &[]),
    ("crypto", &[]),
    ("meter", &[]),
    ("model", &[]),
    ("config", &["model"]),
    ("store", &["model"]),
    ("policy", &["model", "store"]),
    ("ops", &["model", "store", "policy", "config"]),
    ("idp", &["model", "config"]),
    ("mail", &["model", "config"]),
    ("dns", &[]),
    ("blobs", &[]),
    ("app", &["model", "store", "policy", "config", "ops", "blobs", "idp", "mail", "dns"]),
    ("jobs", &["model", "config", "policy", "ops", "idp", "app", "store"]),
    ("http", &["model", "config", "policy", "ops", "app", "console"]),
    ("graphql", &["model", "policy", "ops", "http", "app", "store"]),
    ("rest", &["model", "policy", "ops", "http", "app", "store"]),
    ("decisions", &["model", "policy", "ops", "http", "app"]),
    ("scim", &["model", "policy", "ops", "http", "app", "store"]),
    ("runs", &["model", "ops", "http", "app", "blobs"]),
    ("console", &["model", "policy", "ops", "http", "app", "store", "config"]),
    ("control", &["model", "config", "policy", "ops", "http", "app", "store", "blobs"]),
    (
        "cli",
        &[
            "app",
            "blobs",
            "config",
            "control",
            "graphql",
            "rest",
            "decisions",
            "runs",
            "scim",
            "console",
            "http",
            "idp",
            "jobs",
            "model",
            "ops",
            "policy",
            "store",
        ],
    ),
    ("main", &["cli"]),
    ("lib", &[]),
];

/// Imports allowed in named files only: (room, imported, files).
const ONLY_IN: &[(&str, &str, &[&str])] = &[
    ("policy", "store", &["policy/facts.rs"]),
    ("http", "console", &["http/reply.rs"]),
    ("http", "ops", &["http/auth.rs"]),
];

/// A word, where it may stand, and why.
const WORDS: &[(&str, &[&str], &str)] = &[
    ("redb::", &["store/redb.rs", "store/mod.rs", "store/shadow.rs"], "the engine is behind the seam"),
    ("std::env", &["config/"], "the environment is read once"),
    ("SystemTime", &["clock.rs"], "time is passed in"),
    ("ring::rand", &["crypto.rs"], "randomness is passed in"),
    (
        "HttpResponse",
        &["http/", "graphql/", "rest/", "decisions/", "runs/", "scim/", "console/"],
        "surfaces alone speak HTTP",
    ),
    // SCIM has schemas of its own.
    (
        "schema::",
        &["store/", "ops/", "policy/facts.rs", "app.rs", "app/", "cli/", "scim/"],
        "surfaces never name a table",
    ),
    ("|safe", &[], "templates escape everything"),
];

fn sources() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let (mut folders, mut out) = (vec![root.clone()], vec![]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("src is readable") {
            let path: PathBuf = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let name = path.strip_prefix(&root).expect("below src").to_string_lossy().into_owned();
                out.push((name, std::fs::read_to_string(&path).expect("utf-8")));
            }
        }
    }
    // Tests may reach across rooms; what they are for is said in their own heads.
    out.retain(|(name, _)| !name.ends_with("/tests.rs") && !name.contains("/tests/"));
    out.sort();
    out
}

/// The code without comment lines and without what follows `#[cfg(test)]`.
fn code(text: &str) -> String {
    text.split("#[cfg(test)]\n#[expect(")
        .next()
        .unwrap_or_default()
        .lines()
        .filter(|l| !l.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n")
}

fn room(file: &str) -> &str {
    file.split(['/', '.']).next().unwrap_or_default()
}

/// The rooms that a file names by `crate::room`, also inside `use crate::{a, b}`.
fn imports(code: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for part in code.split("crate::").skip(1) {
        let word = |t: &str| {
            t.trim().split(|c: char| !(c.is_alphanumeric() || c == '_')).next().unwrap_or_default().to_owned()
        };
        match part.strip_prefix('{') {
            Some(list) => {
                let mut depth = 1;
                let mut item = String::new();
                for c in list.chars() {
                    match c {
                        '{' => depth += 1,
                        '}' => depth -= 1,
                        _ => {}
                    }
                    if depth == 0 || (depth == 1 && c == ',') {
                        found.insert(word(&item));
                        item.clear();
                        if depth == 0 {
                            break;
                        }
                    } else {
                        item.push(c);
                    }
                }
            }
            None => drop(found.insert(word(part))),
        }
    }
    found.remove("");
    found
}

#[test]
fn rooms_import_only_what_they_may() {
    let rooms: BTreeSet<&str> = MAY_IMPORT.iter().map(|(room, _)| *room).collect();
    let mut wrong = vec![];
    for (file, text) in sources() {
        let here = room(&file);
        let Some((_, may)) = MAY_IMPORT.iter().find(|(r, _)| *r == here) else {
            wrong.push(format!("{file}: room {here} is not in the table"));
            continue;
        };
        for import in imports(&code(&text)).iter().filter(|i| rooms.contains(i.as_str())) {
            let allowed = import == here
                || may.contains(&import.as_str())
                || (LEAVES.contains(&import.as_str()) && here != "error");
            let kept =
                ONLY_IN.iter().all(|(r, i, files)| !(*r == here && i == import) || files.contains(&file.as_str()));
            if !allowed || !kept {
                wrong.push(format!("{file} imports {import}"));
            }
        }
    }
    assert!(wrong.is_empty(), "against the table of rooms:\n{}", wrong.join("\n"));
}

#[test]
fn words_stay_in_their_rooms() {
    let mut wrong = vec![];
    for (file, text) in sources() {
        let code = code(&text);
        for (word, places, why) in WORDS {
            if code.contains(word) && !places.iter().any(|p| file.starts_with(p)) {
                wrong.push(format!("{file} says {word}: {why}"));
            }
        }
        let synchronous = ["model/", "policy/", "ops/", "store/"].iter().any(|p| file.starts_with(p))
            && !["ops/passwords.rs", "store/mod.rs"].contains(&file.as_str());
        if synchronous && code.contains(".await") {
            wrong.push(format!("{file} awaits: no network call can sit inside a transaction"));
        }
    }
    assert!(wrong.is_empty(), "words in the wrong room:\n{}", wrong.join("\n"));
}

#[test]
fn surfaces_write_nothing_by_themselves() {
    let mut wrong = vec![];
    for (file, text) in sources() {
        let writes = [".store.write", ".store.submit", "store::Tx", "tx.put("].iter().any(|w| code(&text).contains(w));
        if writes && ["http", "graphql", "rest", "decisions", "runs", "scim", "console"].contains(&room(&file)) {
            wrong.push(file);
        }
    }
    assert!(wrong.is_empty(), "these surfaces write past the use-cases: {wrong:?}");
}

#[test]
fn every_file_says_what_it_is_for() {
    let silent: Vec<_> = sources().into_iter().filter(|(_, text)| !text.starts_with("//!")).map(|(f, _)| f).collect();
    assert!(silent.is_empty(), "no module head: {silent:?}");
}
