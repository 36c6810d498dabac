//! A look at the tokens of a GraphQL document before the parser sees it: bounds on their number and nesting, which keep the
//! parser's work small, and names given twice in one input object, which the parser would quietly merge.
//! What is no GraphQL at all is the parser's to say. Documents that came before are remembered, parsed.

use super::unfold;
use crate::error::{Code, Error, Result};
use async_graphql::parser::{parse_query, types::ExecutableDocument};
use std::cell::RefCell;
use std::collections::HashMap;

/// The longest document, in bytes. The longest the wandb client sends is about five thousand.
pub const DOCUMENT_MAX: usize = 64 * 1024;
/// The most names, numbers and punctuation marks in a document.
const TOKENS_MAX: usize = 8_000;
/// How deep brackets nest.
const NESTING_MAX: usize = 60;

thread_local! {
    /// Documents that this worker parsed before: clients send the same few over and over, and parsing was a third of the
    /// processor time of a `createUser`, its transaction included.
    static KNOWN: RefCell<HashMap<String, ExecutableDocument>> = RefCell::default();
}

/// How many documents a worker remembers, and up to which length.
const KNOWN_MAX: usize = 64;
pub const KNOWN_LENGTH: usize = 8 * 1024;

/// The document parsed; `None` where it cannot be, which the executor then says better.
pub fn parsed(query: &str) -> Result<Option<ExecutableDocument>> {
    if let Some(document) = KNOWN.with_borrow(|known| known.get(query).cloned()) {
        return Ok(Some(document));
    }
    check(query)?;
    let Ok(document) = parse_query(query) else { return Ok(None) };
    unfold::check(&document)?;
    if query.len() <= KNOWN_LENGTH {
        KNOWN.with_borrow_mut(|known| {
            if known.len() >= KNOWN_MAX {
                known.clear();
            }
            known.insert(query.to_owned(), document.clone());
        });
    }
    Ok(Some(document))
}

/// What an open bracket holds.
enum Frame<'a> {
    /// A selection set, a list, an argument list: nothing is remembered.
    Plain { is_list: bool },
    /// An input object: the names given so far.
    Object(Vec<&'a str>),
}

/// Refuses a document that is too large to look at, or that says one thing twice.
fn check(document: &str) -> Result<()> {
    if document.len() > DOCUMENT_MAX {
        return Err(Error::new(Code::TooLarge, format!("The query is longer than {} KiB.", DOCUMENT_MAX / 1024)));
    }
    let bytes = document.as_bytes();
    let (mut at, mut count) = (0, 0);
    let mut open: Vec<Frame> = vec![];
    // The last name, and the last punctuation mark before the present token.
    let (mut name, mut before) = ("", b' ');
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'#' => {
                at += bytes[at..].iter().position(|b| *b == b'\n' || *b == b'\r').unwrap_or(bytes.len() - at);
                continue;
            }
            b'"' => {
                at = after_string(bytes, at);
                before = b'"';
            }
            b'_' | b'a'..=b'z' | b'A'..=b'Z' => {
                let length = bytes[at..].iter().take_while(|b| **b == b'_' || b.is_ascii_alphanumeric()).count();
                name = &document[at..at + length];
                at += length;
                before = b'a';
            }
            b'{' | b'[' | b'(' => {
                let is_value =
                    matches!(before, b':' | b'=') || matches!(open.last(), Some(Frame::Plain { is_list: true }));
                open.push(match byte {
                    b'{' if is_value => Frame::Object(vec![]),
                    _ => Frame::Plain { is_list: byte == b'[' },
                });
                if open.len() > NESTING_MAX {
                    return Err(Error::new(
                        Code::InvalidRequest,
                        format!("The query nests deeper than {NESTING_MAX}."),
                    ));
                }
                (at, before) = (at + 1, byte);
            }
            b'}' | b']' | b')' => {
                open.pop();
                (at, before) = (at + 1, byte);
            }
            b':' => {
                if let Some(Frame::Object(names)) = open.last_mut() {
                    if names.contains(&name) {
                        return Err(Error::new(Code::InvalidRequest, format!("The field '{name}' is given twice.")));
                    }
                    names.push(name);
                }
                (at, before) = (at + 1, byte);
            }
            b' ' | b'\t' | b'\n' | b'\r' | b',' => {
                at += 1;
                continue;
            }
            _ => (at, before) = (at + 1, byte),
        }
        count += 1;
        if count > TOKENS_MAX {
            return Err(Error::new(Code::InvalidRequest, format!("The query has more than {TOKENS_MAX} tokens.")));
        }
    }
    Ok(())
}

/// The place behind the string or block string that begins at `at`.
fn after_string(bytes: &[u8], at: usize) -> usize {
    let is_block = bytes[at..].starts_with(b"\"\"\"");
    let mut at = at + if is_block { 3 } else { 1 };
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'\\' if is_block && bytes[at..].starts_with(b"\\\"\"\"") => at += 4,
            b'\\' if !is_block => at += 2,
            b'"' if !is_block => return at + 1,
            b'"' if bytes[at..].starts_with(b"\"\"\"") => return at + 3,
            _ => at += 1,
        }
    }
    bytes.len()
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn names_given_twice_in_an_input_object_are_refused() {
        for bad in [
            "mutation { f(input: {a: 1, a: 2}) }",
            "{ f(l: [{a: 1 b: 2}, {b: 1 b: 2}]) }",
            "query($x: T = {a: 1, a: 1}) { f }",
            "{ f(i: {o: {p: 1, p: 2}}) }",
        ] {
            assert!(check(bad).unwrap_err().detail().contains("twice"), "{bad}");
        }
        for good in [
            "{ a: f(i: {a: {a: 1}, b: 1}) { a: x b: x } c: f { a: x } }",
            "{ f(l: [{a: 1}, {a: 2}]) # a: a: a:\n }",
            r#"{ f(i: {a: "x: \" a: {", b: """ a: \""" a: """}) }"#,
            "query Q($a: Int = 1, $b: [Int!]! = [1]) @d(x: 1) { ...F @include(if: true) } fragment F on T { a: a }",
        ] {
            check(good).unwrap();
        }
    }

    #[test]
    fn size_number_and_nesting_are_bounded() {
        assert_eq!(check(&" ".repeat(DOCUMENT_MAX + 1)).unwrap_err().code(), Code::TooLarge);
        assert!(check(&"a ".repeat(TOKENS_MAX + 1)).is_err());
        assert!(check(&"{a".repeat(NESTING_MAX + 1)).is_err());
        check(&"{a".repeat(NESTING_MAX)).unwrap();
        for odd in ["\"", "\"\\", "\"\"\"", "\"\"\"\\", "}", "é{", "#"] {
            check(odd).unwrap();
        }
    }
}
