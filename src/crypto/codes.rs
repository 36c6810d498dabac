//! One-time codes: those of an app (RFC 6238 as every app speaks it: SHA-1, six digits, thirty seconds) and recovery codes.
//! Pure: the time is given, and that a step or a recovery code works once is kept by `ops::factors`.

use super::{Random, hex, sha256};
use crate::clock::{Millis, SECOND};
use crate::error::{Error, Result};
use totp_rs::{Algorithm, Builder, Secret, Totp};

/// Bytes of a secret: the length of the hash (RFC 4226 §4, R6).
pub const SECRET: usize = 20;
/// How many recovery codes are given at once.
pub const RECOVERY: usize = 10;

fn totp(secret: &[u8], account: &str) -> Result<Totp> {
    Builder::new()
        .with_algorithm(Algorithm::SHA1)
        .with_digits(6)
        .with_skew(1)
        .with_step_duration(30)
        .with_secret(secret.to_vec())
        .with_issuer(Some("Bailiwick"))
        .with_account_name(account)
        .build()
        .map_err(|e| Error::internal(format!("one-time codes: {e}")))
}

/// What an app is told of a fresh secret: the text to type and the address to scan. `account` holds no colon.
pub fn for_app(secret: &[u8], account: &str) -> Result<(String, String)> {
    let totp = totp(secret, account)?;
    let address = totp.to_url().map_err(|e| Error::internal(format!("one-time codes: {e}")))?;
    Ok((Secret::from(secret.to_vec()).to_base32(), address))
}

/// The step whose code `typed` is: the present one, the one before, or the one after. Blanks between the digits are fine.
pub fn step_of(secret: &[u8], typed: &str, now: Millis) -> Result<Option<u64>> {
    let digits: String = typed.chars().filter(|c| !c.is_whitespace()).take(7).collect();
    let seconds = u64::try_from(now / SECOND).unwrap_or(0);
    Ok(totp(secret, "")?.check(&digits, seconds))
}

/// The code of the step in which `now` is.
#[cfg(test)]
pub fn code_at(secret: &[u8], now: Millis) -> String {
    totp(secret, "").map(|t| t.generate(u64::try_from(now / SECOND).unwrap_or(0)).to_string()).unwrap_or_default()
}

/// Fresh recovery codes of 80 random bits each, as four groups of four letters and digits that are hard to mix up.
pub fn recovery(random: &Random) -> Result<Vec<String>> {
    let one = || {
        let text = Secret::from(random.bytes::<10>()?.to_vec()).to_base32().to_lowercase();
        let groups: Vec<&str> = (0..4).filter_map(|n| text.get(4 * n..4 * n + 4)).collect();
        Ok(groups.join("-"))
    };
    (0..RECOVERY).map(|_| one()).collect()
}

/// What is kept of a recovery code, however its letters and groups are typed.
pub fn recovery_hash(typed: &str) -> String {
    let plain: String = typed.chars().filter(|c| c.is_ascii_alphanumeric()).take(64).collect();
    hex(&sha256(plain.to_ascii_lowercase().as_bytes()))
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_the_specification() {
        // RFC 6238, appendix B, cut to six digits.
        for (seconds, code) in [(59, "287082"), (1_111_111_109, "081804"), (1_234_567_890, "005924")] {
            let (secret, now) = (b"12345678901234567890", seconds * SECOND);
            assert_eq!(code_at(secret, now), code);
            let step = u64::try_from(seconds / 30).unwrap();
            assert_eq!(step_of(secret, &format!("{} {}", &code[..3], &code[3..]), now).unwrap(), Some(step));
            assert_eq!(step_of(secret, code, now + 30 * SECOND).unwrap(), Some(step), "the last one");
            assert_eq!(step_of(secret, code, now + 90 * SECOND).unwrap(), None, "an old one");
        }
        for bad in ["", "28708", "2870822", "+28708", "28708a", "\u{662}87082"] {
            assert_eq!(step_of(b"12345678901234567890", bad, 59 * SECOND).unwrap(), None, "{bad}");
        }
    }

    #[test]
    fn recovery_codes_differ_and_are_found_however_they_are_typed() {
        let codes = recovery(&Random::system()).unwrap();
        assert_eq!(codes.len(), RECOVERY);
        assert!(codes.iter().all(|c| c.len() == 19 && c.split('-').count() == 4), "{codes:?}");
        assert_ne!(codes[0], codes[1]);
        let typed = format!(" {} ", codes[0].replace('-', " ").to_uppercase());
        assert_eq!(recovery_hash(&typed), recovery_hash(&codes[0]));
    }

    #[test]
    fn the_address_for_the_app_names_the_account() {
        let (text, address) = for_app(&[7; SECRET], "ana").unwrap();
        assert_eq!(text.len(), 32);
        assert!(address.starts_with("otpauth://totp/Bailiwick:ana?") && address.contains(&text), "{address}");
    }
}
