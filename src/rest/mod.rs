//! Small JSON endpoints by header credential: who am I, why may or may not somebody, (in `token.rs`) access tokens, and (in `audit_logs.rs`) the audit log as
//! W&B's API gives it. Each is one question to `ops`; errors get their form in `http/reply.rs`.

mod audit_logs;
mod token;

use crate::app::App;
use crate::error::{Code, Error, Result};
use crate::http::auth;
use crate::model::federation::AccessToken;
use crate::model::role::OrgRole;
use crate::ops;
use crate::policy::Credential;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};

/// Adds the endpoints.
pub fn routes(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/access/v1/subject").route(web::get().to(subject)))
        .service(web::resource("/access/v1/explain").route(web::get().to(explain)))
        .service(web::resource("/oidc/token").route(web::post().to(token::exchange)))
        .service(web::resource("/admin/audit_logs").route(web::get().to(audit_logs::get)));
}

/// Who a credential speaks for.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SubjectBody<'a> {
    id: String,
    username: &'a str,
    name: &'a str,
    kind: &'static str,
    email: Option<&'a str>,
    org_role: Option<OrgRole>,
    credential: CredentialBody<'a>,
}

/// By which key.
#[derive(Serialize)]
struct CredentialBody<'a> {
    id: &'a str,
    scope: &'static str,
}

/// `GET /access/v1/subject`.
async fn subject(app: web::Data<App>, request: HttpRequest) -> Result<HttpResponse> {
    auth::ask_by_key(&app, &request, |cx| {
        let user = ops::users::oneself(cx)?;
        let credential = match &cx.subject().credential {
            Credential::Key(id, scope) => CredentialBody { id, scope: scope.as_str() },
            Credential::Token { hash, .. } => CredentialBody { id: AccessToken::handle(hash), scope: "full" },
            Credential::None | Credential::Shell | Credential::Session(..) => CredentialBody { id: "", scope: "full" },
        };
        Ok(HttpResponse::Ok().json(SubjectBody {
            id: user.id.global(),
            username: &user.username,
            name: user.label(),
            kind: if user.is_service() { "service" } else { "person" },
            email: user.email(),
            org_role: user.membership(cx.org()?).map(|m| m.role),
            credential,
        }))
    })
}

/// What is to be explained.
#[derive(Deserialize)]
struct Question {
    subject: Option<String>,
    action: Option<String>,
    #[serde(default)]
    resource: String,
}

/// `GET /access/v1/explain?subject=&action=&resource=`: without a subject it is about the asker.
async fn explain(app: web::Data<App>, request: HttpRequest, asked: web::Query<Question>) -> Result<HttpResponse> {
    let explained = auth::ask_by_key(&app, &request, |cx| {
        let action = asked.action.as_deref().ok_or_else(|| {
            Error::new(Code::InvalidRequest, "The question has no action.")
                .hint("Ask with ?subject=NAME&action=OBJECT:OPERATION&resource=TEAM/PROJECT.")
        })?;
        let subject = match &asked.subject {
            Some(subject) => subject,
            None => &ops::users::oneself(cx)?.username,
        };
        ops::explain::explain(cx, subject, action, &asked.resource)
    })?;
    Ok(HttpResponse::Ok().json(explained))
}
