//! A small cast for access tests: an instance admin, a team with its admin, a member, a viewer and a service account,
//! somebody of the organization outside the team, somebody deactivated, and nobody at all.
//! Everyone is made through public interfaces only: the shell and GraphQL.

use super::{Client, Server, Setup};
use serde_json::{Value, json};

/// Somebody with a key.
#[derive(Clone)]
pub struct Person {
    pub id: String,
    pub username: String,
    pub email: String,
    pub key: String,
    pub client: Client,
}

impl Person {
    /// From what `user create … --with-api-key --json` printed.
    pub fn from_json(url: &str, made: &Value) -> Self {
        let text = |key: &str| made[key].as_str().unwrap_or_else(|| panic!("no {key} in {made}")).to_owned();
        let key = text("apiKey");
        let client = Client::new(url).key(&key);
        Person { id: text("id"), username: text("username"), email: text("email"), key, client }
    }
}

/// A server with the whole cast and the team `acme`.
pub struct World {
    pub server: Server,
    pub admin: Person,
    pub team_admin: Person,
    pub member: Person,
    pub viewer: Person,
    pub outsider: Person,
    pub deactivated: Person,
    /// The key of a service account of the team.
    pub service: Client,
    pub anonymous: Client,
}

/// The cast's team.
pub const TEAM: &str = "acme";

const CREATE_TEAM: &str = "mutation CreateTeam($teamName: String!, $teamAdminUserName: String) {
    createTeam(input: {teamName: $teamName, teamAdminUserName: $teamAdminUserName}) { entity { id name } } }";
const CREATE_INVITE: &str =
    "mutation CreateInvite($entity: String!, $email: String, $username: String, $admin: Boolean) {
    createInvite(input: {entityName: $entity, email: $email, username: $username, admin: $admin}) {
        invite { id name email createdAt toUser { name } } } }";
const CREATE_SERVICE_ACCOUNT: &str = "mutation CreateServiceAccount($entity: String!, $description: String!) {
    createServiceAccount(input: {description: $description, entityName: $entity}) { user { id } } }";
const TEAM_QUERY: &str = "query GetTeamEntity($name: String!) { entity(name: $name) {
    id name isTeam members { id admin pending email username name accountType apiKey } } }";
const CREATE_PROJECT: &str = "mutation CreateProject($input: UpsertModelInput!) {
    upsertModel(input: $input) { project { id name entityName access } inserted } }";
const DELETE_INVITE: &str = "mutation DeleteInvite($id: String, $entity: String) {
    result: deleteInvite(input: {id: $id, entityName: $entity}) { success } }";

impl Client {
    /// Makes a team; `admin` becomes its administrator. The reply, whatever it is.
    pub fn create_team(&self, name: &str, admin: Option<&str>) -> super::Reply {
        self.graphql(CREATE_TEAM, json!({"teamName": name, "teamAdminUserName": admin}))
    }

    /// Adds somebody to a team by username.
    pub fn invite(&self, team: &str, username: &str, admin: bool) -> super::Reply {
        self.graphql(CREATE_INVITE, json!({"entity": team, "username": username, "admin": admin}))
    }

    /// Makes a service account.
    pub fn create_service_account(&self, team: &str, description: &str) -> super::Reply {
        self.graphql(CREATE_SERVICE_ACCOUNT, json!({"entity": team, "description": description}))
    }

    /// The team as the SDK reads it.
    pub fn team(&self, name: &str) -> super::Reply {
        self.graphql(TEAM_QUERY, json!({"name": name}))
    }

    /// Its member list; must be readable.
    pub fn members(&self, team: &str) -> Vec<Value> {
        let data = self.data(TEAM_QUERY, json!({"name": team}));
        data["entity"]["members"].as_array().unwrap_or_else(|| panic!("no members in {data}")).clone()
    }

    /// One member's row, by username.
    pub fn member_of(&self, team: &str, username: &str) -> Option<Value> {
        self.members(team).into_iter().find(|m| m["username"] == username)
    }

    /// Takes somebody out of a team by the id in the member list.
    pub fn remove_member(&self, team: &str, id: &str) -> super::Reply {
        self.graphql(DELETE_INVITE, json!({"id": id, "entity": team}))
    }

    /// Creates or edits a project; `access` is `USER_WRITE`, `USER_READ`, `PRIVATE` or `RESTRICTED`.
    pub fn upsert_project(&self, team: &str, name: &str, access: Option<&str>) -> super::Reply {
        let mut input = json!({"entityName": team, "name": name});
        if let Some(access) = access {
            input["access"] = json!(access);
        }
        self.graphql(CREATE_PROJECT, json!({ "input": input }))
    }

    /// Names of the projects this caller can list in a team.
    pub fn project_names(&self, team: &str) -> Vec<String> {
        let data = self.data(
            "query GetProjects($entity: String) { models(entityName: $entity, first: 200) {
                pageInfo { endCursor hasNextPage } edges { node { id name entityName createdAt isBenchmark } } } }",
            json!({"entity": team}),
        );
        let edges = data["models"]["edges"].as_array().unwrap_or_else(|| panic!("no edges in {data}"));
        edges.iter().map(|e| e["node"]["name"].as_str().unwrap().to_owned()).collect()
    }

    /// Reads one project; the reply, whatever it is.
    pub fn project(&self, team: &str, name: &str) -> super::Reply {
        self.graphql(
            "query GetProject($name: String!, $entity: String!) {
                project(name: $name, entityName: $entity) { __typename id name entityName access createdAt } }",
            json!({"name": name, "entity": team}),
        )
    }

    /// Whether this caller reads the project.
    pub fn reads(&self, team: &str, project: &str) -> bool {
        let reply = self.project(team, project);
        match reply.status {
            200 => reply.json()["data"]["project"].is_object(),
            403 | 404 => {
                reply.message();
                false
            }
            _ => panic!("{reply:?}"),
        }
    }
}

impl World {
    /// Starts a server with the cast.
    pub fn new() -> Self {
        Self::with(Setup::default())
    }

    /// Starts a server with options, with the cast.
    pub fn with(setup: Setup) -> Self {
        let server = Server::start(setup);
        let admin = server.person_with_password("root", "admin");
        let team_admin = server.person("tess", "member");
        let member = server.person_with_password("mia", "member");
        let viewer = server.person("vera", "viewer");
        let outsider = server.person("otto", "member");
        let deactivated = server.person_with_password("dora", "member");
        admin.client.create_team(TEAM, Some(&team_admin.username)).is(200);
        for person in [&member, &viewer, &deactivated] {
            team_admin.client.invite(TEAM, &person.username, false).is(200);
        }
        team_admin.client.create_service_account(TEAM, "nightly").is(200);
        let members = team_admin.client.members(TEAM);
        let last = members.last().unwrap();
        assert_eq!(last["accountType"], "SERVICE", "a new service account sorts last: {members:?}");
        let service_key =
            last["apiKey"].as_str().unwrap_or_else(|| panic!("its maker reads its key once: {last}")).to_owned();
        deactivate(&admin, &deactivated);
        World {
            service: server.anonymous().key(&service_key),
            anonymous: server.anonymous(),
            server,
            admin,
            team_admin,
            member,
            viewer,
            outsider,
            deactivated,
        }
    }

    /// Everyone with the name their test output should carry.
    pub fn everyone(&self) -> Vec<(&'static str, Client)> {
        vec![
            ("anonymous", self.anonymous.clone()),
            ("admin", self.admin.client.clone()),
            ("team admin", self.team_admin.client.clone()),
            ("member", self.member.client.clone()),
            ("viewer", self.viewer.client.clone()),
            ("outsider", self.outsider.client.clone()),
            ("deactivated", self.deactivated.client.clone()),
            ("service", self.service.clone()),
        ]
    }
}

/// Deactivates somebody through the console, as an admin does.
pub fn deactivate(admin: &Person, person: &Person) {
    let browser = admin.client.fresh();
    let reply = browser.sign_in(&admin.username, super::PASSWORD);
    assert_eq!(reply.status, 303, "{reply:?}");
    let page = format!("/console/users/{}", person.username);
    let reply = browser.submit(&page, "deactivate", &[]);
    assert!(matches!(reply.status, 200 | 303), "{reply:?}");
    let reply = person.client.graphql("{ viewer { id } }", json!({}));
    assert_eq!(reply.status, 401, "a deactivated person's key is dead: {reply:?}");
}
