//! `POST /graphql`: what the wandb SDK administers by, and whoever else likes GraphQL. This file is the transport: one operation
//! per request, bounds on it, and errors with the status and the shape that the SDK shows at once. The schema is in the
//! files beside it, and as a whole in `tests/golden/schema.graphql`; resolvers call `ops` and hold no rule.
//!
//! ## Why errors carry a status
//! The wandb client takes 200 without `errors` for success, repeats 409, 429 and 5xx for a minute and more, and shows the
//! sentence verbatim only when the status is an error. So every refusal is 400, 401, 403 or 404 with `errors`.

mod absent;
mod access;
mod access_changes;
mod mutation;
mod people;
mod projects;
mod query;
mod roles;
mod run_changes;
mod runs;
mod scan;
mod teams;
mod types;
mod unfold;
mod valid;

use crate::app::App;
use crate::error::{Code, Error, Kind, Result};
use crate::http::{auth, middleware, reply};
use crate::ops::runs::upsert::Claimed;
use access::AccessQueries;
use access_changes::AccessChanges;
use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, web};
use async_graphql::{EmptySubscription, MergedObject, Request, Response, SDLExportOptions, Schema, Variables};
use mutation::Mutation;
use query::Query;
use run_changes::RunChanges;
use serde::Deserialize;
use std::sync::LazyLock;

/// Adds `POST /graphql`.
pub fn routes(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/graphql").route(web::post().to(post)));
}

/// What can be asked.
#[derive(MergedObject, Default)]
#[graphql(name = "Query")]
struct Questions(Query, AccessQueries);

/// What can be changed.
#[derive(MergedObject, Default)]
#[graphql(name = "Mutation")]
struct Changes(Mutation, AccessChanges, RunChanges);

type Whole = Schema<Questions, Changes, EmptySubscription>;

/// How deep selections nest; introspection by the usual tools goes to 13.
const DEPTH_MAX: usize = 20;
/// What a request may weigh: each field one, lists a multiple of what they hold, each mutation two hundred.
const WEIGHT_MAX: usize = 10_000;

/// Built at the first request, once.
static SCHEMA: LazyLock<Whole> = LazyLock::new(|| {
    Schema::build(Questions::default(), Changes::default(), EmptySubscription)
        .limit_depth(DEPTH_MAX)
        .limit_complexity(WEIGHT_MAX)
        .limit_directives(20)
        .disable_suggestions()
        .extension(valid::Remember)
        .finish()
});

/// The schema as text, fields in order of their names.
pub fn sdl() -> String {
    SCHEMA.sdl_with_options(SDLExportOptions::new().sorted_fields().sorted_arguments().sorted_enum_items())
}

/// A request's body. What else a client sends is ignored.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    query: String,
    #[serde(default)]
    operation_name: Option<String>,
    #[serde(default)]
    variables: Option<Variables>,
}

async fn post(app: web::Data<App>, request: HttpRequest, body: web::Bytes) -> Result<HttpResponse> {
    let who = auth::by_key(&app, &request)?;
    let mut asked = read(&request, &body)?;
    let (operation, variables) = (asked.operation_name.clone(), std::mem::take(&mut asked.variables));
    // What does not parse is told when it is executed.
    if let Ok(document) = asked.parsed_query() {
        absent::check(&app, &who, document, operation.as_deref(), &variables)?;
    }
    asked.variables = variables;
    let asked = asked.data(types::Asker::new(app.into_inner(), who, claimed(&request)));
    Ok(answer(SCHEMA.execute(asked).await, &request))
}

/// Whom the client says it works for; believed of service accounts only, see `ops::runs::upsert`.
fn claimed(request: &HttpRequest) -> Claimed {
    let stated = |name: &str| {
        let text = request.headers().get(name)?.to_str().ok()?.trim();
        (!text.is_empty() && text.len() <= 254).then(|| text.to_owned())
    };
    Claimed { username: stated("x-wandb-username"), email: stated("x-wandb-user-email") }
}

/// The operation asked for, within bounds.
fn read(request: &HttpRequest, body: &[u8]) -> Result<Request> {
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("application/json") {
        return Err(Error::new(Code::InvalidRequest, "A GraphQL request is a POST of JSON.")
            .hint("Send it with 'Content-Type: application/json'."));
    }
    if body.iter().find(|b| !b.is_ascii_whitespace()) == Some(&b'[') {
        return Err(Error::new(Code::InvalidRequest, "Several operations in one request are not taken.")
            .hint("Send one request for each, or several fields in one operation."));
    }
    let body: Body = serde_json::from_slice(body)
        .map_err(|e| Error::new(Code::InvalidRequest, format!("The body is not a GraphQL request: {e}.")))?;
    let parsed = scan::parsed(&body.query)?;
    // The wandb client sends an empty name for operations without one (0.31.0, 2026-11).
    let operation_name = body.operation_name.filter(|name| !name.is_empty());
    let variables = body.variables.unwrap_or_default();
    let known = valid::Asked::new(&body.query, operation_name.as_deref(), &variables);
    let mut asked = Request::new(body.query);
    if let Some(known) = known {
        asked = asked.data(known);
    }
    // What does not parse is told when it is executed.
    if let Some(document) = parsed {
        asked.set_parsed_query(document);
    }
    asked.operation_name = operation_name;
    asked.variables = variables;
    Ok(asked)
}

/// The answer with its status: 200 without errors, else the status of the gravest one.
fn answer(mut response: Response, request: &HttpRequest) -> HttpResponse {
    if response.errors.is_empty() {
        return HttpResponse::Ok().json(response);
    }
    let mut status = StatusCode::BAD_REQUEST;
    let mut retry_after = None;
    let id = middleware::context(request).id;
    for (n, error) in response.errors.iter_mut().enumerate() {
        let Some(ours) = error.source::<Error>() else {
            error.extensions.get_or_insert_default().set("code", Code::InvalidRequest.as_str());
            continue;
        };
        reply::log(ours, id);
        let grave = matches!(ours.kind(), Kind::Internal | Kind::Unavailable);
        if n == 0 || grave {
            status = reply::graphql_status(ours);
            retry_after = ours.retry_after_seconds();
        }
    }
    let mut answer = HttpResponse::build(status);
    if let Some(seconds) = retry_after {
        answer.insert_header((header::RETRY_AFTER, seconds.to_string()));
    }
    answer.json(response)
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::model::credential::KeyScope;
    use crate::model::role::OrgRole;
    use crate::ops::credentials::{FreshKey, NewKey};
    use crate::ops::users::{self, NewUser};
    use crate::ops::{Caller, credentials};
    use crate::policy::Process;
    use actix_web::dev::ServiceResponse;
    use actix_web::test as calls;
    use serde_json::{Value, json};

    #[test]
    fn the_schema_is_the_reviewed_one() {
        let (now, reviewed) = (sdl(), include_str!("../../tests/golden/schema.graphql"));
        if now != reviewed {
            let fresh = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("target/schema.graphql");
            std::fs::create_dir_all(fresh.parent().unwrap()).unwrap();
            std::fs::write(&fresh, &now).unwrap();
            let line = now.lines().zip(reviewed.lines()).find(|(a, b)| a != b);
            panic!(
                "the schema changed, first at {line:?}; \
                 review target/schema.graphql and copy it over tests/golden/schema.graphql"
            );
        }
    }

    #[test]
    fn everything_in_the_schema_is_described() {
        let sdl = sdl();
        let (mut described, mut bare) = (false, vec![]);
        for line in sdl.lines() {
            let text = line.trim();
            let is_field = line.starts_with('\t')
                && text.contains(':')
                && !text.starts_with(['"', ')'])
                && !matches!(text, "query: Query" | "mutation: Mutation");
            let is_type = ["type ", "input ", "scalar ", "enum "].iter().any(|word| line.starts_with(word));
            if is_type && !described {
                bare.push(text.to_owned());
            }
            if is_field && !described && !line.starts_with("\t\t") {
                bare.push(text.to_owned());
            }
            described = text.ends_with("\"\"\"");
        }
        assert!(bare.is_empty(), "{bare:#?}");
    }

    struct World {
        app: web::Data<App>,
        admin: String,
        member: String,
        reader: String,
    }

    fn app() -> App {
        App::for_tests(Clock::fixed(1_800_000_000_000), &[])
    }

    async fn key_of(app: &App, name: &'static str, role: OrgRole, scope: KeyScope) -> String {
        let fresh = FreshKey::draw(&app.random).unwrap();
        let secret = fresh.clone();
        let new = NewUser {
            email: format!("{name}@example.com"),
            username: Some(name.into()),
            role: Some(role),
            ..NewUser::default()
        };
        let shell = Caller::process(Process::Shell);
        app.act(&shell, move |cx| {
            users::create(cx, &new)?;
            credentials::issue(cx, name, &NewKey { scope, ..NewKey::default() }, &secret)
        })
        .await
        .unwrap();
        fresh.reveal().to_owned()
    }

    async fn world() -> World {
        let app = app();
        let admin = key_of(&app, "root", OrgRole::Admin, KeyScope::Full).await;
        let member = key_of(&app, "mia", OrgRole::Member, KeyScope::Full).await;
        let reader = key_of(&app, "rita", OrgRole::Admin, KeyScope::ReadOnly).await;
        World { app: web::Data::new(app), admin, member, reader }
    }

    impl World {
        async fn raw(&self, key: &str, kind: &str, body: Vec<u8>) -> (u16, Value) {
            let app = actix_web::App::new().app_data(self.app.clone()).configure(routes);
            let service = calls::init_service(app).await;
            let request = calls::TestRequest::post()
                .uri("/graphql")
                .insert_header(("authorization", format!("Bearer {key}")))
                .insert_header(("content-type", kind))
                .set_payload(body);
            let reply: ServiceResponse = calls::call_service(&service, request.to_request()).await;
            let status = reply.status().as_u16();
            if let Some(error) = reply.response().error().and_then(|e| e.as_error::<Error>()) {
                return (reply::graphql_status(error).as_u16(), json!({"errors": [{"message": error.sentence()}]}));
            }
            (status, serde_json::from_slice(&calls::read_body(reply).await).unwrap())
        }

        async fn ask(&self, key: &str, query: &str, variables: Value) -> (u16, Value) {
            let body = json!({"query": query, "variables": variables, "operationName": null, "more": 1});
            self.raw(key, "application/json; charset=utf-8", body.to_string().into_bytes()).await
        }
    }

    const CREATE: &str = "mutation C($email: String!, $admin: Boolean) {
        result: createUser(input: {email: $email, admin: $admin}) { user { id name username email admin } } }";

    #[actix_web::test]
    async fn errors_carry_the_sentence_the_code_and_a_status_the_client_heeds() {
        let world = world().await;
        let (status, body) =
            world.ask(&world.admin, CREATE, json!({"email": "ana@example.com", "undeclared": 1})).await;
        assert_eq!((status, &body["data"]["result"]["user"]["username"]), (200, &json!("ana")), "{body}");
        assert!(body.get("errors").is_none(), "{body}");

        let (status, body) = world.ask(&world.admin, CREATE, json!({"email": "ana@example.com"})).await;
        assert_eq!(status, 400, "a clash is not 409, which the client repeats: {body}");
        assert_eq!(body["errors"][0]["extensions"]["code"], "EMAIL_TAKEN", "{body}");
        assert!(body["data"]["result"].is_null(), "{body}");

        let (status, body) = world.ask(&world.member, CREATE, json!({"email": "b@example.com"})).await;
        assert_eq!((status, &body["errors"][0]["extensions"]["code"]), (403, &json!("DENIED")), "{body}");
        let sentence = body["errors"][0]["message"].as_str().unwrap();
        assert!(sentence.contains("admin") && sentence.contains("Ask"), "rule and next step: {sentence}");

        let (status, body) = world.ask(&world.reader, CREATE, json!({"email": "b@example.com"})).await;
        assert_eq!(status, 403, "a read-only key changes nothing: {body}");

        let team = "query T($name: String!) { entity(name: $name) { id members { apiKey } } }";
        let (status, body) = world.ask(&world.member, team, json!({"name": "nothing"})).await;
        assert_eq!((status, &body["errors"][0]["extensions"]["code"]), (404, &json!("NOT_FOUND")), "{body}");

        let (status, body) = world.ask("no-key", "{ viewer { id } }", json!({})).await;
        assert_eq!(status, 401, "{body}");
        assert!(body["errors"][0]["message"].as_str().unwrap().contains("not valid"), "{body}");
    }

    #[actix_web::test]
    async fn what_the_client_writes_is_understood() {
        let world = world().await;
        let query = "#graphql
            query GetViewer($cut: Boolean = false, $perPage: Int = 50) {
              viewer { ...UserFragment, email @skip(if: $cut) }
              models(first: $perPage) { edges { node { __typename id } } pageInfo { __typename endCursor hasNextPage } }
              serverInfo { features { name isEnabled } cliVersionInfo }
            }
            fragment UserFragment on User { id name apiKeys { edges { node { ...KeyFragment } } }, teams { edges { node { name } } } }
            fragment KeyFragment on ApiKey { id name description }";
        let (status, body) = world.ask(&world.member, query, json!({"cut": true, "other": [1]})).await;
        assert_eq!(status, 200, "{body}");
        assert!(body["data"]["viewer"].get("email").is_none(), "{body}");
        let key = &body["data"]["viewer"]["apiKeys"]["edges"][0]["node"];
        assert_eq!(key["name"], world.member[..10], "{body}");
        assert_eq!(body["data"]["serverInfo"]["cliVersionInfo"]["max_cli_version"], "0.31.0");
        assert_eq!(body["data"]["models"]["pageInfo"]["hasNextPage"], false);
        let (status, body) =
            world.ask(&world.member, "{ __schema { queryType { fields { name } } } }", json!({})).await;
        assert_eq!(status, 200, "{body}");
    }

    #[actix_web::test]
    async fn bounds_hold_and_say_so() {
        let world = world().await;
        let aliases: String = (0..2500).map(|n| format!("a{n}: viewer {{ id }} ")).collect();
        let fewer: String = (0..1500).map(|n| format!("a{n}: viewer {{ id name }} ")).collect();
        let many: String = (0..120)
            .map(|n| format!("a{n}: createUser(input: {{email: \"m{n}@example.com\"}}) {{ user {{ id }} }} "))
            .collect();
        let deep = format!("{{ viewer {}id{} }}", "{ organizations ".repeat(25), "}".repeat(25));
        let wide = "{ teams { edges { node { members { id apiKey name } } } }
            users { edges { node { teams { edges { node { members { id } } } } } } } }";
        for (what, query) in [
            ("aliases", format!("{{ {aliases} }}")),
            ("fewer aliases", format!("{{ {fewer} }}")),
            ("many mutations", format!("mutation {{ {many} }}")),
            ("deep", deep),
            ("wide", wide.to_owned()),
            (
                "twice",
                "mutation { createUser(input: {email: \"a@b.example\", email: \"c@b.example\"}) { user { id } } }"
                    .into(),
            ),
            ("circle", "query { ...a } fragment a on Query { ...b } fragment b on Query { ...a }".into()),
            ("unknown field", "{ viewer { secretColumn } }".into()),
            ("empty", String::new()),
            ("subscription", "subscription { viewer { id } }".into()),
            ("negative page", "{ models(first: -1) { edges { cursor } } }".into()),
            ("cursor", "{ models(after: \"!\") { edges { cursor } } }".into()),
        ] {
            let (status, body) = world.ask(&world.admin, &query, json!({})).await;
            assert_eq!(status, 400, "{what}: {body}");
            assert!(body["errors"][0]["message"].as_str().unwrap().len() > 8, "{what}: {body}");
        }
        let (status, body) = world.ask(&world.admin, "{ users { edges { node { username } } } }", json!({})).await;
        assert_eq!((status, body["data"]["users"]["edges"].as_array().unwrap().len()), (200, 3), "{body}");
        for (what, kind, body) in [
            ("a batch", "application/json", "[{\"query\":\"{ viewer { id } }\"}]"),
            ("no JSON", "application/json", "{"),
            ("no query", "application/json", "{}"),
            ("variables a list", "application/json", "{\"query\":\"{ viewer { id } }\",\"variables\":[1]}"),
            ("a form", "application/x-www-form-urlencoded", "{\"query\":\"{ viewer { id } }\"}"),
        ] {
            let (status, reply) = world.raw(&world.admin, kind, body.into()).await;
            assert_eq!(status, 400, "{what}: {reply}");
        }
        let long = json!({"query": " ".repeat(scan::DOCUMENT_MAX + 1)}).to_string();
        assert_eq!(world.raw(&world.admin, "application/json", long.into_bytes()).await.0, 413);
    }

    #[actix_web::test]
    async fn a_new_service_account_is_last_and_shows_its_key_once_to_its_maker() {
        let world = world().await;
        let team = "mutation { createTeam(input: {teamName: \"acme\"}) { entity { id limits } } }";
        assert_eq!(world.ask(&world.admin, team, json!({})).await.0, 200);
        let invite = "mutation { createInvite(input: {entityName: \"acme\", email: \"zoe@example.com\"}) {
            invite { id name email createdAt toUser { name } } } }";
        let (status, body) = world.ask(&world.admin, invite, json!({})).await;
        assert_eq!(status, 200, "{body}");
        let pending = body["data"]["createInvite"]["invite"]["id"].clone();
        let service =
            "mutation { createServiceAccount(input: {entityName: \"acme\", description: \"a\"}) { user { id } } }";
        let (status, body) = world.ask(&world.admin, service, json!({})).await;
        assert_eq!(status, 200, "{body}");
        let members = "{ entity(name: \"acme\") { members { id apiKey accountType email pending } } }";
        let (_, others) = world.ask(&world.reader, members, json!({})).await;
        let rows = others["data"]["entity"]["members"].as_array().unwrap().clone();
        assert_eq!(rows.last().unwrap()["id"], body["data"]["createServiceAccount"]["user"]["id"]);
        assert!(rows.iter().all(|row| row["apiKey"].is_null()), "another credential sees no secret: {rows:?}");
        let (_, mine) = world.ask(&world.admin, members, json!({})).await;
        let last = mine["data"]["entity"]["members"].as_array().unwrap().last().unwrap().clone();
        let secret = last["apiKey"].as_str().unwrap();
        assert_eq!((last["accountType"].as_str(), last["email"].is_null()), (Some("SERVICE"), true));
        let (status, viewer) = world.ask(secret, "{ viewer { email entity } }", json!({})).await;
        assert_eq!((status, &viewer["data"]["viewer"]), (200, &json!({"email": null, "entity": "acme"})));
        let (_, again) = world.ask(&world.admin, members, json!({})).await;
        assert!(again["data"]["entity"]["members"].as_array().unwrap().last().unwrap()["apiKey"].is_null());
        let withdraw = "mutation($id: String) { deleteInvite(input: {id: $id, entityName: \"acme\"}) { success } }";
        assert_eq!(world.ask(&world.admin, withdraw, json!({"id": pending})).await.0, 200);
        assert_eq!(world.ask(&world.admin, withdraw, json!({"id": pending})).await.0, 404);
        assert_eq!(world.ask(&world.admin, withdraw, json!({"id": "mia"})).await.0, 400);
    }

    #[actix_web::test]
    async fn people_are_found_exact_first_and_page_by_page() {
        let world = world().await;
        for email in ["mia@elsewhere.example", "anna@example.com", "zed@mia.example"] {
            assert_eq!(world.ask(&world.admin, CREATE, json!({"email": email})).await.0, 200);
        }
        let query =
            "query S($q: String, $first: Int, $after: String) { users(query: $q, first: $first, after: $after) {
            edges { node { username } cursor } pageInfo { hasNextPage endCursor } } }";
        let names = |body: &Value| -> Vec<String> {
            let edges = body["data"]["users"]["edges"].as_array().unwrap_or_else(|| panic!("{body}"));
            edges.iter().map(|e| e["node"]["username"].as_str().unwrap().to_owned()).collect()
        };
        for (typed, expected) in [
            ("MIA", vec!["mia", "mia-2"]),
            ("mia@elsewhere.example", vec!["mia-2"]),
            ("mia.example", vec!["zed"]),
            ("elsewhere.example", vec!["mia-2"]),
            ("elsewhere", vec![]),
            ("nobody", vec![]),
            (" ", vec!["anna", "mia", "mia-2", "rita", "root", "zed"]),
        ] {
            let (_, body) = world.ask(&world.admin, query, json!({"q": typed})).await;
            assert_eq!(names(&body), expected, "{typed}");
        }
        let at_home = vec!["anna", "mia", "rita", "root"];
        for (typed, expected) in
            [(Value::Null, vec!["anna", "mia", "mia-2", "rita", "root", "zed"]), (json!("example.com"), at_home)]
        {
            let (mut seen, mut after) = (vec![], Value::Null);
            loop {
                let (_, body) = world.ask(&world.admin, query, json!({"q": typed, "first": 2, "after": after})).await;
                seen.extend(names(&body));
                let info = &body["data"]["users"]["pageInfo"];
                after = info["endCursor"].clone();
                if info["hasNextPage"] == false {
                    break;
                }
            }
            assert_eq!(seen, expected, "{typed}");
        }
    }
}
