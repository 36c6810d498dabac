//! SCIM as its callers speak it: both dialects, PATCH, lists, and errors held against RFC 7644 §3.12.

use super::{Client, Reply};
use serde_json::{Value, json};

pub const PATCH: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
pub const ERROR: &str = "urn:ietf:params:scim:api:messages:2.0:Error";

impl Client {
    /// One request below `/scim`; `path` begins with a slash, and with `/v2` for the RFC's dialect.
    pub fn scim(&self, method: &str, path: &str, body: &Value) -> Reply {
        let headers: &[(&str, &str)] = &[("content-type", "application/json")];
        let text = body.to_string();
        let (headers, body) = if body.is_null() { (&[][..], None) } else { (headers, Some(text.as_bytes())) };
        self.send(method, &format!("/scim{path}"), headers, body)
    }

    /// A resource that must be there.
    pub fn scim_get(&self, path: &str) -> Value {
        self.scim("GET", path, &Value::Null).is(200).json()
    }

    /// PATCH with these operations.
    pub fn scim_patch(&self, path: &str, operations: Value) -> Reply {
        self.scim("PATCH", path, &json!({"schemas": [PATCH], "Operations": operations}))
    }

    /// Makes a user named so: the id.
    pub fn scim_user(&self, name: &str) -> String {
        let body = json!({"userName": name, "emails": [{"value": format!("{name}@example.com"), "primary": true}]});
        id_of(&self.scim("POST", "/Users", &body).is(201).json())
    }

    /// A list with this query, in the RFC's dialect: total and resources.
    pub fn scim_list(&self, kind: &str, query: &[(&str, &str)]) -> (u64, Vec<Value>) {
        let mut encoded = url::form_urlencoded::Serializer::new(String::new());
        encoded.extend_pairs(query);
        let list = self.scim_get(&format!("/v2/{kind}?{}", encoded.finish()));
        (list["totalResults"].as_u64().unwrap(), list["Resources"].as_array().unwrap().clone())
    }
}

/// The id of a resource.
pub fn id_of(resource: &Value) -> String {
    resource["id"].as_str().unwrap_or_else(|| panic!("no id in {resource}")).to_owned()
}

/// A text of each resource.
pub fn texts(resources: &[Value], name: &str) -> Vec<String> {
    resources.iter().map(|r| r[name].as_str().unwrap_or_else(|| panic!("no {name} in {r}")).to_owned()).collect()
}

impl Reply {
    /// A SCIM error with this status and keyword; its sentence.
    #[track_caller]
    pub fn scim_error(&self, status: u16, kind: Option<&str>) -> String {
        assert_eq!(self.status, status, "{self:?}");
        let body = self.json();
        assert_eq!(body["schemas"], json!([ERROR]), "{self:?}");
        assert_eq!(body["status"], json!(status.to_string()), "{self:?}");
        assert_eq!(body["scimType"].as_str(), kind, "{self:?}");
        let detail = body["detail"].as_str().unwrap_or_else(|| panic!("no detail in {self:?}"));
        assert!(detail.len() > 8, "a sentence: {self:?}");
        detail.to_owned()
    }
}
