//! `/scim/Bulk` (RFC 7644 §3.7): many requests in one, each all or nothing, references among them, and where it stops.

use crate::harness::{Client, Reply, Server, Setup};
use serde_json::{Value, json};

const BULK: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";

fn bulk(client: &Client, operations: Value) -> Reply {
    client.scim("POST", "/v2/Bulk", &json!({"schemas": [BULK], "Operations": operations}))
}

fn statuses(reply: &Reply) -> Vec<String> {
    let answer = reply.clone().is(200).json();
    assert_eq!(answer["schemas"], json!(["urn:ietf:params:scim:api:messages:2.0:BulkResponse"]));
    answer["Operations"].as_array().unwrap().iter().map(|o| o["status"].as_str().unwrap().to_owned()).collect()
}

fn user(name: &str) -> Value {
    json!({"userName": name, "emails": [{"value": format!("{name}@example.com")}]})
}

fn post(path: &str, id: &str, data: Value) -> Value {
    json!({"method": "POST", "path": path, "bulkId": id, "data": data})
}

#[test]
fn many_requests_in_one_name_what_the_others_make() {
    let server = Server::start(Setup::default());
    let admin = &server.person("root", "admin").client;
    // The team stands before its people; a chain of three; a name in a path.
    let reply = bulk(
        admin,
        json!([
            post("/Groups", "g", json!({"displayName": "Tour", "members": [{"value": "bulkId:a"}, {"value": "bulkId:b"}]})),
            {"method": "patch", "path": "/Groups/bulkId:g", "data": {"Operations": [{"op": "remove", "path": "members", "value": [{"value": "bulkId:b"}]}]}},
            post("/Users", "a", user("ana")),
            post("/v2/Users/", "b", user("ben")),
            {"method": "PUT", "path": "/Users/bulkId:b", "data": user("benjamin")},
            post("/Roles", "r", json!({"name": "Sampler", "inheritedFrom": "viewer"})),
        ]),
    );
    assert_eq!(statuses(&reply), ["201", "200", "201", "201", "200", "201"]);
    let answers = reply.json()["Operations"].as_array().unwrap().clone();
    assert_eq!((&answers[0]["bulkId"], &answers[0]["method"]), (&json!("g"), &json!("POST")));
    let (_, groups) = admin.scim_list("Groups", &[]);
    let at = groups[0]["meta"]["location"].clone();
    assert_eq!((&answers[0]["location"], &answers[1]["location"]), (&at, &at));
    assert_eq!(answers[1]["version"], groups[0]["meta"]["version"]);
    let place = |m: &Value| m["$ref"].clone();
    let people: Vec<Value> = groups[0]["members"].as_array().unwrap().iter().map(place).collect();
    assert_eq!(people, [answers[2]["location"].clone()]);
    assert_eq!(admin.scim_list("Users", &[("filter", "userName eq \"benjamin\"")]).0, 1);

    // Each stands for itself: what is wrong says why, and the others are done.
    let ana = groups[0]["members"][0]["value"].as_str().unwrap();
    let reply = bulk(
        admin,
        json!([
            post("/Users", "1", user("ana")),
            post("/Users", "2", user("cleo")),
            {"method": "DELETE", "path": "/Users/VXNlcjo5OTk5"},
            {"method": "DELETE", "path": format!("/Users/{ana}"), "version": "W/\"stale\""},
            {"method": "PATCH", "path": format!("/Users/{ana}"), "data": {"Operations": []}},
            post("/Groups", "3", json!({"displayName": "x", "members": [{"value": "bulkId:1"}]})),
            post("/Groups", "4", json!({"displayName": "y", "members": [{"value": "bulkId:nobody"}]})),
            post("/Nothing", "5", json!({})),
            {"method": "GET", "path": "/Users"},
            {"method": "DELETE", "path": "/Users"},
            {"method": "PUT", "path": "/Groups/a/b", "data": {}},
            {"method": "POST", "path": "/Users", "bulkId": "6"},
            {"method": "DELETE", "path": format!("/Users/{ana}")},
        ]),
    );
    assert_eq!(
        statuses(&reply),
        ["409", "201", "404", "412", "400", "400", "400", "400", "400", "405", "400", "400", "204"]
    );
    let answers = reply.json()["Operations"].as_array().unwrap().clone();
    assert_eq!(answers[0]["response"]["scimType"], "uniqueness");
    assert!(answers[0].get("location").is_none() && answers[1].get("response").is_none());
    assert_eq!(answers[4]["response"]["schemas"], json!(["urn:ietf:params:scim:api:messages:2.0:Error"]));
    assert_eq!(admin.scim_list("Groups", &[]).0, 1);

    // What waits for itself in a circle ends, and says so.
    let circle = json!([
        post("/Groups", "p", json!({"displayName": "p", "members": [{"value": "bulkId:q"}]})),
        post("/Groups", "q", json!({"displayName": "q", "members": [{"value": "bulkId:p"}]})),
        post("/Users", "r", json!({"userName": "bulkId:r", "emails": [{"value": "r@example.com"}]})),
    ]);
    assert_eq!(statuses(&bulk(admin, circle)), ["409", "400", "409"]);
    assert_eq!(admin.scim_list("Groups", &[]).0, 1);
}

#[test]
fn it_stops_where_it_is_told_and_takes_no_more_than_it_announces() {
    let server = Server::start(Setup::default());
    let admin = &server.person("root", "admin").client;
    let send = |bearable: Value, operations: Value| {
        admin.scim("POST", "/Bulk", &json!({"schemas": [BULK], "failOnErrors": bearable, "Operations": operations}))
    };
    let gone = |n: u32| json!({"method": "DELETE", "path": format!("/Users/VXNlcjo5OT{n}=")});
    let mixed = |name: &str| {
        json!([gone(1), post("/Users", "a", user(name)), gone(2), post("/Users", "b", user(&format!("{name}2")))])
    };
    assert_eq!(statuses(&send(json!(1), mixed("ana"))), ["404"]);
    assert_eq!(admin.scim_list("Users", &[]).0, 1);
    assert_eq!(statuses(&send(json!(2), mixed("ana"))), ["404", "201", "404"]);
    assert_eq!(statuses(&send(json!(3), mixed("ben"))), ["404", "201", "404", "201"]);
    assert_eq!(statuses(&send(json!(0), mixed("cleo"))), ["404", "201", "404", "201"]);
    assert_eq!(admin.scim_list("Users", &[]).0, 6);

    let config = admin.scim_get("/v2/ServiceProviderConfig");
    assert_eq!((&config["bulk"]["supported"], &config["bulk"]["maxOperations"]), (&json!(true), &json!(1000)));
    let payload = config["bulk"]["maxPayloadSize"].as_u64().unwrap();
    let many: Vec<Value> = (0..1001).map(|_| gone(1)).collect();
    bulk(admin, json!(many)).scim_error(413, None);
    let large = format!("{}{}", json!({"schemas": [BULK], "Operations": []}), " ".repeat(payload as usize));
    admin.send("POST", "/scim/v2/Bulk", &[], Some(large.as_bytes())).scim_error(413, None);
    for (body, kind) in [
        (json!({}), "invalidSyntax"),
        (json!([]), "invalidSyntax"),
        (json!({"Operations": {}}), "invalidSyntax"),
        (json!({"Operations": [1]}), "invalidSyntax"),
        (json!({"Operations": [{}]}), "invalidValue"),
        (json!({"Operations": [{"method": "POST", "path": "/Users"}]}), "invalidValue"),
        (json!({"Operations": [{"method": 1, "path": "/Users"}]}), "invalidValue"),
        (json!({"Operations": [post("/Users", "a", user("x")), post("/Users", "a", user("y"))]}), "invalidValue"),
        (json!({"Operations": [], "failOnErrors": "x"}), "invalidValue"),
        (json!({"Operations": [], "failOnErrors": -1}), "invalidValue"),
        (json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": []}), "invalidSyntax"),
    ] {
        admin.scim("POST", "/v2/Bulk", &body).scim_error(400, Some(kind));
    }
    assert_eq!(admin.scim_list("Users", &[]).0, 6);
    // A thousand of them, and in their order: the last word counts.
    let people: Vec<Value> = (0..500).map(|n| post("/Users", &n.to_string(), user(&format!("p{n}")))).collect();
    assert!(statuses(&bulk(admin, json!(people))).iter().all(|s| s == "201"));
    let (_, found) = admin.scim_list("Users", &[("filter", "userName eq \"p7\"")]);
    let path = format!("/Users/{}", found[0]["id"].as_str().unwrap());
    let renames: Vec<Value> = (0..100)
        .map(|n| json!({"method": "PATCH", "path": path, "data": {"Operations": [{"op": "replace", "path": "displayName", "value": format!("n{n}")}]}}))
        .collect();
    assert!(statuses(&bulk(admin, json!(renames))).iter().all(|s| s == "200"));
    assert_eq!(admin.scim_get(&path)["displayName"], "n99");
    // An organization's member may not, and learns it once.
    server.person("mia", "member").client.scim("POST", "/Bulk", &json!({"Operations": []})).scim_error(403, None);
}
