//! Provisioning by identity providers and scripts: SCIM 2.0 (RFC 7643, RFC 7644) and W&B's dialect of it, under `/scim` and
//! `/scim/v2`. A surface: it translates, `ops::provision` reads and changes. One resource has one shape inside, the RFC's;
//! the dialect is put on when the answer is written ([`Dialect`]). Errors are [`Error`]s; `http/reply.rs` writes their bodies.
//!
//! What clients write is read by [`filter`], [`path`], [`patch`] against [`schema`], what they send beside the RFC stands in
//! [`quirks`]. [`serve`] is around every endpoint: dialect, credential, answer. Whoever is let in is an organization admin; every write
//! goes through [`Asked::change`], which also is where a dry run is dropped.

mod bulk;
mod discovery;
pub mod filter;
mod groups;
mod list;
pub mod patch;
pub mod path;
mod projection;
pub mod quirks;
mod roles;
pub mod schema;
mod sheet;
mod user_json;
mod user_list;
mod users;
mod wire;

use crate::app::App;
use crate::error::{Code, Error, Result};
use crate::http::{auth, middleware, reply};
use crate::model::provisioning::{Request, Speech};
use crate::model::{OrgId, UserId};
use crate::ops::connections;
use crate::ops::provision::{self, Condition, Toll};
use crate::ops::requests::PATH_MAX;
use crate::ops::{Acting, Asking, Caller};
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, Resource, web};
use serde_json::Value;

/// Adds the endpoints.
pub fn routes(cfg: &mut web::ServiceConfig) {
    for prefix in ["/scim/v2", "/scim"] {
        cfg.service(web::scope(prefix).configure(endpoints));
    }
}

fn endpoints(cfg: &mut web::ServiceConfig) {
    users::routes(cfg);
    groups::routes(cfg);
    roles::routes(cfg);
    discovery::routes(cfg);
    bulk::routes(cfg);
}

/// The resource at `path`; a slash behind it is harmless.
fn at(path: &str) -> Resource {
    web::resource([path.to_owned(), format!("{path}/")])
}

/// How a resource is written. Requests are read the same in both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dialect {
    /// As W&B's documents show it: capitalised `emails` and `members`, roles and seats at top level, relative locations.
    Wandb,
    /// As RFC 7643 says.
    Rfc,
}

impl Dialect {
    /// The RFC's where the path says version 2, or `Accept` or `Content-Type` name its media type.
    fn of(request: &HttpRequest) -> Dialect {
        let names = |name: HeaderName| {
            request
                .headers()
                .get_all(name)
                .any(|v| v.to_str().is_ok_and(|text| text.to_ascii_lowercase().contains(reply::SCIM_JSON)))
        };
        let versioned =
            request.path().strip_prefix("/scim/v2").is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        if versioned || names(header::ACCEPT) || names(header::CONTENT_TYPE) { Dialect::Rfc } else { Dialect::Wandb }
    }

    fn media_type(self) -> &'static str {
        match self {
            Dialect::Wandb => "application/json",
            Dialect::Rfc => reply::SCIM_JSON,
        }
    }
}

/// The header, and in another spelling the query parameter, that asks what a change would do.
const DRY_RUN: &str = "x-dry-run";

/// One request, past the credential check.
#[derive(Clone)]
struct Asked {
    app: web::Data<App>,
    who: Caller,
    dialect: Dialect,
    dry_run: bool,
    condition: Condition,
    /// The absolute address that locations begin with, without a slash at its end.
    base: String,
    query: Vec<(String, String)>,
}

impl Asked {
    fn of(app: &web::Data<App>, request: &HttpRequest, dialect: Dialect) -> Result<(Asked, OrgId)> {
        let mut who = auth::by_key(app, request)?;
        who.subject = app.provisioner(who.subject)?;
        let (org, speech) =
            app.ask(&who, |cx| Ok((provision::enter(cx)?, connections::asking(cx)?.map(|c| c.speech))))?;
        let dialect = match speech {
            Some(Speech::Wandb) => Dialect::Wandb,
            Some(Speech::Rfc) => Dialect::Rfc,
            Some(Speech::AsAsked) | None => dialect,
        };
        let query = web::Query::<Vec<(String, String)>>::from_query(request.query_string())
            .map_err(|_| Error::new(Code::InvalidValue, "The query of the address cannot be read."))?
            .into_inner();
        let header = |name: &str| request.headers().get(name).and_then(|v| v.to_str().ok());
        let mut asked = Asked {
            app: app.clone(),
            who,
            dialect,
            dry_run: false,
            condition: Condition {
                if_match: tags(request, header::IF_MATCH),
                if_none_match: tags(request, header::IF_NONE_MATCH),
            },
            base: format!("{}/scim{}", app.base_url, if request.path().starts_with("/scim/v2") { "/v2" } else { "" }),
            query,
        };
        asked.dry_run = match header(DRY_RUN).or(asked.parameter("dryRun")) {
            None => false,
            Some(text) if text.eq_ignore_ascii_case("true") => true,
            Some(text) if text.eq_ignore_ascii_case("false") => false,
            Some(_) => return Err(Error::invalid("A dry run is asked for by true or false.")),
        };
        Ok((asked, org))
    }

    /// A parameter of the query, its name in any case.
    fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Reads from one snapshot.
    fn read<T>(&self, f: impl FnOnce(&Asking) -> Result<T>) -> Result<T> {
        self.app.ask(&self.who, f)
    }

    /// Changes, through the one door; a dry run is the same and then dropped.
    async fn change<T: Send + 'static>(
        &self,
        f: impl Fn(&mut Acting, &mut Toll) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let through = move |cx: &mut Acting| provision::apply(cx, &f);
        if self.dry_run {
            return self.app.rehearse(&self.who, through).await;
        }
        self.app.act(&self.who, through).await
    }

    /// Where a resource is: `Users/<id>` as W&B writes it, or the absolute address.
    fn location(&self, endpoint: &str, id: &str) -> String {
        match self.dialect {
            Dialect::Wandb => format!("{endpoint}/{id}"),
            Dialect::Rfc => format!("{}/{endpoint}/{id}", self.base),
        }
    }
}

/// The tags of a condition's header, without the mark of weakness and the quotes.
fn tags(request: &HttpRequest, name: HeaderName) -> Option<Vec<String>> {
    let mut found = None;
    for value in request.headers().get_all(name) {
        // What cannot be read matches nothing.
        let tags = value.to_str().unwrap_or("-").split(',').map(|tag| {
            let tag = tag.trim();
            tag.strip_prefix("W/").unwrap_or(tag).trim_matches('"').to_owned()
        });
        found.get_or_insert_with(Vec::new).extend(tags);
    }
    found
}

/// What an endpoint answers, before it is written. A bulk request has one for each operation.
#[derive(Debug)]
struct Answer {
    status: StatusCode,
    /// In the dialect already.
    body: Option<Value>,
    version: Option<String>,
    /// The resource's address, absolute.
    location: Option<String>,
}

impl Answer {
    /// A resource as it is now.
    fn found(body: Value, version: String) -> Answer {
        Answer { status: StatusCode::OK, body: Some(body), version: Some(version), location: None }
    }

    /// A resource that the asker has already as it is.
    fn unchanged(version: String) -> Answer {
        Answer { status: StatusCode::NOT_MODIFIED, body: None, version: Some(version), location: None }
    }

    /// A body that is no resource.
    fn message(body: Value) -> Answer {
        Answer { status: StatusCode::OK, body: Some(body), version: None, location: None }
    }

    /// A resource that is new.
    fn created(body: Value, version: String, location: String) -> Answer {
        Answer { status: StatusCode::CREATED, body: Some(body), version: Some(version), location: Some(location) }
    }

    /// Done, and nothing to show.
    fn gone() -> Answer {
        Answer { status: StatusCode::NO_CONTENT, body: None, version: None, location: None }
    }
}

/// Around every endpoint: who asks, in which dialect, and the answer written.
async fn serve<F: Future<Output = Result<Answer>>>(
    app: web::Data<App>,
    request: HttpRequest,
    f: impl FnOnce(Asked) -> F,
) -> HttpResponse {
    let mut dialect = Dialect::of(&request);
    let (mut dry_run, mut by) = (false, None);
    let outcome = match Asked::of(&app, &request, dialect) {
        Ok((asked, org)) => {
            (dialect, dry_run) = (asked.dialect, asked.dry_run);
            by = Some((asked.who.clone(), org));
            f(asked).await
        }
        Err(error) => Err(error),
    };
    if let Some((who, org)) = by {
        note(&app, &request, &who, org, dry_run, &outcome);
    }
    let mut response = match outcome {
        Ok(answer) => written(answer, dialect),
        Err(error) => {
            reply::log(&error, middleware::context(&request).id);
            let mut refusal = reply::scim(&error, dialect.media_type());
            if error.code() == Code::MethodNotAllowed {
                // The one resource that a dialect does not delete.
                refusal.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, PUT, PATCH"));
            }
            refusal
        }
    };
    if dry_run {
        response.headers_mut().insert(HeaderName::from_static(DRY_RUN), HeaderValue::from_static("true"));
    }
    response
}

/// Notes a request for the people who look after provisioning.
fn note(app: &App, request: &HttpRequest, who: &Caller, org: OrgId, dry_run: bool, outcome: &Result<Answer>) {
    let (status, said) = match outcome {
        Ok(answer) => (answer.status, String::new()),
        Err(error) => (reply::status(error), error.sentence()),
    };
    let path = request.uri().path_and_query().map_or("/", |p| p.as_str());
    app.requests.note(Request {
        org,
        place: 0,
        at: app.clock.now(),
        by: who.subject.user().unwrap_or(UserId(0)),
        method: request.method().as_str().to_owned(),
        path: path.chars().take(PATH_MAX).collect(),
        status: status.as_u16(),
        said,
        request: who.origin.request.clone(),
        dry_run,
    });
}

fn written(answer: Answer, dialect: Dialect) -> HttpResponse {
    let mut response = HttpResponse::build(answer.status);
    if let Some(version) = &answer.version {
        response.insert_header((header::ETAG, format!("W/\"{version}\"")));
    }
    if let Some(location) = answer.location {
        response.insert_header((header::LOCATION, location));
    }
    match answer.body {
        Some(body) => response.content_type(dialect.media_type()).body(body.to_string()),
        None => response.finish(),
    }
}
