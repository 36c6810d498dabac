//! Who asks: credentials of a request to a [`Caller`], and the brakes on forged forms. API surfaces take header credentials
//! only, pages take the session cookie only, so that no page can make a browser speak to an API with somebody's rights.
//! What a caller may do is not decided here; see `policy`.

use super::middleware::context;
use crate::app::App;
use crate::clock::Millis;
use crate::crypto;
use crate::error::{Code, Error, Result};
use crate::model::audit::Origin;
use crate::model::session::Session;
use crate::ops::{Asking, Caller};
use crate::policy::Subject;
use actix_web::HttpRequest;
use actix_web::cookie::{Cookie, SameSite};
use actix_web::http::header::{self, HeaderMap};
use base64::Engine as _;
use std::borrow::Cow;

/// The session cookie over TLS: the browser keeps it to this host and to TLS by its name (RFC 6265bis §4.1.3.2).
const COOKIE_TLS: &str = "__Host-bailiwick";
/// The session cookie on plain loopback.
const COOKIE_PLAIN: &str = "bailiwick";
/// The longest description of itself that is kept of a client.
const AGENT_MAX: usize = 200;
/// The longest Authorization header looked at.
const HEADER_MAX: usize = 8_192;

/// Where a request comes from.
pub fn origin(request: &HttpRequest) -> Origin {
    let context = context(request);
    let agent = request.headers().get(header::USER_AGENT).and_then(|v| v.to_str().ok()).unwrap_or_default();
    Origin { ip: context.client.to_string(), agent: cut(agent).to_owned(), request: context.id.to_string() }
}

/// The first [`AGENT_MAX`] characters.
fn cut(agent: &str) -> &str {
    if agent.len() <= AGENT_MAX {
        return agent;
    }
    match agent.char_indices().nth(AGENT_MAX) {
        Some((end, _)) => &agent[..end],
        None => agent,
    }
}

/// Nobody known, from where the request comes.
pub fn anonymous(request: &HttpRequest) -> Caller {
    Caller { subject: Subject::anonymous(), origin: origin(request) }
}

/// The caller by API key: `Authorization: Basic user:KEY` (any user name, also none) or `Bearer KEY`.
///
/// # Errors
/// [`Code::Unauthenticated`] without a credential or with one that is not accepted.
pub fn by_key(app: &App, request: &HttpRequest) -> Result<Caller> {
    let presented = presented(request.headers())?.ok_or_else(no_credential)?;
    let subject = app.by_key(&presented, context(request).client)?;
    Ok(Caller { subject, origin: origin(request) })
}

/// One reading use-case by API key, credentials as for [`by_key`]: the key, its owner and `f` see one snapshot. The door for
/// requests that ask one thing; those that ask several resolve the [`Caller`] first.
pub fn ask_by_key<T>(app: &App, request: &HttpRequest, f: impl FnOnce(&Asking) -> Result<T>) -> Result<T> {
    let presented = presented(request.headers())?.ok_or_else(no_credential)?;
    app.ask_by_key(&presented, context(request).client, || origin(request), f)
}

fn no_credential() -> Error {
    Error::new(Code::Unauthenticated, "The request carries no credential.")
        .hint("Send an API key as the Basic password or as a Bearer token.")
}

/// The secret in the Authorization header, if there is one.
fn presented(headers: &HeaderMap) -> Result<Option<Cow<'_, str>>> {
    let unreadable = || {
        Error::new(Code::Unauthenticated, "The Authorization header cannot be read.")
            .hint("Send 'Basic' with base64 of user:KEY, or 'Bearer' with the key.")
    };
    let mut values = headers.get_all(header::AUTHORIZATION);
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() || value.len() > HEADER_MAX {
        return Err(unreadable());
    }
    let (scheme, rest) = value.to_str().ok().and_then(|v| v.split_once(' ')).ok_or_else(unreadable)?;
    let rest = rest.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return Ok(Some(Cow::Borrowed(rest)));
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(unreadable());
    }
    let decoded = base64::engine::general_purpose::STANDARD.decode(rest).map_err(|_| unreadable())?;
    let pair = String::from_utf8(decoded).map_err(|_| unreadable())?;
    let (_, password) = pair.split_once(':').ok_or_else(unreadable)?;
    Ok(Some(Cow::Owned(password.to_owned())))
}

/// The caller by session cookie with the session; `None` without one or when it is over.
pub fn by_cookie(app: &App, request: &HttpRequest) -> Result<Option<(Caller, Session)>> {
    let name = cookie_name(request);
    let Some(cookie) = request.cookie(name) else { return Ok(None) };
    match app.by_session(cookie.value(), context(request).client) {
        Ok((subject, session)) => Ok(Some((Caller { subject, origin: origin(request) }, session))),
        Err(e) if e.code() == Code::Unauthenticated => Ok(None),
        Err(e) => Err(e),
    }
}

fn cookie_name(request: &HttpRequest) -> &'static str {
    if context(request).https { COOKIE_TLS } else { COOKIE_PLAIN }
}

/// The cookie that carries a session until `expires_at`.
pub fn session_cookie(request: &HttpRequest, token: &str, expires_at: Millis, now: Millis) -> Cookie<'static> {
    // Rounded up: the session is a moment old when its cookie is written, and promises whole hours.
    let seconds = ((expires_at - now).max(0) + crate::clock::SECOND - 1) / crate::clock::SECOND;
    Cookie::build(cookie_name(request), token.to_owned())
        .path("/")
        .http_only(true)
        .same_site(SameSite::Lax)
        .secure(context(request).https)
        .max_age(actix_web::cookie::time::Duration::seconds(seconds))
        .finish()
}

/// The cookie that takes the session away from the browser.
pub fn no_session_cookie(request: &HttpRequest) -> Cookie<'static> {
    let mut cookie = session_cookie(request, "", 0, 0);
    cookie.make_removal();
    cookie
}

/// Refuses a form that a page of another site sent: by `Sec-Fetch-Site`, else by `Origin`. Clients that send neither are no
/// browsers.
pub fn same_site(request: &HttpRequest, base_url: &str) -> Result<()> {
    let text = |name: &str| request.headers().get(name).and_then(|v| v.to_str().ok());
    let forged = || {
        Error::new(Code::CsrfRefused, "This form was not sent by a page of this server.")
            .hint("Open the page here and send it again.")
    };
    if text("sec-fetch-site").is_some_and(|site| !matches!(site, "same-origin" | "none")) {
        return Err(forged());
    }
    if let Some(sent) = text("origin") {
        let scheme = if context(request).https { "https" } else { "http" };
        let own = text("host").map(|host| format!("{scheme}://{host}"));
        if sent != base_url && own.as_deref() != Some(sent) {
            return Err(forged());
        }
    }
    Ok(())
}

/// Refuses a form whose token is not the session's.
pub fn check_csrf(request: &HttpRequest, base_url: &str, session: &Session, token: &str) -> Result<()> {
    same_site(request, base_url)?;
    if crypto::same(token.as_bytes(), session.csrf.as_bytes()) {
        return Ok(());
    }
    Err(Error::new(Code::CsrfRefused, "This form is out of date, or was not made for your session.")
        .hint("Reload the page and send it again."))
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    fn secret(value: &str) -> Result<Option<String>> {
        let request = TestRequest::default().insert_header(("authorization", value)).to_http_request();
        Ok(presented(request.headers())?.map(Cow::into_owned))
    }

    #[test]
    fn basic_takes_any_user_name_and_bearer_the_key_alone() {
        let basic = |pair: &str| format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair));
        assert_eq!(secret(&basic("api:KEY")).unwrap().as_deref(), Some("KEY"));
        assert_eq!(secret(&basic(":KEY")).unwrap().as_deref(), Some("KEY"));
        assert_eq!(secret("bearer KEY").unwrap().as_deref(), Some("KEY"));
        for bad in ["Basic", "Basic ???", "Digest x", &basic("no colon"), "Basic //79"] {
            assert_eq!(secret(bad).unwrap_err().code(), Code::Unauthenticated, "{bad}");
        }
        assert!(presented(TestRequest::default().to_http_request().headers()).unwrap().is_none());
    }

    #[test]
    fn forms_of_other_sites_are_refused() {
        let base = "http://127.0.0.1:8080";
        let ask = |name: &str, value: &str| {
            same_site(&TestRequest::default().insert_header((name, value)).to_http_request(), base)
        };
        assert!(ask("sec-fetch-site", "cross-site").is_err());
        assert!(ask("sec-fetch-site", "same-site").is_err());
        assert!(ask("origin", "https://evil.example").is_err());
        assert!(ask("origin", "null").is_err());
        ask("origin", base).unwrap();
        ask("sec-fetch-site", "same-origin").unwrap();
    }
}
