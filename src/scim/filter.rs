//! The filter grammar of RFC 7644 §3.4.2.2: all operators, `and`, `or`, `not`, grouping, filters on the values of one attribute.
//! Parsing knows names only; `filter/bound.rs` holds them against a kind of resource and its types, and asks resources. Length and
//! depth are bounded before anything recurses.

mod bound;

pub use bound::{Bound, Element, Test};

use super::path::{Attr, shown};
use super::quirks;
use crate::error::{Code, Error, Result};
use serde_json::{Number, Value};
use std::fmt;

/// The longest filter taken, in bytes.
pub const FILTER_MAX: usize = 4_096;
/// How deep groups may stand in each other.
pub const DEPTH_MAX: usize = 16;

/// A comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// Equal.
    Eq,
    /// Not equal.
    Ne,
    /// Contains.
    Co,
    /// Starts with.
    Sw,
    /// Ends with.
    Ew,
    /// Greater.
    Gt,
    /// Greater or equal.
    Ge,
    /// Less.
    Lt,
    /// Less or equal.
    Le,
}

impl Op {
    const ALL: [(&'static str, Op); 9] = [
        ("eq", Op::Eq),
        ("ne", Op::Ne),
        ("co", Op::Co),
        ("sw", Op::Sw),
        ("ew", Op::Ew),
        ("gt", Op::Gt),
        ("ge", Op::Ge),
        ("lt", Op::Lt),
        ("le", Op::Le),
    ];

    fn read(word: &str) -> Option<Op> {
        Op::ALL.iter().find(|(name, _)| name.eq_ignore_ascii_case(word)).map(|(_, op)| *op)
    }

    /// The word.
    pub fn as_str(self) -> &'static str {
        Op::ALL.iter().find(|(_, op)| *op == self).map_or("", |(name, _)| name)
    }

    pub(super) fn holds<T: PartialOrd + ?Sized>(self, left: &T, right: &T) -> bool {
        match self {
            Op::Eq => left == right,
            Op::Ne => left != right,
            Op::Gt => left > right,
            Op::Ge => left >= right,
            Op::Lt => left < right,
            Op::Le => left <= right,
            Op::Co | Op::Sw | Op::Ew => false,
        }
    }

    pub(super) fn orders(self) -> bool {
        matches!(self, Op::Gt | Op::Ge | Op::Lt | Op::Le)
    }
}

/// What is compared with.
#[derive(Clone, Debug, PartialEq)]
pub enum Literal {
    /// Nothing: the same as having no value.
    Null,
    /// A truth value.
    Bool(bool),
    /// A number.
    Number(Number),
    /// A text.
    Text(String),
}

/// A filter as written.
#[derive(Clone, Debug, PartialEq)]
pub enum Filter {
    /// All of them.
    And(Vec<Filter>),
    /// Any of them.
    Or(Vec<Filter>),
    /// Not this.
    Not(Box<Filter>),
    /// There is a value.
    Present(Attr),
    /// A comparison.
    Compare(Attr, Op, Literal),
    /// One value of the attribute for which all of it holds.
    Within(Attr, Box<Filter>),
}

pub(super) fn wrong(why: impl fmt::Display) -> Error {
    Error::new(Code::InvalidFilter, format!("The filter cannot be read: {why}."))
}

impl Filter {
    /// Reads a filter.
    ///
    /// # Errors
    /// [`Code::InvalidFilter`].
    pub fn parse(text: &str) -> Result<Self> {
        if text.len() > FILTER_MAX {
            return Err(wrong(format!("it is longer than {FILTER_MAX} characters")));
        }
        let mut parser = Parser { rest: text, depth: 0, within: false };
        let filter = parser.any()?;
        parser.blanks();
        if parser.rest.is_empty() { Ok(filter) } else { Err(wrong(format!("'{}' is left over", shown(parser.rest)))) }
    }

    /// Whether an attribute of this name is asked about.
    pub fn mentions(&self, name: &str) -> bool {
        match self {
            Filter::And(all) | Filter::Or(all) => all.iter().any(|f| f.mentions(name)),
            Filter::Not(inner) => inner.mentions(name),
            Filter::Present(attr) | Filter::Compare(attr, ..) | Filter::Within(attr, _) => attr.is(name),
        }
    }

    /// The comparisons by `eq` with a text of which every match fulfils one: what an index can answer. Several where the filter
    /// is an `or` of such comparisons; the whole filter still has to be asked of what the index gives.
    pub fn equalities(&self) -> Option<Vec<(&Attr, &str)>> {
        match self {
            Filter::Compare(attr, Op::Eq, Literal::Text(text)) => Some(vec![(attr, text)]),
            Filter::And(all) => all.iter().find_map(Filter::equalities),
            Filter::Or(all) => {
                let mut out = vec![];
                for one in all {
                    out.extend(one.equalities()?);
                }
                Some(out)
            }
            _ => None,
        }
    }
}

/// Reads the filter in brackets that opened before `text`, and gives what follows the closing one.
pub(super) fn in_brackets(text: &str) -> Result<(Filter, &str)> {
    if text.len() > FILTER_MAX {
        return Err(wrong(format!("it is longer than {FILTER_MAX} characters")));
    }
    let mut parser = Parser { rest: text, depth: 1, within: true };
    let filter = parser.any()?;
    parser.expect(']')?;
    Ok((filter, parser.rest))
}

struct Parser<'a> {
    rest: &'a str,
    depth: usize,
    within: bool,
}

impl<'a> Parser<'a> {
    fn blanks(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t']);
    }

    fn takes(&mut self, c: char) -> bool {
        self.blanks();
        match self.rest.strip_prefix(c) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn expect(&mut self, c: char) -> Result<()> {
        if self.takes(c) { Ok(()) } else { Err(wrong(format!("'{c}' is missing before '{}'", shown(self.rest)))) }
    }

    /// What stands up to the next blank or bracket.
    fn word(&self) -> &'a str {
        let end = self.rest.find([' ', '\t', '(', ')', '[', ']', '"']).unwrap_or(self.rest.len());
        &self.rest[..end]
    }

    fn takes_word(&mut self, word: &str) -> bool {
        self.blanks();
        let found = self.word();
        if found.eq_ignore_ascii_case(word) {
            self.rest = &self.rest[found.len()..];
            return true;
        }
        false
    }

    fn deeper(&mut self) -> Result<()> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(wrong(format!("it is nested deeper than {DEPTH_MAX} levels")));
        }
        Ok(())
    }

    fn any(&mut self) -> Result<Filter> {
        let mut found = vec![self.all()?];
        while self.takes_word("or") {
            found.push(self.all()?);
        }
        Ok(one_or(found, Filter::Or))
    }

    fn all(&mut self) -> Result<Filter> {
        let mut found = vec![self.single()?];
        while self.takes_word("and") {
            found.push(self.single()?);
        }
        Ok(one_or(found, Filter::And))
    }

    fn single(&mut self) -> Result<Filter> {
        self.blanks();
        if self.takes('(') {
            return self.group();
        }
        let name = self.word();
        if name.eq_ignore_ascii_case("not") {
            self.rest = &self.rest[name.len()..];
            self.expect('(')?;
            return Ok(Filter::Not(Box::new(self.group()?)));
        }
        let attr = Attr::read(name).map_err(wrong)?;
        if attr.name.is_empty() {
            return Err(wrong(format!("'{}' is a schema and no attribute", shown(name))));
        }
        self.rest = &self.rest[name.len()..];
        if self.rest.starts_with('[') {
            return self.within(attr);
        }
        self.blanks();
        let word = self.word();
        self.rest = &self.rest[word.len()..];
        if word.eq_ignore_ascii_case("pr") {
            return Ok(Filter::Present(attr));
        }
        let op = Op::read(word).ok_or_else(|| wrong(format!("'{}' is no operator", shown(word))))?;
        self.blanks();
        Ok(Filter::Compare(attr, op, self.literal()?))
    }

    fn group(&mut self) -> Result<Filter> {
        self.deeper()?;
        let inner = self.any()?;
        self.expect(')')?;
        self.depth -= 1;
        Ok(inner)
    }

    fn within(&mut self, attr: Attr) -> Result<Filter> {
        if self.within || attr.sub.is_some() {
            return Err(wrong(format!("'{}' cannot have a filter here", shown(&attr.to_string()))));
        }
        self.rest = &self.rest[1..];
        self.deeper()?;
        self.within = true;
        let inner = self.any()?;
        self.expect(']')?;
        self.within = false;
        self.depth -= 1;
        let mut implied = None;
        let inner = match quirks::behind_values(self.rest) {
            Some(rest) => {
                self.rest = rest;
                let part = self.compared_part()?;
                if let Filter::Compare(name, op @ Op::Eq, literal @ Literal::Text(_)) = &part {
                    // Follows from the rest, and is what an index can answer.
                    let whole = Attr { sub: Some(name.name.clone()), ..attr.clone() };
                    implied = Some(Filter::Compare(whole, *op, literal.clone()));
                }
                match inner {
                    Filter::And(mut all) => {
                        all.push(part);
                        Filter::And(all)
                    }
                    one => Filter::And(vec![one, part]),
                }
            }
            None => inner,
        };
        let within = Filter::Within(attr, Box::new(inner));
        Ok(match implied {
            Some(implied) => Filter::And(vec![within, implied]),
            None => within,
        })
    }

    /// `part op value` behind a filter on values.
    fn compared_part(&mut self) -> Result<Filter> {
        let word = self.word();
        let part = Attr::read(word).map_err(wrong)?;
        self.rest = &self.rest[word.len()..];
        self.blanks();
        let word = self.word();
        self.rest = &self.rest[word.len()..];
        if word.eq_ignore_ascii_case("pr") {
            return Ok(Filter::Present(part));
        }
        let op = Op::read(word).ok_or_else(|| wrong(format!("'{}' is no operator", shown(word))))?;
        self.blanks();
        Ok(Filter::Compare(part, op, self.literal()?))
    }

    fn literal(&mut self) -> Result<Literal> {
        if self.rest.starts_with('"') {
            return self.text();
        }
        let word = self.word();
        let literal = match word.to_ascii_lowercase().as_str() {
            "true" => Literal::Bool(true),
            "false" => Literal::Bool(false),
            "null" => Literal::Null,
            _ => match serde_json::from_str(word) {
                // The JSON reader rounds long fractions a hair off; what is written out must be read back the same.
                Ok(Value::Number(n)) if n.is_f64() => {
                    Literal::Number(word.parse().ok().and_then(Number::from_f64).unwrap_or(n))
                }
                Ok(Value::Number(n)) => Literal::Number(n),
                _ if word.is_empty() => return Err(wrong("a value is missing")),
                _ => return Err(wrong(format!("'{}' is no value; text stands in double quotes", shown(word)))),
            },
        };
        self.rest = &self.rest[word.len()..];
        Ok(literal)
    }

    /// A JSON string.
    fn text(&mut self) -> Result<Literal> {
        let mut escaped = false;
        let end = self.rest.bytes().enumerate().skip(1).find(|(_, b)| {
            let ends = *b == b'"' && !escaped;
            escaped = *b == b'\\' && !escaped;
            ends
        });
        let (quoted, rest) = match end {
            Some((at, _)) => self.rest.split_at(at + 1),
            None => return Err(wrong("a text has no closing quote")),
        };
        let text = serde_json::from_str(quoted).map_err(|_| wrong(format!("{} is no JSON string", shown(quoted))))?;
        self.rest = rest;
        Ok(Literal::Text(text))
    }
}

fn one_or(mut found: Vec<Filter>, several: fn(Vec<Filter>) -> Filter) -> Filter {
    match (found.len(), found.pop()) {
        (1, Some(only)) => only,
        (_, last) => {
            found.extend(last);
            several(found)
        }
    }
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Literal::Null => f.write_str("null"),
            Literal::Bool(on) => write!(f, "{on}"),
            Literal::Number(n) => write!(f, "{n}"),
            Literal::Text(text) => write!(f, "{}", Value::from(text.as_str())),
        }
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let joined = |f: &mut fmt::Formatter<'_>, all: &[Filter], word: &str| {
            for (n, one) in all.iter().enumerate() {
                if n > 0 {
                    write!(f, " {word} ")?;
                }
                match one {
                    Filter::And(_) | Filter::Or(_) => write!(f, "({one})")?,
                    _ => write!(f, "{one}")?,
                }
            }
            Ok(())
        };
        match self {
            Filter::And(all) => joined(f, all, "and"),
            Filter::Or(all) => joined(f, all, "or"),
            Filter::Not(inner) => write!(f, "not ({inner})"),
            Filter::Present(attr) => write!(f, "{attr} pr"),
            Filter::Compare(attr, op, literal) => write!(f, "{attr} {} {literal}", op.as_str()),
            Filter::Within(attr, inner) => write!(f, "{attr}[{inner}]"),
        }
    }
}

#[cfg(test)]
mod tests;
