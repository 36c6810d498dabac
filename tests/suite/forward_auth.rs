//! `/access/v1/forward-auth`: what a reverse proxy is told, that nothing but the credential is taken from outside, and a
//! real nginx with `auth_request` in front of an application that sees who was let in and nobody else.

use crate::harness::world::TEAM;
use crate::harness::{Client, Reply, World, counterpart};
use crate::permissions::{browser, read_only};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};

const ASK: &str = "/access/v1/forward-auth?action=project:read&resource=acme/fusion";

fn furnish(world: &World) {
    for (name, access) in [("fusion", "PRIVATE"), ("square", "USER_WRITE"), ("vault", "RESTRICTED")] {
        world.team_admin.client.upsert_project(TEAM, name, Some(access)).is(200);
    }
}

/// The claims of an assertion whose signature fits a key of the published set.
fn claims(world: &World, assertion: &str) -> Value {
    let parts: Vec<&str> = assertion.split('.').collect();
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).unwrap();
    let head: Value = serde_json::from_slice(&decode(parts[0])).unwrap();
    assert_eq!(head["alg"], "EdDSA");
    let set = world.anonymous.get("/.well-known/jwks.json").is(200).json();
    let key = set["keys"].as_array().unwrap().iter().find(|k| k["kid"] == head["kid"]).expect("its key is published");
    assert!(key["d"].is_null(), "only the public half");
    let public = decode(key["x"].as_str().unwrap());
    ring::signature::UnparsedPublicKey::new(&ring::signature::ED25519, public)
        .verify(format!("{}.{}", parts[0], parts[1]).as_bytes(), &decode(parts[2]))
        .expect("the signature fits");
    serde_json::from_slice(&decode(parts[1])).unwrap()
}

fn identity(reply: &Reply) -> Vec<&str> {
    reply
        .headers
        .iter()
        .filter(|(n, v)| n.starts_with("x-bailiwick-") && n != "x-bailiwick-sign-in" && !v.is_empty())
        .map(|(n, _)| n.as_str())
        .collect()
}

#[test]
fn a_proxy_learns_who_was_let_in() {
    let world = World::new();
    furnish(&world);
    let let_in = world.member.client.get(&format!("{ASK}&aud=notebooks")).is(200);
    let header = |name: &str| let_in.header(&format!("x-bailiwick-{name}")).unwrap();
    assert_eq!((header("user"), header("email"), header("kind")), ("mia", "mia@example.com", "person"));
    assert_eq!((header("groups"), header("groups-cut")), (TEAM, "false"));
    assert_eq!(let_in.header("cache-control"), Some("no-store"), "an answer is for one request");
    let said = claims(&world, header("assertion"));
    assert_eq!(
        (&said["iss"], &said["aud"], &said["sub"]),
        (&json!(world.server.url), &json!("notebooks"), &json!(world.member.id))
    );
    assert_eq!((&said["action"], &said["resource"]), (&json!("project:read"), &json!("acme/fusion")));
    assert_eq!(said["exp"].as_i64().unwrap() - said["iat"].as_i64().unwrap(), 60);
    let again = world.member.client.get(&format!("{ASK}&aud=notebooks")).is(200);
    assert_ne!(claims(&world, again.header("x-bailiwick-assertion").unwrap())["jti"], said["jti"]);
    // Without an audience there is none; each header stands all the same, so that a proxy overwrites what was sent.
    assert_eq!(world.member.client.get(ASK).is(200).header("x-bailiwick-assertion"), Some(""));
    let machine = world.service.get(ASK).is(200);
    assert_eq!(machine.header("x-bailiwick-email"), Some(""));
    assert_eq!(machine.header("x-bailiwick-kind"), Some("service"));
    // The browser's session, and whatever method the proxy asks with.
    let page = browser(&world, &world.member);
    for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
        let reply = page.send(method, ASK, &[("origin", "https://elsewhere.example")], None).is(200);
        assert_eq!(reply.header("x-bailiwick-user"), Some("mia"), "{method}");
        assert!(reply.header("access-control-allow-origin").is_none(), "no other site's page reads it");
    }
    // Refusals: what is hidden, absent, or plainly not allowed is one 403, without a name in it.
    for (client, resource) in [
        (&world.outsider.client, "acme/fusion"),
        (&world.outsider.client, "acme/nothing"),
        (&world.outsider.client, "nothing/fusion"),
        (&world.member.client, "acme/vault"),
        (&world.admin.client, "acme/fusion"),
    ] {
        let path = format!("/access/v1/forward-auth?action=project:read&resource={resource}&aud=notebooks");
        let refused = client.get(&path).is(403);
        assert_eq!(identity(&refused), [] as [&str; 0]);
    }
    let words = |resource: &str| {
        let path = format!("/access/v1/forward-auth?action=project:read&resource={resource}");
        world.outsider.client.get(&path).is(403).json()["error"].as_str().unwrap().replace(resource, "")
    };
    assert_eq!(words("acme/fusion"), words("acme/nothing"));
    // Nobody: with where to sign in.
    for nobody in
        [&world.anonymous, &world.deactivated.client, &world.anonymous.bearer("x"), &world.anonymous.basic("", "")]
    {
        let refused = nobody.get(ASK).is(401);
        assert_eq!(refused.header("x-bailiwick-sign-in"), Some(format!("{}/login", world.server.url).as_str()));
        assert_eq!(identity(&refused), [] as [&str; 0]);
    }
    page.submit("/console/account", "/logout", &[]);
    page.get(ASK).is(401);
    // A refusal leaves its trace.
    let log = world.admin.client.get("/admin/audit_logs?numDays=1").is(200).body;
    assert!(log.contains("otto"), "{log}");
}

/// CVE-2021-32637 Authelia: a request that could not be parsed was let through.
#[test]
fn forward_auth_fails_closed_on_malformed_input() {
    let world = World::new();
    furnish(&world);
    let mia = &world.member.client;
    mia.get(ASK).is(200);
    for query in [
        "",
        "?",
        "?action=project:read",
        "?resource=acme/fusion",
        "?action=&resource=acme/fusion",
        "?action=project:Read&resource=acme/fusion",
        "?action=read&resource=acme/fusion",
        "?action=project:read&resource=acme/fusion&resource=acme/fusion",
        "?action=project:read&action=project:read&resource=acme/fusion",
        "?action=project:read&resource=acme/fusion&action=organization:read",
        "?action=project:read&resource=acme/fusion&next=/",
        "?action=project:read&resource=acme/fusion&",
        "?action=project:read&&resource=acme/fusion",
        "?action=project:read;resource=acme/fusion",
        "?action=project:read&resource=acme/fusion%",
        "?action=project:read&resource=acme/fusion%0",
        "?action=project:read&resource=acme/fusion%zz",
        "?action=project:read&resource=acme/fusion%00",
        "?action=project:read&resource=acme/fusion%0d%0ax:y",
        "?action=project:read&resource=acme/%ff",
        "?action=project:read&resource=acme/fusion+",
        "?action=project:read&resource=acme//fusion",
        "?action=project:read&resource=/acme/fusion",
        "?action=project:read&resource=acme/fusion/",
        "?action=project:read&resource=acme/./fusion",
        "?action=project:read&resource=closed/../acme/fusion",
        "?action=project:read&resource=acme%2f%2ffusion",
        "?action=project:read&resource=acme/%252e%252e",
        "?action=project:read&resource=acme/fusion/x",
        "?action=project:read&resource[]=acme/fusion",
        "?action=project:read&resource=acme/fusion&aud=",
        "?action=project:read&resource=acme/fusion&aud=a%20b",
        &format!("?action=project:read&resource=acme/fusion&aud={}", "x".repeat(300)),
        &format!("?action=project:read&resource=acme/fusion{}", "%20".repeat(2_000)),
    ] {
        let reply = mia.get(&format!("/access/v1/forward-auth{query}"));
        assert_eq!(reply.status, 400, "{query}: {reply:?}");
        assert_eq!(identity(&reply), [] as [&str; 0], "{query}");
        assert!(reply.json()["error"].as_str().unwrap().len() > 10);
    }
    // The address itself written oddly.
    for path in [
        "//access/v1/forward-auth",
        "/access/v1/./forward-auth",
        "/access/v1/forward-auth;x",
        "/access/v1/forward-auth/",
    ] {
        let reply = mia.get(&format!("{path}?action=project:read&resource=acme/fusion"));
        assert!((400..500).contains(&reply.status), "{path}: {reply:?}");
    }
    for (name, value) in [
        ("authorization", "Basic"),
        ("authorization", "Basic ???"),
        ("authorization", "Digest x"),
        ("authorization", "Bearer"),
        ("authorization", ""),
    ] {
        let reply = world.anonymous.send("GET", ASK, &[(name, value)], None);
        assert_eq!(reply.status, 401, "{value:?}: {reply:?}");
    }
}

/// CVE-2024-47070 authentik (`X-Forwarded-For`), CVE-2026-40575 and CVE-2026-76835 oauth2-proxy (`X-Forwarded-Uri`),
/// CVE-2026-15573 Keycloak (paths read twice): what the client sends chooses nothing.
#[test]
fn forwarded_headers_choose_neither_what_is_asked_nor_who_asks() {
    let world = World::new();
    furnish(&world);
    let open = "/access/v1/forward-auth?action=project:read&resource=acme/square";
    let hostile = [
        ("x-forwarded-uri", open),
        ("x-original-uri", open),
        ("x-original-url", open),
        ("x-rewrite-url", open),
        ("x-forwarded-method", "OPTIONS"),
        ("x-http-method-override", "OPTIONS"),
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-for", "127.0.0.1"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-user", "mia"),
        ("x-bailiwick-user", "mia"),
        ("x-bailiwick-email", "mia@example.com"),
        ("x-bailiwick-groups", "acme"),
        ("remote-user", "mia"),
        ("forwarded", "for=127.0.0.1;host=evil.example"),
    ];
    world.outsider.client.send("GET", ASK, &hostile, None).is(403);
    let nobody = world.anonymous.send("GET", ASK, &hostile, None).is(401);
    assert!(nobody.header("x-bailiwick-sign-in").unwrap().starts_with(&world.server.url), "{nobody:?}");
    let let_in = world.outsider.client.send("GET", &format!("{open}&aud=a"), &hostile, None).is(200);
    assert_eq!(let_in.header("x-bailiwick-user"), Some("otto"));
    assert_eq!(let_in.header("x-bailiwick-groups"), Some(""));
    assert_eq!(claims(&world, let_in.header("x-bailiwick-assertion").unwrap())["iss"], world.server.url);
}

/// CVE-2026-70396 Gitea, CVE-2024-4006 GitLab: a narrow credential at a surface that forgot to ask for its scope; and two
/// identities in one request.
#[test]
fn forward_auth_judges_the_credential_that_was_sent() {
    let world = World::new();
    furnish(&world);
    let narrow = read_only(&world, "mia");
    let write = "/access/v1/forward-auth?action=run:create&resource=acme/fusion";
    narrow.get(ASK).is(200);
    world.member.client.get(write).is(200);
    narrow.get(write).is(403);
    world.viewer.client.get(write).is(403);
    // A void key beside a good session is nobody, not the session's owner.
    let page = browser(&world, &world.member);
    page.get(ASK).is(200);
    for header in ["Bearer nonsense", "Basic Og==", "Digest x"] {
        page.send("GET", ASK, &[("authorization", header)], None).is(401);
    }
    // A good one is its own owner's.
    let cookies: Vec<String> = page.cookies().iter().map(|(n, v)| format!("{n}={v}")).collect();
    world.outsider.client.send("GET", ASK, &[("cookie", &cookies.join("; "))], None).is(403);
    // The session's secret in another place is none.
    let token = page.cookies().values().next().unwrap().clone();
    world.anonymous.bearer(&token).get(ASK).is(401);
    world.anonymous.send("GET", ASK, &[("cookie", &format!("session={token}"))], None).is(401);
    // Whoever loses the right loses it at the next request.
    let row = world.admin.client.member_of(TEAM, "mia").unwrap();
    world.team_admin.client.remove_member(TEAM, row["id"].as_str().unwrap()).is(200);
    page.get(ASK).is(403);
    world.member.client.get(ASK).is(403);
}

/// An application that answers with the head of the request it got.
fn application() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, mut head, mut part) = (stream.unwrap(), Vec::new(), [0; 4_096]);
            while !head.windows(4).any(|w| w == b"\r\n\r\n") {
                match stream.read(&mut part) {
                    Ok(0) | Err(_) => break,
                    Ok(n) => head.extend_from_slice(&part[..n]),
                }
            }
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", head.len());
            let _ = stream.write_all(answer.as_bytes()).and_then(|()| stream.write_all(&head));
        }
    });
    address
}

/// A running nginx; its end is the test's.
struct Nginx(Child);

impl Drop for Nginx {
    fn drop(&mut self) {
        // Its worker ends with it only when it is asked to.
        let _ = rustix::process::kill_process(rustix::process::Pid::from_child(&self.0), rustix::process::Signal::TERM);
        let _ = self.0.wait();
    }
}

/// Starts nginx with the README's configuration before `application`; gives a client of it. The socket is bound here and
/// handed down, so that the port is free and the first request waits instead of failing.
fn nginx(world: &World, application: &str) -> (Nginx, Client) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let dir = world.server.data.outside().join("nginx");
    std::fs::create_dir(&dir).unwrap();
    let readme = include_str!("../../README.md");
    let (_, shown) = readme.split_once("```nginx\n").expect("the README shows a configuration");
    let server = shown.split_once("```").unwrap().0;
    for part in ["listen 443 ssl;", "http://127.0.0.1:3000", "http://127.0.0.1:8080"] {
        assert!(server.contains(part), "the README's configuration has {part}");
    }
    let server = server
        .replace("listen 443 ssl;", &format!("listen {address};"))
        .replace("http://127.0.0.1:3000", &format!("http://{application}"))
        .replace("http://127.0.0.1:8080", &world.server.url);
    let at = dir.display();
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("{name}_temp_path {at}/{name};"))
        .concat();
    let config = format!(
        "daemon off; worker_processes 1; user root; pid {at}/pid; error_log {at}/error.log notice;\n\
         events {{ worker_connections 64; }}\nhttp {{ access_log off; {temporary}\n{server}\n}}\n"
    );
    let file = dir.join("nginx.conf");
    std::fs::write(&file, config).unwrap();
    let child = Command::new("/usr/sbin/nginx")
        .arg("-p")
        .arg(&dir)
        .arg("-c")
        .arg(&file)
        .env("NGINX", "0;")
        .stdin(Stdio::from(std::os::fd::OwnedFd::from(listener)))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    (Nginx(child), Client::new(&format!("http://{address}")))
}

#[test]
fn a_real_nginx_lets_in_whom_the_decision_lets_in() {
    if !counterpart("nginx", Path::new("/usr/sbin/nginx")) {
        return;
    }
    let world = World::new();
    furnish(&world);
    let (_nginx, proxy) = nginx(&world, &application());
    let forged = [
        ("x-bailiwick-user", "root"),
        ("x-bailiwick-groups", "admins"),
        ("x-bailiwick-assertion", "forged"),
        ("x-bailiwick-email", "root@example.com"),
    ];
    let seen = |reply: &Reply, name: &str| -> Vec<String> {
        let lines = reply.body.lines().filter_map(|l| l.split_once(':'));
        lines.filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.trim().to_owned()).collect()
    };
    for (key, who, email) in
        [(&world.member.key, "mia", Some("mia@example.com")), (&world.team_admin.key, "tess", Some("tess@example.com"))]
    {
        let reply = proxy.key(key).send("GET", "/notebooks?x=1", &forged, None).is(200);
        assert!(reply.body.starts_with("GET /notebooks?x=1 "), "{}", reply.body);
        assert_eq!(seen(&reply, "x-bailiwick-user"), [who]);
        assert_eq!(seen(&reply, "x-bailiwick-email"), email.into_iter().collect::<Vec<_>>());
        assert_eq!(seen(&reply, "x-bailiwick-groups"), [TEAM]);
        let assertion = seen(&reply, "x-bailiwick-assertion");
        assert_eq!(claims(&world, &assertion[0])["username"], who);
        assert_eq!(claims(&world, &assertion[0])["aud"], "notebooks");
        assert!(
            !reply.body.contains(key.as_str()) && seen(&reply, "authorization").is_empty(),
            "the key stays outside"
        );
    }
    // A body on its way does not confuse the question about it.
    let reply = proxy.key(&world.member.key).send("POST", "/save", &forged, Some(b"a=1")).is(200);
    assert_eq!(seen(&reply, "x-bailiwick-user"), ["mia"]);
    // A machine has no address, and what a client sends for one does not pass.
    let robot = world.server.cli(&["api-key", "create", "service-nightly", "--json"]).json();
    let reply = proxy.key(robot["key"].as_str().unwrap()).send("GET", "/", &forged, None).is(200);
    assert_eq!(seen(&reply, "x-bailiwick-user"), ["service-nightly"]);
    assert_eq!(seen(&reply, "x-bailiwick-email"), [] as [&str; 0]);
    // Outsiders and nobody.
    proxy.key(&world.outsider.key).send("GET", "/notebooks", &forged, None).is(403);
    proxy.key(&world.admin.key).send("GET", "/notebooks", &forged, None).is(403);
    for nobody in [proxy.clone(), proxy.bearer("nonsense"), proxy.key(&world.deactivated.key)] {
        let reply = nobody.send("GET", "/notebooks", &forged, None).is(302);
        assert_eq!(reply.header("location"), Some(format!("{}/login", world.server.url).as_str()));
    }
    // The question's own address is no address for outside.
    proxy.key(&world.member.key).get("/_bailiwick").is(404);
    // A session of a browser on the same host.
    let page = browser(&world, &world.member);
    for (name, value) in page.cookies() {
        proxy.set_cookie(&name, &value);
    }
    let reply = proxy.get("/notebooks").is(200);
    assert_eq!(seen(&reply, "x-bailiwick-user"), ["mia"]);
    assert!(seen(&reply, "cookie").is_empty(), "the session stays outside: {}", reply.body);
    page.submit("/console/account", "/logout", &[]);
    proxy.get("/notebooks").is(302);
}
