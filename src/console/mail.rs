//! Outgoing mail: what waits, what was sent, what a mail server refused, and trying again. Setting the server up is
//! `sign_in_settings.rs`'s.

use super::page::frame::Section;
use super::page::list::Column;
use super::page::mail::{MailRow, Outbox};
use super::visit::{Fields, Instance, Visit, to_sign_in};
use super::{invitations, words};
use crate::error::{Error, Result};
use crate::model::MailId;
use crate::model::mail::{Letter, MailState};
use crate::ops;
use crate::store::Range;
use actix_web::{HttpRequest, HttpResponse, web};

/// Where it is.
pub const HOME: &str = "/console/mail";
/// Mails shown.
const SHOWN: usize = 200;

/// `GET /console/mail`.
pub async fn show(app: Instance, request: HttpRequest) -> Result<HttpResponse> {
    let Some(visit) = Visit::open(&app, &request)? else { return Ok(to_sign_in(&request)) };
    let columns = vec![
        Column::plain("To"),
        Column::plain("About"),
        Column::plain("State"),
        Column::plain("Last"),
        Column::quiet("Actions"),
    ];
    let mut list = super::list_from(&Fields::query(&request), HOME, "mails", columns, "");
    let q = list.q.to_lowercase();
    let mails = app.ask(&visit.caller, |cx| ops::outbox::list(cx, Range::all().limit(SHOWN)))?.items;
    let rows = mails.into_iter().filter(|mail| mail.to.to_lowercase().contains(&q)).map(|mail| MailRow {
        id: mail.id.0,
        about: match mail.letter {
            Letter::Invitation(_) => "Invitation",
            Letter::SignUp => "Sign-up",
        },
        state: invitations::mail_mark(mail.state),
        answer: mail.answer,
        tries: mail.tries,
        at: words::stamp(mail.at, visit.now),
        created: words::stamp(mail.created_at, visit.now),
        can_again: !matches!(mail.state, MailState::Sent | MailState::Void),
        to: mail.to,
    });
    let rows = list.cut(rows.collect());
    visit.html(&Outbox {
        frame: visit.frame("Outgoing mail", Section::Settings).crumb("Settings", visit.settings()).crumb("Mail", ""),
        area: super::area::of(&visit, HOME),
        list,
        rows,
        has_mail: app.has_mail(),
    })
}

/// `POST /console/mail/{id}/again`.
pub async fn again(app: Instance, request: HttpRequest, id: web::Path<u64>, body: web::Bytes) -> Result<HttpResponse> {
    let fields = Fields::parse(&body);
    let Some(visit) = Visit::posted(&app, &request, &fields)? else { return Ok(to_sign_in(&request)) };
    if !app.has_mail() {
        return visit.refused(HOME, &Error::invalid("There is no mail server. Set one up first."));
    }
    let sent = app.send_again(&visit.caller, MailId(*id)).await;
    visit.settle(HOME, sent.map(|mail| format!("The mail to {} is tried again now.", mail.to)))
}
