//! Sign-ins by code and PKCE at a provider in this process, without the provider's own time: how many a core of the server can
//! serve, beside the bare rate of checking their signatures; and the latency of others' reads while the provider hangs.

use crate::report::{Report, Target, count, median, time};
use crate::rig::{self, Running};
use crate::sign_in::{percentiles, steady};
use bailiwick::idp::jwt::Token;
use bailiwick::idp::keys::Keys;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const PEOPLE: usize = 200;
const CLIENTS: usize = 16;
const EACH: usize = 60;
const ROUNDS: usize = 3;

struct Provider {
    issuer: String,
    pair: EcdsaKeyPair,
    hangs: AtomicBool,
}

impl Provider {
    fn start() -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (random, how) = (SystemRandom::new(), &ECDSA_P256_SHA256_FIXED_SIGNING);
        let key = EcdsaKeyPair::generate_pkcs8(how, &random).unwrap();
        let provider = Arc::new(Provider {
            issuer: format!("http://{}", listener.local_addr().unwrap()),
            pair: EcdsaKeyPair::from_pkcs8(how, key.as_ref(), &random).unwrap(),
            hangs: AtomicBool::new(false),
        });
        let serving = Arc::clone(&provider);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let serving = Arc::clone(&serving);
                std::thread::spawn(move || serving.serve(stream));
            }
        });
        provider
    }

    fn keys(&self) -> Value {
        let point = self.pair.public_key().as_ref();
        let (x, y) = (URL_SAFE_NO_PAD.encode(&point[1..33]), URL_SAFE_NO_PAD.encode(&point[33..]));
        json!({ "keys": [{ "kty": "EC", "crv": "P-256", "x": x, "y": y, "kid": "a" }] })
    }

    /// The token for a code, which is the person's number and the nonce.
    fn token(&self, code: &str) -> String {
        let (n, nonce) = code.split_once('.').unwrap();
        let now = bailiwick::clock::Clock::system().now() / 1_000;
        let claims = json!({
            "iss": self.issuer, "aud": "us", "sub": n, "nonce": nonce, "iat": now, "exp": now + 300,
            "email": format!("user-{n}@example.org"), "email_verified": true, "groups": ["a", "b"],
        });
        let part = |json: &Value| URL_SAFE_NO_PAD.encode(json.to_string());
        let signed = format!("{}.{}", part(&json!({ "alg": "ES256", "kid": "a" })), part(&claims));
        let signature = self.pair.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
    }

    fn serve(&self, mut stream: TcpStream) {
        stream.set_nodelay(true).unwrap();
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        while let Some((first, _, body)) = message(&mut reader) {
            let answer = match first.split(' ').nth(1).unwrap_or_default() {
                "/keys" => self.keys(),
                "/token" if self.hangs.load(Ordering::Relaxed) => {
                    let _ = reader.read(&mut [0; 1]);
                    return;
                }
                "/token" => {
                    let code =
                        url::form_urlencoded::parse(&body).find(|(name, _)| name == "code").unwrap().1.into_owned();
                    json!({ "id_token": self.token(&code) })
                }
                _ => json!({
                    "issuer": self.issuer, "jwks_uri": format!("{}/keys", self.issuer),
                    "authorization_endpoint": format!("{}/authorize", self.issuer),
                    "token_endpoint": format!("{}/token", self.issuer),
                }),
            };
            let text = answer.to_string();
            let head =
                format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n", text.len());
            if stream.write_all(format!("{head}{text}").as_bytes()).is_err() {
                return;
            }
        }
    }
}

/// One message of HTTP: first line, headers, body.
fn message(reader: &mut impl BufRead) -> Option<(String, Vec<String>, Vec<u8>)> {
    let (mut first, mut headers, mut length) = (String::new(), vec![], 0);
    if reader.read_line(&mut first).ok()? == 0 {
        return None;
    }
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(": ")
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.parse().ok()?;
        }
        headers.push(line.to_owned());
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((first, headers, body))
}

/// A browser on one connection.
struct Browser {
    stream: TcpStream,
    reader: BufReader<TcpStream>,
    host: String,
    /// One address begins only so many sign-ins.
    address: String,
}

impl Browser {
    fn open(url: &str, place: usize) -> Self {
        let host = url.strip_prefix("http://").unwrap().to_owned();
        let stream = TcpStream::connect(&host).unwrap();
        stream.set_nodelay(true).unwrap();
        let reader = BufReader::new(stream.try_clone().unwrap());
        let address = format!("192.0.2.{}", place % 256);
        Browser { stream, reader, host, address }
    }

    /// Asks for a path with a cookie; the status, where it leads, and the cookie that it sets.
    fn ask(&mut self, path: &str, cookie: &str) -> (String, String, String) {
        let request = format!(
            "GET {path} HTTP/1.1\r\nhost: {}\r\nx-forwarded-for: {}\r\ncookie: {cookie}\r\n\r\n",
            self.host, self.address
        );
        self.stream.write_all(request.as_bytes()).unwrap();
        let (first, headers, _) = message(&mut self.reader).expect("an answer");
        let of = |wanted: &str| {
            let value =
                headers.iter().filter_map(|h| h.split_once(": ")).find(|(name, _)| name.eq_ignore_ascii_case(wanted));
            value.map(|(_, value)| value.to_owned()).unwrap_or_default()
        };
        let cookie = of("set-cookie").split(';').next().unwrap_or_default().to_owned();
        (first.split(' ').nth(1).unwrap_or_default().to_owned(), of("location"), cookie)
    }

    /// Begins as the person of this number; the return's path and the cookie.
    fn begin(&mut self, n: usize) -> (String, String) {
        let (status, to, cookie) = self.ask("/oidc/login", "");
        assert_eq!(status, "303");
        let to = url::Url::parse(&to).unwrap();
        let of = |name: &str| to.query_pairs().find(|(n, _)| n == name).unwrap().1.into_owned();
        (format!("/oidc/callback?code={n}.{}&state={}", of("nonce"), of("state")), cookie)
    }

    fn sign_in(&mut self, n: usize) {
        let (path, cookie) = self.begin(n);
        let (status, to, session) = self.ask(&path, &cookie);
        assert_eq!((status.as_str(), to.as_str()), ("303", "/"), "{path}");
        assert!(session.starts_with("bailiwick="));
    }
}

/// Checks of such a token's signature that one core does in a second.
fn bare(provider: &Provider) -> f64 {
    let keys = Keys::read(provider.keys().to_string().as_bytes()).unwrap();
    let text = provider.token("1.nonce");
    let (started, mut n) = (Instant::now(), 0u64);
    while started.elapsed() < Duration::from_secs(1) {
        let token = Token::read(&text).unwrap();
        assert_eq!(keys.check(&token, &[]), Ok(()));
        n += 1;
    }
    n as f64 / started.elapsed().as_secs_f64()
}

pub fn measure(report: &mut Report) {
    let (dir, provider) = (rig::directory(), Provider::start());
    let made = ["user", "create", "root@example.org", "--org-role", "admin", "--with-api-key", "--json"];
    let auth = format!("Bearer {}", rig::shell(dir.path(), &made)["apiKey"].as_str().unwrap());
    let env = [
        ("OIDC_ISSUER", provider.issuer.as_str()),
        ("OIDC_CLIENT_ID", "us"),
        ("OIDC_AUTH_METHOD", "pkce"),
        ("BAILIWICK_ALLOW_LOOPBACK_ISSUERS", "true"),
    ];
    let server = Running::start_with(dir.path(), &["--behind-proxy", "127.0.0.1/32"], &env);
    let mut first = Browser::open(&server.url, 255);
    (0..PEOPLE).for_each(|n| first.sign_in(n));
    let (mut per_core, mut rates, mut limits) = (vec![], vec![], vec![]);
    for round in 0..ROUNDS {
        limits.push(bare(&provider));
        let (before, started) = (server.processor_time(), Instant::now());
        std::thread::scope(|scope| {
            for client in 0..CLIENTS {
                let url = &server.url;
                scope.spawn(move || {
                    let mut browser = Browser::open(url, client);
                    (0..EACH).for_each(|n| browser.sign_in((round + client * EACH + n) % PEOPLE));
                });
            }
        });
        let all = (CLIENTS * EACH) as f64;
        rates.push(all / started.elapsed().as_secs_f64());
        per_core.push(all / (server.processor_time() - before).as_secs_f64());
    }
    report.compared(
        "OIDC sign-ins by code and PKCE, per core of the server",
        format!("{}/s", count(median(&per_core))),
        "wanted 500/s",
        median(&per_core) / 500.0,
        Target::AtLeast(1.0),
    );
    report.note(
        format!("the same by the clock, c{CLIENTS}, provider and clients on the same cores"),
        format!("{}/s", count(median(&rates))),
        format!("bare checks of the signature, one core {}/s", count(median(&limits))),
    );
    hanging(report, &provider, &server, &auth);
    server.stop();
}

/// Reads by others while sign-ins wait for a provider that does not answer.
fn hanging(report: &mut Report, provider: &Provider, server: &Running, auth: &str) {
    let read_for = |until: &dyn Fn()| {
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| steady(&server.url, auth, &done));
            until();
            done.store(true, Ordering::Relaxed);
            percentiles(&reader.join().unwrap())
        })
    };
    let (p50, p99) = read_for(&|| std::thread::sleep(Duration::from_secs(5)));
    provider.hangs.store(true, Ordering::Relaxed);
    let (hung50, hung99) = read_for(&|| {
        std::thread::scope(|scope| {
            for n in 0..64 {
                let url = &server.url;
                scope.spawn(move || {
                    let mut browser = Browser::open(url, n);
                    let (path, cookie) = browser.begin(n);
                    assert_eq!(browser.ask(&path, &cookie).0, "503");
                });
            }
        });
    });
    provider.hangs.store(false, Ordering::Relaxed);
    report.note(
        "a read every 2 ms while 64 sign-ins wait for a hanging provider",
        format!("p50 {}, p99 {}", time(hung50), time(hung99)),
        format!("alone p50 {}, p99 {}", time(p50), time(p99)),
    );
}
