//! What callers send: the information model of AuthZEN 1.0 as JSON. Unknown keys are ignored, as the specification demands;
//! everything known must have its type, `null` is none, and a key that stands twice is refused: a question that can be read
//! in two ways gets no answer. Texts are borrowed from the body.

use crate::error::{Code, Error, Result};
use crate::model::role::Action;
use crate::ops::discover::{LIMIT_MAX, LIMIT_USUAL, Page};
use crate::ops::evaluate::{Kind, Question};
use actix_web::HttpRequest;
use actix_web::http::header;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

/// The most questions of one request.
pub const EVALUATIONS_MAX: usize = 1_000;

/// A JSON text, without a copy where it has no escapes.
#[derive(Clone, Debug)]
pub struct Text<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Seen;
        impl<'de> Visitor<'de> for Seen {
            type Value = Text<'de>;
            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a string")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> std::result::Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }
            fn visit_str<E>(self, text: &str) -> std::result::Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(Seen)
    }
}

/// A JSON object of which nothing is used.
#[derive(Clone, Copy, Debug)]
pub struct Object;

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Seen;
        impl<'de> Visitor<'de> for Seen {
            type Value = Object;
            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> std::result::Result<Object, M::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Object)
            }
        }
        deserializer.deserialize_map(Seen)
    }
}

/// Reads a key that may be absent and, where it stands, has its type: `null` has not.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(d: D) -> std::result::Result<Option<T>, D::Error> {
    T::deserialize(d).map(Some)
}

/// A structure written as a JSON object. Serde alone would also take an array whose values come in order.
#[derive(Clone, Copy, Debug)]
struct Keyed<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Keyed<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Seen<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Seen<T> {
            type Value = Keyed<T>;
            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<M: MapAccess<'de>>(self, map: M) -> std::result::Result<Keyed<T>, M::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Keyed)
            }
        }
        deserializer.deserialize_map(Seen(PhantomData))
    }
}

/// [`present`] for a structure.
fn keyed<'de, D: Deserializer<'de>, T: Deserialize<'de>>(d: D) -> std::result::Result<Option<T>, D::Error> {
    Keyed::deserialize(d).map(|keyed| Some(keyed.0))
}

/// A subject or a resource.
#[derive(Clone, Debug, serde::Deserialize)]
pub struct Thing<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow, default, deserialize_with = "present")]
    id: Option<Text<'a>>,
    #[serde(default, deserialize_with = "present", rename = "properties")]
    _properties: Option<Object>,
}

/// An action.
#[derive(Clone, Debug, serde::Deserialize)]
pub struct Act<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(default, deserialize_with = "present", rename = "properties")]
    _properties: Option<Object>,
}

/// Where a search goes on.
#[derive(Clone, Debug, serde::Deserialize)]
pub struct Part<'a> {
    #[serde(borrow, default, deserialize_with = "present")]
    token: Option<Text<'a>>,
    #[serde(default, deserialize_with = "present")]
    limit: Option<u32>,
    #[serde(default, deserialize_with = "present", rename = "properties")]
    _properties: Option<Object>,
}

/// How questions are to be answered.
#[derive(Clone, Copy, Debug, Default, serde::Deserialize)]
pub struct Options {
    /// When to stop; means nothing for a single question.
    #[serde(default)]
    pub evaluations_semantic: Semantic,
    /// Whether every answer carries its whole chain; this server's own option.
    #[serde(default)]
    pub reason_chain: bool,
}

/// When `evaluations` stop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Semantic {
    /// Never early.
    #[default]
    ExecuteAll,
    /// At the first no.
    DenyOnFirstDeny,
    /// At the first yes.
    PermitOnFirstPermit,
}

/// One question, or what the questions of a request have in common.
#[derive(Clone, Debug, serde::Deserialize)]
pub struct Asked<'a> {
    #[serde(borrow, default, deserialize_with = "keyed")]
    subject: Option<Thing<'a>>,
    #[serde(borrow, default, deserialize_with = "keyed")]
    action: Option<Act<'a>>,
    #[serde(borrow, default, deserialize_with = "keyed")]
    resource: Option<Thing<'a>>,
    #[serde(default, deserialize_with = "present", rename = "context")]
    _context: Option<Object>,
    #[serde(borrow, default, deserialize_with = "keyed")]
    page: Option<Part<'a>>,
    #[serde(default, deserialize_with = "keyed")]
    options: Option<Options>,
}

/// Many questions.
#[derive(Clone, Debug, serde::Deserialize)]
pub struct AskedMany<'a> {
    #[serde(borrow, default, deserialize_with = "keyed")]
    subject: Option<Thing<'a>>,
    #[serde(borrow, default, deserialize_with = "keyed")]
    action: Option<Act<'a>>,
    #[serde(borrow, default, deserialize_with = "keyed")]
    resource: Option<Thing<'a>>,
    #[serde(default, deserialize_with = "present", rename = "context")]
    _context: Option<Object>,
    #[serde(borrow, default, deserialize_with = "bounded")]
    evaluations: Vec<Keyed<Asked<'a>>>,
    #[serde(default, deserialize_with = "keyed")]
    options: Option<Options>,
}

/// A list of questions that is cut off, with an error, as soon as it is too long.
fn bounded<'de: 'a, 'a, D: Deserializer<'de>>(d: D) -> std::result::Result<Vec<Keyed<Asked<'a>>>, D::Error> {
    struct Seen;
    impl<'de> Visitor<'de> for Seen {
        type Value = Vec<Keyed<Asked<'de>>>;
        fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
            f.write_str("an array")
        }
        fn visit_seq<S: serde::de::SeqAccess<'de>>(self, mut list: S) -> std::result::Result<Self::Value, S::Error> {
            let mut out = Vec::new();
            while let Some(asked) = list.next_element()? {
                if out.len() == EVALUATIONS_MAX {
                    return Err(S::Error::custom(format!("more than {EVALUATIONS_MAX} evaluations")));
                }
                out.push(asked);
            }
            Ok(out)
        }
    }
    d.deserialize_seq(Seen)
}

/// The body as `T`.
///
/// # Errors
/// [`Code::InvalidRequest`] for another content type and for what is not such an object.
pub fn read<'a, T: serde::Deserialize<'a>>(request: &HttpRequest, body: &'a [u8]) -> Result<T> {
    let media = request.headers().get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    if !media.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json") {
        return Err(
            Error::new(Code::InvalidRequest, "The body must be JSON.").hint("Send Content-Type: application/json.")
        );
    }
    serde_json::from_slice(body).map(|keyed: Keyed<T>| keyed.0).map_err(|error| {
        Error::new(Code::InvalidRequest, format!("The request cannot be read: {error}."))
            .hint("It looks like {\"subject\":{\"type\":\"user\",\"id\":…},\"action\":{\"name\":…},\"resource\":{\"type\":…,\"id\":…}}.")
    })
}

impl<'a> Asked<'a> {
    /// The question.
    pub fn question(&self) -> Result<Question<'_>> {
        question(self.subject.as_ref(), self.action.as_ref(), self.resource.as_ref())
    }

    /// How to answer it.
    pub fn options(&self) -> Options {
        self.options.unwrap_or_default()
    }

    /// The action's name in the catalogue.
    pub fn action(&self) -> Result<Action> {
        action(self.action.as_ref())
    }

    /// Whom it is about.
    pub fn subject(&self) -> Result<&str> {
        subject(self.subject.as_ref())
    }

    /// Refuses a search for subjects of another kind than there are.
    pub fn check_subject_type(&self) -> Result<()> {
        subject_type(self.subject.as_ref()).map(drop)
    }

    /// Kind and name of the resource.
    pub fn resource(&self) -> Result<(Kind, &str)> {
        resource(self.resource.as_ref())
    }

    /// Kind of the resource; a search for resources names none.
    pub fn kind(&self) -> Result<Kind> {
        kind(self.resource.as_ref()).map(|(kind, _)| kind)
    }

    /// Which part of a search is wanted.
    pub fn page(&self) -> Page<'_> {
        let page = self.page.as_ref();
        Page {
            limit: page
                .and_then(|p| p.limit)
                .map_or(LIMIT_USUAL, |n| usize::try_from(n).unwrap_or(LIMIT_MAX))
                .min(LIMIT_MAX),
            token: page.and_then(|p| p.token.as_ref()).map_or("", |token| &token.0),
        }
    }
}

impl<'a> AskedMany<'a> {
    /// The questions with what they have in common filled in; none where the request asks for one decision only.
    pub fn questions(&self) -> Result<Vec<Question<'_>>> {
        let all = self.evaluations.iter().enumerate();
        all.map(|(n, one)| self.filled(&one.0).map_err(|error| at(n, &error))).collect()
    }

    fn filled<'s>(&'s self, one: &'s Asked<'a>) -> Result<Question<'s>> {
        question(
            one.subject.as_ref().or(self.subject.as_ref()),
            one.action.as_ref().or(self.action.as_ref()),
            one.resource.as_ref().or(self.resource.as_ref()),
        )
    }

    /// The one question of a request without a list.
    pub fn question(&self) -> Result<Question<'_>> {
        question(self.subject.as_ref(), self.action.as_ref(), self.resource.as_ref())
    }

    /// How to carry them out.
    pub fn options(&self) -> Options {
        self.options.unwrap_or_default()
    }
}

/// Says which of many questions is wrong.
fn at(n: usize, error: &Error) -> Error {
    Error::new(error.code(), format!("evaluations[{n}]: {}", error.detail()))
}

fn missing(what: &str) -> Error {
    Error::new(Code::InvalidRequest, format!("The question has no {what}."))
}

fn question<'s>(who: Option<&'s Thing>, act: Option<&Act>, what: Option<&'s Thing>) -> Result<Question<'s>> {
    let (kind, id) = resource(what)?;
    Ok(Question { subject: subject(who)?, action: action(act)?, kind, id })
}

fn subject_type<'s>(thing: Option<&'s Thing>) -> Result<&'s Thing<'s>> {
    let thing = thing.ok_or_else(|| missing("subject"))?;
    if thing.kind.0 != "user" {
        return Err(Error::invalid("A subject's type is user, for people and service accounts alike."));
    }
    Ok(thing)
}

fn subject<'s>(thing: Option<&'s Thing>) -> Result<&'s str> {
    let thing = subject_type(thing)?;
    thing.id.as_ref().map(|id| &*id.0).ok_or_else(|| missing("subject.id"))
}

fn action(act: Option<&Act>) -> Result<Action> {
    Action::parse(&act.ok_or_else(|| missing("action"))?.name.0)
}

fn kind<'s>(thing: Option<&'s Thing>) -> Result<(Kind, &'s Thing<'s>)> {
    let thing = thing.ok_or_else(|| missing("resource"))?;
    Ok((Kind::parse(&thing.kind.0)?, thing))
}

fn resource<'s>(thing: Option<&'s Thing>) -> Result<(Kind, &'s str)> {
    let (kind, thing) = kind(thing)?;
    let id = thing.id.as_ref().map(|id| &*id.0).ok_or_else(|| missing("resource.id"))?;
    Ok((kind, id))
}
