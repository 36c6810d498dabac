//! `POST /oidc/token`: a token of a trusted issuer in, an access token out (RFC 7523 §2.1), as the wandb client asks with
//! `WANDB_IDENTITY_TOKEN_FILE`. The form is read here, exactly; what the token proves is decided in [`crate::app::federation`].
//! The answer to trouble is [`crate::http::reply::oauth`]'s.

use crate::app::App;
use crate::error::{Code, Error, Result};
use crate::http::auth;
use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::json;
use std::borrow::Cow;

/// The one grant that is taken.
const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// The form's media type.
const FORM: &str = "application/x-www-form-urlencoded";

/// `POST /oidc/token`.
pub async fn exchange(app: web::Data<App>, request: HttpRequest, body: web::Bytes) -> Result<HttpResponse> {
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    if !kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(FORM) {
        return Err(bad(format!("The request is not a form; send it as {FORM}.")));
    }
    let assertion = assertion(&body)?;
    let issued = app.exchange(&assertion, &auth::anonymous(&request)).await?;
    Ok(HttpResponse::Ok().insert_header((header::PRAGMA, "no-cache")).json(json!({
        "access_token": issued.token,
        "token_type": "Bearer",
        "expires_in": issued.seconds,
    })))
}

fn bad(text: impl Into<Cow<'static, str>>) -> Error {
    Error::new(Code::InvalidRequest, text)
}

/// The token in the form. A name that stands twice is refused (RFC 6749 §3.2), one that nobody knows is passed over.
fn assertion(body: &[u8]) -> Result<String> {
    let mut found: [Option<Cow<str>>; 2] = [None, None];
    for (name, value) in url::form_urlencoded::parse(body) {
        let slot = match &*name {
            "grant_type" => &mut found[0],
            "assertion" => &mut found[1],
            _ => continue,
        };
        if slot.replace(value).is_some() {
            return Err(bad(format!("The form has '{name}' twice.")));
        }
    }
    let [grant, assertion] = found;
    match grant.as_deref() {
        Some(GRANT) => {}
        Some("") | None => return Err(bad(format!("The form has no 'grant_type'; it must be {GRANT}."))),
        Some(_) => {
            return Err(Error::new(Code::NotOffered, format!("The one 'grant_type' that is taken here is {GRANT}.")));
        }
    }
    match assertion.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()) {
        Some(text) => Ok(text),
        None => Err(bad("The form has no 'assertion', which is the token of your issuer.")),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn f075_f094_the_form_is_read_exactly() {
        let whole = |more: &str| assertion(format!("grant_type={GRANT}&{more}").as_bytes());
        assert_eq!(whole("assertion=a.b.c").unwrap(), "a.b.c");
        assert_eq!(whole("assertion=+a.b.c%0A&scope=x&client_id=").unwrap(), "a.b.c");
        for (bad, code) in [
            ("assertion=a.b.c", Code::InvalidRequest),
            ("grant_type=&assertion=a", Code::InvalidRequest),
            ("grant_type=password&assertion=a", Code::NotOffered),
            ("grant_type=refresh_token", Code::NotOffered),
            (&format!("grant_type={GRANT}"), Code::InvalidRequest),
            (&format!("grant_type={GRANT}&assertion="), Code::InvalidRequest),
            (&format!("grant_type={GRANT}&assertion=%20"), Code::InvalidRequest),
            (&format!("grant_type={GRANT}&grant_type={GRANT}&assertion=a"), Code::InvalidRequest),
            (&format!("grant_type={GRANT}&assertion=a&assertion=b"), Code::InvalidRequest),
            ("{\"grant_type\":\"x\"}", Code::InvalidRequest),
            ("", Code::InvalidRequest),
        ] {
            assert_eq!(assertion(bad.as_bytes()).unwrap_err().code(), code, "{bad}");
        }
    }
}
