//! `/scim/Groups`: teams read, listed, made, renamed, filled, emptied and deleted in both dialects (rows F004, F260 to F268). After
//! every change the stored state is read back, where it matters through another surface.

use crate::harness::scim::{id_of, texts};
use crate::harness::{Client, PASSWORD, World, world::TEAM};
use serde_json::{Value, json};

/// A team's id and people as SCIM shows them to the RFC's clients.
fn group(client: &Client, name: &str) -> Value {
    let (total, found) = client.scim_list("Groups", &[("filter", &format!("displayName eq \"{name}\""))]);
    assert_eq!(total, 1, "{name}: {found:?}");
    found[0].clone()
}

/// The user names in a group, sorted.
fn people(client: &Client, id: &str) -> Vec<String> {
    let group = client.scim_get(&format!("/v2/Groups/{id}?attributes=members.display"));
    let mut names = texts(group["members"].as_array().unwrap(), "display");
    names.sort();
    names
}

fn members(ids: &[&str]) -> Value {
    ids.iter().map(|id| json!({ "value": id })).collect()
}

#[test]
fn f004_f260_f261_f267_teams_are_groups_in_both_dialects() {
    let world = World::new();
    let admin = &world.admin.client;
    let id = id_of(&group(admin, "ACME"));
    // W&B's shape.
    let seen = admin.scim_get(&format!("/Groups/{id}"));
    assert_eq!(seen["displayName"], TEAM);
    assert_eq!(seen["schemas"], json!(["urn:ietf:params:scim:schemas:core:2.0:Group"]));
    assert_eq!(seen["meta"]["location"], format!("Groups/{id}"));
    assert_eq!(seen["meta"]["resourceType"], "Group");
    let listed = seen["members"].as_array().unwrap();
    let mut names = texts(listed, "Display");
    names.sort();
    assert_eq!(names, ["dora", "mia", "tess", "vera"], "people, also deactivated ones, and no service account");
    for member in listed {
        assert_eq!(member.as_object().unwrap().keys().collect::<Vec<_>>(), ["Display", "Ref", "Type", "Value"]);
        assert_eq!((&member["Ref"], &member["Type"]), (&json!(""), &json!("")));
        let user = admin.scim_get(&format!("/Users/{}", member["Value"].as_str().unwrap()));
        assert_eq!(user["userName"], member["Display"]);
    }
    let list = admin.scim_get("/Groups");
    assert_eq!(
        (&list["itemsPerPage"], &list["startIndex"], &list["totalResults"]),
        (&json!(9999), &json!(1), &json!(1))
    );
    assert_eq!(list["Resources"], json!([seen]));
    // The RFC's.
    let reply = admin.scim("GET", &format!("/v2/Groups/{id}"), &Value::Null).is(200);
    assert_eq!(reply.header("content-type"), Some("application/scim+json"));
    let seen = reply.json();
    assert_eq!(reply.header("etag"), seen["meta"]["version"].as_str());
    assert_eq!(seen["meta"]["location"], format!("{}/scim/v2/Groups/{id}", admin.base));
    let mia = seen["members"].as_array().unwrap().iter().find(|m| m["value"] == world.member.id.as_str()).unwrap();
    let at = format!("{}/scim/v2/Users/{}", admin.base, world.member.id);
    assert_eq!(mia, &json!({"value": world.member.id, "type": "User", "$ref": at}), "names on request");
    // Read already, read in part, looked up.
    let known = [("if-none-match", reply.header("etag").unwrap())];
    assert_eq!(admin.send("GET", &format!("/scim/v2/Groups/{id}"), &known, None).is(304).body, "");
    let part = admin.scim_get(&format!("/v2/Groups/{id}?excludedAttributes=members"));
    assert!(part.get("members").is_none() && part["displayName"] == TEAM);
    let part = admin.scim_get(&format!("/Groups/{id}?attributes=members.value"));
    assert!(part.get("displayName").is_none() && part["members"][0]["Value"].is_string(), "{part}");
    let of = |filter: &str| admin.scim_list("Groups", &[("filter", filter)]).0;
    assert_eq!(of(&format!("members eq \"{}\"", world.member.id)), 1);
    assert_eq!(of(&format!("members.value eq \"{}\"", world.outsider.id)), 0);
    assert_eq!(of(&format!("id eq \"{id}\" and displayName sw \"AC\"")), 1);
    assert_eq!(of("displayName eq \"nothing\""), 0, "no match is an empty list");
    assert_eq!(of("members.display co \"ERA\""), 1);
    // What is no group is absent.
    for other in
        [world.member.id.as_str(), "x", "RW50aXR5OjA=", "RW50aXR5Ojk5OTk5", "RW50aXR5OjE4NDQ2NzQ0MDczNzA5NTUxNjE2"]
    {
        admin.scim("GET", &format!("/v2/Groups/{other}"), &Value::Null).scim_error(404, None);
    }
    // Only organization admins provision.
    for who in [&world.team_admin, &world.member, &world.viewer] {
        who.client.scim("GET", "/Groups", &Value::Null).scim_error(403, None);
        who.client
            .scim_patch(&format!("/Groups/{id}"), json!([{"op": "remove", "path": "members"}]))
            .scim_error(403, None);
    }
    world.service.scim("GET", "/Groups", &Value::Null).scim_error(403, None);
    world.anonymous.scim("GET", "/Groups", &Value::Null).scim_error(401, None);
    assert_eq!(people(admin, &id).len(), 4);
}

#[test]
fn f262_f265_a_group_is_made_with_its_people_or_not_at_all() {
    let world = World::new();
    let admin = &world.admin.client;
    let (mia, otto, vera) = (&world.member.id, &world.outsider.id, &world.viewer.id);
    let body = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"],
        "displayName": "ML Platform @ Berlin",
        "externalId": "1",
        "MEMBERS": [{"value": mia}, {"VALUE": otto, "type": "User"}, {"value": mia}, {"value": "vera@example.com"}],
    });
    let made = admin.scim("POST", "/Groups", &body).is(201);
    let id = id_of(&made.json());
    assert_eq!(made.header("location").unwrap(), format!("{}/scim/Groups/{id}", admin.base));
    assert_eq!(made.json()["displayName"], "ML Platform @ Berlin");
    assert_eq!(people(admin, &id), ["mia", "otto", "vera"], "whoever makes it is not in it");
    // In the app it has a legal name, and the roles that the organization allows.
    let rows = admin.members("ML-Platform-Berlin");
    assert_eq!(rows.len(), 3, "{rows:?}");
    assert!(world.may("mia", "project:create", "ML-Platform-Berlin"));
    assert!(!world.may("vera", "project:create", "ML-Platform-Berlin"), "a viewer stays one");
    assert!(!world.may("mia", "team:update", "ML-Platform-Berlin"));
    assert_eq!(vera, &id_of(&admin.scim_get(&format!("/Users/{vera}"))));
    // Its own name finds it, in any case; the derived one does not.
    assert_eq!(id_of(&group(admin, "ml platform @ BERLIN")), id);
    assert_eq!(admin.scim_list("Groups", &[("filter", "displayName eq \"ML-Platform-Berlin\"")]).0, 0);
    assert_eq!(admin.scim_list("Groups", &[("filter", "externalId eq \"1\"")]).0, 1);
    // Names are unique without regard to case, whoever made the team; ids of a directory are, too.
    for taken in ["ml platform @ berlin", "ACME", "acme"] {
        admin.scim("POST", "/Groups", &json!({"displayName": taken})).scim_error(409, Some("uniqueness"));
    }
    let twice = json!({"displayName": "other", "externalId": "1"});
    admin.scim("POST", "/v2/Groups", &twice).scim_error(409, Some("uniqueness"));
    // A person's name is no team's: the path gets a number, the group keeps its name.
    let mias = admin.scim("POST", "/Groups", &json!({"displayName": "mia", "members": []})).is(201).json();
    assert_eq!((&mias["displayName"], &mias["members"]), (&json!("mia"), &json!([])));
    assert_eq!(admin.members("mia-2"), Vec::<Value>::new());
    let total = admin.scim_list("Groups", &[]).0;
    for (body, kind) in [
        (json!({}), "invalidValue"),
        (json!({"displayName": ""}), "invalidValue"),
        (json!({"displayName": 5}), "invalidValue"),
        (json!({"displayName": "x".repeat(300)}), "invalidValue"),
        (json!({"displayName": "a\u{7}b"}), "invalidValue"),
        (json!({"displayName": "new", "members": [{"value": mia}, {"value": "VXNlcjo5OTk5"}]}), "invalidValue"),
        (json!({"displayName": "new", "members": [{"value": "nobody@example.com"}]}), "invalidValue"),
        (json!({"displayName": "new", "members": [{"value": id}]}), "invalidValue"),
        (json!({"displayName": "new", "members": [{"value": mia, "type": "Group"}]}), "invalidValue"),
        (json!({"displayName": "new", "members": [{}]}), "invalidValue"),
        (json!({"displayName": "new", "members": [5]}), "invalidValue"),
        (json!([]), "invalidSyntax"),
        (json!("x"), "invalidSyntax"),
    ] {
        admin.scim("POST", "/Groups", &body).scim_error(400, Some(kind));
    }
    assert_eq!(admin.scim_list("Groups", &[]).0, total, "what is refused made nothing");
    // A dry run says what would be.
    let would = admin.send(
        "POST",
        "/scim/Groups",
        &[("x-dry-run", "true")],
        Some(json!({"displayName": "would", "members": [{"value": mia}]}).to_string().as_bytes()),
    );
    assert_eq!(would.clone().is(201).json()["members"][0]["Display"], "mia");
    assert_eq!(admin.scim_list("Groups", &[]).0, total);
}

#[test]
fn f263_f264_f265_f268_people_come_and_go_in_every_form() {
    let world = World::new();
    let admin = &world.admin.client;
    let ids: Vec<String> = ["ana", "ben", "cleo", "dan"].iter().map(|name| admin.scim_user(name)).collect();
    let [ana, ben, cleo, dan] = ids.iter().map(String::as_str).collect::<Vec<_>>()[..] else { panic!() };
    let id = id_of(&admin.scim("POST", "/Groups", &json!({"displayName": "Tour"})).is(201).json());
    let path = format!("/Groups/{id}");
    admin.create_service_account("Tour", "nightly").is(200);
    let service = admin.members("Tour")[0]["id"].clone();
    let patch = |operations: Value| admin.scim_patch(&path, operations);
    let now = |expected: &[&str]| assert_eq!(people(admin, &id), expected);
    let add = |ids: &[&str]| patch(json!([{"op": "add", "path": "members", "value": members(ids)}]));

    // F263: once, however often it is said; W&B's answer is the whole group.
    let reply = add(&[ana, ben, ana]).is(200).json();
    assert_eq!(reply["members"].as_array().unwrap().len(), 2);
    add(&[ana]).is(200);
    now(&["ana", "ben"]);
    // Bare ids, one element without a list, no path, other case, an address.
    patch(json!([{"op": "Add", "path": "Members", "value": [cleo]}])).is(200);
    patch(json!([{"op": "ADD", "value": {"members": {"value": "dan@example.com"}}}])).is(200);
    now(&["ana", "ben", "cleo", "dan"]);

    // F264 (a): path and a list, as Entra and W&B's example client send it, takes these only.
    patch(json!([{"op": "Remove", "path": "members", "value": [{"value": dan}]}])).is(200);
    now(&["ana", "ben", "cleo"]);
    // (b): a filter on the values, also several, also by name.
    patch(json!([{"op": "remove", "path": format!("members[value eq \"{cleo}\"]")}])).is(200);
    now(&["ana", "ben"]);
    add(&[cleo, dan]).is(200);
    patch(json!([{"op": "remove", "path": format!("members[value eq \"{cleo}\" or value eq \"{ana}\"]")}])).is(200);
    now(&["ben", "dan"]);
    patch(json!([{"op": "remove", "path": "members[display sw \"B\" and type eq \"User\"]"}])).is(200);
    now(&["dan"]);
    // Whoever is not in it is not, whether they exist or not.
    for gone in [ana, "VXNlcjo5OTk5", "x"] {
        patch(json!([{"op": "remove", "path": format!("members[value eq \"{gone}\"]")}])).is(200);
        patch(json!([{"op": "remove", "path": "members", "value": [{"value": gone}]}])).is(200);
    }
    now(&["dan"]);
    // (c): the path alone takes everybody away.
    let reply = patch(json!([{"op": "remove", "path": "members"}])).is(200).json();
    assert_eq!(reply["members"], Value::Null);
    now(&[]);

    // F268: the whole list, by PATCH and by PUT.
    patch(json!([{"op": "replace", "path": "members", "value": members(&[ana, ben])}])).is(200);
    now(&["ana", "ben"]);
    patch(json!([{"op": "replace", "value": {"id": id, "members": members(&[ben, cleo])}}])).is(200);
    now(&["ben", "cleo"]);
    let put = |body: Value| admin.scim("PUT", &path, &body);
    put(json!({"displayName": "Tour", "members": members(&[dan])})).is(200);
    now(&["dan"]);
    put(json!({"displayName": "Tour"})).is(200);
    now(&["dan"]);
    put(json!({"displayName": "Tour", "members": []})).is(200);
    now(&[]);
    let rows = admin.members("Tour");
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert_eq!(rows[0]["id"], service, "service accounts stay");

    // F265 and all that is wrong: nothing of the request is done.
    add(&[ana]).is(200);
    let all = |wrong: Value| json!([{"op": "add", "path": "members", "value": members(&[ben])}, wrong]);
    for (wrong, kind) in [
        (json!({"op": "add", "path": "members", "value": members(&["VXNlcjo5OTk5"])}), "invalidValue"),
        (json!({"op": "add", "path": "members", "value": [{"value": id}]}), "invalidValue"),
        (json!({"op": "add", "path": "members", "value": service}), "invalidValue"),
        (json!({"op": "replace", "path": "members", "value": [{"display": "x"}]}), "invalidValue"),
        (json!({"op": "add", "path": "members"}), "invalidValue"),
        (json!({"op": "move", "path": "members", "value": []}), "invalidSyntax"),
        (json!({"op": "add", "path": "nothing", "value": "x"}), "invalidPath"),
        (json!({"op": "add", "path": "members.nothing", "value": "x"}), "invalidPath"),
        (json!({"op": "add", "path": "displayName[value eq \"x\"]", "value": "x"}), "invalidPath"),
        (json!({"op": "remove", "path": "members[value foo \"x\"]"}), "invalidFilter"),
        (json!({"op": "remove", "path": "members[nothing eq \"x\"]"}), "invalidFilter"),
        (json!({"op": "remove", "path": "members[value eq 5]"}), "invalidFilter"),
        (json!({"op": "remove"}), "noTarget"),
        (json!({"op": "remove", "path": "displayName"}), "mutability"),
        (json!({"op": "replace", "path": "id", "value": "x"}), "mutability"),
        (json!({"op": "replace", "path": "meta.created", "value": "x"}), "mutability"),
        (json!({"op": "replace", "path": format!("members[value eq \"{ana}\"].display"), "value": "x"}), "mutability"),
        (
            json!({"op": "replace", "path": format!("members[value eq \"{ana}\"]"), "value": {"value": ben}}),
            "mutability",
        ),
        (json!({"op": "replace", "path": "displayName", "value": ""}), "invalidValue"),
        (json!({"op": "replace", "path": "displayName", "value": ["x"]}), "invalidValue"),
    ] {
        patch(all(wrong)).scim_error(400, Some(kind));
        admin
            .scim_patch(&format!("/v2{path}"), all(json!({"op": "replace", "path": "displayName", "value": "acme"})))
            .scim_error(409, Some("uniqueness"));
        now(&["ana"]);
    }
    // Each coming and going is in the audit log, with who did it.
    let log = admin.get("/admin/audit_logs").is(200).body;
    let events: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for action in ["team:create", "team:invite_user", "team:uninvite"] {
        let found = events.iter().filter(|e| e["action"] == action && e["entity_name"] == "Tour");
        assert!(found.clone().count() > 0, "{action}");
        assert!(found.clone().all(|e| e["actor_email"] == "root@example.com"), "{action}");
    }
    // Who is deleted is out of every team.
    admin.scim("DELETE", &format!("/Users/{ana}"), &Value::Null).is(204);
    now(&[]);
    assert_ne!(dan, cleo);
}

#[test]
fn a_group_is_renamed_and_its_version_changes_exactly_when_it_does() {
    let world = World::new();
    let admin = &world.admin.client;
    let id = id_of(&group(admin, TEAM));
    let path = format!("/v2/Groups/{id}");
    let seen = || admin.scim("GET", &path, &Value::Null).is(200);
    let version = || seen().header("etag").unwrap().to_owned();
    // The RFC's dialect says nothing unless it is asked, and tells the version.
    let first = version();
    let reply = admin.scim_patch(&path, json!([{"op": "replace", "value": {"id": id, "displayName": "Acme, Inc."}}]));
    assert_eq!((reply.status, reply.body.as_str()), (204, ""));
    let renamed = version();
    assert_eq!(reply.header("etag"), Some(renamed.as_str()));
    assert_ne!(first, renamed);
    // The name in paths stays, since runs are sent there; the directory finds the team by its own name.
    assert_eq!(seen().json()["displayName"], "Acme, Inc.");
    assert!(admin.team(TEAM).is(200).body.contains(&id));
    assert_eq!(admin.scim_list("Groups", &[("filter", "displayName eq \"acme\"")]).0, 0);
    // Nothing changes: neither does the version.
    for same in [
        json!([{"op": "replace", "path": "displayName", "value": "Acme, Inc."}]),
        json!([{"op": "add", "path": "members", "value": [{"value": world.member.id}]}]),
        json!([{"op": "remove", "path": "members", "value": [{"value": world.outsider.id}]}]),
    ] {
        admin.scim_patch(&path, same).is(204);
        assert_eq!(version(), renamed);
    }
    world.team_admin.client.set_team_role(TEAM, &world.member.id, "viewer").is(200);
    world.team_admin.client.update_team(TEAM, json!({"description": "x"})).is(200);
    assert_eq!(version(), renamed, "roles and settings are no part of a group");
    // From whichever side it changes, it does.
    let mut seen_versions = vec![first, renamed.clone()];
    let mut moved = |what: &str| {
        let now = version();
        assert!(!seen_versions.contains(&now), "{what}");
        seen_versions.push(now);
    };
    world.team_admin.client.invite(TEAM, "otto", false).is(200);
    moved("invited in the app");
    world.team_admin.client.remove_member(TEAM, &world.outsider.id).is(200);
    moved("removed in the app");
    admin.scim_patch(&path, json!([{"op": "add", "path": "externalId", "value": "7"}])).is(204);
    moved("the client's id");
    admin.scim_patch(&path, json!([{"op": "remove", "path": "externalId"}])).is(204);
    // F285: what is out of date changes nothing.
    let now = version();
    let body = json!({"Operations": [{"op": "replace", "path": "displayName", "value": "late"}]}).to_string();
    for (method, body) in [("PATCH", body.as_str()), ("PUT", r#"{"displayName":"late"}"#), ("DELETE", "")] {
        let reply = admin.send(method, &format!("/scim{path}"), &[("if-match", &renamed)], Some(body.as_bytes()));
        reply.scim_error(412, None);
    }
    assert_eq!(version(), now);
    let reply = admin.send(
        "PATCH",
        &format!("/scim{path}?attributes=displayName"),
        &[("if-match", &now)],
        Some(body.as_bytes()),
    );
    assert_eq!(reply.is(200).json()["displayName"], "late");
}

#[test]
fn f266_who_deletes_a_team_and_who_does_not() {
    let world = World::new();
    let admin = &world.admin.client;
    let acme = id_of(&group(admin, TEAM));
    let reply = admin.scim("DELETE", &format!("/Groups/{acme}"), &Value::Null);
    reply.scim_error(405, None);
    assert_eq!(reply.header("allow"), Some("GET, PUT, PATCH"));
    // The RFC's dialect deletes what provisioning made and nobody uses.
    admin.scim("DELETE", &format!("/v2/Groups/{acme}"), &Value::Null).scim_error(409, None);
    assert_eq!(people(admin, &acme).len(), 4);
    let made = id_of(&admin.scim("POST", "/v2/Groups", &json!({"displayName": "Tour"})).is(201).json());
    admin
        .scim_patch(
            &format!("/Groups/{made}"),
            json!([{"op": "add", "path": "members", "value": [{"value": world.member.id}]}]),
        )
        .is(200);
    world.member.client.upsert_project("Tour", "p", None).is(200);
    admin.scim("DELETE", &format!("/v2/Groups/{made}"), &Value::Null).scim_error(409, None);
    assert_eq!(people(admin, &made), ["mia"]);
    // The app deletes any team without projects.
    let browser = admin.fresh();
    browser.sign_in("root", PASSWORD).is(303);
    browser.submit("/acme/settings", "/acme/settings/delete", &[("sure", TEAM)]).is(303);
    admin.scim("GET", &format!("/Groups/{acme}"), &Value::Null).scim_error(404, None);
    let spare = id_of(
        &admin.scim("POST", "/v2/Groups", &json!({"displayName": "Spare Team", "externalId": "s"})).is(201).json(),
    );
    assert_eq!(admin.scim("DELETE", &format!("/v2/Groups/{spare}"), &Value::Null).is(204).body, "");
    admin.scim("GET", &format!("/v2/Groups/{spare}"), &Value::Null).scim_error(404, None);
    admin.scim("DELETE", &format!("/v2/Groups/{spare}"), &Value::Null).scim_error(404, None);
    assert_eq!(admin.scim_list("Groups", &[]).0, 1);
    // The names are free again.
    admin.scim("POST", "/v2/Groups", &json!({"displayName": "spare team", "externalId": "s"})).is(201);
}
