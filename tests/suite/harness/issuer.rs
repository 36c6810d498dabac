//! An issuer of tokens over TLS with a certificate of a private authority, and keys of three kinds: what a cluster or a pipeline
//! of the company has. [`super::provider::Forger`] answers badly; this one is honest.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::rsa::KeyPair as RsaKeyPair;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::Arc;

/// An RSA key of 2,048 bits, made for these tests and used for nothing else.
const RSA: &[u8] = include_bytes!("../../data/keys/rsa-2048.pk8");

/// The certificate of an authority, and a certificate of it for 127.0.0.1 with its key.
pub fn private_authority() -> (String, String, String) {
    use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
    let mut params = CertificateParams::new(vec![]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(rcgen::DnType::CommonName, "Private authority");
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(vec!["127.0.0.1".to_owned(), "localhost".to_owned()]).unwrap();
    let leaf = leaf.signed_by(&key, &authority).unwrap();
    (authority.pem(), leaf.pem(), key.serialize_pem())
}

/// The issuer.
pub struct Issuer {
    pub url: String,
    keys: Keys,
}

struct Keys {
    rsa: RsaKeyPair,
    ec: EcdsaKeyPair,
    ed: Ed25519KeyPair,
}

impl Keys {
    fn make() -> Self {
        let random = SystemRandom::new();
        let ec = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let ed = Ed25519KeyPair::generate_pkcs8(&random).unwrap();
        Keys {
            rsa: RsaKeyPair::from_pkcs8(RSA).unwrap(),
            ec: EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, ec.as_ref(), &random).unwrap(),
            ed: Ed25519KeyPair::from_pkcs8(ed.as_ref()).unwrap(),
        }
    }

    fn set(&self) -> Value {
        let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let rsa = ring::rsa::PublicKeyComponents::<Vec<u8>>::from(self.rsa.public());
        let point = self.ec.public_key().as_ref();
        json!({ "keys": [
            { "kty": "RSA", "kid": "RS256", "use": "sig", "alg": "RS256", "n": part(&rsa.n), "e": part(&rsa.e) },
            { "kty": "EC", "kid": "ES256", "use": "sig", "crv": "P-256", "x": part(&point[1..33]), "y": part(&point[33..]) },
            { "kty": "OKP", "kid": "EdDSA", "crv": "Ed25519", "x": part(self.ed.public_key().as_ref()) },
        ] })
    }
}

impl Issuer {
    /// Starts one; gives also the certificate of its authority.
    pub fn start() -> (Issuer, String) {
        let (authority, cert, key) = private_authority();
        let chain = vec![CertificateDer::from_pem_slice(cert.as_bytes()).unwrap()];
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
        let _ = rustls::crypto::ring::default_provider().install_default();
        let config = Arc::new(ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key).unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("https://{}", listener.local_addr().unwrap());
        let keys = Keys::make();
        let (metadata, set) =
            (json!({ "issuer": url, "jwks_uri": format!("{url}/jwks") }).to_string(), keys.set().to_string());
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let mut reader =
                    BufReader::new(StreamOwned::new(ServerConnection::new(Arc::clone(&config)).unwrap(), stream));
                let (mut first, mut line) = (String::new(), String::new());
                // A handshake that fails is the other side's to tell.
                if reader.read_line(&mut first).unwrap_or(0) == 0 {
                    continue;
                }
                while reader.read_line(&mut line).unwrap_or(0) > 0 && !line.trim().is_empty() {
                    line.clear();
                }
                let body = match first.split(' ').nth(1).unwrap_or_default() {
                    "/.well-known/openid-configuration" => &metadata,
                    "/jwks" => &set,
                    _ => "",
                };
                let status = if body.is_empty() { 404 } else { 200 };
                let head =
                    format!("HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
                let stream = reader.get_mut();
                let _ = stream.write_all(format!("{head}{body}").as_bytes());
                stream.conn.send_close_notify();
                let _ = stream.flush();
            }
        });
        (Issuer { url, keys }, authority)
    }

    /// A token with these claims by the key of this algorithm.
    pub fn sign(&self, alg: &str, claims: &Value) -> String {
        let part = |json: &Value| URL_SAFE_NO_PAD.encode(json.to_string());
        let signed = format!("{}.{}", part(&json!({ "alg": alg, "kid": alg, "typ": "JWT" })), part(claims));
        let random = SystemRandom::new();
        let signature = match alg {
            "RS256" => {
                let mut out = vec![0; self.keys.rsa.public().modulus_len()];
                self.keys.rsa.sign(&RSA_PKCS1_SHA256, &random, signed.as_bytes(), &mut out).unwrap();
                out
            }
            "ES256" => self.keys.ec.sign(&random, signed.as_bytes()).unwrap().as_ref().to_vec(),
            "EdDSA" => self.keys.ed.sign(signed.as_bytes()).as_ref().to_vec(),
            other => panic!("no key for {other}"),
        };
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}
