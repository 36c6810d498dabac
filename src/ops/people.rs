//! The people of an organization as lists show them: page by page, of one kind, and found by what they are called. Every way in
//! is an index, so that a page costs the same among a thousand people and a million.
//!
//! A search finds those of whom each of its words begins the username, an address, or a word of the full name, in any case and
//! script ([`name::fold`]). Usernames come first, in order; then what else people are found by ([`schema::search_words`]). What
//! begins nobody's names and has a dot is taken for the domain of addresses: that alone walks over people, a stretch for a page.

use super::Cx;
use super::paging::{Page, Rows, Turn, page};
use crate::error::Result;
use crate::model::name;
use crate::model::role::{Action, OrgRole};
use crate::model::user::{Status, User};
use crate::model::{OrgId, UserId};
use crate::policy::Resource;
use crate::store::schema::{self, Apart};
use crate::store::{Cursor, Range, Read};

/// Which people a list shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Show {
    /// All.
    #[default]
    Everyone,
    /// With the organization role admin, deactivated ones among them.
    Admins,
    /// With the organization role member.
    Members,
    /// With the organization role viewer.
    Viewers,
    /// Who cannot sign in, whatever their role.
    Deactivated,
}

impl Show {
    fn fits(self, user: &User, org: OrgId) -> bool {
        let is = |role| user.membership(org).is_some_and(|m| m.role == role);
        match self {
            Show::Everyone => user.membership(org).is_some(),
            Show::Admins => is(OrgRole::Admin),
            Show::Members => is(OrgRole::Member),
            Show::Viewers => is(OrgRole::Viewer),
            Show::Deactivated => user.status_in(org) == Status::Deactivated,
        }
    }

    /// The index that holds just these, where there is one: most people are active members, who are walked among all.
    fn apart(self) -> Option<Apart> {
        match self {
            Show::Everyone | Show::Members => None,
            Show::Admins => Some(Apart::Admin),
            Show::Viewers => Some(Apart::Viewer),
            Show::Deactivated => Some(Apart::Deactivated),
        }
    }
}

/// In which order. A search has its own, and those whom an index holds stand by age.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// By username.
    #[default]
    Name,
    /// By the age of the account.
    Age,
}

/// What a list of people is asked for.
#[derive(Clone, Debug, Default)]
pub struct Asked<'a> {
    /// What they are called; everyone where it is empty.
    pub search: &'a str,
    /// Which of them.
    pub show: Show,
    /// In which order.
    pub order: Order,
    /// Whether from its end.
    pub down: bool,
}

/// The parts of lists of people, as cursors name them.
const BY_NAME: u64 = 0;
const BY_WORD: u64 = 1;
const BY_EMAIL: u64 = 2;
const BY_DOMAIN: u64 = 3;
const BY_AGE: u64 = 4;
const APART: u64 = 5;

/// One page of the people of the asker's organization, for those who may list them.
pub fn list<V: Read>(cx: &Cx<V>, asked: &Asked, turn: &Turn) -> Result<Page<User>> {
    let org = may_list(cx)?;
    let view = cx.view();
    let words = name::search_words(asked.search);
    if !words.is_empty() {
        return search(view, org, &words, turn, |user| Ok(asked.show.fits(user, org)));
    }
    let part = match (asked.show.apart(), asked.order) {
        (Some(_), _) => APART,
        (None, Order::Name) => BY_NAME,
        (None, Order::Age) => BY_AGE,
    };
    let rows = |part: u64, range: Range| match (part, asked.show.apart()) {
        (APART, Some(kind)) => view.placed_by(&schema::PEOPLE_APART, range.under(&(org, kind.number()))),
        (BY_AGE, _) => view.placed_by(&schema::PEOPLE_OF_ORG, range.under(&(org,))),
        _ => view.placed_by(&schema::USERS_OF_ORG, range.under(&(org,))),
    };
    page(turn, &[part], asked.down, rows, |_, _, user: User| Ok(asked.show.fits(&user, org).then_some(user)))
}

/// How many people there are of a kind, as counted all along.
pub fn total<V: Read>(cx: &Cx<V>, show: Show) -> Result<usize> {
    let org = may_list(cx)?;
    let apart =
        |kind: Apart| cx.view().count(&schema::PEOPLE_APART, Range::all().under(&(org, kind.number())), usize::MAX);
    let everyone = || cx.view().count(&schema::PEOPLE_OF_ORG, Range::all().under(&(org,)), usize::MAX);
    match (show, show.apart()) {
        (_, Some(kind)) => apart(kind),
        (Show::Members, _) => Ok(everyone()?.saturating_sub(apart(Apart::Admin)? + apart(Apart::Viewer)?)),
        _ => everyone(),
    }
}

fn may_list<V: Read>(cx: &Cx<V>) -> Result<OrgId> {
    let org = cx.org()?;
    let _grant = cx.allow(Action::UserList, Resource::Org(org))?;
    Ok(org)
}

/// A page of those of whom every one of `words` begins something they are called, and who `fit`. No check of rights.
pub(super) fn search(
    view: &impl Read,
    org: OrgId,
    words: &[String],
    turn: &Turn,
    fit: impl Fn(&User) -> Result<bool>,
) -> Result<Page<User>> {
    let (word, parts) = way_in(view, org, words)?;
    let rows = |part: u64, range: Range| -> Rows<User> {
        match part {
            BY_WORD => view.placed_by(&schema::PEOPLE_BY_WORD, range.under_text(&(org,), word)),
            BY_EMAIL => view.placed_by(&schema::USER_BY_EMAIL, range.under_text(&(), word)),
            BY_DOMAIN => view.placed_by(&schema::USERS_OF_ORG, range.under(&(org,))),
            _ => view.placed_by(&schema::USERS_OF_ORG, range.under_text(&(org,), word)),
        }
    };
    page(turn, &parts, false, rows, |part, place, user: User| {
        let is_of = user.membership(org).is_some() && !user.is_service();
        let found = is_of && is_first(part, place, &user, org, word) && is_called(&user, words) && fit(&user)?;
        Ok(found.then_some(user))
    })
}

/// The word to look up, and where: the one that leads to the fewest people.
fn way_in<'w>(view: &impl Read, org: OrgId, words: &'w [String]) -> Result<(&'w str, Vec<u64>)> {
    if let Some(address) = words.iter().find(|word| word.contains('@')) {
        return Ok((address, vec![BY_EMAIL]));
    }
    // Beyond so many it is all the same.
    let most = if words.len() > 1 { 1_000 } else { 1 };
    let mut best: Option<(usize, &str)> = None;
    for word in words {
        let range = || Range::all().under_text(&(org,), word);
        let names = view.count(&schema::USERS_OF_ORG, range(), most)?;
        let leads_to = names + view.count(&schema::PEOPLE_BY_WORD, range(), most)?;
        if leads_to == 0 && word.contains('.') {
            return Ok((word, vec![BY_DOMAIN]));
        }
        if best.is_none_or(|(fewest, _)| leads_to < fewest) {
            best = Some((leads_to, word));
        }
    }
    Ok((best.map_or("", |(_, word)| word), vec![BY_NAME, BY_WORD]))
}

/// Whether somebody whom several rows lead to was not given for another one already.
fn is_first(part: u64, place: &Cursor, user: &User, org: OrgId, word: &str) -> bool {
    match part {
        BY_WORD => {
            let first = schema::search_words(user).into_iter().find(|w| w.starts_with(word));
            !name::fold(&user.username).starts_with(word)
                && first.is_some_and(|first| *place == Cursor::at::<(OrgId, String, UserId)>(&(org, first, user.id)))
        }
        BY_EMAIL => {
            let first = user.emails.iter().map(|e| name::fold(&e.address)).filter(|a| a.starts_with(word)).min();
            first.is_some_and(|first| *place == Cursor::at(&first))
        }
        _ => true,
    }
}

/// Whether every one of `words` begins something that somebody is called.
pub(super) fn is_called(user: &User, words: &[String]) -> bool {
    let mut called = name::words(&user.name);
    called.push(name::fold(&user.username));
    for email in &user.emails {
        let address = name::fold(&email.address);
        called.extend(address.rsplit_once('@').map(|(_, domain)| domain.to_owned()));
        called.push(address);
    }
    words.iter().all(|word| called.iter().any(|c| c.starts_with(word.as_str())))
}
