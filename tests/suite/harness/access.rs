//! Roles, visibility, seats and switches through GraphQL, and the one check that every acceptance test of the access model
//! makes: what the call did is what `explain` says about it, and says to the one who was refused.

use super::{Client, Person, Reply, World, world::TEAM};
use serde_json::{Value, json};

impl Client {
    /// Defines a custom role.
    pub fn create_role(&self, name: &str, from: &str, permissions: &[&str]) -> Reply {
        self.graphql(
            "mutation($i: CreateRoleInput!) { createRole(input: $i) { role {
                id name inheritedFrom permissions { name isInherited } } } }",
            json!({"i": {"name": name, "inheritedFrom": from, "permissions": permissions}}),
        )
    }

    /// Changes a custom role; `change` holds the fields beside the id.
    pub fn update_role(&self, id: &Value, mut change: Value) -> Reply {
        change["id"] = id.clone();
        let query = "mutation($i: UpdateRoleInput!) { updateRole(input: $i) { role {
            id name inheritedFrom permissions { name isInherited } } } }";
        self.graphql(query, json!({ "i": change }))
    }

    /// Deletes a custom role.
    pub fn delete_role(&self, id: &Value) -> Reply {
        self.graphql("mutation($id: String!) { deleteRole(input: {id: $id}) { success } }", json!({ "id": id }))
    }

    /// Adds somebody of the organization to a team with any role.
    pub fn invite_as(&self, team: &str, username: &str, role: &str) -> Reply {
        self.graphql(
            "mutation($e: String!, $u: String, $r: String) {
                createInvite(input: {entityName: $e, username: $u, role: $r}) { invite { role pending } } }",
            json!({"e": team, "u": username, "r": role}),
        )
    }

    /// Changes a member's team role.
    pub fn set_team_role(&self, team: &str, user: &str, role: &str) -> Reply {
        self.graphql(
            "mutation($e: String!, $u: ID!, $r: String!) {
                updateTeamMember(input: {entityName: $e, userId: $u, role: $r}) { success role } }",
            json!({"e": team, "u": user, "r": role}),
        )
    }

    /// Gives somebody a role of their own in a project.
    pub fn set_project_role(&self, project: &str, user: &str, role: &str) -> Reply {
        self.graphql(
            "mutation($p: ID!, $u: ID!, $r: String!) {
                updateProjectMember(input: {projectId: $p, userId: $u, userProjectRole: $r}) { success differs } }",
            json!({"p": project, "u": user, "r": role}),
        )
    }

    /// Gives a project another owner.
    pub fn set_owner(&self, project: &str, user: &str) -> Reply {
        self.graphql(
            "mutation($p: ID!, $u: ID!) {
                updateProjectOwner(input: {projectId: $p, userId: $u}) { project { user { username } ownerInTeam } } }",
            json!({"p": project, "u": user}),
        )
    }

    /// Invites somebody to a restricted project.
    pub fn add_to_project(&self, project: &str, user: &str) -> Reply {
        self.graphql(
            "mutation($p: ID!, $u: [ID!]) { createProjectMembers(input: {projectId: $p, userIds: $u}) { success } }",
            json!({"p": project, "u": [user]}),
        )
    }

    /// Takes somebody out of a restricted project.
    pub fn drop_from_project(&self, project: &str, user: &str) -> Reply {
        self.graphql(
            "mutation($p: ID!, $u: [ID!]) { deleteProjectMembers(input: {projectId: $p, userIds: $u}) { success } }",
            json!({"p": project, "u": [user]}),
        )
    }

    /// A team admin's way into a restricted project.
    pub fn join_project(&self, team: &str, project: &str) -> Reply {
        self.graphql(
            "mutation($e: String!, $n: String!) {
                joinProject(input: {entityName: $e, name: $n}) { project { name } } }",
            json!({"e": team, "n": project}),
        )
    }

    /// An organization admin's way into a team.
    pub fn join_team(&self, team: &str, role: &str) -> Reply {
        self.graphql(
            "mutation($e: String!, $r: String) { joinTeam(input: {entityName: $e, role: $r}) { role } }",
            json!({"e": team, "r": role}),
        )
    }

    /// Changes a project's one-line description: `project:update`.
    pub fn describe(&self, team: &str, project: &str, text: &str) -> Reply {
        self.graphql(
            "mutation($i: UpsertModelInput!) { upsertModel(input: $i) { inserted project { description } } }",
            json!({"i": {"entityName": team, "name": project, "description": text}}),
        )
    }

    /// Changes a team; `change` holds the fields beside its name.
    pub fn update_team(&self, team: &str, mut change: Value) -> Reply {
        change["entityName"] = json!(team);
        let query = "mutation($i: UpdateTeamInput!) { updateTeam(input: $i) { entity {
            privateOnly privateProjects membersInvite } } }";
        self.graphql(query, json!({ "i": change }))
    }

    /// Changes the organization.
    pub fn update_org(&self, change: Value) -> Reply {
        let query = "mutation($i: UpdateOrganizationInput!) { updateOrganization(input: $i) { organization {
            name privateProjects adminsInvite } } }";
        self.graphql(query, json!({ "i": change }))
    }

    /// Changes somebody's seats.
    pub fn set_seats(&self, user: &str, models: Option<&str>, weave: Option<&str>) -> Reply {
        self.graphql(
            "mutation($u: String!, $m: String, $w: String) {
                updateUserSeats(input: {userName: $u, modelsSeat: $m, weaveRole: $w}) {
                    user { username modelsSeat weaveRole } } }",
            json!({"u": user, "m": models, "w": weave}),
        )
    }

    /// Somebody's row in a project's member list, as this client reads it.
    pub fn project_member(&self, team: &str, project: &str, username: &str) -> Option<Value> {
        let data = self.data(
            "query($e: String, $p: String) { project(entityName: $e, name: $p) {
                members { username email role { name } differs } } }",
            json!({"e": team, "p": project}),
        );
        let members = data["project"]["members"].as_array().unwrap().clone();
        members.into_iter().find(|m| m["username"] == username)
    }

    /// What `explain` says to this client about somebody.
    pub fn explained(&self, subject: &str, action: &str, resource: &str) -> Value {
        let query = "query($s: String, $a: String!, $r: String) { explain(subject: $s, action: $a, resource: $r) {
            allowed visible chain { rule text } } }";
        self.data(query, json!({"s": subject, "a": action, "r": resource}))["explain"].clone()
    }
}

impl World {
    /// A project of the cast's team, made by its admin: the id.
    pub fn project(&self, name: &str, access: &str) -> String {
        made_id(&self.team_admin.client.upsert_project(TEAM, name, Some(access)))
    }

    /// Whether the decision lets somebody do it.
    pub fn may(&self, who: &str, action: &str, resource: &str) -> bool {
        self.admin.client.explained(who, action, resource)["allowed"].as_bool().unwrap()
    }

    /// The call did what was expected, and the explanation says the same: its last rule is in the refusal, and what is
    /// hidden looks like absence.
    #[track_caller]
    pub fn agrees(&self, who: &Person, action: &str, resource: &str, reply: &Reply, expected: bool) {
        let said = self.admin.client.explained(&who.username, action, resource);
        let what =
            format!("{} {action} {resource}: {said}, and the call: {} {}", who.username, reply.status, reply.body);
        assert_eq!(said["allowed"], expected, "{what}");
        let status = match (expected, said["visible"] == true) {
            (true, _) => 200,
            (false, true) => 403,
            (false, false) => 404,
        };
        assert_eq!(reply.status, status, "{what}");
        if status == 403 {
            let chain = said["chain"].as_array().unwrap();
            let last = chain.last().unwrap()["text"].as_str().unwrap().trim_end_matches('.').to_owned();
            assert!(reply.message().contains(&last), "{what}");
        }
    }

    /// [`Self::agrees`] for reading a project of the cast's team: the single read and the list too.
    #[track_caller]
    pub fn reads(&self, who: &Person, project: &str, expected: bool) {
        let reply = who.client.project(TEAM, project);
        self.agrees(who, "project:read", &format!("{TEAM}/{project}"), &reply, expected);
        let query = "query($e: String) { models(entityName: $e, first: 1000) { edges { node { name } } } }";
        let listed = who.client.graphql(query, json!({"e": TEAM}));
        let listed = listed.status == 200 && listed.body.contains(&format!("\"{project}\""));
        assert_eq!(listed, expected, "{} finds {project} in the list", who.username);
    }

    /// Somebody of the organization who is in the cast's team with this role.
    pub fn teammate(&self, username: &str, role: &str) -> Person {
        let person = self.server.person(username, "member");
        self.team_admin.client.invite_as(TEAM, username, role).is(200);
        person
    }
}

/// The id of the project that `upsert_project` made.
pub fn made_id(reply: &Reply) -> String {
    let body = reply.clone().is(200).json();
    body["data"]["upsertModel"]["project"]["id"].as_str().unwrap().to_owned()
}

/// The id of the role that `create_role` made.
pub fn role_id(reply: &Reply) -> Value {
    reply.clone().is(200).json()["data"]["createRole"]["role"]["id"].clone()
}
