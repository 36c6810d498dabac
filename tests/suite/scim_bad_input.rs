//! What no client should send, to every endpoint of SCIM: the error the RFC names, in its body, and nothing changed (rows F286,
//! F287; lessons 1a and CVE-2025-41115). Bodies are wrong in shape, depth, size and type; ids belong to others or to nobody.

use crate::harness::{Client, World};
use serde_json::{Value, json};

/// Everything there is, as it is now.
fn everything(client: &Client) -> Value {
    let mut all = client.scim("POST", "/v2/.search", &json!({})).is(200).json()["Resources"].clone();
    // Asking counts as activity.
    for resource in all.as_array_mut().unwrap() {
        if let Some(Value::Object(own)) = resource.get_mut("urn:ietf:params:scim:schemas:extension:wandb:2.0:User") {
            own.remove("lastActiveAt");
            own.remove("daysActive");
        }
        if let Some(Value::Object(meta)) = resource.get_mut("meta") {
            meta.remove("version");
        }
    }
    all
}

#[test]
fn f286_f287_what_no_client_should_send_changes_nothing() {
    let world = World::new();
    let admin = &world.admin.client;
    let group = admin.scim_get("/Groups")["Resources"][0]["id"].as_str().unwrap().to_owned();
    let role = json!({"name": "Sampler", "inheritedFrom": "viewer"});
    let role = admin.scim("POST", "/Roles", &role).is(201).json()["id"].as_str().unwrap().to_owned();
    let mia = &world.member.id;
    let before = everything(admin);
    let targets = [
        ("POST", "/Users".to_owned()),
        ("PUT", format!("/Users/{mia}")),
        ("PATCH", format!("/Users/{mia}")),
        ("POST", "/Groups".to_owned()),
        ("PUT", format!("/Groups/{group}")),
        ("PATCH", format!("/Groups/{group}")),
        ("POST", "/Roles".to_owned()),
        ("PUT", format!("/Roles/{role}")),
        ("PATCH", format!("/Roles/{role}")),
        ("POST", "/Bulk".to_owned()),
    ];
    let nested = |open: &str, depth: usize| open.repeat(depth);
    let deep = format!("{}1{}", nested("[", 2_000), nested("]", 2_000));
    let deeper = format!("{{\"displayName\":{}1{}}}", nested("{\"a\":", 500), nested("}", 500));
    let broken: Vec<Vec<u8>> = vec![
        b"".to_vec(),
        b" \n".to_vec(),
        b"{".to_vec(),
        b"nothing".to_vec(),
        b"{\"a\":1,}".to_vec(),
        b"{\"a\":1} x".to_vec(),
        b"// x\n{}".to_vec(),
        b"\xff\xfe".to_vec(),
        b"{\"displayName\":\"\xff\"}".to_vec(),
        b"[]".to_vec(),
        b"\"x\"".to_vec(),
        b"5".to_vec(),
        b"null".to_vec(),
        b"{\"displayName\":\"a\",\"DisplayName\":\"b\",\"name\":\"c\",\"NAME\":\"d\",\"Operations\":[],\"operations\":[]}".to_vec(),
        b"{\"displayName\":\"a\",\"displayName\":\"b\",\"name\":\"c\",\"name\":\"d\",\"Operations\":[],\"Operations\":[]}".to_vec(),
        deep.into_bytes(),
        deeper.into_bytes(),
    ];
    for (method, path) in &targets {
        for body in &broken {
            for (base, kind) in [("/scim", "application/json"), ("/scim/v2", "application/scim+json; charset=utf-8")] {
                let reply = admin.send(method, &format!("{base}{path}"), &[("content-type", kind)], Some(body));
                reply.scim_error(400, Some("invalidSyntax"));
                assert!(!reply.body.contains("panicked") && !reply.body.contains("src/"), "{reply:?}");
            }
        }
        let large = vec![b' '; (1 << 20) + 1];
        admin.send(method, &format!("/scim{path}"), &[], Some(&large)).scim_error(413, None);
    }
    // Types, in every place where something else is expected.
    for value in [
        json!(5),
        json!(true),
        json!({}),
        json!([{}]),
        json!([[]]),
        json!({"value": 5}),
        json!(18446744073709551615_u64),
        json!(-1.5e300),
    ] {
        let operations = |path: &str| json!({"Operations": [{"op": "replace", "path": path, "value": value}]});
        for path in ["userName", "emails", "name", "organizationRole", "teamRoles", "modelsSeat"] {
            // Parts that a name does not have are passed over.
            if path == "name" && value.is_object() {
                continue;
            }
            let reply = admin.scim("PATCH", &format!("/v2/Users/{mia}"), &operations(path));
            assert_eq!(reply.status, 400, "{path} = {value}: {reply:?}");
        }
        admin
            .scim("PATCH", &format!("/Groups/{group}"), &operations("displayName"))
            .scim_error(400, Some("invalidValue"));
        admin
            .scim("PATCH", &format!("/v2/Groups/{group}"), &operations("members"))
            .scim_error(400, Some("invalidValue"));
        admin.scim("PATCH", &format!("/v2/Roles/{role}"), &operations("name")).scim_error(400, Some("invalidValue"));
        admin
            .scim("PATCH", &format!("/Roles/{role}"), &operations("permissions"))
            .scim_error(400, Some("invalidValue"));
    }
    // Ids of another kind, of nobody, of other shapes.
    let overflow = "VXNlcjoxODQ0Njc0NDA3MzcwOTU1MTYxNg==";
    for id in [
        group.as_str(),
        role.as_str(),
        "1",
        "admin",
        "root",
        "VXNlcjowMQ==",
        "VXNlcjotMQ==",
        overflow,
        "%2e%2e",
        "a%20b",
        "VXNlcjo5OTk5",
    ] {
        for method in ["GET", "PUT", "PATCH", "DELETE"] {
            let body = match method {
                "PUT" => json!({"userName": "x", "emails": [{"value": "x@example.com"}]}),
                "PATCH" => json!({"Operations": [{"op": "replace", "path": "active", "value": false}]}),
                _ => Value::Null,
            };
            let reply = admin.scim(method, &format!("/v2/Users/{id}"), &body);
            assert!(matches!(reply.status, 404) || (reply.status == 400 && id == "%2e%2e"), "{method} {id}: {reply:?}");
        }
    }
    // A client's own id is data: it never becomes one of ours (CVE-2025-41115).
    for (n, taken) in ["1", "admin", mia.as_str(), "root"].into_iter().enumerate() {
        let body = json!({"userName": format!("x{n}"), "externalId": taken, "emails": [{"value": format!("x{n}@example.com")}]});
        let made = admin.scim("POST", "/v2/Users", &body).is(201).json();
        assert_ne!(made["id"], json!(taken));
        assert_eq!(made["urn:ietf:params:scim:schemas:extension:wandb:2.0:User"]["organizationRole"], "member");
        let (total, found) = admin.scim_list("Users", &[("filter", &format!("externalId eq \"{taken}\""))]);
        assert_eq!((total, &found[0]["id"]), (1, &made["id"]));
        admin.scim("DELETE", &format!("/Users/{}", made["id"].as_str().unwrap()), &Value::Null).is(204);
    }
    // Methods that are none.
    for path in ["/Users", "/Groups", "/Roles", "/Bulk", "/.search", "/Permissions"] {
        for method in ["PUT", "PATCH", "DELETE", "OPTIONS", "BREW"] {
            admin.scim(method, path, &Value::Null).scim_error(405, None);
        }
    }
    assert_eq!(everything(admin), before);
}
