//! What users and attackers taught the makers of LDAP sign-in: names that are filters, entries with odd names, two entries for
//! one name, and directories that answer with anything but LDAP.

use crate::harness::slapd::{Manners, SUFFIX, Slapd, person};
use crate::harness::{PASSWORD, Server, Setup};
use crate::ldap::{account, enters, last_events};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

/// Signs in from an address of its own, so that the brakes on guessing are not what is tested.
fn enters_from(server: &Server, from: usize, name: &str, password: &str) -> u16 {
    let mut body = url::form_urlencoded::Serializer::new(String::new());
    body.append_pair("username", name).append_pair("password", password);
    let from = format!("198.51.100.{from}");
    let headers = [
        ("content-type", "application/x-www-form-urlencoded"),
        ("origin", server.url.as_str()),
        ("sec-fetch-site", "same-origin"),
        ("x-forwarded-for", from.as_str()),
    ];
    server.anonymous().send("POST", "/login", &headers, Some(body.finish().as_bytes())).status
}

#[test]
fn f027_a_name_is_never_a_filter() {
    let Some(slapd) = Slapd::start(Manners::default()) else { return };
    let (server, admin) = slapd.server(slapd.setup().arg("--behind-proxy").arg("127.0.0.1/32"));
    let long = "a".repeat(5_000);
    let names = [
        "*",
        "*)(uid=*",
        ")(uid=alice",
        "alice)(|(uid=*",
        "alice*",
        "a\\6cice",
        "alice\\",
        "(alice)",
        "&",
        "uid=alice,ou=people,dc=example,dc=test",
        "\u{0}",
        "alice\u{0}",
        "al\nice",
        &long,
    ];
    for (at, name) in names.into_iter().enumerate() {
        assert_eq!(enters_from(&server, at, name, "alicepw"), 401, "{name:?}");
    }
    // No entry was tried with a password, since none was found.
    assert!(!slapd.log().contains("BIND dn=\"uid="), "{}", slapd.log());
    for (at, password) in ["", "alicepw\u{0}", "*"].into_iter().enumerate() {
        assert_eq!(enters_from(&server, 100 + at, "alice", password), 401, "{password:?}");
    }
    assert!(account(&admin, "alice").is_none());
    assert_eq!(enters_from(&server, 200, "alice", "alicepw"), 303);
}

#[test]
fn entries_with_commas_and_foreign_letters_in_their_names_sign_in_by_the_names_the_directory_gave() {
    let Some(slapd) = Slapd::start(Manners::default()) else { return };
    let (server, admin) = slapd.server(slapd.setup());
    enters(&server, "jdoe", "jdoepw").is(303);
    enters(&server, "teste", "testepw").is(303);
    enters(&server, "jdoe", "testepw").is(401);
    assert!(account(&admin, "jdoe").unwrap().to_string().contains("Doe, John"));
    assert!(account(&admin, "teste").unwrap().to_string().contains("téstè"));
}

#[test]
fn two_entries_for_one_name_are_nobody() {
    let Some(slapd) = Slapd::start(Manners::default()) else { return };
    slapd.change(
        "ldapadd",
        &person(&format!("uid=impostor,ou=people,{SUFFIX}"), "impostor", "Im Postor", "bob@example.test"),
    );
    let (server, admin) = slapd.server(slapd.setup());
    enters(&server, "bob@example.test", "bobpw").is(401);
    enters(&server, "bob@example.test", "impostorpw").is(401);
    assert!(account(&admin, "bob").is_none() && account(&admin, "impostor").is_none());
    assert!(last_events(&server).contains("more than one entry"));
    // Each has a name of its own all the same; the address belongs to whoever came first.
    enters(&server, "bob", "bobpw").is(303);
    enters(&server, "impostor", "impostorpw").is(403);
}

#[test]
fn the_same_person_keeps_the_account_when_the_entry_moves_and_another_never_gets_it() {
    let Some(slapd) = Slapd::start(Manners::default()) else { return };
    let (server, admin) = slapd.server(slapd.setup());
    enters(&server, "carol", "carolpw").is(303);
    let before = account(&admin, "carol").unwrap()["id"].clone();
    slapd.change(
        "ldapmodify",
        &format!("dn: uid=carol,ou=people,{SUFFIX}\nchangetype: modrdn\nnewrdn: uid=carola\ndeleteoldrdn: 1\n"),
    );
    enters(&server, "carola", "carolpw").is(303);
    assert_eq!(account(&admin, "carol").unwrap()["id"], before, "by the entry's own id, not its name");
    // Somebody new with the old name and address is somebody else.
    slapd.delete(&format!("uid=carola,ou=people,{SUFFIX}"));
    slapd.change(
        "ldapadd",
        &person(&format!("uid=carol,ou=people,{SUFFIX}"), "carol", "New Carol", "carol@example.test"),
    );
    let refused = enters(&server, "carol", "carolpw").is(403);
    assert!(refused.text().contains("account here with your e-mail address"), "{}", refused.text());
}

/// A directory that answers every connection like this.
fn hostile(answer: impl Fn(&mut TcpStream) + Send + Sync + 'static) -> Setup {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let answer = std::sync::Arc::new(answer);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, answer) = (stream.unwrap(), std::sync::Arc::clone(&answer));
            std::thread::spawn(move || answer(&mut stream));
        }
    });
    Setup::default()
        .env("LOCAL_LDAP_ADDRESS", &format!("ldap://{address}"))
        .env("LOCAL_LDAP_BASE_DN", SUFFIX)
        .env("LOCAL_LDAP_LOGIN", "true")
}

fn request(stream: &mut TcpStream) -> bool {
    matches!(stream.read(&mut [0; 4_096]), Ok(n) if n > 0)
}

/// Elements in elements, each as long as all within it.
fn nested(depth: usize) -> Vec<u8> {
    let mut message = Vec::with_capacity(6 * depth);
    for level in 0..depth {
        message.extend([0x30, 0x84]);
        message.extend(u32::try_from((depth - level - 1) * 6).unwrap().to_be_bytes());
    }
    message
}

fn survives(setup: Setup, what: &str) {
    let server = Server::start(setup);
    server.person_with_password("root", "admin");
    let reply = enters(&server, "alice", "alicepw");
    assert_eq!(reply.status, 503, "{what}: {}", reply.text());
    // It lives, and the way around the directory works.
    enters(&server, "root", PASSWORD).is(303);
    server.anonymous().get("/healthz").is(200);
}

#[test]
fn a_directory_that_sends_anything_but_ldap_harms_only_its_own_conversation() {
    let bind_ok: &[u8] = &[0x30, 0x0c, 2, 1, 1, 0x61, 7, 0x0a, 1, 0, 4, 0, 4, 0];
    let answers: Vec<(&str, Vec<u8>)> = vec![
        ("text", b"220 mail.example.test ESMTP\r\n".to_vec()),
        ("nothing", vec![]),
        ("a message longer than any", vec![0x30, 0x84, 0x7f, 0xff, 0xff, 0xff, 2, 1, 1]),
        ("elements nested without end", nested(300_000)),
        ("an indefinite length", vec![0x30, 0x80, 2, 1, 1, 0x61, 0x80, 0, 0, 0, 0]),
        ("an empty message", vec![0x30, 0]),
        ("an answer without a result", vec![0x30, 5, 2, 1, 1, 0x61, 0]),
        ("a search's answer to a bind", vec![0x30, 9, 2, 1, 1, 0x64, 4, 4, 0, 0x30, 0]),
        ("a goodbye", vec![0x30, 3, 2, 1, 0]),
        ("half of an answer", bind_ok[..8].to_vec()),
    ];
    for (what, answer) in answers {
        let setup = hostile(move |stream| {
            if request(stream) {
                let _ = stream.write_all(&answer);
            }
        });
        // The library's own complaint about a broken answer is caught and logged; the log check is for everything else.
        let server = Server::start(setup.unchecked());
        server.person_with_password("root", "admin");
        let reply = enters(&server, "alice", "alicepw");
        assert_eq!(reply.status, 503, "{what}: {}", reply.text());
        enters(&server, "root", PASSWORD).is(303);
        server.anonymous().get("/healthz").is(200);
        server.kill();
    }
}

#[test]
fn an_entry_without_end_is_cut_off() {
    // Bind and root entry as they should be; then entries for ever.
    let setup = hostile(|stream| {
        if !request(stream) || stream.write_all(&[0x30, 0x0c, 2, 1, 1, 0x61, 7, 0x0a, 1, 0, 4, 0, 4, 0]).is_err() {
            return;
        }
        if !request(stream) {
            return;
        }
        let mut entry = vec![0x30, 0x82, 0, 0, 2, 1, 2, 0x64, 0x82, 0, 0, 4, 0x82, 0x40, 0];
        entry.extend(vec![b'a'; 0x4000]);
        entry.extend([0x30, 0]);
        let whole = u16::try_from(entry.len() - 4).unwrap().to_be_bytes();
        entry[2..4].copy_from_slice(&whole);
        let inner = u16::try_from(entry.len() - 11).unwrap().to_be_bytes();
        entry[9..11].copy_from_slice(&inner);
        while stream.write_all(&entry).is_ok() {}
    });
    survives(setup, "entries without end");
}

#[test]
fn a_directory_that_says_nothing_keeps_nobody_else_waiting() {
    let setup = hostile(|stream| while request(stream) {});
    let server = Server::start(setup);
    server.person_with_password("root", "admin");
    std::thread::scope(|scope| {
        let waiting: Vec<_> = (0..8)
            .map(|n| {
                scope.spawn({
                    let server = &server;
                    move || enters(server, &format!("user{n}"), "pw")
                })
            })
            .collect();
        // While they wait, whoever needs no directory is served at once.
        let begun = Instant::now();
        enters(&server, "root", PASSWORD).is(303);
        for _ in 0..50 {
            server.anonymous().get("/healthz").is(200);
        }
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
        for waiting in waiting {
            assert_eq!(waiting.join().unwrap().status, 503);
        }
    });
}
