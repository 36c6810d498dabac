//! Mail servers that lie, and people's texts in mails: scripted servers on loopback, and messages as they go over the wire.

use super::*;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

/// What a server heard.
type Heard = Arc<parking_lot::Mutex<String>>;

/// A server that runs `script` with each client; gives the settings that lead to it.
fn server(security: Security, script: impl Fn(TcpStream) + Send + 'static) -> Post {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || listener.incoming().map_while(Result::ok).for_each(script));
    let settings = Mail {
        host: "127.0.0.1".into(),
        port,
        security,
        credentials: Some(("robot".into(), "secret-canary".into())),
        from: "Platform <ml@example.com>".into(),
        ca_files: vec![],
    };
    Post::new(&settings, "https://ml.example.com")
}

fn letter() -> Letter {
    letters::trial("zoe@example.com", "https://ml.example.com")
}

/// Says its lines one for each line it hears, and notes what it heard.
fn scripted(lines: &'static [&'static str], heard: Heard) -> impl Fn(TcpStream) + Send {
    move |mut stream| {
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        for line in lines {
            if stream.write_all(line.as_bytes()).is_err() {
                return;
            }
            let mut said = String::new();
            // Encrypted bytes are no text, and end the play.
            if reader.read_line(&mut said).unwrap_or(0) == 0 {
                return;
            }
            heard.lock().push_str(&said);
        }
    }
}

/// CVE-2021-38371's class ("NO STARTTLS"): what was slipped in before encryption is taken for an answer given under it.
#[tokio::test]
async fn what_a_server_says_before_encryption_is_no_answer_under_it() {
    for play in [
        &["220 hello\r\n", "250-me\r\n250 STARTTLS\r\n", "220 go ahead\r\n250 me\r\n250 ok\r\n250 ok\r\n"][..],
        &["220 hello\r\n250-me\r\n250 STARTTLS\r\n", "220 go ahead\r\n"],
        &["220 hello\r\n", "250-me\r\n250 STARTTLS\r\n220 go ahead\r\n", "250 x\r\n"],
    ] {
        for security in [Security::StartTls, Security::Opportunistic] {
            let heard = Heard::default();
            let Outcome::Later(why) = server(security, scripted(play, Arc::clone(&heard))).send(&letter(), "1").await
            else {
                panic!("{play:?}")
            };
            assert!(why.contains("more than it was asked"), "{play:?}: {why}");
            assert!(!heard.lock().contains("AUTH") && !heard.lock().contains("MAIL"), "{}", heard.lock());
        }
    }
}

/// STARTTLS stripped: nothing is sent in the clear, no password and no mail.
#[tokio::test]
async fn a_server_that_does_not_offer_encryption_hears_neither_password_nor_mail() {
    for offers in [
        &["220 hello\r\n", "250-me\r\n250-XSTARTTLS\r\n250 AUTH PLAIN\r\n", "250 ok\r\n", "250 ok\r\n"][..],
        &["220 hello\r\n", "250-me STARTTLS\r\n250 AUTH PLAIN\r\n", "250 ok\r\n"],
        &["220 hello\r\n", "250-me\r\n250 STARTTLS\r\n", "454 not now\r\n", "250 ok\r\n"],
    ] {
        let heard = Heard::default();
        let checks = server(Security::StartTls, scripted(offers, Arc::clone(&heard))).test(&letter(), "1").await;
        let last = checks.last().unwrap();
        assert!(!last.passed && last.name == "Begin encryption", "{checks:?}");
        assert!(!heard.lock().contains("AUTH") && !heard.lock().contains("MAIL"), "{}", heard.lock());
    }
}

/// Kanidm 1.10.0's class: what a stranger sends ends before it fills the memory.
#[tokio::test]
async fn a_server_that_never_ends_its_line_or_its_reply_is_given_up() {
    let endless = |part: &'static [u8]| {
        move |mut stream: TcpStream| {
            let part = part.repeat(4_096);
            while stream.write_all(&part).is_ok() {}
        }
    };
    for security in [Security::None, Security::StartTls, Security::Opportunistic] {
        for part in [&b"a"[..], b"220-more\r\n", b"\x00", b"\xff\xfe", b"\r\n"] {
            let Outcome::Later(why) = server(security, endless(part)).send(&letter(), "1").await else {
                panic!("{security:?} {part:?}")
            };
            assert!(why.starts_with("Connect") && why.len() < 500, "{security:?} {part:?}: {why}");
        }
    }
    let hangs_up = |stream: TcpStream| drop(stream);
    for security in [Security::None, Security::StartTls, Security::Wrapped] {
        let Outcome::Later(why) = server(security, hangs_up).send(&letter(), "1").await else { panic!() };
        assert!(why.starts_with("Connect"), "{why}");
    }
}

/// CWE-93: a name that ends the line of a header begins another one.
#[test]
fn nothing_in_a_name_begins_a_header_or_another_recipient() {
    let post = server(Security::None, drop);
    let evil = "Eve\r\nBcc: all@example.com\r\n\r\n<b>hi</b>\u{2028}\u{85}\u{0}\u{202e}";
    let letter = letters::invitation(&letters::Invitation {
        to: "zoe@example.com",
        org: evil,
        by: evil,
        teams: &[evil.to_owned()],
        until: "3 May",
        url: "https://ml.example.com/invite?code=abc",
    });
    let (message, envelope) = post.message(&letter, "1").unwrap_or_else(|failed| panic!("{}", failed.why));
    assert_eq!(envelope.to().len(), 1);
    let whole = String::from_utf8(message.formatted()).unwrap();
    let (head, _) = whole.split_once("\r\n\r\n").unwrap();
    let mut names: Vec<&str> =
        head.lines().filter(|l| !l.starts_with([' ', '\t'])).map(|l| l.split(':').next().unwrap()).collect();
    names.sort_unstable();
    let expected = ["Auto-Submitted", "Content-Type", "Date", "From", "MIME-Version", "Message-ID", "Subject", "To"];
    assert_eq!(names, expected, "{head}");
    // An address that could not be one is refused for good, before anybody is asked.
    for to in
        ["zoe@example.com\r\nRCPT TO:<all@example.com>", "zoe@example.com, all@example.com", "<zoe@example.com>", ""]
    {
        let letter = Letter { to: to.to_owned(), ..letter.clone() };
        assert!(post.message(&letter, "1").is_err_and(|failed| failed.for_good), "{to:?}");
    }
}
