//! Signed assertions: an Ed25519 key, the JWTs that it signs, and its public half for those who check them. The JWT crate
//! gets its cryptography from `ring` here: of its own two backends one needs a C compiler and the other carries an RSA with
//! an open advisory. EdDSA only, so that there is no algorithm to confuse.

use super::sha256;
use crate::error::{Error, Result};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::signature;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header};
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use serde::Serialize;
use serde_json::{Value, json};

/// What the JWT crate calls for its cryptography.
static PROVIDER: CryptoProvider =
    CryptoProvider { signer_factory: signer, verifier_factory: verifier, key_utils: KeyUtils::new_unimplemented() };

struct Signer(Ed25519KeyPair);

struct Verifier(Vec<u8>);

fn signer(algorithm: &Algorithm, key: &EncodingKey) -> jsonwebtoken::errors::Result<Box<dyn JwtSigner>> {
    if *algorithm != Algorithm::EdDSA {
        return Err(ErrorKind::UnsupportedAlgorithm.into());
    }
    let pair = Ed25519KeyPair::from_seed_unchecked(key.as_bytes()).map_err(|_| ErrorKind::InvalidEddsaKey)?;
    Ok(Box::new(Signer(pair)))
}

fn verifier(algorithm: &Algorithm, key: &DecodingKey) -> jsonwebtoken::errors::Result<Box<dyn JwtVerifier>> {
    if *algorithm != Algorithm::EdDSA {
        return Err(ErrorKind::UnsupportedAlgorithm.into());
    }
    Ok(Box::new(Verifier(key.try_get_as_bytes()?.to_vec())))
}

impl signature::Signer<Vec<u8>> for Signer {
    fn try_sign(&self, message: &[u8]) -> std::result::Result<Vec<u8>, signature::Error> {
        Ok(self.0.sign(message).as_ref().to_vec())
    }
}

impl JwtSigner for Signer {
    fn algorithm(&self) -> Algorithm {
        Algorithm::EdDSA
    }
}

impl signature::Verifier<Vec<u8>> for Verifier {
    fn verify(&self, message: &[u8], signed: &Vec<u8>) -> std::result::Result<(), signature::Error> {
        UnparsedPublicKey::new(&ED25519, &self.0).verify(message, signed).map_err(|_| signature::Error::new())
    }
}

impl JwtVerifier for Verifier {
    fn algorithm(&self) -> Algorithm {
        Algorithm::EdDSA
    }
}

/// A key that signs assertions.
pub struct SigningKey {
    key: EncodingKey,
    header: Header,
    /// The public key, base64url.
    public: String,
}

impl SigningKey {
    /// The key that follows from 32 random bytes.
    pub fn from_seed(seed: &[u8]) -> Result<Self> {
        // A second one of this process finds the first one's; it is the same.
        let _ = PROVIDER.install_default();
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| Error::internal("a signing key's length"))?;
        let public = URL_SAFE_NO_PAD.encode(pair.public_key().as_ref());
        let mut header = Header::new(Algorithm::EdDSA);
        // RFC 7638: the members that make the key, in this order, without blanks.
        let thumbprint = sha256(format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{public}"}}"#).as_bytes());
        header.kid = Some(URL_SAFE_NO_PAD.encode(thumbprint));
        Ok(SigningKey { key: EncodingKey::from_ed_der(seed), header, public })
    }

    /// A JWT of `claims`.
    pub fn sign<C: Serialize>(&self, claims: &C) -> Result<String> {
        jsonwebtoken::encode(&self.header, claims, &self.key).map_err(|e| Error::internal(format!("signing: {e}")))
    }

    /// The public half as a JWK set (RFC 7517, RFC 8037).
    pub fn jwks(&self) -> Value {
        json!({ "keys": [{
            "kty": "OKP", "crv": "Ed25519", "x": self.public, "kid": self.header.kid, "alg": "EdDSA", "use": "sig",
        }] })
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::*;
    use jsonwebtoken::{Validation, decode};

    #[derive(Serialize, serde::Deserialize)]
    struct Claims {
        sub: String,
        exp: i64,
    }

    #[test]
    fn an_assertion_is_checked_with_the_public_half_only() {
        let key = SigningKey::from_seed(&[9; 32]).unwrap();
        let token = key.sign(&Claims { sub: "mia".into(), exp: 4_000_000_000 }).unwrap();
        let jwk = &key.jwks()["keys"][0];
        let checked = |jwk: &Value, token: &str| {
            let public = DecodingKey::from_ed_components(jwk["x"].as_str().unwrap()).unwrap();
            decode::<Claims>(token, &public, &Validation::new(Algorithm::EdDSA)).map(|t| (t.claims.sub, t.header.kid))
        };
        assert_eq!(checked(jwk, &token).unwrap(), ("mia".into(), jwk["kid"].as_str().map(str::to_owned)));
        let other = SigningKey::from_seed(&[8; 32]).unwrap();
        assert!(checked(&other.jwks()["keys"][0], &token).is_err());
        let mut bent = token.into_bytes();
        let at = bent.len() - 20;
        bent[at] = if bent[at] == b'A' { b'B' } else { b'A' };
        assert!(checked(jwk, std::str::from_utf8(&bent).unwrap()).is_err());
        assert!(!key.jwks().to_string().contains("\"d\""), "no private half");
    }
}
