//! API keys: several per person, shown once, kept as hashes, accepted as Basic with any user name and as Bearer,
//! expiring and revoked one by one. Also the two health pages, which need none.

use crate::harness::{Client, PATIENCE, Server, World};
use serde_json::{Value, json};
use std::time::Instant;

const VIEWER: &str = "{ viewer { username apiKeys { edges { node { id name description } } } } }";

fn works(client: &Client) -> bool {
    let reply = client.graphql(VIEWER, json!({}));
    match reply.status {
        200 => reply.json()["data"]["viewer"].is_object(),
        401 => {
            reply.message();
            false
        }
        _ => panic!("{reply:?}"),
    }
}

fn keys(client: &Client) -> Vec<Value> {
    let data = client.data(VIEWER, json!({}));
    data["viewer"]["apiKeys"]["edges"].as_array().unwrap().iter().map(|e| e["node"].clone()).collect()
}

fn generate(client: &Client, description: &str) -> Value {
    let data = client.data(
        "mutation GenerateApiKey($description: String) {
            result: generateApiKey(input: {description: $description}) { apiKey { id name description } } }",
        json!({"description": description}),
    );
    data["result"]["apiKey"].clone()
}

fn delete(client: &Client, id: &str) -> crate::harness::Reply {
    let query = "mutation DeleteApiKey($id: String!) { result: deleteApiKey(input: {id: $id}) { success } }";
    client.graphql(query, json!({"id": id}))
}

#[test]
fn f311_keys_are_accepted_as_basic_with_any_user_name_and_as_bearer() {
    let server = Server::plain();
    server.person("root", "admin");
    let made = server.cli(&["api-key", "create", "root", "--name", "laptop", "--json"]).json();
    let key = made["key"].as_str().unwrap();
    assert!(key.len() == 40 && key.bytes().all(|b| b.is_ascii_alphanumeric()), "{key}");
    assert!(key.starts_with(made["id"].as_str().unwrap()), "the id is the key's public beginning: {made}");
    let anonymous = server.anonymous();
    for user in ["api", "root", "somebody-else", ""] {
        assert!(works(&anonymous.basic(user, key)), "Basic {user:?}");
    }
    assert!(works(&anonymous.bearer(key)));
    // Without --json the key stands alone on stdout, for a script's sake.
    let plain = server.cli(&["api-key", "create", "root"]).ok();
    let shown = plain.stdout.split_whitespace().find(|word| word.len() == 40).unwrap();
    assert!(works(&anonymous.key(shown)));
}

#[test]
fn f311_several_keys_shown_once_and_revoked_one_by_one() {
    let server = Server::plain();
    let root = server.person("root", "admin");
    let (one, two) = (generate(&root.client, "laptop"), generate(&root.client, "cluster"));
    let secret = |made: &Value| made["name"].as_str().unwrap().to_owned();
    assert_ne!(secret(&one), secret(&two));
    let listed = keys(&root.client);
    assert_eq!(listed.len(), 3, "{listed:?}");
    let text = serde_json::to_string(&listed).unwrap();
    for key in [&secret(&one), &secret(&two), &root.key] {
        assert!(!text.contains(key.as_str()), "a secret is not shown again");
    }
    assert!(listed.iter().any(|k| k["description"] == "laptop"), "{listed:?}");
    let gone = listed.iter().find(|k| k["description"] == "laptop").unwrap();
    delete(&root.client, gone["id"].as_str().unwrap()).is(200);
    assert!(!works(&server.anonymous().key(&secret(&one))));
    assert!(works(&server.anonymous().key(&secret(&two))));
    assert!(works(&root.client));
    // Gone is gone: a second time says so and nothing else happens.
    let again = delete(&root.client, gone["id"].as_str().unwrap());
    assert!((400..500).contains(&again.status), "{again:?}");
    assert_eq!(keys(&root.client).len(), 2);
}

#[test]
fn f311_a_key_expires() {
    let server = Server::plain();
    server.person("root", "admin");
    let made = server.cli(&["api-key", "create", "root", "--expires-in", "2s", "--json"]).json();
    let lasting = server.cli(&["api-key", "create", "root", "--expires-in", "90d", "--json"]).json();
    let client = server.anonymous().key(made["key"].as_str().unwrap());
    assert!(works(&client), "it lives at first");
    let until = Instant::now() + PATIENCE;
    while works(&client) {
        assert!(Instant::now() < until, "it never expired");
    }
    assert!(works(&server.anonymous().key(lasting["key"].as_str().unwrap())));
    for nonsense in ["soon", "-1d", "0d", "1", "d", "99999999999999999999d", ""] {
        let flag = format!("--expires-in={nonsense}");
        let out = server.cli(&["api-key", "create", "root", &flag, "--json"]);
        assert!(out.code == 1 || out.code == 2, "{nonsense:?}: {out:?}");
    }
}

#[test]
fn f311_only_its_owner_or_an_admin_revokes_a_key() {
    let world = World::new();
    let victim = keys(&world.member.client)[0]["id"].as_str().unwrap().to_owned();
    for (who, client) in world.everyone() {
        if matches!(who, "admin" | "member") {
            continue;
        }
        let reply = delete(&client, &victim);
        let expected: &[u16] = if matches!(who, "anonymous" | "deactivated") { &[401] } else { &[403, 404] };
        assert!(expected.contains(&reply.status), "{who}: {reply:?}");
        reply.message();
        assert!(works(&world.member.client), "{who} revoked a key that is not theirs");
    }
    delete(&world.admin.client, &victim).is(200);
    assert!(!works(&world.member.client));
}

#[test]
fn wrong_credentials_are_refused_whatever_their_shape() {
    let server = Server::plain();
    let root = server.person("root", "admin");
    let other = format!("{}{}", &root.key[..10], "x".repeat(30));
    let swapped: String = root.key.chars().map(|c| if c.is_lowercase() { c.to_ascii_uppercase() } else { c }).collect();
    let long = "a".repeat(4000);
    for key in [other.as_str(), &swapped, "", "short", &long, "aaaa.bbbb.cccc", "key with spaces", "схема"] {
        assert!(!works(&server.anonymous().key(key)), "{key:?}");
        if key.is_ascii() {
            assert!(!works(&server.anonymous().bearer(key.trim())), "{key:?}");
        }
    }
    let long = "a".repeat(6000);
    for header in ["Basic", "Basic ", "Basic !!!!", "Basic YQ==", "Bearer", "Digest x", "Negotiate", long.as_str()] {
        let headers = [("authorization", header), ("content-type", "application/json")];
        let body = json!({"query": VIEWER}).to_string();
        let reply = server.anonymous().send("POST", "/graphql", &headers, Some(body.as_bytes()));
        assert!(matches!(reply.status, 400 | 401 | 431), "{header:?}: {reply:?}");
    }
    // Asking without any credential is not an error of the client's: the answer is a 401 with a sentence.
    server.anonymous().graphql(VIEWER, json!({})).is(401).message();
}

/// Nothing in the data directory holds a secret in the clear.
#[test]
fn secrets_are_kept_as_hashes() {
    let server = Server::plain();
    let root = server.person_with_password("root", "admin");
    let browser = server.anonymous();
    assert_eq!(browser.sign_in("root", crate::harness::PASSWORD).status, 303);
    let mut secrets = vec![root.key.clone(), root.key[10..].to_owned(), crate::harness::PASSWORD.to_owned()];
    secrets.extend(browser.cookies().into_values().filter(|value| value.len() >= 20));
    assert!(secrets.len() > 3, "the session's secret is among them");
    let log = server.log();
    let data = server.stop();
    for entry in std::fs::read_dir(data.path()).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap_or_default();
        for secret in &secrets {
            let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found, "{} holds a secret", path.display());
        }
    }
    for secret in &secrets {
        assert!(!log.contains(secret.as_str()), "the log holds a secret");
    }
}

#[test]
fn f312_health_and_readiness_answer_without_credentials() {
    let server = Server::plain();
    for path in ["/healthz", "/ready"] {
        server.anonymous().get(path).is(200);
    }
    let root = server.person("root", "admin");
    assert!(works(&root.client));
    let metrics = server.anonymous().get("/metrics").is(200).body;
    assert!(metrics.contains("# TYPE"), "{metrics}");
    for private in ["root", "example.com", root.key.as_str()] {
        assert!(!metrics.contains(private), "labels come from enums only: {metrics}");
    }
}
