//! HTTP itself: what stands between proxy and server, forwarded headers, paths in disguise, two readings of one request,
//! many requests on one connection.

use super::{raw, statuses};
use crate::harness::{PASSWORD, Server, Setup, World};
use base64::Engine;

/// CVE-2024-47070 authentik, CVE-2026-40575 and CVE-2026-76835 oauth2-proxy: whoever may connect says where from.
#[test]
fn forwarded_headers_of_strangers_are_ignored() {
    let world = World::new();
    let server = &world.server;
    let forged = [
        ("x-forwarded-for", "203.0.113.7"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-uri", "/healthz"),
        ("x-original-uri", "/healthz"),
        ("x-rewrite-url", "/healthz"),
        ("x-http-method-override", "GET"),
        ("forwarded", "for=203.0.113.7;proto=https"),
        ("x-real-ip", "203.0.113.7"),
        ("true-client-ip", "203.0.113.7"),
        ("content-type", "application/x-www-form-urlencoded"),
    ];
    let form = |password: &str| format!("username=root&password={password}");
    // The cookie is the one of the connection as it is.
    let reply = world.anonymous.fresh().send("POST", "/login", &forged, Some(form(PASSWORD).as_bytes())).is(303);
    let cookie = reply.header("set-cookie").unwrap();
    assert!(cookie.starts_with("bailiwick=") && !cookie.contains("Secure"), "{cookie}");
    // A new address each time does not help guessing.
    let mut braked = false;
    for n in 0..20 {
        let ip = format!("203.0.113.{n}");
        let headers = [("x-forwarded-for", ip.as_str()), forged[10]];
        let reply = world.anonymous.fresh().send("POST", "/login", &headers, Some(form("wrong-password").as_bytes()));
        braked |= reply.status == 429;
    }
    assert!(braked, "20 guesses under 20 invented addresses");
    // No other place, no other method.
    assert_eq!(world.anonymous.send("GET", "/console/users", &forged[..9], None).status, 303);
    assert!(!server.log().contains("203.0.113"), "an invented address is in the log");
    for range in ["0.0.0.0/0", "::/0"] {
        let out = Setup::default().arg("--behind-proxy").arg(range).refused();
        assert_eq!(out.code, 1, "{out:?}");
    }
}

/// CVE-2026-15573 and CVE-2026-9800 Keycloak, CVE-2021-32637 Authelia: a path that the proxy's rules read differently.
#[test]
fn a_path_in_disguise_reaches_nothing() {
    let world = World::new();
    let key = base64::engine::general_purpose::STANDARD.encode(format!("api:{}", world.admin.key));
    let cookie = {
        let browser = world.anonymous.fresh();
        browser.sign_in("root", PASSWORD).is(303);
        browser.cookie("bailiwick").unwrap()
    };
    for path in [
        "//console/users",
        "/console//users",
        "/./console/users",
        "/healthz/../console/users",
        "/healthz/..;/console/users",
        "/console/users;x=.css",
        "/console/%2e%2e/console/users",
        "/console%2fusers",
        "/console%2Fusers",
        "/console%5cusers",
        "/console\\users",
        "/%63onsole/users",
        "/CONSOLE/users",
        "/Console/Users",
        "/console/users/",
        "/console/users%00",
        "/console/users%20",
        "/console/users%0a",
        "/console/users%",
        "/console/users%zz",
        "/console/%u0075sers",
        "/console/users/.",
        "/access/v1//subject",
        "/access/v1/subject/",
        "/access/v1/subject;a",
        "/access/V1/subject",
        "/access/v1/%73ubject%2f",
        "/access/%2e%2e/access/v1/subject",
        "/assets/../access/v1/subject",
        "/assets/%2e%2e/access/v1/subject",
        "/assets/..%2f..%2fCargo.toml",
        "/assets/....//Cargo.toml",
        "console/users",
        "*",
        "?",
    ] {
        let head = format!(
            "GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Basic {key}\r\nCookie: bailiwick={cookie}\r\nConnection: close\r\n\r\n"
        );
        let answer = raw(&world.server, head.as_bytes(), 1);
        let got = statuses(&answer);
        // Decoding a plain letter is the one normalisation there is, and then the place itself answers, rights and all.
        let is_letter = matches!(path, "/%63onsole/users");
        assert!(got.iter().all(|s| (400..500).contains(s) || is_letter && *s == 200), "{path}: {answer}");
        assert!(!answer.contains("[dependencies]"), "{path}");
        let nobody =
            raw(&world.server, format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").as_bytes(), 1);
        assert!(!statuses(&nobody).contains(&200), "{path}: {nobody}");
    }
    // A request target with a host of its own is the path in it, for the same rights.
    let answer = raw(
        &world.server,
        b"GET http://evil.example/access/v1/subject HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        1,
    );
    assert!(matches!(statuses(&answer)[..], [400] | [401] | [404]), "{answer}");
}

/// Two readings of where a request ends: the second half must never be answered as a request of its own.
#[test]
fn a_request_within_a_request_is_not_answered() {
    let server = Server::plain();
    let inner = "GET /healthz HTTP/1.1\r\nHost: smuggled\r\n\r\n";
    let post = |headers: &str, body: &str| format!("POST /graphql HTTP/1.1\r\nHost: x\r\n{headers}\r\n\r\n{body}");
    let chunked = format!("0\r\n\r\n{inner}");
    let long = inner.len() + 5;
    let requests = [
        ("two lengths", post(&format!("Content-Length: 0\r\nContent-Length: {long}"), inner)),
        ("two lengths in one", post(&format!("Content-Length: 0, {long}"), inner)),
        ("length and chunks", post(&format!("Content-Length: {long}\r\nTransfer-Encoding: chunked"), &chunked)),
        ("chunks and length", post(&format!("Transfer-Encoding: chunked\r\nContent-Length: {long}"), &chunked)),
        ("chunks in disguise", post(&format!("Content-Length: {long}\r\nTransfer-Encoding: xchunked"), &chunked)),
        ("chunks and identity", post("Transfer-Encoding: chunked, identity", &chunked)),
        ("chunks twice", post("Transfer-Encoding: identity\r\nTransfer-Encoding: chunked, x", &chunked)),
        ("a blank before the colon", post(&format!("Transfer-Encoding : chunked\r\nContent-Length: {long}"), &chunked)),
        (
            "a folded header",
            post(&format!("X: y\r\n Transfer-Encoding: chunked\r\nContent-Length: {}", long + 400), &chunked),
        ),
        ("a signed length", post("Content-Length: +0", inner)),
        ("a negative length", post("Content-Length: -1", inner)),
        ("a length in hexadecimal", post("Content-Length: 0x0", inner)),
        ("a length out of range", post("Content-Length: 18446744073709551616", inner)),
        ("a chunk out of range", post("Transfer-Encoding: chunked", &format!("ffffffffffffffff0\r\n{inner}"))),
        ("a signed chunk", post("Transfer-Encoding: chunked", &format!("+0\r\n\r\n{inner}"))),
        (
            "chunks under 1.0",
            format!(
                "POST /graphql HTTP/1.0\r\nHost: x\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n{chunked}"
            ),
        ),
    ];
    for (what, request) in requests {
        let mut tcp = std::net::TcpStream::connect(server.address()).unwrap();
        tcp.set_read_timeout(Some(crate::harness::PATIENCE)).unwrap();
        use std::io::{Read, Write};
        tcp.write_all(request.as_bytes()).unwrap();
        let _ = tcp.shutdown(std::net::Shutdown::Write);
        let mut answer = vec![];
        let _ = tcp.read_to_end(&mut answer);
        let answer = String::from_utf8_lossy(&answer);
        assert!(!answer.contains("{\"status\":\"ok\"}"), "{what}: the inner request was answered: {answer}");
        assert!(statuses(&answer).iter().all(|s| (400..502).contains(s) && *s != 500), "{what}: {answer}");
    }
}

/// Many requests on one connection, each with its own credential: nobody is taken for the one before.
#[test]
fn a_connection_remembers_nobody() {
    let world = World::new();
    let get = |auth: Option<&str>| {
        let line = auth.map(|key| format!("Authorization: Bearer {key}\r\n")).unwrap_or_default();
        format!("GET /access/v1/subject HTTP/1.1\r\nHost: x\r\n{line}\r\n")
    };
    let order: [(Option<&str>, &str); 6] = [
        (Some(&world.admin.key), "\"root\""),
        (None, "UNAUTHENTICATED"),
        (Some(&world.member.key), "\"mia\""),
        (Some("wrong"), "UNAUTHENTICATED"),
        (Some(&world.deactivated.key), "UNAUTHENTICATED"),
        (Some(&world.outsider.key), "\"otto\""),
    ];
    let rounds = 20;
    let pipeline: String = (0..rounds).flat_map(|_| order.iter().map(|(key, _)| get(*key))).collect();
    let answer = raw(&world.server, pipeline.as_bytes(), rounds * order.len());
    let answers: Vec<&str> = answer.split("HTTP/1.1 ").skip(1).collect();
    assert_eq!(answers.len(), rounds * order.len());
    for (n, answer) in answers.iter().enumerate() {
        let (_, expected) = order[n % order.len()];
        assert!(answer.contains(expected), "{n}: {answer}");
    }
}
