//! `/Groups`: teams. Bodies become typed facts for `ops::provision_teams`; the people of a team are read only where the answer
//! shows them. A PATCH of the RFC's dialect is answered without a body unless attributes are asked for, so that its cost does not
//! grow with the team; W&B's documents show the whole group, and so does its dialect.

use super::filter::{Element, Filter, Literal, Op};
use super::list::{self, Query, Row, Source, Wants};
use super::patch::{self, Operation, Verb};
use super::path::shown;
use super::projection::Projection;
use super::schema::{GROUP, GROUP_URN, Kind};
use super::{Answer, Asked, Dialect, at, quirks, serve, wire};
use crate::clock::rfc3339;
use crate::error::{Code, Error, Result};
use crate::http::reply;
use crate::model::TeamId;
use crate::ops::provision_teams::{self as teams, Belonging, Change, Group, Key, NewGroup};
use crate::ops::{Asking, Cx};
use crate::store::Read;
use actix_web::http::StatusCode;
use actix_web::web;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// Adds the endpoints.
pub(super) fn routes(cfg: &mut web::ServiceConfig) {
    cfg.service(at("/Groups/.search").route(web::post().to(async |app, request, body: web::Bytes| {
        serve(app, request, async move |asked| list::answer(&asked, Query::read(&body, asked.dialect)?, source).await)
            .await
    })))
    .service(
        at("/Groups/{id}")
            .route(web::get().to(async |app, request, id: web::Path<String>| {
                serve(app, request, async move |asked| read(&asked, &id)).await
            }))
            .route(web::put().to(async |app, request, id: web::Path<String>, body: web::Bytes| {
                serve(app, request, async move |asked| replace(&asked, &id, wire::object(&body)?).await).await
            }))
            .route(web::patch().to(async |app, request, id: web::Path<String>, body: web::Bytes| {
                serve(app, request, async move |asked| change(&asked, &id, &wire::parse(&body)?).await).await
            }))
            .route(web::delete().to(async |app, request, id: web::Path<String>| {
                serve(app, request, async move |asked| delete(&asked, &id).await).await
            })),
    )
    .service(
        at("/Groups")
            .route(web::get().to(async |app, request| {
                serve(app, request, async move |asked| list::answer(&asked, Query::of(&asked)?, source).await).await
            }))
            .route(web::post().to(async |app, request, body: web::Bytes| {
                serve(app, request, async move |asked| create(&asked, wire::object(&body)?).await).await
            })),
    );
}

fn source(asked: &Asked) -> Vec<Box<dyn Source + '_>> {
    vec![Box::new(Groups(asked))]
}

fn nothing() -> Error {
    Error::not_found("There is no such group, or you may not see it.")
}

fn group_id(text: &str) -> Result<TeamId> {
    TeamId::from_global(text).ok_or_else(nothing)
}

/// A group with its people, where somebody wants to see them.
type Seen = (Group, Option<Vec<Belonging>>);

fn with_members<V: Read>(cx: &Cx<V>, group: Group, wanted: bool) -> Result<Seen> {
    let members = if wanted { Some(teams::members(cx, &group)?) } else { None };
    Ok((group, members))
}

/// The RFC's shape.
fn rfc(asked: &Asked, (group, members): &Seen) -> Value {
    let id = group.team.id.global();
    let mut out = json!({
        "schemas": [GROUP_URN],
        "id": id,
        "displayName": group.display_name(),
        "meta": {
            "resourceType": "Group",
            "created": rfc3339(group.team.created_at),
            "lastModified": rfc3339(group.updated_at()),
            "location": asked.location("Groups", &id),
            "version": format!("W/\"{}\"", group.version()),
        },
    });
    if let Some(external_id) = &group.profile.external_id {
        out["externalId"] = json!(external_id);
    }
    if let Some(members) = members {
        let member = |m: &Belonging| {
            let id = m.id.global();
            let at = format!("{}/Users/{id}", asked.base);
            json!({ "value": id, "$ref": at, "type": "User", "display": m.user_name })
        };
        out["members"] = members.iter().map(member).collect();
    }
    out
}

/// The shape of a dialect, also where a projection has taken parts away.
fn shaped(dialect: Dialect, mut resource: Value) -> Value {
    if dialect == Dialect::Wandb
        && let Some(Value::Array(members)) = resource.get_mut("members")
    {
        for member in members {
            let text = |name: &str| member.get(name).cloned().unwrap_or_else(|| json!(""));
            *member = json!({ "Value": text("value"), "Ref": "", "Type": "", "Display": text("display") });
        }
    }
    resource
}

fn shape(asked: &Asked, projection: &Projection, seen: &Seen) -> Value {
    let mut body = rfc(asked, seen);
    projection.apply(&GROUP, &mut body);
    shaped(asked.dialect, body)
}

/// One group.
pub(super) fn read(asked: &Asked, id: &str) -> Result<Answer> {
    let (id, projection) = (group_id(id)?, list::projection(asked)?);
    let known = |group: &Group| asked.condition.is_known(&group.version());
    let seen = asked.read(|cx| {
        let group = teams::group(cx, id)?;
        let wanted = projection.wants("members") && !known(&group);
        with_members(cx, group, wanted)
    })?;
    if known(&seen.0) {
        return Ok(Answer::unchanged(seen.0.version()));
    }
    Ok(Answer::found(shape(asked, &projection, &seen), seen.0.version()))
}

/// Makes a group.
pub(super) async fn create(asked: &Asked, body: Map<String, Value>) -> Result<Answer> {
    let projection = list::projection(asked)?;
    let new = NewGroup {
        display_name: text(&body, "displayName")?.ok_or_else(no_name)?,
        external_id: text(&body, "externalId")?,
        storage: provider(&body)?,
        members: wire::member(&body, "members").map_or(Ok(vec![]), |value| people(value.clone()))?,
    };
    let wanted = projection.wants("members");
    let seen = asked
        .change(move |cx, toll| {
            let group = teams::create(cx, toll, &new)?;
            with_members(cx, group, wanted)
        })
        .await?;
    let location = format!("{}/Groups/{}", asked.base, seen.0.team.id.global());
    Ok(Answer::created(shape(asked, &projection, &seen), seen.0.version(), location))
}

/// Replaces a group. A body without `externalId` leaves the client's own id. One without `members` leaves the people as they are in
/// W&B's dialect, whose scripts rename so; in the RFC's it is a group without people, see [`quirks::replaced_without_members`].
pub(super) async fn replace(asked: &Asked, id: &str, body: Map<String, Value>) -> Result<Answer> {
    let id = group_id(id)?;
    let mut changes = vec![Change::DisplayName(text(&body, "displayName")?.ok_or_else(no_name)?)];
    changes.extend(text(&body, "externalId")?.map(|id| Change::ExternalId(Some(id))));
    // An explicit null is the empty list.
    let given = body.iter().find(|(key, _)| key.eq_ignore_ascii_case("members")).map(|(_, value)| value.clone());
    let given = given.or_else(|| (asked.dialect == Dialect::Rfc).then(quirks::replaced_without_members));
    changes.extend(given.map(people).transpose()?.map(Change::Exactly));
    done(asked, id, changes, true, false).await
}

/// Changes a group by PATCH.
pub(super) async fn change(asked: &Asked, id: &str, body: &Value) -> Result<Answer> {
    let id = group_id(id)?;
    let mut changes = vec![];
    for operation in patch::parse(body)? {
        changes.extend(fact(id, operation)?);
    }
    let emptied = matches!(changes.last(), Some(Change::RemoveWhere(_)));
    let silent = asked.dialect == Dialect::Rfc && !asked.dry_run && list::projection(asked)?.is_all();
    done(asked, id, changes, !silent, emptied).await
}

async fn done(asked: &Asked, id: TeamId, changes: Vec<Change>, shows: bool, emptied: bool) -> Result<Answer> {
    let projection = list::projection(asked)?;
    let (condition, wanted) = (asked.condition.clone(), shows && projection.wants("members"));
    let seen = asked
        .change(move |cx, toll| {
            let group = teams::change(cx, toll, id, &condition, &changes)?;
            with_members(cx, group, wanted)
        })
        .await?;
    let version = seen.0.version();
    if !shows {
        return Ok(Answer { status: StatusCode::NO_CONTENT, body: None, version: Some(version), location: None });
    }
    let mut body = shape(asked, &projection, &seen);
    if emptied && asked.dialect == Dialect::Wandb && body["members"] == json!([]) {
        // As W&B's documents show the answer to taking everybody away.
        body["members"] = Value::Null;
    }
    Ok(Answer::found(body, version))
}

/// Deletes a group: in the RFC's dialect only, and only one that provisioning made and that has no projects. W&B's documents
/// say that it is done in the app.
pub(super) async fn delete(asked: &Asked, id: &str) -> Result<Answer> {
    let id = group_id(id)?;
    if asked.dialect == Dialect::Wandb {
        asked.read(|cx| teams::group(cx, id))?;
        return Err(reply::method_not_allowed().hint("Delete the team in the console."));
    }
    let condition = asked.condition.clone();
    asked.change(move |cx, toll| teams::remove(cx, toll, id, &condition)).await?;
    Ok(Answer::gone())
}

fn no_name() -> Error {
    Error::invalid("A group needs a 'displayName'.")
}

fn text(body: &Map<String, Value>, name: &str) -> Result<Option<String>> {
    match wire::member(body, name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(Error::invalid(format!("'{name}' is text."))),
    }
}

/// The kind of bucket that a group is made with, in W&B's words; all else about the bucket is not kept.
fn provider(body: &Map<String, Value>) -> Result<Option<String>> {
    match wire::member(body, "storageBucket") {
        None => Ok(None),
        Some(Value::Object(bucket)) => text(bucket, "provider"),
        Some(_) => Err(Error::invalid("'storageBucket' is an object with a provider.")),
    }
}

/// The people that a list of members names, by id or address.
fn people(value: Value) -> Result<Vec<String>> {
    quirks::elements(value).iter().map(person).collect()
}

fn person(element: &Value) -> Result<String> {
    if let Value::Object(fields) = element
        && let Some(kind) = wire::member(fields, "type")
        && !kind.as_str().is_some_and(|k| k.is_empty() || k.eq_ignore_ascii_case("user"))
    {
        return Err(Error::invalid("A member of a group is a user; groups have no groups."));
    }
    let id = quirks::value_of(element).filter(|id| !id.is_empty());
    id.map(str::to_owned).ok_or_else(|| Error::invalid("A member is an object with a user's id as its 'value'."))
}

/// The fact that an operation amounts to; none where it repeats what cannot change.
fn fact(id: TeamId, operation: Operation) -> Result<Option<Change>> {
    let Operation { verb, path, value } = operation;
    let target = path.resolve(&GROUP)?;
    let name = target.found.attribute.name;
    let new_text = |value: Option<Value>| match value {
        Some(Value::String(text)) => Ok(text),
        _ => Err(Error::invalid(format!("'{name}' is text."))),
    };
    Ok(Some(match (name, verb) {
        ("displayName", Verb::Remove) => {
            return Err(Error::new(Code::Mutability, "A group always has a 'displayName'; it can be replaced only."));
        }
        ("displayName", _) => Change::DisplayName(new_text(value)?),
        ("externalId", Verb::Remove) => Change::ExternalId(None),
        ("externalId", _) => Change::ExternalId(Some(new_text(value)?)),
        ("members", _) if target.part.is_some() => {
            return Err(Error::new(Code::Mutability, "Members are added and taken away as a whole."));
        }
        ("members", Verb::Remove) => match path.filter {
            Some(filter) => without(&filter)?,
            None => match value {
                None => Change::RemoveWhere(Arc::new(|_| true)),
                Some(value) => Change::Remove(people(value)?),
            },
        },
        ("members", _) if path.filter.is_some() => {
            return Err(Error::new(
                Code::Mutability,
                "A member cannot become another one; take it away and add the other.",
            ));
        }
        ("members", Verb::Add) => Change::Add(people(value.unwrap_or_default())?),
        ("members", Verb::Replace) => Change::Exactly(people(value.unwrap_or_default())?),
        ("id", Verb::Add | Verb::Replace) if value.as_ref().and_then(Value::as_str) == Some(&id.global()) => {
            return Ok(None);
        }
        _ => return Err(Error::new(Code::Mutability, format!("'{}' cannot be changed.", shown(name)))),
    }))
}

/// Taking away the members for whom a filter holds. By ids it takes no look at the others.
fn without(filter: &Filter) -> Result<Change> {
    let bound: Element = filter.bind_to(members_attribute()?)?;
    let by_id = |f: &Filter| match f {
        Filter::Compare(attr, Op::Eq, Literal::Text(id)) if attr.is("value") => Some(id.clone()),
        _ => None,
    };
    let ids = match filter {
        Filter::Or(all) => all.iter().map(by_id).collect::<Option<Vec<_>>>(),
        one => by_id(one).map(|id| vec![id]),
    };
    Ok(match ids {
        Some(ids) => Change::Remove(ids),
        None => Change::RemoveWhere(Arc::new(move |m: &Belonging| {
            bound.matches(&json!({ "value": m.id.global(), "type": "User", "display": m.user_name }))
        })),
    })
}

fn members_attribute() -> Result<&'static super::schema::Attribute> {
    GROUP.schema.attribute("members").ok_or_else(|| Error::internal("groups have no members"))
}

/// The teams of the organization, for lists.
pub(super) struct Groups<'a>(pub &'a Asked);

impl Groups<'_> {
    fn row(&self, cx: &Asking, group: Group, wants: Wants) -> Result<Row> {
        let seen = with_members(cx, group, wants("members"))?;
        Ok((seen.0.team.id.0, rfc(self.0, &seen)))
    }
}

impl Source for Groups<'_> {
    fn kind(&self) -> &'static Kind {
        &GROUP
    }

    fn total(&self, cx: &Asking) -> Result<usize> {
        teams::count(cx)
    }

    fn page(&self, cx: &Asking, after: Option<u64>, skip: usize, limit: usize, wants: Wants) -> Result<Vec<Row>> {
        let page = teams::groups(cx, after.map(TeamId), skip, limit)?;
        page.into_iter().map(|group| self.row(cx, group, wants)).collect()
    }

    fn find(&self, cx: &Asking, attribute: &str, value: &str, wants: Wants) -> Result<Option<Vec<Row>>> {
        let found = match attribute {
            "displayName" => teams::find(cx, Key::DisplayName(value))?,
            "externalId" => teams::find(cx, Key::ExternalId(value))?,
            "id" => match TeamId::from_global(value).map(|id| teams::group(cx, id)) {
                Some(Ok(group)) => vec![group],
                Some(Err(e)) if e.code() != Code::NotFound => return Err(e),
                _ => vec![],
            },
            "members.value" => teams::of_person(cx, value)?,
            _ => return Ok(None),
        };
        found.into_iter().map(|group| self.row(cx, group, wants)).collect::<Result<Vec<_>>>().map(Some)
    }

    fn get(&self, cx: &Asking, id: u64, wants: Wants) -> Result<Value> {
        Ok(self.row(cx, teams::group(cx, TeamId(id))?, wants)?.1)
    }

    fn shaped(&self, dialect: Dialect, resource: Value) -> Value {
        shaped(dialect, resource)
    }
}
