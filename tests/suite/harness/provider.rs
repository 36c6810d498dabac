//! OpenID providers for the tests: [`Provider`], a real one (npm oidc-provider) that a client walks through like a person, and
//! [`Forger`], a server of our own that signs whatever it is told to and answers as badly as it is told to.

use super::{Client, PATIENCE, Reply, Server, Setup, counterpart, counterparties, html};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use parking_lot::Mutex;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::{SystemTime, UNIX_EPOCH};

/// The environment of a server that signs people in at `issuer` as `client`.
pub fn sso(issuer: &str, client: &str, method: &str) -> Setup {
    Setup::default()
        .env("OIDC_ISSUER", issuer)
        .env("OIDC_CLIENT_ID", client)
        .env("OIDC_AUTH_METHOD", method)
        .env("BAILIWICK_ALLOW_LOOPBACK_ISSUERS", "true")
}

/// The parameters of an address.
pub fn query(url: &str) -> HashMap<String, String> {
    url::Url::parse(url).unwrap_or_else(|e| panic!("{e}: {url}")).query_pairs().into_owned().collect()
}

/// Seconds since 1970.
pub fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64
}

/// A moment in seconds since 1970 as `2026-11-24 03:00:00` in UTC, as the wandb client writes it.
pub fn utc(at: i64) -> String {
    let at = time::OffsetDateTime::from_unix_timestamp(at).unwrap();
    let (date, (h, m, s)) = (at.date(), at.to_hms());
    format!("{date} {h:02}:{m:02}:{s:02}")
}

/// A real provider.
pub struct Provider {
    pub issuer: String,
    child: Child,
    told: Mutex<ChildStdin>,
    said: Mutex<Receiver<String>>,
}

impl Provider {
    /// Starts one; none where the counterpart is left out.
    pub fn start() -> Option<Self> {
        if !counterpart("oidc", &counterparties().join("node/node_modules/oidc-provider/package.json")) {
            return None;
        }
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite/oidc/provider.mjs");
        let mut child = Command::new("node")
            .arg(script)
            .env("SUITE_NODE", counterparties().join("node"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let (say, said) = channel();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| say.send(line)));
        let told = Mutex::new(child.stdin.take().unwrap());
        let mut provider = Provider { issuer: String::new(), child, told, said: Mutex::new(said) };
        provider.issuer = provider.answer()["issuer"].as_str().unwrap().to_owned();
        Some(provider)
    }

    fn answer(&self) -> Value {
        let line = self.said.lock().recv_timeout(PATIENCE).expect("the provider says nothing");
        serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line}"))
    }

    /// Makes it the provider of `server`, with what else is wanted of it.
    pub fn serve(&self, server: &Server, more: Value) {
        let mut line = json!({ "rp": server.url });
        more.as_object().unwrap().iter().for_each(|(name, value)| line[name.as_str()] = value.clone());
        writeln!(self.told.lock(), "{line}").unwrap();
        assert_eq!(self.answer()["ready"], true);
    }

    /// Signs in there as `login` like a person with a browser of its own, beginning at `/login` of `server`, and gives the answer of the server to the return.
    pub fn sign_in(&self, server: &Server, browser: &Client, login: &str) -> Reply {
        let begun = browser.page("/oidc/login?next=%2Fconsole%2Faccount");
        assert_eq!(begun.status, 303, "{begun:?}");
        let start = begun.header("location").unwrap().to_owned();
        self.walk(server, browser, &Client::new(&self.issuer), &start, login)
    }

    /// The walk from the provider's address to the return.
    pub fn walk(&self, server: &Server, browser: &Client, there: &Client, start: &str, login: &str) -> Reply {
        let mut url = start.to_owned();
        for _ in 0..20 {
            if let Some(path) = url.strip_prefix(server.url.as_str()) {
                return browser.page(path);
            }
            let path = url.strip_prefix(self.issuer.as_str()).unwrap_or(&url).to_owned();
            let page = there.page(&path);
            let reply = if page.status == 200 {
                let form = html::forms(&page.body).into_iter().next().unwrap_or_else(|| panic!("no form: {page:?}"));
                let mut fields: Vec<(String, String)> =
                    form.fields.iter().filter(|(name, _)| name != "login" && name != "password").cloned().collect();
                if let Some(path) = form.action.strip_prefix(server.url.as_str()) {
                    // The return by form: from another site, as the browser would send it.
                    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&fields).finish();
                    let headers = [
                        ("content-type", "application/x-www-form-urlencoded"),
                        ("origin", "null"),
                        ("sec-fetch-site", "cross-site"),
                    ];
                    return browser.send("POST", path, &headers, Some(body.as_bytes()));
                }
                fields.extend([("login".to_owned(), login.to_owned()), ("password".to_owned(), "any".to_owned())]);
                let action = form.action.strip_prefix(self.issuer.as_str()).unwrap_or(&form.action);
                there.post_form(action, &fields)
            } else {
                page
            };
            let location = reply.header("location").unwrap_or_else(|| panic!("no way on from {path}: {reply:?}"));
            url = if location.starts_with('/') { format!("{}{location}", self.issuer) } else { location.to_owned() };
        }
        panic!("the provider leads round in circles: {url}");
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a [`Forger`] answers at a path.
#[derive(Clone)]
pub enum Answer {
    /// This status and body.
    Text(u16, String),
    /// A redirect.
    Redirect(String),
    /// A body of this many bytes.
    Huge(usize),
    /// Nothing, for as long as anybody waits.
    Hang,
    /// One byte every now and then.
    Drip,
}

/// A provider that forges.
pub struct Forger {
    pub issuer: String,
    pair: EcdsaKeyPair,
    answers: Arc<Mutex<HashMap<String, Answer>>>,
    asked: Arc<Mutex<Vec<(String, String)>>>,
}

impl Forger {
    pub fn start() -> Self {
        Self::at("")
    }

    /// With an issuer below a path.
    pub fn at(path: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let (random, how) = (SystemRandom::new(), &ECDSA_P256_SHA256_FIXED_SIGNING);
        let document = EcdsaKeyPair::generate_pkcs8(how, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(how, document.as_ref(), &random).unwrap();
        let (answers, asked) = (Arc::<Mutex<HashMap<String, Answer>>>::default(), Arc::<Mutex<Vec<_>>>::default());
        let (told, noted) = (Arc::clone(&answers), Arc::clone(&asked));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (told, noted) = (Arc::clone(&told), Arc::clone(&noted));
                std::thread::spawn(move || serve(stream, &told, &noted));
            }
        });
        let forger = Forger { issuer: format!("{base}{path}"), pair, answers, asked };
        let document = json!({
            "issuer": forger.issuer, "jwks_uri": format!("{base}/keys"), "authorization_endpoint": format!("{base}/authorize"),
            "token_endpoint": format!("{base}/token"), "end_session_endpoint": format!("{base}/end"),
        });
        let place = format!("{}/.well-known/openid-configuration", path.trim_end_matches('/'));
        forger.tell(&place, Answer::Text(200, document.to_string()));
        forger.tell("/keys", Answer::Text(200, json!({ "keys": [forger.jwk("a")] }).to_string()));
        forger
    }

    pub fn tell(&self, path: &str, answer: Answer) {
        self.answers.lock().insert(path.to_owned(), answer);
    }

    /// The bodies sent to a path.
    pub fn asked(&self, path: &str) -> Vec<String> {
        self.asked.lock().iter().filter(|(p, _)| p == path).map(|(_, body)| body.clone()).collect()
    }

    pub fn jwk(&self, kid: &str) -> Value {
        let point = self.pair.public_key().as_ref();
        let (x, y) = (URL_SAFE_NO_PAD.encode(&point[1..33]), URL_SAFE_NO_PAD.encode(&point[33..]));
        json!({ "kty": "EC", "crv": "P-256", "x": x, "y": y, "kid": kid, "use": "sig", "alg": "ES256" })
    }

    /// A token with this header and these claims.
    pub fn sign(&self, header: &Value, claims: &Value) -> String {
        let part = |json: &Value| URL_SAFE_NO_PAD.encode(json.to_string());
        let signed = format!("{}.{}", part(header), part(claims));
        let signature = self.pair.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
    }

    /// The claims of a good ID token, with these changes; `absent` takes a claim away.
    pub fn claims(&self, nonce: &str, changes: &Value) -> Value {
        let mut claims = json!({
            "iss": self.issuer, "aud": "us", "sub": "sub-1", "nonce": nonce, "iat": now(), "exp": now() + 300,
            "email": "eve@example.com", "email_verified": true, "name": "Eve", "preferred_username": "eve",
        });
        for (name, value) in changes.as_object().unwrap() {
            match value.as_str() {
                Some("absent") => drop(claims.as_object_mut().unwrap().remove(name)),
                _ => claims[name.as_str()] = value.clone(),
            }
        }
        claims
    }

    /// A good ID token, with these changes of its claims.
    pub fn id_token(&self, nonce: &str, changes: &Value) -> String {
        self.sign(&json!({ "alg": "ES256", "kid": "a", "typ": "JWT" }), &self.claims(nonce, changes))
    }
}

fn serve(mut stream: TcpStream, told: &Mutex<HashMap<String, Answer>>, noted: &Mutex<Vec<(String, String)>>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    loop {
        let (mut first, mut length) = (String::new(), 0);
        if reader.read_line(&mut first).unwrap_or(0) == 0 {
            return;
        }
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap_or(0) == 0 || line.trim().is_empty() {
                break;
            }
            if let Some(n) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = n.trim().parse().unwrap();
            }
        }
        let mut body = vec![0; length];
        if reader.read_exact(&mut body).is_err() {
            return;
        }
        let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
        noted.lock().push((path.clone(), String::from_utf8_lossy(&body).into_owned()));
        let answer = told.lock().get(&path).cloned().unwrap_or(Answer::Text(404, String::new()));
        let head = |status: u16, length: usize, more: &str| {
            format!("HTTP/1.1 {status} X\r\ncontent-type: application/json\r\n{more}content-length: {length}\r\n\r\n")
        };
        let sent = match answer {
            Answer::Text(status, text) => write!(stream, "{}{text}", head(status, text.len(), "")),
            Answer::Redirect(to) => write!(stream, "{}", head(302, 0, &format!("location: {to}\r\n"))),
            Answer::Huge(length) => {
                let _ = write!(stream, "{}", head(200, length, ""));
                stream.write_all(&vec![b' '; length])
            }
            Answer::Hang => {
                // Until the other side gives up.
                let _ = stream.read(&mut [0; 1]);
                return;
            }
            Answer::Drip => {
                let _ = write!(stream, "{}", head(200, 1_000_000, ""));
                while stream.write_all(b" ").is_ok() {
                    std::thread::sleep(std::time::Duration::from_millis(200));
                }
                return;
            }
        };
        if sent.is_err() {
            return;
        }
    }
}
