//! Everything that can be asked or changed, by everyone, as one reviewed grid: every route that the sources register and
//! every query and mutation of the schema, times the cast. A route or a field without a row here fails, and so does an
//! answer that is not in `tests/golden/permissions.txt`; `tests/golden/unauthenticated.txt` is what answers nobody.
//!
//! Cells: a status; `in` is an answer that sends on to `/login`. Forms are in `attacks::forms`, which refuses each of them.

use crate::harness::access::role_id;
use crate::harness::{Client, PASSWORD, Person, Reply, World, world::TEAM};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

/// The columns, in order.
const CAST: [&str; 11] = [
    "anonymous",
    "admin",
    "team_admin",
    "member",
    "viewer",
    "custom",
    "seat_viewer",
    "outsider",
    "deactivated",
    "service",
    "read_only",
];

/// Every route of the sources, as `METHOD /path/{part}`, with the addresses it is asked at. Forms have none.
const ROUTES: &[(&str, &[&str])] = &[
    ("GET /", &["/"]),
    ("GET /home", &["/home"]),
    ("GET /healthz", &["/healthz"]),
    ("GET /ready", &["/ready"]),
    ("GET /metrics", &["/metrics"]),
    ("GET /assets/{name}", &["/assets/nothing.css"]),
    ("POST /graphql", &[]),
    ("GET /access/v1/subject", &["/access/v1/subject"]),
    (
        "GET /access/v1/explain",
        &[
            "/access/v1/explain?subject=root&action=project:read&resource=acme/fusion",
            "/access/v1/explain?subject=mia&action=project:read&resource=acme/vault",
        ],
    ),
    ("POST /access/v1/evaluation", &[]),
    ("POST /access/v1/evaluations", &[]),
    ("POST /access/v1/search/subject", &[]),
    ("POST /access/v1/search/resource", &[]),
    ("POST /access/v1/search/action", &[]),
    ("GET /.well-known/authzen-configuration", &["/.well-known/authzen-configuration"]),
    ("GET /.well-known/jwks.json", &["/.well-known/jwks.json"]),
    (
        "GET /access/v1/forward-auth",
        &[
            "/access/v1/forward-auth?action=project:read&resource=acme/fusion",
            "/access/v1/forward-auth?action=run:create&resource=acme/square",
            "/access/v1/forward-auth",
        ],
    ),
    ("POST /access/v1/forward-auth", &[]),
    ("PUT /access/v1/forward-auth", &[]),
    ("PATCH /access/v1/forward-auth", &[]),
    ("DELETE /access/v1/forward-auth", &[]),
    ("METHOD /access/v1/forward-auth", &[]),
    ("GET /admin/audit_logs", &["/admin/audit_logs"]),
    ("GET /login", &["/login"]),
    ("POST /login", &[]),
    ("GET /logout", &["/logout"]),
    ("POST /logout", &[]),
    ("GET /setup", &["/setup", "/setup?code=guess"]),
    ("POST /setup", &[]),
    ("GET /setup/done", &["/setup/done"]),
    ("GET /authorize", &["/authorize"]),
    ("POST /authorize", &[]),
    ("GET /org/dashboard", &["/org/dashboard"]),
    ("POST /console/theme", &[]),
    ("GET /console/search", &["/console/search?q=a"]),
    ("GET /console/settings", &["/console/settings"]),
    ("POST /console/settings/organization", &[]),
    ("GET /console/account", &["/console/account"]),
    ("GET /console/account/password", &["/console/account/password"]),
    ("POST /console/account/password", &[]),
    ("POST /console/account/revoke-key", &[]),
    ("POST /console/account/end-session", &[]),
    ("POST /console/account/end-others", &[]),
    ("GET /console/users", &["/console/users"]),
    ("GET /console/users/new", &["/console/users/new"]),
    ("POST /console/users/new", &[]),
    ("POST /console/users/bulk", &[]),
    ("GET /console/users/{user}", &["/console/users/root", "/console/users/mia", "/console/users/service-nightly"]),
    ("GET /console/users/{user}/credentials", &["/console/users/mia/credentials"]),
    ("POST /console/users/{user}/{what}", &[]),
    ("GET /console/teams", &["/console/teams"]),
    ("GET /console/teams/new", &["/console/teams/new"]),
    ("POST /console/teams/new", &[]),
    ("GET /console/projects", &["/console/projects"]),
    ("GET /console/projects/new", &["/console/projects/new"]),
    ("POST /console/projects/new", &[]),
    ("GET /console/audit", &["/console/audit"]),
    ("GET /console/audit/{id}", &["/console/audit/01ARZ3NDEKTSV4RRFFQ69G5FAV"]),
    (
        "GET /console/why",
        &[
            "/console/why?subject=root&action=project:read&resource=acme/fusion",
            "/console/why?subject=mia&action=team:read&resource=acme",
        ],
    ),
    ("GET /{team}", &["/acme", "/nothing"]),
    ("GET /{team}/projects", &["/acme/projects"]),
    ("GET /{team}/members", &["/acme/members"]),
    ("POST /{team}/members", &[]),
    ("GET /{team}/service-accounts", &["/acme/service-accounts"]),
    ("POST /{team}/service-accounts", &[]),
    ("GET /{team}/settings", &["/acme/settings"]),
    ("POST /{team}/settings", &[]),
    ("POST /{team}/settings/delete", &[]),
    ("POST /{team}/members/{user}/role", &[]),
    ("POST /{team}/members/{user}/remove", &[]),
    ("POST /{team}/members/invitations/{id}/withdraw", &[]),
    ("GET /{team}/{project}", &["/acme/fusion", "/acme/vault", "/acme/atlas", "/acme/square", "/acme/nothing"]),
    ("GET /{team}/{project}/access", &["/acme/fusion/access", "/acme/vault/access"]),
    ("GET /{team}/{project}/settings", &["/acme/fusion/settings", "/acme/vault/settings"]),
    ("POST /{team}/{project}/{what}", &[]),
    ("POST /{team}/{project}/members/{user}/remove", &[]),
];

/// The routes that the sources register, read as text.
pub fn registered() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                routes_in(&std::fs::read_to_string(&path).unwrap(), &path, &mut found);
            }
        }
    }
    found
}

fn routes_in(text: &str, file: &Path, found: &mut BTreeSet<String>) {
    let text = text.split("#[cfg(test)]").next().unwrap();
    for word in [".route(\"", "#[get(", "#[post(", "#[route("] {
        assert!(
            !text.contains(word),
            "{}: {word} is a way to register routes that this test cannot read",
            file.display()
        );
    }
    let starts = ["page(\"", "resource(\""];
    for (at, start) in starts.iter().flat_map(|s| text.match_indices(s)) {
        let rest = &text[at + start.len()..];
        let (path, rest) = rest.split_once('"').unwrap();
        if !path.starts_with('/') {
            continue;
        }
        let chain = &rest[..[".service(", ";"].iter().filter_map(|end| rest.find(end)).min().unwrap_or(rest.len())];
        // Within a scope the path begins with the scope's own.
        let line = &text[text[..at].rfind(['\n', ';']).map_or(0, |n| n + 1)..at];
        let path = match line.split_once("scope(\"").and_then(|(_, rest)| rest.split_once('"')) {
            Some((scope, _)) => format!("{scope}{path}"),
            None => path.to_owned(),
        };
        let mut methods = 0;
        for method in ["get", "post", "put", "patch", "delete", "head", "method", "to"] {
            let own =
                chain.matches(&format!(").{method}(")).count() + chain.matches(&format!("web::{method}(")).count();
            if own > 0 && method != "to" {
                methods += 1;
                found.insert(format!("{} {path}", method.to_uppercase()));
            }
        }
        assert!(methods > 0, "{}: no method for {path} in {chain}", file.display());
    }
}

/// The fields of a type of the reviewed schema.
fn fields(kind: &str) -> BTreeSet<String> {
    let schema = include_str!("../golden/schema.graphql");
    let body = schema.split_once(&format!("type {kind} {{\n")).unwrap().1.split_once("\n}").unwrap().0;
    let lines = body.lines().filter(|l| l.starts_with('\t') && !l.starts_with("\t\t"));
    let named = lines.filter_map(|l| l.trim().split_once(['(', ':'])).map(|(name, _)| name.to_owned());
    named.filter(|n| !n.is_empty() && n.chars().all(|c| c.is_ascii_alphanumeric())).collect()
}

/// One thing to ask of the schema: the field, what is special about it, the document, its variables.
pub struct Operation {
    pub field: &'static str,
    pub about: &'static str,
    pub query: &'static str,
    pub variables: Value,
}

fn operation(field: &'static str, about: &'static str, query: &'static str, variables: Value) -> Operation {
    Operation { field, about, query, variables }
}

/// What can be asked, the same by everyone.
fn queries() -> Vec<Operation> {
    let project = "query($e: String, $p: String) { project(entityName: $e, name: $p) { id access members { email } } }";
    let models = "query($e: String) { models(entityName: $e) { edges { node { name } } } }";
    let user = "query($u: String!) { user(userName: $u) { email apiKeys { edges { node { id } } } } }";
    let entity = "query($e: String!) { entity(name: $e) { id members { email } } }";
    let reached =
        "query($e: String, $p: String) { project(entityName: $e, name: $p) { reachedBy { user { username } } } }";
    let reaches = "query($u: String!) { user(userName: $u) { reaches { projects { name } } } }";
    let explain =
        "query($s: String, $r: String) { explain(subject: $s, action: \"project:read\", resource: $r) { allowed } }";
    vec![
        operation("viewer", "", "{ viewer { id email } }", json!({})),
        operation("serverInfo", "", "{ serverInfo { __typename } }", json!({})),
        operation("organization", "own", "{ organization(name: \"default\") { id } }", json!({})),
        operation("users", "all", "{ users { edges { node { email } } } }", json!({})),
        operation(
            "users",
            "one by address",
            "{ users(query: \"mia@example.com\") { edges { node { email } } } }",
            json!({}),
        ),
        operation("user", "the admin", user, json!({"u": "root"})),
        operation("user", "a member", user, json!({"u": "mia"})),
        operation("user", "a service account", user, json!({"u": "service-nightly"})),
        operation("user", "nobody", user, json!({"u": "nothing"})),
        operation("teams", "", "{ teams { edges { node { name } } } }", json!({})),
        operation("entity", "a team", entity, json!({"e": TEAM})),
        operation("entity", "a person", entity, json!({"e": "mia"})),
        operation("entity", "nothing", entity, json!({"e": "nothing"})),
        operation("models", "of a team", models, json!({"e": TEAM})),
        operation("models", "of a closed team", models, json!({"e": "closed"})),
        operation("models", "of a person", models, json!({"e": "mia"})),
        operation("models", "of nothing", models, json!({"e": "nothing"})),
        operation("project", "team", project, json!({"e": TEAM, "p": "fusion"})),
        operation("project", "restricted", project, json!({"e": TEAM, "p": "vault"})),
        operation("project", "public", project, json!({"e": TEAM, "p": "atlas"})),
        operation("project", "open", project, json!({"e": TEAM, "p": "square"})),
        operation("project", "nothing", project, json!({"e": TEAM, "p": "nothing"})),
        operation("model", "team", "{ model(entityName: \"acme\", name: \"fusion\") { id } }", json!({})),
        operation("permissions", "", "{ permissions { name } }", json!({})),
        operation("organization", "roles", "{ organization(name: \"default\") { roles { name } } }", json!({})),
        operation(
            "organization",
            "seats",
            "{ organization(name: \"default\") { seats { models { full } } } }",
            json!({}),
        ),
        operation(
            "organization",
            "billing admin",
            "{ organization(name: \"default\") { billingAdmin { username } } }",
            json!({}),
        ),
        operation("project", "who reaches a team one", reached, json!({"e": TEAM, "p": "fusion"})),
        operation("project", "who reaches a restricted one", reached, json!({"e": TEAM, "p": "vault"})),
        operation("project", "who reaches a public one", reached, json!({"e": TEAM, "p": "atlas"})),
        operation("user", "what a member reaches", reaches, json!({"u": "mia"})),
        operation("viewer", "what one reaches", "{ viewer { reaches { openBesides } } }", json!({})),
        operation("explain", "oneself", explain, json!({"r": "acme/fusion"})),
        operation("explain", "oneself, restricted", explain, json!({"r": "acme/vault"})),
        operation("explain", "a member", explain, json!({"s": "mia", "r": "acme/fusion"})),
        operation("explain", "nobody", explain, json!({"s": "nothing", "r": "acme/fusion"})),
    ]
}

/// What can be asked of the decision point: about the organization admin, and as the one in the column.
fn decisions() -> Vec<(&'static str, &'static str, Value)> {
    let subject = json!({"type": "user", "id": "mia"});
    let (action, resource) = (json!({"name": "project:read"}), json!({"type": "project", "id": "acme/fusion"}));
    let one = json!({"subject": subject, "action": action, "resource": resource});
    let many = json!({"subject": subject, "action": action, "evaluations": [{"resource": resource}]});
    vec![
        ("about mia", "/access/v1/evaluation", one.clone()),
        ("about mia", "/access/v1/evaluations", many),
        ("", "/access/v1/search/subject", one.clone()),
        ("about mia", "/access/v1/search/resource", one.clone()),
        ("about mia", "/access/v1/search/action", one),
    ]
}

/// What can be changed, with things of its own for the one who asks, named after `who`, so that nobody takes another's away.
pub fn mutations(world: &World, who: &str) -> Vec<Operation> {
    let made = |name: &str| world.server.person(&format!("{name}-{who}"), "member");
    let ta = &world.team_admin.client;
    let (joiner, leaver) = (made("joiner"), made("leaver"));
    ta.invite(TEAM, &leaver.username, false).is(200);
    let leaver_id = ta.member_of(TEAM, &leaver.username).unwrap()["id"].clone();
    let id = |name: &str, access: &str| -> Value {
        let reply = ta.upsert_project(TEAM, &format!("{name}-{who}"), Some(access)).is(200);
        reply.json()["data"]["upsertModel"]["project"]["id"].clone()
    };
    let (gone, full, empty) = (id("gone", "PRIVATE"), id("full", "RESTRICTED"), id("empty", "RESTRICTED"));
    id("kept", "PRIVATE");
    let shut = id("shut", "RESTRICTED");
    let lone = format!("lone-{who}");
    world.admin.client.create_team(&lone, Some(&world.team_admin.username)).is(200);
    let role = |name: &str| role_id(&world.admin.client.create_role(&format!("{name}-{who}"), "viewer", &[]));
    let (edited, dropped) = (role("edited"), role("dropped"));
    let shy = made("shy");
    ta.invite(TEAM, &shy.username, false).is(200);
    let shared = id("shared", "PRIVATE");
    let mia = json!([world.member.id]);
    let add = "mutation($p: ID!, $u: [ID!]) { createProjectMembers(input: {projectId: $p, userIds: $u}) { success } }";
    ta.data(add, json!({"p": full, "u": mia}));
    let key = world.server.cli(&["api-key", "create", "mia", "--json"]).json()["id"].clone();
    let upsert = "mutation($e: String, $n: String, $a: String) {
        upsertModel(input: {entityName: $e, name: $n, access: $a}) { project { access } } }";
    let invite =
        "mutation($e: String!, $u: String) { createInvite(input: {entityName: $e, username: $u, admin: true}) {
        invite { role } } }";
    vec![
        operation(
            "createUser",
            "as admin",
            "mutation($m: String!) { createUser(input: {email: $m, admin: true}) { user { id } } }",
            json!({"m": format!("made-by-{who}@example.com")}),
        ),
        operation(
            "createTeam",
            "",
            "mutation($n: String!) { createTeam(input: {teamName: $n}) { entity { id } } }",
            json!({"n": format!("team-of-{who}")}),
        ),
        operation("createInvite", "a person", invite, json!({"e": TEAM, "u": joiner.username})),
        operation(
            "createInvite",
            "an address",
            "mutation($m: String) { createInvite(input: {entityName: \"acme\", email: $m}) { invite { pending } } }",
            json!({"m": format!("asked-by-{who}@example.com")}),
        ),
        operation(
            "deleteInvite",
            "a member",
            "mutation($id: String) { deleteInvite(input: {entityName: \"acme\", id: $id}) { success } }",
            json!({"id": leaver_id}),
        ),
        operation(
            "createServiceAccount",
            "",
            "mutation($n: String!) { createServiceAccount(input: {entityName: \"acme\", description: $n}) { user { id } } }",
            json!({"n": format!("by {who}")}),
        ),
        operation("generateApiKey", "one's own", "mutation { generateApiKey { apiKey { id } } }", json!({})),
        operation(
            "deleteApiKey",
            "a member's",
            "mutation($id: String!) { deleteApiKey(input: {id: $id}) { success } }",
            json!({"id": key}),
        ),
        operation("upsertModel", "new in a team", upsert, json!({"e": TEAM, "n": format!("new-{who}")})),
        operation("upsertModel", "new in one's own", upsert, json!({"n": format!("own-{who}")})),
        operation("upsertModel", "new in another's", upsert, json!({"e": "mia", "n": format!("new-{who}")})),
        operation("upsertModel", "open one", upsert, json!({"e": TEAM, "n": format!("kept-{who}"), "a": "USER_WRITE"})),
        operation(
            "upsertModel",
            "open a restricted one",
            upsert,
            json!({"e": TEAM, "n": format!("shut-{who}"), "a": "PRIVATE"}),
        ),
        operation("createProjectMembers", "", add, json!({"p": empty, "u": mia})),
        operation(
            "deleteProjectMembers",
            "",
            "mutation($p: ID!, $u: [ID!]) { deleteProjectMembers(input: {projectId: $p, userIds: $u}) { success } }",
            json!({"p": full, "u": mia}),
        ),
        operation(
            "createRole",
            "",
            "mutation($n: String!) { createRole(input: {name: $n, inheritedFrom: \"viewer\"}) { role { id } } }",
            json!({"n": format!("made-{who}")}),
        ),
        operation(
            "updateRole",
            "",
            "mutation($id: String!) { updateRole(input: {id: $id, addPermissions: [\"run:create\"]}) { role { id } } }",
            json!({"id": edited}),
        ),
        operation(
            "deleteRole",
            "",
            "mutation($id: String!) { deleteRole(input: {id: $id}) { success } }",
            json!({"id": dropped}),
        ),
        operation(
            "updateTeamMember",
            "to view-only",
            "mutation($u: ID!) {
                updateTeamMember(input: {entityName: \"acme\", userId: $u, role: \"viewer\"}) { role } }",
            json!({"u": shy.id}),
        ),
        operation(
            "updateTeamMember",
            "to admin",
            "mutation($u: ID!) {
                updateTeamMember(input: {entityName: \"acme\", userId: $u, role: \"admin\"}) { role } }",
            json!({"u": shy.id}),
        ),
        operation(
            "updateProjectMember",
            "",
            "mutation($p: ID!, $u: ID!) {
                updateProjectMember(input: {projectId: $p, userId: $u, userProjectRole: \"viewer\"}) { success } }",
            json!({"p": shared, "u": world.member.id}),
        ),
        operation(
            "updateProjectOwner",
            "",
            "mutation($p: ID!, $u: ID!) { updateProjectOwner(input: {projectId: $p, userId: $u}) { project { id } } }",
            json!({"p": shared, "u": world.team_admin.id}),
        ),
        operation(
            "updateProjectOwner",
            "of a restricted one",
            "mutation($p: ID!, $u: ID!) { updateProjectOwner(input: {projectId: $p, userId: $u}) { project { id } } }",
            json!({"p": shut, "u": world.team_admin.id}),
        ),
        operation(
            "joinProject",
            "one is in",
            "mutation($n: String!) { joinProject(input: {entityName: \"acme\", name: $n}) { project { id } } }",
            json!({"n": format!("empty-{who}")}),
        ),
        operation(
            "joinTeam",
            "",
            "mutation($e: String!) { joinTeam(input: {entityName: $e}) { role } }",
            json!({"e": lone}),
        ),
        operation(
            "updateTeam",
            "",
            "mutation { updateTeam(input: {entityName: \"acme\", description: \"Fusion\"}) { entity { id } } }",
            json!({}),
        ),
        operation(
            "updateOrganization",
            "",
            "mutation { updateOrganization(input: {adminsInvite: false}) { organization { id } } }",
            json!({}),
        ),
        operation(
            "updateUserSeats",
            "another's",
            "mutation($u: String!) { updateUserSeats(input: {userName: $u, modelsSeat: \"viewer\"}) { user { id } } }",
            json!({"u": joiner.username}),
        ),
        operation(
            "updateUserSeats",
            "a member's own",
            "mutation { updateUserSeats(input: {userName: \"mia\", modelsSeat: \"full\"}) { user { id } } }",
            json!({}),
        ),
        operation(
            "deleteModel",
            "",
            "mutation($id: String!) { deleteModel(input: {id: $id}) { success } }",
            json!({"id": gone}),
        ),
    ]
}

/// The team `acme` with one project of each visibility, and the team `closed` with a project nobody outside reads.
fn furnish(world: &World) {
    let ta = &world.team_admin.client;
    for (name, access) in
        [("fusion", "PRIVATE"), ("atlas", "USER_READ"), ("square", "USER_WRITE"), ("vault", "RESTRICTED")]
    {
        ta.upsert_project(TEAM, name, Some(access)).is(200);
    }
    let owner = world.server.person("olga", "member");
    world.admin.client.create_team("closed", Some(&owner.username)).is(200);
    owner.client.upsert_project("closed", "inner", None).is(200);
}

/// A key of `owner` that only reads.
pub fn read_only(world: &World, owner: &str) -> Client {
    let made = world.server.cli(&["api-key", "create", owner, "--read-only", "--json"]).json();
    world.anonymous.key(made["key"].as_str().unwrap())
}

/// Somebody's browser, signed in with the suite's password, which the shell sets first.
pub fn browser(world: &World, person: &Person) -> Client {
    let file = world.server.data.file(&format!("password-{}", person.username), PASSWORD);
    world.server.cli(&["user", "set-password", &person.username, "--password-file", &file]).ok();
    let browser = world.anonymous.fresh();
    browser.sign_in(&person.username, PASSWORD).is(303);
    browser
}

fn cell(reply: &Reply) -> String {
    let to = reply.header("location").unwrap_or_default();
    if reply.status == 303 && to.starts_with("/login") { "in".into() } else { reply.status.to_string() }
}

fn compare(golden: &str, now: &str, name: &str) {
    if now != golden {
        let fresh = Path::new(env!("CARGO_MANIFEST_DIR")).join("target").join(name);
        std::fs::write(&fresh, now).unwrap();
        let lines = |a: &str, b: &str| a.lines().filter(|l| !b.contains(l)).map(str::to_owned).collect::<Vec<_>>();
        panic!(
            "{name} changed\nnow:    {:#?}\nbefore: {:#?}\nreview target/{name} and copy it over tests/golden/{name}",
            lines(now, golden),
            lines(golden, now)
        );
    }
}

#[test]
fn every_route_and_every_field_has_its_row() {
    let rows: BTreeSet<String> = ROUTES.iter().map(|(route, _)| (*route).to_owned()).collect();
    assert_eq!(registered(), rows, "left: registered in src, right: rows of this test");
    let world = World::new();
    let asked = |operations: &[Operation]| operations.iter().map(|o| o.field.to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(fields("Query"), asked(&queries()), "a query without a row");
    assert_eq!(fields("Mutation"), asked(&mutations(&world, "row")), "a mutation without a row");
}

#[test]
fn who_may_what_is_the_reviewed_grid() {
    let world = World::new();
    furnish(&world);
    // The deactivated person comes back for a moment to get a session, which must not survive.
    world.server.cli(&["user", "reactivate", "dora"]).ok();
    let dora = browser(&world, &world.deactivated);
    crate::harness::world::deactivate(&world.admin, &world.deactivated);
    let reader = read_only(&world, "root");
    // A custom role with a little of everything that can be given, and somebody whose seats are for reading.
    let more = ["team:update_member", "team:invite_user", "project:update", "project:update_member"];
    world.admin.client.create_role("Steward", "member", &more).is(200);
    let (cara, sven) = (world.teammate("cara", "Steward"), world.teammate("sven", "member"));
    world.admin.client.set_seats("sven", Some("viewer"), Some("viewer")).is(200);
    let keys: BTreeMap<&str, Client> = BTreeMap::from([
        ("anonymous", world.anonymous.clone()),
        ("admin", world.admin.client.clone()),
        ("team_admin", world.team_admin.client.clone()),
        ("member", world.member.client.clone()),
        ("viewer", world.viewer.client.clone()),
        ("custom", cara.client.clone()),
        ("seat_viewer", sven.client.clone()),
        ("outsider", world.outsider.client.clone()),
        ("deactivated", world.deactivated.client.clone()),
        ("service", world.service.clone()),
        ("read_only", reader.clone()),
    ]);
    // Machines and narrow keys have no sessions: on pages their key must be worth nothing.
    let browsers: BTreeMap<&str, Client> = BTreeMap::from([
        ("anonymous", world.anonymous.fresh()),
        ("admin", browser(&world, &world.admin)),
        ("team_admin", browser(&world, &world.team_admin)),
        ("member", browser(&world, &world.member)),
        ("viewer", browser(&world, &world.viewer)),
        ("custom", browser(&world, &cara)),
        ("seat_viewer", browser(&world, &sven)),
        ("outsider", browser(&world, &world.outsider)),
        ("deactivated", dora),
        ("service", world.service.clone()),
        ("read_only", reader),
    ]);
    let mut grid = format!("{:<78}{}\n", "", CAST.join(" "));
    let mut line = |label: &str, cells: &[String]| {
        let cells: Vec<String> =
            CAST.iter().zip(cells).map(|(who, cell)| format!("{cell:<w$}", w = who.len())).collect();
        writeln!(grid, "{label:<78}{}", cells.join(" ").trim_end()).unwrap();
    };
    let is_api = |path: &str| ["/access/", "/admin/", "/metrics", "/.well-known/"].iter().any(|p| path.starts_with(p));
    let mut open = String::new();
    for (route, paths) in ROUTES {
        for path in *paths {
            let side = if is_api(path) { &keys } else { &browsers };
            let cells: Vec<String> = CAST.iter().map(|who| cell(&side[who].page(path))).collect();
            if !matches!(cells[0].as_str(), "in" | "401") {
                writeln!(open, "GET {path} {}", cells[0]).unwrap();
            }
            line(&format!("{} {path}", route.split(' ').next().unwrap()), &cells);
        }
    }
    for (about, path, body) in decisions() {
        let cells: Vec<String> = CAST.iter().map(|who| cell(&keys[who].post_json(path, &body))).collect();
        line(&format!("POST {path} {about}"), &cells);
    }
    for asked in queries() {
        let cells: Vec<String> =
            CAST.iter().map(|who| cell(&keys[who].graphql(asked.query, asked.variables.clone()))).collect();
        line(format!("{} {}", asked.field, asked.about).trim(), &cells);
    }
    let per: Vec<Vec<Operation>> = CAST.iter().map(|who| mutations(&world, &who.replace('_', "-"))).collect();
    for n in 0..per[0].len() {
        let mut cells = vec![];
        for (who, operations) in CAST.iter().zip(&per) {
            let reply = keys[who].graphql(operations[n].query, operations[n].variables.clone());
            if reply.status != 200 {
                reply.message();
            }
            cells.push(cell(&reply));
        }
        line(format!("{} {}", per[0][n].field, per[0][n].about).trim(), &cells);
    }
    // What takes forms from nobody, and what a form from nobody gets.
    for (route, _) in ROUTES.iter().filter(|(route, _)| route.starts_with("POST ")) {
        let path = crate::attacks::forms::filled(route);
        let reply = if *route == "POST /graphql" {
            world.anonymous.graphql("{ viewer { id } }", json!({}))
        } else if is_api(&path) {
            world.anonymous.post_json(&path, &json!({}))
        } else {
            world.anonymous.fresh().post_form(&path, &[])
        };
        let answer = cell(&reply);
        if !matches!(answer.as_str(), "in" | "401") || matches!(*route, "POST /login") {
            writeln!(open, "{route} {answer}").unwrap();
        }
    }
    compare(include_str!("../golden/permissions.txt"), &grid, "permissions.txt");
    compare(include_str!("../golden/unauthenticated.txt"), &open, "unauthenticated.txt");
}
