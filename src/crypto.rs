//! Randomness, hashes, passwords and sealing: the only caller of the random source and of the cryptography library.
//! Tokens are hashed at rest, secrets are sealed at rest, compares are constant-time.
//! Password hashing takes milliseconds and megabytes: `ops` reaches it only through the bounded queue of `ops::passwords`.

pub mod codes;
pub mod signing;

use crate::error::{Code, Error, Result};
use argon2::password_hash::{PasswordHasher, phc::PasswordHash};
use argon2::{Algorithm, Argon2, Params, Version};
use ring::rand::SecureRandom;
use subtle::ConstantTimeEq;

/// A source of random bytes: the operating system's, or a counted one that tests make repeatable.
#[derive(Clone, Debug, Default)]
pub struct Random(Option<std::sync::Arc<std::sync::atomic::AtomicU64>>);

const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

impl Random {
    /// The operating system's random source.
    pub fn system() -> Self {
        Random(None)
    }

    /// A repeatable source for tests: the SHA-256 of `seed` and a counter.
    pub fn seeded(seed: u64) -> Self {
        Random(Some(std::sync::Arc::new(std::sync::atomic::AtomicU64::new(seed))))
    }

    /// `N` fresh bytes. Fails only if the operating system has none to give.
    pub fn bytes<const N: usize>(&self) -> Result<[u8; N]> {
        let mut out = [0u8; N];
        match &self.0 {
            None => ring::rand::SystemRandom::new()
                .fill(&mut out)
                .map_err(|_| Error::internal("the operating system gave no random bytes"))?,
            Some(counter) => {
                for chunk in out.chunks_mut(32) {
                    let n = counter.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                    chunk.copy_from_slice(&sha256(&n.to_be_bytes())[..chunk.len()]);
                }
            }
        }
        Ok(out)
    }

    /// `len` letters and digits, each evenly likely (5.95 bits of entropy each).
    pub fn letters(&self, len: usize) -> Result<String> {
        let mut out = String::with_capacity(len);
        while out.len() < len {
            for byte in self.bytes::<64>()? {
                // 248 = 4 * 62: bytes above it would favour the first letters.
                if byte < 248 && out.len() < len {
                    out.push(char::from(ALPHABET[usize::from(byte) % 62]));
                }
            }
        }
        Ok(out)
    }
}

/// SHA-256 of `data`.
pub fn sha256(data: &[u8]) -> [u8; 32] {
    let digest = ring::digest::digest(&ring::digest::SHA256, data);
    let mut out = [0u8; 32];
    out.copy_from_slice(digest.as_ref());
    out
}

/// HMAC-SHA-256 of `data` under `key`.
pub fn mac(key: &[u8], data: &[u8]) -> [u8; 32] {
    let tag = ring::hmac::sign(&ring::hmac::Key::new(ring::hmac::HMAC_SHA256, key), data);
    let mut out = [0u8; 32];
    out.copy_from_slice(tag.as_ref());
    out
}

/// Whether two byte strings are equal, in time that depends on their length alone.
pub fn same(a: &[u8], b: &[u8]) -> bool {
    a.ct_eq(b).into()
}

/// A random secret as it is kept and looked up: its SHA-256 in hexadecimal. For what nobody can guess; passwords take
/// [`hash_password`].
pub fn hashed(secret: &str) -> String {
    hex(&sha256(secret.as_bytes()))
}

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// Lower-case hexadecimal of `bytes`.
pub fn hex(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(2 * bytes.len());
    for b in bytes {
        out.push(char::from(DIGITS[usize::from(b >> 4)]));
        out.push(char::from(DIGITS[usize::from(b & 15)]));
    }
    out
}

/// The digest that [`hex`] wrote as `text`; `None` for anything else.
pub fn digest_of_hex(text: &str) -> Option<[u8; 32]> {
    let pairs: &[[u8; 2]; 32] = text.as_bytes().as_chunks().0.try_into().ok().filter(|_| text.len() == 64)?;
    let (mut out, mut bad) = ([0; 32], 0);
    for (byte, [high, low]) in out.iter_mut().zip(pairs) {
        let (high, low) = (VALUES[usize::from(*high)], VALUES[usize::from(*low)]);
        bad |= high | low;
        *byte = (high << 4) | (low & 15);
    }
    (bad < 16).then_some(out)
}

/// What each lower-case hexadecimal digit counts; 255 for every other byte.
const VALUES: [u8; 256] = {
    let (mut values, mut n) = ([255; 256], 0);
    while n < 16 {
        values[DIGITS[n] as usize] = n as u8;
        n += 1;
    }
    values
};

/// Memory of one password hash in KiB: OWASP's first choice for argon2id.
pub const ARGON2_MEMORY_KIB: u32 = 19_456;
/// Passes of one password hash.
pub const ARGON2_PASSES: u32 = 2;

fn argon2() -> Result<Argon2<'static>> {
    let params = Params::new(ARGON2_MEMORY_KIB, ARGON2_PASSES, 1, None).map_err(|e| Error::internal(e.to_string()))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

/// The PHC string of a password under argon2id with a fresh salt. Takes about 12 ms and 19 MiB.
pub fn hash_password(password: &str, random: &Random) -> Result<String> {
    let salt = random.bytes::<16>()?;
    let hash =
        argon2()?.hash_password_with_salt(password.as_bytes(), &salt).map_err(|e| Error::internal(e.to_string()))?;
    Ok(hash.to_string())
}

/// A PHC string of the present parameters that nothing is known to fit: an unknown user's password is checked against it,
/// at the cost of a real one. A constant, so that a start does not pay for a hash.
pub fn decoy_hash() -> String {
    format!(
        "$argon2id$v=19$m={ARGON2_MEMORY_KIB},t={ARGON2_PASSES},p=1$ZGVjb3kgb2Ygbm9ib2R5IQ$\
         kqB3oCwXo7a0m1nL5uQ2eJ8tYvRz4sGdHfKpWxNcTbE"
    )
}

/// Whether `password` fits the PHC string `hash`; a damaged string fits nothing.
pub fn verify_password(password: &str, hash: &str) -> bool {
    verify_password_in(&mut HashMemory::default(), password, hash)
}

/// Memory that many checks use one after the other: asking the system for 19 MiB anew takes a quarter of a check's time.
#[derive(Default)]
pub struct HashMemory(Vec<argon2::Block>);

/// [`verify_password`] in memory that the caller keeps for the next one.
pub fn verify_password_in(memory: &mut HashMemory, password: &str, hash: &str) -> bool {
    let mut fits = || {
        let parsed = PasswordHash::new(hash).ok()?;
        let (salt, expected) = (parsed.salt?, parsed.hash?);
        let params = Params::try_from(&parsed).ok()?;
        let version = Version::try_from(parsed.version?).ok()?;
        let argon = Argon2::new(Algorithm::try_from(parsed.algorithm.as_str()).ok()?, version, params.clone());
        // What other memory was for another hash does not show: every block is written before it is read.
        memory.0.resize(memory.0.len().max(params.block_count()), argon2::Block::default());
        let mut computed = [0u8; argon2::password_hash::phc::Output::MAX_LENGTH];
        let computed = computed.get_mut(..expected.len())?;
        argon.hash_password_into_with_memory(password.as_bytes(), salt.as_ref(), computed, &mut memory.0).ok()?;
        Some(same(computed, expected.as_bytes()))
    };
    fits().unwrap_or(false)
}

/// Seals and opens secrets kept at rest (AES-256-GCM; the purpose is authenticated, so a sealed value cannot be moved).
pub struct Sealer(ring::aead::LessSafeKey);

impl Sealer {
    /// A sealer over a 32-byte key from the data directory.
    pub fn new(key: &[u8; 32]) -> Result<Self> {
        let key =
            ring::aead::UnboundKey::new(&ring::aead::AES_256_GCM, key).map_err(|_| Error::internal("sealing key"))?;
        Ok(Sealer(ring::aead::LessSafeKey::new(key)))
    }

    /// Nonce and ciphertext of `plain`, bound to `purpose`.
    pub fn seal(&self, purpose: &str, plain: &[u8], random: &Random) -> Result<Vec<u8>> {
        let nonce = random.bytes::<12>()?;
        let mut out = plain.to_vec();
        self.0
            .seal_in_place_append_tag(
                ring::aead::Nonce::assume_unique_for_key(nonce),
                ring::aead::Aad::from(purpose.as_bytes()),
                &mut out,
            )
            .map_err(|_| Error::internal("sealing failed"))?;
        Ok([nonce.as_slice(), &out].concat())
    }

    /// The plain bytes of what [`Sealer::seal`] gave for the same `purpose`; anything else is refused.
    pub fn open(&self, purpose: &str, sealed: &[u8]) -> Result<Vec<u8>> {
        let broken = || Error::new(Code::Internal, "A sealed secret cannot be opened with this data directory's key.");
        let (nonce, body) = sealed.split_at_checked(12).ok_or_else(broken)?;
        let nonce = ring::aead::Nonce::try_assume_unique_for_key(nonce).map_err(|_| broken())?;
        let mut body = body.to_vec();
        let plain =
            self.0.open_in_place(nonce, ring::aead::Aad::from(purpose.as_bytes()), &mut body).map_err(|_| broken())?;
        Ok(plain.to_vec())
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_forty_of_the_alphabet_and_differ() {
        let random = Random::system();
        let (a, b) = (random.letters(40).unwrap(), random.letters(40).unwrap());
        assert_eq!(a.len(), 40);
        assert!(a.bytes().all(|c| c.is_ascii_alphanumeric()));
        assert_ne!(a, b);
        assert_eq!(Random::seeded(1).letters(40).unwrap(), Random::seeded(1).letters(40).unwrap());
    }

    #[test]
    fn a_digest_is_read_as_it_was_written() {
        let digest = sha256(b"x");
        let text = hex(&digest);
        assert!(text.starts_with("2d711642b726b044"));
        assert_eq!(digest_of_hex(&text), Some(digest));
        for bad in
            [String::new(), text[1..].to_owned(), format!("{text}00"), text.to_uppercase(), text.replace('2', "g")]
        {
            assert_eq!(digest_of_hex(&bad), None, "{bad}");
        }
    }

    #[test]
    fn a_password_fits_its_own_hash_only() {
        let hash = hash_password("correct horse", &Random::seeded(3)).unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert!(verify_password("correct horse", &hash));
        assert!(!verify_password("correct horsf", &hash));
        assert!(!verify_password("x", "not a hash"));
    }

    #[test]
    fn the_decoy_costs_what_a_real_hash_costs() {
        let parsed = PasswordHash::new(&decoy_hash()).map(|h| h.params.to_string()).unwrap();
        let real = hash_password("x", &Random::seeded(3)).unwrap();
        assert_eq!(parsed, PasswordHash::new(&real).map(|h| h.params.to_string()).unwrap());
        assert_eq!(decoy_hash().len(), real.len());
        assert!(!verify_password("x", &decoy_hash()));
    }

    #[test]
    fn a_sealed_secret_opens_only_for_its_purpose() {
        let sealer = Sealer::new(&[7; 32]).unwrap();
        let sealed = sealer.seal("smtp", b"secret", &Random::system()).unwrap();
        assert_eq!(sealer.open("smtp", &sealed).unwrap(), b"secret");
        assert!(sealer.open("ldap", &sealed).is_err());
        assert!(sealer.open("smtp", &sealed[..20]).is_err());
    }
}
