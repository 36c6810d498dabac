//! Several organizations on one instance as people, scripts and directories meet them: made, joined, chosen and left, and that
//! nothing of one is seen in another on any surface.

use crate::federation::{exchange, refused, token};
use crate::harness::provider::Forger;
use crate::harness::sdk::Sdk;
use crate::harness::{Client, PASSWORD, Person, Server, Setup, browser as chromium};
use serde_json::{Value, json};

const INVITATIONS: &str = "/console/invitations";

/// Two organizations: `default` of root and its member mia, `labs` of lara; dan administers both, bea is a member of both.
struct Stage {
    server: Server,
    root: Person,
    lara: Person,
    mia: Person,
    dan: Person,
    bea: Person,
}

fn several(setup: Setup) -> Server {
    Server::start(setup.arg("--multi-org"))
}

fn user_in(server: &Server, name: &str, org: &str, role: &str) -> Person {
    let (email, file) = (format!("{name}@example.com"), server.data.file("password", PASSWORD));
    let fixed = ["--with-api-key", "--json"];
    let mut all = vec!["user", "create", &email, "--username", name, "--org", org, "--org-role", role];
    all.extend(["--password-file", &file]);
    all.extend(fixed);
    Person::from_json(&server.url, &server.cli(&all).json())
}

/// A browser of somebody, in the organization where they begin.
fn browser(server: &Server, who: &Person) -> Client {
    let client = server.anonymous();
    assert_eq!(client.sign_in(&who.username, PASSWORD).status, 303);
    client
}

fn switch(client: &Client, org: &str) -> u16 {
    client.submit("/", "/console/switch", &[("org", org)]).status
}

/// Invites an address to the organization that the browser is in; the link's path.
fn invited(admin: &Client, base: &str, who: &str, role: &str) -> String {
    let page = admin.submit(INVITATIONS, INVITATIONS, &[("who", who), ("role", role)]).is(200).body;
    let at = page.find(&format!("{base}/invite?code=")).unwrap_or_else(|| panic!("no link in {page}"));
    page[at + base.len()..].chars().take_while(|c| !"<\"& ".contains(*c)).collect()
}

fn join(server: &Server, admin: &Client, who: &Person, role: &str) {
    let path = invited(admin, &server.url, &format!("{}@example.com", who.username), role);
    let client = browser(server, who);
    assert_eq!(client.submit(&path, "/invite", &[]).status, 303);
}

fn own_orgs(client: &Client) -> Vec<(String, bool, String)> {
    let query = "{ viewer { organizations { name current myRole } } }";
    let found = client.data(query, json!({}))["viewer"]["organizations"].as_array().unwrap().clone();
    let text = |o: &Value, name: &str| o[name].as_str().unwrap().to_owned();
    found.iter().map(|o| (text(o, "name"), o["current"] == true, text(o, "myRole"))).collect()
}

fn set_default(client: &Client, org: &str) -> Value {
    let query = "mutation($n: String!) { setDefaultOrganization(input: {name: $n}) { organization { name } } }";
    client.data(query, json!({ "n": org }))
}

/// A key of somebody that counts in labs alone, made while their session is there.
fn key_of_labs(server: &Server, who: &Person) -> String {
    let session = browser(server, who);
    assert_eq!(switch(&session, "labs"), 303);
    let made =
        session.submit("/authorize", "/authorize", &[("name", "labs"), ("reach", "organization")]).is(200).text();
    made.split_whitespace().find(|w| w.len() == 40 && w.bytes().all(|b| b.is_ascii_alphanumeric())).unwrap().to_owned()
}

impl Stage {
    fn new() -> Stage {
        Stage::with(Setup::default())
    }

    fn with(setup: Setup) -> Stage {
        let server = several(setup);
        let root = server.person_with_password("root", "admin");
        let lara = user_in(&server, "lara", "default", "member");
        assert_eq!(server.cli(&["org", "create", "labs", "--admin", "lara", "--json"]).json()["name"], "labs");
        let mia = server.person_with_password("mia", "member");
        let (dan, bea) = (server.person_with_password("dan", "admin"), server.person_with_password("bea", "member"));
        // Lara leaves the first organization, so that she administers the second alone.
        set_default(&lara.client, "labs");
        let remove = "mutation { removeOrganizationMember(input: {username: \"lara\"}) { success } }";
        root.client.data(remove, json!({}));
        let admin = browser(&server, &lara);
        join(&server, &admin, &dan, "admin");
        join(&server, &admin, &bea, "member");
        Stage { server, root, lara, mia, dan, bea }
    }
}

#[test]
fn f001_f003_one_organization_unless_the_instance_is_set_up_for_several() {
    let server = Server::plain();
    let root = server.person_with_password("root", "admin");
    let create = "mutation { createOrganization(input: {name: \"labs\"}) { organization { id } } }";
    let said = root.client.refused(403, create, json!({}));
    assert!(said.contains("This instance has one organization"), "{said}");
    let said = server.cli(&["org", "create", "labs", "--admin", "root"]).failed(1).stderr;
    assert!(said.contains("one organization") && said.contains("BAILIWICK_MULTI_ORG=true"), "{said}");
    let why = root.client.explained("root", "organization:create", "");
    assert_eq!(why["chain"].as_array().unwrap().last().unwrap()["rule"], "instance", "{why}");
    let page = browser(&server, &root).page("/console/organizations").is(200);
    assert!(page.text().contains("--multi-org") && !page.body.contains("Create the organization"), "{}", page.text());
    assert_eq!(server.cli(&["org", "list", "--json"]).json().as_array().unwrap().len(), 1);
    assert_eq!(own_orgs(&root.client), [("default".to_owned(), true, "admin".to_owned())]);
    assert!(!browser(&server, &root).page("/").body.contains("Switch organization"));

    // With the flag a second one is made; without it, such a store is not served.
    let server = Server::start(Setup::default().data(&server.stop()).arg("--multi-org"));
    let made = server.cli(&["org", "create", "labs", "--admin", "root", "--json"]).json();
    assert_eq!((&made["name"], &made["admin"]), (&json!("labs"), &json!("root")));
    let data = server.stop();
    let said = Setup::default().data(&data).refused();
    assert!(said.code == 1 && said.stderr.contains("several organizations") && said.stderr.contains("--multi-org"));
    Server::start(Setup::default().data(&data).env("BAILIWICK_MULTI_ORG", "true")).stop();
}

#[test]
fn f002_organizations_are_made_by_admins_of_the_instance() {
    let server = several(Setup::default());
    let root = server.person_with_password("root", "admin");
    let mia = server.person_with_password("mia", "member");
    let create = "mutation($n: String!, $a: String) { createOrganization(input: {name: $n, adminUserName: $a}) {
        organization { id name current myRole } } }";
    mia.client.refused(403, create, json!({"n": "labs"}));
    let made = root.client.data(create, json!({"n": "Labs", "a": "mia"}))["createOrganization"]["organization"].clone();
    assert_eq!((&made["name"], &made["myRole"]), (&json!("Labs"), &Value::Null), "{made}");
    for (name, status) in [("labs", 400), ("LABS", 400), ("default", 400), ("", 400), (&"x".repeat(300), 400)] {
        root.client.refused(status, create, json!({ "n": name }));
    }
    root.client.refused(404, create, json!({"n": "other", "a": "nobody"}));
    // Mia administers hers; that is no right in the instance, and root sees nothing in it.
    set_default(&mia.client, "labs");
    mia.client.data("{ users { edges { node { username } } } }", json!({}));
    mia.client.refused(403, create, json!({"n": "third"}));
    let page = browser(&server, &mia);
    for path in ["/console/settings", "/console/settings/sign-in", "/console/settings/mail", "/console/organizations"] {
        assert!(matches!(page.page(path).status, 403 | 404), "{path}");
    }
    for path in ["/console/organization", "/console/users", "/console/audit", "/console/organization/domains"] {
        page.page(path).is(200);
    }
    assert_eq!(page.page("/console/search?q=mia").status, 200);
    // By the page, with oneself as the first admin.
    let admin = browser(&server, &root);
    assert_eq!(admin.submit("/console/organizations", "/console/organizations", &[("name", "third")]).status, 303);
    assert!(admin.page("/console/organizations").text().contains("third"));
    let again = admin.submit("/console/organizations", "/console/organizations", &[("name", "Third")]);
    assert!(again.status == 409 && again.text().contains("already"), "{}", again.text());
    assert_eq!(own_orgs(&root.client).iter().map(|o| o.0.as_str()).collect::<Vec<_>>(), ["default", "third"]);
    let rows = server.cli(&["org", "list", "--json"]).json();
    assert_eq!(rows.as_array().unwrap().len(), 3, "{rows}");
}

#[test]
fn f002_a_session_is_switched_and_the_default_is_where_it_begins() {
    let stage = Stage::new();
    let dan = browser(&stage.server, &stage.dan);
    assert!(dan.page("/console/users").text().contains("mia"));
    assert_eq!(switch(&dan, "labs"), 303);
    let people = dan.page("/console/users").is(200).text();
    assert!(people.contains("lara") && !people.contains("mia"), "{people}");
    assert_eq!(dan.page("/console/users/mia").status, 404);
    assert_eq!(switch(&dan, "default"), 303);
    assert_eq!(dan.page("/console/users/mia").status, 200);
    // Somebody in one organization has no switcher, and cannot be led into another.
    let mia = browser(&stage.server, &stage.mia);
    let page = mia.page("/").is(200);
    assert!(!page.body.contains("Switch organization"));
    let csrf = page.form("/logout").fields.iter().find(|(name, _)| name == "csrf").unwrap().clone();
    assert_eq!(mia.post_form("/console/switch", &[csrf, ("org".into(), "labs".into())]).status, 404);
    // The default, by My account: a new session begins there, the old one stays where it is.
    let saved = dan.submit("/console/account", "/console/account/organization", &[("org", "labs")]);
    assert_eq!(saved.status, 303);
    assert!(browser(&stage.server, &stage.dan).page("/console/users").text().contains("lara"));
    assert!(dan.page("/console/users").text().contains("mia"));
    assert_eq!(own_orgs(&stage.dan.client)[1], ("labs".to_owned(), true, "admin".to_owned()));
    let unknown = "mutation { setDefaultOrganization(input: {name: \"labs\"}) { organization { name } } }";
    stage.mia.client.refused(404, unknown, json!({}));
}

#[test]
fn f234_scim_acts_in_the_default_organization_and_a_narrowed_key_in_its_own() {
    let stage = Stage::new();
    let names = |client: &Client| -> Vec<String> {
        let (_, found) = client.scim_list("Users", &[("sortBy", "userName")]);
        found.iter().map(|u| u["userName"].as_str().unwrap().to_owned()).collect()
    };
    let (first, second) = (["bea", "dan", "mia", "root"], ["bea", "dan", "lara"]);
    assert_eq!(names(&stage.dan.client), first);
    let narrow = stage.server.anonymous().key(&key_of_labs(&stage.server, &stage.dan));
    assert_eq!(names(&narrow), second);
    let new =
        |name: &str| json!({"userName": name, "emails": [{"value": format!("{name}@example.com"), "primary": true}]});
    stage.dan.client.scim("POST", "/Users", &new("first")).is(201);
    narrow.scim("POST", "/Users", &new("second")).is(201);
    set_default(&stage.dan.client, "labs");
    assert!(names(&stage.dan.client).contains(&"second".to_owned()));
    assert!(!names(&stage.dan.client).contains(&"first".to_owned()));
    set_default(&stage.dan.client, "default");
    assert!(names(&stage.dan.client).contains(&"first".to_owned()));
    assert!(names(&narrow).contains(&"second".to_owned()), "the narrowed key stays where it is");
    // Taken, whoever has it; in the same words.
    let taken =
        |client: &Client, name: &str| client.scim("POST", "/v2/Users", &new(name)).scim_error(409, Some("uniqueness"));
    assert_eq!(taken(&narrow, "first").replace("first", "x"), taken(&narrow, "second").replace("second", "x"));
    // A team made through it is of labs.
    narrow.scim("POST", "/Groups", &json!({"displayName": "optics"})).is(201);
    assert_eq!(stage.dan.client.scim_list("Groups", &[]).0, 0);
}

#[test]
fn f002_scim_suspends_and_removes_in_one_organization_alone() {
    let stage = Stage::new();
    let Stage { lara, bea, root, .. } = &stage;
    let id =
        lara.client.scim_list("Users", &[("filter", "userName eq \"bea\"")]).1[0]["id"].as_str().unwrap().to_owned();
    let path = format!("/Users/{id}");
    let active = |client: &Client| client.scim_get(&path)["active"].as_bool().unwrap();
    lara.client.create_team("optics", Some("bea")).is(200);
    let reads = |client: &Client| client.team("optics").status;
    assert_eq!(reads(&bea.client), 200);
    let session = browser(&stage.server, bea);
    assert_eq!(switch(&session, "labs"), 303);

    lara.client.scim_patch(&path, json!([{"op": "replace", "path": "active", "value": false}])).is(200);
    assert_eq!((active(&lara.client), active(&root.client)), (false, true));
    assert_eq!(reads(&bea.client), 404, "suspended there");
    assert_eq!(session.page("/console/account").status, 303, "the session that was there is over");
    assert_eq!(own_orgs(&bea.client).len(), 1);
    let status =
        |client: &Client| client.data("{ user(userName: \"bea\") { status } }", json!({}))["user"]["status"].clone();
    assert_eq!((status(&lara.client), status(&root.client)), (json!("deactivated"), json!("active")));
    lara.client.scim_patch(&path, json!([{"op": "replace", "path": "active", "value": true}])).is(200);
    assert_eq!((active(&lara.client), reads(&bea.client)), (true, 200));

    // What is about the account is for admins of both alone.
    let rename = json!([{"op": "replace", "path": "displayName", "value": "Other"}]);
    let said = lara.client.scim_patch(&path, rename).scim_error(403, None);
    assert!(said.contains("belongs to another organization too"), "{said}");
    lara.client.scim_patch(&path, json!([{"op": "add", "path": "externalId", "value": "labs-7"}])).is(200);
    assert_eq!(root.client.scim_get(&path)["externalId"], Value::Null, "each directory has its own");
    lara.client.scim_patch(&path, json!([{"op": "replace", "path": "organizationRole", "value": "viewer"}])).is(200);
    assert_eq!(root.client.scim_get(&path)["organizationRole"], "member");

    lara.client.scim("DELETE", &path, &Value::Null).is(204);
    lara.client.scim("GET", &path, &Value::Null).is(404);
    lara.client.scim("DELETE", &path, &Value::Null).is(404);
    assert!(active(&root.client));
    assert_eq!(reads(&bea.client), 404);
    assert_eq!(bea.client.graphql("{ viewer { id } }", json!({})).status, 200);
    // Where it is the only organization, everything is as it was: the account itself.
    root.client.scim_patch(&path, json!([{"op": "replace", "path": "active", "value": false}])).is(200);
    assert_eq!(bea.client.graphql("{ viewer { id } }", json!({})).status, 401);
}

#[test]
fn f002_what_is_shown_of_somebody_is_of_the_organization_in_which_that_was_decided() {
    let stage = Stage::new();
    let Stage { server, dan, .. } = &stage;
    server.cli(&["user", "set-org-role", "dan", "member", "--org", "default"]).ok();
    server.cli(&["user", "set-org-role", "bea", "viewer", "--org", "labs"]).ok();
    // Dan administers labs alone; what bea is in the other one is not his to see, wherever he has been a moment ago.
    let query = "mutation { a: setDefaultOrganization(input: {name: \"default\"}) { organization { current } }
        b: setDefaultOrganization(input: {name: \"labs\"}) { organization { current } }
        c: updateUserSeats(input: {userName: \"bea\"}) { user { username orgRole admin } } }";
    let said = dan.client.data(query, json!({}));
    assert_eq!(said["c"]["user"]["orgRole"], "viewer", "{said}");
    assert_eq!(
        (&said["a"]["organization"]["current"], &said["b"]["organization"]["current"]),
        (&json!(true), &json!(true))
    );
}

#[test]
fn f002_the_shell_deactivates_in_every_organization_at_once() {
    let stage = Stage::new();
    let Stage { server, dan, bea, lara, root, .. } = &stage;
    let session = browser(server, bea);
    server.cli(&["user", "deactivate", "bea"]).ok();
    assert_eq!(bea.client.graphql("{ viewer { id } }", json!({})).status, 401);
    assert_eq!(session.page("/console/account").status, 303);
    let status =
        |client: &Client| client.data("{ user(userName: \"bea\") { status } }", json!({}))["user"]["status"].clone();
    assert_eq!((status(&lara.client), status(&root.client)), (json!("deactivated"), json!("deactivated")));
    server.cli(&["user", "reactivate", "bea"]).ok();
    assert_eq!(bea.client.graphql("{ viewer { id } }", json!({})).status, 200);
    // Each organization keeps an admin, whoever asks.
    server.cli(&["user", "deactivate", "lara"]).ok();
    assert!(server.cli(&["user", "deactivate", "dan"]).failed(1).stderr.contains("last active administrator"));
    assert_eq!(dan.client.graphql("{ viewer { id } }", json!({})).status, 200);
    server.cli(&["user", "deactivate", "nobody-here"]).failed(1);
}

#[test]
fn f002_the_last_admin_of_each_organization_stays() {
    let stage = Stage::new();
    let Stage { server, root, lara, dan, .. } = &stage;
    let active =
        "mutation($u: String!, $a: Boolean!) { setUserActive(input: {username: $u, active: $a}) { user { status } } }";
    let remove = "mutation($u: String!) { removeOrganizationMember(input: {username: $u}) { success } }";
    let role = |user: &str, role: &str, org: &str| server.cli(&["user", "set-org-role", user, role, "--org", org]);
    // Lara suspends Dan in labs; then she is the last one there, although Dan still administers the other.
    lara.client.data(active, json!({"u": "dan", "a": false}));
    assert!(role("lara", "member", "labs").failed(1).stderr.contains("last active administrator"));
    assert!(lara.client.refused(400, active, json!({"u": "lara", "a": false})).contains("last active administrator"));
    lara.client.data(active, json!({"u": "dan", "a": true}));
    // Root and Dan in default: Dan leaves, root stays.
    root.client.data(remove, json!({"u": "dan"}));
    assert!(role("root", "member", "default").failed(1).stderr.contains("last active administrator"));
    assert!(root.client.refused(400, remove, json!({"u": "root"})).contains("this organization only"));
    assert_eq!(own_orgs(&dan.client), [("labs".to_owned(), true, "admin".to_owned())]);
    // In labs both may go but one.
    role("dan", "member", "labs").ok();
    assert!(role("lara", "viewer", "labs").failed(1).stderr.contains("last active administrator"));
}

/// Asked by somebody of one organization for everything of another by the names and ids that its own people see: absent, on
/// every surface, as what does not exist is.
#[test]
fn f001_f002_f151_nothing_of_one_organization_is_seen_in_another() {
    let stage = Stage::new();
    let Stage { server, root, lara, mia, .. } = &stage;
    // Everything there can be in labs.
    lara.client.create_team("optics", Some("lara")).is(200);
    for (name, access) in [("open", "USER_WRITE"), ("public", "USER_READ"), ("closed", "PRIVATE")] {
        lara.client.upsert_project("optics", name, Some(access)).is(200);
    }
    lara.client.submit_run("optics", "open", "lens");
    lara.client.create_service_account("optics", "nightly").is(200);
    let role = lara.client.create_role("polisher", "member", &["run:delete"]).is(200).json()["data"]["createRole"]["role"]["id"].clone();
    let admin = browser(server, lara);
    admin
        .submit("/console/organization/domains", "/console/organization/domains", &[("domain", "labs.example")])
        .is(303);
    admin.submit("/console/provisioning", "/console/provisioning", &[("name", "labs okta")]).is(200);
    invited(&admin, &server.url, "guest@labs.example", "member");
    lara.client.create_team("optics-two", Some("lara")).is(200);
    let jwks = server.data.file(
        "jwks.json",
        r#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"a","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#,
    );
    let added = server
        .cli(&["issuer", "add", "https://issuer.labs.example", "--jwks-file", &jwks, "--org", "labs", "--json"])
        .json();
    assert!(added["id"].is_string(), "{added}");

    // F151: a domain is one organization's; the second is told that it is claimed, not by whom.
    let page = browser(server, root);
    let again =
        page.submit("/console/organization/domains", "/console/organization/domains", &[("domain", "labs.example")]);
    assert!(again.status == 409 && again.text().contains("claimed already") && !again.text().contains("labs okta"));

    let users = lara.client.scim_list("Users", &[]).1;
    let groups = lara.client.scim_list("Groups", &[]).1;
    let find = |all: &[Value], name: &str, value: &str| -> String {
        all.iter().find(|r| r[name] == value).unwrap_or_else(|| panic!("{value}"))["id"].as_str().unwrap().to_owned()
    };
    let (lara_id, optics) = (find(&users, "userName", "lara"), find(&groups, "displayName", "optics"));
    let role_id = role.as_str().unwrap().to_owned();
    let project = lara.client.project("optics", "open").json()["data"]["project"]["id"].clone();

    for who in [root, mia] {
        let client = &who.client;
        let is_admin = who.username == "root";
        // GraphQL by name and by id.
        for (query, variables) in [
            ("query($v: String!) { user(userName: $v) { id } }", json!("lara")),
            ("query($v: String!) { user(userName: $v) { id } }", json!("lara@example.com")),
            ("query($v: String!) { user(userName: $v) { id } }", json!("service-nightly")),
            ("query($v: String!) { entity(name: $v) { id } }", json!("optics")),
            ("query($v: String!) { entity(name: $v) { id } }", json!("lara")),
            ("query($v: String) { models(entityName: $v) { edges { node { id } } } }", json!("optics")),
            ("query($v: String) { project(entityName: $v, name: \"open\") { id } }", json!("optics")),
            ("query($v: String) { project(entityName: $v, name: \"public\") { id } }", json!("optics")),
            (
                "query($v: String) { project(entityName: $v, name: \"open\") { run(name: \"lens\") { id } } }",
                json!("optics"),
            ),
            ("query($v: String!) { organization(name: $v) { id } }", json!("labs")),
            (
                "query($v: String!) { explain(action: \"project:read\", resource: $v) { allowed } }",
                json!("optics/open"),
            ),
            ("query($v: String!) { explain(action: \"user:read\", resource: $v) { allowed } }", json!("user:lara")),
            ("mutation($v: String!) { deleteModel(input: {id: $v}) { success } }", project.clone()),
            (
                "mutation($v: String!) { upsertModel(input: {id: $v, description: \"x\"}) { inserted } }",
                project.clone(),
            ),
            (
                "mutation($v: String!) { createTeam(input: {teamName: \"x\", teamAdminUserName: $v}) { entity { id } } }",
                json!("lara"),
            ),
            ("mutation($v: String!) { joinTeam(input: {entityName: $v}) { role } }", json!("optics")),
            (
                "mutation($v: String!) { updateTeam(input: {entityName: $v, description: \"x\"}) { entity { id } } }",
                json!("optics"),
            ),
            (
                "mutation($v: String!) { setUserActive(input: {username: $v, active: false}) { user { id } } }",
                json!("lara"),
            ),
            ("mutation($v: String!) { removeOrganizationMember(input: {username: $v}) { success } }", json!("lara")),
            (
                "mutation($v: String!) { updateUserSeats(input: {userName: $v, modelsSeat: \"none\"}) { user { id } } }",
                json!("lara"),
            ),
            ("mutation($v: String!) { deleteRole(input: {id: $v}) { success } }", role.clone()),
        ] {
            let reply = client.graphql(query, json!({ "v": variables }));
            let fits = reply.status == 404 || (!is_admin && reply.status == 403);
            assert!(fits && !reply.body.contains("labs"), "{}: {query} {variables}: {reply:?}", who.username);
        }
        let lists = "{ viewer { teams { edges { node { name } } } organizations { name } reaches { openBesides projects { name } } } }";
        let seen = client.data(lists, json!({})).to_string();
        for word in ["optics", "labs", "lara"] {
            assert!(!seen.contains(word), "{}: {seen}", who.username);
        }
        assert!(seen.contains("\"openBesides\":0"), "open projects reach their own organization: {seen}");
        // The decision point: nothing is known of the others.
        let ask = json!({"subject": {"type": "user", "id": who.username}, "action": {"name": "project:read"},
            "resource": {"type": "project", "id": "optics/open"}});
        let said = client.post_json("/access/v1/evaluation", &ask).is(200).json();
        assert_eq!((&said["decision"], &said["context"]["rule"]), (&json!(false), &json!("existence")), "{said}");
        let about = json!({"subject": {"type": "user", "id": "lara"}, "action": {"name": "project:read"},
            "resource": {"type": "project", "id": "optics/open"}});
        let reply = client.post_json("/access/v1/evaluation", &about);
        assert!(reply.status == 403 || reply.json()["context"]["rule"] == "existence", "{reply:?}");
        let search = json!({"subject": {"type": "user", "id": who.username}, "action": {"name": "project:read"},
            "resource": {"type": "project"}});
        assert!(!client.post_json("/access/v1/search/resource", &search).body.contains("optics"));
        client.get("/access/v1/forward-auth?action=project:read&resource=optics/open").is(403);
        client.upsert_run("optics", "open", "theirs", json!({})).is(404);
        // Pages.
        let page = browser(server, who);
        for path in [
            "/optics",
            "/optics/members",
            "/optics/open",
            "/optics/public",
            "/optics/open/runs/lens",
            "/lara",
            "/console/users/lara",
            "/console/users/service-nightly",
        ] {
            assert_eq!(page.page(path).status, 404, "{} {path}", who.username);
        }
        for path in ["/", "/console/teams", "/console/projects", "/console/search?q=optics", "/console/search?q=lar"] {
            let text = page.page(path).is(200).text();
            // That Lara left is in the log of the organization she left.
            let names = path == "/" || !text.contains("lara");
            assert!(!text.contains("optics/") && names, "{} {path}: {text}", who.username);
        }
    }
    // What only admins open, and SCIM in both dialects.
    let page = browser(server, root);
    for path in [
        "/console/users",
        "/console/audit",
        "/console/keys",
        "/console/provisioning",
        "/console/invitations",
        "/console/organization/domains",
        "/console/issuers",
        "/console/roles",
        "/org/dashboard/service-accounts",
        "/console/mail",
    ] {
        let text = page.page(path).is(200).text();
        // The log says that root made nothing there, but not what goes on in it.
        for word in ["optics", "labs okta", "guest@labs.example", "issuer.labs", "polisher", "nightly"] {
            assert!(!text.contains(word), "{path}: {text}");
        }
    }
    assert_eq!(page.page("/console/issuers/1").status, 404);
    for prefix in ["", "/v2"] {
        for path in [format!("/Users/{lara_id}"), format!("/Groups/{optics}"), format!("/Roles/{role_id}")] {
            root.client.scim("GET", &format!("{prefix}{path}"), &Value::Null).is(404);
            root.client.scim("DELETE", &format!("{prefix}{path}"), &Value::Null).is(404);
            let patch = json!([{"op": "replace", "path": "displayName", "value": "x"}]);
            // What a role has no field for is said before anything is looked up.
            let status = if path.starts_with("/Roles") && prefix.is_empty() { 400 } else { 404 };
            root.client.scim_patch(&format!("{prefix}{path}"), patch).is(status);
        }
        for kind in ["Users", "Groups", "Roles"] {
            let all = root.client.scim("GET", &format!("{prefix}/{kind}"), &Value::Null).is(200).body;
            assert!(!all.contains("lara") && !all.contains("optics") && !all.contains("polisher"), "{all}");
        }
    }
    for filter in ["userName eq \"lara\"", "emails.value eq \"lara@example.com\""] {
        assert_eq!(root.client.scim_list("Users", &[("filter", filter)]).0, 0, "{filter}");
    }
    let add = json!([{"op": "add", "path": "members", "value": [{"value": lara_id}]}]);
    root.client.create_team("acme", None).is(200);
    let acme = find(&root.client.scim_list("Groups", &[]).1, "displayName", "acme");
    root.client.scim_patch(&format!("/Groups/{acme}"), add).is(400);
    let log = root.client.get("/admin/audit_logs").is(200).body;
    assert!(!log.contains("optics") && !log.contains("polisher"), "{log}");
    // And nothing of it was changed by the asking.
    assert_eq!(lara.client.scim_get(&format!("/Users/{lara_id}"))["active"], true);
    assert!(lara.client.reads("optics", "open"));
}

/// One issuer, trusted by both: the audience says which of them a token opens.
#[test]
fn f080_a_token_for_one_organization_opens_that_one_alone() {
    let stage = Stage::with(Setup::default().env("BAILIWICK_ALLOW_LOOPBACK_ISSUERS", "true"));
    let (forger, anyone) = (Forger::start(), stage.server.anonymous());
    for org in ["default", "labs"] {
        stage.server.cli(&["issuer", "add", &forger.issuer, "--org", org]).ok();
    }
    let ask = |who: &str, aud: Value| {
        exchange(&anyone, &token(&forger, &format!("{who}@example.com"), &json!({ "aud": aud })))
    };
    let people = |reply: crate::harness::Reply| -> Vec<String> {
        let access = reply.is(200).json()["access_token"].as_str().unwrap().to_owned();
        let found = anyone.bearer(&access).data("{ users { edges { node { username } } } }", json!({}));
        let edges = found["users"]["edges"].as_array().unwrap().clone();
        edges.iter().map(|e| e["node"]["username"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(people(ask("dan", json!("default"))), ["bea", "dan", "mia", "root"]);
    assert_eq!(people(ask("dan", json!("labs"))), ["bea", "dan", "lara"]);
    assert_eq!(people(ask("dan", json!(["wandb", "labs"]))), ["bea", "dan", "lara"], "the name decides");
    // For both, for neither, or for one that the person is not in.
    for (who, aud) in [
        ("dan", json!(["default", "labs"])),
        ("dan", json!("wandb")),
        ("dan", json!("other")),
        ("dan", json!("LABS")),
        ("mia", json!("labs")),
        ("lara", json!("default")),
    ] {
        refused(&ask(who, aud), 400, "invalid_grant");
    }
    // What labs trusts no more is over there, and there alone.
    let (here, there) = (ask("dan", json!("default")).is(200).json(), ask("dan", json!("labs")).is(200).json());
    let bearer = |reply: &Value| anyone.bearer(reply["access_token"].as_str().unwrap());
    stage.server.cli(&["issuer", "remove", &forger.issuer, "--org", "labs"]).ok();
    bearer(&there).get("/access/v1/subject").is(401);
    bearer(&here).get("/access/v1/subject").is(200);
    refused(&ask("dan", json!("labs")), 400, "invalid_grant");
}

/// The unmodified client with a key of the second organization does its whole administration there, and a run.
#[test]
fn f002_f221_f223_the_wandb_client_administers_the_organization_of_its_key() {
    if !Sdk::Newest.present() {
        return;
    }
    let stage = Stage::new();
    let key = key_of_labs(&stage.server, &stage.dan);
    let task = json!({
        "team": "Optics", "project": "fusion", "email": "ana@example.com", "username": "ana",
        "admin_email": "boss@example.com", "invitee": "bea", "search": "example.com",
    });
    let ran = Sdk::Newest.script(&stage.server.url, &key, "administer.py", &[&task.to_string()]);
    ran.value("done");
    let mut users: Vec<_> = ran.value("users").as_array().unwrap().iter().map(|u| u.as_str().unwrap()).collect();
    users.sort_unstable();
    assert_eq!(users, ["ana", "bea", "boss", "dan", "lara"], "nobody of the other organization");
    assert_eq!(ran.value("create_admin")["admin"], true);
    assert_eq!((ran.value("invite"), ran.value("delete_member")), (&json!(true), &json!(true)));
    let run = json!({ "entity": "Optics-own", "project": "fusion", "id": "labs0001", "rows": 2 });
    let ran = Sdk::Newest.script(&stage.server.url, &key, "run.py", &[&run.to_string()]);
    assert_eq!(ran.value("path"), &json!(["Optics-own", "fusion", "labs0001"]));
    ran.value("finish");
    // All of it is in labs; where the same person begins without the key, nothing of it is listed, nor for the admin there.
    assert_eq!(stage.lara.client.team("Optics").status, 200);
    for client in [&stage.root.client, &stage.dan.client] {
        let found = client.data("{ users { edges { node { username } } } }", json!({})).to_string();
        assert!(!found.contains("ana") && !found.contains("boss"), "{found}");
        assert!(!client.get("/admin/audit_logs").is(200).body.contains("Optics"));
    }
    // Dan reaches his own team by name wherever he begins; who is not of labs does not.
    assert_eq!((stage.dan.client.team("Optics").status, stage.root.client.team("Optics").status), (200, 404));
}

#[test]
fn pages_of_several_organizations_are_sound() {
    if !chromium::present() {
        return;
    }
    let stage = Stage::new();
    let pages = ["/", "/console/organizations", "/console/account", "/console/users/bea", "/console/organization"];
    let report = chromium::run(
        "pages.mjs",
        &json!({
            "url": stage.server.url, "user": "dan", "password": PASSWORD, "pages": pages,
            "themes": ["light", "dark"], "widths": [1280, 390], "scripts": [true],
        }),
    );
    let wrong = crate::console::judge(&report);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
