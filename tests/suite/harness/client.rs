//! An HTTP client as the surfaces see their callers: Basic, Bearer or a cookie jar, redirects never followed, every
//! status an answer. Forms are sent as a browser sends them, hidden fields and `Origin` included.
//! It knows nothing of people; see `world` for those.

use super::{PATIENCE, html};
use base64::Engine;
use parking_lot::Mutex;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use ureq::http;

/// What a request carries to say who asks.
#[derive(Clone, Debug, PartialEq)]
pub enum Auth {
    Nobody,
    Basic(String, String),
    Bearer(String),
}

/// A client of one server; clones share connections and cookies.
#[derive(Clone)]
pub struct Client {
    pub base: String,
    agent: ureq::Agent,
    auth: Auth,
    cookies: Arc<Mutex<BTreeMap<String, String>>>,
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Client {
    /// A client without credentials. Over TLS it takes any certificate: which one it is, `tls` tests.
    pub fn new(base: &str) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let tls = ureq::tls::TlsConfig::builder().disable_verification(true).build();
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(None)
            .allow_non_standard_methods(true)
            .timeout_global(Some(PATIENCE))
            .user_agent("bailiwick-suite")
            .tls_config(tls)
            .build();
        Client {
            base: base.trim_end_matches('/').to_owned(),
            agent: agent.into(),
            auth: Auth::Nobody,
            cookies: Arc::default(),
        }
    }

    fn with(&self, auth: Auth) -> Self {
        Client { auth, cookies: Arc::default(), ..self.clone() }
    }

    /// The same server with `Basic user:password`.
    pub fn basic(&self, user: &str, password: &str) -> Self {
        self.with(Auth::Basic(user.to_owned(), password.to_owned()))
    }

    /// The same server with a key as the SDK sends it.
    pub fn key(&self, key: &str) -> Self {
        self.basic("api", key)
    }

    /// The same server with `Bearer token`.
    pub fn bearer(&self, token: &str) -> Self {
        self.with(Auth::Bearer(token.to_owned()))
    }

    /// The same server as a new browser: no cookies, no credentials.
    pub fn fresh(&self) -> Self {
        self.with(Auth::Nobody)
    }

    /// A cookie of the jar.
    pub fn cookie(&self, name: &str) -> Option<String> {
        self.cookies.lock().get(name).cloned()
    }

    /// Every cookie of the jar.
    pub fn cookies(&self) -> BTreeMap<String, String> {
        self.cookies.lock().clone()
    }

    /// Puts a cookie into the jar.
    pub fn set_cookie(&self, name: &str, value: &str) {
        self.cookies.lock().insert(name.to_owned(), value.to_owned());
    }

    /// Sends one request. A transport failure panics: every test expects an answer.
    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Option<&[u8]>) -> Reply {
        self.try_send(method, path, headers, body).unwrap_or_else(|e| panic!("{method} {path}: {e}"))
    }

    /// Sends one request; the error is the transport's, for tests that cut the connection themselves.
    pub fn try_send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&[u8]>,
    ) -> Result<Reply, ureq::Error> {
        let mut request = http::Request::builder().method(method).uri(format!("{}{path}", self.base));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        match &self.auth {
            Auth::Nobody => {}
            Auth::Basic(user, password) => {
                let pair = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
                request = request.header("authorization", format!("Basic {pair}"));
            }
            Auth::Bearer(token) => request = request.header("authorization", format!("Bearer {token}")),
        }
        let jar = self.cookies();
        if !jar.is_empty() {
            let jar: Vec<String> = jar.iter().map(|(name, value)| format!("{name}={value}")).collect();
            request = request.header("cookie", jar.join("; "));
        }
        let mut response = match body {
            Some(body) => self.agent.run(request.body(body)?)?,
            None => self.agent.run(request.body(())?)?,
        };
        let headers: Vec<(String, String)> = response
            .headers()
            .iter()
            .map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect();
        let mut jar = self.cookies.lock();
        for (_, cookie) in headers.iter().filter(|(name, _)| name == "set-cookie") {
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            let dead = cookie.to_lowercase().contains("max-age=0;") || cookie.to_lowercase().ends_with("max-age=0");
            if dead || value.is_empty() {
                jar.remove(name.trim());
            } else {
                jar.insert(name.trim().to_owned(), value.to_owned());
            }
        }
        drop(jar);
        let status = response.status().as_u16();
        let body = response.body_mut().with_config().limit(64 << 20).read_to_vec()?;
        Ok(Reply { status, headers, body: String::from_utf8_lossy(&body).into_owned() })
    }

    pub fn get(&self, path: &str) -> Reply {
        self.send("GET", path, &[], None)
    }

    /// As a browser asks for a page.
    pub fn page(&self, path: &str) -> Reply {
        self.send("GET", path, &[("accept", "text/html")], None)
    }

    pub fn post_json(&self, path: &str, body: &Value) -> Reply {
        self.send("POST", path, &[("content-type", "application/json")], Some(body.to_string().as_bytes()))
    }

    /// One GraphQL operation.
    pub fn graphql(&self, query: &str, variables: Value) -> Reply {
        self.post_json("/graphql", &json!({ "query": query, "variables": variables }))
    }

    /// One GraphQL operation that must succeed: its `data`.
    pub fn data(&self, query: &str, variables: Value) -> Value {
        let reply = self.graphql(query, variables);
        let body = reply.json();
        assert!(reply.status == 200 && body["errors"].is_null(), "{query}: {} {body}", reply.status);
        body["data"].clone()
    }

    /// One GraphQL operation that must be refused with this status and a sentence: the sentence.
    pub fn refused(&self, status: u16, query: &str, variables: Value) -> String {
        let reply = self.graphql(query, variables);
        assert_eq!(reply.status, status, "{query}: {reply:?}");
        reply.message()
    }

    /// Posts a form as a browser does from a page of the same site.
    pub fn post_form(&self, path: &str, fields: &[(String, String)]) -> Reply {
        let mut body = url::form_urlencoded::Serializer::new(String::new());
        body.extend_pairs(fields);
        let headers = [
            ("content-type", "application/x-www-form-urlencoded"),
            ("accept", "text/html"),
            ("origin", self.base.as_str()),
            ("sec-fetch-site", "same-origin"),
        ];
        self.send("POST", path, &headers, Some(body.finish().as_bytes()))
    }

    /// Opens a page, takes its form whose action contains `action`, fills the named fields and sends it.
    pub fn submit(&self, page: &str, action: &str, fill: &[(&str, &str)]) -> Reply {
        let opened = self.page(page);
        assert_eq!(opened.status, 200, "GET {page}: {}", opened.body);
        let form = opened.form(action);
        let target = if form.action.is_empty() { page.to_owned() } else { form.action.clone() };
        let mut fields: Vec<(String, String)> =
            form.fields.iter().filter(|(name, _)| fill.iter().all(|(filled, _)| filled != name)).cloned().collect();
        for (name, value) in fill {
            fields.push(((*name).to_owned(), (*value).to_owned()));
        }
        self.post_form(&target, &fields)
    }

    /// Signs in with the form at `/login`; the reply to its POST.
    pub fn sign_in(&self, username: &str, password: &str) -> Reply {
        self.submit("/login?local=1", "/login", &[("username", username), ("password", password)])
    }
}

impl Reply {
    /// The body as JSON; panics with the reply when it is not.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }

    /// A header, by its lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// Asserts the status.
    pub fn is(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{self:?}");
        self
    }

    /// The first GraphQL error's sentence; a refusal without one is a failure (the client would take it for success).
    pub fn message(&self) -> String {
        let body = self.json();
        let message = body["errors"][0]["message"].as_str().unwrap_or_else(|| panic!("no errors in {self:?}"));
        assert!(message.len() > 8, "a sentence, not {message:?}");
        message.to_owned()
    }

    /// The page's form whose action contains `action`; the undo of a confirmation comes last.
    pub fn form(&self, action: &str) -> html::Form {
        let (page, said) = html::confirmation(&self.body);
        let mut forms = html::forms(&page);
        forms.extend(html::forms(&said));
        let found = forms.iter().find(|form| form.method == "post" && form.action.contains(action));
        found.unwrap_or_else(|| panic!("no form {action:?} among {forms:#?} in {}", html::text(&self.body))).clone()
    }

    /// What takes the last action back.
    pub fn undo(&self) -> html::Form {
        let (_, said) = html::confirmation(&self.body);
        html::forms(&said).pop().unwrap_or_else(|| panic!("no undo in {}", self.text()))
    }

    /// The page's words.
    pub fn text(&self) -> String {
        html::text(&self.body)
    }
}
