//! Other people's web pages: forged forms, planted cookies, links that lead away, markup in names.

use super::{raw, signed_in};
use crate::harness::{Client, PASSWORD, Reply, Server, Setup, World, html, world::TEAM};
use crate::permissions::{browser, registered};
use serde_json::json;
use std::collections::{BTreeSet, VecDeque};

/// A form's route with things of the cast for its parts.
pub fn filled(route: &str) -> String {
    let path = route.strip_prefix("POST ").unwrap();
    let what = if path.starts_with("/console/users") { "deactivate" } else { "visibility" };
    [
        ("{team}", TEAM),
        ("{entity}", TEAM),
        ("{run}", "r"),
        ("{project}", "fusion"),
        ("{user}", "mia"),
        ("{id}", "1"),
        ("{domain}", "example.com"),
        ("{role}", "1"),
        ("{what}", what),
    ]
    .iter()
    .fold(path.to_owned(), |path, (part, with)| path.replace(part, with))
}

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

fn csrf(browser: &Client) -> String {
    let form = browser.page("/console/account").form("/logout");
    form.fields.iter().find(|(name, _)| name == "csrf").unwrap().1.clone()
}

/// Every form of the sources refuses what its own page did not send, before it does anything.
#[test]
fn no_form_is_taken_from_another_site_or_another_session() {
    let world = World::new();
    world.team_admin.client.upsert_project(TEAM, "fusion", None).is(200);
    let (root, tess) = (browser(&world, &world.admin), browser(&world, &world.team_admin));
    let (own, foreign) = (csrf(&root), csrf(&tess));
    let events = || root.page("/console/audit").text().matches("ago").count();
    let before = (world.admin.client.members(TEAM).len(), events());
    let here = world.server.url.as_str();
    let mut tried = 0;
    // What takes no cookie cannot be made to act by a page; it is asked below.
    let is_api = |route: &str| {
        // The provider's return comes from another site, bound to the browser by a state and a cookie of its own; its back
        // channel is no browser at all. What forged ones get: `oidc_attacks`.
        [
            "POST /graphql",
            "POST /access/",
            "POST /files/",
            "POST /scim/",
            "POST /oidc/callback",
            "POST /oidc/backchannel",
            "POST /oidc/token",
        ]
        .iter()
        .any(|api| route.starts_with(api))
    };
    for route in registered().iter().filter(|r| r.starts_with("POST /access/v1/") || r.starts_with("POST /scim/")) {
        // Forward auth reads a cookie, for a yes or a no; without a proxy's question it is neither.
        let refusal = if route.ends_with("/forward-auth") { 400 } else { 401 };
        assert_eq!(root.send("POST", &filled(route), &[FORM], Some(b"csrf=x")).status, refusal, "{route}");
    }
    for route in registered().iter().filter(|r| r.starts_with("POST ") && !is_api(r)) {
        let path = filled(route);
        let send = |token: &str, headers: &[(&str, &str)]| {
            let body = format!("csrf={token}&role=viewer&sure=acme&name=x&who=otto&org=Stolen&visibility=open&back=/");
            root.send("POST", &path, &[&[FORM], headers].concat(), Some(body.as_bytes()))
        };
        for headers in [
            &[("origin", "https://evil.example")][..],
            &[("origin", "null")],
            &[("sec-fetch-site", "cross-site")],
            &[("sec-fetch-site", "same-site")],
            &[("origin", here), ("sec-fetch-site", "cross-site")],
            &[("origin", &here.replace("127.0.0.1", "localhost"))],
            &[("origin", &format!("{here}.evil.example"))],
            &[("origin", &here.replace("http:", "https:"))],
        ] {
            assert_eq!(send(&own, headers).status, 403, "{route} {headers:?}");
        }
        // These have no session to belong to; the others want this session's own token.
        let before_sign_in =
            ["POST /login", "POST /signup", "POST /invite/decline"].iter().any(|door| route.starts_with(door));
        if !before_sign_in && !matches!(route.as_str(), "POST /setup" | "POST /console/theme") {
            for token in ["", "x", &foreign, &own.to_lowercase(), &own[..42], &format!("{own}x")] {
                assert_eq!(send(token, &[("origin", here)]).status, 403, "{route} token {token:?}");
            }
            // The token counts in the body only.
            let reply = root.send("POST", &format!("{path}?csrf={own}"), &[FORM, ("x-csrf-token", &own)], Some(b""));
            assert_eq!(reply.status, 403, "{route}");
        }
        tried += 1;
    }
    assert!(tried > 20, "{tried}");
    assert!(signed_in(&root), "no form signed anybody out");
    assert_eq!(before, (world.admin.client.members(TEAM).len(), events()), "nothing happened");
}

/// Kin of CVE-2020-10770's page redress: another server of the same domain plants the cookie of the sentence that is shown
/// once, with an "Undo" that would carry this session's own token.
#[test]
fn a_planted_flash_is_not_shown() {
    use base64::Engine;
    let world = World::new();
    let root = browser(&world, &world.admin);
    let base64 = |text: &str| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text);
    let flash = json!(["", "Your session ends soon", ["/console/users/mia/role", [["role", "admin"]]]]).to_string();
    for value in [base64(&flash), format!("{}.{}", base64(&flash), base64("x")), format!("{}.", base64(&flash))] {
        root.set_cookie("bailiwick-flash", &value);
        let page = root.page("/console/account").is(200);
        assert!(!page.body.contains("ends soon") && !page.body.contains("mia/role"), "{}", page.text());
    }
    // Nor is one that was made for somebody else's session, or taken from an earlier one.
    let token = ("csrf".to_owned(), csrf(&root));
    root.post_form("/console/account/end-others", &[token]).is(303);
    let kept = root.cookie("bailiwick-flash").expect("a sentence waits");
    let tess = browser(&world, &world.team_admin);
    tess.set_cookie("bailiwick-flash", &kept);
    assert!(!tess.page("/console/account").body.contains("other session"), "another session's sentence is shown");
    assert!(root.page("/console/account").body.contains("other session"), "one's own is");
}

/// CVE-2026-81509 nforwardauth: the address to go on to after signing in.
#[test]
fn no_way_on_leads_to_another_site_or_into_an_error() {
    let server = Server::plain();
    server.person_with_password("root", "admin");
    let signed = server.anonymous();
    signed.sign_in("root", PASSWORD).is(303);
    for next in [
        "https://evil.example/",
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        " //evil.example",
        "http:evil.example",
        "javascript:alert(1)",
        "data:text/html,x",
        "evil.example",
        "@evil.example",
        "/ä",
        "/a b",
        "/a\r\nset-cookie: a=b",
        "",
    ] {
        let query: String = url::form_urlencoded::byte_serialize(next.as_bytes()).collect();
        let fields = [("back".to_owned(), next.to_owned()), ("theme".to_owned(), "dark".to_owned())];
        for reply in [signed.page(&format!("/login?next={query}")), signed.post_form("/console/theme", &fields)] {
            assert_eq!(reply.status, 303, "{next:?}: {reply:?}");
            assert_eq!(reply.header("location"), Some("/"), "{next:?}");
            assert!(!reply.headers.iter().any(|(n, v)| n == "set-cookie" && v.starts_with("a=")), "{reply:?}");
        }
    }
    // The address asked for comes back whole, and only as itself.
    let reply = server.anonymous().page("/console/users?q=%2F%2Fevil.example");
    assert_eq!(reply.header("location"), Some("/login?next=%2Fconsole%2Fusers%3Fq%3D%252F%252Fevil.example"));
}

/// Zitadel's reset link from `Host` and `X-Forwarded-Host`: what the client calls us never comes back.
#[test]
fn the_host_header_ends_up_in_no_link() {
    let server = Server::plain();
    server.person_with_password("root", "admin");
    let signed = server.anonymous();
    signed.sign_in("root", PASSWORD).is(303);
    let cookie = signed.cookie("bailiwick").unwrap();
    for path in ["/", "/login", "/authorize", "/console/account", "/setup?code=x", "/nothing", "/console/settings"] {
        for host in ["evil.example", "evil.example:80", "127.0.0.1@evil.example"] {
            let head = format!(
                "GET {path} HTTP/1.1\r\nHost: {host}\r\nX-Forwarded-Host: {host}\r\nForwarded: host={host}\r\n\
                 X-Original-URL: http://{host}/\r\nReferer: http://{host}/\r\nCookie: bailiwick={cookie}\r\n\
                 Connection: close\r\n\r\n"
            );
            let answer = raw(&server, head.as_bytes(), 1);
            assert!(!answer.contains("evil"), "{path} {host}: {answer}");
        }
    }
}

const EVIL: &str = "<b id=x onclick=alert(1)>\"'&lt;</b>";

/// Kanidm (HTML in a display name): whatever people call themselves and their things is text on every page, and no page
/// needs a policy that would let it be more.
#[test]
fn markup_in_names_is_text_on_every_page() {
    let world = World::new();
    let root = browser(&world, &world.admin);
    let tess = browser(&world, &world.team_admin);
    let ta = &world.team_admin.client;
    let project = "<b id=x onclick=alert(1)>\"'";
    ta.upsert_project(TEAM, project, Some("USER_READ")).is(200);
    ta.create_service_account(TEAM, EVIL).is(200);
    let described = "mutation($n: String) { upsertModel(input: {entityName: \"acme\", name: $n, description: $n}) {
        project { id } } }";
    ta.data(described, json!({"n": project}));
    ta.data("mutation($d: String) { generateApiKey(input: {description: $d}) { apiKey { id } } }", json!({"d": EVIL}));
    for (client, page, action, field) in [
        (&root, "/console/organization", "organization", "org"),
        (&tess, "/acme/settings", "/acme/settings", "about"),
        (&root, "/console/users/mia", "/rename", "name"),
        (&root, "/authorize", "/authorize", "name"),
    ] {
        let reply = client.submit(page, action, &[(field, EVIL)]);
        assert!(matches!(reply.status, 200 | 303), "{page}: {reply:?}");
    }
    let agent = [("user-agent", EVIL), ("accept", "text/html")];
    root.send("GET", &format!("/console/search?q={}", "%3Cb%20id%3Dx%3E"), &agent, None).is(200);
    let body = format!("csrf=&username={EVIL}&password={EVIL}");
    world.anonymous.send("POST", "/login", &[FORM, ("user-agent", EVIL)], Some(body.as_bytes()));

    let mut seen = BTreeSet::new();
    let mut queue = VecDeque::from(["/".to_owned(), "/acme/settings".to_owned(), "/acme/service-accounts".to_owned()]);
    while let Some(path) = queue.pop_front() {
        if !seen.insert(path.clone()) || seen.len() > 150 || path.starts_with("/assets/") || path.starts_with("/logout")
        {
            continue;
        }
        let page = root.page(&path);
        assert!(page.status < 500, "{path}: {page:?}");
        is_inert(&path, &page);
        for link in html::elements(&page.body, "a") {
            let href = link.get("href").cloned().unwrap_or_default();
            if href.starts_with('/') {
                queue.push_back(href.split('#').next().unwrap().to_owned());
            }
        }
    }
    assert!(seen.len() > 20, "{seen:?}");
    assert!(seen.iter().any(|p| p.contains("%3C")), "the project's own page was among them: {seen:?}");
}

/// No element of ours came from a name, no script or style stands in the page, and the policy would run none.
fn is_inert(path: &str, page: &Reply) {
    assert!(!page.body.contains("<b id=x"), "{path}: a name became markup");
    for name in ["script", "style", "link", "img", "iframe", "object", "form", "a", "base", "meta"] {
        for element in html::elements(&page.body, name) {
            assert!(!element.keys().any(|k| k.starts_with("on") || k == "style"), "{path}: {name} {element:?}");
            let inline = matches!(name, "script" | "style") && !element.contains_key("src");
            assert!(!inline && name != "base" && name != "iframe" && name != "object", "{path}: {name} {element:?}");
            for leads in ["href", "src", "action", "formaction"] {
                let to = element.get(leads).cloned().unwrap_or_default();
                assert!(!to.to_lowercase().trim().starts_with("javascript:"), "{path}: {to}");
            }
        }
    }
    let policy = page.header("content-security-policy").unwrap();
    for weak in ["unsafe-inline", "unsafe-eval", "*", "http:", "https:"] {
        assert!(!policy.contains(weak), "{path}: {policy}");
    }
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
}

/// Session fixation: what a browser brought along is worth nothing after signing in.
#[test]
fn signing_in_makes_a_new_session_whatever_was_brought_along() {
    let server = Server::start(Setup::default().arg("--tls-self-signed"));
    server.person_with_password("root", "admin");
    let browser = server.anonymous();
    let planted = "A".repeat(43);
    for name in ["__Host-bailiwick", "bailiwick", "session", "sid"] {
        browser.set_cookie(name, &planted);
    }
    let reply = browser.sign_in("root", PASSWORD).is(303);
    let cookies: Vec<&String> = reply.headers.iter().filter(|(n, _)| n == "set-cookie").map(|(_, v)| v).collect();
    let cookie =
        cookies.iter().find(|c| c.starts_with("__Host-bailiwick=")).expect("bound to host and TLS by its name");
    for flag in ["; HttpOnly", "; Secure", "; Path=/", "; SameSite=Lax", "; Max-Age="] {
        assert!(cookie.contains(flag), "{cookie}");
    }
    assert!(!cookie.contains("Domain"), "{cookie}");
    let first = browser.cookie("__Host-bailiwick").unwrap();
    assert_ne!(first, planted);
    let thief = server.anonymous();
    thief.set_cookie("__Host-bailiwick", &planted);
    assert!(!signed_in(&thief));
    // A second sign-in of the same browser is a session of its own too.
    let again = server.anonymous();
    again.set_cookie("__Host-bailiwick", &first);
    let body = format!("username=root&password={PASSWORD}");
    let headers = [FORM, ("origin", server.url.as_str())];
    again.send("POST", "/login", &headers, Some(body.as_bytes())).is(303);
    assert_ne!(again.cookie("__Host-bailiwick").unwrap(), first);
    // A plain cookie of the same name without the prefix opens nothing over TLS.
    let plain = server.anonymous();
    plain.set_cookie("bailiwick", &first);
    assert!(!signed_in(&plain));
}
