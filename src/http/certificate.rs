//! Reads what we need to know of an X.509 certificate: when it ends. Not a parser of certificates at large, and nothing
//! is trusted by it; `tls.rs` and the doctor use it to say how many days are left.

use crate::clock::{Millis, parse_rfc3339};

/// When the DER certificate stops being valid; `None` when its bytes make no sense.
pub fn not_after(der: &[u8]) -> Option<Millis> {
    let (_, certificate, _) = element(der)?;
    let (_, tbs, _) = element(certificate)?;
    // RFC 5280 §4.1: [0] version (optional), serialNumber, signature, issuer, validity.
    let (first, _, after_first) = element(tbs)?;
    let mut rest = if first == 0xa0 { element(after_first)?.2 } else { after_first };
    for _ in 0..2 {
        rest = element(rest)?.2;
    }
    let (_, validity, _) = element(rest)?;
    let (_, _, after_start) = element(validity)?;
    let (tag, end, _) = element(after_start)?;
    let text = std::str::from_utf8(end).ok()?;
    let year = match tag {
        // UTCTime: two digits, of which 50 to 99 are the last century (RFC 5280 §4.1.2.5.1).
        0x17 => format!("{}{}", if text.get(..2)? >= "50" { "19" } else { "20" }, text.get(..2)?),
        0x18 => text.get(..4)?.to_owned(),
        _ => return None,
    };
    let digits = text.get(year.len() - if tag == 0x17 { 2 } else { 0 }..)?;
    let part = |from: usize| digits.get(from..from + 2);
    parse_rfc3339(&format!("{year}-{}-{}T{}:{}:{}Z", part(0)?, part(2)?, part(4)?, part(6)?, part(8)?))
}

/// The first DER element of `bytes`: tag, content, and what follows it.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let count = usize::from(first & 0x7f);
        if count == 0 || count > 4 {
            return None;
        }
        let (digits, rest) = rest.split_at_checked(count)?;
        (digits.iter().fold(0usize, |n, d| (n << 8) | usize::from(*d)), rest)
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn the_end_is_read_in_both_notations_and_garbage_gives_none() {
        for end in [datetime!(2031-02-03 04:05:06 UTC), datetime!(2077-12-31 23:59:59 UTC)] {
            let key = rcgen::KeyPair::generate().unwrap();
            let mut params = rcgen::CertificateParams::new(vec!["a.example".to_owned()]).unwrap();
            params.not_after = end;
            let der = params.self_signed(&key).unwrap().der().to_vec();
            assert_eq!(not_after(&der), Some(end.unix_timestamp() * 1000));
            for cut in 0..der.len().min(200) {
                let _ = not_after(&der[..cut]);
            }
        }
        assert_eq!(not_after(b"-----BEGIN"), None);
    }
}
