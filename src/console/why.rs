//! "Why?": the reason chain of any question, computed by the code that enforces. About oneself everyone may ask; about others
//! `ops` wants its own permission.

use super::page::audit::{Answer, Why};
use super::page::frame::Section;
use super::page::parts::{Choice, Field};
use super::visit::{Fields, Instance, Visit, to_sign_in};
use super::words;
use crate::error::{Error, Result};
use crate::http::reply;
use crate::model::role::Action;
use crate::ops;
use actix_web::{HttpRequest, HttpResponse};

/// Address of the reasons for one question.
pub fn link(subject: &str, action: &str, resource: &str) -> String {
    let query = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("subject", subject)
        .append_pair("action", action)
        .append_pair("resource", resource)
        .finish();
    format!("/console/why?{query}")
}

/// `GET /console/why?subject=&action=&resource=`.
pub async fn show(app: Instance, request: HttpRequest) -> Result<HttpResponse> {
    let Some(visit) = Visit::open(&app, &request)? else { return Ok(to_sign_in(&request)) };
    let query = Fields::query(&request);
    let (subject, action, resource) = (query.text("subject"), query.text("action"), query.text("resource"));
    let asked = !action.is_empty();
    let subject = if subject.is_empty() { visit.me.username.as_str() } else { subject };
    let outcome = asked.then(|| app.ask(&visit.caller, |cx| ops::explain::explain(cx, subject, action, resource)));
    let (answer, error): (Option<Answer>, Option<Error>) = match outcome {
        None => (None, None),
        Some(Ok(explained)) => {
            let on = if resource.is_empty() { visit.org_name.as_str() } else { resource };
            let mut command = format!("bailiwick explain --subject {subject} --action {action}");
            if !resource.is_empty() {
                command.push_str(&format!(" --resource {}", quoted(resource)));
            }
            let answer = Answer {
                question: format!("May {subject} do {action} on {on}?"),
                allowed: explained.allowed,
                visible: explained.visible,
                chain: words::reasons(&explained.chain, explained.allowed),
                command,
            };
            (Some(answer), None)
        }
        Some(Err(error)) if reply::status(&error).is_client_error() => (None, Some(error)),
        Some(Err(error)) => return Err(error),
    };
    let chosen = if asked { action } else { "project:read" };
    let page = Why {
        frame: visit.frame("Why?", Section::None).crumb("Why?", ""),
        fields: vec![
            Field::text("subject", "Who").help("A username or e-mail.").value(subject),
            Field::text("resource", "On what")
                .help("A team, team/project, or user:NAME; empty for the organization.")
                .value(resource)
                .optional(),
        ],
        actions: Action::ALL
            .iter()
            .map(|a| Choice {
                value: a.as_str().to_owned(),
                label: format!("{} – {}", a.as_str(), a.doc()),
                chosen: a.as_str() == chosen,
                ..Choice::default()
            })
            .collect(),
        problem: error.as_ref().map(Error::sentence).unwrap_or_default(),
        answer,
    };
    match &error {
        Some(error) => visit.again(&page, error),
        None => visit.html(&page),
    }
}

/// A word for the shell; quoted where it needs to be.
fn quoted(word: &str) -> String {
    if word.chars().all(|c| c.is_ascii_alphanumeric() || "-_./:@".contains(c)) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}
