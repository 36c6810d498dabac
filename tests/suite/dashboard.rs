//! The organization's dashboard and what stands around it: seats, sign-ins and denials drawn, teams made with a storage type,
//! one's own profile, and two people at the same form.

use crate::harness::world::TEAM;
use crate::harness::{Client, World, html};
use crate::permissions::browser;
use serde_json::{Value, json};

fn entity(client: &Client, name: &str) -> Value {
    let query = "query($name: String!) { entity(name: $name) { name description storageType defaultRole } }";
    client.data(query, json!({"name": name}))["entity"].clone()
}

/// The texts of the titles of a page's drawings.
fn drawn(page: &str) -> Vec<String> {
    page.split("<title")
        .skip(2)
        .filter_map(|rest| rest.split_once('>')?.1.split_once('<'))
        .map(|(t, _)| t.to_owned())
        .collect()
}

#[test]
fn f133_f144_f167_the_dashboard_shows_seats_sign_ins_denials_and_who_governs() {
    let world = World::new();
    let root = browser(&world, &world.admin);
    world.admin.client.set_seats("mia", Some("viewer"), Some("none")).is(200);
    world.admin.client.set_seats("otto", Some("none"), None).is(200);
    // The same within a minute is folded; these are three.
    world.member.client.create_team("mine", None).is(403);
    world.member.client.update_org(json!({"name": "Mine"})).is(403);
    world.member.client.get("/admin/audit_logs").is(403);
    world.anonymous.fresh().sign_in("mia", "not her password").is(401);
    let page = root.page("/org/dashboard").is(200).body;
    let titles = drawn(&page).join("\n");
    // root, tess, mia, vera, otto, dora.
    assert!(titles.contains("Models seats: Full 4, Viewer 1, No access 1"), "{titles}");
    assert!(titles.contains("Weave access: Full 5, Viewer 0, No access 1"), "{titles}");
    let days: Vec<&str> = titles.lines().filter(|t| t.contains("sign-ins") && !t.contains("in 28 days")).collect();
    assert_eq!(days.len(), 28, "{titles}");
    assert!(titles.contains("failed sign-ins 1, denials 3 in 28 days"), "{titles}");
    assert!(days[27].contains("failed sign-ins 1, denials 3"), "today is the last bar: {}", days[27]);
    let text = html::text(&page);
    assert!(text.contains("There is only one active administrator"));
    assert!(text.contains("Nobody yet"), "no billing administrator");
    root.submit("/console/organization", "/console/settings/organization", &[("billing", "tess")]).is(303);
    world.server.cli(&["user", "set-org-role", "otto", "admin"]).ok();
    let page = root.page("/org/dashboard").is(200).body;
    let text = html::text(&page);
    assert!(!text.contains("There is only one active administrator"));
    assert!(text.contains("Billing administrator tess"), "{text}");
    assert!(text.contains("6 people") && text.contains("1 team"), "{text}");
    // Nobody else sees any of it.
    for person in [&world.member, &world.team_admin, &world.viewer] {
        assert_eq!(browser(&world, person).page("/org/dashboard").status, 403);
    }
}

#[test]
fn every_page_about_the_organization_is_found_from_every_other() {
    let world = World::new();
    let root = browser(&world, &world.admin);
    let links = |page: &str| -> Vec<(String, bool)> {
        let (_, rest) = page.split_once("aria-label=\"Parts of the organization\"").expect("the groups");
        let both = &rest[..rest.rfind("</nav>").unwrap()];
        let both = both.split("<div").next().unwrap();
        html::elements(both, "a").iter().map(|a| (a["href"].clone(), a.contains_key("aria-current"))).collect()
    };
    let (mut left, mut seen) = (vec!["/org/dashboard".to_owned()], vec![]);
    while let Some(path) = left.pop() {
        if seen.contains(&path) {
            continue;
        }
        let page = root.page(&path).is(200).body;
        let all = links(&page);
        assert!(all.iter().any(|(href, current)| *current && *href == path), "{path} is not marked in {all:?}");
        left.extend(all.into_iter().map(|(href, _)| href));
        seen.push(path);
    }
    assert_eq!(seen.len(), 19, "{seen:?}");
    // A member sees the roles, and nothing that is not for them.
    let page = browser(&world, &world.member).page("/console/roles").is(200).body;
    assert!(page.contains("/console/roles/permissions") && !page.contains("/console/provisioning"));
}

#[test]
fn f169_f170_a_team_is_made_with_a_storage_type_that_is_stored_and_shown() {
    let world = World::new();
    let (root, tess) = (browser(&world, &world.admin), browser(&world, &world.team_admin));
    root.submit(
        "/console/teams/new",
        "/console/teams/new",
        &[("name", "vision"), ("storage", "gcp"), ("about", "Eyes")],
    )
    .is(303);
    let told = json!({"name": "vision", "description": "Eyes", "storageType": "gcp", "defaultRole": "member"});
    assert_eq!(entity(&world.admin.client, "vision"), told);
    let page = root.page("/vision").is(200).body;
    assert!(html::text(&page).contains("Storage type Google Cloud Storage"), "{}", html::text(&page));
    // Without one, as the SDK does it, and with one by GraphQL and SCIM.
    assert_eq!(entity(&world.admin.client, TEAM)["storageType"], "server");
    let create =
        "mutation($t: String!, $s: String) { createTeam(input: {teamName: $t, storageType: $s}) { entity { id } } }";
    world.admin.client.data(create, json!({"t": "audio", "s": "AZURE"}));
    assert_eq!(entity(&world.admin.client, "audio")["storageType"], "azure");
    world.admin.client.refused(400, create, json!({"t": "tape", "s": "tape"}));
    assert_eq!(root.page("/tape").status, 404, "nothing was made");
    let group = |bucket: Value| json!({"displayName": "sensors", "members": [], "storageBucket": bucket});
    world.admin.client.scim("POST", "/Groups", &group(json!({"name": "b", "provider": "TAPE"}))).is(400);
    world.admin.client.scim("POST", "/Groups", &group(json!({"name": "b", "provider": "MINIO"}))).is(201);
    assert_eq!(entity(&world.admin.client, "sensors")["storageType"], "minio");
    // Its admin changes it, and the role of newcomers, in the settings.
    let settings = format!("/{TEAM}/settings");
    tess.submit(&settings, &settings, &[("storage", "aws"), ("default-role", "viewer")]).is(303);
    let told = entity(&world.team_admin.client, TEAM);
    assert_eq!((&told["storageType"], &told["defaultRole"]), (&json!("aws"), &json!("viewer")));
    let typed = [("name", TEAM), ("whole", "yes"), ("storage", "tape")];
    let csrf = tess.page(&settings).form(&settings).fields.iter().find(|(n, _)| n == "csrf").unwrap().1.clone();
    let mut fields: Vec<(String, String)> = typed.map(|(n, v)| (n.to_owned(), v.to_owned())).into();
    fields.push(("csrf".to_owned(), csrf));
    tess.post_form(&settings, &fields).is(400);
    let seen = browser(&world, &world.member).page(&settings).is(200).body;
    assert!(html::forms(&seen).iter().all(|form| form.action != settings), "a member cannot");
    // Who is added by a directory gets that role.
    world.project("p", "PRIVATE");
    let id = crate::harness::scim::id_of(&world.admin.client.scim_list("Groups", &[]).1[0]);
    let add = json!([{"op": "add", "path": "members", "value": [{"value": world.outsider.id}]}]);
    world.admin.client.scim_patch(&format!("/Groups/{id}"), add).is(200);
    let row = world.team_admin.client.members(TEAM).into_iter().find(|m| m["username"] == "otto");
    assert!(row.is_some());
    assert!(!world.may("otto", "run:create", &format!("{TEAM}/p")) && world.may("otto", "team:read", TEAM));
}

/// A form that was opened, with what somebody then types into it.
fn typed(browser: &Client, page: &str, action: &str, fill: &[(&str, &str)]) -> Vec<(String, String)> {
    let mut fields = browser.page(page).is(200).form(action).fields;
    for (name, value) in fill {
        fields.retain(|(n, _)| n != name);
        fields.push(((*name).to_owned(), (*value).to_owned()));
    }
    fields
}

#[test]
fn two_admins_at_one_form_lose_nothing() {
    let world = World::new();
    world.project("fusion", "PRIVATE");
    let root = browser(&world, &world.admin);
    world.admin.client.invite(TEAM, "root", true).is(200);
    world.server.cli(&["user", "set-org-role", "tess", "admin"]).ok();
    let tess = browser(&world, &world.team_admin);
    root.submit("/console/roles/new", "/console/roles/new", &[("name", "Auditor"), ("inherits", "viewer")]).is(303);
    let role = html::elements(&root.page("/console/roles").body, "a")
        .iter()
        .filter_map(|a| a.get("href").cloned())
        .find(|href| href.strip_prefix("/console/roles/").is_some_and(|id| id.parse::<u64>().is_ok()))
        .unwrap();
    let (team, project) = (format!("/{TEAM}/settings"), format!("/{TEAM}/fusion/settings"));
    let describe = format!("/{TEAM}/fusion/describe");
    // page, action, what root changes, what tess changes meanwhile, whether a review comes between
    let rows = [
        ("/console/organization", "/console/settings/organization", ("billing", "mia"), ("org", "Fusion Works"), false),
        (&*team, &*team, ("about", "Roots words"), ("storage", "aws"), false),
        (&*project, &*describe, ("about", "Roots words"), ("about", "Tess' words"), false),
        (&*role, &*role, ("about", "Roots words"), ("name", "Reader"), true),
        ("/console/users/mia", "/console/users/mia/rename", ("name", "Mia by root"), ("name", "Mia by tess"), false),
        ("/console/users/mia", "/console/users/mia/seats", ("models", "viewer"), ("weave", "viewer"), true),
    ];
    for (page, action, mine, theirs, reviewed) in rows {
        let send = |who: &Client, mut fields: Vec<(String, String)>| {
            if reviewed {
                fields.push(("reviewed".to_owned(), "yes".to_owned()));
            }
            let reply = who.post_form(action, &fields);
            // The confirmation and its undo are shown once, here.
            if reply.status == 303 {
                who.page("/").is(200);
            }
            reply
        };
        let opened = typed(&root, page, action, &[mine]);
        send(&tess, typed(&tess, page, action, &[theirs])).is(303);
        // Refused, and shown: what it was, theirs, mine.
        let refused = send(&root, opened.clone()).is(412);
        let told = html::text(&refused.body);
        for word in [mine.1, theirs.1, "Somebody else saved first"] {
            assert!(told.contains(word), "{action}: no {word} in {told}");
        }
        if reviewed {
            root.post_form(action, &opened).is(412);
        }
        let stored = || root.page(page).is(200).form(action).fields;
        let holds = |fields: &[(String, String)], (name, value): (&str, &str)| {
            fields.iter().any(|(n, v)| n == name && v == value)
        };
        assert!(!holds(&stored(), mine), "{action}: nothing was saved");
        // Both together, from the page that told.
        send(&root, refused.form(action).fields).is(303);
        let now = stored();
        assert!(holds(&now, mine), "{action}: {now:?}");
        assert!(mine.0 == theirs.0 || holds(&now, theirs), "{action}: what only they changed stays: {now:?}");
        // The same form twice is harmless.
        let again = typed(&root, page, action, &[mine]);
        send(&root, again.clone()).is(303);
        send(&root, again).is(303);
        assert_eq!(stored(), now, "{action}");
    }
}

#[test]
fn one_s_own_profile_is_changed_and_taken_back() {
    let world = World::new();
    let mia = browser(&world, &world.member);
    let account = "/console/account";
    let stored = || {
        let fields = mia.page(account).is(200).form(account).fields;
        let of = |name: &str| fields.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone()).unwrap_or_default();
        (of("name"), of("team"))
    };
    mia.submit(account, account, &[("name", "Mia Ø"), ("team", TEAM)]).is(303);
    mia.page("/").is(200);
    assert_eq!(stored(), ("Mia Ø".to_owned(), TEAM.to_owned()));
    let viewer = world.member.client.data("{ viewer { entity username } }", json!({}));
    assert_eq!(viewer["viewer"]["entity"], TEAM, "runs that name no team go there");
    mia.submit(account, account, &[("team", "")]).is(303);
    // The confirmation takes it back.
    let undo = mia.page(account).is(200);
    let form = html::forms(&undo.body)
        .into_iter()
        .find(|f| f.action == account && f.fields.iter().any(|(n, _)| n == "reviewed"));
    mia.post_form(account, &form.expect("an undo").fields).is(303);
    mia.page("/").is(200);
    assert_eq!(stored().1, TEAM);
    let fields = typed(&mia, account, account, &[("team", "no-such-team")]);
    mia.post_form(account, &fields).is(400);
    assert_eq!(stored().1, TEAM);
}
