//! The pages by which access is given and taken: roles, seats, visibility, project roles, switches. Every one of them in a
//! browser, and every change as somebody without scripts makes it: a form, the review of who gains and who loses, a second
//! form. What the review promised is what then holds.

use crate::console::judge;
use crate::harness::{Client, PASSWORD, Reply, World, browser, html, world::TEAM};
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

/// Sends a form and the form of its review, and looks at what was said, so that no undo waits on the next page.
fn confirmed(who: &Client, page: &str, action: &str, fill: &[(&str, &str)]) -> Reply {
    let review = sent(who, page, action, fill);
    who.page("/console/account").is(200);
    review
}

fn sent(who: &Client, page: &str, action: &str, fill: &[(&str, &str)]) -> Reply {
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
        "/console/issuers",
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

#[test]
fn a_role_is_defined_with_the_keyboard_alone() {
    if !browser::present() {
        return;
    }
    let world = World::new();
    let task = json!({"url": world.server.url, "user": "root", "password": PASSWORD, "name": "submitter"});
    let answer = browser::run("role.mjs", &task);
    assert_eq!(answer["invisible"], json!([]), "focus is always visible");
    let locked = json!({"checked": true, "disabled": true, "from": "inherited"});
    let own = json!({"checked": true, "disabled": false, "from": "own"});
    assert_eq!(answer["asMember"], locked, "{answer}");
    assert_eq!(answer["asViewer"], json!({"checked": false, "disabled": false, "from": ""}), "{answer}");
    assert_eq!((&answer["own"], &answer["stored"], &answer["back"]), (&own, &own, &own), "{answer}");
    assert_eq!((&answer["takenOver"], &answer["listed"]), (&locked, &json!(1)), "{answer}");
}

/// F300–F303: what the review of a role names is what its holders then gain and lose, and deleting it takes it back.
#[test]
fn a_role_is_changed_and_deleted_through_its_review() {
    let (world, root) = furnished();
    let tess = permissions::browser(&world, &world.team_admin);
    let stops = |who: &str| {
        let page = root.page(&format!("/console/why?subject={who}&action=run:stop&resource=acme/orphan")).is(200);
        page.text().contains("Yes, allowed")
    };
    assert!(!stops("mia"));
    let review = confirmed(&tess, "/acme/members", "/acme/members/mia/role", &[("role", "curator")]).text();
    assert!(review.contains("mia") && review.contains("run stop") && review.contains("run create"), "{review}");
    assert!(stops("mia"), "in force at the next request");
    // What was typed survives the way back from the review, and nothing was saved by asking.
    let typed = [("name", "curator"), ("inherits", "viewer"), ("permission", "artifact:create"), ("about", "changed")];
    let review = root.submit("/console/roles/1", "/console/roles/1", &typed).is(200);
    assert!(review.text().contains("Loses: 1 account"), "{}", review.text());
    let back = html::elements(&review.body, "a")
        .into_iter()
        .find_map(|a| a.get("href").filter(|href| href.starts_with("/console/roles/1?")).cloned());
    let form = root.page(&back.unwrap()).is(200).form("/console/roles/1");
    let kept = |name: &str| form.fields.iter().filter(|(n, _)| n == name).map(|(_, v)| v.clone()).collect::<Vec<_>>();
    assert_eq!((kept("about"), kept("inherits")), (vec!["changed".to_owned()], vec!["viewer".to_owned()]));
    assert!(
        kept("permission").contains(&"artifact:create".to_owned())
            && !kept("permission").contains(&"run:stop".to_owned())
    );
    assert!(stops("mia"), "a review changes nothing");
    confirmed(&root, "/console/roles/1", "/console/roles/1", &typed);
    assert!(!stops("mia"));
    // A wrong name is refused in place, with what was typed.
    let bad = root.submit("/console/roles/1", "/console/roles/1", &[("name", "admin"), ("about", "kept")]).is(400);
    assert!(bad.text().contains("name of a predefined role") && bad.body.contains("value=\"kept\""), "{}", bad.text());
    let review = confirmed(&root, "/console/roles/1", "/console/roles/1/delete", &[]).text();
    assert!(review.contains("viewer"), "{review}");
    let members = tess.page("/acme/members").is(200);
    let role = members.form("/acme/members/mia/role").fields;
    assert!(role.iter().any(|(name, value)| name == "role" && value == "viewer"), "the base is held now: {role:?}");
}

/// F190–F199: visibilities that are not possible are shown with the reason, and the review says who gains and who loses.
#[test]
fn visibility_is_reviewed_and_what_is_not_possible_says_why() {
    let (world, root) = furnished();
    let tess = permissions::browser(&world, &world.team_admin);
    let off = |page: &Reply| -> Vec<String> {
        html::elements(&page.body, "input")
            .into_iter()
            .filter(|i| i.get("name").is_some_and(|n| n == "visibility") && i.contains_key("disabled"))
            .map(|i| i["value"].clone())
            .collect()
    };
    assert_eq!(off(&tess.page("/acme/fusion/access")), [""; 0]);
    let secret = tess.page("/acme/secret/access");
    assert_eq!(off(&secret), ["open", "public"]);
    assert!(secret.text().contains("can only become a team project first"), "{}", secret.text());
    let review = confirmed(&tess, "/acme/fusion/access", "/acme/fusion/visibility", &[("visibility", "public")]).text();
    assert!(review.contains("everyone else in default") && review.contains("project acme/fusion"), "{review}");
    assert!(world.outsider.client.reads(TEAM, "fusion"));
    let same =
        tess.submit("/acme/fusion/access", "/acme/fusion/visibility", &[("visibility", "public")]).is(200).text();
    assert!(same.contains("Nobody gains or loses anything"), "{same}");
    // The undo beside the confirmation needs no second review.
    let reply =
        confirmed_then_undone(&tess, "/acme/fusion/access", "/acme/fusion/visibility", &[("visibility", "team")]);
    assert!(reply.text().contains("fusion is public now"), "{}", reply.text());
    assert!(world.outsider.client.reads(TEAM, "fusion"));
    // The organization's enforcement locks the team's switch and the wide visibilities.
    root.submit("/console/organization", "organization", &[("private", "on"), ("admins", "on")]).is(303);
    let page = tess.page("/acme/settings").text();
    assert!(page.contains("enforces this in every team") && page.contains("lets only admins invite"), "{page}");
    tess.submit("/acme/settings", "/acme/settings", &[("about", "still saved")]).is(303);
    assert!(tess.page("/acme/orphan/access").text().contains("keeps future projects of every team private"));
    assert_eq!(off(&tess.page("/acme/orphan/access")), ["open", "public"]);
}

fn confirmed_then_undone(who: &Client, page: &str, action: &str, fill: &[(&str, &str)]) -> Reply {
    sent(who, page, action, fill);
    let undo = who.page(page).is(200).undo();
    who.post_form(&undo.action, &undo.fields).is(303);
    who.page(page).is(200)
}

/// F201–F209: project roles with `*`, rows that are locked and why, owners who left, seats and who gets the bills.
#[test]
fn project_roles_owners_and_seats_are_set_on_their_pages() {
    let (world, root) = furnished();
    let tess = permissions::browser(&world, &world.team_admin);
    let page = tess.page("/acme/fusion/access").is(200).text();
    assert!(page.contains("differs from the team role") && page.contains("Project roles"), "{page}");
    assert!(page.contains("Viewer of the organization, and so everywhere"), "{page}");
    assert!(!tess.page("/acme/orphan/access").text().contains("A project role that differs"));
    let orphan = tess.page("/acme/orphan/access").text();
    assert!(orphan.contains("hanna owns this project and has left the team"), "{orphan}");
    tess.submit("/acme/orphan/access", "/acme/orphan/owner", &[("who", "mia")]).is(303);
    assert!(!tess.page("/acme/orphan/access").text().contains("has left the team"));
    let bars = root.page("/console/organization").is(200);
    assert!(bars.body.contains("Models seats: Full 6, Viewer 0, No access 1"), "{}", bars.text());
    assert!(bars.body.contains("Weave access: Full 6, Viewer 1, No access 0"), "{}", bars.text());
    assert!(root.page("/console/users").text().contains("Models No access"), "{}", root.page("/console/users").text());
    root.submit("/console/organization", "organization", &[("billing", "nobody-there")]).is(404);
    root.submit("/console/organization", "organization", &[("billing", "otto")]).is(303);
    let form = root.page("/console/organization").form("organization");
    assert!(form.fields.contains(&("billing".to_owned(), "otto".to_owned())), "{form:?}");
    let settings = root.page("/console/settings").text();
    assert!(settings.contains("Scripts that name no team"), "F304: the caution stands beside the flag: {settings}");
    // A denial leads to its whole reason.
    let denied = tess.page("/console/organization").is(403);
    let why = html::elements(&denied.body, "a")
        .into_iter()
        .find_map(|a| a.get("href").filter(|h| h.contains("/why")).cloned());
    let reason = tess.page(&why.expect("a link to the reason")).is(200).text();
    assert!(reason.contains("No, denied") && reason.contains("user:list"), "{reason}");
}
