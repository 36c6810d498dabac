//! Lists, searches and discovery of SCIM: filters, sorting, paging, projection, true totals; and that what is announced is what
//! is there.

use crate::harness::scim::{id_of, texts};
use crate::harness::{Client, Server, Setup};
use serde_json::{Value, json};

fn names(client: &Client, query: &[(&str, &str)]) -> (u64, Vec<String>) {
    let (total, found) = client.scim_list("Users", query);
    (total, texts(&found, "userName"))
}

#[test]
fn lists_are_filtered_sorted_and_cut_with_true_totals() {
    let server = Server::start(Setup::default());
    let admin = &server.person("root", "admin").client;
    for n in 0..30 {
        let body = json!({
            "userName": format!("User{n:02}"),
            "displayName": format!("Person {}", 99 - n),
            "externalId": format!("x{n}"),
            "title": if n % 2 == 0 { "Engineer" } else { "Scientist" },
            "active": n % 5 != 0,
            "emails": [{"value": format!("u{n}@example.com")}],
        });
        admin.scim("POST", "/v2/Users", &body).is(201);
    }
    let found = |filter: &str| names(admin, &[("filter", filter)]);
    assert_eq!(found("userName eq \"USER07\""), (1, vec!["User07".into()]));
    assert_eq!(found("emails.value eq \"U7@example.com\""), (1, vec!["User07".into()]));
    assert_eq!(found("emails[value eq \"u7@example.com\" and primary eq true]"), (1, vec!["User07".into()]));
    assert_eq!(found("externalId eq \"x7\""), (1, vec!["User07".into()]));
    assert_eq!(found("externalId eq \"X7\""), (0, vec![]), "case counts in a client's own ids");
    assert_eq!(found("displayName eq \"person 92\""), (1, vec!["User07".into()]));
    assert_eq!(
        found("title eq \"engineer\" and active eq false"),
        (3, vec!["User00".into(), "User10".into(), "User20".into()])
    );
    assert_eq!(found("not (title pr)"), (1, vec!["root".into()]));
    assert_eq!(found("userName eq \"User03\" or userName eq \"User01\"").1, ["User01", "User03"]);
    assert_eq!(
        found("urn:ietf:params:scim:schemas:core:2.0:User:userName sw \"user2\" and active eq \"False\"").1,
        ["User20", "User25"]
    );
    assert_eq!(found("organizationRole eq \"ADMIN\"").1, ["root"]);
    assert_eq!(found("meta.created gt \"2020-01-01T00:00:00Z\"").0, 31);
    assert_eq!(found("meta.created lt \"2020-01-01T00:00:00Z\"").0, 0);
    // Paging by items, counted from one; beyond the end there is nothing, and the total stays true.
    let page = |query: &[(&str, &str)]| {
        let (total, found) = names(admin, query);
        assert_eq!(total, 31);
        found
    };
    assert_eq!(page(&[("startIndex", "2"), ("count", "2")]), ["User00", "User01"]);
    assert_eq!(page(&[("startIndex", "31"), ("count", "5")]), ["User29"]);
    assert_eq!(page(&[("startIndex", "32")]), Vec::<String>::new());
    assert_eq!(page(&[("startIndex", "99999999999999999999")]), Vec::<String>::new());
    assert_eq!(page(&[("startIndex", "-7"), ("count", "1")]), ["root"]);
    assert_eq!(page(&[("count", "0")]), Vec::<String>::new());
    assert_eq!(page(&[("count", "-1")]), Vec::<String>::new());
    assert_eq!(page(&[]).len(), 31);
    let list = admin.scim_get("/v2/Users?count=3&filter=title%20pr");
    assert_eq!((&list["itemsPerPage"], &list["totalResults"], &list["startIndex"]), (&json!(3), &json!(30), &json!(1)));
    let list = admin.scim_get("/Users/?filter=userName%20eq%20%22nobody%22");
    assert_eq!(
        (&list["itemsPerPage"], &list["totalResults"], &list["Resources"]),
        (&json!(9999), &json!(0), &json!([]))
    );
    // Sorting, also by what some do not have.
    assert_eq!(page(&[("sortBy", "displayName"), ("count", "2")]), ["User29", "User28"]);
    assert_eq!(page(&[("sortBy", "USERNAME"), ("sortOrder", "descending"), ("count", "2")]), ["User29", "User28"]);
    assert_eq!(page(&[("sortBy", "externalId"), ("startIndex", "31")]), ["root"]);
    // By time, with as many digits as each moment has; those of one moment stand in the order of ids.
    assert_eq!(page(&[("sortBy", "meta.created"), ("count", "3")]), ["root", "User00", "User01"]);
    assert_eq!(page(&[("sortBy", "meta.created")]), page(&[]));
    // Projection.
    let (_, part) = admin.scim_list("Users", &[("count", "1"), ("attributes", "userName,name.familyName")]);
    assert_eq!(part[0].as_object().unwrap().keys().collect::<Vec<_>>(), ["id", "schemas", "userName"]);
    let list = admin.scim_get("/Users?count=1&excludedAttributes=emails,teamRoles,meta,displayName");
    let keys: Vec<&String> = list["Resources"][0].as_object().unwrap().keys().collect();
    assert!(keys.iter().all(|k| !["emails", "teamRoles", "meta", "displayName"].contains(&k.as_str())), "{keys:?}");
    // What cannot be read is refused with the RFC's word for it.
    for (query, kind) in [
        ("filter=userName", "invalidFilter"),
        ("filter=userName%20like%20%22x%22", "invalidFilter"),
        ("filter=nothing%20eq%20%22x%22", "invalidFilter"),
        ("filter=active%20gt%20true", "invalidFilter"),
        ("filter=members%20pr", "invalidFilter"),
        ("filter=", "invalidFilter"),
        ("sortBy=nothing", "invalidPath"),
        ("sortBy=a%20b", "invalidPath"),
        ("sortBy=userName&sortOrder=up", "invalidValue"),
        ("count=x", "invalidValue"),
        ("startIndex=1.5", "invalidValue"),
        ("attributes=userName&excludedAttributes=emails", "invalidValue"),
        ("attributes=a%20b", "invalidValue"),
    ] {
        for base in ["/Users", "/v2/Users"] {
            admin.scim("GET", &format!("{base}?{query}"), &Value::Null).scim_error(400, Some(kind));
        }
    }
    let deep = format!("{}title%20pr{}", "(".repeat(40), ")".repeat(40));
    admin.scim("GET", &format!("/Users?filter={deep}"), &Value::Null).scim_error(400, Some("invalidFilter"));
    let long = format!("userName%20eq%20%22{}%22", "x".repeat(5000));
    admin.scim("GET", &format!("/Users?filter={long}"), &Value::Null).scim_error(400, Some("invalidFilter"));

    // The same by POST, for one kind and for all.
    admin.scim("POST", "/v2/Groups", &json!({"displayName": "Person 50"})).is(201);
    let search = |path: &str, body: Value| {
        let mut body = body;
        body["schemas"] = json!(["urn:ietf:params:scim:api:messages:2.0:SearchRequest"]);
        admin.scim("POST", path, &body)
    };
    let body = json!({"filter": "title eq \"Engineer\"", "sortBy": "userName", "sortOrder": "descending", "startIndex": 2,
        "count": 1, "attributes": ["userName"]});
    let list = search("/v2/Users/.search", body).is(200).json();
    assert_eq!((&list["totalResults"], &list["Resources"][0]["userName"]), (&json!(15), &json!("User26")));
    assert!(list["Resources"][0].get("meta").is_none());
    let list = search("/v2/.search", json!({"filter": "displayName sw \"Person 5\""})).is(200).json();
    assert_eq!(list["totalResults"], 1, "people's names here begin at 70");
    let list = search("/v2/.search", json!({"filter": "displayName sw \"person\"", "startIndex": 30, "count": 5}))
        .is(200)
        .json();
    let kinds: Vec<&Value> = list["Resources"].as_array().unwrap().iter().map(|r| &r["meta"]["resourceType"]).collect();
    assert_eq!((&list["totalResults"], kinds), (&json!(31), vec![&json!("User"), &json!("Group")]));
    assert_eq!(search("/.search", json!({})).is(200).json()["totalResults"], 32);
    for (body, kind) in [
        (json!({"filter": "x"}), "invalidFilter"),
        (json!({"filter": 5}), "invalidValue"),
        (json!({"count": "many"}), "invalidValue"),
        (json!({"attributes": [5]}), "invalidValue"),
    ] {
        search("/v2/Users/.search", body).scim_error(400, Some(kind));
    }
    admin.scim("POST", "/v2/.search", &json!([])).scim_error(400, Some("invalidSyntax"));
    admin.send("POST", "/scim/v2/.search", &[], Some(b"{")).scim_error(400, Some("invalidSyntax"));
}

#[test]
fn what_is_announced_is_what_is_there() {
    let server = Server::start(Setup::default());
    let admin = &server.person("root", "admin").client;
    let config = admin.scim_get("/v2/ServiceProviderConfig");
    for feature in ["patch", "bulk", "filter", "sort", "etag"] {
        assert_eq!(config[feature]["supported"], true, "{feature}");
    }
    assert_eq!(config["changePassword"]["supported"], false);
    let schemes: Vec<&Value> = config["authenticationSchemes"].as_array().unwrap().iter().map(|s| &s["type"]).collect();
    assert_eq!(schemes, [&json!("oauthbearertoken"), &json!("httpbasic")]);
    let types = admin.scim_get("/v2/ResourceTypes");
    let types = types["Resources"].as_array().unwrap();
    assert_eq!(texts(types, "name"), ["User", "Group", "Role"]);
    let schemas = admin.scim_get("/v2/Schemas?startIndex=2&count=1");
    let schemas = schemas["Resources"].as_array().unwrap();
    assert_eq!(schemas.len(), 5, "paging is passed over here");
    for kind in types {
        let at = kind["meta"]["location"].as_str().unwrap().strip_prefix(&admin.base).unwrap();
        assert_eq!(&admin.get(at).is(200).json(), kind);
        admin.scim_get(&format!("/v2{}", kind["endpoint"].as_str().unwrap()));
        let extensions = kind["schemaExtensions"].as_array().unwrap().iter().map(|e| e["schema"].clone());
        for urn in extensions.chain([kind["schema"].clone()]) {
            let urn = urn.as_str().unwrap();
            let schema = admin.scim_get(&format!("/v2/Schemas/{urn}"));
            assert!(schemas.contains(&schema), "{urn}");
            for attribute in schema["attributes"].as_array().unwrap() {
                for needed in
                    ["name", "type", "multiValued", "description", "required", "mutability", "returned", "uniqueness"]
                {
                    assert!(attribute.get(needed).is_some(), "{urn}: {attribute} has no {needed}");
                }
                assert_eq!(attribute["type"] == "complex", attribute.get("subAttributes").is_some());
            }
        }
    }
    // Whatever a user has is announced.
    let user = admin.scim_user("ana");
    let seen = admin.scim_get(&format!("/v2/Users/{user}"));
    let announced: Vec<&Value> =
        schemas.iter().flat_map(|s| s["attributes"].as_array().unwrap()).map(|a| &a["name"]).collect();
    for key in seen.as_object().unwrap().keys().filter(|k| !k.starts_with("urn:")) {
        let common = ["schemas", "id", "externalId", "meta"].contains(&key.as_str());
        assert!(common || announced.contains(&&json!(key)), "{key}");
    }
    for urn in seen["schemas"].as_array().unwrap() {
        assert!(texts(schemas, "id").contains(&urn.as_str().unwrap().to_owned()));
        let Some(inner) = seen[urn.as_str().unwrap()].as_object() else { continue };
        assert!(inner.keys().all(|key| announced.contains(&&json!(key))), "{inner:?}");
    }
    for path in ["/ServiceProviderConfig", "/ResourceTypes", "/Schemas", "/ResourceTypes/User"] {
        admin.scim("GET", &format!("/v2{path}?filter=name%20pr"), &Value::Null).scim_error(403, None);
        admin.scim("POST", &format!("/v2{path}"), &json!({})).scim_error(405, None);
        server.anonymous().scim("GET", path, &Value::Null).scim_error(401, None);
    }
    for path in ["/v2/ResourceTypes/Nothing", "/v2/Schemas/urn:nothing", "/v2/Nothing", "/Nothing", "/v2"] {
        admin.scim("GET", path, &Value::Null).scim_error(404, None);
    }
    assert!(!id_of(&seen).is_empty());
}
