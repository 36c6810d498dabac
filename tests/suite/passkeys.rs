//! Second factors as people meet them: passkeys in a real browser with a virtual authenticator, one-time codes by plain
//! forms, and the shell that removes them. What differs only by the clock or by a forged answer is tested inside the crate.

use crate::harness::{PASSWORD, Server, Setup, browser};
use serde_json::json;
use std::net::TcpListener;
use std::time::{SystemTime, UNIX_EPOCH};

const FACTORS: &str = "/console/account/factors";

/// A server known by a name, as passkeys need it.
fn named() -> Server {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let listen = format!("127.0.0.1:{port}");
    Server::start(Setup::default().listen(&listen).arg("--base-url").arg(&format!("http://localhost:{port}")))
}

fn seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// The code of the step after the present one, which the server takes as well, and which no earlier test step used.
fn code(secret: &str, ahead: u64) -> String {
    let secret = totp_rs::Secret::try_from_base32(secret).unwrap();
    let totp = totp_rs::Builder::new().with_secret(secret).build().unwrap();
    totp.generate(seconds() + ahead).to_string()
}

#[test]
fn f054_a_passkey_in_a_real_browser_signs_in_and_a_foreign_origin_does_not() {
    if !browser::present() {
        return;
    }
    let server = named();
    server.person_with_password("root", "admin");
    let url = format!("http://localhost:{}", server.address().rsplit(':').next().unwrap());
    let answer = browser::run("passkeys.mjs", &json!({"url": url, "user": "root", "password": PASSWORD}));
    assert_eq!(answer["added"], true, "{answer}");
    assert_eq!(answer["codes"], 10, "{answer}");
    assert_eq!(answer["alone"], "/console/audit", "a passkey alone signs in and goes on: {answer}");
    assert_eq!(answer["second"], "/", "it completes a password: {answer}");
    assert!(answer["foreign"].as_str().is_some_and(|at| at.starts_with("/login")), "another origin: {answer}");
    assert_eq!(answer["said"], json!([]), "{answer}");
    assert_eq!(answer["violations"], json!([]), "{answer}");
    assert_eq!(answer["wide"], json!([]), "{answer}");
}

#[test]
fn f054_one_time_codes_need_no_scripts_and_the_shell_removes_them() {
    let server = Server::plain();
    server.person_with_password("root", "admin");
    let root = server.anonymous();
    root.sign_in("root", PASSWORD).is(303);
    assert!(root.page("/").body.contains("Break-glass is a password alone"));
    let page = root.page(FACTORS).is(200).body;
    assert!(page.contains("Browsers offer passkeys only on pages with a host name"), "none at an address");
    let set = format!("{FACTORS}/app");
    assert_eq!(root.submit(FACTORS, &set, &[("proof", "wrong")]).status, 400);
    let told = root.submit(FACTORS, &set, &[("proof", PASSWORD)]).is(200);
    let at = told.body.find("secret=").unwrap() + "secret=".len();
    let secret: String = told.body[at..].chars().take_while(char::is_ascii_alphanumeric).collect();
    let token = told.form(&format!("{set}/confirm")).fields[0].clone();
    let confirm = |code: String| root.post_form(&format!("{set}/confirm"), &[token.clone(), ("code".to_owned(), code)]);
    assert_eq!(confirm("000000".to_owned()).status, 400);
    let recovery = confirm(code(&secret, 0)).is(200).body;
    let recovery: Vec<&str> = recovery.split("<li><code>").skip(1).map(|part| &part[..19]).collect();
    assert_eq!(recovery.len(), 10);
    assert!(!root.page(FACTORS).body.contains(recovery[0]), "shown once");
    assert!(!root.page("/").body.contains("Break-glass is a password alone"));

    let browser = server.anonymous();
    let reply =
        browser.submit("/login", "/login", &[("username", "root"), ("password", PASSWORD), ("next", "/console/audit")]);
    assert_eq!((reply.status, reply.header("location")), (303, Some("/login/second?next=%2Fconsole%2Faudit")));
    let half = reply.headers.iter().find(|(name, _)| name == "set-cookie").map(|(_, value)| value.clone()).unwrap();
    assert!(
        half.starts_with("bailiwick-half=") && half.contains("HttpOnly") && half.contains("SameSite=Strict"),
        "{half}"
    );
    for closed in ["/", "/console/audit", FACTORS] {
        let reply = browser.page(closed);
        assert!(reply.status == 303 && reply.header("location").unwrap().starts_with("/login"), "{closed}: {reply:?}");
    }
    let step = reply.header("location").unwrap().to_owned();
    assert_eq!(browser.submit(&step, "/login/second", &[("code", "000000")]).status, 401);
    // Another browser has nothing to end.
    let other = server.anonymous();
    let reply = other.post_form("/login/second", &[("code".to_owned(), code(&secret, 30))]);
    assert_eq!((reply.status, reply.header("location")), (303, Some("/login")));
    let reply = browser.submit(&step, "/login/second", &[("code", &code(&secret, 30))]);
    assert_eq!((reply.status, reply.header("location")), (303, Some("/console/audit")));
    browser.page("/console/audit").is(200);

    // By a recovery code, once.
    for (browser, works) in [(server.anonymous(), true), (server.anonymous(), false)] {
        browser.sign_in("root", PASSWORD).is(303);
        let reply = browser.submit("/login/second", "/login/second", &[("code", recovery[0])]);
        assert_eq!(reply.status, if works { 303 } else { 401 }, "{reply:?}");
    }
    let log = root.page("/console/audit").body;
    assert!(log.contains("added an app for one-time codes"), "{log}");
    assert!(!log.contains(recovery[0]) && !log.contains(&secret), "no secret in the log");

    assert_eq!(server.cli(&["user", "reset-factors", "root"]).code, 0);
    let browser = server.anonymous();
    assert_eq!(browser.sign_in("root", PASSWORD).header("location"), Some("/"));
}

#[test]
fn forms_of_other_sites_begin_and_end_no_second_step() {
    let server = named();
    for path in
        ["/login/second", "/login/second/begin", "/login/second/passkey", "/login/passkey", "/login/passkey/begin"]
    {
        let headers = [("origin", "https://evil.example"), ("content-type", "application/x-www-form-urlencoded")];
        assert_eq!(server.anonymous().send("POST", path, &headers, Some(b"code=1")).status, 403, "{path}");
    }
    let reply = server.anonymous().send("POST", "/login/passkey/begin", &[], Some(b"")).is(200);
    let asked = reply.json();
    assert_eq!((asked["rpId"].as_str(), asked["userVerification"].as_str()), (Some("localhost"), Some("required")));
    assert_eq!(asked["allowCredentials"], json!([]), "it names nobody");
}
