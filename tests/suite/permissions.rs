//! Everything that can be asked or changed, by everyone, as one reviewed grid: every route that the sources register and
//! every query and mutation of the schema, times the cast. A route or a field without a row here fails, and so does an
//! answer that is not in `tests/golden/permissions.txt`; `tests/golden/unauthenticated.txt` is what answers nobody.
//!
//! Cells: a status; `in` is an answer that sends on to `/login`. Forms are in `attacks::forms`, which refuses each of them.

use crate::harness::{Client, PASSWORD, Person, Reply, World, world::TEAM};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

mod operations;
mod provisioning;

pub use operations::mutations;
use operations::{Operation, decisions, queries};

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
    ("POST /files/{entity}/{project}/{run}/file_stream", &[]),
    ("GET /files/transfer/{ticket}", &["/files/transfer/guess"]),
    ("PUT /files/transfer/{ticket}", &[]),
    // The same stands under /scim/v2. The first user is the admin.
    ("GET /scim/Users", &["/scim/Users", "/scim/Users?filter=userName%20eq%20%22mia%22"]),
    ("POST /scim/Users", &[]),
    ("POST /scim/Users/.search", &[]),
    ("GET /scim/Users/{id}", &["/scim/Users/VXNlcjox", "/scim/Users/nothing"]),
    ("PUT /scim/Users/{id}", &[]),
    ("PATCH /scim/Users/{id}", &[]),
    ("DELETE /scim/Users/{id}", &[]),
    ("GET /scim/Groups", &["/scim/Groups"]),
    ("POST /scim/Groups", &[]),
    ("POST /scim/Groups/.search", &[]),
    ("GET /scim/Groups/{id}", &["/scim/Groups/nothing"]),
    ("PUT /scim/Groups/{id}", &[]),
    ("PATCH /scim/Groups/{id}", &[]),
    ("DELETE /scim/Groups/{id}", &[]),
    ("GET /scim/Roles", &["/scim/Roles"]),
    ("POST /scim/Roles", &[]),
    ("POST /scim/Roles/.search", &[]),
    ("GET /scim/Roles/{id}", &["/scim/Roles/Um9sZTox", "/scim/Roles/nothing"]),
    ("PUT /scim/Roles/{id}", &[]),
    ("PATCH /scim/Roles/{id}", &[]),
    ("DELETE /scim/Roles/{id}", &[]),
    ("GET /scim/Permissions", &["/scim/Permissions"]),
    ("GET /scim/ServiceProviderConfig", &["/scim/ServiceProviderConfig"]),
    ("GET /scim/ResourceTypes", &["/scim/ResourceTypes"]),
    ("GET /scim/ResourceTypes/{name}", &["/scim/ResourceTypes/User"]),
    ("GET /scim/Schemas", &["/scim/Schemas"]),
    ("GET /scim/Schemas/{urn}", &["/scim/Schemas/urn:ietf:params:scim:schemas:core:2.0:User"]),
    ("POST /scim/.search", &[]),
    ("POST /scim/Bulk", &[]),
    ("GET /scim/Me", &["/scim/Me"]),
    ("PUT /scim/Me", &[]),
    ("PATCH /scim/Me", &[]),
    ("DELETE /scim/Me", &[]),
    ("GET /login", &["/login"]),
    ("POST /login", &[]),
    ("GET /login/second", &["/login/second"]),
    ("POST /login/second", &[]),
    ("POST /login/second/begin", &[]),
    ("POST /login/second/passkey", &[]),
    ("POST /login/passkey", &[]),
    ("POST /login/passkey/begin", &[]),
    ("POST /logout", &[]),
    ("GET /oidc/login", &["/oidc/login"]),
    ("POST /oidc/link", &[]),
    ("GET /oidc/callback", &["/oidc/callback", "/oidc/callback?code=x&state=guess"]),
    ("POST /oidc/callback", &[]),
    ("POST /oidc/backchannel-logout", &[]),
    ("POST /oidc/token", &[]),
    ("GET /system-admin", &["/system-admin"]),
    ("GET /setup", &["/setup", "/setup?code=guess"]),
    ("POST /setup", &[]),
    ("GET /setup/done", &["/setup/done"]),
    ("GET /invite", &["/invite", "/invite?code=guess"]),
    ("POST /invite", &[]),
    ("POST /invite/decline", &[]),
    ("GET /signup", &["/signup"]),
    ("POST /signup", &[]),
    ("GET /signup/confirm", &["/signup/confirm?code=guess"]),
    ("POST /signup/confirm", &[]),
    ("GET /authorize", &["/authorize"]),
    ("POST /authorize", &[]),
    ("GET /org/dashboard", &["/org/dashboard"]),
    ("GET /org/dashboard/users", &["/org/dashboard/users"]),
    ("POST /console/account", &[]),
    ("POST /console/theme", &[]),
    ("POST /console/switch", &[]),
    ("GET /console/organizations", &["/console/organizations"]),
    ("POST /console/organizations", &[]),
    ("GET /console/search", &["/console/search?q=a"]),
    ("GET /console/manual", &["/console/manual?q=key"]),
    ("GET /console/manual/{chapter}", &["/console/manual/recipes", "/console/manual/nothing"]),
    ("GET /console/settings", &["/console/settings"]),
    ("POST /console/settings/organization", &[]),
    (
        "GET /console/settings/{form}",
        &["/console/settings/sign-in", "/console/settings/oidc", "/console/settings/ldap", "/console/settings/nothing"],
    ),
    ("POST /console/settings/{form}", &[]),
    ("GET /console/organization", &["/console/organization"]),
    ("GET /console/organization/domains", &["/console/organization/domains"]),
    ("POST /console/organization/domains", &[]),
    ("POST /console/organization/domains/{domain}/{what}", &[]),
    ("GET /console/mail", &["/console/mail"]),
    ("POST /console/mail/{id}/again", &[]),
    ("GET /console/invitations", &["/console/invitations"]),
    ("POST /console/invitations", &[]),
    ("GET /console/invitations/bulk", &["/console/invitations/bulk"]),
    ("POST /console/invitations/bulk", &[]),
    ("POST /console/invitations/{id}/{what}", &[]),
    ("GET /console/provisioning", &["/console/provisioning"]),
    ("POST /console/provisioning", &[]),
    ("POST /console/provisioning/adoption", &[]),
    ("POST /console/provisioning/team", &[]),
    ("POST /console/provisioning/connections/{id}/{what}", &[]),
    ("POST /console/provisioning/held/{id}/{what}", &[]),
    ("GET /console/issuers", &["/console/issuers"]),
    ("POST /console/issuers", &[]),
    ("GET /console/issuers/{id}", &["/console/issuers/1", "/console/issuers/nothing"]),
    ("POST /console/issuers/{id}/{what}", &[]),
    ("GET /console/roles", &["/console/roles"]),
    ("GET /console/roles/new", &["/console/roles/new"]),
    ("POST /console/roles/new", &[]),
    ("GET /console/roles/permissions", &["/console/roles/permissions"]),
    ("GET /console/roles/{role}", &["/console/roles/1", "/console/roles/9", "/console/roles/nothing"]),
    ("POST /console/roles/{role}", &[]),
    ("POST /console/roles/{role}/delete", &[]),
    ("GET /console/account", &["/console/account"]),
    ("GET /console/account/password", &["/console/account/password"]),
    ("POST /console/account/password", &[]),
    ("GET /console/account/factors", &["/console/account/factors"]),
    ("POST /console/account/factors/passkey", &[]),
    ("POST /console/account/factors/passkey/begin", &[]),
    ("POST /console/account/factors/app", &[]),
    ("POST /console/account/factors/app/confirm", &[]),
    ("POST /console/account/factors/recovery", &[]),
    ("POST /console/account/factors/remove", &[]),
    ("POST /console/account/revoke-key", &[]),
    ("POST /console/account/replace-key", &[]),
    ("GET /org/dashboard/service-accounts", &["/org/dashboard/service-accounts"]),
    ("POST /org/dashboard/service-accounts", &[]),
    ("GET /console/keys", &["/console/keys"]),
    ("POST /console/keys/{what}", &[]),
    ("POST /console/account/end-session", &[]),
    ("POST /console/account/end-others", &[]),
    ("POST /console/account/unlink", &[]),
    ("POST /console/account/organization", &[]),
    ("GET /console/users", &["/console/users"]),
    ("GET /console/users/new", &["/console/users/new"]),
    ("POST /console/users/new", &[]),
    ("POST /console/users/bulk", &[]),
    ("GET /console/users/{user}", &["/console/users/root", "/console/users/mia", "/console/users/service-nightly"]),
    (
        "GET /console/users/{user}/credentials",
        &["/console/users/mia/credentials", "/console/users/service-nightly/credentials"],
    ),
    ("POST /console/users/{user}/{what}", &[]),
    ("GET /console/teams", &["/console/teams"]),
    ("POST /console/teams/join", &[]),
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
    ("POST /{team}/members/invitations/{id}/{what}", &[]),
    ("GET /{team}/{project}", &["/acme/fusion", "/acme/vault", "/acme/atlas", "/acme/square", "/acme/nothing"]),
    ("GET /{team}/{project}/access", &["/acme/fusion/access", "/acme/vault/access"]),
    ("GET /{team}/{project}/settings", &["/acme/fusion/settings", "/acme/vault/settings"]),
    ("GET /{team}/{project}/runs", &["/acme/fusion/runs", "/acme/vault/runs", "/acme/atlas/runs"]),
    ("GET /{team}/{project}/runs/{run}", &["/acme/fusion/runs/first", "/acme/atlas/runs/none"]),
    ("GET /{team}/{project}/runs/{run}/logs", &["/acme/fusion/runs/first/logs"]),
    ("GET /{team}/{project}/runs/{run}/files", &["/acme/fusion/runs/first/files"]),
    ("POST /{team}/{project}/runs/{run}/{what}", &[]),
    ("POST /{team}/{project}/{what}", &[]),
    ("POST /{team}/{project}/members/{user}/remove", &[]),
    ("POST /{team}/{project}/members/{user}/role", &[]),
    // Signs out whoever asks, so it is asked last.
    ("GET /logout", &["/logout"]),
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
    let starts = ["page(\"", "resource(\"", " at(\"", "(at(\""];
    for (at, start) in starts.iter().flat_map(|s| text.match_indices(s)) {
        let rest = &text[at + start.len()..];
        let (path, rest) = rest.split_once('"').unwrap();
        if !path.starts_with('/') {
            continue;
        }
        let base = if start.ends_with("at(\"") { "/scim" } else { "" };
        let chain = &rest[..[".service(", ";"].iter().filter_map(|end| rest.find(end)).min().unwrap_or(rest.len())];
        // Within a scope the path begins with the scope's own.
        let line = &text[text[..at].rfind(['\n', ';']).map_or(0, |n| n + 1)..at];
        let path = match line.split_once("scope(\"").and_then(|(_, rest)| rest.split_once('"')) {
            Some((scope, _)) => format!("{scope}{path}"),
            None => format!("{base}{path}"),
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

/// The team `acme` with one project of each visibility, and the team `closed` with a project nobody outside reads.
pub fn furnish(world: &World) -> (Person, Person) {
    let ta = &world.team_admin.client;
    for (name, access) in
        [("fusion", "PRIVATE"), ("atlas", "USER_READ"), ("square", "USER_WRITE"), ("vault", "RESTRICTED")]
    {
        ta.upsert_project(TEAM, name, Some(access)).is(200);
    }
    ta.submit_run(TEAM, "fusion", "first");
    let owner = world.server.person("olga", "member");
    world.admin.client.create_team("closed", Some(&owner.username)).is(200);
    owner.client.upsert_project("closed", "inner", None).is(200);
    // A custom role with a little of everything that can be given, and somebody whose seats are for reading.
    let more = ["team:update_member", "team:invite_user", "project:update", "project:update_member"];
    world.admin.client.create_role("Steward", "member", &more).is(200);
    let (cara, sven) = (world.teammate("cara", "Steward"), world.teammate("sven", "member"));
    world.admin.client.set_seats("sven", Some("viewer"), Some("viewer")).is(200);
    (cara, sven)
}

/// Whether a path belongs to a surface for machines rather than to the pages.
fn is_api(path: &str) -> bool {
    let machines =
        ["/access/", "/admin/", "/files/", "/metrics", "/.well-known/", "/scim/", "/healthz", "/ready", "/assets/"];
    machines.iter().any(|begin| path.starts_with(begin))
}

/// The routes that are for machines.
pub fn machine_routes() -> impl Iterator<Item = &'static str> {
    let path = |route: &'static str| route.split(' ').nth(1).unwrap();
    ROUTES
        .iter()
        .map(|(route, _)| *route)
        .filter(move |route| is_api(path(route)) || matches!(path(route), "/graphql" | "/oidc/token"))
}

/// Every page of the grid with what it answers somebody of the cast.
pub fn pages(who: &str) -> Vec<(&'static str, &'static str)> {
    let column = CAST.iter().position(|name| *name == who).unwrap();
    let rows: BTreeMap<&str, &str> = include_str!("../golden/permissions.txt")
        .lines()
        .filter_map(|line| line.strip_prefix("GET ")?.split_once(' '))
        .map(|(path, cells)| (path, cells.split_whitespace().nth(column).unwrap()))
        .collect();
    let paths = ROUTES.iter().flat_map(|(_, paths)| paths.iter()).filter(|path| !is_api(path));
    paths.map(|path| (*path, rows[path])).collect()
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
    let (cara, sven) = furnish(&world);
    // The deactivated person comes back for a moment to get a session, which must not survive.
    world.server.cli(&["user", "reactivate", "dora"]).ok();
    let dora = browser(&world, &world.deactivated);
    crate::harness::world::deactivate(&world.admin, &world.deactivated);
    let reader = read_only(&world, "root");
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
    let per: Vec<_> = CAST.iter().map(|who| provisioning::writes(&world, &who.replace('_', "-"))).collect();
    for n in 0..per[0].len() {
        let ask = |(who, writes): (&&str, &Vec<provisioning::Write>)| cell(&writes[n].ask(&keys[who]));
        let cells: Vec<String> = CAST.iter().zip(&per).map(ask).collect();
        line(per[0][n].label, &cells);
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
