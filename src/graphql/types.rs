//! What every part of the schema uses: scalars, pages, and how a use-case's error is shown.

use crate::app::App;
use crate::clock::{Millis, rfc3339};
use crate::error::{Error, Result};
use crate::http::reply;
use crate::ops::Caller;
use crate::ops::runs::upsert::Claimed;
use crate::store::{Cursor, MAX_PAGE};
use async_graphql::{Context, InputValueError, InputValueResult, Scalar, ScalarType, SimpleObject, Value};
use std::sync::Arc;

/// A text that holds JSON, as the wandb client sends and expects it.
pub struct JsonString(pub String);

/// A text that holds JSON, as the wandb client sends and expects it.
#[Scalar(name = "JSONString")]
impl ScalarType for JsonString {
    fn parse(value: Value) -> InputValueResult<Self> {
        match value {
            Value::String(text) => Ok(JsonString(text)),
            other => Err(InputValueError::expected_type(other)),
        }
    }
    fn to_value(&self) -> Value {
        Value::String(self.0.clone())
    }
}

/// Any JSON value.
pub struct Json(pub Value);

/// Any JSON value.
#[Scalar(name = "JSON")]
impl ScalarType for Json {
    fn parse(value: Value) -> InputValueResult<Self> {
        Ok(Json(value))
    }
    fn to_value(&self) -> Value {
        self.0.clone()
    }
}

/// A moment, RFC 3339 in UTC.
pub struct DateTime(pub Millis);

/// A moment, RFC 3339 in UTC.
#[Scalar]
impl ScalarType for DateTime {
    fn parse(value: Value) -> InputValueResult<Self> {
        match &value {
            Value::String(text) => {
                crate::clock::parse_rfc3339(text).map(DateTime).ok_or_else(|| InputValueError::expected_type(value))
            }
            _ => Err(InputValueError::expected_type(value)),
        }
    }
    fn to_value(&self) -> Value {
        Value::String(rfc3339(self.0))
    }
}

/// A whole number of up to 64 bits.
pub struct Int64(pub i64);

/// A whole number of up to 64 bits.
#[Scalar]
impl ScalarType for Int64 {
    fn parse(value: Value) -> InputValueResult<Self> {
        match &value {
            Value::Number(number) => number.as_i64().map(Int64).ok_or_else(|| InputValueError::expected_type(value)),
            _ => Err(InputValueError::expected_type(value)),
        }
    }
    fn to_value(&self) -> Value {
        Value::from(self.0)
    }
}

/// Where a page stands in its listing.
#[derive(SimpleObject, Default)]
pub struct PageInfo {
    /// The cursor of the page's first row.
    pub start_cursor: Option<String>,
    /// The cursor of the page's last row: what to give as `after` for the next page.
    pub end_cursor: Option<String>,
    /// Whether more rows follow.
    pub has_next_page: bool,
    /// Whether rows come before, as far as the request shows.
    pub has_previous_page: bool,
}

impl PageInfo {
    /// Of a page with these cursors, asked for with `after`.
    pub fn new(first: Option<&str>, last: Option<&str>, more: bool, after: bool) -> Self {
        PageInfo {
            start_cursor: first.map(str::to_owned),
            end_cursor: last.map(str::to_owned),
            has_next_page: more,
            has_previous_page: after,
        }
    }
}

/// The page asked for: how many rows, and behind which.
pub fn page(first: Option<i32>, after: Option<&str>, usual: usize) -> Result<(usize, Option<Cursor>)> {
    let first = match first {
        None => usual,
        Some(n) if n > 0 => usize::try_from(n).unwrap_or(usual).min(MAX_PAGE),
        Some(_) => return Err(Error::invalid("A page has at least one row: 'first' must be above zero.")),
    };
    let after = after.filter(|text| !text.is_empty()).map(str::parse).transpose()?;
    Ok((first, after))
}

/// A use-case's error in the schema: the sentence, the permanent code, and the error itself, for the status.
pub fn shown(error: Error) -> async_graphql::Error {
    let (message, code) = (error.sentence(), reply::shown_code(&error));
    let mut shown = async_graphql::Error { message, source: Some(Arc::new(error)), extensions: None };
    shown.extensions.get_or_insert_default().set("code", code);
    shown
}

/// Who asks, and whom: what is put beside every request for its resolvers.
pub struct Asker {
    app: Arc<App>,
    who: Caller,
    claimed: Claimed,
}

impl Asker {
    /// `who` asks `app`, and says that it works for `claimed`.
    pub fn new(app: Arc<App>, who: Caller, claimed: Claimed) -> Self {
        Asker { app, who, claimed }
    }
}

/// The instance and the asker.
pub fn of<'a>(cx: &Context<'a>) -> (&'a App, &'a Caller) {
    let asker = cx.data_unchecked::<Asker>();
    (&asker.app, &asker.who)
}

/// Whom the asker says it works for.
pub fn claimed(cx: &Context<'_>) -> Claimed {
    cx.data_unchecked::<Asker>().claimed.clone()
}
