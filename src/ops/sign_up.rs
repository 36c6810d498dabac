//! Signing up by oneself, where an administrator opened that: an address at a captured domain, proved by a loop of mail, makes
//! a member of the organization. Before the link is opened there is no account and no membership; what is answered says
//! nothing about who exists.

use super::invitations::Sending;
use super::{Acting, Cx, domains, outbox, users};
use crate::clock::{DAY, MINUTE, Millis};
use crate::crypto;
use crate::error::{Code, Error, Result};
use crate::model::invitation::SignUp;
use crate::model::mail::Letter;
use crate::model::name;
use crate::model::role::Action;
use crate::model::user::User;
use crate::ops::users::NewUser;
use crate::policy::Resource;
use crate::store::{Range, Read, Tx, schema};

/// How long the link of a sign-up is valid.
const VALID: Millis = DAY;
/// How soon another link is mailed to the same address.
const AGAIN: Millis = MINUTE;

/// Whether an address may sign up, as far as anybody may be told: sign-up is open, there is a mail server, and the domain is
/// captured.
pub fn takes<V: Read>(cx: &Cx<V>, address: &str) -> Result<bool> {
    let open = cx.settings().people().sign_up && cx.settings().mail().is_on();
    Ok(open && domains::capturing(cx.view(), address)?.is_some())
}

/// Has a link mailed that proves an address. Where the address has an account already, or a link was mailed a moment ago,
/// no mail goes out, and nobody is told: what is written, and so the time it takes, is the same.
///
/// # Errors
/// [`Code::InvalidValue`] for what is no address, [`Code::NotOffered`] where it cannot sign up.
pub fn begin(cx: &mut Acting, address: &str, sending: &Sending) -> Result<()> {
    let address = name::check_email(address)?;
    let domain = domains::capturing(cx.view(), &address)?.filter(|_| takes(cx, &address).unwrap_or(false));
    let Some(domain) = domain else {
        return Err(Error::new(Code::NotOffered, "People with such an address cannot sign up here by themselves.")
            .hint("Ask an administrator for an invitation."));
    };
    let email = name::fold(&address);
    let asked = cx.view().get(&schema::SIGN_UPS, &email)?.map_or(0, |before| before.asked_at);
    let is_known = cx.view().holder(&schema::USER_BY_EMAIL, &email)?.is_some();
    if cx.now() - asked < AGAIN {
        return Ok(());
    }
    let grant = cx.allow(Action::UserCreate, Resource::Org(domain.org))?;
    let now = cx.now();
    let token = sending.link.hash();
    let row = SignUp { email, org: domain.org, token, asked_at: now, expires_at: now + VALID };
    cx.tx().put(&schema::SIGN_UPS, &row)?;
    if is_known {
        return Ok(());
    }
    // To the very address that becomes the account's: one that only folds to it may be somebody else's mailbox.
    outbox::queue(cx, &grant, domain.org, &row.email, Letter::SignUp, &sending.link)
}

/// What the page behind the link shows.
#[derive(Clone, Debug)]
pub struct Found {
    /// The address that is proved now.
    pub email: String,
    /// The organization's name.
    pub org: String,
    /// The team that newcomers join.
    pub default_team: Option<String>,
    /// Further teams to choose from.
    pub teams: Vec<String>,
}

fn by_token<V: Read>(cx: &Cx<V>, token: &str) -> Result<SignUp> {
    let found = match token.is_empty() || token.len() > 64 {
        true => None,
        false => cx.view().find(&schema::SIGN_UP_BY_TOKEN, &crypto::hashed(token))?,
    };
    found.filter(|row| cx.now() < row.expires_at).ok_or_else(|| {
        Error::new(Code::InvitationVoid, "This link is used, expired, or another one was asked for since.")
            .hint("Sign up once more.")
    })
}

/// What a sign-up leads to, for whoever holds its link; changes nothing.
///
/// # Errors
/// [`Code::InvitationVoid`].
pub fn look<V: Read>(cx: &Cx<V>, token: &str) -> Result<Found> {
    let row = by_token(cx, token)?;
    let domain = domains::capturing(cx.view(), &row.email)?.filter(|d| d.org == row.org);
    let domain = domain.ok_or_else(|| {
        Error::new(Code::InvitationVoid, "People with such an address cannot sign up here any more.")
            .hint("Ask an administrator for an invitation.")
    })?;
    let teams = domains::recommended(cx.view(), row.org)?;
    let default_team = teams.iter().find(|team| Some(team.id) == domain.default_team).map(|team| team.name.clone());
    Ok(Found {
        org: super::settings::org_name(cx.view(), row.org)?,
        email: row.email,
        teams: teams.into_iter().map(|team| team.name).filter(|name| Some(name) != default_team.as_ref()).collect(),
        default_team,
    })
}

/// Makes the account of a proved address: a member of the organization, in the default team and in those of `teams` that
/// recommend themselves. `new` says names and password only.
///
/// # Errors
/// [`Code::InvitationVoid`], and what making an account gives.
pub fn finish(cx: &mut Acting, token: &str, new: &NewUser, teams: &[String]) -> Result<User> {
    let row = by_token(cx, token)?;
    look(cx, token)?;
    let new = NewUser { email: row.email.clone(), org: Some(row.org), role: None, unverified: false, ..new.clone() };
    cx.tx().delete(&schema::SIGN_UPS, &row.email)?;
    let waiting = cx.view().count(&schema::INVITES_OF_EMAIL, Range::all().under(&(row.email.clone(),)), 1)?;
    let user = users::create(cx, &new)?;
    domains::welcome(cx, &user, teams, waiting > 0)?;
    Ok(user)
}

/// Removes what is over, at most a page of it.
pub fn sweep(tx: &mut Tx, now: Millis) -> Result<()> {
    for row in tx.list_by(&schema::SIGN_UPS_BY_END, Range::all().until(&(now,)))?.items {
        tx.delete(&schema::SIGN_UPS, &row.email)?;
    }
    Ok(())
}
