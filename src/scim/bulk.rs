//! `POST /Bulk` (RFC 7644 §3.7): many requests in one, each all or nothing by itself, answered in their order. A request may name
//! what another one makes by `bulkId:…`, in its path or its data; it then waits for it, wherever the other stands.
//!
//! Requests that wait for nothing are handed to the store together, in their order, so that they share its commits; with
//! `failOnErrors` they go one after the other, since the next may not be begun.

use super::schema::{BULK_RESPONSE_URN, BULK_URN};
use super::{Answer, Asked, at, groups, list, roles, serve, users, wire};
use crate::error::{Code, Error, Kind, Result};
use crate::http::reply;
use crate::ops::provision::Condition;
use actix_web::web;
use futures_util::future::join_all;
use serde_json::{Map, Value, json};
use std::collections::HashMap;

/// The most requests in one.
pub(super) const OPERATIONS_MAX: usize = 1_000;
/// How many are handed to the store together.
const TOGETHER: usize = 64;
/// The mark before the name of what another request makes.
const MARK: &str = "bulkId:";

/// Adds the endpoint.
pub(super) fn routes(cfg: &mut web::ServiceConfig) {
    cfg.service(at("/Bulk").route(web::post().to(async |app, request, body: web::Bytes| {
        serve(app, request, async move |asked| answer(&asked, &body).await).await
    })));
}

/// One request of the many.
struct Request {
    method: String,
    path: String,
    bulk_id: Option<String>,
    version: Option<String>,
    data: Value,
    /// The others that make what it names.
    needs: Vec<usize>,
}

/// What became of one.
struct Outcome {
    result: Result<Answer>,
    location: Option<String>,
}

async fn answer(asked: &Asked, body: &[u8]) -> Result<Answer> {
    let (requests, bearable) = read(body)?;
    let mut outcomes: Vec<Option<Outcome>> = requests.iter().map(|_| None).collect();
    let mut made: HashMap<String, String> = HashMap::new();
    let mut waiting: Vec<usize> = (0..requests.len()).collect();
    let mut errors = 0;
    let together = if bearable.is_some() { 1 } else { TOGETHER };
    while !waiting.is_empty() && bearable.is_none_or(|most| errors < most) {
        let is_ready = |n: &usize| requests[*n].needs.iter().all(|other| outcomes[*other].is_some());
        let ready: Vec<usize> = waiting.iter().copied().filter(is_ready).take(together).collect();
        // Nothing can go on: what is left waits for itself in a circle.
        let (batch, stuck) =
            if ready.is_empty() { (waiting.iter().copied().take(1).collect(), true) } else { (ready, false) };
        let running = batch.iter().map(|n| run(asked, &requests[*n], &made, stuck));
        let done = join_all(running).await;
        for (n, outcome) in batch.iter().zip(done) {
            errors += usize::from(outcome.result.is_err());
            if let (Some(id), Ok(answer)) = (&requests[*n].bulk_id, &outcome.result) {
                let of_resource = answer.body.as_ref().and_then(|b| b["id"].as_str()).map(str::to_owned);
                made.extend(of_resource.map(|resource| (id.clone(), resource)));
            }
            outcomes[*n] = Some(outcome);
        }
        waiting.retain(|n| outcomes[*n].is_none());
    }
    let answers = requests.iter().zip(outcomes).filter_map(|(request, outcome)| Some(written(request, outcome?)));
    Ok(Answer::message(json!({ "schemas": [BULK_RESPONSE_URN], "Operations": answers.collect::<Vec<_>>() })))
}

fn read(body: &[u8]) -> Result<(Vec<Request>, Option<usize>)> {
    let body = wire::object(body)?;
    list::must_be(&body, BULK_URN)?;
    let bearable = match wire::member(&body, "failOnErrors") {
        None => None,
        Some(n) => {
            let n = n.as_u64().ok_or_else(|| Error::invalid("'failOnErrors' is a whole number."))?;
            // None is as good as no bound: a request without an error has none to stop at.
            (n > 0).then_some(usize::try_from(n).unwrap_or(usize::MAX))
        }
    };
    let Some(Value::Array(operations)) = wire::member(&body, "Operations") else {
        return Err(wire::unreadable("A bulk request has a list of 'Operations'."));
    };
    if operations.len() > OPERATIONS_MAX {
        return Err(Error::new(Code::TooLarge, format!("A bulk request has at most {OPERATIONS_MAX} operations.")));
    }
    let mut requests = operations.iter().map(one).collect::<Result<Vec<_>>>()?;
    let mut makers = HashMap::new();
    for (n, request) in requests.iter().enumerate() {
        let Some(id) = request.bulk_id.clone() else { continue };
        if makers.insert(id, n).is_some() {
            return Err(Error::invalid("Two operations have the same 'bulkId'."));
        }
    }
    for request in &mut requests {
        let mut needs: Vec<usize> = vec![];
        let mut need = |name: &str| needs.extend(makers.get(name));
        in_path(&request.path).into_iter().for_each(&mut need);
        each_name(&request.data, &mut need);
        needs.sort_unstable();
        needs.dedup();
        request.needs = needs;
    }
    Ok((requests, bearable))
}

fn one(operation: &Value) -> Result<Request> {
    let Value::Object(fields) = operation else {
        return Err(wire::unreadable("Each of 'Operations' is an object."));
    };
    let text = |name: &str| match wire::member(fields, name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(Error::invalid(format!("The '{name}' of an operation is text."))),
    };
    let needs = |name: &'static str| move || Error::invalid(format!("Each operation has a '{name}'."));
    let request = Request {
        method: text("method")?.ok_or_else(needs("method"))?.to_ascii_uppercase(),
        path: text("path")?.ok_or_else(needs("path"))?,
        bulk_id: text("bulkId")?,
        version: text("version")?,
        data: wire::member(fields, "data").cloned().unwrap_or_default(),
        needs: vec![],
    };
    if request.method == "POST" && request.bulk_id.is_none() {
        return Err(Error::invalid("An operation with the method POST has a 'bulkId'."));
    }
    Ok(request)
}

/// The name of another request that a path has in place of an id.
fn in_path(path: &str) -> Option<&str> {
    path.rsplit('/').next()?.strip_prefix(MARK)
}

fn each_name(value: &Value, f: &mut impl FnMut(&str)) {
    match value {
        Value::String(text) => text.strip_prefix(MARK).into_iter().for_each(f),
        Value::Array(items) => items.iter().for_each(|v| each_name(v, f)),
        Value::Object(fields) => fields.values().for_each(|v| each_name(v, f)),
        _ => {}
    }
}

/// Puts ids in the place of names.
fn resolve(value: &mut Value, made: &HashMap<String, String>, stuck: bool) -> Result<()> {
    match value {
        Value::String(text) => {
            if let Some(name) = text.strip_prefix(MARK) {
                *text = id_of(name, made, stuck)?.clone();
            }
        }
        Value::Array(items) => items.iter_mut().try_for_each(|v| resolve(v, made, stuck))?,
        Value::Object(fields) => fields.values_mut().try_for_each(|v| resolve(v, made, stuck))?,
        _ => {}
    }
    Ok(())
}

fn id_of<'m>(name: &str, made: &'m HashMap<String, String>, stuck: bool) -> Result<&'m String> {
    made.get(name).ok_or_else(|| {
        let name: String = name.chars().filter(|c| !c.is_control()).take(60).collect();
        match stuck {
            true => Error::new(Code::AlreadyDone, format!("'bulkId:{name}' leads back to this operation.")),
            false => Error::invalid(format!("'bulkId:{name}' names nothing that was made.")),
        }
    })
}

async fn run(asked: &Asked, request: &Request, made: &HashMap<String, String>, stuck: bool) -> Outcome {
    let mut location = None;
    let result = tried(asked, request, made, stuck, &mut location).await;
    if let Err(error) = &result
        && error.kind() == Kind::Internal
    {
        tracing::error!(path = request.path, error = ?error, "an operation of a bulk request failed");
    }
    Outcome { result, location }
}

async fn tried(
    asked: &Asked,
    request: &Request,
    made: &HashMap<String, String>,
    stuck: bool,
    location: &mut Option<String>,
) -> Result<Answer> {
    let mut asked = asked.clone();
    // The address's own parameters and conditions are not meant for each operation; of what it makes only the id is looked at.
    asked.query = vec![("attributes".to_owned(), "id".to_owned())];
    asked.condition = Condition::default();
    asked.condition.if_match = request.version.as_ref().map(|tag| {
        let tag = tag.strip_prefix("W/").unwrap_or(tag);
        vec![tag.trim_matches('"').to_owned()]
    });
    let mut data = request.data.clone();
    resolve(&mut data, made, stuck)?;
    let path = request.path.trim_matches('/').strip_prefix("v2/").unwrap_or(request.path.trim_matches('/'));
    let (endpoint, id) = match path.split_once('/') {
        Some((endpoint, id)) => (endpoint, Some(id)),
        None => (path, None),
    };
    let id = match id.map(|id| id.strip_prefix(MARK).ok_or(id)) {
        None => None,
        Some(Err(id)) => Some(id.to_owned()),
        Some(Ok(name)) => Some(id_of(name, made, stuck)?.clone()),
    };
    let known = ["Users", "Groups", "Roles"].into_iter().find(|known| known.eq_ignore_ascii_case(endpoint));
    let (Some(endpoint), false) = (known, id.as_deref().is_some_and(|id| id.contains('/'))) else {
        return Err(Error::new(
            Code::InvalidPath,
            "The 'path' of an operation is /Users, /Groups or /Roles, and an id behind it.",
        ));
    };
    if let Some(id) = &id {
        *location = Some(format!("{}/{endpoint}/{id}", asked.base));
    }
    let object = |data: Value| match data {
        Value::Object(fields) => Ok(fields),
        _ => Err(wire::unreadable("The 'data' of the operation is an object.")),
    };
    let answer = match (request.method.as_str(), endpoint, id) {
        ("POST", "Users", None) => users::create(&asked, object(data)?).await,
        ("POST", "Groups", None) => groups::create(&asked, object(data)?).await,
        ("POST", _, None) => roles::create(&asked, object(data)?).await,
        ("PUT", "Users", Some(id)) => users::replace(&asked, &id, object(data)?).await,
        ("PUT", "Groups", Some(id)) => groups::replace(&asked, &id, object(data)?).await,
        ("PUT", _, Some(id)) => roles::replace(&asked, &id, object(data)?).await,
        ("PATCH", "Users", Some(id)) => users::change(&asked, &id, &data).await,
        ("PATCH", "Groups", Some(id)) => groups::change(&asked, &id, &data).await,
        ("PATCH", _, Some(id)) => roles::change(&asked, &id, &data).await,
        ("DELETE", "Users", Some(id)) => users::delete(&asked, &id).await,
        ("DELETE", "Groups", Some(id)) => groups::delete(&asked, &id).await,
        ("DELETE", _, Some(id)) => roles::delete(&asked, &id).await,
        ("POST" | "PUT" | "PATCH" | "DELETE", ..) => Err(reply::method_not_allowed()),
        _ => Err(wire::unreadable("The 'method' of an operation is POST, PUT, PATCH or DELETE.")),
    }?;
    if answer.location.is_some() {
        location.clone_from(&answer.location);
    }
    Ok(answer)
}

/// The answer to one request: status, where the resource is, its version, and the body of an error.
fn written(request: &Request, outcome: Outcome) -> Value {
    let mut out = Map::new();
    out.insert("method".to_owned(), json!(request.method));
    if let Some(id) = &request.bulk_id {
        out.insert("bulkId".to_owned(), json!(id));
    }
    if let Some(location) = outcome.location {
        out.insert("location".to_owned(), json!(location));
    }
    match outcome.result {
        Ok(answer) => {
            if let Some(version) = answer.version {
                out.insert("version".to_owned(), json!(format!("W/\"{version}\"")));
            }
            out.insert("status".to_owned(), json!(answer.status.as_str()));
        }
        Err(error) => {
            out.insert("status".to_owned(), json!(reply::status(&error).as_str()));
            out.insert("response".to_owned(), reply::scim_body(&error));
        }
    }
    Value::Object(out)
}
