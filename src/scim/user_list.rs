//! People as a source of lists: which of their attributes an index knows.

use super::list::{Row, Source, Wants};
use super::schema::{Kind, USER};
use super::{Asked, Dialect, user_json};
use crate::error::{Code, Result};
use crate::model::UserId;
use crate::ops::Asking;
use crate::ops::provision::{self, Key, Person};
use crate::store::MAX_PAGE;
use serde_json::Value;

/// The people of the organization.
pub(super) struct Users<'a>(pub &'a Asked);

impl Users<'_> {
    fn row(&self, person: &Person) -> Row {
        (person.user.id.0, user_json::rfc(self.0, person))
    }
}

impl Source for Users<'_> {
    fn kind(&self) -> &'static Kind {
        &USER
    }

    fn total(&self, cx: &Asking) -> Result<usize> {
        provision::count(cx)
    }

    fn page(&self, cx: &Asking, after: Option<u64>, skip: usize, limit: usize, _: Wants) -> Result<Vec<Row>> {
        let (mut after, mut skip, mut out) = (after.map(UserId), skip, vec![]);
        while out.len() < limit {
            let asked = (limit - out.len()).min(MAX_PAGE);
            let found = provision::people(cx, after, skip, asked)?;
            out.extend(found.iter().map(|person| self.row(person)));
            if found.len() < asked {
                break;
            }
            (after, skip) = (found.last().map(|p| p.user.id), 0);
        }
        Ok(out)
    }

    fn find(&self, cx: &Asking, attribute: &str, value: &str, _: Wants) -> Result<Option<Vec<Row>>> {
        let key = match attribute {
            "userName" => Key::UserName(value),
            "externalId" => Key::ExternalId(value),
            "emails.value" => Key::Email(value),
            "displayName" => Key::FullName(value),
            "id" => {
                return Ok(Some(match UserId::from_global(value).map(|id| provision::person(cx, id)) {
                    Some(Ok(person)) => vec![self.row(&person)],
                    Some(Err(e)) if e.code() != Code::NotFound => return Err(e),
                    _ => vec![],
                }));
            }
            _ => return Ok(None),
        };
        Ok(Some(provision::find(cx, key)?.iter().map(|person| self.row(person)).collect()))
    }

    fn get(&self, cx: &Asking, id: u64, _: Wants) -> Result<Value> {
        Ok(self.row(&provision::person(cx, UserId(id))?).1)
    }

    fn shaped(&self, dialect: Dialect, resource: Value) -> Value {
        user_json::shaped(dialect, resource)
    }
}
