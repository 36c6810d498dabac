//! An authenticator made of software: a P-256 key that answers whatever it is asked, truly or, where a test wants it, not.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Value, json};

/// What it claims and counts.
pub struct Authenticator {
    key: EcdsaKeyPair,
    id: [u8; 16],
    handle: Vec<u8>,
    pub origin: String,
    pub party: String,
    pub verified: bool,
    pub counter: u32,
}

impl Authenticator {
    pub fn new(id: u8, origin: &str, party: &str) -> Self {
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).unwrap();
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8.as_ref(), &random).unwrap();
        let (origin, party) = (origin.to_owned(), party.to_owned());
        Authenticator { key, id: [id; 16], handle: vec![], origin, party, verified: true, counter: 0 }
    }

    fn client_data(&self, kind: &str, asked: &Value) -> Vec<u8> {
        let data = json!({"type": kind, "challenge": asked["challenge"], "origin": self.origin, "crossOrigin": false});
        data.to_string().into_bytes()
    }

    fn data(&mut self, more: u8) -> Vec<u8> {
        self.counter += 1;
        let mut data = crate::crypto::sha256(self.party.as_bytes()).to_vec();
        data.push(1 | if self.verified { 4 } else { 0 } | more);
        data.extend(self.counter.to_be_bytes());
        data
    }

    /// The answer to the options of a registration.
    pub fn register(&mut self, asked: &str) -> String {
        let asked: Value = serde_json::from_str(asked).unwrap();
        self.handle = URL_SAFE_NO_PAD.decode(asked["user"]["id"].as_str().unwrap()).unwrap();
        let client = self.client_data("webauthn.create", &asked);
        let mut data = self.data(0x40);
        data.extend([0; 16]);
        data.extend([0, 16]);
        data.extend(self.id);
        let point = self.key.public_key().as_ref();
        data.extend([0xa5, 1, 2, 3, 0x26, 0x20, 1, 0x21, 0x58, 32]);
        data.extend(&point[1..33]);
        data.extend([0x22, 0x58, 32]);
        data.extend(&point[33..65]);
        let mut object = b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x58".to_vec();
        object.push(u8::try_from(data.len()).unwrap());
        object.extend(data);
        self.json(json!({"clientDataJSON": text(&client), "attestationObject": text(&object), "transports": []}))
    }

    /// The answer to the options of a proof.
    pub fn prove(&mut self, asked: &str) -> String {
        let asked: Value = serde_json::from_str(asked).unwrap();
        let client = self.client_data("webauthn.get", &asked);
        let data = self.data(0);
        let signed = [data.as_slice(), &crate::crypto::sha256(&client)].concat();
        let signature = self.key.sign(&SystemRandom::new(), &signed).unwrap();
        self.json(json!({
            "clientDataJSON": text(&client),
            "authenticatorData": text(&data),
            "signature": text(signature.as_ref()),
            "userHandle": text(&self.handle),
        }))
    }

    fn json(&self, response: Value) -> String {
        let id = text(&self.id);
        json!({"id": id, "rawId": id, "type": "public-key", "clientExtensionResults": {}, "response": response})
            .to_string()
    }
}

fn text(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
