//! What clients ask before they speak (RFC 7644 §4): what this server can do, which kinds of resources there are, and their
//! schemas, written out of the constant data in `schema.rs`. And the search over all kinds.

use super::groups::Groups;
use super::list::{self, Query, Source};
use super::roles::Roles;
use super::schema::{Attribute, KINDS, Kind, LIST_URN, Mutability, Returned, SCHEMAS, Schema, Type};
use super::user_list::Users;
use super::{Answer, Asked, at, bulk, serve};
use crate::error::{Error, Result};
use crate::http::BODY_LIMIT;
use actix_web::web;
use serde_json::{Value, json};

const CONFIG_URN: &str = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig";
const TYPE_URN: &str = "urn:ietf:params:scim:schemas:core:2.0:ResourceType";
const SCHEMA_URN: &str = "urn:ietf:params:scim:schemas:core:2.0:Schema";

/// Adds the endpoints.
pub(super) fn routes(cfg: &mut web::ServiceConfig) {
    cfg.service(at("/ServiceProviderConfig").route(web::get().to(async |app, request| {
        serve(app, request, async move |asked| {
            unfiltered(&asked)?;
            Ok(Answer::message(config(&asked)))
        })
        .await
    })))
    .service(at("/ResourceTypes").route(web::get().to(async |app, request| {
        serve(app, request, async move |asked| all(&asked, KINDS.iter().map(|kind| resource_type(&asked, kind)))).await
    })))
    .service(at("/ResourceTypes/{name}").route(web::get().to(async |app, request, name: web::Path<String>| {
        serve(app, request, async move |asked| {
            unfiltered(&asked)?;
            let found = KINDS.iter().find(|kind| kind.name.eq_ignore_ascii_case(&name));
            found.map(|kind| Answer::message(resource_type(&asked, kind))).ok_or_else(nothing)
        })
        .await
    })))
    .service(at("/Schemas").route(web::get().to(async |app, request| {
        serve(app, request, async move |asked| all(&asked, SCHEMAS.iter().map(|schema| written(&asked, schema)))).await
    })))
    .service(at("/Schemas/{urn}").route(web::get().to(async |app, request, urn: web::Path<String>| {
        serve(app, request, async move |asked| {
            unfiltered(&asked)?;
            let found = SCHEMAS.iter().find(|schema| schema.id.eq_ignore_ascii_case(&urn));
            found.map(|schema| Answer::message(written(&asked, schema))).ok_or_else(nothing)
        })
        .await
    })))
    .service(at("/.search").route(web::post().to(async |app, request, body: web::Bytes| {
        serve(app, request, async move |asked| {
            list::answer(&asked, Query::read(&body, asked.dialect)?, everything).await
        })
        .await
    })));
}

fn everything(asked: &Asked) -> Vec<Box<dyn Source + '_>> {
    vec![Box::new(Users(asked)), Box::new(Groups(asked)), Box::new(Roles(asked))]
}

fn nothing() -> Error {
    Error::not_found("There is no such resource type or schema.")
}

/// A filter here is refused (RFC 7644 §4): a client might take what it gets for all that matches. Paging and sorting are passed over.
fn unfiltered(asked: &Asked) -> Result<()> {
    match asked.parameter("filter") {
        None => Ok(()),
        Some(_) => Err(Error::denied("What a server can do is not filtered.", true).hint("Ask without 'filter'.")),
    }
}

fn all(asked: &Asked, resources: impl Iterator<Item = Value>) -> Result<Answer> {
    unfiltered(asked)?;
    let resources: Vec<Value> = resources.collect();
    Ok(Answer::message(json!({
        "schemas": [LIST_URN],
        "totalResults": resources.len(),
        "startIndex": 1,
        "itemsPerPage": resources.len(),
        "Resources": resources,
    })))
}

fn config(asked: &Asked) -> Value {
    json!({
        "schemas": [CONFIG_URN],
        "patch": { "supported": true },
        "bulk": { "supported": true, "maxOperations": bulk::OPERATIONS_MAX, "maxPayloadSize": BODY_LIMIT },
        "filter": { "supported": true, "maxResults": list::PAGE_MAX },
        "changePassword": { "supported": false },
        "sort": { "supported": true },
        "etag": { "supported": true },
        "authenticationSchemes": [
            {
                "type": "oauthbearertoken",
                "name": "Bearer",
                "description": "An API key as a Bearer token.",
                "specUri": "https://www.rfc-editor.org/info/rfc6750",
                "primary": true,
            },
            {
                "type": "httpbasic",
                "name": "Basic",
                "description": "Any user name, and an API key as the password.",
                "specUri": "https://www.rfc-editor.org/info/rfc7617",
            },
        ],
        "meta": { "resourceType": "ServiceProviderConfig", "location": format!("{}/ServiceProviderConfig", asked.base) },
    })
}

fn resource_type(asked: &Asked, kind: &Kind) -> Value {
    json!({
        "schemas": [TYPE_URN],
        "id": kind.name,
        "name": kind.name,
        "description": kind.doc,
        "endpoint": kind.endpoint,
        "schema": kind.schema.id,
        "schemaExtensions":
            kind.extensions.iter().map(|e| json!({ "schema": e.id, "required": e.is_on_all() })).collect::<Vec<_>>(),
        "meta": { "resourceType": "ResourceType", "location": format!("{}/ResourceTypes/{}", asked.base, kind.name) },
    })
}

fn written(asked: &Asked, schema: &Schema) -> Value {
    json!({
        "schemas": [SCHEMA_URN],
        "id": schema.id,
        "name": schema.name,
        "description": schema.doc,
        "attributes": schema.attributes.iter().map(attribute).collect::<Vec<_>>(),
        "meta": { "resourceType": "Schema", "location": format!("{}/Schemas/{}", asked.base, schema.id) },
    })
}

fn attribute(it: &Attribute) -> Value {
    let mut out = json!({
        "name": it.name,
        "type": it.kind.as_str(),
        "multiValued": it.multi,
        "description": it.doc,
        "required": it.required,
        "caseExact": it.case_exact,
        "mutability": match it.mutability {
            Mutability::ReadWrite => "readWrite",
            Mutability::ReadOnly => "readOnly",
            Mutability::Immutable => "immutable",
        },
        "returned": match it.returned {
            Returned::Always => "always",
            Returned::Default => "default",
            Returned::Request => "request",
        },
        "uniqueness": if it.unique { "server" } else { "none" },
    });
    let canonical = it.canonical_values();
    if !canonical.is_empty() {
        out["canonicalValues"] = json!(canonical);
    }
    if it.kind == Type::Reference {
        out["referenceTypes"] = json!(it.refers);
    }
    if it.kind == Type::Complex {
        out["subAttributes"] = it.sub.iter().map(attribute).collect();
    }
    out
}
