//! [`Error`] to HTTP: one function per surface and one table of statuses. Causes go to the log under the request id and
//! never to the asker. Handlers simply return `Result<HttpResponse, Error>`: `middleware.rs` sees the error and renders
//! it for the surface that the path belongs to; a handler that has its own body may call a function here itself.

use super::metrics::Surface;
use super::middleware::RequestId;
use crate::error::{Code, Error, Kind};
use actix_web::body::BoxBody;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpResponse, HttpResponseBuilder, ResponseError};
use serde_json::json;

/// The status of an error on every surface but GraphQL.
pub fn status(error: &Error) -> StatusCode {
    if error.code() == Code::MethodNotAllowed {
        return StatusCode::METHOD_NOT_ALLOWED;
    }
    match error.kind() {
        Kind::Invalid => StatusCode::BAD_REQUEST,
        Kind::Unauthenticated => StatusCode::UNAUTHORIZED,
        Kind::Denied => StatusCode::FORBIDDEN,
        Kind::NotFound => StatusCode::NOT_FOUND,
        Kind::Conflict => StatusCode::CONFLICT,
        Kind::Precondition => StatusCode::PRECONDITION_FAILED,
        Kind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Kind::TooMany => StatusCode::TOO_MANY_REQUESTS,
        Kind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Kind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// The status of an error on `/graphql`. The wandb client repeats 409 and 412 for a minute and more before it shows the
/// message (0.16.6 repeats everything but 400, 401, 403, 404 and 409), so clashes are answered 400.
pub fn graphql_status(error: &Error) -> StatusCode {
    match error.kind() {
        Kind::Conflict | Kind::Precondition => StatusCode::BAD_REQUEST,
        _ => status(error),
    }
}

/// The code as the asker may see it: a hidden denial reads as absence.
pub fn shown_code(error: &Error) -> &'static str {
    if error.kind() == Kind::NotFound && error.code() == Code::Denied {
        return Code::NotFound.as_str();
    }
    error.code().as_str()
}

/// Where tokens are exchanged.
pub const TOKEN_PATH: &str = "/oidc/token";

/// The surface of a path, which decides how its errors look.
pub fn surface(path: &str) -> Surface {
    let first = path.strip_prefix('/').unwrap_or(path).split('/').next().unwrap_or("");
    match first {
        "graphql" => Surface::Graphql,
        "assets" => Surface::Assets,
        "healthz" | "ready" | "metrics" => Surface::Health,
        "scim" => Surface::Scim,
        "oidc" if path.trim_end_matches('/') == TOKEN_PATH => Surface::Oauth,
        "admin" | "files" | "access" | "sdk" | ".well-known" => Surface::Api,
        _ => Surface::Console,
    }
}

/// `error` in the format of `surface`, logged when it is ours.
pub fn render(surface: Surface, error: &Error, id: RequestId) -> HttpResponse {
    log(error, id);
    match surface {
        Surface::Graphql => graphql(error),
        Surface::Scim => scim(error, SCIM_JSON),
        Surface::Oauth => oauth(error),
        Surface::Console => page(error, id),
        Surface::Api | Surface::Assets | Surface::Health => json(error, id),
    }
}

/// A JSON body: `{"error": sentence, "code": …, "requestId": …}`.
pub fn json(error: &Error, id: RequestId) -> HttpResponse {
    let body = json!({ "error": error.sentence(), "code": shown_code(error), "requestId": id.to_string() });
    build(status(error), error).json(body)
}

/// A GraphQL body with the status that makes the wandb client show the sentence at once.
pub fn graphql(error: &Error) -> HttpResponse {
    let body = json!({
        "data": null,
        "errors": [{ "message": error.sentence(), "extensions": { "code": shown_code(error) } }],
    });
    build(graphql_status(error), error).json(body)
}

/// An error of the token endpoint (RFC 6749 §5.2). Its client shows the body to the person as it is, and takes every 4xx but
/// 429 for final.
pub fn oauth(error: &Error) -> HttpResponse {
    let (status, code) = match (error.code(), error.kind()) {
        (Code::NotOffered, _) => (StatusCode::BAD_REQUEST, "unsupported_grant_type"),
        (Code::InvalidGrant, _) | (_, Kind::Denied) => (StatusCode::BAD_REQUEST, "invalid_grant"),
        (_, Kind::Unavailable) => (StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable"),
        (_, Kind::Internal) => (StatusCode::INTERNAL_SERVER_ERROR, "server_error"),
        _ => (status(error), "invalid_request"),
    };
    // The standard allows few characters in the sentence.
    let allowed = |c: char| match c {
        '"' => '\'',
        '\\' => '/',
        c if c.is_ascii_graphic() || c == ' ' => c,
        _ => '?',
    };
    let said: String = error.sentence().chars().map(allowed).collect();
    let said = match error.kind() {
        Kind::TooLarge => format!("The request is larger than the limit of {} KiB.", super::TOKEN_LIMIT / 1024),
        _ => said,
    };
    let body = json!({ "error": code, "error_description": said });
    build(status, error).insert_header((header::PRAGMA, "no-cache")).json(body)
}

/// The media type of SCIM (RFC 7644 §8.1).
pub const SCIM_JSON: &str = "application/scim+json";

/// A SCIM error body (RFC 7644 §3.12) under the media type of the dialect that is spoken. Does not log; see [`log`].
pub fn scim(error: &Error, media_type: &str) -> HttpResponse {
    let status = status(error);
    let mut answer = build(status, error);
    if status == StatusCode::UNAUTHORIZED {
        // Basic too, and first: scripts and provisioning clients look for it, and no person's browser is sent here.
        let both = HeaderValue::from_static("Basic realm=\"Bailiwick\", Bearer realm=\"Bailiwick\"");
        answer.insert_header((header::WWW_AUTHENTICATE, both));
    }
    answer.content_type(media_type).body(scim_body(error).to_string())
}

/// The body of [`scim`], which also stands for one operation of a bulk request.
pub fn scim_body(error: &Error) -> serde_json::Value {
    let mut body = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"],
        "detail": error.sentence(),
        "status": status(error).as_str(),
    });
    if let Some(kind) = scim_type(error) {
        body["scimType"] = json!(kind);
    }
    body
}

/// The detail error keyword (RFC 7644 §3.12, table 9), where there is one for it.
fn scim_type(error: &Error) -> Option<&'static str> {
    Some(match error.code() {
        Code::InvalidFilter => "invalidFilter",
        Code::InvalidPath => "invalidPath",
        Code::NoTarget => "noTarget",
        Code::Mutability => "mutability",
        Code::InvalidSyntax | Code::InvalidRequest => "invalidSyntax",
        Code::LimitReached => "tooMany",
        Code::NameTaken | Code::EmailTaken => "uniqueness",
        _ if error.kind() == Kind::Invalid => "invalidValue",
        _ => return None,
    })
}

/// A page for people.
pub fn page(error: &Error, id: RequestId) -> HttpResponse {
    let status = status(error);
    let hint = error.next_step().unwrap_or_default();
    let why = error.question().map(|(action, on)| crate::console::why(action, on)).unwrap_or_default();
    let body = crate::console::error_page(status.as_u16(), error.detail(), hint, &id.to_string(), &why);
    build(status, error).content_type("text/html; charset=utf-8").body(body)
}

fn build(status: StatusCode, error: &Error) -> HttpResponseBuilder {
    let mut response = HttpResponse::build(status);
    if status == StatusCode::UNAUTHORIZED {
        // Not "Basic": browsers would open their own password window.
        response.insert_header((header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"Bailiwick\"")));
    }
    if let Some(seconds) = error.retry_after_seconds() {
        response.insert_header((header::RETRY_AFTER, HeaderValue::from(seconds)));
    }
    response
}

/// Writes the cause of an error of ours to the log; others are the asker's business and stay at debug.
pub fn log(error: &Error, id: RequestId) {
    let cause = error.cause().map(ToString::to_string).unwrap_or_default();
    match error.kind() {
        Kind::Internal => {
            tracing::error!(request = %id, code = error.code().as_str(), detail = error.detail(), cause, "request failed");
        }
        Kind::Unavailable => {
            tracing::warn!(request = %id, code = error.code().as_str(), detail = error.detail(), cause, "request not served");
        }
        _ => {
            tracing::debug!(request = %id, code = error.code().as_str(), detail = error.detail(), cause, "request refused")
        }
    }
}

/// An error that the framework made (an unreadable form, an oversized body), as one of ours.
pub fn from_framework(error: &actix_web::Error) -> Error {
    let response = error.as_response_error();
    match response.status_code() {
        StatusCode::PAYLOAD_TOO_LARGE => too_large(),
        StatusCode::NOT_FOUND => no_such_page(),
        StatusCode::METHOD_NOT_ALLOWED => method_not_allowed(),
        status if status.is_client_error() => {
            Error::new(Code::InvalidRequest, format!("The request cannot be read: {error}."))
        }
        _ => Error::internal(error),
    }
}

/// The answer to a path that nothing serves.
pub fn no_such_page() -> Error {
    Error::not_found("There is nothing at this address.").hint("Check the address for a typing mistake.")
}

/// The answer to a known path with another method.
pub fn method_not_allowed() -> Error {
    Error::new(Code::MethodNotAllowed, "This address does not accept this method.")
}

/// The answer to a body over the limit.
pub fn too_large() -> Error {
    Error::new(Code::TooLarge, format!("The request is larger than the limit of {} KiB.", super::BODY_LIMIT / 1024))
}

/// Lets handlers return our error. The response made here is a mere carrier: the middleware replaces it by the format
/// of the surface.
impl ResponseError for Error {
    fn status_code(&self) -> StatusCode {
        status(self)
    }
    fn error_response(&self) -> HttpResponse<BoxBody> {
        HttpResponse::new(status(self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hidden_denial_is_absence_and_a_clash_does_not_make_the_client_wait() {
        let hidden = Error::denied("No.", false);
        assert_eq!((status(&hidden), shown_code(&hidden)), (StatusCode::NOT_FOUND, "NOT_FOUND"));
        let shown = Error::denied("No.", true);
        assert_eq!((status(&shown), shown_code(&shown)), (StatusCode::FORBIDDEN, "DENIED"));
        let clash = Error::new(Code::NameTaken, "Taken.");
        assert_eq!((status(&clash), graphql_status(&clash)), (StatusCode::CONFLICT, StatusCode::BAD_REQUEST));
    }

    #[test]
    fn every_code_has_a_client_or_server_error_status() {
        for code in Code::ALL {
            let error = Error::new(*code, "x");
            assert!(status(&error).is_client_error() || status(&error).is_server_error());
        }
    }
}
