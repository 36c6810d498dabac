//! A filter held against a kind of resource and its types, and asked of resources in the RFC's shape.
//!
//! What the RFC leaves open: an attribute without a value is `ne` every value; one with several values matches where any of
//! them does; text is compared without case unless the schema says that case counts.

use super::super::path::{Attr, Target, each, shown};
use super::super::quirks;
use super::super::schema::{Attribute, Kind, Type};
use super::{Filter, Literal, Op, wrong};
use crate::error::Result;
use crate::model::name::fold;
use serde_json::{Number, Value};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

impl Filter {
    /// The filter for resources of `kind`.
    ///
    /// # Errors
    /// [`crate::error::Code::InvalidFilter`] where an attribute does not exist or its type does not fit the operator or the value.
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
    pub(super) fn of(attribute: &Attribute, op: Op, literal: &Literal) -> Result<Self> {
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

    pub(super) fn any(&self, values: &[&Value]) -> bool {
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
