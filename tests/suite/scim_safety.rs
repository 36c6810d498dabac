//! What keeps a directory from locking people out: the fuse and its approval, adoption, teams that are managed or local, keys
//! that provision and do nothing else, the last requests. All of it as an identity provider and an administrator meet it:
//! over SCIM and on the provisioning page, without scripts.

use crate::console::judge;
use crate::harness::{Client, PASSWORD, Reply, Server, Setup, browser, html};
use crate::scim_dialects::{connect, signed_in};
use serde_json::{Value, json};

const PAGE: &str = "/console/provisioning";
const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
const PATCH: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

fn send(who: &Client, method: &str, path: &str, body: Option<Value>) -> Reply {
    let headers = [("accept", "application/scim+json"), ("content-type", "application/scim+json")];
    let body = body.map(|b| b.to_string());
    who.send(method, &format!("/scim/v2{path}"), &headers, body.as_deref().map(str::as_bytes))
}

fn id(reply: &Reply) -> String {
    reply.json()["id"].as_str().unwrap_or_else(|| panic!("no id in {reply:?}")).to_owned()
}

fn person(who: &Client, name: &str) -> String {
    let mail = format!("{name}@example.com");
    let body =
        json!({"schemas": [USER], "userName": mail, "emails": [{"value": mail, "primary": true}], "active": true});
    id(&send(who, "POST", "/Users", Some(body)).is(201))
}

fn people(who: &Client, n: usize) -> Vec<String> {
    (0..n).map(|n| person(who, &format!("p{n}"))).collect()
}

fn team(who: &Client, name: &str, members: &[String]) -> String {
    let members: Vec<Value> = members.iter().map(|m| json!({"value": m})).collect();
    id(&send(who, "POST", "/Groups", Some(json!({"schemas": [GROUP], "displayName": name, "members": members})))
        .is(201))
}

fn patch(who: &Client, path: &str, operation: Value) -> Reply {
    send(who, "PATCH", path, Some(json!({"schemas": [PATCH], "Operations": [operation]})))
}

fn switch(who: &Client, id: &str, active: bool) -> Reply {
    patch(who, &format!("/Users/{id}"), json!({"op": "replace", "value": {"active": active}}))
}

fn is_active(who: &Client, id: &str) -> bool {
    send(who, "GET", &format!("/Users/{id}"), None).is(200).json()["active"] == true
}

fn members(who: &Client, id: &str) -> usize {
    let group = send(who, "GET", &format!("/Groups/{id}"), None).is(200).json();
    group["members"].as_array().map_or(0, Vec::len)
}

/// A refusal as SCIM says it, with a sentence that names the page.
fn held(reply: Reply) {
    let reply = reply.is(403);
    let body = reply.json();
    assert_eq!(body["schemas"], json!(["urn:ietf:params:scim:api:messages:2.0:Error"]), "{body}");
    assert!(body["status"] == "403" && body["detail"].as_str().unwrap().contains("Provisioning"), "{body}");
}

struct Office {
    server: Server,
    root: Client,
    /// A connection of its own making.
    okta: Client,
}

fn office() -> Office {
    let server = Server::plain();
    let root = signed_in(&server, "root");
    let okta = Client::new(&server.url).bearer(&connect(&root, "Okta", &[]));
    Office { server, root, okta }
}

#[test]
fn a_directory_that_removes_everybody_is_stopped_and_an_admin_decides() {
    let Office { root, okta, .. } = &office();
    let all = people(okta, 30);
    for id in &all[..20] {
        switch(okta, id, false).is(200);
    }
    // The twenty-first is above twenty, and above a tenth of thirty-one people.
    held(switch(okta, &all[20], false));
    assert!(is_active(okta, &all[20]), "nothing of it was applied");
    held(send(okta, "DELETE", &format!("/Users/{}", all[21]), None));
    assert!(is_active(okta, &all[21]));
    // What gives is not held.
    switch(okta, &all[0], true).is(200);
    person(okta, "late");
    let page = root.page(PAGE).is(200);
    assert!(page.text().contains("2 changes are held back"), "{}", page.text());
    let home = root.page("/").is(200).text();
    assert!(home.contains("held back"), "{home}");
    let form = page.form("/approve");
    root.post_form(&form.action, &form.fields).is(303);
    assert!(!is_active(okta, &all[20]));
    send(okta, "GET", &format!("/Users/{}", all[21]), None).is(404);
    let said = root.page(PAGE).is(200).text();
    assert!(said.contains("2 changes were carried out") && !said.contains("Waits for you"), "{said}");
    // The client repeats what it was refused: it is so already.
    switch(okta, &all[20], false).is(200);
    // The next ones are held again, and refused this time; asking again does not help.
    held(switch(okta, &all[22], false));
    let form = root.page(PAGE).is(200).form("/refuse");
    root.post_form(&form.action, &form.fields).is(303);
    assert!(switch(okta, &all[22], false).is(403).body.contains("refused"));
    assert!(is_active(okta, &all[22]));
    assert!(!root.page(PAGE).is(200).text().contains("Waits for you"));
    // Both decisions are in the audit log, and so is the refusal of the client.
    let audit = root.page("/console/audit").is(200).text();
    assert!(audit.contains("user:deactivate"), "{audit}");
}

#[test]
fn one_request_that_empties_a_team_is_held_whole_also_by_a_persons_own_key() {
    let server = Server::plain();
    let root = signed_in(&server, "root");
    let own = server.person("ann", "admin").client;
    let all = people(&own, 25);
    let core = team(&own, "core", &all);
    assert_eq!(members(&own, &core), 25);
    let path = format!("/Groups/{core}");
    for emptying in [
        json!({"op": "remove", "path": "members"}),
        json!({"op": "replace", "path": "members", "value": []}),
        json!({"op": "replace", "value": {"members": []}}),
    ] {
        held(patch(&own, &path, emptying));
        assert_eq!(members(&own, &core), 25, "nothing of it was applied");
    }
    // Nothing else of such a request is applied either.
    let both = json!({"schemas": [PATCH], "Operations": [
        {"op": "replace", "path": "displayName", "value": "renamed"}, {"op": "remove", "path": "members"}]});
    held(send(&own, "PATCH", &path, Some(both)));
    assert_eq!(send(&own, "GET", &path, None).is(200).json()["displayName"], "core");
    let page = root.page(PAGE).is(200);
    assert!(page.text().contains("25 changes are held back") && page.text().contains("Leaves the team"));
    let form = page.form("/approve");
    root.post_form(&form.action, &form.fields).is(303);
    assert_eq!(members(&own, &core), 0);
    // The bounds are settings.
    let wide = Server::start(Setup::default().env("BAILIWICK_PROVISIONING_FUSE_ACCOUNTS", "100"));
    let own = wide.person("ann", "admin").client;
    let all = people(&own, 25);
    let core = team(&own, "core", &all);
    patch(&own, &format!("/Groups/{core}"), json!({"op": "remove", "path": "members"})).is(204);
    assert_eq!(members(&own, &core), 0);
}

#[test]
fn a_dry_run_runs_into_the_same_wall_and_leaves_nothing() {
    let Office { root, okta, .. } = &office();
    let all = people(okta, 3);
    let dry = |id: &str| {
        let body =
            json!({"schemas": [PATCH], "Operations": [{"op": "replace", "value": {"active": false}}]}).to_string();
        let headers = [("content-type", "application/scim+json"), ("x-dry-run", "true")];
        okta.send("PATCH", &format!("/scim/v2/Users/{id}"), &headers, Some(body.as_bytes()))
    };
    assert_eq!(dry(&all[0]).is(200).json()["active"], false, "what would be");
    assert!(is_active(okta, &all[0]), "what is");
    let said = root.page(PAGE).is(200).text();
    assert!(said.contains("200, dry run"), "{said}");
}

#[test]
fn a_local_account_is_listed_and_handed_over_by_an_admin_only() {
    let Office { server, root, okta } = &office();
    let local = server.person("lena", "member");
    let found = send(okta, "GET", "/Users?filter=userName%20eq%20%22lena%22", None).is(200).json();
    assert_eq!(found["Resources"][0]["id"], local.id.as_str(), "matching needs to see it: {found}");
    let mail = json!({"op": "replace", "path": "emails[type eq \"work\"].value", "value": "taken@evil.example"});
    for attempt in [
        patch(okta, &format!("/Users/{}", local.id), mail.clone()),
        switch(okta, &local.id, false),
        send(okta, "DELETE", &format!("/Users/{}", local.id), None),
    ] {
        held(attempt);
    }
    let now = send(okta, "GET", &format!("/Users/{}", local.id), None).is(200).json();
    assert!(now["active"] == true && now["emails"][0]["value"] == "lena@example.com", "{now}");
    let page = root.page(PAGE).is(200);
    assert!(page.text().contains("Local accounts that a connection wants"), "{}", page.text());
    let answer = |answer: &str| {
        let form = root.page(PAGE).is(200).form("/adoption");
        let mut fields = form.fields.clone();
        fields.push(("answer".into(), answer.into()));
        root.post_form(&form.action, &fields).is(303);
    };
    answer("keep");
    assert!(switch(okta, &local.id, false).is(403).body.contains("refused"));
    assert!(!root.page(PAGE).is(200).text().contains("Local accounts that a connection wants"));
    let other = server.person("otto2", "member");
    held(switch(okta, &other.id, false));
    answer("give");
    switch(okta, &other.id, false).is(200);
    // A connection that may take over is not asked, and the mark has its event.
    let entra = Client::new(&server.url).bearer(&connect(root, "Entra ID", &[("adopts", "on")]));
    switch(&entra, &local.id, false).is(200);
    held_by_another(&switch(&entra, &other.id, true));
    // A key of a person acts on all, as W&B's scripts expect.
    let own = server.person("ann", "admin").client;
    switch(&own, &other.id, true).is(200);
}

fn held_by_another(reply: &Reply) {
    assert!(reply.status == 403 && reply.body.contains("managed by the connection Okta"), "{reply:?}");
}

#[test]
fn a_team_is_managed_or_local_each_by_itself() {
    let Office { server, root, okta } = &office();
    let (ann, ben) = (server.person("ann", "admin"), server.person("ben", "member"));
    let p = person(okta, "pia");
    let theirs = team(okta, "theirs", std::slice::from_ref(&p));
    ann.client.create_team("ours", Some("ann")).is(200);
    // Local admins look after the local team, with a directory at work or not; the directory does not.
    ann.client.invite("ours", "ben", false).is(200);
    let ours = send(okta, "GET", "/Groups?filter=displayName%20eq%20%22ours%22", None).is(200).json();
    let ours = ours["Resources"][0]["id"].as_str().unwrap().to_owned();
    let add = |who: &str| json!({"op": "add", "path": "members", "value": [{"value": who}]});
    held(patch(okta, &format!("/Groups/{ours}"), add(&p)));
    assert_eq!(members(okta, &ours), 2);
    // The members of the managed one are not changed by hand, and the sentence says where to.
    let refused = ann.client.invite("theirs", "ben", false).is(403).message();
    assert!(refused.contains("Okta") && refused.contains("Provisioning"), "{refused}");
    let mark = |team: &str, by: Option<&str>| {
        let page = root.page(PAGE).is(200);
        let chosen = by.map_or_else(String::new, |name| option(&page, name));
        let form = page.form("/team");
        let csrf = form.fields.iter().find(|(n, _)| n == "csrf").unwrap().clone();
        let fields = vec![csrf, ("team".into(), team.into()), ("by".into(), chosen)];
        root.post_form("/console/provisioning/team", &fields).is(303);
    };
    mark("theirs", None);
    ann.client.invite("theirs", "ben", false).is(200);
    held(patch(okta, &format!("/Groups/{theirs}"), json!({"op": "remove", "path": "members"})));
    mark("ours", Some("Okta"));
    patch(okta, &format!("/Groups/{ours}"), add(&p)).is(204);
    assert_eq!(members(okta, &ours), 3);
    ann.client.invite("ours", &ben.username, false).is(403);
}

/// The value of the choice with this label.
fn option(page: &Reply, label: &str) -> String {
    let at = page.body.find(&format!(">{label}</option>")).unwrap_or_else(|| panic!("no {label}"));
    let head = &page.body[..at];
    let value = &head[head.rfind("value=\"").unwrap() + 7..];
    value[..value.find('"').unwrap()].to_owned()
}

#[test]
fn a_connections_key_opens_nothing_but_provisioning() {
    let Office { server, root, okta } = &office();
    let ann = server.person("ann", "admin");
    send(okta, "GET", "/Users", None).is(200);
    send(okta, "GET", "/Me", None);
    okta.get("/admin/audit_logs").is(403);
    let generate = "mutation { generateApiKey(input: {description: \"x\"}) { apiKey { id } } }";
    okta.refused(403, generate, json!({}));
    okta.upsert_project("ann", "stolen", None).is(404);
    // It is nobody among the people, and provisioning cannot touch it.
    let listed = send(okta, "GET", "/Users", None).json();
    assert_eq!(listed["totalResults"], 2, "{listed}");
    assert!(!root.page("/console/users").is(200).text().contains("scim-Okta"));
    // A member's key, a viewer's, and none.
    for role in ["member", "viewer"] {
        let refused = send(&server.person(&format!("the-{role}"), role).client, "GET", "/Users", None).is(403);
        assert_eq!(refused.json()["status"], "403");
    }
    send(&server.anonymous(), "GET", "/Users", None).is(401);
    // A new key ends the old one, and removing the connection ends it all.
    let renewed = {
        let form = root.page(PAGE).is(200).form("/renew");
        let answer = root.post_form(&form.action, &form.fields).is(200);
        let shown = html::elements(&answer.body, "button");
        shown.iter().find_map(|b| b.get("data-copy").filter(|t| t.len() == 40)).unwrap().clone()
    };
    send(okta, "GET", "/Users", None).is(401);
    let okta = Client::new(&server.url).basic("anything", &renewed);
    let made = person(&okta, "nora");
    let form = root.page(PAGE).is(200).form("/remove");
    root.post_form(&form.action, &form.fields).is(303);
    send(&okta, "GET", "/Users", None).is(401);
    assert!(is_active(&ann.client, &made), "whom it made stays");
}

#[test]
fn a_connection_can_be_answered_in_one_dialect_whatever_it_asks_for() {
    let Office { server, root, .. } = &office();
    let wandb = Client::new(&server.url).bearer(&connect(root, "scripts", &[("speech", "wandb")]));
    let made = person(&wandb, "dana");
    let shown = send(&wandb, "GET", &format!("/Users/{made}"), None).is(200).json();
    assert_eq!(shown["emails"]["Value"], "dana@example.com", "{shown}");
    let rfc = Client::new(&server.url).bearer(&connect(root, "strict", &[("speech", "rfc")]));
    let made = rfc.send("GET", &format!("/scim/Users/{made}"), &[("accept", "application/json")], None).is(200).json();
    assert_eq!(made["emails"][0]["value"], "dana@example.com", "{made}");
}

#[test]
fn the_page_lists_what_was_asked_how_it_ended_and_what_it_changed() {
    let Office { root, okta, .. } = &office();
    let empty = root.page(PAGE).is(200).text();
    assert!(empty.contains("Nothing was asked yet"), "{empty}");
    let made = person(okta, "rita");
    switch(okta, &made, false).is(200);
    send(okta, "GET", "/Users/unknown", None).is(404);
    let said = root.page(PAGE).is(200).text();
    for wanted in
        ["POST /scim/v2/Users", "PATCH /scim/v2/Users/", "GET /scim/v2/Users/unknown", "404", "created", "deactivated"]
    {
        assert!(said.contains(wanted), "{wanted:?} is not in {said}");
    }
    // Bounded, however much is asked.
    for _ in 0..60 {
        send(okta, "GET", "/Users?count=0", None).is(200);
    }
    let page = root.page(PAGE).is(200);
    assert!(page.body.len() < 100_000, "{}", page.body.len());
    assert_eq!(page.body.matches("<code class=\"small breaks\">").count(), 25);
}

#[test]
fn the_page_is_sound_wide_and_narrow_light_and_dark() {
    if !browser::present() {
        return;
    }
    let Office { server, root, okta } = &office();
    // Empty at first, then with all it can show.
    connect(root, "Entra ID of the research department", &[("adopts", "on"), ("speech", "rfc")]);
    let local = server.person("lena", "member");
    switch(okta, &local.id, false).is(403);
    let all = people(okta, 24);
    let core = team(okta, "Research and Development", &all);
    server.person("ann", "admin").client.create_team("ours", Some("ann")).is(200);
    held(patch(okta, &format!("/Groups/{core}"), json!({"op": "remove", "path": "members"})));
    held(send(okta, "DELETE", &format!("/Users/{}", all[0]), None));
    let report = browser::run(
        "pages.mjs",
        &json!({
            "url": server.url, "user": "root", "password": PASSWORD, "pages": [PAGE, "/"],
            "themes": ["light", "dark"], "widths": [1280, 390], "scripts": [true],
        }),
    );
    let wrong = judge(&report);
    assert!(wrong.is_empty(), "{wrong:#?}");
}
