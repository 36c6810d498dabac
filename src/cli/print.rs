//! Answers and errors on the terminal: JSON for scripts, plain lines for people. Errors are one sentence and what to do.

use crate::control::Answer;
use crate::error::{Error, Result};
use std::fmt::Write as _;
use std::io::Write as _;

/// Prints an error on stderr; of a failure of ours also the cause, since the person at the shell is its log.
pub fn error(error: &Error) {
    let mut text = format!("error: {}", error.sentence());
    if let (crate::error::Kind::Internal, Some(cause)) = (error.kind(), error.cause()) {
        let _ = write!(text, " ({cause})");
    }
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Prints an answer on stdout.
///
/// # Errors
/// When stdout is closed.
pub fn answer(answer: &Answer, json: bool) -> Result<()> {
    let text = if json { serde_json::to_string(answer).map_err(Error::internal)? } else { people(answer) };
    writeln!(std::io::stdout(), "{}", text.trim_end()).map_err(|e| Error::internal(format!("stdout: {e}")))
}

fn people(answer: &Answer) -> String {
    let mut out = String::new();
    // Writing into a String cannot fail.
    let _ = match answer {
        Answer::User { username, email, org_role, api_key, .. } => {
            let key = api_key.as_ref().map(|k| format!("\nAPI key, shown only now: {k}")).unwrap_or_default();
            write!(out, "Created {username} <{email}>, {org_role} of the organization.{key}")
        }
        Answer::Key { key, .. } => write!(out, "API key, shown only now: {key}"),
        Answer::Decision { allowed, chain, .. } => {
            for step in chain {
                let _ = writeln!(out, "  {:<28} {}", step.rule, step.text);
            }
            write!(out, "{}", if *allowed { "Allowed." } else { "Denied." })
        }
        Answer::Org { name, admin, .. } => write!(out, "Created the organization {name}; {admin} is its admin."),
        Answer::Orgs(rows) => {
            for row in rows {
                let _ = writeln!(out, "{} (people: {}, admins: {})", row.name, row.people, row.admins);
            }
            Ok(())
        }
        Answer::Issuer { issuer, keys, .. } => write!(out, "{issuer} is trusted; its keys: {keys}."),
        Answer::Issuers(rows) if rows.is_empty() => write!(out, "No issuer is trusted."),
        Answer::Issuers(rows) => {
            for row in rows {
                let _ = writeln!(out, "{} (keys: {}; {})", row.issuer, row.keys, row.algorithms.join(", "));
            }
            Ok(())
        }
        Answer::Settings(rows) => {
            for row in rows {
                let shadowed = match &row.shadowed {
                    Some(value) => format!(", hides the saved value {value}"),
                    None => String::new(),
                };
                let _ = writeln!(out, "{} = {} ({}{shadowed})", row.key, row.value, row.source);
                let aliases: String = row.aliases.iter().map(|a| format!(", {a}")).collect();
                let _ = writeln!(out, "    {} [{}{aliases}]", row.doc, row.env);
            }
            Ok(())
        }
        Answer::Doctor { checked, findings, .. } => {
            for line in checked {
                let _ = writeln!(out, "checked: {line}");
            }
            for line in findings {
                let _ = writeln!(out, "FINDING: {line}");
            }
            write!(out, "{}", if findings.is_empty() { "Nothing is wrong." } else { "" })
        }
        Answer::Done { message } => write!(out, "{message}"),
    };
    out
}
