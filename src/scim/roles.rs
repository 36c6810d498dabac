//! `/Roles`: custom roles, W&B's own kind of resource, and the catalogue of permissions. What a role inherits is shown with what
//! it adds and never written back: an element with `isInherited` true says what is, not what is wanted.
//! A list that holds more than was written is announced readOnly, like `teamRoles`; it is written all the same, as W&B's documents
//! describe.

use super::filter::Element;
use super::list::{self, Query, Row, Source, Wants};
use super::patch::{self, Operation, Verb};
use super::path::shown;
use super::projection::Projection;
use super::schema::{Kind, LIST_URN, ROLE, ROLE_URN};
use super::{Answer, Asked, Dialect, at, quirks, serve, wire};
use crate::clock::rfc3339;
use crate::error::{Code, Error, Result};
use crate::model::RoleId;
use crate::model::role::{CustomRole, TeamRole};
use crate::ops::Asking;
use crate::ops::roles::{self, NewRole, RoleChange};
use actix_web::web;
use serde_json::{Map, Value, json};

/// Adds the endpoints.
pub(super) fn routes(cfg: &mut web::ServiceConfig) {
    cfg.service(at("/Roles/.search").route(web::post().to(async |app, request, body: web::Bytes| {
        serve(app, request, async move |asked| list::answer(&asked, Query::read(&body, asked.dialect)?, source).await)
            .await
    })))
    .service(
        at("/Roles/{id}")
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
        at("/Roles")
            .route(web::get().to(async |app, request| {
                serve(app, request, async move |asked| list::answer(&asked, Query::of(&asked)?, source).await).await
            }))
            .route(web::post().to(async |app, request, body: web::Bytes| {
                serve(app, request, async move |asked| create(&asked, wire::object(&body)?).await).await
            })),
    )
    .service(
        at("/Permissions").route(
            web::get().to(async |app, request| serve(app, request, async move |asked| permissions(&asked)).await),
        ),
    );
}

fn source(asked: &Asked) -> Vec<Box<dyn Source + '_>> {
    vec![Box::new(Roles(asked))]
}

fn nothing() -> Error {
    Error::not_found("There is no such role.")
}

fn role_id(text: &str) -> Result<RoleId> {
    RoleId::from_global(text).ok_or_else(nothing)
}

fn version(role: &CustomRole) -> String {
    role.version.to_string()
}

/// The RFC's shape.
fn rfc(asked: &Asked, role: &CustomRole) -> Value {
    let id = role.id.global();
    let permission = |(action, inherited): (crate::model::role::Action, bool)| json!({ "name": action.as_str(), "isInherited": inherited });
    let mut out = json!({
        "schemas": [ROLE_URN],
        "id": id,
        "name": role.name,
        "inheritedFrom": role.inherits.as_str(),
        "permissions": role.effective().map(permission).collect::<Vec<_>>(),
        "organizationID": role.org.global(),
        "meta": {
            "resourceType": "Role",
            "created": rfc3339(role.created_at),
            "lastModified": rfc3339(role.updated_at),
            "location": asked.location("Roles", &id),
            "version": format!("W/\"{}\"", version(role)),
        },
    });
    // W&B's shape always has one; to the RFC an empty text is no value.
    if asked.dialect == Dialect::Wandb || !role.description.is_empty() {
        out["description"] = json!(role.description);
    }
    if let Some(external_id) = &role.external_id {
        out["externalId"] = json!(external_id);
    }
    out
}

fn shaped(dialect: Dialect, mut resource: Value) -> Value {
    if dialect == Dialect::Wandb && resource.get("schemas").is_some() {
        // As W&B's documents show it.
        resource["schemas"] = json!([""]);
    }
    resource
}

fn shape(asked: &Asked, projection: &Projection, role: &CustomRole) -> Value {
    let mut body = rfc(asked, role);
    projection.apply(&ROLE, &mut body);
    shaped(asked.dialect, body)
}

/// One role.
pub(super) fn read(asked: &Asked, id: &str) -> Result<Answer> {
    let (id, projection) = (role_id(id)?, list::projection(asked)?);
    let role = asked.read(|cx| roles::get(cx, id))?;
    if asked.condition.is_known(&version(&role)) {
        return Ok(Answer::unchanged(version(&role)));
    }
    Ok(Answer::found(shape(asked, &projection, &role), version(&role)))
}

/// Makes a role.
pub(super) async fn create(asked: &Asked, body: Map<String, Value>) -> Result<Answer> {
    let projection = list::projection(asked)?;
    let needs = |what: &'static str| move || Error::invalid(format!("A role needs '{what}'."));
    let new = NewRole {
        name: text(&body, "name")?.ok_or_else(needs("name"))?,
        description: text(&body, "description")?.unwrap_or_default(),
        inherits: text(&body, "inheritedFrom")?.ok_or_else(needs("inheritedFrom"))?,
        permissions: wire::member(&body, "permissions").map_or(Ok(vec![]), |value| names(value.clone()))?,
        external_id: text(&body, "externalId")?,
    };
    let role = asked.change(move |cx, _| roles::create(cx, &new)).await?;
    let location = format!("{}/Roles/{}", asked.base, role.id.global());
    Ok(Answer::created(shape(asked, &projection, &role), version(&role), location))
}

/// Changes what a role's metadata says, and with `permissions` the whole of what it adds. What is not named stays.
pub(super) async fn replace(asked: &Asked, id: &str, body: Map<String, Value>) -> Result<Answer> {
    let id = role_id(id)?;
    let change = RoleChange {
        name: text(&body, "name")?,
        description: text(&body, "description")?,
        inherits: text(&body, "inheritedFrom")?,
        permissions: wire::member(&body, "permissions").map(|value| names(value.clone())).transpose()?,
        external_id: text(&body, "externalId")?.map(Some),
        ..RoleChange::default()
    };
    done(asked, id, 1, move |_, _| Ok(change.clone())).await
}

/// Changes a role by PATCH: its permissions, and in the RFC's dialect everything that can be written.
pub(super) async fn change(asked: &Asked, id: &str, body: &Value) -> Result<Answer> {
    let id = role_id(id)?;
    let operations = patch::parse(body)?;
    if asked.dialect == Dialect::Wandb
        && let Some(other) = operations.iter().find(|o| !o.path.attr.is("permissions"))
    {
        let path = shown(&other.path.to_string());
        return Err(Error::new(
            Code::InvalidPath,
            format!("A PATCH of a role changes its 'permissions', not '{path}'."),
        )
        .hint("Change name, description and inheritedFrom by PUT."));
    }
    done(asked, id, operations.len(), move |role, n| fact(role, &operations[n])).await
}

/// Makes `steps` changes, each of which is found for the role as the one before left it.
async fn done(
    asked: &Asked,
    id: RoleId,
    steps: usize,
    fact: impl Fn(&CustomRole, usize) -> Result<RoleChange> + Send + 'static,
) -> Result<Answer> {
    let (projection, condition) = (list::projection(asked)?, asked.condition.clone());
    let role = asked
        .change(move |cx, _| {
            let mut role = roles::get(cx, id)?;
            condition.check(&version(&role))?;
            for n in 0..steps {
                let change = fact(&role, n)?;
                role = roles::update(cx, id, &change)?;
            }
            Ok(role)
        })
        .await?;
    Ok(Answer::found(shape(asked, &projection, &role), version(&role)))
}

/// Deletes a role; its holders get the one it inherits from.
pub(super) async fn delete(asked: &Asked, id: &str) -> Result<Answer> {
    let (id, condition) = (role_id(id)?, asked.condition.clone());
    asked
        .change(move |cx, _| {
            condition.check(&version(&roles::get(cx, id)?))?;
            roles::delete(cx, id).map(drop)
        })
        .await?;
    Ok(Answer::gone())
}

fn text(body: &Map<String, Value>, name: &str) -> Result<Option<String>> {
    match wire::member(body, name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(Error::invalid(format!("'{name}' is text."))),
    }
}

/// The names of permissions that a list gives, without those it says are inherited.
fn names(value: Value) -> Result<Vec<String>> {
    let wrong = || Error::invalid("A permission is an object with its 'name', such as \"run:stop\".");
    let mut out = vec![];
    for element in quirks::elements(value) {
        match element {
            Value::String(name) => out.push(name),
            Value::Object(fields) => {
                let name = text(&fields, "name")?.ok_or_else(wrong)?;
                let inherited = wire::member(&fields, "isInherited").and_then(quirks::boolean);
                if inherited != Some(true) {
                    out.push(name);
                }
            }
            _ => return Err(wrong()),
        }
    }
    Ok(out)
}

/// What an operation amounts to.
fn fact(role: &CustomRole, operation: &Operation) -> Result<RoleChange> {
    let Operation { verb, path, value } = operation;
    let target = path.resolve(&ROLE)?;
    let name = target.found.attribute.name;
    let read_only = || Error::new(Code::Mutability, format!("'{name}' cannot be changed so."));
    let value = value.clone();
    let new_text = || match &value {
        Some(Value::String(text)) => Ok(Some(text.clone())),
        _ => Err(Error::invalid(format!("'{name}' is text."))),
    };
    let base = RoleChange::default();
    Ok(match (name, verb) {
        ("id", Verb::Add | Verb::Replace) if value.as_ref().and_then(Value::as_str) == Some(&role.id.global()) => base,
        ("permissions", _) if target.part.is_some() => return Err(read_only()),
        ("permissions", Verb::Remove) => match (&path.filter, value) {
            (None, None) => RoleChange { permissions: Some(vec![]), ..base },
            (None, Some(value)) => RoleChange { remove: names(value)?, ..base },
            (Some(filter), _) => {
                let bound: Element = filter.bind_to(target.found.attribute)?;
                let meant = role
                    .effective()
                    .filter(|(a, inherited)| bound.matches(&json!({ "name": a.as_str(), "isInherited": inherited })));
                RoleChange { remove: meant.map(|(a, _)| a.as_str().to_owned()).collect(), ..base }
            }
        },
        ("permissions", _) if path.filter.is_some() => return Err(read_only()),
        ("permissions", Verb::Add) => RoleChange { add: names(value.unwrap_or_default())?, ..base },
        ("permissions", Verb::Replace) => RoleChange { permissions: Some(names(value.unwrap_or_default())?), ..base },
        ("externalId", Verb::Remove) => RoleChange { external_id: Some(None), ..base },
        ("externalId", _) => RoleChange { external_id: Some(new_text()?), ..base },
        ("description", Verb::Remove) => RoleChange { description: Some(String::new()), ..base },
        ("description", _) => RoleChange { description: new_text()?, ..base },
        ("name", Verb::Add | Verb::Replace) => RoleChange { name: new_text()?, ..base },
        ("inheritedFrom", Verb::Add | Verb::Replace) => RoleChange { inherits: new_text()?, ..base },
        _ => return Err(read_only()),
    })
}

/// `GET /Permissions`: the catalogue, with who holds each by a predefined role.
fn permissions(asked: &Asked) -> Result<Answer> {
    let all = asked.read(|cx| roles::catalogue(cx))?;
    let permission = |action: &crate::model::role::Action| {
        let holders = action.team_roles().iter().filter(|role| **role != TeamRole::Service).map(|role| role.as_str());
        json!({
            "name": action.as_str(),
            "description": action.doc(),
            "level": action.level().as_str(),
            "assignable": action.is_assignable(),
            "roles": holders.collect::<Vec<_>>(),
        })
    };
    Ok(Answer::message(json!({
        "schemas": [LIST_URN],
        "totalResults": all.len(),
        "startIndex": 1,
        "itemsPerPage": all.len(),
        "Resources": all.iter().map(permission).collect::<Vec<_>>(),
    })))
}

/// The custom roles of the organization, for lists. They are few, so all of them are read.
pub(super) struct Roles<'a>(pub &'a Asked);

impl Source for Roles<'_> {
    fn kind(&self) -> &'static Kind {
        &ROLE
    }

    fn total(&self, cx: &Asking) -> Result<usize> {
        Ok(roles::list(cx)?.len())
    }

    fn page(&self, cx: &Asking, after: Option<u64>, skip: usize, limit: usize, _: Wants) -> Result<Vec<Row>> {
        let mut all = roles::list(cx)?;
        all.sort_unstable_by_key(|role| role.id);
        let behind = all.iter().filter(|role| after.is_none_or(|after| role.id.0 > after));
        Ok(behind.skip(skip).take(limit).map(|role| (role.id.0, rfc(self.0, role))).collect())
    }

    fn find(&self, _: &Asking, _: &str, _: &str, _: Wants) -> Result<Option<Vec<Row>>> {
        Ok(None)
    }

    fn get(&self, cx: &Asking, id: u64, _: Wants) -> Result<Value> {
        Ok(rfc(self.0, &roles::get(cx, RoleId(id))?))
    }

    fn shaped(&self, dialect: Dialect, resource: Value) -> Value {
        shaped(dialect, resource)
    }
}
