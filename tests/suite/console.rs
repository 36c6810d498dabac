//! The console in a real browser: every page on a wide and a narrow screen, light and dark, without a word of
//! complaint from axe-core or the browser's console, without sideways scrolling, small, and usable without scripts
//! and with the keyboard alone. Looked-at screenshots come with `SUITE_SHOTS=DIR`.

use crate::harness::world::TEAM;
use crate::harness::{PASSWORD, Server, World, browser, html};
use serde_json::{Value, json};

/// Pages of somebody who is signed in, on a world with something in it.
const PAGES: &[&str] = &[
    "/",
    "/console/users",
    "/console/users/mia",
    "/console/users/mia/credentials",
    "/console/users/new",
    "/console/users/root",
    "/console/teams",
    "/acme",
    "/acme/members",
    "/acme/service-accounts",
    "/org/dashboard",
    "/org/dashboard/service-accounts",
    "/console/organization",
    "/console/invitations",
    "/console/roles",
    "/acme/open-data/settings",
    "/console/keys",
    "/console/users/service-nightly/credentials",
    "/acme/settings",
    "/console/teams/new",
    "/console/projects/new",
    "/acme/open-data",
    "/acme/open-data/access",
    "/console/projects",
    "/console/account",
    "/console/account/password",
    "/console/account/factors",
    "/console/settings",
    "/console/search?q=mi",
    "/console/manual?q=okta",
    "/console/manual/recipes",
    "/console/manual/configuration",
    "/authorize",
    "/console/audit",
    "/console/why",
    "/console/why?subject=mia&action=project:read&resource=acme/fusion",
    "/no-such-team",
];

fn furnished() -> World {
    let world = World::new();
    for (name, access) in [("fusion", "PRIVATE"), ("open-data", "USER_WRITE"), ("secret", "RESTRICTED")] {
        world.team_admin.client.upsert_project(TEAM, name, Some(access)).is(200);
    }
    // Enough rows that a list has a second page, and a name that is hard to lay out.
    for n in 0..60 {
        let email = format!("a-person-with-a-rather-long-address-{n}@a-department.of-a-large.example.org");
        world.admin.client.data(
            "mutation($email: String!) { createUser(input: {email: $email}) { user { id } } }",
            json!({"email": email}),
        );
    }
    world.member.client.invite(TEAM, "otto", true).is(403);
    world
}

pub fn judge(report: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    for row in report.as_array().unwrap() {
        let page = format!(
            "{} at {} {}{}",
            row["page"].as_str().unwrap(),
            row["width"],
            row["theme"].as_str().unwrap(),
            if row["scripts"] == true { "" } else { " without scripts" }
        );
        let expected = match row["page"].as_str().unwrap() {
            page if page.contains("no-such") => 404,
            page if page.contains("forbidden") => 403,
            _ => 200,
        };
        if row["status"] != expected {
            wrong.push(format!("{page}: status {}", row["status"]));
        }
        for violation in row["violations"].as_array().into_iter().flatten() {
            wrong.push(format!("{page}: {violation}"));
        }
        // The browser reports the 404 or 403 of the page itself as an error of its own.
        for said in row["said"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|s| expected == 200 || !s.to_string().contains(&expected.to_string()))
        {
            wrong.push(format!("{page}: the console says {said}"));
        }
        if row["wide"].as_i64().unwrap() > 0 {
            wrong.push(format!("{page}: {} px too wide: {}", row["wide"], row["culprits"]));
        }
        if row["bytes"].as_i64().unwrap() > 100_000 {
            wrong.push(format!("{page}: {} bytes", row["bytes"]));
        }
        if row["headings"].as_array().is_some_and(|h| h.len() != 1) {
            wrong.push(format!("{page}: one h1, not {}", row["headings"]));
        }
        if row["title"].as_str().unwrap().is_empty() {
            wrong.push(format!("{page}: no title"));
        }
    }
    wrong
}

#[test]
fn every_page_is_sound_wide_and_narrow_light_and_dark() {
    if !browser::present() {
        return;
    }
    let world = furnished();
    let report = browser::run(
        "pages.mjs",
        &json!({
            "url": world.server.url, "user": "root", "password": PASSWORD, "pages": PAGES,
            "themes": ["light", "dark"], "widths": [1280, 390], "scripts": [true],
        }),
    );
    assert_eq!(report.as_array().unwrap().len(), PAGES.len() * 4);
    let wrong = judge(&report);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn pages_are_whole_without_scripts_and_for_a_member() {
    if !browser::present() {
        return;
    }
    let world = furnished();
    let report = browser::run(
        "pages.mjs",
        &json!({
            "url": world.server.url, "user": "mia", "password": PASSWORD,
            "pages": ["/", "/acme", "/acme/fusion", "/console/account", "/authorize"],
            "themes": ["light"], "widths": [1280, 390], "scripts": [true, false],
        }),
    );
    let wrong = judge(&report);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_pages_of_nobody_yet_are_sound() {
    if !browser::present() {
        return;
    }
    let server = Server::plain();
    let setup = server.setup_path();
    let report = browser::run(
        "pages.mjs",
        &json!({
            "url": server.url, "pages": [setup, "/login"],
            "themes": ["light", "dark"], "widths": [1280, 390], "scripts": [true, false],
        }),
    );
    let wrong = judge(&report);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn signing_in_and_out_needs_no_mouse() {
    if !browser::present() {
        return;
    }
    let server = Server::plain();
    server.person_with_password("root", "admin");
    let answer = browser::run("keyboard.mjs", &json!({"url": server.url, "user": "root", "password": PASSWORD}));
    assert!(answer["missing"].is_null(), "not reached by Tab: {answer}");
    assert_eq!(answer["invisible"], json!([]), "focus is always visible");
    assert_eq!(answer["home"], "/");
    assert!(answer["skip"].as_str().is_some_and(|href| href.starts_with('#')), "a skip link comes first: {answer}");
    assert_eq!(answer["search"]["name"], "q", "`/` leads to the search: {answer}");
    assert!(answer["end"].as_str().is_some_and(|end| end.starts_with("/login")), "{answer}");
}

/// Assets carry a hash in their name, live forever in caches, and every reference on a page resolves.
#[test]
fn every_asset_a_page_names_is_there_and_cached_by_its_hash() {
    let server = Server::plain();
    let page = server.anonymous().page("/login").is(200);
    let mut seen = 0;
    for (element, attribute) in [("link", "href"), ("script", "src"), ("img", "src")] {
        for found in html::elements(&page.body, element) {
            let Some(path) = found.get(attribute).filter(|path| path.starts_with('/')) else { continue };
            let asset = server.anonymous().get(path);
            assert_eq!(asset.status, 200, "{path}");
            let cache = asset.header("cache-control").unwrap_or("");
            assert!(cache.contains("immutable") && cache.contains("max-age=31536000"), "{path}: {cache}");
            seen += 1;
        }
    }
    assert!(seen >= 1, "a stylesheet at least");
    for inline in ["<style", " style=\"", " onclick=", "javascript:"] {
        assert!(!page.body.contains(inline), "{inline} breaks the policy");
    }
    assert!(page.body.len() < 100_000);
}
