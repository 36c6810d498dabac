//! Keys, sessions, passwords and codes: dead when they should be, each good for its own door only, guessed by nobody.

use super::{is_refused, signed_in};
use crate::harness::world::deactivate;
use crate::harness::{Client, PASSWORD, Reply, Server, Setup, World, world::TEAM};
use crate::permissions::{browser, read_only};
use serde_json::{Value, json};
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

/// What every surface that takes keys answers: the statuses.
fn by_key(client: &Client) -> Vec<u16> {
    let viewer = client.graphql("{ viewer { id } }", json!({})).status;
    let subject = client.get("/access/v1/subject").status;
    // Behind a proxy, the counters are for holders of a key.
    let metrics = client.send("GET", "/metrics", &[("x-forwarded-for", "198.51.100.1")], None).status;
    vec![viewer, subject, metrics]
}

fn is_alive(client: &Client) {
    assert_eq!(by_key(client), [200, 200, 200]);
}

fn is_dead(what: &str, client: &Client) {
    assert_eq!(by_key(client), [401, 401, 401], "{what}");
}

fn post(browser: &Client, path: &str, fields: &[(&str, &str)]) -> Reply {
    let token = browser.page("/console/account").form("/logout").fields[0].clone();
    let fields = fields.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned()));
    browser.post_form(path, &[token].into_iter().chain(fields).collect::<Vec<_>>())
}

const GENERATE: &str = "mutation($d: String) { generateApiKey(input: {description: $d}) { apiKey { id name } } }";

/// CVE-2025-64521 authentik, CVE-2023-22492 Zitadel, CVE-2026-1609 Keycloak: tokens of the deactivated went on working.
#[test]
fn everything_of_a_deactivated_or_deleted_account_is_dead_at_once() {
    let world = World::new();
    let second = world.member.client.data(GENERATE, json!({"d": "second"}));
    let second = world.anonymous.bearer(second["generateApiKey"]["apiKey"]["name"].as_str().unwrap());
    let keys =
        [world.member.client.clone(), second, read_only(&world, "mia"), world.anonymous.bearer(&world.member.key)];
    let session = browser(&world, &world.member);
    let open = session.page("/console/account").form("/logout");
    keys.iter().for_each(is_alive);
    for what in ["deactivated", "deleted"] {
        if what == "deactivated" {
            deactivate(&world.admin, &world.member);
        } else {
            let root = browser(&world, &world.admin);
            post(&root, "/console/users/mia/delete", &[("sure", "mia")]).is(303);
        }
        keys.iter().for_each(|key| is_dead(what, key));
        assert!(!signed_in(&session), "{what}");
        // A form that was open in the browser does nothing.
        for path in ["/authorize", "/acme/settings", "/console/account/end-others"] {
            let reply = session.post_form(path, &open.fields);
            assert_eq!((reply.status, reply.header("location")), (303, Some("/login")), "{what} {path}: {reply:?}");
        }
        is_refused(what, &world.anonymous.fresh().sign_in("mia", PASSWORD));
        world.server.cli(&["api-key", "create", "mia"]).failed(1);
    }
    // A machine ends with its place in the team, and with the team.
    is_alive(&world.service);
    let row = world.team_admin.client.member_of(TEAM, "service-nightly").unwrap();
    world.team_admin.client.remove_member(TEAM, row["id"].as_str().unwrap()).is(200);
    is_dead("removed", &world.service);
    world.admin.client.create_team("brief", None).is(200);
    world.admin.client.create_service_account("brief", "short lived").is(200);
    let key = world.admin.client.members("brief").pop().unwrap()["apiKey"].as_str().unwrap().to_owned();
    let machine = world.anonymous.key(&key);
    is_alive(&machine);
    post(&browser(&world, &world.admin), "/brief/settings/delete", &[("sure", "brief")]).is(303);
    is_dead("its team is gone", &machine);
}

/// What comes back with a reactivated person: keys and teams, never the sessions.
#[test]
fn reactivation_brings_no_session_back() {
    let world = World::new();
    let session = browser(&world, &world.member);
    deactivate(&world.admin, &world.member);
    world.server.cli(&["user", "reactivate", "mia"]).ok();
    assert!(!signed_in(&session));
    is_alive(&world.member.client);
}

/// Revocation by the owner, by an admin and by expiry is heard by the next request, also on a connection that stays open.
#[test]
fn a_revoked_key_is_refused_on_the_next_request() {
    let world = World::new();
    let delete = "mutation($id: String!) { deleteApiKey(input: {id: $id}) { success } }";
    is_alive(&world.member.client);
    world.admin.client.data(delete, json!({"id": &world.member.key[..10]}));
    is_dead("by an admin", &world.member.client);
    let own = &world.outsider;
    own.client.data(delete, json!({"id": &own.key[..10]}));
    is_dead("by its owner", &own.client);
}

/// CVE-2026-4282 Keycloak (one space for all tokens): each secret is good for its own door only.
#[test]
fn no_secret_opens_another_door() {
    let world = World::new();
    let session = browser(&world, &world.admin);
    let cookie = session.cookie("bailiwick").unwrap();
    let csrf = session.page("/console/account").form("/logout").fields[0].1.clone();
    let key = world.admin.key.clone();
    let forty = &format!("{cookie}{cookie}")[..40];
    for (what, secret) in [
        ("cookie", cookie.as_str()),
        ("csrf", &csrf),
        ("password", PASSWORD),
        ("public id", &key[..10]),
        ("cut", forty),
    ] {
        for client in
            [world.anonymous.key(secret), world.anonymous.bearer(secret), world.anonymous.basic("root", secret)]
        {
            is_dead(what, &client);
        }
    }
    for (what, value) in [("key", key.as_str()), ("csrf", &csrf), ("handle", &cookie[..12]), ("id", &key[..10])] {
        let thief = world.anonymous.fresh();
        thief.set_cookie("bailiwick", value);
        assert!(!signed_in(&thief), "{what}");
    }
    for (what, secret) in [("key", key.as_str()), ("cookie", &cookie), ("csrf", &csrf)] {
        is_refused(what, &world.anonymous.fresh().sign_in("root", secret));
        is_refused(what, &world.anonymous.page(&format!("/setup?code={secret}")));
    }
    // A session is no credential for an API, a key none for a page, and neither counts where it was not asked for.
    for path in ["/access/v1/subject", "/admin/audit_logs"] {
        assert!(matches!(session.get(path).status, 401 | 404), "{path}");
        for query in ["api_key", "access_token", "token", "key"] {
            assert!(
                matches!(world.anonymous.get(&format!("{path}?{query}={key}")).status, 401 | 404),
                "{path} {query}"
            );
        }
    }
    assert_eq!(session.graphql("{ viewer { id } }", json!({})).status, 401);
    assert_eq!(world.admin.client.page("/console/account").status, 303);
    let bearer = format!("Bearer {key}");
    let twice = [("authorization", bearer.as_str()), ("authorization", bearer.as_str())];
    assert_eq!(world.anonymous.send("GET", "/access/v1/subject", &twice, None).status, 401, "which one counts?");
    for header in
        ["x-api-key", "x-wandb-api-key", "proxy-authorization", "x-forwarded-user", "x-remote-user", "remote-user"]
    {
        let reply = world.anonymous.send("GET", "/access/v1/subject", &[(header, &key), ("x-auth-user", "root")], None);
        assert_eq!(reply.status, 401, "{header}");
    }
}

/// The first key of a service account is read once, by the credential that made it, and by no other.
#[test]
fn a_service_key_is_shown_to_its_maker_alone_and_once() {
    let world = World::new();
    let tess = &world.team_admin.client;
    let other = tess.data(GENERATE, json!({"d": "other"}));
    let other = world.anonymous.key(other["generateApiKey"]["apiKey"]["name"].as_str().unwrap());
    tess.create_service_account(TEAM, "fresh").is(200);
    let shown = |client: &Client| client.members(TEAM).pop().unwrap()["apiKey"].clone();
    for (who, client) in [("admin", &world.admin.client), ("member", &world.member.client), ("her other key", &other)] {
        assert_eq!(shown(client), Value::Null, "{who}");
    }
    assert!(shown(tess).is_string());
    assert_eq!(shown(tess), Value::Null, "once");
}

/// CVE-2026-2635 MLflow (default password), CVE-2023-6014 (free sign-up): an empty server lets nobody in.
#[test]
fn an_empty_server_has_no_way_in_but_the_link() {
    let server = Server::plain();
    let nobody = server.anonymous();
    for (name, password) in [
        ("admin", "admin"),
        ("admin", "password"),
        ("root", "root"),
        ("wandb", "wandb"),
        ("local", "perceptron"),
        ("", ""),
    ] {
        is_refused(name, &nobody.fresh().sign_in(name, password));
        is_dead(name, &nobody.basic(name, password));
    }
    for key in ["", "local", &"0".repeat(40), &"a".repeat(40), &format!("local-{}", "0".repeat(40))] {
        is_dead(key, &nobody.key(key));
    }
    let closed = nobody.page("/signup").is(200).body;
    assert!(!closed.contains("<form"), "nobody opened it: {closed}");
    for path in ["/invite", "/setup", "/setup?code=", "/setup?code=0", "/oidc/login"] {
        is_refused(path, &nobody.page(path));
    }
    let email = ("email".to_owned(), "evil@example.com".to_owned());
    let password = ("password".to_owned(), PASSWORD.to_owned());
    for code in ["", "x", &"A".repeat(43)] {
        let fields = [email.clone(), password.clone(), ("code".to_owned(), code.to_owned())];
        is_refused("guessed code", &nobody.fresh().post_form("/setup", &fields));
        is_refused("sign-up", &nobody.fresh().post_form("/signup", &fields));
    }
    // Many at once with the right code: one administrator, and the code is gone.
    let code = server.setup_path().split_once("code=").unwrap().1.to_owned();
    let barrier = Arc::new(Barrier::new(6));
    let replies: Vec<Reply> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..6)
            .map(|n| {
                let (barrier, client, code) = (Arc::clone(&barrier), server.anonymous(), code.clone());
                scope.spawn(move || {
                    let fields =
                        [("code", code), ("email", format!("first{n}@example.com")), ("password", PASSWORD.into())];
                    barrier.wait();
                    client.post_form("/setup", &fields.map(|(n, v)| (n.to_owned(), v)))
                })
            })
            .collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    });
    assert_eq!(replies.iter().filter(|r| r.status == 303).count(), 1, "{replies:?}");
    replies.iter().filter(|r| r.status != 303).for_each(|r| is_refused("late", r));
}

/// A form to sign in from an address of its own, so that the brakes on guessing play no part.
fn attempt(server: &Server, n: u32, name: &str, password: &str) -> (Reply, Duration) {
    let ip = format!("203.0.{}.{}", n / 200 + 1, n % 200 + 1);
    let body = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs([("username", name), ("password", password)])
        .finish();
    let headers = [
        ("content-type", "application/x-www-form-urlencoded"),
        ("x-forwarded-for", ip.as_str()),
        ("origin", server.url.as_str()),
    ];
    let client = server.anonymous();
    let from = Instant::now();
    let reply = client.send("POST", "/login", &headers, Some(body.as_bytes()));
    (reply, from.elapsed())
}

/// Kanidm 1.11.0 (password length), GHSA-5hmm-x8q8-w5jh Alerta (empty password): refused before any hashing, in the words of
/// every failed sign-in.
#[test]
fn empty_endless_and_nul_passwords_cost_no_hash() {
    let server = Server::start(Setup::default().arg("--behind-proxy").arg("127.0.0.1/32"));
    server.person_with_password("root", "admin");
    let endless = "x".repeat(100_000);
    let mut n = 0;
    let mut fastest = |password: &str| {
        let tries: Vec<(Reply, Duration)> = (0..5)
            .map(|_| {
                n += 1;
                attempt(&server, n, &format!("nobody{n}"), password)
            })
            .collect();
        let text = tries[0].0.text();
        assert!(tries.iter().all(|t| t.0.status == tries[0].0.status), "{tries:?}");
        (tries.iter().map(|t| t.1).min().unwrap(), tries[0].0.status, text)
    };
    fastest("warm-up");
    let (hashed, status, words) = fastest("an-ordinary-wrong-password");
    for password in ["", &endless, &"x".repeat(513), "a\0b"] {
        let (took, other, said) = fastest(password);
        assert_eq!((other, &said), (status, &words), "{} bytes", password.len());
        assert!(took < hashed, "{} bytes: {took:?}, a hash takes {hashed:?}", password.len());
    }
    assert_eq!(attempt(&server, 900, "root", &format!("{PASSWORD}\0")).0.status, status);
}

/// OpenBao GO-2025-3855: each spelling of a name had a count of failures of its own.
#[test]
fn every_spelling_of_a_name_is_one_name_to_the_brakes() {
    let server = Server::start(Setup::default().arg("--behind-proxy").arg("127.0.0.1/32"));
    server.person_with_password("root", "admin");
    let spellings =
        ["root", "ROOT", " root", "root ", "Root", "\u{ff52}\u{ff4f}\u{ff4f}\u{ff54}", "\u{a0}root", "rOOt"];
    let mut braked = 0;
    for round in 0..3 {
        for name in spellings {
            let (reply, _) = attempt(&server, 7, name, "wrong-password-1");
            assert!((400..500).contains(&reply.status), "{round} {name:?}: {reply:?}");
            braked += usize::from(reply.status == 429);
        }
    }
    assert!(braked >= 8, "24 tries at one name from one address were slowed down {braked} times");
    // An unknown name is slowed down alike, so the brakes tell nothing.
    let replies: Vec<u16> = (0..8).map(|_| attempt(&server, 8, "nobody", "wrong-password-1").0.status).collect();
    assert!(replies.contains(&429), "{replies:?}");
}
