//! What can be asked and what can be changed through GraphQL and the decision point: one row of the grid each.

use crate::harness::access::role_id;
use crate::harness::{World, world::TEAM};
use serde_json::{Value, json};

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
pub fn queries() -> Vec<Operation> {
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
pub fn decisions() -> Vec<(&'static str, &'static str, Value)> {
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
    id("target", "PRIVATE");
    id("home", "PRIVATE");
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
    let home = format!("home-{who}");
    let run = |name: &str| ta.submit_run(TEAM, &home, name);
    let (erased, back, halted, requeued) = (run("dropped"), run("back"), run("halted"), run("requeued"));
    run("mover");
    let delete_run = "mutation($id: ID!) { deleteRun(input: {id: $id}) { success } }";
    ta.data(delete_run, json!({ "id": back }));
    ta.put(&ta.file_path(TEAM, &home, "requeued", "f"), b"x").is(200);
    let files = "query($p: String) { project(entityName: \"acme\", name: $p) { run(name: \"requeued\") {
        files { edges { node { id } } } } } }";
    let file = ta.data(files, json!({ "p": home }))["project"]["run"]["files"]["edges"][0]["node"]["id"].clone();
    let submit =
        "mutation($p: String, $n: String) { upsertBucket(input: {entityName: \"acme\", modelName: $p, name: $n,
        notes: \"changed\"}) { inserted bucket { id } } }";
    let moves = "mutation($s: String!, $d: String!) { moveRuns(input: {filters: \"{\\\"name\\\": \\\"mover\\\"}\",
        sourceEntityName: \"acme\", sourceProjectName: $s, destinationEntityName: \"acme\", destinationProjectName: $d}) {
        moved } }";
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
            "createOrganization",
            "on an instance with one",
            "mutation { createOrganization(input: {name: \"labs\"}) { organization { id } } }",
            json!({}),
        ),
        operation(
            "setDefaultOrganization",
            "",
            "mutation { setDefaultOrganization(input: {name: \"default\"}) { organization { id } } }",
            json!({}),
        ),
        operation(
            "setUserActive",
            "another's",
            "mutation($u: String!) { setUserActive(input: {username: $u, active: true}) { user { id } } }",
            json!({"u": joiner.username}),
        ),
        operation(
            "removeOrganizationMember",
            "one who belongs nowhere else",
            "mutation($u: String!) { removeOrganizationMember(input: {username: $u}) { success } }",
            json!({"u": joiner.username}),
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
        operation("upsertBucket", "new in a team", submit, json!({"p": home, "n": "fresh"})),
        operation("upsertBucket", "another's", submit, json!({"p": home, "n": "requeued"})),
        operation("upsertBucket", "new in a public project", submit, json!({"p": "atlas", "n": format!("of-{who}")})),
        operation("upsertBucket", "new in an open project", submit, json!({"p": "square", "n": format!("of-{who}")})),
        operation("upsertBucket", "new in a restricted project", submit, json!({"p": "vault", "n": format!("of-{who}")})),
        operation("deleteRun", "another's", delete_run, json!({ "id": erased })),
        operation(
            "undeleteRun",
            "another's",
            "mutation($id: ID!) { undeleteRun(input: {id: $id}) { success } }",
            json!({ "id": back }),
        ),
        operation(
            "stopRun",
            "another's",
            "mutation($id: ID!) { stopRun(input: {id: $id}) { success } }",
            json!({ "id": halted }),
        ),
        operation(
            "updateRunState",
            "another's",
            "mutation($id: ID!) { updateRunState(input: {id: $id, state: \"failed\"}) { success } }",
            json!({ "id": requeued }),
        ),
        operation("moveRuns", "another's", moves, json!({"s": home, "d": format!("target-{who}")})),
        operation(
            "createRunFiles",
            "another's",
            "mutation($p: String!) { createRunFiles(input: {entityName: \"acme\", projectName: $p, runName: \"requeued\",
                files: [\"a\"]}) { files { name } } }",
            json!({ "p": home }),
        ),
        operation(
            "markRunFilesUploaded",
            "another's",
            "mutation($p: String!) { markRunFilesUploaded(input: {entityName: \"acme\", projectName: $p,
                runName: \"requeued\", files: [\"a\"]}) { success } }",
            json!({ "p": home }),
        ),
        operation(
            "deleteFiles",
            "another's",
            "mutation($f: [ID!]!) { deleteFiles(input: {files: $f}) { success } }",
            json!({ "f": [file] }),
        ),
        operation(
            "deleteModel",
            "",
            "mutation($id: String!) { deleteModel(input: {id: $id}) { success } }",
            json!({"id": gone}),
        ),
    ]
}
