//! `/scim/Users`: people read, listed, made, replaced, changed and deleted in both dialects (rows F132, F230 to F259, F284 to
//! F287). What is told about a change is read back from the server, and where it matters from another surface.

use crate::harness::{Client, Reply, Server, World, world::TEAM};
use serde_json::{Value, json};

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const WANDB: &str = "urn:ietf:params:scim:schemas:extension:wandb:2.0:User";
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const ERROR: &str = "urn:ietf:params:scim:api:messages:2.0:Error";

fn send(client: &Client, method: &str, path: &str, body: &Value) -> Reply {
    client.send(method, path, &[("content-type", "application/json")], Some(body.to_string().as_bytes()))
}

fn patch(client: &Client, id: &str, operations: Value) -> Reply {
    send(
        client,
        "PATCH",
        &format!("/scim/Users/{id}"),
        &json!({"schemas": [
        "urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": operations}),
    )
}

fn set(client: &Client, id: &str, path: &str, value: Value) -> Reply {
    patch(client, id, json!([{"op": "replace", "path": path, "value": value}]))
}

fn delete(client: &Client, id: &str) -> Reply {
    client.send("DELETE", &format!("/scim/Users/{id}"), &[], None)
}

fn get(client: &Client, id: &str) -> Value {
    client.get(&format!("/scim/Users/{id}")).is(200).json()
}

fn rfc(client: &Client, id: &str) -> Value {
    client.get(&format!("/scim/v2/Users/{id}")).is(200).json()
}

/// Makes somebody as W&B's documents show it; the answer.
fn make(client: &Client, name: &str) -> Value {
    let body = json!({
        "schemas": [USER],
        "userName": name,
        "emails": [{"primary": true, "value": format!("{name}@example.com")}],
    });
    send(client, "POST", "/scim/Users", &body).is(201).json()
}

fn id(user: &Value) -> String {
    user["id"].as_str().unwrap_or_else(|| panic!("no id in {user}")).to_owned()
}

/// A SCIM error with this status and keyword; its sentence.
fn refused(reply: &Reply, status: u16, kind: Option<&str>) -> String {
    assert_eq!(reply.status, status, "{reply:?}");
    let body = reply.json();
    assert_eq!(body["schemas"], json!([ERROR]), "{reply:?}");
    assert_eq!(body["status"], json!(status.to_string()), "{reply:?}");
    assert_eq!(body["scimType"].as_str(), kind, "{reply:?}");
    let detail = body["detail"].as_str().unwrap();
    assert!(detail.len() > 8, "a sentence: {reply:?}");
    detail.to_owned()
}

#[test]
fn f230_to_f235_who_may_call_and_how() {
    let world = World::new();
    let admin = &world.admin;
    for path in ["/scim/Users", "/scim/Users/", "/scim/v2/Users", "/scim/v2/Users/"] {
        // F230, F231: any user name, also none; a Bearer key.
        for client in [
            world.anonymous.basic("demo", &admin.key),
            world.anonymous.basic("", &admin.key),
            world.anonymous.basic("mia", &admin.key),
            world.anonymous.bearer(&admin.key),
        ] {
            client.get(path).is(200);
        }
        // F231, F233: no key, a wrong one, one that is taken from the wrong place.
        let unknown = "x".repeat(40);
        for client in [world.anonymous.clone(), world.anonymous.basic("root", &unknown), world.anonymous.bearer("")] {
            let reply = client.get(path);
            refused(&reply, 401, None);
            assert!(reply.header("www-authenticate").unwrap().starts_with("Basic "), "{reply:?}");
        }
        refused(&world.deactivated.client.get(path), 401, None);
        // F232: admins only.
        for client in [&world.team_admin.client, &world.member.client, &world.viewer.client, &world.service] {
            refused(&client.get(path), 403, None);
        }
    }
    let body = json!({"userName": "x", "emails": [{"value": "x@example.com"}]});
    for client in [&world.team_admin.client, &world.member.client, &world.viewer.client, &world.service] {
        // Whoever may not is told so before the body is looked at.
        refused(&send(client, "POST", "/scim/Users", &body), 403, None);
        refused(&client.send("POST", "/scim/Users", &[], Some(b"{")), 403, None);
        refused(&set(client, &world.member.id, "active", json!(false)), 403, None);
        refused(&delete(client, &world.outsider.id), 403, None);
    }
    // A key that only reads, reads.
    let reader = crate::permissions::read_only(&world, "root");
    reader.get("/scim/Users").is(200);
    refused(&send(&reader, "POST", "/scim/Users", &body), 403, None);
    refused(&set(&reader, &world.member.id, "active", json!(false)), 403, None);
    assert_eq!(get(&admin.client, &world.member.id)["active"], true);
    // A session is no credential here.
    let browser = crate::permissions::browser(&world, admin);
    refused(&browser.get("/scim/Users"), 401, None);
    // The refusals are in the audit log.
    let log = admin.client.get("/admin/audit_logs?details=true").body;
    assert!(log.contains("user:list") && log.contains("denied"), "{log}");
}

#[test]
fn f236_f251_f252_f284_one_resource_in_two_dialects() {
    let world = World::new();
    let (admin, mia) = (&world.admin.client, &world.member);
    let user = get(admin, &mia.id);
    let expected = json!({
        "active": true, "displayName": "mia", "userName": "mia", "id": mia.id, "schemas": [USER],
        "emails": {"Value": "mia@example.com", "Display": "", "Type": "", "Primary": true},
        "organizationRole": "member", "teamRoles": [{"teamName": TEAM, "roleName": "member"}],
        "modelsSeat": "full", "weaveRole": "full",
    });
    for (key, value) in expected.as_object().unwrap() {
        assert_eq!(&user[key], value, "{key} of {user}");
    }
    assert_eq!(user["meta"]["location"], json!(format!("Users/{}", mia.id)));
    assert_eq!(user["meta"]["resourceType"], "User");
    for moment in ["created", "lastModified"] {
        assert!(user["meta"][moment].as_str().unwrap().ends_with('Z'), "{user}");
    }
    assert_eq!(user["groups"].as_array().unwrap().len(), 1);
    assert_eq!(user["groups"][0].as_object().unwrap().len(), 1, "W&B's groups have a value only: {user}");
    assert!(user.get("daysActive").is_some() && user.get("lastActiveAt").is_some(), "{user}");

    // F252: by path, by Accept, by Content-Type.
    let path = format!("/scim/Users/{}", mia.id);
    let scim = "application/scim+json";
    let by_accept = admin.send("GET", &path, &[("accept", "application/scim+json;q=0.9, */*")], None);
    let by_type = admin.send("GET", &path, &[("content-type", "Application/SCIM+JSON; charset=utf-8")], None);
    let by_path = admin.get(&format!("/scim/v2/Users/{}", mia.id));
    for reply in [&by_accept, &by_type, &by_path] {
        assert_eq!(reply.header("content-type"), Some(scim), "{reply:?}");
        let user = reply.json();
        assert_eq!(user["emails"], json!([{"value": "mia@example.com", "type": "work", "primary": true}]));
        assert_eq!(user["schemas"], json!([USER, WANDB]));
        assert_eq!(user[WANDB]["organizationRole"], "member");
        assert_eq!(user[WANDB]["teamRoles"], json!([{"teamName": TEAM, "roleName": "member"}]));
        assert_eq!(user["groups"][0]["display"], TEAM);
        assert!(user.get("organizationRole").is_none() && user.get("teamRoles").is_none(), "{user}");
        let location = user["meta"]["location"].as_str().unwrap();
        assert!(location.starts_with(&world.server.url) && location.ends_with(&mia.id), "{user}");
        assert_eq!(user["meta"]["version"].as_str(), reply.header("etag"), "{reply:?}");
    }
    assert_eq!(admin.get(&path).header("content-type"), Some("application/json"));
    assert_eq!(admin.get(&path).header("etag"), by_path.header("etag"), "one resource has one version");
    // What W&B's members call a tag is not taken for the media type.
    assert!(admin.send("GET", &path, &[("accept", "application/json")], None).json()["emails"].is_object());

    for unknown in ["nothing", "VXNlcjo5OTk5", "VXNlcjowMQ==", "RW50aXR5OjY=", "1", "mia", "%27"] {
        refused(&admin.get(&format!("/scim/Users/{unknown}")), 404, None);
        refused(&set(admin, unknown, "active", json!(false)), 404, None);
        refused(&delete(admin, unknown), 404, None);
    }
    refused(&admin.get("/scim/v2/Nothing"), 404, None);
    refused(&send(admin, "PATCH", "/scim/Users", &json!({})), 405, None);
}

#[test]
fn f239_f240_f253_people_are_made() {
    let server = Server::plain();
    let root = server.person("root", "admin").client;
    let made = make(&root, "dev-user1");
    assert_eq!((&made["active"], &made["organizationRole"]), (&json!(true), &json!("member")));
    assert_eq!(get(&root, &id(&made)), made, "what is told is what is kept");
    // F253: the RFC's list and W&B's object, keys in any case; one address without a mark is the primary one.
    for (n, emails) in [
        json!([{"value": "e0@example.com"}]),
        json!([{"VALUE": "e1@example.com", "PRIMARY": "True"}]),
        json!({"Value": "e2@example.com", "Display": "", "Type": "", "Primary": true}),
        json!({"value": "e3@example.com"}),
        json!("e4@example.com"),
        json!(["e5@example.com"]),
        json!([{"value": "other@example.com", "type": "home"}, {"value": "e6@example.com", "primary": true}]),
    ]
    .into_iter()
    .enumerate()
    {
        let made = send(&root, "POST", "/scim/Users", &json!({"USERNAME": format!("e{n}"), "Emails": emails})).is(201);
        assert_eq!(made.json()["emails"]["Value"], json!(format!("e{n}@example.com")));
        assert_eq!(made.json()["emails"]["Primary"], true);
    }
    // The user name is kept as written; the username is it where it is one, else made from it.
    for (name, username) in [
        ("Jo.Doe@Example.com", "Jo-Doe"),
        ("jo.doe@other.example", "jo-doe-2"),
        ("plain_NAME", "plain_NAME"),
        ("admin", "user-admin"),
        ("Ünal Öz", "nal-z"),
    ] {
        let email = format!("{}@mail.example", username.to_lowercase());
        let made = send(&root, "POST", "/scim/Users", &json!({"userName": name, "emails": [{"value": email}]})).is(201);
        assert_eq!(made.json()["userName"], name);
        let query = "query($q: String) { users(query: $q) { edges { node { username } } } }";
        let found = root.data(query, json!({"q": email}));
        assert_eq!(found["users"]["edges"][0]["node"]["username"], username, "{name}");
    }
    let count = || root.get("/scim/Users").is(200).json()["totalResults"].clone();
    let before = count();
    // F240: refused, and nothing is made.
    let email = json!([{"value": "new@example.com"}]);
    for body in [
        json!({}),
        json!({"userName": "new"}),
        json!({"userName": "new", "emails": []}),
        json!({"userName": "new", "emails": [{}]}),
        json!({"userName": "new", "emails": [{"value": "nothing"}]}),
        json!({"userName": "new", "emails": [{"value": 5}]}),
        json!({"userName": "new", "emails": [{"value": "a@example.com", "primary": true}, {"value": "b@example.com", "primary": true}]}),
        json!({"userName": "", "emails": email}),
        json!({"userName": null, "emails": email}),
        json!({"userName": 5, "emails": email}),
        json!({"userName": ["new"], "emails": email}),
        json!({"userName": {"a": 1}, "emails": email}),
        json!({"userName": "a".repeat(255), "emails": email}),
        json!({"userName": "\u{fdfa}".repeat(200), "emails": email}),
        json!({"userName": "new\u{0}", "emails": email}),
        json!({"userName": "new", "emails": email, "active": "maybe"}),
        json!({"userName": "new", "emails": email, "active": 1}),
        json!({"userName": "new", "emails": email, "displayName": false}),
        json!({"userName": "new", "emails": email, "name": "New"}),
        json!({"userName": "new", "emails": email, "title": "a".repeat(1_025)}),
        json!({"userName": "new", "emails": email, "organizationRole": "owner"}),
        json!({"userName": "new", "emails": email, "modelsSeat": "half"}),
        json!({"userName": "new", "emails": email, "externalId": "x".repeat(255)}),
        json!({"userName": "new", "emails": email, "accountType": "SERVICE"}),
        json!({"userName": "new", "emails": email, "accountType": "ORG_SERVICE"}),
        json!({"userName": "new", "emails": email, "accountType": 1}),
        json!({"userName": "new", "emails": email, WANDB: "admin"}),
        json!({"userName": "new", "emails": email, "urn:ietf:params:scim:schemas:extension:teams:2.0:User": {"teams": ["nothing"]}}),
        json!({"userName": "new", "emails": email, "phoneNumbers": (0..33).map(|n| json!({"value": n.to_string()})).collect::<Vec<_>>()}),
    ] {
        refused(&send(&root, "POST", "/scim/Users", &body), 400, Some("invalidValue"));
    }
    for (name, address) in
        [("DEV-USER1", "new@example.com"), ("new", "Dev-User1@EXAMPLE.com"), ("root", "new@example.com")]
    {
        let body = json!({"userName": name, "emails": [{"value": address}]});
        refused(&send(&root, "POST", "/scim/Users", &body), 409, Some("uniqueness"));
    }
    assert_eq!(count(), before, "nothing was made");
    // Eighteen letters each, when names are compared.
    let long = "\u{fdfa}".repeat(200);
    let body = json!({"userName": "long", "displayName": long, "emails": [{"value": "long@example.com"}]});
    send(&root, "POST", "/scim/v2/Users", &body).is(201);
    let search = |name: &str| {
        let body = json!({"filter": format!("displayName eq \"{name}\"")});
        send(&root, "POST", "/scim/v2/Users/.search", &body).is(200).json()["totalResults"].clone()
    };
    assert_eq!((search(&long), search(&long[3..])), (json!(1), json!(0)));
    // W&B's attributes with the new user, in both places they may stand.
    root.create_team("alpha", None).is(200);
    root.create_team("beta", None).is(200);
    let made = send(&root, "POST", "/scim/Users", &json!({
        "userName": "seated", "emails": [{"value": "seated@example.com"}], "active": "False", "displayName": "Sea Ted",
        "modelsSeat": "Viewer", WANDB: {"weaveRole": "none", "organizationRole": "ADMIN"},
        "urn:ietf:params:scim:schemas:extension:teams:2.0:User": {"teams": ["alpha", "BETA"]},
    }))
    .is(201)
    .json();
    assert_eq!((&made["active"], &made["displayName"]), (&json!(false), &json!("Sea Ted")));
    assert_eq!((&made["modelsSeat"], &made["weaveRole"]), (&json!("viewer"), &json!("none")));
    assert_eq!(made["organizationRole"], "admin");
    let teams = json!([{"teamName": "alpha", "roleName": "member"}, {"teamName": "beta", "roleName": "member"}]);
    assert_eq!(made["teamRoles"], teams);
}

#[test]
fn f237_f238_lists_and_look_ups() {
    let world = World::new();
    let admin = &world.admin.client;
    let all = admin.get("/scim/Users").is(200).json();
    // Six people; the service account of the team is none.
    assert_eq!((&all["totalResults"], &all["startIndex"], &all["itemsPerPage"]), (&json!(6), &json!(1), &json!(9999)));
    assert_eq!(all["schemas"], json!(["urn:ietf:params:scim:api:messages:2.0:ListResponse"]));
    let names: Vec<&str> =
        all["Resources"].as_array().unwrap().iter().map(|u| u["userName"].as_str().unwrap()).collect();
    assert_eq!(names, ["root", "tess", "mia", "vera", "otto", "dora"], "from the oldest to the newest");
    assert_eq!(all["Resources"][2], get(admin, &world.member.id), "a list shows what a look shows");
    let body = json!({"userName": "Jo@Example.com", "externalId": "42", "displayName": "Jo Example",
        "emails": [{"value": "jo@example.com"}]});
    let jo = id(&send(admin, "POST", "/scim/v2/Users", &body).is(201).json());
    let find = |filter: &str| {
        let query = url::form_urlencoded::Serializer::new(String::new()).append_pair("filter", filter).finish();
        let found = admin.get(&format!("/scim/v2/Users?{query}")).is(200).json();
        let ids: Vec<String> = found["Resources"].as_array().unwrap().iter().map(id).collect();
        assert_eq!(found["totalResults"], ids.len(), "{filter}");
        ids
    };
    for filter in [
        "userName eq \"jo@example.COM\"",
        "USERNAME EQ \"Jo@Example.com\"",
        "emails.value eq \"JO@example.com\"",
        "emails[type eq \"work\" and value eq \"jo@example.com\"]",
        "emails eq \"jo@example.com\"",
        "externalId eq \"42\"",
        "displayName eq \"jo example\"",
        "userName sw \"jo@\" and active eq true",
    ] {
        assert_eq!(find(filter), [jo.as_str()], "{filter}");
    }
    for filter in [
        "displayName eq \"mia\"",
        // The username behind it is not how the directory knows the person.
        "userName eq \"jo\"",
        "userName eq \"nobody\"",
        "emails.value eq \"nobody@example.com\"",
        "externalId eq \"4\"",
        "displayName eq \"Jo\"",
        "userName eq \"Jo@Example.com\" and active eq false",
        "userName eq \"service-nightly\"",
    ] {
        assert!(find(filter).is_empty(), "{filter}");
    }
    let by_label = admin.get("/scim/Users?filter=displayName%20eq%20%22MIA%22").is(200).json();
    assert_eq!(by_label["Resources"][0]["displayName"], "mia", "W&B's dialect shows a name always, and finds it");
    assert_eq!(find("active eq false"), [world.deactivated.id.as_str()]);
    assert_eq!(find(&format!("id eq \"{}\"", world.member.id)), [world.member.id.as_str()]);
    assert_eq!(find("userName eq \"mia\""), [world.member.id.as_str()], "people whom no directory wrote to, too");
}

#[test]
fn f241_f242_deleted_is_gone_at_once_and_the_names_are_free() {
    let world = World::new();
    let (admin, mia) = (&world.admin.client, &world.member);
    let browser = crate::permissions::browser(&world, mia);
    set(admin, &mia.id, "externalId", json!("7")).is(200);
    // Work that stays: a run in the team, a project in the person's own namespace.
    mia.client.upsert_project(TEAM, "p", None).is(200);
    mia.client.submit_run(TEAM, "p", "r");
    mia.client.upsert_project("mia", "own", None).is(200);
    let reply = delete(admin, &mia.id).is(204);
    assert_eq!(reply.body, "");
    refused(&admin.get(&format!("/scim/Users/{}", mia.id)), 404, None);
    refused(&delete(admin, &mia.id), 404, None);
    assert_eq!(mia.client.get("/access/v1/subject").status, 401);
    assert_eq!(browser.page("/console/account").status, 303, "the session is over");
    let listed = admin.get("/scim/Users").json();
    assert!(!listed.to_string().contains("\"mia\""), "{listed}");
    // What was run keeps who ran it.
    let run = world.team_admin.client.run_data(TEAM, "p", "r");
    assert!(run.to_string().contains("mia"), "{run}");
    // F242
    let body = json!({"userName": "mia", "externalId": "7", "emails": [{"value": "mia@example.com"}]});
    let again = send(admin, "POST", "/scim/Users", &body).is(201).json();
    assert_ne!(again["id"], json!(mia.id));
    assert_eq!(again["teamRoles"], json!([]), "nothing of the old account comes back");
    assert_eq!(mia.client.get("/access/v1/subject").status, 401, "nor do its keys");
    refused(&admin.get(&format!("/scim/Users/{}", mia.id)), 404, None);
}

#[test]
fn f243_f244_off_and_on_and_off_in_every_form() {
    let world = World::new();
    let (admin, mia) = (&world.admin.client, &world.member);
    let whole = |active: Value| json!([{"op": "replace", "value": {"active": active}}]);
    let path = |active: Value| json!([{"op": "Replace", "path": "active", "value": active}]);
    let urn = |active: Value| json!([{"op": "add", "path": format!("{USER}:active"), "value": active}]);
    let forms: [(Value, bool); 8] = [
        (whole(json!(false)), false),
        (whole(json!(true)), true),
        (path(json!("False")), false),
        (path(json!("True")), true),
        (whole(json!("false")), false),
        (whole(json!("true")), true),
        (urn(json!(false)), false),
        (urn(json!(true)), true),
    ];
    for (operations, active) in forms {
        let browser = crate::permissions::browser(&world, &world.admin).fresh();
        if !active {
            browser.sign_in("mia", crate::harness::PASSWORD).is(303);
        }
        let shown = patch(admin, &mia.id, operations.clone()).is(200).json();
        assert_eq!(shown["active"], active, "{operations}");
        assert_eq!(get(admin, &mia.id), shown, "{operations}");
        assert_eq!(mia.client.get("/access/v1/subject").status, if active { 200 } else { 401 }, "{operations}");
        assert_eq!(browser.page("/console/account").status, 303, "{operations}: sessions do not come back");
        assert_eq!(shown["teamRoles"], json!([{"teamName": TEAM, "roleName": "member"}]), "teams are kept");
        let listed = admin.get("/scim/Users").json();
        assert!(listed["Resources"].as_array().unwrap().contains(&shown), "still listed");
    }
    // PUT says nothing about it: it stays.
    let body = json!({"userName": "mia", "emails": [{"value": "mia@example.com"}]});
    set(admin, &mia.id, "active", json!(false)).is(200);
    let put = send(admin, "PUT", &format!("/scim/Users/{}", mia.id), &body).is(200).json();
    assert_eq!(put["active"], false);
}

#[test]
fn f245_operations_mean_what_the_rfc_says() {
    let server = Server::plain();
    let root = server.person("root", "admin").client;
    let ana = id(&make(&root, "ana"));
    let shown = |operations: Value| {
        let shown =
            send(&root, "PATCH", &format!("/scim/v2/Users/{ana}"), &json!({"Operations": operations})).is(200).json();
        assert_eq!(rfc(&root, &ana), shown, "what is told is what is kept: {operations}");
        shown
    };
    // `add` on an attribute with one value replaces it.
    for (op, title) in [("add", "A"), ("ADD", "B"), ("replace", "C"), ("Replace", "D")] {
        assert_eq!(shown(json!([{"op": op, "path": "title", "value": title}]))["title"], title);
    }
    assert!(shown(json!([{"op": "remove", "path": "TITLE"}])).get("title").is_none());
    // Parts, whole values, values chosen by a filter.
    let user = shown(json!([
        {"op": "add", "path": "name.givenName", "value": "Ana"},
        {"op": "add", "path": "name", "value": {"FamilyName": "Bel"}},
        {"op": "add", "value": {"nickName": "an", "name.middleName": "M", format!("{ENTERPRISE}:department"): "ML"}},
        {"op": "add", "path": format!("{ENTERPRISE}:manager"), "value": "26"},
        {"op": "add", "path": "phoneNumbers", "value": [{"value": "1", "type": "work", "primary": true}]},
        {"op": "add", "path": "phoneNumbers", "value": {"value": "2", "type": "home", "primary": "True"}},
        {"op": "add", "path": "phoneNumbers[type eq \"mobile\"].value", "value": "3"},
        {"op": "replace", "path": "phoneNumbers[type eq \"work\"].value", "value": "4"},
    ]));
    assert_eq!(user["name"], json!({"givenName": "Ana", "familyName": "Bel", "middleName": "M"}));
    assert_eq!(user["nickName"], "an");
    assert_eq!(user[ENTERPRISE], json!({"department": "ML", "manager": {"value": "26"}}));
    let phones = json!([{"value": "4", "type": "work"}, {"value": "2", "type": "home", "primary": true},
        {"value": "3", "type": "mobile"}]);
    assert_eq!(user["phoneNumbers"], phones);
    assert_eq!(user["schemas"], json!([USER, ENTERPRISE, WANDB]));
    assert!(user.get("displayName").is_none(), "nobody gave a name to show");
    let user = shown(json!([
        {"op": "remove", "path": "phoneNumbers[type eq \"home\"]"},
        {"op": "remove", "path": "phoneNumbers", "value": [{"value": "3"}]},
        {"op": "remove", "path": ENTERPRISE},
        {"op": "replace", "path": "name", "value": {"givenName": "Anna"}},
        {"op": "replace", "path": "displayName", "value": "Anna B."},
        {"op": "replace", "path": "emails[type eq \"work\"].value", "value": "anna@example.com"},
        {"op": "replace", "path": "userName", "value": "Anna@Example.com"},
    ]));
    assert_eq!(user["phoneNumbers"], json!([{"value": "4", "type": "work"}]));
    assert_eq!(user["name"], json!({"givenName": "Anna", "familyName": "Bel", "middleName": "M"}));
    assert_eq!((&user["displayName"], &user["userName"]), (&json!("Anna B."), &json!("Anna@Example.com")));
    assert_eq!(user["emails"], json!([{"value": "anna@example.com", "type": "work", "primary": true}]));
    assert!(user.get(ENTERPRISE).is_none() && user["schemas"] == json!([USER, WANDB]));
    // W&B's own forms.
    let user = set(&root, &ana, "emails", json!([{"value": "a@example.com", "primary": true}])).is(200).json();
    assert_eq!(user["emails"]["Value"], "a@example.com");
    assert_eq!(set(&root, &ana, "displayName", json!("A")).is(200).json()["displayName"], "A");
    for path in ["modelsSeat", "weaveRole"] {
        for (typed, word) in [("viewer", "viewer"), ("No-Access", "none"), ("NONE", "none"), ("full", "full")] {
            assert_eq!(set(&root, &ana, path, json!(typed)).is(200).json()[path], word);
            assert_eq!(get(&root, &ana)[path], word);
        }
        refused(&set(&root, &ana, path, json!("half")), 400, Some("invalidValue"));
    }
    // Both the bare and the full name, in both dialects.
    let full = format!("{WANDB}:modelsSeat");
    assert_eq!(set(&root, &ana, &full, json!("viewer")).is(200).json()["modelsSeat"], "viewer");
    assert_eq!(shown(json!([{"op": "replace", "path": "modelsSeat", "value": "full"}]))[WANDB]["modelsSeat"], "full");

    // All or nothing, whatever stands before the operation that is refused.
    let before = get(&root, &ana);
    for (operation, kind) in [
        (json!({"op": "increment", "path": "title", "value": "x"}), "invalidSyntax"),
        (json!({"path": "title", "value": "x"}), "invalidSyntax"),
        (json!({"op": "replace", "path": "nothing", "value": "x"}), "invalidPath"),
        (json!({"op": "replace", "path": "title[", "value": "x"}), "invalidFilter"),
        (json!({"op": "replace", "path": "phoneNumbers[type near \"x\"].value", "value": "x"}), "invalidFilter"),
        (json!({"op": "replace", "path": "phoneNumbers[type eq \"fax\"].value", "value": "x"}), "noTarget"),
        (json!({"op": "remove", "path": "phoneNumbers[type eq \"fax\"]"}), "noTarget"),
        (json!({"op": "remove"}), "noTarget"),
        (json!({"op": "replace", "path": "title", "value": 5}), "invalidValue"),
        (json!({"op": "replace", "path": "title", "value": {"a": "b"}}), "invalidValue"),
        (json!({"op": "replace", "path": "active", "value": "perhaps"}), "invalidValue"),
        (json!({"op": "replace", "path": "emails", "value": [{"value": "nothing"}]}), "invalidValue"),
        (json!({"op": "add", "path": "emails", "value": [{"value": "second@example.com"}]}), "invalidValue"),
        (json!({"op": "replace", "path": "userName", "value": ""}), "invalidValue"),
        (json!({"op": "add", "path": "emails.primary", "value": false}), "invalidValue"),
        (json!({"op": "add", "path": "name", "value": {"nothing": "x"}}), "invalidValue"),
        (json!({"op": "add", "path": "phoneNumbers", "value": [{"value": "9"}, {"number": "9"}]}), "invalidValue"),
        (json!({"op": "add", "path": format!("{ENTERPRISE}:manager"), "value": {"displayName": "x"}}), "invalidValue"),
        (json!({"op": "replace", "path": "id", "value": "x"}), "mutability"),
        (json!({"op": "replace", "path": "meta.created", "value": "2020-01-01T00:00:00Z"}), "mutability"),
        (json!({"op": "add", "path": "groups", "value": [{"value": "x"}]}), "mutability"),
        (json!({"op": "remove", "path": "userName"}), "mutability"),
        (json!({"op": "remove", "path": "emails"}), "mutability"),
        (json!({"op": "remove", "path": "active"}), "mutability"),
        (json!({"op": "remove", "path": "organizationRole"}), "mutability"),
        (json!({"op": "remove", "path": "teamRoles"}), "mutability"),
        (json!({"op": "replace", "value": {"lastActiveAt": "2020-01-01T00:00:00Z"}}), "invalidPath"),
    ] {
        let operations = json!([{"op": "replace", "path": "title", "value": "lost"}, operation]);
        let reply = patch(&root, &ana, operations.clone());
        assert_eq!(reply.status, 400, "{operations}: {reply:?}");
        let kind = if operation["value"].get("lastActiveAt").is_some() {
            reply.json()["scimType"].clone()
        } else {
            json!(kind)
        };
        refused(&reply, 400, kind.as_str());
        assert_eq!(get(&root, &ana), before, "{operations}");
    }
    make(&root, "ben");
    for (path, value) in [("userName", json!("BEN")), ("emails", json!([{"value": "Ben@example.com"}]))] {
        refused(&set(&root, &ana, path, value), 409, Some("uniqueness"));
    }
    let own = json!([{"op": "replace", "value": {"id": ana, "schemas": [USER], "title": "Same"}}]);
    assert_eq!(patch(&root, &ana, own).is(200).json()["title"], "Same", "its own id may be repeated, as Okta does");
}

#[test]
fn f246_f254_roles_in_the_organization_and_the_last_admin() {
    let server = Server::plain();
    let root = server.person("root", "admin");
    let client = &root.client;
    let ana = id(&make(client, "ana"));
    for (typed, role) in [("ADMIN", "admin"), ("Viewer", "viewer"), ("member", "member"), ("Administrator", "admin")] {
        assert_eq!(set(client, &ana, "organizationRole", json!(typed)).is(200).json()["organizationRole"], role);
        assert_eq!(get(client, &ana)["organizationRole"], role);
    }
    for wrong in [json!("owner"), json!(""), json!(1), json!(["admin"]), json!({"value": "admin"})] {
        refused(&set(client, &ana, "organizationRole", wrong), 400, Some("invalidValue"));
    }
    client.create_role("Curator", "member", &[]).is(200);
    refused(&set(client, &ana, "organizationRole", json!("Curator")), 400, Some("invalidValue"));
    // Two admins: one may go. The other may not, in no way.
    set(client, &ana, "active", json!(false)).is(200);
    let before = get(client, &root.id);
    let last = |reply: Reply| {
        let why = refused(&reply, 409, None);
        assert!(why.contains("last active administrator"), "{why}");
        assert_eq!(get(client, &root.id), before);
    };
    last(delete(client, &root.id));
    last(set(client, &root.id, "active", json!(false)));
    last(set(client, &root.id, "organizationRole", json!("member")));
    last(patch(client, &root.id, json!([{"op": "replace", "value": {"active": false}}])));
    last(client.send("DELETE", "/scim/v2/Me", &[], None));
    let body = json!({"userName": "root", "active": false, "title": "lost"});
    last(send(client, "PUT", &format!("/scim/Users/{}", root.id), &body));
    // One transaction: somebody else first, then it may be.
    set(client, &ana, "active", json!(true)).is(200);
    set(client, &root.id, "organizationRole", json!("viewer")).is(200);
    refused(&client.get("/scim/Users"), 403, None);
}

#[test]
fn f132_f247_to_f250_roles_in_teams() {
    let world = World::new();
    let (admin, mia) = (&world.admin.client, &world.member);
    admin.create_team("second", None).is(200);
    admin.invite("second", "mia", false).is(200);
    admin.create_role("Curator", "member", &["project:update"]).is(200);
    let roles = |value: Value| set(admin, &mia.id, "teamRoles", value);
    let kept = || get(admin, &mia.id)["teamRoles"].clone();
    let are = |acme: &str, second: &str| json!([{"teamName": TEAM, "roleName": acme}, {"teamName": "second", "roleName": second}]);
    // F132, F247: that team only; the new admin manages it at once.
    let shown = roles(json!([{"teamName": TEAM, "roleName": "admin"}])).is(200).json();
    assert_eq!(shown["teamRoles"], are("admin", "member"));
    assert_eq!(kept(), are("admin", "member"));
    mia.client.invite(TEAM, "otto", false).is(200);
    // F249: predefined ones in any case; an object alone, keys in any case, both teams at once.
    roles(json!({"TeamName": "ACME", "ROLENAME": "Viewer"})).is(200);
    assert_eq!(kept(), are("viewer", "member"));
    roles(json!([{"teamName": TEAM, "roleName": "MEMBER"}, {"teamName": "second", "roleName": "View-Only"}])).is(200);
    assert_eq!(kept(), are("member", "viewer"));
    // F248: custom ones exactly.
    roles(json!([{"teamName": TEAM, "roleName": "Curator"}])).is(200);
    assert_eq!(kept(), are("Curator", "viewer"));
    let full = format!("{WANDB}:teamRoles");
    set(admin, &mia.id, &full, json!([{"teamName": "second", "roleName": "member"}])).is(200);
    // F250 and what else is refused: nothing changes, also not what stands beside it.
    admin.create_team("third", None).is(200);
    let before = kept();
    for wrong in [
        json!([{"teamName": TEAM, "roleName": "curator"}]),
        json!([{"teamName": TEAM, "roleName": "owner"}]),
        json!([{"teamName": TEAM, "roleName": "service"}]),
        json!([{"teamName": TEAM, "roleName": "viewer"}, {"teamName": "third", "roleName": "member"}]),
        json!([{"teamName": TEAM, "roleName": "viewer"}, {"teamName": "nothing", "roleName": "member"}]),
        json!([{"teamName": TEAM, "roleName": "viewer"}, {"teamName": TEAM, "roleName": "admin"}]),
        json!([{"teamName": TEAM}]),
        json!([{"teamName": 1, "roleName": "viewer"}]),
        json!(["viewer"]),
        json!("viewer"),
    ] {
        refused(&roles(wrong.clone()), 400, Some("invalidValue"));
        assert_eq!(kept(), before, "{wrong}");
    }
    // A viewer of the organization reads only, in every team.
    set(admin, &mia.id, "organizationRole", json!("viewer")).is(200);
    refused(&roles(json!([{"teamName": TEAM, "roleName": "member"}])), 400, Some("invalidValue"));
    roles(json!([{"teamName": TEAM, "roleName": "viewer"}])).is(200);
}

#[test]
fn f285_a_version_changes_exactly_with_the_resource() {
    let world = World::new();
    let (admin, mia) = (&world.admin.client, &world.member);
    let path = format!("/scim/v2/Users/{}", mia.id);
    let tag = || admin.get(&path).header("etag").unwrap().to_owned();
    let stale = tag();
    let with = |method: &str, header: (&str, &str), body: &Value| {
        admin.send(
            method,
            &path,
            &[("content-type", "application/scim+json"), header],
            Some(body.to_string().as_bytes()),
        )
    };
    let title = |text: &str| json!({"Operations": [{"op": "replace", "path": "title", "value": text}]});
    with("PATCH", ("if-match", &stale), &title("A")).is(200);
    let fresh = tag();
    assert_ne!(stale, fresh);
    let put = json!({"userName": "mia", "title": "lost"});
    for (method, body) in [("PATCH", title("lost")), ("PUT", put), ("DELETE", json!({}))] {
        refused(&with(method, ("if-match", &stale), &body), 412, None);
        refused(&with(method, ("if-match", "W/\"nothing\", \"x\""), &body), 412, None);
        refused(&with(method, ("if-none-match", "*"), &body), 412, None);
    }
    assert_eq!(tag(), fresh);
    with("PATCH", ("if-match", "*"), &title("A")).is(200);
    assert_eq!(tag(), fresh, "nothing changed, so neither does the version");
    // Reading what one has.
    let reply = admin.send("GET", &path, &[("if-none-match", &format!("\"x\", {fresh}"))], None).is(304);
    assert_eq!((reply.body.as_str(), reply.header("etag")), ("", Some(fresh.as_str())));
    admin.send("GET", &path, &[("if-none-match", &stale)], None).is(200);
    // Whatever surface changes it.
    world.team_admin.client.set_team_role(TEAM, &mia.id, "viewer").is(200);
    let after_role = tag();
    assert_ne!(after_role, fresh);
    admin.set_seats("mia", Some("viewer"), None).is(200);
    assert_ne!(tag(), after_role);
    let moment = |user: Value| user["meta"]["lastModified"].as_str().unwrap().to_owned();
    let before = moment(rfc(admin, &mia.id));
    with("PATCH", ("if-match", &tag()), &title("B")).is(200);
    // Both may fall into one millisecond.
    let after = rfc(admin, &mia.id);
    let created = after["meta"]["created"].as_str().unwrap().to_owned();
    let after = moment(after);
    assert!(after >= before && after > created, "{created} {before} {after}");
    with("DELETE", ("if-match", &tag()), &json!({})).is(204);
}

#[test]
fn f286_f287_what_cannot_be_read_is_a_scim_error_and_changes_nothing() {
    let server = Server::plain();
    let root = server.person("root", "admin").client;
    let ana = make(&root, "ana");
    let path = format!("/scim/Users/{}", id(&ana));
    let deep = format!("{}1{}", "{\"a\":".repeat(200), "}".repeat(200));
    let wide = format!("{{\"userName\":\"{}\"}}", "x".repeat(1 << 20));
    let bad: [&[u8]; 13] = [
        b"",
        b"  ",
        b"{",
        b"[]",
        b"null",
        b"\"userName\"",
        b"{\"userName\": \"a\",}",
        b"{\"userName\": \"a\"} x",
        b"{\"userName\": \"a\", \"userName\": \"b\"}",
        b"{\"userName\": \"a\", \"USERNAME\": \"b\"}",
        b"{\"userName\": \"\xff\"}",
        b"{\"userName\": 1e999}",
        deep.as_bytes(),
    ];
    for body in bad {
        for (method, path) in [("POST", "/scim/Users"), ("PUT", path.as_str()), ("PATCH", path.as_str())] {
            for headers in [&[][..], &[("content-type", "application/json")], &[("content-type", "text/plain")]] {
                let reply = root.send(method, path, headers, Some(body));
                refused(&reply, 400, Some("invalidSyntax"));
            }
        }
    }
    refused(&root.send("POST", "/scim/Users", &[], Some(wide.as_bytes())), 413, None);
    // Numbers at their edges where text is due.
    for number in ["0", "-1", "9223372036854775807", "9223372036854775808", "18446744073709551616", "1e308", "0.1"] {
        let body = format!("{{\"userName\": {number}, \"emails\": [{{\"value\": \"n@example.com\"}}]}}");
        refused(&root.send("POST", "/scim/Users", &[], Some(body.as_bytes())), 400, Some("invalidValue"));
        let body = format!("{{\"Operations\": [{{\"op\": \"replace\", \"path\": \"title\", \"value\": {number}}}]}}");
        refused(&root.send("PATCH", &path, &[], Some(body.as_bytes())), 400, Some("invalidValue"));
    }
    assert_eq!(get(&root, &id(&ana)), ana);
    // No content type at all, and a body that would do with one.
    let body = br#"{"userName": "bare", "emails": [{"value": "bare@example.com"}]}"#;
    root.send("POST", "/scim/Users", &[], Some(body)).is(201);
    // The errors of the two dialects differ in their media type only.
    let reply = root.get("/scim/Users/nothing");
    assert_eq!(reply.header("content-type"), Some("application/json"));
    let reply = root.get("/scim/v2/Users/nothing");
    assert_eq!(reply.header("content-type"), Some("application/scim+json"));
}

#[test]
fn f239_replaced_is_what_was_sent_and_what_everyone_has_stays() {
    let server = Server::plain();
    let root = server.person("root", "admin").client;
    let body = json!({"userName": "ana", "externalId": "E1", "displayName": "Ana", "title": "T", "nickName": "n",
        "name": {"givenName": "A", "familyName": "B"}, ENTERPRISE: {"department": "ML", "manager": {"value": "1"}},
        "emails": [{"value": "ana@example.com", "type": "other", "display": "Ana's"}], WANDB: {"modelsSeat": "viewer"}});
    let ana = id(&send(&root, "POST", "/scim/v2/Users", &body).is(201).json());
    let put = |body: Value| send(&root, "PUT", &format!("/scim/v2/Users/{ana}"), &body);
    let shown = put(json!({"userName": "Ana", "title": "U", "id": "other", "meta": {"created": "x"}, "groups": [1],
        "password": "hunter2hunter2", "unknown": {"a": [1]}, "urn:example:unknown": {"a": 1}}))
    .is(200)
    .json();
    assert_eq!(rfc(&root, &ana), shown);
    assert_eq!((&shown["userName"], &shown["title"]), (&json!("Ana"), &json!("U")));
    for gone in ["nickName", "name", "displayName", "password", "unknown", ENTERPRISE] {
        assert!(shown.get(gone).is_none(), "{gone} in {shown}");
    }
    assert_eq!((&shown["id"], &shown["externalId"], &shown["active"]), (&json!(ana), &json!("E1"), &json!(true)));
    assert_eq!(
        shown["emails"],
        json!([{"value": "ana@example.com", "type": "other", "display": "Ana's", "primary": true}])
    );
    assert_eq!(shown[WANDB]["modelsSeat"], "viewer", "a seat is not lost by silence");
    refused(&put(json!({"title": "lost"})), 400, Some("invalidValue"));
    assert_eq!(rfc(&root, &ana), shown);
    let again = put(shown.clone()).is(200).json();
    assert_eq!(again, shown, "what was read can be sent back");
    // The whole of what W&B shows can be sent back, too.
    let wandb = get(&root, &ana);
    assert_eq!(send(&root, "PUT", &format!("/scim/Users/{ana}"), &wandb).is(200).json()["emails"], wandb["emails"]);
    // A name to show is made from its parts where none was given, and follows them.
    put(json!({"userName": "Ana", "name": {"givenName": "Anna", "familyName": "Bel"}})).is(200);
    let name = |query: &str| root.data(query, json!({}))["users"]["edges"][0]["node"]["name"].clone();
    let query = "{ users(query: \"ana@example.com\") { edges { node { name } } } }";
    assert_eq!(name(query), "Anna Bel");
    set(&root, &ana, "name.familyName", json!("Cel")).is(200);
    assert_eq!(name(query), "Anna Cel");
    assert!(rfc(&root, &ana).get("displayName").is_none());
}

/// CVE-2025-41115 Grafana: a numeric `externalId` became the id of a user.
#[test]
fn an_external_id_is_data_in_a_namespace_of_its_own() {
    let world = World::new();
    let (admin, root) = (&world.admin.client, &world.admin);
    for (n, external) in ["1", "admin", "root", root.id.as_str(), "User:1", "0", "' or 1=1"].iter().enumerate() {
        let body = json!({"userName": format!("p{n}"), "externalId": external, "emails": [{"value": format!("p{n}@example.com")}]});
        let made = send(admin, "POST", "/scim/v2/Users", &body).is(201).json();
        assert_eq!((&made["externalId"], &made[WANDB]["organizationRole"]), (&json!(external), &json!("member")));
        assert_ne!(id(&made), root.id);
        assert!(get(admin, &root.id).get("externalId").is_none());
        let clash = json!({"userName": "q", "externalId": external, "emails": [{"value": "q@example.com"}]});
        refused(&send(admin, "POST", "/scim/v2/Users", &clash), 409, Some("uniqueness"));
    }
    // Case counts, and taking it away frees it.
    let upper = json!({"userName": "up", "externalId": "ADMIN", "emails": [{"value": "up@example.com"}]});
    let up = id(&send(admin, "POST", "/scim/v2/Users", &upper).is(201).json());
    refused(&set(admin, &up, "externalId", json!("admin")), 409, Some("uniqueness"));
    patch(admin, &up, json!([{"op": "remove", "path": "externalId"}])).is(200);
    set(admin, &world.outsider.id, "externalId", json!("ADMIN")).is(200);
}

/// CVE-2022-1680 GitLab: an e-mail changed by SCIM took an account over.
#[test]
fn a_changed_address_moves_no_credential_and_no_session() {
    let world = World::new();
    let (admin, mia) = (&world.admin.client, &world.member);
    let browser = crate::permissions::browser(&world, mia);
    set(admin, &mia.id, "emails", json!([{"value": "elsewhere@example.com", "primary": true}])).is(200);
    let make = json!({"userName": "other", "emails": [{"value": "mia@example.com"}]});
    let other = id(&send(admin, "POST", "/scim/Users", &make).is(201).json());
    let subject = mia.client.get("/access/v1/subject").is(200).json();
    assert_eq!((&subject["id"], &subject["email"]), (&json!(mia.id), &json!("elsewhere@example.com")));
    browser.page("/console/account").is(200);
    let fresh = world.anonymous.fresh();
    assert_eq!(fresh.sign_in("mia@example.com", crate::harness::PASSWORD).status, 401, "the password stayed behind");
    fresh.sign_in("elsewhere@example.com", crate::harness::PASSWORD).is(303);
    assert_eq!(get(admin, &other)["teamRoles"], json!([]));
}

#[test]
fn a_dry_run_says_what_would_be_and_changes_nothing() {
    let world = World::new();
    let (admin, mia) = (&world.admin.client, &world.member);
    let path = format!("/scim/Users/{}", mia.id);
    let dry = |method: &str, path: &str, body: &Value| {
        let headers = [("content-type", "application/json"), ("x-dry-run", "true")];
        admin.send(method, path, &headers, Some(body.to_string().as_bytes()))
    };
    let state = || (admin.get("/scim/Users").json(), admin.get("/admin/audit_logs").body);
    let before = state();
    let off = json!({"Operations": [{"op": "replace", "value": {"active": false, "title": "T"}}]});
    let reply = dry("PATCH", &path, &off).is(200);
    assert_eq!(reply.header("x-dry-run"), Some("true"));
    assert_eq!((&reply.json()["active"], &reply.json()["title"]), (&json!(false), &json!("T")));
    send(admin, "PATCH", &format!("{path}?dryRun=true"), &off).is(200);
    dry("DELETE", &path, &json!({})).is(204);
    let new = json!({"userName": "new", "emails": [{"value": "new@example.com"}]});
    assert_eq!(dry("POST", "/scim/v2/Users", &new).is(201).json()["userName"], "new");
    dry("PUT", &path, &json!({"userName": "mia2"})).is(200);
    assert_eq!(state(), before, "nothing is different, not even the log");
    // All checks of the real thing are made.
    refused(
        &dry("POST", "/scim/Users", &json!({"userName": "mia", "emails": [{"value": "m@example.com"}]})),
        409,
        Some("uniqueness"),
    );
    refused(&dry("DELETE", &format!("/scim/Users/{}", world.admin.id), &json!({})), 409, None);
    refused(&send(admin, "DELETE", &format!("{path}?dryRun=perhaps"), &json!({})), 400, Some("invalidValue"));
    send(admin, "POST", "/scim/Users?dryRun=false", &new).is(201);
    assert_eq!(mia.client.get("/access/v1/subject").status, 200);
}

#[test]
fn me_is_whoever_asks() {
    let world = World::new();
    let root = &world.admin;
    let me = root.client.get("/scim/v2/Me").is(200);
    assert_eq!(me.json(), rfc(&root.client, &root.id));
    let path = "/scim/Me";
    let body = json!({"Operations": [{"op": "add", "path": "title", "value": "Chief"}]});
    assert_eq!(send(&root.client, "PATCH", path, &body).is(200).json()["title"], "Chief");
    assert_eq!(send(&root.client, "PUT", path, &json!({"userName": "root"})).is(200).json().get("title"), None);
    refused(&send(&root.client, "POST", path, &json!({})), 405, None);
    refused(&world.member.client.get(path), 403, None);
}

#[test]
fn two_creates_of_one_name_at_once_make_one() {
    let server = Server::plain();
    let root = server.person("root", "admin").client;
    for round in 0..4 {
        let replies: Vec<u16> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|n| {
                    let client = root.clone();
                    scope.spawn(move || {
                        // Sometimes the name is the same, sometimes the address.
                        let (name, email) = if round % 2 == 0 { (0, n) } else { (n, 0) };
                        let body = json!({"userName": format!("Twin{round}-{name}"),
                            "emails": [{"value": format!("twin{round}-{email}@example.com")}]});
                        send(&client, "POST", "/scim/Users", &body).status
                    })
                })
                .collect();
            threads.into_iter().map(|t| t.join().unwrap()).collect()
        });
        assert_eq!(replies.iter().filter(|s| **s == 201).count(), 1, "{replies:?}");
        assert_eq!(replies.iter().filter(|s| **s == 409).count(), 7, "{replies:?}");
    }
    assert_eq!(root.get("/scim/Users").json()["totalResults"], 5);
}

#[test]
fn each_fact_has_its_event_with_who_and_why() {
    let server = Server::plain();
    let root = server.person("root", "admin").client;
    let ana = id(&make(&root, "ana"));
    patch(
        &root,
        &ana,
        json!([{"op": "replace", "value": {"active": false, "displayName": "A", "organizationRole": "viewer"}}]),
    )
    .is(200);
    delete(&root, &ana).is(204);
    let log = root.get("/admin/audit_logs?details=true").is(200).body;
    let actions: Vec<String> = log
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .filter(|event| event["target"] == json!(ana))
        .map(|event| {
            assert!(event["actor"] == "root" && event["credential"].as_str().unwrap().starts_with("key "), "{event}");
            assert!(!event["chain"].as_array().unwrap().is_empty(), "{event}");
            event["action"].as_str().unwrap().to_owned()
        })
        .collect();
    let expected = ["user:permanently_delete", "user:deactivate", "user:update_role", "user:update", "user:create"];
    assert_eq!(actions, expected, "{log}");
}

/// W&B's later document: service accounts come by `accountType`, are no users of lists, and are not changed here.
#[test]
fn a_service_account_is_made_in_its_team_and_changed_there() {
    let world = World::new();
    let admin = &world.admin.client;
    let extension = "urn:ietf:params:scim:schemas:extension:teams:2.0:User";
    let body = |more: Value| {
        let mut body = json!({"userName": "CI bot", "accountType": "SERVICE", extension: {"defaultTeam": "ACME"}});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    for wrong in [json!({"modelsSeat": "full"}), json!({extension: {}}), json!({extension: {"defaultTeam": "nothing"}})]
    {
        refused(&send(admin, "POST", "/scim/Users", &body(wrong)), 400, Some("invalidValue"));
    }
    let made = send(admin, "POST", "/scim/Users", &body(json!({}))).is(201).json();
    assert_eq!((&made["userName"], &made["accountType"]), (&json!("CI bot"), &json!("SERVICE")));
    assert_eq!(made["teamRoles"], json!([{"teamName": TEAM, "roleName": "service"}]));
    assert_eq!(get(admin, &id(&made)), made);
    let listed = world.team_admin.client.members(TEAM);
    assert!(listed.iter().any(|m| m["accountType"] == "SERVICE" && m["name"] == "CI bot"), "{listed:?}");
    assert_eq!(admin.get("/scim/Users").json()["totalResults"], 6, "no user of lists");
    for operation in
        [json!({"op": "replace", "value": {"active": false}}), json!({"op": "add", "path": "title", "value": "T"})]
    {
        refused(&patch(admin, &id(&made), json!([operation])), 400, Some("mutability"));
    }
    refused(
        &send(admin, "PUT", &format!("/scim/Users/{}", id(&made)), &json!({"userName": "x"})),
        400,
        Some("mutability"),
    );
    refused(&send(admin, "POST", "/scim/Users", &body(json!({"userName": "ci BOT"}))), 409, Some("uniqueness"));
    delete(admin, &id(&made)).is(204);
    refused(&admin.get(&format!("/scim/Users/{}", id(&made))), 404, None);
    // The same for one of the organization, with a default team.
    let wide = body(json!({"userName": "Deploy bot", "accountType": "ORG_SERVICE"}));
    let wide = send(admin, "POST", "/scim/Users", &wide).is(201).json();
    assert_eq!(wide["accountType"], "ORG_SERVICE");
    assert_eq!(admin.get("/scim/Users").json()["totalResults"], 6, "no user of lists");
}
