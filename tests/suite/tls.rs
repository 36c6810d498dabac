//! TLS: the self-signed mode, given certificates and their reload, the refusal of plain HTTP on open addresses (that
//! one is in `cli`), and the security headers that every answer carries, with or without TLS.

use crate::harness::{Client, PASSWORD, PATIENCE, Reply, Server, Setup};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, RootCertStore, SignatureScheme, StreamOwned};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Instant;

/// Takes any certificate; the test compares it itself.
#[derive(Debug)]
struct Anything(rustls::crypto::CryptoProvider);

impl ServerCertVerifier for Anything {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

fn any_certificate() -> ClientConfig {
    let provider = rustls::crypto::ring::default_provider();
    let builder = ClientConfig::builder_with_provider(Arc::new(provider.clone()));
    let builder = builder.with_safe_default_protocol_versions().unwrap().dangerous();
    builder.with_custom_certificate_verifier(Arc::new(Anything(provider))).with_no_client_auth()
}

/// One kept-alive connection.
struct Line(StreamOwned<ClientConnection, TcpStream>);

impl Line {
    fn open(address: &str, config: ClientConfig, name: &str) -> std::io::Result<Self> {
        let tcp = TcpStream::connect(address)?;
        tcp.set_read_timeout(Some(PATIENCE))?;
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let tls = ClientConnection::new(Arc::new(config), name).map_err(std::io::Error::other)?;
        let mut stream = StreamOwned::new(tls, tcp);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock)?;
        }
        Ok(Line(stream))
    }

    fn certificate(&self) -> Vec<u8> {
        self.0.conn.peer_certificates().unwrap()[0].to_vec()
    }

    fn get(&mut self, path: &str) -> String {
        write!(self.0, "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").unwrap();
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") {
            self.0.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
        let head = String::from_utf8(head).unwrap().to_lowercase();
        let length = head.lines().find_map(|l| l.strip_prefix("content-length: ")).unwrap().trim().parse().unwrap();
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).unwrap();
        head.lines().next().unwrap().to_owned()
    }
}

/// A certificate for 127.0.0.1 and its key, both in PEM.
fn certificate() -> (String, String) {
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned(), "localhost".to_owned()]).unwrap();
    (made.cert.pem(), made.signing_key.serialize_pem())
}

fn with_files(cert: &str, key: &str) -> Setup {
    Setup::default().arg("--tls-cert").arg(cert).arg("--tls-key").arg(key)
}

fn der(pem: &str) -> Vec<u8> {
    CertificateDer::from_pem_slice(pem.as_bytes()).unwrap().to_vec()
}

#[test]
fn a_changed_certificate_is_taken_without_dropping_connections() {
    let data = crate::harness::Data::new();
    let (first, first_key) = certificate();
    let (second, second_key) = certificate();
    let (cert, key) = (data.file("cert.pem", &first), data.file("key.pem", &first_key));
    let server = Server::start(with_files(&cert, &key).data(&data));
    assert!(server.url.starts_with("https://"), "{}", server.url);
    let open = || Line::open(&server.address(), any_certificate(), "127.0.0.1").unwrap();
    let mut old = open();
    assert_eq!(old.certificate(), der(&first));
    assert!(old.get("/healthz").contains("200"));

    // Renewal tools replace the files one after the other; between the two, pair and key do not fit.
    data.file("cert.pem", &second);
    server.signal(rustix::process::Signal::HUP);
    assert!(old.get("/healthz").contains("200"));
    data.file("key.pem", &second_key);
    let until = Instant::now() + PATIENCE;
    while open().certificate() != der(&second) {
        assert!(Instant::now() < until, "the new certificate is never used");
    }
    assert!(old.get("/healthz").contains("200"), "the old connection still answers");
    assert!(open().get("/healthz").contains("200"));

    // Spoilt files keep the certificate that works, and the log says so.
    data.file("cert.pem", "not a certificate");
    server.signal(rustix::process::Signal::HUP);
    server.line_with("cert.pem");
    assert_eq!(open().certificate(), der(&second));
    data.file("cert.pem", &second);
}

#[test]
fn the_self_signed_certificate_is_kept_and_verifies() {
    let server = Server::start(Setup::default().arg("--tls-self-signed"));
    let first = Line::open(&server.address(), any_certificate(), "127.0.0.1").unwrap().certificate();
    // A client that trusts this one certificate gets through, by address and as localhost.
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(first.clone())).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_root_certificates(roots).with_no_client_auth();
    for name in ["127.0.0.1", "localhost"] {
        let mut line = Line::open(&server.address(), config.clone(), name).unwrap();
        assert!(line.get("/healthz").contains("200"), "{name}");
    }
    assert!(Line::open(&server.address(), config, "elsewhere.example").is_err());
    let data = server.stop();
    let server = Server::start(Setup::default().data(&data).arg("--tls-self-signed"));
    let again = Line::open(&server.address(), any_certificate(), "127.0.0.1").unwrap().certificate();
    assert_eq!(first, again, "kept in the data directory");
}

#[test]
fn plain_http_and_old_tls_on_the_tls_port_get_nowhere() {
    let server = Server::start(Setup::default().arg("--tls-self-signed"));
    let mut tcp = TcpStream::connect(server.address()).unwrap();
    tcp.set_read_timeout(Some(PATIENCE)).unwrap();
    tcp.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    let _ = tcp.read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer);
    assert!(!answer.contains(" 200 "), "{answer}");
    server.anonymous().get("/healthz").is(200);
}

#[test]
fn the_session_cookie_is_bound_to_host_and_tls() {
    let server = Server::start(Setup::default().arg("--tls-self-signed"));
    server.person_with_password("root", "admin");
    let browser = server.anonymous();
    let reply = browser.sign_in("root", PASSWORD).is(303);
    let cookies: Vec<&String> = reply.headers.iter().filter(|(n, _)| n == "set-cookie").map(|(_, v)| v).collect();
    assert!(cookies.iter().any(|c| c.starts_with("__Host-")), "{cookies:?}");
    for cookie in cookies {
        assert!(cookie.contains("Secure") && cookie.contains("HttpOnly") && !cookie.contains("Domain"), "{cookie}");
    }
    browser.page("/").is(200);
}

fn header<'a>(reply: &'a Reply, name: &str, path: &str) -> &'a str {
    reply.header(name).unwrap_or_else(|| panic!("{path} lacks {name}: {:?}", reply.headers))
}

fn strict(path: &str, reply: &Reply) {
    let policy = header(reply, "content-security-policy", path);
    for bad in ["unsafe-inline", "unsafe-eval", "*", "http:", "data: 'self'"] {
        assert!(!policy.contains(bad), "{path}: {policy}");
    }
    for part in ["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"] {
        assert!(policy.contains(part), "{path} lacks {part}: {policy}");
    }
    assert_eq!(header(reply, "x-content-type-options", path), "nosniff");
    assert_eq!(header(reply, "x-frame-options", path).to_lowercase(), "deny");
    let referrer = header(reply, "referrer-policy", path);
    assert!(["no-referrer", "same-origin", "strict-origin"].contains(&referrer), "{path}: {referrer}");
    header(reply, "permissions-policy", path);
    assert_eq!(header(reply, "cross-origin-opener-policy", path), "same-origin");
    header(reply, "x-request-id", path);
    let server = reply.header("server").unwrap_or("");
    assert!(!server.contains(char::is_numeric), "{path}: the server header names no version: {server}");
    if !path.starts_with("/assets/") || reply.status != 200 {
        assert!(header(reply, "cache-control", path).contains("no-store"), "{path}: {:?}", reply.headers);
    }
}

/// Every kind of answer from every surface.
fn every_answer(client: &Client) -> Vec<(String, Reply)> {
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let json = [("content-type", "application/json")];
    let huge = vec![b'a'; 4 << 20];
    let mut replies: Vec<(String, Reply)> = [
        "/",
        "/login",
        "/signup",
        "/setup?code=x",
        "/healthz",
        "/ready",
        "/metrics",
        "/graphql",
        "/admin/audit_logs",
        "/no/such/page/at/all",
        "/%ff%fe",
        "/console/users",
        "/console/audit",
        "/logout",
    ]
    .iter()
    .map(|path| ((*path).to_owned(), client.page(path)))
    .collect();
    replies.push(("/login no token".into(), client.send("POST", "/login", &form, Some(b"username=a&password=b"))));
    replies.push(("/login no type".into(), client.send("POST", "/login", &[], Some(b"username=a&password=b"))));
    replies.push(("/graphql broken".into(), client.send("POST", "/graphql", &json, Some(b"{"))));
    replies.push(("/graphql huge".into(), client.send("POST", "/graphql", &json, Some(&huge))));
    replies.push(("/healthz DELETE".into(), client.send("DELETE", "/healthz", &[], None)));
    replies.push(("/healthz HEAD".into(), client.send("HEAD", "/healthz", &[], None)));
    let page = client.page("/login");
    for asset in crate::harness::html::elements(&page.body, "link") {
        if let Some(href) = asset.get("href").filter(|href| href.starts_with('/')) {
            replies.push((href.clone(), client.get(href)));
        }
    }
    replies
}

#[test]
fn every_answer_carries_strict_headers() {
    let server = Server::plain();
    let root = server.person_with_password("root", "admin");
    let browser = server.anonymous();
    browser.sign_in("root", PASSWORD).is(303);
    for client in [server.anonymous(), root.client.clone(), browser] {
        for (path, reply) in every_answer(&client) {
            assert!(reply.status < 500, "{path}: {reply:?}");
            strict(&path, &reply);
            assert!(reply.header("strict-transport-security").is_none(), "{path}: no HSTS over plain HTTP");
        }
    }
}

#[test]
fn hsts_is_sent_with_given_certificates_only_and_covers_this_host_only() {
    let data = crate::harness::Data::new();
    let (cert, key) = certificate();
    let (cert, key) = (data.file("cert.pem", &cert), data.file("key.pem", &key));
    let server = Server::start(with_files(&cert, &key).data(&data));
    for (path, reply) in every_answer(&server.anonymous()) {
        strict(&path, &reply);
        let hsts = header(&reply, "strict-transport-security", &path).to_lowercase();
        assert!(hsts.starts_with("max-age=") && !hsts.contains("subdomains") && !hsts.contains("preload"), "{hsts}");
    }
    let server = Server::start(Setup::default().arg("--tls-self-signed"));
    for (path, reply) in every_answer(&server.anonymous()) {
        strict(&path, &reply);
        assert!(reply.header("strict-transport-security").is_none(), "{path}: a self-signed certificate may go away");
    }
}

/// SIGTERM lets a request in flight finish.
#[test]
fn a_request_in_flight_is_answered_before_the_end() {
    // One worker takes connections in their order, so what answered the second has seen the first.
    let server = Server::start(Setup::default().arg("--workers").arg("1"));
    let mut tcp = TcpStream::connect(server.address()).unwrap();
    tcp.set_read_timeout(Some(PATIENCE)).unwrap();
    let body = br#"{"query":"{ viewer { id } }"}"#;
    write!(tcp, "POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n").unwrap();
    write!(tcp, "Content-Length: {}\r\n\r\n", body.len()).unwrap();
    tcp.write_all(&body[..5]).unwrap();
    server.anonymous().get("/healthz").is(200);
    server.signal(rustix::process::Signal::TERM);
    tcp.write_all(&body[5..]).unwrap();
    let mut answer = String::new();
    tcp.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
    server.ended();
}
