//! `/access/v1/forward-auth`: the answer to a reverse proxy that asks, before it forwards a request, whether it may (nginx
//! `auth_request`, Caddy `forward_auth`, Traefik `forwardAuth`). 200 with identity headers lets it through, 401 and 403 do
//! not, and everything that cannot be read is a 4xx.
//!
//! What is asked stands in the query that the proxy's own configuration writes (`?action=…&resource=…&aud=…`). Nothing that
//! the outside client sends is read but its credential: no forwarded path, method or host (CVE-2024-47070 authentik,
//! CVE-2026-40575 oauth2-proxy), and a parameter that is unknown or stands twice is refused rather than chosen from.
//!
//! ## Why the session cookie is taken here
//!
//! Elsewhere no API takes it, so that no page can make a browser speak to an API. The proxy's question carries the headers
//! of the browser's request, and the answer is a yes or a no to the proxy: nothing changes here, and another site's page can
//! neither read the answer (no CORS, `Cross-Origin-Resource-Policy: same-origin`) nor use it. A request with an
//! Authorization header is judged by that alone, also when it is void: two identities in one request are one too many.
//!
//! ## What an assertion proves
//!
//! That this person may do `action` on `resource`, to `aud`, within a minute. Anybody can ask for what they may do anyway,
//! so whoever takes one checks all of `iss`, `aud`, `exp`, `action` and `resource`. Without `aud` there is none.

use crate::app::App;
use crate::clock::SECOND;
use crate::error::{Code, Error, Kind, Result};
use crate::http::middleware::context;
use crate::http::{auth, reply};
use crate::model::role::Action;
use crate::ops::admit::{self, Admitted};
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;

/// How long an assertion lives, in seconds.
const LIFETIME: i64 = 60;
/// The longest audience, in bytes.
const AUDIENCE_MAX: usize = 200;
/// The longest query looked at, in bytes.
const QUERY_MAX: usize = 4_096;

/// What an assertion says.
#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    iat: i64,
    nbf: i64,
    exp: i64,
    jti: String,
    username: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'a str>,
    kind: &'static str,
    action: &'static str,
    resource: &'a str,
}

/// Answers a proxy.
pub async fn answer(app: web::Data<App>, request: HttpRequest) -> HttpResponse {
    match admitted(&app, &request) {
        Ok(response) => response,
        Err(error) => refused(&app, &request, error),
    }
}

/// The keys for checking assertions, for anybody.
pub async fn keys(app: web::Data<App>) -> HttpResponse {
    HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "public, max-age=300")).json(app.assertions.jwks())
}

fn admitted(app: &App, request: &HttpRequest) -> Result<HttpResponse> {
    let asked = Asked::read(request.query_string())?;
    let who = if request.headers().contains_key(header::AUTHORIZATION) {
        auth::by_key(app, request)?
    } else {
        match auth::by_cookie(app, request)? {
            Some((caller, _)) => caller,
            None => return Err(Error::new(Code::Unauthenticated, "Nobody is signed in, or the session is over.")),
        }
    };
    let admitted = app.ask(&who, |cx| admit::admit(cx, asked.action, &asked.resource))?;
    let mut response = HttpResponse::Ok();
    let mut tell = |name: &'static str, value: &str| -> Result<()> {
        let value =
            HeaderValue::from_bytes(value.as_bytes()).map_err(|_| Error::internal(format!("value of {name}")))?;
        response.insert_header((HeaderName::from_static(name), value));
        Ok(())
    };
    // Each stands always, also empty: a proxy that copies headers must overwrite what the client sent.
    tell("x-bailiwick-user", &admitted.username)?;
    tell("x-bailiwick-email", admitted.email.as_deref().unwrap_or_default())?;
    tell("x-bailiwick-kind", kind(&admitted))?;
    tell("x-bailiwick-groups", &admitted.groups.join(","))?;
    tell("x-bailiwick-groups-cut", if admitted.has_more_groups { "true" } else { "false" })?;
    let assertion =
        asked.audience.as_deref().map(|audience| assertion(app, &asked, audience, &admitted)).transpose()?;
    tell("x-bailiwick-assertion", assertion.as_deref().unwrap_or_default())?;
    Ok(response.finish())
}

fn kind(admitted: &Admitted) -> &'static str {
    if admitted.is_service { "service" } else { "person" }
}

fn assertion(app: &App, asked: &Asked, audience: &str, admitted: &Admitted) -> Result<String> {
    let now = app.clock.now() / SECOND;
    app.assertions.sign(&Claims {
        iss: &app.base_url,
        sub: &admitted.id,
        aud: audience,
        iat: now,
        nbf: now,
        exp: now + LIFETIME,
        jti: app.random.letters(22)?,
        username: &admitted.username,
        email: admitted.email.as_deref(),
        kind: kind(admitted),
        action: asked.action.as_str(),
        resource: &asked.resource,
    })
}

/// The refusal as proxies understand it: they know 401 and 403, and take anything else for a failure.
fn refused(app: &App, request: &HttpRequest, error: Error) -> HttpResponse {
    let error = match error.kind() {
        Kind::NotFound => Error::denied(error.detail().to_owned(), true),
        Kind::Unauthenticated => {
            let hint = format!("Sign in at {}/login, or send an API key.", app.base_url);
            Error::new(error.code(), error.detail().to_owned()).hint(hint)
        }
        _ => error,
    };
    reply::log(&error, context(request).id);
    let mut response = reply::json(&error, context(request).id);
    let sign_in = HeaderValue::try_from(format!("{}/login", app.base_url));
    if let (Kind::Unauthenticated, Ok(sign_in)) = (error.kind(), sign_in) {
        response.headers_mut().insert(HeaderName::from_static("x-bailiwick-sign-in"), sign_in);
    }
    response
}

/// What the proxy's configuration asks.
#[derive(Debug, PartialEq)]
struct Asked {
    action: Action,
    resource: String,
    audience: Option<String>,
}

impl Asked {
    fn read(query: &str) -> Result<Asked> {
        if query.len() > QUERY_MAX {
            return Err(unreadable("is too long"));
        }
        let (mut action, mut resource, mut audience) = (None, None, None);
        for pair in query.split('&') {
            let (name, value) = pair.split_once('=').ok_or_else(|| unreadable("has a part without '='"))?;
            let place = match name {
                "action" => &mut action,
                "resource" => &mut resource,
                "aud" => &mut audience,
                _ => return Err(unreadable("has a parameter that is not action, resource or aud")),
            };
            if place.replace(decoded(value)?).is_some() {
                return Err(unreadable("has a parameter twice"));
            }
        }
        let action = Action::parse(&action.ok_or_else(|| unreadable("has no action"))?)?;
        let resource = resource.ok_or_else(|| unreadable("has no resource (empty for the organization)"))?;
        if !is_plain(&resource) {
            return Err(unreadable("has a resource that is not TEAM, TEAM/PROJECT, user:NAME or empty"));
        }
        if audience
            .as_deref()
            .is_some_and(|aud| aud.is_empty() || aud.len() > AUDIENCE_MAX || !aud.bytes().all(|b| b.is_ascii_graphic()))
        {
            return Err(unreadable("has an aud that is empty, too long, or not plain letters and signs"));
        }
        Ok(Asked { action, resource, audience })
    }
}

fn unreadable(why: &'static str) -> Error {
    Error::new(Code::InvalidRequest, format!("The query {why}."))
        .hint("The proxy's configuration writes ?action=OBJECT:OPERATION&resource=TEAM/PROJECT, and &aud=AUDIENCE for an assertion.")
}

/// The value of a parameter: percent-encoding read strictly, once. A `+` means two things to two readers and is refused.
fn decoded(text: &str) -> Result<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'%' => {
                let digit =
                    |b: Option<u8>| b.and_then(|b| char::from(b).to_digit(16)).and_then(|d| u8::try_from(d).ok());
                let (Some(high), Some(low)) = (digit(rest.next()), digit(rest.next())) else {
                    return Err(unreadable("has a '%' that encodes nothing"));
                };
                out.push(high << 4 | low);
            }
            b'+' => return Err(unreadable("has a '+', which is written %20 or %2B")),
            byte => out.push(byte),
        }
    }
    let text = String::from_utf8(out).map_err(|_| unreadable("is not UTF-8"))?;
    if text.chars().any(char::is_control) {
        return Err(unreadable("holds a control character"));
    }
    Ok(text)
}

/// Whether a resource is written in the one way that two readers read alike.
fn is_plain(resource: &str) -> bool {
    let segments = resource.split('/').count();
    resource.is_empty()
        || (segments <= 2
            && resource.split('/').all(|part| !matches!(part, "" | "." | "..") && part.trim() == part)
            && !resource.contains(['\\', '%', '?', '#']))
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_question_is_read_in_one_way_or_not_at_all() {
        let asked = Asked::read("action=project:read&resource=acme/My%20first&aud=app").unwrap();
        assert_eq!((asked.action, &*asked.resource), (Action::ProjectRead, "acme/My first"));
        assert_eq!(asked.audience.as_deref(), Some("app"));
        assert_eq!(Asked::read("resource=&action=organization%3Aread").unwrap().audience, None);
        for bad in [
            "",
            "action=project:read",
            "resource=acme",
            "action=project:read&resource",
            "action=project:read&resource=acme&",
            "action=project:read&resource=acme&resource=acme",
            "action=project:read&action=project:read&resource=acme",
            "action=project:read&resource=acme&x=1",
            "action=project:read&resource=acme&Action=x",
            "%61ction=project:read&resource=acme",
            "action=project:fly&resource=acme",
            "action=project:read&resource=acme/a+b",
            "action=project:read&resource=acme/%zz",
            "action=project:read&resource=acme/%4",
            "action=project:read&resource=acme/%ff",
            "action=project:read&resource=acme/%00",
            "action=project:read&resource=/acme",
            "action=project:read&resource=acme/",
            "action=project:read&resource=acme//x",
            "action=project:read&resource=acme/../x",
            "action=project:read&resource=acme/%2e%2e",
            "action=project:read&resource=acme%2f%2fx",
            "action=project:read&resource=acme/%2561",
            "action=project:read&resource=acme/x%5cy",
            "action=project:read&resource=acme/%20x",
            "action=project:read&resource=acme&aud=",
            "action=project:read&resource=acme&aud=a%20b",
            "action=project:read&resource=acme&aud=%C3%A4",
        ] {
            assert!(Asked::read(bad).is_err(), "{bad}");
        }
        assert!(Asked::read(&format!("action=project:read&resource=acme&aud={}", "x".repeat(201))).is_err());
        assert!(Asked::read(&format!("action=project:read&resource={}", "x".repeat(5_000))).is_err());
    }

    proptest! {
        #[test]
        fn any_query_is_read_or_refused_and_never_panics(query in "[a-z=&%+/:.2f ]{0,60}", any in "\\PC{0,60}") {
            for query in [&query, &any, &format!("action=project:read&resource={query}")] {
                if let Ok(asked) = Asked::read(query) {
                    prop_assert!(is_plain(&asked.resource));
                }
            }
        }
    }
}
