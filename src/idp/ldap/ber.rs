//! The little of ASN.1's basic encoding rules that is read here by hand: whether a message is sound before the LDAP library
//! reads it (that library follows any nesting), the answer to StartTLS, and the cookie of a page.

/// Deepest nesting of a message. LDAP's own answers reach six.
const DEEPEST: usize = 16;

/// One element: its tag, its content, and what follows it. Tags of one byte and lengths of up to four alone, as LDAP has them.
pub fn element(input: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = input.split_first()?;
    if tag & 0x1f == 0x1f {
        return None;
    }
    let (length, used) = length(rest)?;
    let rest = rest.get(used..)?;
    (length <= rest.len()).then(|| rest.split_at(length)).map(|(content, after)| (tag, content, after))
}

/// A length and how many bytes it takes; none where it is indefinite, too long or not all there.
pub fn length(input: &[u8]) -> Option<(usize, usize)> {
    let first = usize::from(*input.first()?);
    if first < 0x80 {
        return Some((first, 1));
    }
    let count = first - 0x80;
    if !(1..=4).contains(&count) {
        return None;
    }
    let bytes = input.get(1..=count)?;
    Some((bytes.iter().fold(0, |sum, b| sum << 8 | usize::from(*b)), 1 + count))
}

/// Whether the whole of `message` is one element whose parts lie within one another and not too deep.
pub fn is_sound(message: &[u8]) -> bool {
    let mut ends = Vec::with_capacity(DEEPEST);
    let mut at = 0;
    ends.push(message.len());
    while at < message.len() {
        while ends.last() == Some(&at) {
            ends.pop();
        }
        let (Some(tag), Some(rest)) = (message.get(at), message.get(at + 1..)) else { return false };
        let Some((length, used)) = length(rest) else { return false };
        let begins = at + 1 + used;
        let Some(ends_at) = begins.checked_add(length) else { return false };
        let alone = at > 0 || ends_at == message.len();
        if tag & 0x1f == 0x1f || !alone || ends.last().is_none_or(|outer| ends_at > *outer) {
            return false;
        }
        at = begins;
        if tag & 0x20 == 0 {
            at = ends_at;
        } else if length > 0 {
            if ends.len() > DEEPEST {
                return false;
            }
            ends.push(ends_at);
        }
    }
    at == message.len() && at > 0
}

/// Whether a sound message is an answer as RFC 4511 has them: a number, an operation that servers send, perhaps controls. The
/// library takes that for granted.
pub fn is_answer(message: &[u8]) -> bool {
    let is_result = |body: &[u8]| {
        let text = |tag: u8, bytes: &[u8]| tag == 0x04 && std::str::from_utf8(bytes).is_ok();
        let Some((0x0a, [_], rest)) = element(body) else { return false };
        let Some((first, matched, rest)) = element(rest) else { return false };
        element(rest).is_some_and(|(second, said, _)| text(first, matched) && text(second, said))
    };
    let Some((0x30, envelope, [])) = element(message) else { return false };
    let Some((0x02, [_, ..], rest)) = element(envelope) else { return false };
    let Some((operation, body, rest)) = element(rest) else { return false };
    let known = match operation {
        // Answers to bind and StartTLS, and the end of a search.
        0x61 | 0x65 | 0x78 => is_result(body),
        // An entry, a pointer elsewhere, an intermediate word.
        0x64 | 0x73 | 0x79 => !body.is_empty(),
        _ => false,
    };
    known
        && (rest.is_empty()
            || element(rest).is_some_and(|(tag, list, rest)| rest.is_empty() && are_controls(tag, list)))
}

/// A list of controls: each a name, perhaps whether it matters, perhaps a value. Active Directory puts the name of its goodbye
/// there instead.
fn are_controls(tag: u8, mut list: &[u8]) -> bool {
    if tag == 0x8a {
        return true;
    }
    while !list.is_empty() {
        let Some((0x30, control, rest)) = element(list) else { return false };
        let Some((0x04, name, mut more)) = element(control) else { return false };
        if std::str::from_utf8(name).is_err() {
            return false;
        }
        if let Some((0x01, [_], after)) = element(more) {
            more = after;
        }
        let value = more.is_empty() || element(more).is_some_and(|(tag, _, rest)| tag == 0x04 && rest.is_empty());
        if !value {
            return false;
        }
        list = rest;
    }
    tag == 0xa0
}

/// The result code and the text of an extended answer (RFC 4511 §4.12).
pub fn extended_answer(message: &[u8]) -> Option<(u8, String)> {
    let (0x30, envelope, _) = element(message)? else { return None };
    let (0x02, _, rest) = element(envelope)? else { return None };
    let (0x78, answer, _) = element(rest)? else { return None };
    let (0x0a, &[code], rest) = element(answer)? else { return None };
    let (0x04, _, rest) = element(rest)? else { return None };
    let (0x04, text, _) = element(rest)? else { return None };
    Some((code, String::from_utf8_lossy(text).chars().take(200).collect()))
}

/// The cookie of a page (RFC 2696).
pub fn cookie(value: &[u8]) -> Option<Vec<u8>> {
    let (0x30, inner, _) = element(value)? else { return None };
    let (0x02, _, rest) = element(inner)? else { return None };
    let (0x04, cookie, _) = element(rest)? else { return None };
    Some(cookie.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    const STARTED: &[u8] = &[0x30, 0x0c, 2, 1, 1, 0x78, 7, 0x0a, 1, 0, 4, 0, 4, 0];

    #[test]
    fn answers_are_read() {
        assert!(is_sound(STARTED));
        assert_eq!(extended_answer(STARTED), Some((0, String::new())));
        assert_eq!(cookie(&[0x30, 7, 2, 1, 0, 4, 2, b'a', b'b']), Some(b"ab".to_vec()));
        assert_eq!(cookie(&[0x30, 5, 2, 1, 0, 4]), None);
    }

    #[test]
    fn only_what_servers_say_is_an_answer() {
        assert!(is_answer(STARTED));
        let page = [
            0x30, 26, 2, 1, 3, 0x65, 7, 0x0a, 1, 0, 4, 0, 4, 0, 0xa0, 12, 0x30, 10, 4, 1, b'1', 4, 5, 0x30, 3, 2, 1, 0,
        ];
        assert!(is_sound(&page) && is_answer(&page));
        for (at, wrong) in
            [(5, 0x60), (5, 0x66), (7, 0x02), (10, 0x02), (12, 0x30), (14, 0xa1), (16, 0x31), (18, 2), (21, 5)]
        {
            let mut bytes = page;
            bytes[at] = wrong;
            assert!(!is_answer(&bytes), "{at}");
        }
        for bytes in [&[0x30, 0][..], &[0x30, 3, 2, 1, 0], &[0x30, 5, 2, 1, 1, 0x61, 0], &[0x30, 5, 2, 0, 0x61, 0]] {
            assert!(!is_answer(bytes), "{bytes:?}");
        }
        let no_text = [0x30, 0x0d, 2, 1, 1, 0x61, 8, 0x0a, 1, 0, 4, 0, 4, 1, 0xff];
        assert!(is_sound(&no_text) && !is_answer(&no_text));
    }

    #[test]
    fn unsound_messages_are_refused() {
        // A length beyond its end, one beyond that of its parent, two elements, an indefinite length, a long tag, nothing.
        for bytes in [
            &[0x30, 5, 2, 1, 1][..],
            &[0x30, 3, 2, 9, 1],
            &[0x30, 3, 2, 1, 1, 0x30, 0],
            &[0x30, 0x80, 2, 1, 1, 0, 0],
            &[0x30, 3, 0x1f, 1, 1],
            &[],
            &[0x30],
        ] {
            assert!(!is_sound(bytes), "{bytes:?}");
        }
        for cut in 0..STARTED.len() {
            assert!(!is_sound(&STARTED[..cut]), "{cut}");
        }
    }

    #[test]
    fn deep_nesting_is_refused() {
        let nested = |depth: usize| {
            let mut message = vec![0x04, 0];
            for _ in 0..depth {
                let mut outer = vec![0x30, 0x84];
                outer.extend(u32::try_from(message.len()).unwrap_or(u32::MAX).to_be_bytes());
                outer.append(&mut message);
                message = outer;
            }
            message
        };
        assert!(is_sound(&nested(8)));
        assert!(!is_sound(&nested(40)));
        assert!(!is_sound(&nested(5_000)));
    }
}
