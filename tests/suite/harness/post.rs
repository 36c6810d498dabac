//! A real mail server (aiosmtpd) on a free port with a private certificate authority: what was sent to it comes as it was
//! taken, envelope and decoded parts.

use super::{Data, PATIENCE, counterpart, counterparties};
use parking_lot::Mutex;
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};

/// A running mail server.
pub struct Post {
    pub port: u64,
    data: Data,
    child: Child,
    said: Mutex<Receiver<String>>,
}

impl Post {
    /// Starts one that speaks `mode` (`starttls`, `tls` or `plain`); none where the suite runs without it.
    pub fn start(mode: &str, credentials: Option<&str>) -> Option<Post> {
        let python = counterparties().join("smtp/bin/python");
        if !counterpart("smtp", &python) {
            return None;
        }
        let data = Data::new();
        let (ca, certificate, key) = super::slapd::authority();
        let (ca, certificate) = (data.file("ca.pem", &ca), data.file("cert.pem", &certificate));
        let key = data.file("key.pem", &key);
        assert!(!ca.is_empty());
        let mut child = Command::new(python)
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite/mail/sink.py"))
            .args([&certificate, &key, mode])
            .args(credentials)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let (say, said) = channel();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| say.send(line)));
        let mut post = Post { port: 0, data, child, said: Mutex::new(said) };
        post.port = post.next()["port"].as_u64().unwrap();
        Some(post)
    }

    /// The file with its authority.
    pub fn ca_file(&self) -> String {
        self.data.outside().join("ca.pem").display().to_string()
    }

    /// What it took or refused next.
    pub fn next(&self) -> Value {
        let line = self.said.lock().recv_timeout(PATIENCE).expect("the mail server got nothing");
        serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line}"))
    }

    /// The next message, which must be for `to`.
    pub fn mail(&self, to: &str) -> Value {
        let mail = self.next();
        assert_eq!(mail["to"][0], to, "{mail}");
        mail
    }

    /// Whether nothing came meanwhile.
    pub fn is_quiet(&self) -> bool {
        self.said.lock().try_recv().is_err()
    }
}

/// The path of the link in a mail.
pub fn path_in(mail: &Value, base: &str) -> String {
    let text = mail["text"].as_str().unwrap();
    let at = text.find(base).unwrap_or_else(|| panic!("no link in {text}"));
    text[at + base.len()..].split_whitespace().next().unwrap().to_owned()
}

impl Drop for Post {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
