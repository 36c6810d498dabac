//! Attempts to break it, as a hostile member, team admin, viewer, outsider, the holder of a revoked or narrow key, a network
//! client without credentials and a malicious web page. Each test is named after the symptom and carries the incident it
//! is taken from; `permissions` holds the whole grid of who may what.
//!
//! `rights` and `roles` (people who want more), `doors` (an admin who is kept out), `credentials` (keys, sessions, passwords), `forms` (other sites), `leaks` (secrets and
//! existence), `machines` (keys and tokens), `people` (invitations and lists), `runs` (files, streams, filters), `wire` (HTTP itself), `limits` (what eats the machine).

mod credentials;
mod doors;
pub mod forms;
mod leaks;
mod limits;
mod machines;
mod people;
mod rights;
mod roles;
mod runs;
mod wire;

use crate::harness::{Client, PATIENCE, Reply, Server};
use std::io::{Read, Write};
use std::net::TcpStream;

/// Sends bytes as they are and reads until the server closes, or until `answers` heads have come.
pub fn raw(server: &Server, request: &[u8], answers: usize) -> String {
    let mut tcp = TcpStream::connect(server.address()).unwrap();
    tcp.set_read_timeout(Some(PATIENCE)).unwrap();
    let _ = tcp.write_all(request);
    let (mut answer, mut part) = (Vec::new(), [0; 16_384]);
    loop {
        match tcp.read(&mut part) {
            Ok(0) | Err(_) => break,
            Ok(n) => answer.extend_from_slice(&part[..n]),
        }
        let text = String::from_utf8_lossy(&answer);
        if text.matches("HTTP/1.1 ").count() >= answers && is_whole(&text) {
            break;
        }
    }
    String::from_utf8_lossy(&answer).into_owned()
}

/// Whether the last answer's body is there.
fn is_whole(text: &str) -> bool {
    let last = &text[text.rfind("HTTP/1.1 ").unwrap()..];
    let Some((head, body)) = last.split_once("\r\n\r\n") else { return false };
    let length =
        head.lines().find_map(|l| l.to_lowercase().strip_prefix("content-length:").map(|n| n.trim().to_owned()));
    length.is_none_or(|n| body.len() >= n.parse().unwrap_or(0))
}

/// The status lines of raw answers.
pub fn statuses(answer: &str) -> Vec<u16> {
    answer.split("HTTP/1.1 ").skip(1).filter_map(|a| a.get(..3)?.parse().ok()).collect()
}

/// Whether a browser's session is alive: the account page answers.
pub fn signed_in(browser: &Client) -> bool {
    let reply = browser.page("/console/account");
    assert!(matches!(reply.status, 200 | 303), "{reply:?}");
    reply.status == 200
}

/// A 4xx that says why, or the way back with a sentence that says so.
pub fn is_refused(what: &str, reply: &Reply) {
    use base64::Engine;
    let flash = reply.headers.iter().find_map(|(_, v)| v.strip_prefix("bailiwick-flash=")).unwrap_or_default();
    let flash = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(flash.split('.').next().unwrap());
    let told = reply.status == 303 && flash.is_ok_and(|f| f.starts_with(b"[\"danger\""));
    assert!(told || (400..500).contains(&reply.status), "{what}: {reply:?}");
}
