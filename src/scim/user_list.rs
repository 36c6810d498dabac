//! Users as the source of lists.

use super::list::{Row, Source, Wants};
use super::schema::{self, Kind};
use super::{Asked, Dialect, user_json};
use crate::error::Result;
use crate::model::UserId;
use crate::ops::Asking;
use crate::ops::provision::{self, Key, Person};
use serde_json::Value;

/// Where the users of lists come from.
pub(super) struct Users<'a>(pub(super) &'a Asked);

impl Users<'_> {
    fn row(&self, person: Person) -> Row {
        (person.user.id.0, user_json::rfc(self.0, &person))
    }
}

impl Source for Users<'_> {
    fn kind(&self) -> &'static Kind {
        &schema::USER
    }

    fn total(&self, cx: &Asking) -> Result<usize> {
        provision::count(cx)
    }

    fn page(&self, cx: &Asking, after: Option<u64>, skip: usize, limit: usize, wants: Wants) -> Result<Vec<Row>> {
        // The version stands in `meta`, and knows the teams.
        let with_teams = wants("groups") || wants("teamRoles") || wants("meta");
        let people = provision::people(cx, after.map(UserId), skip, limit, with_teams)?;
        Ok(people.into_iter().map(|person| self.row(person)).collect())
    }

    fn find(&self, cx: &Asking, attribute: &str, value: &str, _: Wants) -> Result<Option<Vec<Row>>> {
        let key = match attribute {
            "userName" => Key::UserName(value),
            "emails.value" => Key::Email(value),
            "externalId" => Key::ExternalId(value),
            "displayName" if self.0.dialect == Dialect::Wandb => Key::Label(value),
            "displayName" => Key::FullName(value),
            "id" => match UserId::from_global(value) {
                Some(id) => Key::Id(id),
                None => return Ok(Some(vec![])),
            },
            _ => return Ok(None),
        };
        let people = provision::find(cx, key)?;
        Ok(Some(people.into_iter().map(|person| self.row(person)).collect()))
    }

    fn get(&self, cx: &Asking, id: u64, _: Wants) -> Result<Value> {
        Ok(user_json::rfc(self.0, &provision::person(cx, UserId(id))?))
    }

    fn shaped(&self, dialect: Dialect, resource: Value) -> Value {
        user_json::shaped(dialect, resource)
    }
}
