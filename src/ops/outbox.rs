//! Mail that is due: put there in the transaction of what it is about, sent afterwards by `jobs/outbox.rs`, tried again while
//! the server does not take it. A mail whose reason is gone by then is not sent. What each one says is written in `mail`.

use super::invitations::{Link, look};
use super::{Acting, Cx, Grant};
use crate::clock::{DAY, HOUR, MINUTE, Millis, SECOND};
use crate::error::{Code, Error, Result};
use crate::model::mail::{Letter, Mail, MailState};
use crate::model::name::fold;
use crate::model::role::Action;
use crate::model::{MailId, OrgId};
use crate::policy::Resource;
use crate::store::{Listed, Range, Read, Tx, schema};

/// How long after each try that did not work the next one follows; after the last one it is given up.
pub const PAUSES: [Millis; 8] = [MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR, 4 * HOUR, 12 * HOUR, DAY, DAY];
/// How long settled mails are listed.
const KEPT: Millis = 30 * DAY;
/// Mails about invitations that one address gets from an organization within [`WINDOW`] at most, whoever invites: an invitation
/// can be withdrawn and made again as often as one likes.
const TO_ONE: usize = 10;
const WINDOW: Millis = HOUR;
/// The longest answer of a mail server that is kept, in characters.
const ANSWER_MAX: usize = 300;

/// Puts a mail into the outbox, for the transaction of what it is about. Older ones about the same are void.
///
/// # Errors
/// [`Code::TooManyAttempts`] where its address was sent too many about invitations of late.
pub(super) fn queue(cx: &mut Acting, grant: &Grant, org: OrgId, to: &str, letter: Letter, link: &Link) -> Result<()> {
    if let Letter::Invitation(invite) = letter {
        let lately = Range::all().under(&(org, fold(to))).from(&(org, fold(to), cx.now() - WINDOW));
        if cx.view().count(&schema::INVITING_MAIL, lately, TO_ONE)? >= TO_ONE {
            let said = format!("{to} was sent {TO_ONE} invitations within an hour, and gets no more for now.");
            return Err(Error::new(Code::TooManyAttempts, said)
                .hint("Put all teams into one invitation, or try again in an hour.")
                .retry_after(u32::try_from(WINDOW / SECOND).unwrap_or(u32::MAX)));
        }
        let older: Vec<Mail> = cx.view().all_by(&schema::MAIL_OF_INVITE, &(invite,))?;
        for mail in older.into_iter().filter(|mail| mail.state == MailState::Waiting) {
            let void = Mail { state: MailState::Void, secret: String::new(), at: cx.now(), ..mail };
            cx.put(grant, &schema::OUTBOX, &void)?;
        }
    }
    let now = cx.now();
    let mail = Mail {
        id: MailId(cx.tx().next_id(schema::MAIL_IDS)?),
        org,
        to: to.to_owned(),
        letter,
        secret: link.sealed().to_owned(),
        state: MailState::Waiting,
        tries: 0,
        at: now,
        created_at: now,
        answer: String::new(),
    };
    cx.put(grant, &schema::OUTBOX, &mail)
}

/// What is due at `now`, the longest waiting first, at most `limit`.
pub fn due(view: &impl Read, now: Millis, limit: usize) -> Result<Vec<Mail>> {
    Ok(view.list_by(&schema::OUTBOX_DUE, Range::all().until(&(now + 1,)).limit(limit))?.items)
}

/// What a mail says.
#[derive(Clone, Debug)]
pub enum Text {
    /// An invitation.
    Invitation(Box<super::invitations::Offer>),
    /// The link of a sign-up, and the organization it leads to.
    SignUp(String),
}

/// What a due mail says now, with the secret of its link; `None` where its reason is gone.
pub fn text<V: Read>(cx: &Cx<V>, mail: &Mail, token: &str) -> Result<Option<Text>> {
    let found = match &mail.letter {
        Letter::Invitation(_) => look(cx, token).map(|offer| Text::Invitation(Box::new(offer))),
        Letter::SignUp => super::sign_up::look(cx, token).map(|found| Text::SignUp(found.org)),
    };
    match found {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.code() == Code::InvitationVoid => Ok(None),
        Err(error) => Err(error),
    }
}

/// What trying to send a mail led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tried {
    /// The server took it.
    Sent(String),
    /// Not now.
    Later(String),
    /// Never.
    Refused(String),
    /// Its reason was gone.
    Void,
}

/// Notes what a try led to.
pub fn settle(tx: &mut Tx, id: MailId, tried: &Tried, now: Millis) -> Result<()> {
    let Some(mail) = tx.get(&schema::OUTBOX, &id)?.filter(|mail| mail.state == MailState::Waiting) else {
        return Ok(());
    };
    let (state, answer) = match tried {
        Tried::Sent(answer) => (MailState::Sent, answer.as_str()),
        Tried::Refused(answer) => (MailState::Refused, answer.as_str()),
        Tried::Void => (MailState::Void, ""),
        Tried::Later(answer) => (MailState::Waiting, answer.as_str()),
    };
    let pause = usize::try_from(mail.tries).ok().and_then(|tries| PAUSES.get(tries));
    let (state, at) = match (state, pause) {
        (MailState::Waiting, Some(pause)) => (state, now + pause),
        (MailState::Waiting, None) => (MailState::GivenUp, now),
        _ => (state, now),
    };
    let answer = answer.chars().filter(|c| !c.is_control()).take(ANSWER_MAX).collect();
    // What was refused or given up may be tried again by hand; what was taken is not needed any more.
    let keeps = !matches!(state, MailState::Sent | MailState::Void);
    let secret = if keeps { mail.secret.clone() } else { String::new() };
    tx.put(&schema::OUTBOX, &Mail { state, at, answer, secret, tries: mail.tries + 1, ..mail })
}

/// Removes what was settled long ago, at most a page of it.
pub fn sweep(tx: &mut Tx, now: Millis) -> Result<()> {
    for mail in tx.list_by(&schema::OUTBOX_DONE, Range::all().until(&(now - KEPT,)))?.items {
        tx.delete(&schema::OUTBOX, &mail.id)?;
    }
    Ok(())
}

/// The mails of the asker's organization, newest first.
pub fn list<V: Read>(cx: &Cx<V>, range: Range) -> Result<Listed<Mail>> {
    let org = cx.org()?;
    let _grant = cx.allow(Action::UserList, Resource::Org(org))?;
    cx.view().list_by(&schema::OUTBOX_OF_ORG, range.under(&(org,)).desc())
}

/// Has a mail tried again at once.
///
/// # Errors
/// [`Code::NotFound`], [`Code::AlreadyDone`] where it was sent or is about something that is gone, [`Code::Denied`].
pub fn again(cx: &mut Acting, id: MailId) -> Result<Mail> {
    let org = cx.org()?;
    let grant = cx.allow(Action::UserInvite, Resource::Org(org))?;
    let mail = cx.view().get(&schema::OUTBOX, &id)?.filter(|mail| mail.org == org);
    let mail = mail.ok_or_else(|| Error::not_found("There is no such mail; it may have been swept away."))?;
    if matches!(mail.state, MailState::Sent | MailState::Void) {
        return Err(Error::new(Code::AlreadyDone, "This mail was sent, or what it was about is gone.")
            .hint("Send the invitation again instead."));
    }
    let mail = Mail { state: MailState::Waiting, at: cx.now(), tries: 0, ..mail };
    cx.put(&grant, &schema::OUTBOX, &mail)?;
    Ok(mail)
}
