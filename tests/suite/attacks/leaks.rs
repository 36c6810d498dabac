//! What must not come out: secrets in logs, store, counters and pages; other teams' names in nested lists; whether a thing
//! exists that one may not see; text of strangers in counters.

use super::is_refused;
use crate::harness::{Client, PASSWORD, Reply, Server, Setup, World, world::TEAM};
use crate::permissions::{browser, read_only};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// CVE-2025-62705 and GO-2025-4049 OpenBao (secrets in the audit log), CVE-2026-90942 Casdoor (a key in an answer): canaries
/// sent and received through every door, then looked for everywhere, with the log at its most talkative.
#[test]
fn no_secret_is_in_log_store_audit_counters_or_pages() {
    let server = Server::start(Setup::default().arg("--log-level").arg("trace"));
    let code = server.setup_path().split_once("code=").unwrap().1.to_owned();
    let canary = |n: u32| format!("cAnArY{n:034}");
    let mut secrets: Vec<(&str, String)> = vec![];
    let nobody = server.anonymous();
    // The setup link is printed once on purpose; everything else never.
    let printed = server.log().matches(&code).count();
    let fields =
        |pairs: &[(&str, &str)]| pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect::<Vec<_>>();
    nobody.page(&format!("/setup?code={}", canary(1)));
    nobody.post_form("/setup", &fields(&[("code", &canary(2)), ("email", "a@example.com"), ("password", &canary(3))]));
    let root = server.anonymous();
    let first = [("code", code.as_str()), ("email", "root@example.com"), ("username", "root"), ("password", PASSWORD)];
    root.post_form("/setup", &fields(&first)).is(303);
    assert_eq!(server.log().matches(&code).count(), printed, "the code is logged when it is used");
    secrets.push(("password", PASSWORD.to_owned()));
    secrets.push(("setup code", code));
    secrets.push(("session", root.cookie("bailiwick").unwrap()));
    // Wrong secrets are secrets too: the password typed for another server, the password in the name's field.
    nobody.fresh().sign_in("root", &canary(4));
    nobody.fresh().sign_in(&canary(5), &canary(6));
    nobody.page(&format!("/login?password={}&next=/{}", canary(7), canary(8)));
    let token = root.page("/console/account").form("/logout").fields[0].clone();
    let post =
        |path: &str, more: &[(&str, &str)]| root.post_form(path, &[&[token.clone()][..], &fields(more)].concat());
    post("/console/account/password", &[("current", &canary(9)), ("password", &canary(10))]);
    post("/console/account/password", &[("current", PASSWORD), ("password", "zq7canary")]);
    post("/console/account/password", &[("current", PASSWORD), ("password", "gliding otter sings 9 hymns")]).is(303);
    secrets.push(("new password", "gliding otter sings 9 hymns".to_owned()));
    secrets.push(("weak password", "zq7canary".to_owned()));
    root.post_form("/logout", &fields(&[("csrf", &canary(11))]));
    // Keys: made in each place, presented in each way, misspelt.
    let made = server.cli(&["api-key", "create", "root", "--json"]).json()["key"].as_str().unwrap().to_owned();
    let api = nobody.key(&made);
    let generated = api.data("mutation { generateApiKey { apiKey { name } } }", json!({}));
    secrets.push(("generated key", generated["generateApiKey"]["apiKey"]["name"].as_str().unwrap().to_owned()));
    let page = post("/authorize", &[("name", "console")]).is(200);
    let shown = page.body.split(|c: char| !c.is_ascii_alphanumeric()).find(|w| w.len() == 40).expect("shown once");
    secrets.push(("console key", shown.to_owned()));
    api.create_team("canaries", None).is(200);
    api.create_service_account("canaries", "machine").is(200);
    let machine = api.members("canaries").pop().unwrap()["apiKey"].as_str().unwrap().to_owned();
    nobody.key(&machine).data("{ viewer { id } }", json!({}));
    secrets.extend([("shell key", made), ("service key", machine)]);
    for client in [nobody.key(&canary(12)), nobody.bearer(&canary(13)), nobody.basic(&canary(14), &canary(15))] {
        client.graphql("{ viewer { id } }", json!({}));
        client.get("/access/v1/subject");
        client.page("/console/account");
    }
    api.get(&format!("/access/v1/subject?api_key={}", canary(16)));
    api.graphql(&format!("{{ user(userName: \"{}\") {{ id }} }}", canary(17)), json!({"password": canary(18)}));
    api.graphql("mutation($id: String!) { deleteApiKey(input: {id: $id}) { success } }", json!({"id": canary(19)}));
    api.post_json("/graphql", &json!({"query": "{ viewer { id } }", "extensions": {"token": canary(20)}}));
    let cookies = nobody.fresh();
    cookies.set_cookie("bailiwick", &canary(21));
    cookies.set_cookie("other", &canary(22));
    cookies.page("/");
    nobody.send("GET", "/", &[("x-api-key", &canary(23)), ("referer", &format!("http://x/?t={}", canary(24)))], None);
    let file = server.data.file("canary", "another gliding otter sings 7\n");
    server.cli(&["user", "set-password", "root", "--password-file", &file]).ok();
    secrets.push(("shell password", "another gliding otter sings 7".to_owned()));
    root.sign_in("root", "another gliding otter sings 7").is(303);
    secrets.push(("second session", root.cookie("bailiwick").unwrap()));

    let mut places: Vec<(String, String)> = vec![("counters".into(), nobody.get("/metrics").body)];
    for path in [
        "/",
        "/console/audit",
        "/console/account",
        "/authorize",
        "/canaries/service-accounts",
        "/console/users/root/credentials",
        "/console/settings",
    ] {
        places.push((path.to_owned(), root.page(path).is(200).body));
    }
    for path in ["/admin/audit_logs", "/admin/audit_logs?anonymize=true"] {
        places.push((path.to_owned(), api.get(path).body));
    }
    places.push(("doctor".into(), server.cli(&["doctor", "--json"]).stdout));
    places.push(("settings".into(), server.cli(&["settings", "list", "--json"]).stdout));
    places.push(("log".into(), server.log()));
    let data = server.stop();
    for entry in std::fs::read_dir(data.path()).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap_or_default();
        places.push((path.display().to_string(), String::from_utf8_lossy(&bytes).into_owned()));
    }
    for (place, text) in &places {
        for (what, secret) in &secrets {
            let by_design = *what == "setup code" && place == "log" && text.matches(secret).count() == printed;
            assert!(by_design || !text.contains(secret.as_str()), "{place} holds the {what}");
        }
        for n in 1..25 {
            // A name that was asked for is no secret, and stands in the log of an operator who asked for every detail.
            assert!(n == 17 && place == "log" || !text.contains(&canary(n)), "{place} holds canary {n}");
        }
    }
}

/// Everything `client` is told about, as one text.
fn told(client: &Client, documents: &[String]) -> String {
    documents.iter().map(|d| client.graphql(d, json!({"t": TEAM})).body).collect()
}

/// CVE-2026-14615 Keycloak (a nested list skipped the filter of the outer one), CVE-2024-4006: whatever way a document takes
/// to a thing, it ends where the reader's rights end.
#[test]
fn nested_lists_show_only_what_the_reader_may_see() {
    let world = World::new();
    let boris = world.server.person("boris", "member");
    world.admin.client.create_team("hidden-team", Some("boris")).is(200);
    for (name, access) in
        [("hidden-one", "PRIVATE"), ("hidden-two", "RESTRICTED"), ("square", "USER_WRITE"), ("atlas", "USER_READ")]
    {
        boris.client.upsert_project("hidden-team", name, Some(access)).is(200);
    }
    boris.client.upsert_project("boris", "hidden-own", None).is(200);
    boris.client.create_service_account("hidden-team", "hidden machine").is(200);
    let tess = &world.team_admin.client;
    for (name, access) in [("vault", "RESTRICTED"), ("lab", "PRIVATE"), ("once", "RESTRICTED"), ("show", "USER_READ")] {
        tess.upsert_project(TEAM, name, Some(access)).is(200);
    }
    // Restricted once, public now: who was invited then is not everyone's business.
    let once = tess.project(TEAM, "once").json()["data"]["project"]["id"].clone();
    let add = "mutation($p: ID!, $u: [ID!]) { createProjectMembers(input: {projectId: $p, userIds: $u}) { success } }";
    tess.data(add, json!({"p": once, "u": [world.member.id]}));
    for access in ["PRIVATE", "USER_READ"] {
        tess.upsert_project(TEAM, "once", Some(access)).is(200);
    }
    let person = "id name username email admin orgRole status entity createdAt
        apiKeys { edges { node { id name description lastUsedAt } } } organizations { name }
        teams { edges { node { ...team } } }";
    let team = "fragment team on Entity { id name members { id name email username apiKey } user { id } organization { name } }";
    let project = "fragment project on Project { id name entityName description user { ...person }
        members { id username name email } }";
    let person = format!("fragment person on User {{ {person} }}");
    let all = |body: &str| {
        let mut document = format!(
            "query($t: String!) {{ {body} unused: viewer {{ ...person }} a: project(entityName: $t, name: \"show\") {{ ...project }} }}"
        );
        for part in [&person, team, project] {
            document.push_str(part);
        }
        document
    };
    let names = ["vault", "lab", "once", "show", "hidden-one", "hidden-two", "square", "atlas", "hidden-own"];
    let mut documents = vec![
        all("viewer { ...person }"),
        all("models(entityName: $t) { edges { cursor node { ...project } } pageInfo { endCursor hasNextPage } }"),
        all("models(entityName: \"hidden-team\") { edges { cursor node { ...project } } pageInfo { endCursor } }"),
        all(
            "models(entityName: \"hidden-team\", first: 1) { edges { cursor node { id name } } pageInfo { endCursor hasNextPage } }",
        ),
        all("models(entityName: \"boris\") { edges { node { ...project } } }"),
        all("b: user(userName: \"boris\") { ...person } c: user(userName: \"boris@example.com\") { ...person }"),
        all("entity(name: \"hidden-team\") { ...team } e: entity(name: \"boris\") { ...team }"),
        all("users { edges { node { ...person } } } u: users(query: \"boris\") { edges { node { id email } } }"),
        all("teams { edges { cursor node { ...team } } }"),
    ];
    for name in names {
        for entity in [TEAM, "hidden-team", "boris"] {
            documents.push(format!("{{ project(entityName: \"{entity}\", name: \"{name}\") {{ ...project }} x: model(entityName: \"{entity}\", name: \"{name}\") {{ ...project }} }} {project} {person} {team}"));
        }
    }
    use base64::Engine;
    let forbidden = |who: &str, client: &Client, words: &[&str]| {
        let told = told(client, &documents);
        // Cursors are text in another spelling.
        let spelt: Vec<String> = told
            .split('"')
            .filter_map(|w| base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(w.trim_end_matches('=')).ok())
            .map(|w| String::from_utf8_lossy(&w).into_owned())
            .chain(told.split('"').filter(|w| w.len() % 2 == 0 && w.len() > 8).filter_map(|w| {
                let bytes: Option<Vec<u8>> =
                    (0..w.len()).step_by(2).map(|i| u8::from_str_radix(w.get(i..i + 2)?, 16).ok()).collect();
                bytes.map(|b| String::from_utf8_lossy(&b).into_owned())
            }))
            .collect();
        for word in words {
            assert!(!told.contains(&format!("\"{word}")), "{who} is told {word}");
            assert!(!spelt.iter().any(|w| w.contains(word)), "{who} is told {word} in a cursor: {spelt:?}");
        }
        told
    };
    let boris_only =
        ["hidden-one", "hidden-two", "hidden-own", "service-hidden", "hidden machine", "boris@example.com"];
    let acme_only = [
        "vault",
        "mia@example.com",
        "tess@example.com",
        "vera@example.com",
        "dora@example.com",
        "nightly",
        "service-nightly",
    ];
    let outside = forbidden("outsider", &world.outsider.client, &[&boris_only[..], &acme_only[..]].concat());
    assert!(outside.contains("\"show\"") && outside.contains("\"square\""), "what is public is told");
    forbidden("member", &world.member.client, &[&boris_only[..], &["vault"]].concat());
    forbidden("viewer", &world.viewer.client, &[&boris_only[..], &["vault"]].concat());
    forbidden("service", &world.service, &[&boris_only[..], &["vault"]].concat());
    forbidden("narrow key", &read_only(&world, "otto"), &[&boris_only[..], &acme_only[..]].concat());
    // An admin of the organization sees records, not what is inside others' teams.
    forbidden("admin", &world.admin.client, &["hidden-one", "hidden-two", "hidden-own", "vault", "lab"]);
}

/// A reply with what was typed, ids and times taken out, so that two of them can be compared.
fn plain(reply: &Reply, typed: &str) -> (u16, String) {
    let is_html = reply.header("content-type").is_some_and(|t| t.starts_with("text/html"));
    let mut text = if is_html { reply.text() } else { reply.body.clone() };
    if let Some(id) = reply.header("x-request-id") {
        text = text.replace(id, "ID");
    }
    (reply.status, text.replace(typed, "NAME"))
}

/// What one may not see looks like what is not there, on every surface, in every spelling.
#[test]
fn hidden_and_absent_read_alike_everywhere() {
    let world = World::new();
    let boris = world.server.person("boris", "member");
    world.admin.client.create_team("xhidden", Some("boris")).is(200);
    for (name, access) in [("inner", "PRIVATE"), ("vault", "RESTRICTED")] {
        boris.client.upsert_project("xhidden", name, Some(access)).is(200);
    }
    boris.client.upsert_project("boris", "own", None).is(200);
    let upsert = "mutation($e: String, $p: String, $a: String) { upsertModel(input: {entityName: $e, name: $p, access: $a}) { project { id } } }";
    let documents = [
        "query($e: String!) { entity(name: $e) { id } }",
        "query($e: String!) { user(userName: $e) { id } }",
        "query($e: String!) { models(entityName: $e) { edges { node { id } } } }",
        "query($e: String!) { project(entityName: $e, name: \"inner\") { id } }",
        "mutation($e: String!) { createInvite(input: {entityName: $e, username: \"otto\"}) { invite { id } } }",
        "mutation($e: String!) { createInvite(input: {entityName: $e, email: \"x@example.com\"}) { invite { id } } }",
        "mutation($e: String!) { createServiceAccount(input: {entityName: $e, description: \"x\"}) { user { id } } }",
        "mutation($e: String!) { deleteInvite(input: {entityName: $e, id: \"VXNlcjox\"}) { success } }",
        "mutation($e: String!) { deleteInvite(input: {entityName: $e, id: \"x\"}) { success } }",
    ];
    for person in [&world.outsider, &world.member, &world.viewer] {
        let (api, page, who) = (&person.client, browser(&world, person), &person.username);
        // Names that no page says by itself: the manual, which a search finds, has its words.
        for (hidden, absent) in [
            ("xhidden", "xabsent"),
            ("XHIDDEN", "XABSENT"),
            ("Xhidden", "Xabsent"),
            ("boris", "borax"),
            ("BORIS", "BORAX"),
        ] {
            for document in documents {
                let ask = |name: &str| plain(&api.graphql(document, json!({"e": name})), name);
                assert_eq!(ask(hidden), ask(absent), "{who} {hidden}: {document}");
            }
            for access in [Value::Null, json!("PRIVATE"), json!("USER_WRITE")] {
                for project in ["inner", "vault", "own", "new"] {
                    let ask =
                        |name: &str| plain(&api.graphql(upsert, json!({"e": name, "p": project, "a": access})), name);
                    assert_eq!(ask(hidden), ask(absent), "{who} {hidden}/{project} {access}");
                }
            }
            for path in [
                "/NAME",
                "/NAME/members",
                "/NAME/settings",
                "/NAME/inner",
                "/NAME/vault/access",
                "/console/users/NAME",
                "/console/users/NAME/credentials",
                "/console/search?q=NAME",
                "/console/projects?team=NAME",
                "/console/projects/new?team=NAME",
            ] {
                let ask = |name: &str| plain(&page.page(&path.replace("NAME", name)), name);
                assert_eq!(ask(hidden), ask(absent), "{who} {hidden}: {path}");
            }
            for action in ["team:read", "project:read", "user:read", "team:create", "project:create", "user:login"] {
                for resource in ["NAME", "NAME/inner", "NAME/vault", "user:NAME", "NAME/"] {
                    let path = format!("/console/why?subject={who}&action={action}&resource=");
                    let ask =
                        |name: &str| plain(&page.page(&format!("{path}{}", resource.replace("NAME", name))), name);
                    assert_eq!(ask(hidden), ask(absent), "{who} {hidden}: {action} {resource}");
                }
            }
        }
        // Ids next to one's own, of things that are and are not there.
        let by_id = |n: u64| {
            use base64::Engine;
            let id = base64::engine::general_purpose::STANDARD.encode(format!("Project:{n}"));
            let edit =
                "mutation($id: String) { upsertModel(input: {id: $id, access: \"USER_WRITE\"}) { project { id } } }";
            let reply = api.graphql(edit, json!({"id": id}));
            is_refused(&id, &reply);
            plain(&reply, &id)
        };
        for n in 1..4 {
            assert_eq!(by_id(n), by_id(999_999), "{who}: project {n}");
        }
    }
    // About others one may not even ask.
    let otto = browser(&world, &world.outsider);
    let why = |name: &str| {
        plain(&otto.page(&format!("/console/why?subject={name}&action=user:read&resource=user:{name}")), name)
    };
    assert_eq!(why("boris"), why("borax"));
}

/// CVE-2026-16100 Keycloak: text of a request became a label, and every stranger a series.
#[test]
fn strangers_cannot_grow_the_counters() {
    let world = World::new();
    let series = || {
        let text = world.anonymous.get("/metrics").is(200).body;
        text.lines()
            .filter(|l| !l.starts_with('#'))
            .map(|l| l.rsplit_once(' ').unwrap().0.to_owned())
            .collect::<BTreeSet<_>>()
    };
    let before = series();
    assert!(before.len() > 20, "{before:?}");
    for n in 0..30 {
        world.anonymous.send(
            if n % 2 == 0 { "GET" } else { "BREW" },
            &format!("/label{n}/{n}?x={n}"),
            &[("user-agent", &format!("label{n}"))],
            None,
        );
        world.anonymous.get(&format!("/admin/label{n}"));
        world.anonymous.key(&format!("label{n}")).graphql(&format!("query label{n} {{ viewer {{ id }} }}"), json!({}));
        world.outsider.client.graphql(&format!("query label{n} {{ entity(name: \"label{n}\") {{ id }} }}"), json!({}));
    }
    world.anonymous.fresh().sign_in("label", "label");
    let after = series();
    assert_eq!(before, after);
    assert!(after.iter().all(|s| !s.contains("label")), "{after:?}");
}
