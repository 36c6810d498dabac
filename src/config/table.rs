//! The README's configuration tables, made from the lists that the parser itself uses, and the test that keeps the
//! README equal to them. Nothing at run time needs this file.
#![cfg(test)]
#![expect(clippy::unwrap_used)]

use super::{Flags, STARTS, settings::settings};

const BEGIN: &str = "<!-- configuration: written by a test, do not edit by hand -->";
const END: &str = "<!-- end of configuration -->";

fn tables() -> String {
    let mut out = String::from("\n| option of `serve` | environment | default | what |\n| --- | --- | --- | --- |\n");
    for s in STARTS {
        let default = if s.default.is_empty() { "none" } else { s.default };
        out.push_str(&format!("| `--{}` | `{}` | {default} | {} |\n", s.flag, s.env, s.doc));
    }
    out.push_str("\n| setting | environment | takes | default | what |\n| --- | --- | --- | --- | --- |\n");
    for s in settings() {
        let env = s.env.iter().map(|e| format!("`{e}`")).collect::<Vec<_>>().join(", ");
        out.push_str(&format!("| `{}` | {env} | {} | `{}` | {} |\n", s.key, s.kind.describe(), s.default, s.doc));
    }
    out.push('\n');
    out
}

/// The README's table equals the code's; `cargo test -- --ignored rewrite_the_readme_table` rewrites it.
#[test]
fn the_readme_table_is_the_code() {
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let (_, rest) = readme.split_once(BEGIN).unwrap();
    let (table, _) = rest.split_once(END).unwrap();
    assert_eq!(table, tables(), "run: cargo test -- --ignored rewrite_the_readme_table");
}

#[test]
#[ignore = "changes README.md"]
fn rewrite_the_readme_table() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
    let readme = std::fs::read_to_string(path).unwrap();
    let (before, rest) = readme.split_once(BEGIN).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    std::fs::write(path, format!("{before}{BEGIN}{}{END}{after}", tables())).unwrap();
}

#[test]
fn every_flag_of_serve_has_its_row_and_names_its_variable() {
    use clap::Args;
    let command = Flags::augment_args(clap::Command::new("serve"));
    let flags: Vec<_> = command.get_arguments().filter_map(|a| a.get_long()).collect();
    let rows: Vec<_> = STARTS.iter().map(|s| s.flag).collect();
    assert_eq!(flags, rows);
    for (arg, row) in command.get_arguments().zip(STARTS) {
        let help = arg.get_help().unwrap().to_string();
        assert!(help.contains(&format!("[env: {}]", row.env)), "{}: {help}", row.flag);
    }
}
