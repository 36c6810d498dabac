//! Secrets that the server makes for itself and keeps, sealed with the key of the data directory. They leave the store only
//! into the memory of the running server.

use crate::clock::Millis;
use crate::crypto::signing::SigningKey;
use crate::crypto::{Random, Sealer};
use crate::error::{Error, Result};
use crate::store::schema::SealedSecret;
use crate::store::{Read, Store, schema};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Name and purpose of the key that signs assertions.
const ASSERTIONS: &str = "assertion signing key";

/// Name and purpose of the key of file tickets.
const TICKETS: &str = "file ticket key";

/// The key that signs assertions; made at the first start. One that cannot be opened any more (the data directory's key was
/// lost) gives way to a new one: assertions live for a minute, so nothing that matters is lost with it.
pub fn assertion_key(store: &Store, sealer: &Sealer, random: &Random, now: Millis) -> Result<SigningKey> {
    SigningKey::from_seed(&seed(ASSERTIONS, store, sealer, random, now)?)
}

/// The key of the addresses at which files are sent and fetched, made likewise: they live for a quarter of an hour.
pub fn ticket_key(store: &Store, sealer: &Sealer, random: &Random, now: Millis) -> Result<[u8; 32]> {
    seed(TICKETS, store, sealer, random, now)
}

fn seed(name: &str, store: &Store, sealer: &Sealer, random: &Random, now: Millis) -> Result<[u8; 32]> {
    if let Some(kept) = store.read(|view| view.get(&schema::SECRETS, &name.to_owned()))? {
        match open(sealer, &kept) {
            Ok(key) => return Ok(key),
            Err(error) => tracing::warn!("a new {name} is made: {}", error.sentence()),
        }
    }
    let seed = random.bytes::<32>()?;
    let sealed = STANDARD.encode(sealer.seal(name, &seed, random)?);
    let secret = SealedSecret { name: name.to_owned(), sealed, made_at: now };
    store.write_blocking(move |tx| tx.put(&schema::SECRETS, &secret))?;
    Ok(seed)
}

fn open(sealer: &Sealer, kept: &SealedSecret) -> Result<[u8; 32]> {
    let damaged = || Error::internal("a sealed secret is damaged");
    let sealed = STANDARD.decode(&kept.sealed).map_err(|_| damaged())?;
    sealer.open(&kept.name, &sealed)?.try_into().map_err(|_| damaged())
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_key_stays_and_is_sealed_and_a_lost_data_key_makes_a_new_one() {
        let store = Store::in_memory(&schema::SCHEMA).unwrap();
        let (sealer, random) = (Sealer::new(&[1; 32]).unwrap(), Random::seeded(5));
        let first = assertion_key(&store, &sealer, &random, 1).unwrap().jwks();
        assert_eq!(assertion_key(&store, &sealer, &random, 2).unwrap().jwks(), first);
        let kept = store.read(|view| view.get(&schema::SECRETS, &ASSERTIONS.to_owned())).unwrap().unwrap();
        assert!(STANDARD.decode(&kept.sealed).unwrap().len() > 32 + 12);
        let other = Sealer::new(&[2; 32]).unwrap();
        let second = assertion_key(&store, &other, &random, 3).unwrap().jwks();
        assert_ne!(second, first);
        assert_eq!(assertion_key(&store, &other, &random, 4).unwrap().jwks(), second);
    }
}
