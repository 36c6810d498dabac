//! The pages by which access is given and taken: roles, seats, visibility, project roles, switches. Every one of them in a
//! browser, and every change as somebody without scripts makes it: a form, the review of who gains and who loses, a second
//! form. What the review promised is what then holds.

use crate::console::judge;
use crate::harness::{Client, PASSWORD, Reply, World, browser, world::TEAM};
use crate::permissions;
use serde_json::json;

/// A world with a custom role that somebody holds, project roles, seats that differ, and an owner who left.
fn furnished() -> (World, Client) {
    let world = World::new();
    let ta = &world.team_admin.client;
    for (name, access) in [("fusion", "PRIVATE"), ("open-data", "USER_WRITE"), ("secret", "RESTRICTED")] {
        ta.upsert_project(TEAM, name, Some(access)).is(200);
    }
    let (root, tess) = (permissions::browser(&world, &world.admin), permissions::browser(&world, &world.team_admin));
    define(&root, "curator", "viewer", &["run:stop", "artifact:create"]);
    let away = world.server.person("hanna", "member");
    ta.invite(TEAM, "hanna", true).is(200);
    away.client.upsert_project(TEAM, "orphan", None).is(200);
    confirmed(&tess, "/acme/members", "/acme/members/hanna/remove", &[]);
    confirmed(&root, "/console/users/vera", "/console/users/vera/seats", &[("models", "none"), ("weave", "viewer")]);
    confirmed(&tess, "/acme/fusion/access", "/acme/fusion/members/mia/role", &[("role", "curator")]);
    (world, root)
}

fn define(root: &Client, name: &str, base: &str, permissions: &[&str]) {
    let mut fill = vec![("name", name), ("about", "for the tests"), ("inherits", base)];
    fill.extend(permissions.iter().map(|p| ("permission", *p)));
    root.submit("/console/roles/new", "/console/roles/new", &fill).is(303);
}

/// Sends a form and the form of its review.
fn confirmed(who: &Client, page: &str, action: &str, fill: &[(&str, &str)]) -> Reply {
    let review = who.submit(page, action, fill).is(200);
    let form = review.form(action);
    assert!(form.fields.iter().any(|(name, value)| name == "reviewed" && value == "yes"), "{form:?}");
    who.post_form(&form.action, &form.fields).is(303);
    review
}

#[test]
fn pages_of_access_are_sound_wide_and_narrow_light_and_dark() {
    if !browser::present() {
        return;
    }
    let (world, _) = furnished();
    let review = |name: &str, at: &str, selector: &str, value: &str, press: &str| json!({"name": name, "at": at, "choose": [[selector, value]], "press": press});
    let root = json!([
        "/console/roles",
        "/console/roles/1",
        "/console/roles/new",
        "/console/roles/permissions",
        "/console/roles/permissions?q=run",
        "/console/roles/permissions?q=nothing-like-it",
        "/console/organization",
        "/console/settings",
        "/console/users",
        "/console/users/vera",
        review("seat-review", "/console/users/mia", "#models", "none", "form[action$='/seats'] button"),
        review(
            "role-review",
            "/console/roles/1",
            "input[value='run:create']",
            "",
            "form[data-role-form] button.primary"
        ),
    ]);
    let tess = json!([
        "/console/roles",
        "/console/roles/1",
        "/acme/members",
        "/acme/settings",
        "/acme/fusion/access",
        "/acme/secret/access",
        "/acme/orphan/access",
        "/acme/open-data/access",
        "/console/projects/new",
        "/console/organization?forbidden",
        review(
            "visibility-review",
            "/acme/fusion/access",
            "input[value=public]",
            "",
            "form[action$='/visibility'] button"
        ),
        review(
            "team-role-review",
            "/acme/members",
            "select[aria-label='Role of mia']",
            "curator",
            "form[action$='/mia/role'] button"
        ),
    ]);
    for (user, pages) in [("root", root), ("tess", tess)] {
        let report = browser::run(
            "pages.mjs",
            &json!({
                "url": world.server.url, "user": user, "password": PASSWORD, "pages": pages,
                "themes": ["light", "dark"], "widths": [1280, 390], "scripts": [true],
            }),
        );
        let wrong = judge(&report);
        assert!(wrong.is_empty(), "{user}: {}", wrong.join("\n"));
    }
}
