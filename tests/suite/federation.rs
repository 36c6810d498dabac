//! The token endpoint as clients meet it, with an issuer that forges whatever it is told to: the form, the answers, what an
//! access token opens, and what ends it. Every single check of a token is tested in the source tree; here is what goes over
//! the wire. The real client is in `federation_sdk`.

use crate::harness::provider::{Answer, Forger, Provider, now};
use crate::harness::world::{TEAM, deactivate};
use crate::harness::{Client, PASSWORD, Person, Reply, Server, Setup, World};
use crate::permissions::browser;
use serde_json::{Value, json};

const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

/// A server that trusts a forger, through the shell.
fn start(env: &[(&str, &str)]) -> (Server, Forger, Person) {
    let setup = Setup::default().env("BAILIWICK_ALLOW_LOOPBACK_ISSUERS", "true");
    let server = Server::start(env.iter().fold(setup, |setup, (key, value)| setup.env(key, value)));
    let forger = Forger::start();
    let root = server.person_with_password("root", "admin");
    let added = server.cli(&["issuer", "add", &forger.issuer, "--json"]).json();
    assert_eq!((&added["issuer"], &added["keys"]), (&json!(forger.issuer), &json!("discovery")));
    (server, forger, root)
}

/// A token for `sub` with these changes.
pub fn token(forger: &Forger, sub: &str, changes: &Value) -> String {
    let mut claims =
        json!({ "iss": forger.issuer, "sub": sub, "aud": "default", "iat": now(), "exp": now() + 300, "jti": "j-1" });
    changes.as_object().unwrap().iter().for_each(|(name, value)| claims[name.as_str()] = value.clone());
    forger.sign(&json!({ "alg": "ES256", "kid": "a" }), &claims)
}

/// The form as the wandb client sends it: the colons of the grant type are not encoded.
pub fn exchange(client: &Client, assertion: &str) -> Reply {
    client.send("POST", "/oidc/token", &[FORM], Some(format!("grant_type={GRANT}&assertion={assertion}").as_bytes()))
}

/// The access token for a token of `sub`.
fn given(client: &Client, forger: &Forger, sub: &str) -> String {
    let reply = exchange(client, &token(forger, sub, &json!({}))).is(200);
    reply.json()["access_token"].as_str().unwrap().to_owned()
}

/// The sentence of a refusal in the form of RFC 6749.
pub fn refused(reply: &Reply, status: u16, code: &str) -> String {
    let body = reply.json();
    assert_eq!((reply.status, body["error"].as_str()), (status, Some(code)), "{reply:?}");
    assert!(body["access_token"].is_null());
    let said = body["error_description"].as_str().unwrap_or_else(|| panic!("no sentence: {reply:?}"));
    assert!(said.len() > 20 && said.bytes().all(|b| matches!(b, 0x20..=0x7e) && !b"\"\\".contains(&b)), "{said}");
    said.to_owned()
}

const VIEWER: &str = "query { viewer { username email } }";

#[test]
fn f075_f076_f094_the_endpoint_answers_as_the_client_reads_it_and_the_token_opens_every_surface() {
    let (server, forger, root) = start(&[]);
    let (mia, anyone) = (server.person("mia", "member"), server.anonymous());
    let text = token(&forger, "mia@example.com", &json!({}));
    let reply = exchange(&anyone, &text).is(200);
    let body = reply.json();
    assert_eq!((body["token_type"].as_str(), body["expires_in"].as_i64()), (Some("Bearer"), Some(3_600)), "{body}");
    assert_eq!(
        (reply.header("cache-control"), reply.header("content-type")),
        (Some("no-store"), Some("application/json"))
    );
    assert!(reply.header("set-cookie").is_none());
    let access = body["access_token"].as_str().unwrap();
    for client in [anyone.bearer(access), anyone.key(access), anyone.basic("", access)] {
        assert_eq!(client.data(VIEWER, json!({}))["viewer"]["username"], "mia");
        let who = client.get("/access/v1/subject").is(200).json();
        assert_eq!(
            (&who["username"], who["credential"]["id"].as_str().map(str::len)),
            (&json!("mia"), Some(16)),
            "{who}"
        );
        client.get("/scim/Users").is(403);
    }
    anyone.bearer(&given(&anyone, &forger, "root@example.com")).get("/scim/Users").is(200);
    assert_eq!(mia.client.data(VIEWER, json!({}))["viewer"]["username"], "mia", "keys work beside it");

    let whole = |more: &str| format!("grant_type={GRANT}&{more}");
    let send =
        |kind: &str, body: &str| anyone.send("POST", "/oidc/token", &[("content-type", kind)], Some(body.as_bytes()));
    for (kind, body, code) in [
        (FORM.1, "assertion=x".to_owned(), "invalid_request"),
        (FORM.1, whole(""), "invalid_request"),
        (FORM.1, whole(&format!("assertion={text}&assertion={text}")), "invalid_request"),
        (FORM.1, String::new(), "invalid_request"),
        ("application/json", json!({ "grant_type": GRANT, "assertion": text }).to_string(), "invalid_request"),
        ("", whole(&format!("assertion={text}")), "invalid_request"),
        (FORM.1, format!("grant_type=client_credentials&assertion={text}"), "unsupported_grant_type"),
        (FORM.1, "grant_type=password&username=mia&password=x".to_owned(), "unsupported_grant_type"),
        (FORM.1, whole("assertion=nonsense"), "invalid_grant"),
        (FORM.1, whole(&format!("assertion={}", mia.key)), "invalid_grant"),
        (FORM.1, whole(&format!("assertion={access}")), "invalid_grant"),
        (FORM.1, whole(&format!("assertion={}", "a".repeat(100_000))), "invalid_grant"),
        (FORM.1, whole("assertion=%FF%FE%00"), "invalid_grant"),
    ] {
        refused(&send(kind, &body), 400, code);
    }
    // A token of 1 MB is not read at all.
    refused(&send(FORM.1, &whole(&format!("assertion={}", "a".repeat(1_000_000)))), 413, "invalid_request");
    assert_eq!(anyone.get("/oidc/token").status, 405);
    // What is for one purpose is worth nothing for another.
    anyone.bearer(&text).get("/access/v1/subject").is(401);
    let jar = anyone.fresh();
    jar.set_cookie("bailiwick", access);
    assert_eq!(jar.page("/console/account").status, 303);
    jar.get("/access/v1/subject").is(401);
    // No token is in the log or the audit log; issuer, subject and token id are.
    let events = root.client.get("/admin/audit_logs").is(200).body;
    assert!(!events.contains(access) && !events.contains(&text), "{events}");
    assert!(!server.log().contains(access) && !server.log().contains(&text));
    let metrics = anyone.get("/metrics").is(200).body;
    assert!(metrics.contains("bailiwick_tokens_exchanged_total 2"), "{metrics}");
}

#[test]
fn f074_f088_f091_what_ends_an_issuer_or_an_account_ends_their_tokens_at_the_next_request() {
    let (server, forger, root) = start(&[]);
    let (mia, anyone) = (server.person("mia", "member"), server.anonymous());
    let by_mia = anyone.bearer(&given(&anyone, &forger, "mia@example.com"));
    by_mia.get("/access/v1/subject").is(200);
    deactivate(&root, &mia);
    let said = by_mia.graphql(VIEWER, json!({})).is(401).message();
    assert!(said.contains("The account mia is deactivated"), "{said}");
    let again = exchange(&anyone, &token(&forger, "mia@example.com", &json!({})));
    assert!(refused(&again, 400, "invalid_grant").contains("The account mia is deactivated"));

    let by_root = anyone.key(&given(&anyone, &forger, "root@example.com"));
    by_root.get("/scim/Users").is(200);
    // Another issuer's key, under the same name.
    let other = Forger::start();
    let claims = json!({ "iss": forger.issuer, "sub": "root@example.com", "aud": "default", "exp": now() + 300 });
    let forged = other.sign(&json!({ "alg": "ES256", "kid": "a" }), &claims);
    assert!(refused(&exchange(&anyone, &forged), 400, "invalid_grant").contains("signature"));
    let foreign = token(&other, "root@example.com", &json!({}));
    assert!(refused(&exchange(&anyone, &foreign), 400, "invalid_grant").contains("is trusted here"));
    // Its keys change, and one exchange is enough to notice.
    forger.tell("/keys", Answer::Text(200, json!({ "keys": [other.jwk("b")] }).to_string()));
    let rotated = other.sign(&json!({ "alg": "ES256", "kid": "b" }), &claims);
    exchange(&anyone, &rotated).is(200);

    let listed = server.cli(&["issuer", "list", "--json"]).json();
    assert_eq!(
        (listed[0]["issuer"].as_str(), listed.as_array().unwrap().len()),
        (Some(forger.issuer.as_str()), 1),
        "{listed}"
    );
    server.cli(&["issuer", "remove", &forger.issuer]).ok();
    let said = by_root.get("/access/v1/subject").is(401);
    assert!(said.body.contains("not trusted any more"), "{said:?}");
    assert_eq!(server.cli(&["issuer", "list", "--json"]).json(), json!([]));
    server.cli(&["issuer", "remove", &forger.issuer]).failed(1);
    server.cli(&["issuer", "add", "ftp://idp.example"]).failed(1);
    server.cli(&["issuer", "add", "https://127.0.0.1:1/nobody"]).failed(1);
}

#[test]
fn f082_f071_pasted_keys_by_the_shell_and_any_audience_where_the_operator_says_so() {
    let (server, forger, _) = start(&[("SKIP_AUDIENCE_VALIDATION", "true")]);
    let (_mia, anyone) = (server.person("mia", "member"), server.anonymous());
    // F071: metadata first, then the keys they name.
    exchange(&anyone, &token(&forger, "mia@example.com", &json!({ "aud": "something else" }))).is(200);
    assert!(!forger.asked("/.well-known/openid-configuration").is_empty() && !forger.asked("/keys").is_empty());
    let far = "https://kubernetes.default.svc";
    let keys = server.data.file("keys.json", &json!({ "keys": [forger.jwk("a")] }).to_string());
    let added = server.cli(&["issuer", "add", far, "--jwks-file", &keys, "--org", "default", "--json"]).json();
    assert_eq!(added["keys"], "pasted");
    exchange(&anyone, &token(&forger, "mia@example.com", &json!({ "iss": far }))).is(200);
    server.cli(&["issuer", "add", far, "--jwks-file", &keys]).failed(1);
    server.cli(&["issuer", "add", "https://other.example", "--jwks-file", "/nowhere"]).failed(1);
    server.cli(&["issuer", "add", "https://other.example", "--org", "nobody"]).failed(1);
}

#[test]
fn f070_f082_issuers_are_looked_after_in_the_console_and_tokens_tried_without_a_trace() {
    let (server, forger, _) = start(&[("SKIP_AUDIENCE_VALIDATION", "true")]);
    let (mia, root) = (server.person_with_password("mia", "member"), server.anonymous());
    root.sign_in("root", PASSWORD).is(303);
    server.cli(&["issuer", "remove", &forger.issuer]).ok();
    let list = "/console/issuers";
    let empty = root.page(list).is(200).text();
    assert!(empty.contains("Set up JWT issuer") && empty.contains("No issuer is trusted yet"), "{empty}");
    assert!(empty.contains("Tokens are taken whatever they are for"), "{empty}");
    assert!(root.page("/").text().contains("SKIP_AUDIENCE_VALIDATION is set"), "on every page of an administrator");
    // What is refused is shown in the form that sent it, and nothing is kept.
    for (fill, said) in [
        (vec![("url", "https://127.0.0.1:1")], "refuses connections"),
        (vec![("url", "ftp://idp.example")], "does not begin with https"),
        (vec![("url", forger.issuer.as_str()), ("age", "soon")], "no length of time"),
        (vec![("url", forger.issuer.as_str()), ("stale", "tomorrow")], "no date"),
        (vec![("url", forger.issuer.as_str()), ("algorithm", "none")], "not an algorithm"),
        (vec![("url", forger.issuer.as_str()), ("keys", "pasted")], "Paste the issuer's key set"),
        (vec![("url", forger.issuer.as_str()), ("keys", "pasted"), ("jwks", "{}")], "no list"),
        (vec![("url", forger.issuer.as_str()), ("own_ca", "on"), ("ca", "x")], "PEM"),
    ] {
        let again = root.submit(list, list, &fill).is(400);
        assert!(again.text().contains(said), "{fill:?}: {}", again.text());
        assert!(again.body.contains(&format!("value=\"{}\"", fill[0].1)), "what was typed is still there");
    }
    let made = root.submit(list, list, &[("url", &forger.issuer), ("audiences", "api://ml  other")]).is(303);
    let page = made.header("location").unwrap().to_owned();
    let shown = root.page(&page).is(200);
    assert!(
        shown.text().contains("Keys discovered") && shown.body.contains("value=\"api://ml other\""),
        "{}",
        shown.body
    );
    assert!(root.page(list).text().contains("Add JWT issuer"));

    // The bench, with tokens good and bad: every step, and nothing is written.
    let events = |root: &Client| root.page("/console/audit").is(200).body.matches("class=\"event").count();
    let before = events(&root);
    let tried = |text: &str| root.submit(&page, "/try", &[("token", text)]).is(200).text();
    let good = token(&forger, "mia@example.com", &json!({}));
    let said = tried(&good);
    assert!(said.contains("An access token of mia for 60 minutes") && !said.contains("Failed:"), "{said}");
    for (changes, said) in
        [(json!({ "exp": now() - 900 }), "ended 9"), (json!({ "sub": "x@example.com" }), "Nobody here")]
    {
        let shown = tried(&token(&forger, "mia@example.com", &changes));
        assert!(shown.contains("Failed:") && shown.contains(said), "{shown}");
    }
    assert!(root.submit(&page, "/check", &[]).is(200).text().contains("1 for checking signatures"));
    assert_eq!(events(&root), before, "nothing is written");
    let page_source = root.submit(&page, "/try", &[("token", &good)]).body;
    assert!(!page_source.contains(&good), "a token is not shown again");

    // Terms: pasted keys with a day, an allow-list of one.
    let keys = json!({ "keys": [forger.jwk("a")] }).to_string();
    let terms = [("keys", "pasted"), ("jwks", keys.as_str()), ("stale", "2026-01-31"), ("algorithm", "RS256")];
    root.submit(&page, "/save", &terms).is(303);
    let shown = root.page(&page).text();
    assert!(shown.contains("went stale on 2026-01-31") && shown.contains("Pasted keys go stale"), "{shown}");
    assert!(
        root.page("/console/audit").text().contains("Pasted keys go stale"),
        "administrators are reminded everywhere"
    );
    let anyone = server.anonymous();
    assert!(refused(&exchange(&anyone, &good), 400, "invalid_grant").contains("believed with RS256 only"));
    root.submit(&page, "/save", &[("algorithm", "ES256"), ("stale", "")]).is(303);
    let access = given(&anyone, &forger, "mia@example.com");
    // The refusals of the issuer are on its page, and the log speaks plainly.
    assert!(root.page(&page).text().contains("could not exchange a token of"));
    let log = root.page("/console/audit").text();
    for line in ["mia exchanged a token of", "root trusted the issuer", "root changed the terms of the issuer"] {
        assert!(log.contains(line), "{line}: {log}");
    }
    // Nobody else.
    let member = server.anonymous();
    member.sign_in("mia", PASSWORD).is(303);
    assert_eq!((member.page(list).status, member.page(&page).status), (403, 403));
    assert!(!member.page("/").text().contains("SKIP_AUDIENCE_VALIDATION"));
    root.submit(&page, "/remove", &[]).is(303);
    assert_eq!(root.page(&page).status, 404);
    anyone.bearer(&access).get("/access/v1/subject").is(401);
    drop(mia);
}

/// The tokens that a certified provider gives machines: JWT access tokens (RFC 9068) by client credentials.
#[test]
fn f090_a_real_providers_client_credentials_act_as_the_service_account_of_the_client() {
    let Some(provider) = Provider::start() else { return };
    let world = World::with(Setup::default().env("BAILIWICK_ALLOW_LOOPBACK_ISSUERS", "true"));
    provider.serve(&world.server, json!({}));
    world.server.cli(&["issuer", "add", &provider.issuer]).ok();
    let there = Client::new(&provider.issuer);
    let token = || {
        let form = b"grant_type=client_credentials&client_id=pipeline&client_secret=a-pipeline-secret&resource=urn:ml";
        let reply = there.send("POST", "/token", &[FORM], Some(form)).is(200).json();
        reply["access_token"].as_str().unwrap_or_else(|| panic!("{reply}")).to_owned()
    };
    let unknown = refused(&exchange(&world.anonymous, &token()), 400, "invalid_grant");
    assert!(unknown.contains("'pipeline'"), "{unknown}");
    let tess = browser(&world, &world.team_admin);
    let fill = [("about", "cluster"), ("method", "federated"), ("subject", "pipeline")];
    tess.submit(&format!("/{TEAM}/service-accounts"), "/service-accounts", &fill).is(303);
    let access = exchange(&world.anonymous, &token()).is(200).json()["access_token"].as_str().unwrap().to_owned();
    let machine = world.anonymous.bearer(&access);
    assert_eq!(machine.data(VIEWER, json!({}))["viewer"], json!({ "username": "service-cluster", "email": null }));
    // It has its team, and nothing of what a person has.
    machine.upsert_project(TEAM, "fusion", None).is(200);
    assert!(
        machine
            .refused(403, "mutation { generateApiKey(input: {description: \"x\"}) { apiKey { id } } }", json!({}))
            .len()
            > 8
    );
    machine.get("/scim/Users").is(403);
}
