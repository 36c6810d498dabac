//! Seats: what a person may use of each product, whatever their roles say; set by the organization, felt in every team.
//! Each call is held against what `explain` says of it ([`World::agrees`]).

use crate::harness::{World, world::TEAM};
use serde_json::{Value, json};

#[test]
fn f164_full_writes_viewer_reads_and_none_sees_no_product_data() {
    let world = World::new();
    let mia = &world.member;
    mia.client.upsert_project(TEAM, "p", None).is(200);
    for (n, (typed, word, reads, writes)) in [
        ("viewer", "viewer", true, false),
        ("No-Access", "none", false, false),
        ("FULL", "full", true, true),
        ("no_access", "none", false, false),
        ("Viewer", "viewer", true, false),
        ("no access", "none", false, false),
        ("none", "none", false, false),
        ("full", "full", true, true),
    ]
    .into_iter()
    .enumerate()
    {
        let set = world.admin.client.set_seats("mia", Some(typed), Some(typed)).is(200).json();
        let shown = &set["data"]["updateUserSeats"]["user"];
        assert_eq!((&shown["modelsSeat"], &shown["weaveRole"]), (&json!(word), &json!(word)), "{typed}");
        world.reads(mia, "p", reads);
        let reply = mia.client.upsert_project(TEAM, &format!("p{n}"), None);
        world.agrees(mia, "project:create", TEAM, &reply, writes);
        let reply = mia.client.describe(TEAM, "p", typed);
        // Its owner; where it is not even read, the seat is the reason as well.
        world.agrees(mia, "project:update", "acme/p", &reply, writes);
        for (action, may) in
            [("run:read", reads), ("run:create", writes), ("artifact:read", reads), ("artifact:download", writes)]
        {
            assert_eq!(world.may("mia", action, "acme/p"), may, "{action} with {typed}");
        }
        // The team itself is no product's data.
        let reply = mia.client.team(TEAM);
        world.agrees(mia, "team:read", TEAM, &reply, true);
    }
    for wrong in ["", "half", "admin"] {
        world.admin.client.set_seats("mia", Some(wrong), None).is(400).message();
    }
}

#[test]
fn f165_models_and_weave_are_apart() {
    let world = World::new();
    world.project("p", "PRIVATE");
    let mia = &world.member;
    let table = [
        // models, weave: run read, run write, weave read, weave write
        ("none", "full", [false, false, true, true]),
        ("full", "none", [true, true, false, false]),
        ("viewer", "full", [true, false, true, true]),
        ("full", "viewer", [true, true, true, false]),
        ("viewer", "none", [true, false, false, false]),
        ("none", "none", [false; 4]),
        ("full", "full", [true; 4]),
    ];
    for (models, weave, expected) in table {
        world.admin.client.set_seats("mia", Some(models), Some(weave)).is(200);
        let actions = ["run:read", "run:create", "weave:read", "weave:create"];
        let said = actions.map(|action| world.may("mia", action, "acme/p"));
        assert_eq!(said, expected, "{models} {weave}");
        // The project holds both: the better of the two opens it.
        world.reads(mia, "p", models != "none" || weave != "none");
    }
    // One alone can be changed; the other stays.
    world.admin.client.set_seats("mia", Some("viewer"), None).is(200);
    let seats = mia.client.data("{ viewer { modelsSeat weaveRole } }", json!({}));
    assert_eq!(seats["viewer"], json!({"modelsSeat": "viewer", "weaveRole": "full"}));
}

#[test]
fn f166_a_seat_counts_in_every_team() {
    let world = World::new();
    world.admin.client.create_team("second", None).is(200);
    world.admin.client.invite("second", "mia", true).is(200);
    let mia = &world.member;
    mia.client.upsert_project("second", "p", None).is(200);
    world.admin.client.set_seats("mia", Some("viewer"), Some("viewer")).is(200);
    for team in [TEAM, "second", "mia"] {
        let reply = mia.client.upsert_project(team, "new", None);
        world.agrees(mia, "project:create", team, &reply, false);
        assert!(reply.message().contains("seat"), "{reply:?}");
    }
    let reply = mia.client.project("second", "p");
    world.agrees(mia, "project:read", "second/p", &reply, true);
    // A seat is no team role: an admin of a team still manages its people.
    let reply = mia.client.invite("second", "otto", false);
    world.agrees(mia, "team:invite_user", "second", &reply, true);
}

#[test]
fn f167_seats_are_counted_for_admins() {
    let world = World::new();
    let counted = || -> Value {
        let query =
            "{ organization(name: \"default\") { seats { models { full viewer none } weave { full viewer none } } } }";
        world.admin.client.data(query, json!({}))["organization"]["seats"].clone()
    };
    let before = counted();
    let full = before["models"]["full"].as_i64().unwrap();
    assert_eq!((&before["models"]["viewer"], &before["weave"]["none"]), (&json!(0), &json!(0)));
    world.admin.client.set_seats("mia", Some("viewer"), None).is(200);
    world.admin.client.set_seats("otto", Some("none"), Some("none")).is(200);
    let after = counted();
    assert_eq!(after["models"], json!({"full": full - 2, "viewer": 1, "none": 1}), "{after}");
    assert_eq!(after["weave"], json!({"full": full - 1, "viewer": 0, "none": 1}), "{after}");
    world.admin.client.set_seats("mia", Some("full"), None).is(200);
    world.admin.client.set_seats("otto", Some("full"), Some("full")).is(200);
    assert_eq!(counted(), before);
    // Every person of the organization has one seat of each; service accounts take none.
    let people = world.admin.client.data("{ users { edges { node { username modelsSeat } } } }", json!({}));
    let people = people["users"]["edges"].as_array().unwrap();
    let humans = people.iter().filter(|e| !e["node"]["modelsSeat"].is_null()).count();
    assert_eq!(humans as i64, full, "{people:?}");
    let query = "{ organization(name: \"default\") { seats { models { full } } } }";
    for who in [&world.team_admin, &world.member, &world.viewer] {
        let reply = who.client.graphql(query, json!({}));
        world.agrees(who, "user:list", "", &reply, false);
    }
}

#[test]
fn f164_only_admins_set_seats_and_machines_take_none() {
    let world = World::new();
    for who in [&world.team_admin, &world.member, &world.viewer, &world.outsider] {
        for target in ["mia", "tess", &who.username] {
            let reply = who.client.set_seats(target, Some("full"), Some("full"));
            assert!(matches!(reply.status, 403 | 404), "{reply:?}");
            assert!(!world.may(&who.username, "user:update_seat", &format!("user:{target}")));
        }
    }
    world.admin.client.set_seats("service-nightly", Some("none"), None).is(400).message();
    world.service.upsert_project(TEAM, "robots", None).is(200);
    world.admin.client.set_seats("nobody-here", Some("none"), None).is(404).message();
}

#[test]
fn the_billing_administrator_is_named_and_gains_nothing() {
    let world = World::new();
    let named = || {
        let query = "{ organization(name: \"default\") { billingAdmin { username } } }";
        world.admin.client.data(query, json!({}))["organization"]["billingAdmin"].clone()
    };
    assert!(named().is_null());
    world.admin.client.update_org(json!({"billingAdmin": "mia"})).is(200);
    assert_eq!(named()["username"], "mia");
    for (action, resource) in [("user:list", ""), ("organization:update", ""), ("team:update", TEAM)] {
        assert!(!world.may("mia", action, resource), "{action}");
    }
    world.member.client.update_org(json!({"billingAdmin": "mia"})).is(403).message();
    for wrong in ["nobody-here", "service-nightly"] {
        world.admin.client.update_org(json!({ "billingAdmin": wrong })).is(404).message();
    }
    assert_eq!(named()["username"], "mia");
    world.admin.client.update_org(json!({"billingAdmin": ""})).is(200);
    assert!(named().is_null());
}
