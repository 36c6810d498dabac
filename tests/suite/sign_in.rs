//! The first user by the one-use link, signing in with a password, and the sessions that come of it: cookies, CSRF,
//! listing, revoking, signing out. Lifetimes are shortened by settings; exact expiry is unit-tested with a clock.

use crate::harness::{Client, PASSWORD, Reply, Server, Setup};
use serde_json::json;
use std::time::{Duration, Instant};

const SETUP_FIELDS: [(&str, &str); 4] =
    [("username", "root"), ("email", "root@example.com"), ("password", PASSWORD), ("password_again", PASSWORD)];

fn session_cookie(reply: &Reply) -> &str {
    let found = reply.headers.iter().find(|(name, value)| name == "set-cookie" && value.contains("Max-Age="));
    found.map(|(_, value)| value.as_str()).unwrap_or_else(|| panic!("no session cookie: {reply:?}"))
}

fn signed_in(browser: &Client) -> bool {
    let reply = browser.page("/");
    match reply.status {
        200 => true,
        302 | 303 => {
            assert!(reply.header("location").unwrap().starts_with("/login"), "{reply:?}");
            false
        }
        _ => panic!("{reply:?}"),
    }
}

fn sign_in(server: &Server, username: &str) -> Client {
    let browser = server.anonymous();
    let reply = browser.sign_in(username, PASSWORD);
    assert_eq!(reply.status, 303, "{reply:?}");
    assert!(signed_in(&browser));
    browser
}

#[test]
fn f130_the_setup_link_makes_the_first_admin_once() {
    let server = Server::plain();
    let link = server.setup_path();
    let browser = server.anonymous();
    // Looking does not use the code.
    browser.page(&link).is(200);
    browser.page(&link).is(200);
    // A weak password is told in place, and does not use it either.
    let weak = [("username", "root"), ("email", "root@example.com"), ("password", "abc"), ("password_again", "abc")];
    let reply = browser.submit(&link, "/setup", &known(&browser, &link, &weak));
    assert!((400..500).contains(&reply.status), "{reply:?}");
    assert!(reply.text().to_lowercase().contains("password"), "{}", reply.text());
    assert!(!reply.body.contains("value=\"abc\""), "a password is not sent back");
    // A wrong code is refused.
    let wrong = server.anonymous().page("/setup?code=0000000000000000000000000000000000000000000");
    assert!((400..500).contains(&wrong.status), "{wrong:?}");

    let fill = known(&browser, &link, &SETUP_FIELDS);
    let reply = browser.submit(&link, "/setup", &fill);
    assert_eq!(reply.status, 303, "{reply:?}");
    assert!(signed_in(&browser), "the first admin is signed in at once");
    let found = server.cli(&["api-key", "create", "root", "--json"]).json();
    let root = server.anonymous().key(found["key"].as_str().unwrap());
    assert_eq!(root.data("{ viewer { username admin email } }", json!({}))["viewer"]["admin"], true);

    // Used up: neither the form nor its POST works again, and the log shows no new link after a restart.
    let again = server.anonymous();
    let reply = again.page(&link);
    assert!((400..500).contains(&reply.status), "{reply:?}");
    let data = server.stop();
    let server = Server::start(Setup::default().data(&data));
    assert_eq!(server.anonymous().get("/healthz").status, 200);
    assert!(!server.log().contains("/setup?code="), "no link once a user exists");
    assert!((400..500).contains(&server.anonymous().page(&link).status));
}

/// The fields of `wanted` that the form really has.
fn known<'a>(browser: &Client, page: &str, wanted: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let form = browser.page(page).form("/setup");
    wanted.iter().filter(|(name, _)| form.names.iter().any(|n| n == name)).copied().collect()
}

#[test]
fn f130_the_setup_link_is_void_once_any_user_exists() {
    let server = Server::plain();
    let link = server.setup_path();
    let browser = server.anonymous();
    let form = browser.page(&link).is(200).form("/setup");
    let mut fields = form.fields.clone();
    fields.retain(|(name, _)| SETUP_FIELDS.iter().all(|(wanted, _)| name != wanted));
    fields.extend(SETUP_FIELDS.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())));
    server.person("other", "admin");
    let reply = browser.post_form(&form.action, &fields);
    assert!((400..500).contains(&reply.status), "{reply:?}");
    assert!((400..500).contains(&browser.page(&link).status));
    assert!(!signed_in(&browser));
}

#[test]
fn f130_every_start_with_an_empty_store_renews_the_link() {
    let server = Server::plain();
    let first = server.setup_path();
    let data = server.stop();
    let server = Server::start(Setup::default().data(&data));
    let second = server.setup_path();
    assert_ne!(first, second);
    assert!((400..500).contains(&server.anonymous().page(&first).status), "the old link is void");
    server.anonymous().page(&second).is(200);
    // Until then nobody signs in or up, and the page says how to begin.
    let reply = server.anonymous().page("/login");
    assert!(reply.text().contains("setup"), "{}", reply.text());
}

#[test]
fn f131_the_second_user_is_a_member_and_admins_make_admins() {
    let server = Server::plain();
    let admin = server.person("root", "admin");
    let create = "mutation($email: String!, $admin: Boolean) {
        createUser(input: {email: $email, admin: $admin}) { user { id username admin } } }";
    let made = admin.client.data(create, json!({"email": "second@example.com"}));
    assert_eq!(made["createUser"]["user"]["admin"], false);
    server.cli(&["user", "set-org-role", "second", "admin"]).ok();
    let key = server.cli(&["api-key", "create", "second", "--json"]).json()["key"].as_str().unwrap().to_owned();
    let second = server.anonymous().key(&key);
    second.data(create, json!({"email": "third@example.com", "admin": true}));
}

#[test]
fn f060_f291_a_session_lasts_720_hours_unless_told_otherwise() {
    for (env, hours) in [(None, 720), (Some("5"), 5)] {
        let mut setup = Setup::default();
        if let Some(hours) = env {
            setup = setup.env("SESSION_LENGTH", hours);
        }
        let server = Server::start(setup);
        server.person_with_password("root", "admin");
        let browser = server.anonymous();
        let reply = browser.sign_in("root", PASSWORD);
        assert_eq!(reply.status, 303, "{reply:?}");
        let cookie = session_cookie(&reply);
        assert!(cookie.contains(&format!("Max-Age={}", hours * 3600)), "{cookie}");
        for flag in ["HttpOnly", "SameSite=Lax", "Path=/"] {
            assert!(cookie.contains(flag), "{cookie}");
        }
        assert!(signed_in(&browser));
    }
}

#[test]
fn sign_in_takes_username_or_email_in_any_case_and_nothing_else() {
    let server = Server::plain();
    server.person_with_password("Root", "admin");
    for name in ["Root", "root", "ROOT", "root@example.com", "Root@Example.com"] {
        let reply = server.anonymous().sign_in(name, PASSWORD);
        assert_eq!(reply.status, 303, "{name}: {reply:?}");
    }
    for (name, password) in [("root", ""), ("", PASSWORD), ("", ""), ("root*", PASSWORD), ("root\u{0}", PASSWORD)] {
        let reply = server.anonymous().sign_in(name, password);
        assert!((400..500).contains(&reply.status), "{name:?}: {reply:?}");
    }
}

/// An unknown name, a name without a password, a deactivated one and a wrong password answer alike and take alike.
#[test]
fn a_failed_sign_in_does_not_tell_who_exists() {
    let server = Server::start(Setup::default().arg("--behind-proxy").arg("127.0.0.1/32"));
    server.person_with_password("root", "admin");
    server.person("keyonly", "member");
    let page = server.anonymous().page("/login").form("/login");
    let mut address = 0;
    let mut attempt = |name: &str| {
        // A new address each time, so that the throttle plays no part.
        address += 1;
        let ip = format!("198.51.100.{address}");
        let browser = server.anonymous();
        let fields = [("username", name), ("password", "not-the-password-1")];
        let body = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(page.fields.iter().filter(|(n, _)| n != "username" && n != "password"))
            .extend_pairs(fields)
            .finish();
        let headers = [
            ("content-type", "application/x-www-form-urlencoded"),
            ("x-forwarded-for", ip.as_str()),
            ("origin", server.url.as_str()),
            ("sec-fetch-site", "same-origin"),
        ];
        let from = Instant::now();
        browser.page("/login");
        let reply = browser.send("POST", "/login", &headers, Some(body.as_bytes()));
        (reply, from.elapsed())
    };
    attempt("warm-up");
    let names = ["root", "keyonly", "nobody-here"];
    let mut fastest = [Duration::MAX; 3];
    let mut sentences = Vec::new();
    // In turns, so that whatever else the machine does meets all three alike.
    for _ in 0..6 {
        for (n, name) in names.into_iter().enumerate() {
            let (reply, took) = attempt(name);
            fastest[n] = fastest[n].min(took);
            sentences.push((reply.status, reply.text().replace(name, "NAME")));
        }
    }
    assert!(sentences.iter().all(|s| *s == sentences[0] && (400..500).contains(&s.0)), "{sentences:#?}");
    // An answer that skips the hash takes a millisecond or two; one that does the work cannot be that fast.
    let floor = Duration::from_millis(5);
    assert!(fastest.iter().all(|took| *took > floor), "the work is done for everyone: {fastest:?}");
}

#[test]
fn guessing_is_slowed_down_but_locks_nobody_out() {
    let server = Server::start(Setup::default().arg("--behind-proxy").arg("127.0.0.1/32"));
    server.person_with_password("root", "admin");
    let page = server.anonymous().page("/login").form("/login");
    let attempt = |ip: &str, name: &str, password: &str| {
        let browser = server.anonymous();
        browser.page("/login");
        let body = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(page.fields.iter().filter(|(n, _)| n != "username" && n != "password"))
            .extend_pairs([("username", name), ("password", password)])
            .finish();
        let headers = [
            ("content-type", "application/x-www-form-urlencoded"),
            ("x-forwarded-for", ip),
            ("origin", server.url.as_str()),
            ("sec-fetch-site", "same-origin"),
        ];
        browser.send("POST", "/login", &headers, Some(body.as_bytes()))
    };
    let mut refused = None;
    for _ in 0..40 {
        let reply = attempt("198.51.100.1", "root", "wrong-password-1");
        assert!((400..500).contains(&reply.status), "{reply:?}");
        if reply.status == 429 {
            refused = Some(reply);
            break;
        }
    }
    let refused = refused.expect("40 guesses from one address at one name are slowed down");
    let wait: u64 = refused.header("retry-after").expect("says when to try again").parse().unwrap();
    assert!((1..=3600).contains(&wait), "{wait}");
    // Not even the right password goes through while the address has to wait, whatever the case of the name.
    assert_eq!(attempt("198.51.100.1", "ROOT", PASSWORD).status, 429);
    // From elsewhere the person gets in after at most a small wait.
    let reply = attempt("203.0.113.9", "root", PASSWORD);
    if reply.status == 429 {
        let wait: u64 = reply.header("retry-after").unwrap().parse().unwrap();
        assert!(wait <= 10, "guesses from elsewhere must not lock the admin out: {wait} s");
    } else {
        assert_eq!(reply.status, 303, "{reply:?}");
    }
    // The shell is never slowed down.
    let file = server.data.file("new", PASSWORD);
    server.cli(&["user", "set-password", "root", "--password-file", &file]).ok();
}

#[test]
fn sessions_are_listed_and_revoked_one_by_one() {
    let server = Server::plain();
    server.person_with_password("root", "admin");
    server.person_with_password("mia", "member");
    let (here, there) = (sign_in(&server, "mia"), sign_in(&server, "mia"));
    let other = sign_in(&server, "root");
    let page = here.page("/console/account").is(200);
    let forms = crate::harness::html::forms(&page.body);
    let revoke: Vec<_> = forms.iter().filter(|f| f.action.contains("session")).collect();
    assert!(!revoke.is_empty(), "the page lists sessions: {}", page.text());
    // No page shows the secret that the cookie holds.
    for value in here.cookies().values() {
        assert!(!page.body.contains(value.as_str()) || value.len() < 20, "the cookie's secret is on the page");
    }
    let mut ended = 0;
    for form in revoke {
        let reply = here.post_form(&form.action, &form.fields);
        assert!(reply.status < 400, "{reply:?}");
        if !signed_in(&there) {
            ended += 1;
            break;
        }
        if !signed_in(&here) {
            here.sign_in("mia", PASSWORD);
        }
    }
    assert_eq!(ended, 1, "the other session can be ended from here");
    assert!(signed_in(&other), "somebody else's session stands");
}

#[test]
fn sign_out_ends_the_session_on_the_server() {
    let server = Server::plain();
    server.person_with_password("root", "admin");
    let browser = sign_in(&server, "root");
    let stolen = server.anonymous();
    for (name, value) in browser.cookies() {
        stolen.set_cookie(&name, &value);
    }
    assert!(signed_in(&stolen));
    let reply = browser.submit("/", "/logout", &[]);
    assert_eq!(reply.status, 303, "{reply:?}");
    assert!(!signed_in(&browser));
    assert!(!signed_in(&stolen), "the copied cookie is dead too");
    let get = browser.page("/logout");
    assert!(get.status != 500, "{get:?}");
}

#[test]
fn a_session_survives_a_restart_and_dies_with_the_person() {
    let server = Server::plain();
    server.person_with_password("root", "admin");
    let mia = server.person_with_password("mia", "member");
    let browser = sign_in(&server, "mia");
    let jar = browser.cookies();
    let data = server.stop();
    let server = Server::start(Setup::default().data(&data));
    let browser = server.anonymous();
    for (name, value) in &jar {
        browser.set_cookie(name, value);
    }
    assert!(signed_in(&browser), "a restart signs nobody out");
    let root = sign_in(&server, "root");
    let reply = root.submit(&format!("/console/users/{}", mia.username), "deactivate", &[]);
    assert!(reply.status < 400, "{reply:?}");
    for (name, value) in &jar {
        browser.set_cookie(name, value);
    }
    assert!(!signed_in(&browser), "a deactivated person's session is dead at once");
    let reply = server.anonymous().sign_in("mia", PASSWORD);
    assert!((400..500).contains(&reply.status), "{reply:?}");
    // The shell brings the person back.
    server.cli(&["user", "reactivate", "mia"]).ok();
    sign_in(&server, "mia");
}

#[test]
fn a_new_password_ends_the_other_sessions() {
    let server = Server::plain();
    server.person_with_password("root", "admin");
    let browser = sign_in(&server, "root");
    let file = server.data.file("new", "another-good-password-77\n");
    server.cli(&["user", "set-password", "root", "--password-file", &file]).ok();
    assert!(!signed_in(&browser), "recovery from the shell throws intruders out");
    assert!((400..500).contains(&server.anonymous().sign_in("root", PASSWORD).status));
    assert_eq!(server.anonymous().sign_in("root", "another-good-password-77").status, 303);
}

/// A form that another site sends with our cookies changes nothing.
#[test]
fn a_forged_form_is_refused() {
    let server = Server::plain();
    server.person_with_password("root", "admin");
    let browser = sign_in(&server, "root");
    let form = browser.page("/").form("/logout");
    let body = |fields: &[(String, String)]| {
        url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
    };
    let kind = ("content-type", "application/x-www-form-urlencoded");
    let evil = [kind, ("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")];
    let sibling = [kind, ("origin", "https://evil.example.com"), ("sec-fetch-site", "same-site")];
    let bare = [kind, ("origin", "https://evil.example")];
    let opaque = [kind, ("origin", "null")];
    for headers in [&evil[..], &sibling[..], &bare[..], &opaque[..]] {
        let reply = browser.send("POST", &form.action, headers, Some(body(&form.fields).as_bytes()));
        assert_eq!(reply.status, 403, "{headers:?}: {reply:?}");
        let reply = browser.send("POST", &form.action, headers, Some(b""));
        assert_eq!(reply.status, 403, "{headers:?}: {reply:?}");
    }
    // No header at all and no token: a script of unknown origin with a cookie.
    let reply = browser.send("POST", &form.action, &[kind], Some(b""));
    assert_eq!(reply.status, 403, "{reply:?}");
    assert!(signed_in(&browser), "nothing happened");
    // A cookie is no credential for the API when another site sends the request.
    let call = json!({"query": "mutation { createUser(input: {email: \"x@example.com\"}) { user { id } } }"});
    let json =
        [("content-type", "application/json"), ("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")];
    let reply = browser.send("POST", "/graphql", &json, Some(call.to_string().as_bytes()));
    assert!((400..500).contains(&reply.status), "{reply:?}");
    let text = [("content-type", "text/plain"), ("origin", "https://evil.example")];
    let reply = browser.send("POST", "/graphql", &text, Some(call.to_string().as_bytes()));
    assert!((400..500).contains(&reply.status), "{reply:?}");
}

/// The way back after signing in stays on this site.
#[test]
fn the_return_path_never_leaves_the_site() {
    let server = Server::plain();
    server.person_with_password("root", "admin");
    for next in
        ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", "\t//evil.example"]
    {
        let query: String = url::form_urlencoded::byte_serialize(next.as_bytes()).collect();
        for name in ["next", "return", "return_to", "to"] {
            let browser = server.anonymous();
            let reply = browser.submit(
                &format!("/login?{name}={query}"),
                "/login",
                &[("username", "root"), ("password", PASSWORD)],
            );
            assert_eq!(reply.status, 303, "{reply:?}");
            let to = reply.header("location").unwrap();
            assert!(to.starts_with('/') && !to.starts_with("//") && !to.contains("evil"), "{to}");
        }
    }
}
