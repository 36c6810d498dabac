//! Tokens of a trusted issuer exchanged for access tokens, audit included, at 64 clients, per core of the server: beside the
//! slower of the bare rate of checking the same signature and the rate at which a bare database commits the same rows for 64
//! clients. By the clock the latter also tells how long the disk takes; so the same by processor time is shown below it, for
//! which nothing is asked. Reads by access token beside reads by API key. A million access tokens that are over: what they do to
//! a start, to reads, and to memory.

use crate::limit::{self, Bare};
use crate::report::{Report, Target, count, median, time};
use crate::rig::{self, Connection, Running};
use crate::wrk::Load;
use bailiwick::app::federation::algorithms;
use bailiwick::clock::{Clock, SECOND};
use bailiwick::idp::jwt::Token;
use bailiwick::idp::keys::Keys;
use bailiwick::model::audit::Origin;
use bailiwick::model::federation::AccessToken;
use bailiwick::model::team::HOME;
use bailiwick::model::{IssuerId, UserId};
use bailiwick::ops::Caller;
use bailiwick::ops::issuers::Terms;
use bailiwick::ops::users::{self, NewUser};
use bailiwick::policy::{Process, Subject};
use bailiwick::store::{Store, schema};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::rsa::{KeyPair as RsaKeyPair, PublicKeyComponents};
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_SHA256};
use serde_json::{Value, json};
use std::path::Path;
use std::time::{Duration, Instant};

/// An RSA key of 2,048 bits, made for tests and used for nothing else.
const RSA: &[u8] = include_bytes!("../data/keys/rsa-2048.pk8");
const ISSUER: &str = "https://issuer.example.org";
const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const CLIENTS: u32 = 64;
const SECONDS: u32 = 4;
const ROUNDS: usize = 3;
/// Exchanges whose rows the limit commits.
const RECORDED: usize = 20_000;
/// Access tokens that are over.
const OVER: u64 = 1_000_000;

struct Issuer {
    rsa: RsaKeyPair,
    ec: EcdsaKeyPair,
}

impl Issuer {
    fn new() -> Issuer {
        let (random, how) = (SystemRandom::new(), &ECDSA_P256_SHA256_FIXED_SIGNING);
        let ec = EcdsaKeyPair::generate_pkcs8(how, &random).unwrap();
        let ec = EcdsaKeyPair::from_pkcs8(how, ec.as_ref(), &random).unwrap();
        Issuer { rsa: RsaKeyPair::from_pkcs8(RSA).unwrap(), ec }
    }

    fn keys(&self) -> String {
        let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let (rsa, point) = (PublicKeyComponents::<Vec<u8>>::from(self.rsa.public()), self.ec.public_key().as_ref());
        json!({ "keys": [
            { "kty": "RSA", "kid": "RS256", "n": part(&rsa.n), "e": part(&rsa.e) },
            { "kty": "EC", "kid": "ES256", "crv": "P-256", "x": part(&point[1..33]), "y": part(&point[33..]) },
        ] })
        .to_string()
    }

    /// A token as a cluster gives it, good for an hour.
    fn token(&self, alg: &str) -> String {
        let now = Clock::system().now() / SECOND;
        let claims = json!({
            "iss": ISSUER, "aud": ["wandb"], "sub": "ana@example.org", "iat": now, "nbf": now, "exp": now + 3_600,
            "jti": "4d1c6f0e-9a52-4a53-8f0e-1d2c3b4a5968",
            "kubernetes.io": { "namespace": "ml", "pod": { "name": "trainer-0", "uid": "b7f3" } },
        });
        let part = |json: &Value| URL_SAFE_NO_PAD.encode(json.to_string());
        let signed = format!("{}.{}", part(&json!({ "alg": alg, "kid": alg })), part(&claims));
        let random = SystemRandom::new();
        let signature = if alg == "RS256" {
            let mut out = vec![0; self.rsa.public().modulus_len()];
            self.rsa.sign(&RSA_PKCS1_SHA256, &random, signed.as_bytes(), &mut out).unwrap();
            out
        } else {
            self.ec.sign(&random, signed.as_bytes()).unwrap().as_ref().to_vec()
        };
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

/// Checks of a token's signature that one core does in a second.
fn bare(issuer: &Issuer, text: &str) -> f64 {
    let keys = Keys::read(issuer.keys().as_bytes()).unwrap();
    let (started, mut n) = (Instant::now(), 0u64);
    while started.elapsed() < Duration::from_secs(1) {
        assert_eq!(keys.check(&Token::read(text).unwrap(), &[]), Ok(()));
        n += 1;
    }
    n as f64 / started.elapsed().as_secs_f64()
}

/// The rows that exchanges write.
fn rows(issuer: &Issuer) -> Vec<limit::UserRows> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let shell = Caller::process(Process::Shell);
    let anyone = Caller { subject: Subject::anonymous(), origin: Origin::default() };
    let text = issuer.token("ES256");
    limit::recorded(
        |app| {
            let new = NewUser { email: "ana@example.org".to_owned(), ..NewUser::default() };
            runtime.block_on(app.act(&shell, move |cx| users::create(cx, &new))).unwrap();
            let terms = Terms { algorithms: algorithms(), pasted: true, jwks: Some(issuer.keys()), ..Terms::default() };
            runtime.block_on(app.add_issuer(&shell, None, ISSUER, terms)).unwrap();
        },
        |app| {
            for _ in 0..RECORDED {
                runtime.block_on(app.exchange(&text, &anyone)).unwrap();
            }
        },
    )
}

fn load(dir: &Path, url: &str, token: &str) -> Load {
    let lua = format!(
        "wrk.method = 'POST'\nwrk.headers['Content-Type'] = 'application/x-www-form-urlencoded'\n\
         wrk.body = 'grant_type={GRANT}&assertion={token}'\n"
    );
    Load::script(dir, &format!("{url}/oidc/token"), &lua)
}

/// One access token, over the wire.
fn access_token(url: &str, token: &str) -> String {
    let body = format!("grant_type={GRANT}&assertion={token}");
    let mut answer =
        ureq::post(format!("{url}/oidc/token")).content_type("application/x-www-form-urlencoded").send(body).unwrap();
    let answer: Value = answer.body_mut().read_json().unwrap();
    answer["access_token"].as_str().unwrap().to_owned()
}

pub fn measure(report: &mut Report) {
    let (dir, scripts, issuer) = (rig::directory(), rig::directory(), Issuer::new());
    let made = ["user", "create", "ana@example.org", "--with-api-key", "--json"];
    let key = rig::shell(dir.path(), &made)["apiKey"].as_str().unwrap().to_owned();
    let file = scripts.path().join("keys.json");
    std::fs::write(&file, issuer.keys()).unwrap();
    rig::shell(dir.path(), &["issuer", "add", ISSUER, "--jwks-file", file.to_str().unwrap()]);
    let server = Running::start(dir.path(), &[]);
    let rows = rows(&issuer);
    for alg in ["RS256", "ES256"] {
        let text = issuer.token(alg);
        let exchanges = load(scripts.path(), &server.url, &text);
        exchanges.run(CLIENTS, 1);
        let (mut per_core, mut rates, mut checks, mut groups, mut times) = (vec![], vec![], vec![], vec![], vec![]);
        for _ in 0..ROUNDS {
            checks.push(bare(&issuer, &text));
            groups.push(Bare::once(scripts.path(), None, |bare| bare.commit_for_clients(&rows, CLIENTS as usize)));
            times.push(Bare::once(scripts.path(), None, |bare| {
                let began = rig::thread_time();
                bare.commit_in_groups(&rows, limit::GROUP);
                rows.len() as f64 / (rig::thread_time() - began).as_secs_f64()
            }));
            let before = server.processor_time();
            let outcome = exchanges.run(CLIENTS, SECONDS);
            rates.push(outcome.per_second);
            per_core.push(outcome.answers as f64 / (server.processor_time() - before).as_secs_f64());
        }
        let (ours, check, group, alone) = (median(&per_core), median(&checks), median(&groups), median(&times));
        report.compared(
            format!("exchanges {alg}, c{CLIENTS}, per core of the server"),
            format!("{}/s, by the clock {}/s", count(ours), count(median(&rates))),
            format!("the slower of bare checks {}/s and bare commits {}/s", count(check), count(group)),
            ours / check.min(group),
            Target::AtLeast(0.3),
        );
        report.compared(
            format!("the same by processor time alone, {alg}"),
            format!("{}/s", count(ours)),
            format!("the slower of bare checks {}/s and bare commits in groups of 64 {}/s", count(check), count(alone)),
            ours / check.min(alone),
            Target::None,
        );
        report.compared(
            format!("exchanges {alg} beside what is wanted"),
            format!("{}/s", count(ours)),
            "3,000/s per core",
            ours / 3_000.0,
            Target::AtLeast(1.0),
        );
    }
    reads(report, scripts.path(), &server, &issuer, &key);
    server.stop();
    over(report, &issuer);
}

/// The same read by access token and by API key, in turn.
fn reads(report: &mut Report, dir: &Path, server: &Running, issuer: &Issuer, key: &str) {
    let token = access_token(&server.url, &issuer.token("ES256"));
    let url = format!("{}/access/v1/subject", server.url);
    let by = |secret: &str| Load::get(dir, &url, &[("Authorization", format!("Bearer {secret}").as_str())]);
    let (by_token, by_key) = (by(&token), by(key));
    by_token.run(16, 1);
    by_key.run(16, 1);
    let pairs: Vec<_> = (0..5).map(|_| (by_token.run(16, 2), by_key.run(16, 2))).collect();
    let of = |f: &dyn Fn(&(crate::wrk::Outcome, crate::wrk::Outcome)) -> f64| {
        median(&pairs.iter().map(f).collect::<Vec<_>>())
    };
    report.compared(
        "reads by access token, c16",
        format!("{}/s", count(of(&|(token, _)| token.per_second))),
        format!("by API key {}/s", count(of(&|(_, key)| key.per_second))),
        of(&|(token, key)| token.per_second / key.per_second),
        // Two equal rates differ by this much from one run to the next.
        Target::AtLeast(0.95),
    );
}

/// Reads by an access token every 2 ms for a while; the middle and the slowest of a hundred.
fn steady(url: &str, token: &str) -> (Duration, Duration) {
    let mut connection = Connection::open(url, "/access/v1/subject", &format!("Bearer {token}"));
    let mut taken: Vec<Duration> = (0..1_000)
        .map(|_| {
            let started = Instant::now();
            connection.ask();
            let took = started.elapsed();
            std::thread::sleep(Duration::from_millis(2).saturating_sub(took));
            took
        })
        .collect();
    taken.sort_unstable();
    (taken[taken.len() / 2], taken[taken.len() * 99 / 100])
}

/// A start, reads and memory with a million access tokens that are over, beside a store without them.
fn over(report: &mut Report, issuer: &Issuer) {
    let mut figures = vec![];
    for n in [0, OVER] {
        let dir = rig::directory();
        rig::shell(dir.path(), &["user", "create", "ana@example.org"]);
        let file = dir.path().join("keys.json");
        std::fs::write(&file, issuer.keys()).unwrap();
        rig::shell(dir.path(), &["issuer", "add", ISSUER, "--jwks-file", file.to_str().unwrap()]);
        fill(dir.path(), n);
        let server = Running::start(dir.path(), &[]);
        let ready = server.started.elapsed();
        let token = access_token(&server.url, &issuer.token("ES256"));
        // The sweep begins within five seconds; these reads happen before and meanwhile.
        let (_, before) = steady(&server.url, &token);
        std::thread::sleep(Duration::from_secs(4));
        let (p50, p99) = steady(&server.url, &token);
        figures.push((ready, before, p50, p99, server.memory("VmHWM")));
        server.stop();
    }
    let (none, many) = (&figures[0], &figures[1]);
    report.note(
        "a start with a million access tokens that are over",
        time(many.0),
        format!("without them {}", time(none.0)),
    );
    report.note(
        "a read every 2 ms while they are swept away",
        format!("p50 {}, p99 {} (before the sweep p99 {})", time(many.2), time(many.3), time(many.1)),
        format!("without them p50 {}, p99 {}", time(none.2), time(none.3)),
    );
    report.note(
        "memory at most, with a million of them",
        format!("{:.1} MB: the sweep fills the store's page cache, which is bounded", many.4 / 1e6),
        format!("without them {:.1} MB", none.4 / 1e6),
    );
}

/// Puts access tokens that are over straight into the table.
fn fill(dir: &Path, n: u64) {
    let store = Store::open_file(&rig::store_file(dir), &schema::SCHEMA).unwrap();
    let piece = 4_000;
    for from in (0..n).step_by(piece as usize) {
        let rows: Vec<AccessToken> = (from..from + piece)
            .map(|n| AccessToken {
                expires_at: 1_700_000_000_000 + (n as i64 / 100) * 1_000,
                hash: bailiwick::crypto::hex(&bailiwick::crypto::sha256(&n.to_be_bytes())),
                user: UserId(1),
                org: HOME,
                issuer: IssuerId(1),
            })
            .collect();
        let put =
            move |tx: &mut bailiwick::store::Tx| rows.iter().try_for_each(|row| tx.put(&schema::ACCESS_TOKENS, row));
        store.write_blocking(put).unwrap();
    }
    store.shutdown();
}
