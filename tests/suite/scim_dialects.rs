//! What seven provisioning clients send, replayed: `tests/data/scim/*.json` holds a whole cycle of each (connect, push people
//! and groups, rename, move, deactivate, reactivate, delete), every step with the page or thread it comes from. After every
//! step the stored state is read back: an answer of 200 to what was not applied is the failure that hurts people.
//!
//! Each client comes by a connection that was made for it on the provisioning page.

use crate::harness::{Client, PASSWORD, Reply, Server, Setup, html};
use serde_json::Value;
use std::collections::BTreeMap;

/// An administrator in a browser.
pub fn signed_in(server: &Server, name: &str) -> Client {
    let person = server.person_with_password(name, "admin");
    let browser = server.anonymous();
    browser.sign_in(&person.username, PASSWORD).is(303);
    browser
}

/// Makes a connection on the provisioning page and takes the key that is shown once.
pub fn connect(root: &Client, name: &str, fill: &[(&str, &str)]) -> String {
    let page = root.page("/console/provisioning").is(200);
    let forms = html::forms(&page.body);
    let form = forms.iter().find(|f| f.action == "/console/provisioning").expect("the form for a new connection");
    let is_filled = |field: &str| field == "name" || fill.iter().any(|(name, _)| *name == field);
    let mut fields: Vec<_> = form.fields.iter().filter(|(field, _)| !is_filled(field)).cloned().collect();
    fields.push(("name".into(), name.into()));
    fields.extend(fill.iter().map(|(field, value)| ((*field).to_owned(), (*value).to_owned())));
    let made = root.post_form(&form.action, &fields).is(200);
    let shown = html::elements(&made.body, "button");
    let key = shown.iter().find_map(|b| b.get("data-copy").filter(|text| text.len() == 40)).expect("a key");
    key.clone()
}

struct Play<'a> {
    client: Client,
    headers: Vec<(String, String)>,
    base: &'a str,
    saved: BTreeMap<String, String>,
    name: &'a str,
}

impl Play<'_> {
    /// `{name}` becomes what was saved under it.
    fn filled(&self, text: &str) -> String {
        let mut out = text.to_owned();
        for (name, value) in &self.saved {
            out = out.replace(&format!("{{{name}}}"), value);
        }
        out
    }

    fn filled_json(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.filled(text)),
            Value::Array(items) => items.iter().map(|v| self.filled_json(v)).collect(),
            Value::Object(map) => map.iter().map(|(k, v)| (k.clone(), self.filled_json(v))).collect(),
            other => other.clone(),
        }
    }

    fn send(&self, method: &str, path: &str, body: Option<&Value>) -> Reply {
        let path = format!("{}{}", self.base, address(&self.filled(path)));
        let headers: Vec<(&str, &str)> = self.headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let body = body.map(|b| self.filled_json(b).to_string());
        self.client.send(method, &path, &headers, body.as_deref().map(str::as_bytes))
    }

    fn step(&mut self, n: usize, step: &Value) {
        let text = |key: &str| step[key].as_str().unwrap_or_default();
        let at = format!("{} step {n}, {}", self.name, text("say"));
        let reply = self.send(text("method"), text("path"), step.get("body"));
        let fits = match &step["status"] {
            Value::Array(all) => all.iter().any(|s| *s == reply.status),
            one => *one == reply.status,
        };
        assert!(fits, "{at}: {} instead of {}: {}", reply.status, step["status"], reply.body);
        assert!(
            reply.body.is_empty()
                || reply.header("content-type").is_some_and(|t| t.starts_with("application/scim+json")),
            "{at}: {:?}",
            reply.headers
        );
        if let Some(answer) = step.get("answer") {
            contains(&reply.json(), &self.filled_json(answer), &at);
        }
        for (name, pointer) in step["save"].as_object().into_iter().flatten() {
            let body = reply.json();
            let value = body.pointer(pointer.as_str().unwrap()).and_then(Value::as_str);
            self.saved.insert(name.clone(), value.unwrap_or_else(|| panic!("{at}: no {pointer} in {body}")).to_owned());
        }
        for stored in step["stored"].as_array().into_iter().flatten() {
            let path = stored["path"].as_str().unwrap();
            let found = self.send("GET", path, None);
            if stored["gone"] == true {
                assert_eq!(found.status, 404, "{at}: {path} is still there: {}", found.body);
            } else {
                assert_eq!(found.status, 200, "{at}: {path}: {}", found.body);
                contains(&found.json(), &self.filled_json(&stored["is"]), &format!("{at}, stored {path}"));
            }
        }
    }
}

/// Percent-encodes what a client library would; what is encoded already stays.
fn address(path: &str) -> String {
    path.bytes()
        .map(|b| match b {
            b' ' | b'"' | b'[' | b']' | b'\\' => format!("%{b:02X}"),
            _ => char::from(b).to_string(),
        })
        .collect()
}

/// Objects have what is wanted, null meaning nothing; lists have as many, in any order.
fn contains(found: &Value, wanted: &Value, at: &str) {
    if let Err(why) = fits(found, wanted, "") {
        panic!("{at}: {why}\nwanted {wanted}\nfound  {found}");
    }
}

fn fits(found: &Value, wanted: &Value, path: &str) -> Result<(), String> {
    match (found, wanted) {
        (Value::Object(found), Value::Object(wanted)) => {
            for (key, value) in wanted {
                let empty = value.is_null() || value.as_array().is_some_and(Vec::is_empty);
                match found.get(key) {
                    Some(inside) if !(value.is_null()) => fits(inside, value, &format!("{path}.{key}"))?,
                    Some(inside) if !inside.is_null() => return Err(format!("{path}.{key} is {inside}, not absent")),
                    None if !empty => return Err(format!("{path}.{key} is missing")),
                    _ => {}
                }
            }
            Ok(())
        }
        (Value::Null, Value::Array(wanted)) if wanted.is_empty() => Ok(()),
        (Value::Array(found), Value::Array(wanted)) => {
            if found.len() != wanted.len() {
                return Err(format!("{path} has {} entries, not {}", found.len(), wanted.len()));
            }
            let mut left: Vec<&Value> = found.iter().collect();
            for value in wanted {
                let Some(at) = left.iter().position(|inside| fits(inside, value, path).is_ok()) else {
                    return Err(format!("{path} has no {value}"));
                };
                left.remove(at);
            }
            Ok(())
        }
        _ if found == wanted => Ok(()),
        _ => Err(format!("{path} is {found}, not {wanted}")),
    }
}

fn replay(name: &str) {
    let path = format!("{}/tests/data/scim/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let data: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let steps = data["steps"].as_array().unwrap();
    let sources = data["sources"].as_array().unwrap();
    assert!(sources.iter().all(|s| s["gives"].is_string() && (s["url"].is_string() || s["file"].is_string())));
    // A cycle takes from more people than the fuse of so small an organization lets pass; it has its own tests.
    let server = Server::start(Setup::default().env("BAILIWICK_PROVISIONING_FUSE_PERCENT", "100"));
    let key = connect(&signed_in(&server, "root"), name, &[]);
    let headers = data["headers"].as_object().unwrap();
    let mut play = Play {
        client: Client::new(&server.url).bearer(&key),
        headers: headers.iter().map(|(n, v)| (n.to_lowercase(), v.as_str().unwrap().to_owned())).collect(),
        base: data["base"].as_str().unwrap(),
        saved: BTreeMap::new(),
        name,
    };
    for (n, step) in steps.iter().enumerate() {
        assert!(sources.get(usize::try_from(step["source"].as_u64().unwrap()).unwrap()).is_some(), "{step}");
        play.step(n + 1, step);
    }
    // Every word of the cycle was there.
    let said: Vec<&str> = steps.iter().map(|s| s["method"].as_str().unwrap()).collect();
    assert!(["GET", "POST", "DELETE"].iter().all(|m| said.contains(m)), "{said:?}");
}

#[test]
fn okta_ends_in_the_right_state() {
    replay("okta");
}

#[test]
fn entra_with_the_compliance_flag_ends_in_the_right_state() {
    replay("entra");
}

#[test]
fn entra_without_the_compliance_flag_ends_in_the_right_state() {
    replay("entra-flag-off");
}

#[test]
fn onelogin_ends_in_the_right_state() {
    replay("onelogin");
}

#[test]
fn jumpcloud_ends_in_the_right_state() {
    replay("jumpcloud");
}

#[test]
fn keycloaks_client_ends_in_the_right_state() {
    replay("keycloak");
}

#[test]
fn authentik_ends_in_the_right_state() {
    replay("authentik");
}

#[test]
fn the_comparison_tells_wrong_from_right() {
    let json = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    let found = json(r#"{"a":1,"m":[{"v":"x","d":"y"},{"v":"z"}],"n":null}"#);
    for right in [r#"{"a":1}"#, r#"{"m":[{"v":"z"},{"v":"x"}]}"#, r#"{"b":null,"n":null,"o":[]}"#, r#"{"n":[]}"#] {
        assert_eq!(fits(&found, &json(right), ""), Ok(()), "{right}");
    }
    for wrong in [r#"{"a":2}"#, r#"{"b":1}"#, r#"{"m":[]}"#, r#"{"m":[{"v":"x"},{"v":"x"}]}"#, r#"{"a":null}"#] {
        assert!(fits(&found, &json(wrong), "").is_err(), "{wrong}");
    }
}
