//! `POST /access/v1/evaluation` and `/access/v1/evaluations`: one decision, or up to a thousand over one snapshot. A no is an
//! answer with status 200; an error status says that the question could not be read, or may not be asked by this caller.

use super::wire::{Asked, AskedMany, Semantic, read};
use crate::app::App;
use crate::error::Result;
use crate::http::auth;
use crate::model::audit::Reason;
use crate::ops::evaluate::{self, Answer, Evaluator};
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;

/// A decision as it is answered.
#[derive(Serialize)]
struct Decision {
    decision: bool,
    context: Context,
}

/// Why.
#[derive(Serialize)]
struct Context {
    rule: &'static str,
    reason: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    chain: Vec<Reason>,
}

impl From<Answer> for Decision {
    fn from(answer: Answer) -> Self {
        let Answer { decision, rule, reason, chain } = answer;
        Decision { decision, context: Context { rule, reason, chain } }
    }
}

/// Many of them.
#[derive(Serialize)]
struct Decisions {
    evaluations: Vec<Decision>,
}

/// Answers one question.
pub async fn evaluation(app: web::Data<App>, request: HttpRequest, body: web::Bytes) -> Result<HttpResponse> {
    auth::ask_by_key(&app, &request, |cx| {
        let asked: Asked = read(&request, &body)?;
        let answer = evaluate::ask(cx, asked.question()?, asked.options().reason_chain)?;
        Ok(HttpResponse::Ok().json(Decision::from(answer)))
    })
}

/// Answers a list of questions; without a list the one that stands at its place.
pub async fn evaluations(app: web::Data<App>, request: HttpRequest, body: web::Bytes) -> Result<HttpResponse> {
    auth::ask_by_key(&app, &request, |cx| {
        let asked: AskedMany = read(&request, &body)?;
        let options = asked.options();
        let questions = asked.questions()?;
        if questions.is_empty() {
            let answer = evaluate::ask(cx, asked.question()?, options.reason_chain)?;
            return Ok(HttpResponse::Ok().json(Decision::from(answer)));
        }
        let mut evaluator = Evaluator::new(cx);
        let mut evaluations = Vec::with_capacity(questions.len());
        for question in &questions {
            let answer = evaluator.ask(*question, options.reason_chain)?;
            let last = match options.evaluations_semantic {
                Semantic::ExecuteAll => false,
                Semantic::DenyOnFirstDeny => !answer.decision,
                Semantic::PermitOnFirstPermit => answer.decision,
            };
            evaluations.push(Decision::from(answer));
            if last {
                break;
            }
        }
        Ok(HttpResponse::Ok().json(Decisions { evaluations }))
    })
}
