//! The filter grammar of RFC 7644 §3.4.2.2: all operators, `and`, `or`, `not`, grouping, filters on the values of one attribute.
//! Parsing knows names only; [`Filter::bind`] holds them against a kind of resource and its types, and what comes out is asked
//! of resources in the RFC's shape. Length and depth are bounded before anything recurses.
//!
//! What the RFC leaves open: an attribute without a value is `ne` every value; one with several values matches where any of
//! them does; text is compared without case unless the schema says that case counts.

use super::path::{Attr, Target, each, shown};
use super::quirks;
use super::schema::{Attribute, Kind, Type};
use crate::error::{Code, Error, Result};
use crate::model::name::fold;
use serde_json::{Number, Value};
use std::fmt;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

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

    fn holds<T: PartialOrd + ?Sized>(self, left: &T, right: &T) -> bool {
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

    fn orders(self) -> bool {
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

fn wrong(why: impl fmt::Display) -> Error {
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

    /// The filter for resources of `kind`.
    ///
    /// # Errors
    /// [`Code::InvalidFilter`] where an attribute does not exist or its type does not fit the operator or the value.
    pub fn bind(&self, kind: &Kind) -> Result<Bound> {
        let target = |attr: &Attr| {
            attr.resolve(kind)
                .ok_or_else(|| wrong(format!("{} has no attribute '{}'", kind.name, shown(&attr.to_string()))))
        };
        Ok(match self {
            Filter::And(all) => Bound::And(all.iter().map(|f| f.bind(kind)).collect::<Result<_>>()?),
            Filter::Or(all) => Bound::Or(all.iter().map(|f| f.bind(kind)).collect::<Result<_>>()?),
            Filter::Not(inner) => Bound::Not(Box::new(inner.bind(kind)?)),
            Filter::Present(attr) => Bound::Test(target(attr)?, Test::Present),
            Filter::Compare(attr, op, literal) => {
                let mut target = target(attr)?;
                if target.leaf().kind == Type::Complex {
                    // `emails eq "x"` asks about the values.
                    target.part = target.found.attribute.part("value");
                }
                Bound::Test(target, Test::of(target.leaf(), *op, literal)?)
            }
            Filter::Within(attr, inner) => {
                let target = target(attr)?;
                if target.leaf().kind != Type::Complex {
                    return Err(wrong(format!("'{}' has no parts", target.leaf().name)));
                }
                Bound::Within(target, inner.bind_to(target.leaf())?)
            }
        })
    }

    /// The filter for the values of one complex attribute.
    ///
    /// # Errors
    /// As [`Self::bind`].
    pub fn bind_to(&self, whole: &'static Attribute) -> Result<Element> {
        let part = |attr: &Attr| {
            let found = if attr.urn.is_none() && attr.sub.is_none() { whole.part(&attr.name) } else { None };
            found.ok_or_else(|| wrong(format!("'{}' has no part '{}'", whole.name, shown(&attr.to_string()))))
        };
        Ok(match self {
            Filter::And(all) => Element::And(all.iter().map(|f| f.bind_to(whole)).collect::<Result<_>>()?),
            Filter::Or(all) => Element::Or(all.iter().map(|f| f.bind_to(whole)).collect::<Result<_>>()?),
            Filter::Not(inner) => Element::Not(Box::new(inner.bind_to(whole)?)),
            Filter::Present(attr) => Element::Test(part(attr)?, Test::Present),
            Filter::Compare(attr, op, literal) => {
                let part = part(attr)?;
                Element::Test(part, Test::of(part, *op, literal)?)
            }
            Filter::Within(..) => return Err(wrong("a filter on values holds no other")),
        })
    }
}

/// A filter held against a kind of resource.
#[derive(Debug)]
pub enum Bound {
    /// All of them.
    And(Vec<Bound>),
    /// Any of them.
    Or(Vec<Bound>),
    /// Not this.
    Not(Box<Bound>),
    /// A question about the values of an attribute.
    Test(Target, Test),
    /// One value of the attribute for which all of it holds.
    Within(Target, Element),
}

impl Bound {
    /// Whether a resource in the RFC's shape matches.
    pub fn matches(&self, resource: &Value) -> bool {
        match self {
            Bound::And(all) => all.iter().all(|f| f.matches(resource)),
            Bound::Or(all) => all.iter().any(|f| f.matches(resource)),
            Bound::Not(inner) => !inner.matches(resource),
            Bound::Test(target, test) => test.any(&target.values(resource)),
            Bound::Within(target, inner) => target.values(resource).into_iter().any(|v| inner.matches(v)),
        }
    }
}

/// A filter held against the values of one complex attribute.
#[derive(Debug)]
pub enum Element {
    /// All of them.
    And(Vec<Element>),
    /// Any of them.
    Or(Vec<Element>),
    /// Not this.
    Not(Box<Element>),
    /// A question about one part.
    Test(&'static Attribute, Test),
}

impl Element {
    /// Whether one value, an object with canonical names, matches.
    pub fn matches(&self, element: &Value) -> bool {
        match self {
            Element::And(all) => all.iter().all(|f| f.matches(element)),
            Element::Or(all) => all.iter().any(|f| f.matches(element)),
            Element::Not(inner) => !inner.matches(element),
            Element::Test(part, test) => test.any(&each(&element[part.name])),
        }
    }
}

/// A question about values, with what they are compared with in the attribute's own type.
#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    /// There is one.
    Present,
    /// There is none.
    Absent,
    /// Truth values.
    Bool(Op, bool),
    /// Numbers.
    Number(Op, f64, Option<i128>),
    /// Moments.
    Moment(Op, OffsetDateTime),
    /// Text, and whether case counts.
    Text(Op, String, bool),
}

impl Test {
    fn of(attribute: &Attribute, op: Op, literal: &Literal) -> Result<Self> {
        let unfit =
            || wrong(format!("'{}' cannot be compared so: it is of type {}", attribute.name, attribute.kind.as_str()));
        let plain = matches!(op, Op::Eq | Op::Ne);
        Ok(match (attribute.kind, literal) {
            (_, Literal::Null) if op == Op::Eq => Test::Absent,
            (_, Literal::Null) if op == Op::Ne => Test::Present,
            (Type::Boolean, literal) if plain => {
                let value = match literal {
                    Literal::Bool(on) => Some(*on),
                    Literal::Text(text) => quirks::boolean(&Value::from(text.as_str())),
                    _ => None,
                };
                Test::Bool(op, value.ok_or_else(unfit)?)
            }
            (Type::Integer, Literal::Number(n)) if plain || op.orders() => {
                Test::Number(op, n.as_f64().ok_or_else(unfit)?, whole(n))
            }
            (Type::DateTime, Literal::Text(text)) if plain || op.orders() => {
                Test::Moment(op, moment(text).ok_or_else(unfit)?)
            }
            (Type::String | Type::Reference, Literal::Text(text)) => {
                Test::Text(op, caseless(text, op, attribute.case_exact), attribute.case_exact)
            }
            _ => return Err(unfit()),
        })
    }

    fn any(&self, values: &[&Value]) -> bool {
        let is_there = || values.iter().any(|v| is_present(v));
        match self {
            Test::Present => is_there(),
            Test::Absent => !is_there(),
            _ if values.is_empty() => self.op() == Some(Op::Ne),
            _ => values.iter().any(|v| self.one(v)),
        }
    }

    fn op(&self) -> Option<Op> {
        match self {
            Test::Present | Test::Absent => None,
            Test::Bool(op, _) | Test::Number(op, ..) | Test::Moment(op, _) | Test::Text(op, ..) => Some(*op),
        }
    }

    fn one(&self, value: &Value) -> bool {
        match (self, value) {
            (Test::Bool(op, on), Value::Bool(v)) => op.holds(v, on),
            (Test::Number(op, float, exact), Value::Number(v)) => match (whole(v), exact) {
                (Some(v), Some(exact)) => op.holds(&v, exact),
                _ => v.as_f64().is_some_and(|v| op.holds(&v, float)),
            },
            (Test::Moment(op, at), Value::String(v)) => moment(v).is_some_and(|v| op.holds(&v, at)),
            (Test::Text(op, text, exact), Value::String(v)) => {
                let v = caseless(v, *op, *exact);
                match op {
                    Op::Co => v.contains(text.as_str()),
                    Op::Sw => v.starts_with(text.as_str()),
                    Op::Ew => v.ends_with(text.as_str()),
                    op => op.holds(v.as_str(), text.as_str()),
                }
            }
            _ => false,
        }
    }
}

fn is_present(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => items.iter().any(is_present),
        Value::Object(fields) => fields.values().any(is_present),
        _ => true,
    }
}

fn whole(n: &Number) -> Option<i128> {
    n.as_i64().map(i128::from).or_else(|| n.as_u64().map(i128::from))
}

fn moment(text: &str) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(text, &Rfc3339).ok()
}

/// The form in which text is compared: names fold as everywhere; parts of text keep the blanks around them.
fn caseless(text: &str, op: Op, exact: bool) -> String {
    match op {
        _ if exact => text.to_owned(),
        Op::Eq | Op::Ne => fold(text),
        _ => text.to_lowercase(),
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
