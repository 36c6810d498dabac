//! What an attribute is: its characteristics (RFC 7643 §7), schemas of attributes, kinds of resources, and looking names up in them
//! without regard to case.

use super::{COMMON, WANDB_URN};
use crate::model::role::Action;

/// The type of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// Text.
    String,
    /// `true` or `false`.
    Boolean,
    /// A whole number.
    Integer,
    /// A moment, RFC 3339.
    DateTime,
    /// A URI.
    Reference,
    /// An object of sub-attributes.
    Complex,
}

impl Type {
    /// The word of RFC 7643 §2.3.
    pub fn as_str(self) -> &'static str {
        match self {
            Type::String => "string",
            Type::Boolean => "boolean",
            Type::Integer => "integer",
            Type::DateTime => "dateTime",
            Type::Reference => "reference",
            Type::Complex => "complex",
        }
    }
}

/// Whether clients change a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutability {
    /// At any time.
    ReadWrite,
    /// Never.
    ReadOnly,
    /// When it is made.
    Immutable,
}

/// When a value is in an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Returned {
    /// Whatever was asked for.
    Always,
    /// Unless left out.
    Default,
    /// When it is named (in W&B's dialect, whose documents show it: unless left out).
    Request,
}

/// Which values a text may have, where they are known.
#[derive(Clone, Copy, Debug)]
pub enum Canonical {
    /// Any.
    Any,
    /// These.
    Words(&'static [&'static str]),
    /// The permissions that a custom role can hold.
    Permissions,
}

/// One attribute or sub-attribute.
#[derive(Debug)]
pub struct Attribute {
    /// The name as it stands in answers.
    pub name: &'static str,
    /// One sentence.
    pub doc: &'static str,
    /// The type of each value.
    pub kind: Type,
    /// Whether there can be several.
    pub multi: bool,
    /// Whether a resource needs one.
    pub required: bool,
    /// Whether case counts when values are compared.
    pub case_exact: bool,
    /// Whether no two resources share one.
    pub unique: bool,
    /// Whether clients change it.
    pub mutability: Mutability,
    /// When it is in an answer.
    pub returned: Returned,
    /// Which values it has.
    pub canonical: Canonical,
    /// What a reference leads to.
    pub refers: &'static [&'static str],
    /// The parts of a complex value.
    pub sub: &'static [Attribute],
}

impl Attribute {
    pub(super) const fn new(name: &'static str, kind: Type, doc: &'static str) -> Self {
        Attribute {
            name,
            doc,
            kind,
            multi: false,
            required: false,
            case_exact: false,
            unique: false,
            mutability: Mutability::ReadWrite,
            returned: Returned::Default,
            canonical: Canonical::Any,
            refers: &[],
            sub: &[],
        }
    }
    pub(super) const fn text(name: &'static str, doc: &'static str) -> Self {
        Attribute::new(name, Type::String, doc)
    }
    pub(super) const fn complex(name: &'static str, sub: &'static [Attribute], doc: &'static str) -> Self {
        let mut it = Attribute::new(name, Type::Complex, doc);
        it.sub = sub;
        it
    }
    pub(super) const fn reference(name: &'static str, refers: &'static [&'static str], doc: &'static str) -> Self {
        let mut it = Attribute::new(name, Type::Reference, doc);
        it.refers = refers;
        it.case_exact = true;
        it
    }
    pub(super) const fn many(mut self) -> Self {
        self.multi = true;
        self
    }
    pub(super) const fn required(mut self) -> Self {
        self.required = true;
        self
    }
    pub(super) const fn exact(mut self) -> Self {
        self.case_exact = true;
        self
    }
    pub(super) const fn unique(mut self) -> Self {
        self.unique = true;
        self
    }
    pub(super) const fn read_only(mut self) -> Self {
        self.mutability = Mutability::ReadOnly;
        self
    }
    pub(super) const fn immutable(mut self) -> Self {
        self.mutability = Mutability::Immutable;
        self
    }
    pub(super) const fn always(mut self) -> Self {
        self.returned = Returned::Always;
        self
    }
    pub(super) const fn on_request(mut self) -> Self {
        self.returned = Returned::Request;
        self
    }
    pub(super) const fn one_of(mut self, words: &'static [&'static str]) -> Self {
        self.canonical = Canonical::Words(words);
        self
    }

    /// The part with this name, in any case.
    pub fn part(&self, name: &str) -> Option<&'static Attribute> {
        named(self.sub, name)
    }

    /// The values it may have; none where any is taken.
    pub fn canonical_values(&self) -> Vec<&'static str> {
        match self.canonical {
            Canonical::Any => vec![],
            Canonical::Words(words) => words.to_vec(),
            Canonical::Permissions => Action::ALL.iter().filter(|a| a.is_assignable()).map(|a| a.as_str()).collect(),
        }
    }
}

fn named(attributes: &'static [Attribute], name: &str) -> Option<&'static Attribute> {
    attributes.iter().find(|a| a.name.eq_ignore_ascii_case(name))
}

/// A set of attributes under a URN.
#[derive(Debug)]
pub struct Schema {
    /// The URN.
    pub id: &'static str,
    /// The short name.
    pub name: &'static str,
    /// One sentence.
    pub doc: &'static str,
    /// The attributes.
    pub attributes: &'static [Attribute],
}

impl Schema {
    /// Whether, as an extension, it is on every resource of its kind: one of its attributes is required. Who makes a resource
    /// without it gets what each attribute says of that.
    pub fn is_on_all(&self) -> bool {
        self.attributes.iter().any(|a| a.required)
    }

    /// The attribute with this name, in any case.
    pub fn attribute(&self, name: &str) -> Option<&'static Attribute> {
        named(self.attributes, name)
    }
}

/// What can be made, listed and changed: a resource type (RFC 7643 §6).
#[derive(Debug)]
pub struct Kind {
    /// `User`, `Group` or `Role`.
    pub name: &'static str,
    /// Below the base: `/Users`.
    pub endpoint: &'static str,
    /// One sentence.
    pub doc: &'static str,
    /// The main schema.
    pub schema: &'static Schema,
    /// What it is extended by.
    pub extensions: &'static [&'static Schema],
}

/// An attribute of a kind of resource, and where it stands.
#[derive(Clone, Copy, Debug)]
pub struct Found {
    /// The extension it belongs to; none for the main schema and what every resource has.
    pub extension: Option<&'static Schema>,
    /// The attribute.
    pub attribute: &'static Attribute,
}

impl Kind {
    /// Whether a part of an attribute is returned on request only.
    pub fn has_parts_on_request(&self) -> bool {
        self.schema.attributes.iter().flat_map(|a| a.sub).any(|part| part.returned == Returned::Request)
    }

    /// The attribute of this name, in any case, below `urn` or bare. Bare names reach W&B's extension too, as its documents
    /// write them.
    pub fn find(&self, urn: Option<&str>, name: &str) -> Option<Found> {
        let main = || {
            let attribute = named(COMMON, name).or_else(|| self.schema.attribute(name))?;
            Some(Found { extension: None, attribute })
        };
        let below = |urn: &str| {
            let extension = self.extensions.iter().copied().find(|e| e.id.eq_ignore_ascii_case(urn))?;
            Some(Found { extension: Some(extension), attribute: extension.attribute(name)? })
        };
        match urn {
            None => main().or_else(|| below(WANDB_URN)),
            Some(urn) if urn.eq_ignore_ascii_case(self.schema.id) => main(),
            Some(urn) => below(urn),
        }
    }
}
