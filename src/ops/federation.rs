//! What a token of a trusted issuer leads to: whose it is (the organization is chosen by issuer and audience, the account by
//! subject), an access token for that account, and what whoever presents one may do: everything the account may, in that
//! organization, for as long as account, membership and issuer are what they were. That is asked at each use, so nothing has
//! to be found and removed when one of them goes.
//!
//! - A person is found by address, which `sub` must be; by the verified `email` claim only where the issuer's terms say so
//!   (mission facts, C20). Addresses win over subjects of service accounts: nobody can catch a person's tokens by making one.
//!   Only a proved address finds its account: somebody else may have made one with an address that is not theirs.
//! - Access tokens are sorted by their end and swept away from the front, a slice at a time.

use super::{Acting, changed, issuers, service_accounts};
use crate::clock::{Millis, SECOND, rfc3339};
use crate::crypto::{self, Random};
use crate::error::{Code, Error, Result};
use crate::model::audit::Named;
use crate::model::federation::{AccessToken, Issuer, IssuerPapers, SECRET_LEN};
use crate::model::name;
use crate::model::role::Action;
use crate::model::session::UsedToken;
use crate::model::user::{Email, Status, User, UserKind};
use crate::model::{OrgId, UserId};
use crate::policy::{Actor, Credential, Resource, Subject};
use crate::store::{Range, Read, Tx, schema};
use std::sync::Arc;

/// Access tokens removed in one transaction.
pub const SLICE: usize = 1_000;

/// An issuer with whoever trusts it.
#[derive(Clone, Debug)]
pub struct Trusted {
    /// The issuer.
    pub issuer: Arc<Issuer>,
    /// What was pasted for it.
    pub papers: Arc<IssuerPapers>,
    /// The organization's name.
    pub org_name: String,
}

/// Everybody who trusts the issuer that calls itself `iss`; nothing about it is proved yet.
pub fn trusting(view: &impl Read, iss: &str) -> Result<Vec<Trusted>> {
    let found = view.all_shared(&schema::ISSUERS_BY_URL, &(Issuer::place(iss).to_owned(),))?;
    found.into_iter().map(|issuer| trusted(view, issuer)).filter_map(Result::transpose).collect()
}

fn trusted(view: &impl Read, issuer: Arc<Issuer>) -> Result<Option<Trusted>> {
    let Some(org) = view.shared(&schema::ORGS, &issuer.org)? else { return Ok(None) };
    let papers = issuers::papers(view, issuer.id)?;
    Ok(Some(Trusted { issuer, papers, org_name: org.name.clone() }))
}

/// Which of those who trust its issuer a token for these audiences is meant for.
///
/// # Errors
/// Why none, or not one alone.
pub fn meant<'a>(
    all: &'a [Trusted],
    audiences: &[&str],
    skip: bool,
) -> std::result::Result<(&'a Trusted, &'static str), String> {
    let (sole, mut fit, mut why) = (all.len() == 1, vec![], String::new());
    for trusted in all {
        match trusted.issuer.audience(&trusted.org_name, sole, audiences, skip) {
            Ok(said) => fit.push((trusted, said)),
            Err(text) => why = text,
        }
    }
    let by_name = |(trusted, _): &&(&Trusted, _)| audiences.contains(&trusted.org_name.as_str());
    match fit[..] {
        [] => Err(why),
        [one] => Ok(one),
        _ => {
            let mut named = fit.iter().filter(by_name);
            match (named.next(), named.next()) {
                (Some(one), None) => Ok(*one),
                _ => {
                    Err("Several organizations trust the issuer; the token must be for exactly one of them (aud)."
                        .into())
                }
            }
        }
    }
}

/// What a token proved.
#[derive(Clone, Debug)]
pub struct Proved {
    /// By which issuer, on which terms.
    pub issuer: Arc<Issuer>,
    /// Whom its issuer speaks of.
    pub subject: String,
    /// The address that the issuer vouches for.
    pub email: Option<String>,
    /// The token's own id.
    pub id: Option<String>,
    /// From when on it is refused anyway.
    pub until: Millis,
}

/// A refusal that the holder of the token is told.
pub(crate) fn refused(text: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(Code::InvalidGrant, text)
}

/// Whose token it is.
///
/// # Errors
/// [`Code::InvalidGrant`] where it is nobody's here.
pub fn owner(view: &impl Read, proved: &Proved) -> Result<Arc<User>> {
    let org = proved.issuer.org;
    if let Some(person) = person(view, org, &proved.subject)? {
        return Ok(person);
    }
    if let Some(service) = service_accounts::by_subject(view, org, &proved.subject)? {
        return Ok(service);
    }
    if let Some(email) = proved.email.as_deref().filter(|_| proved.issuer.by_email)
        && let Some(person) = person(view, org, email)?
    {
        return Ok(person);
    }
    let shown: String = proved.subject.chars().take(200).collect();
    Err(refused(format!("Nobody here has the address '{shown}' or is the service account with that subject (sub)."))
        .hint("Subjects are compared exactly; a team's admin sets that of a service account."))
}

/// The person with an address, in an organization.
fn person(view: &impl Read, org: OrgId, address: &str) -> Result<Option<Arc<User>>> {
    if address.len() > name::EMAIL_MAX {
        return Ok(None);
    }
    let found = view.find_shared(&schema::USER_BY_EMAIL, &name::fold(address))?;
    // Folding is for finding; what a token says must be the address but for case.
    let same = |e: &&Email| e.address.to_lowercase() == address.to_lowercase();
    let Some(user) = found.filter(|user| user.kind == UserKind::Person && user.org_role(org).is_some()) else {
        return Ok(None);
    };
    match user.emails.iter().find(same) {
        None => Ok(None),
        Some(email) if email.verified => Ok(Some(user)),
        Some(_) => Err(refused("An account here has this address (sub), and nobody proved that it is theirs.")
            .hint("Open the link of an invitation that was mailed to it, or ask an organization admin.")),
    }
}

/// A fresh secret, drawn before the transaction so that a re-run stores the same one.
#[derive(Clone)]
pub struct FreshToken(String);

impl FreshToken {
    /// 256 random bits.
    pub fn draw(random: &Random) -> Result<Self> {
        Ok(FreshToken(random.letters(SECRET_LEN)?))
    }
}

impl std::fmt::Debug for FreshToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FreshToken(secret)")
    }
}

/// What a token was exchanged for.
#[derive(Clone)]
pub struct Issued {
    /// The access token, for the one answer that shows it.
    pub token: String,
    /// How long it is good, in seconds.
    pub seconds: i64,
}

/// Exchanges what was proved for an access token of `user`, who asks. Whose it is and what the issuer's terms are is asked
/// once more, in this transaction.
///
/// # Errors
/// [`Code::InvalidGrant`], [`Code::Denied`].
pub fn exchange(cx: &mut Acting, proved: &Proved, user: UserId, fresh: &FreshToken) -> Result<Issued> {
    let issuer = cx.view().shared(&schema::ISSUERS, &proved.issuer.id)?;
    if issuer.is_none_or(|now| now.version != proved.issuer.version) || owner(cx.view(), proved)?.id != user {
        return Err(refused("What the issuer is trusted with was changed a moment ago.").hint("Try again."));
    }
    let grant = cx.allow(Action::UserExchangeToken, Resource::User(user))?;
    if proved.issuer.once {
        once(cx, proved)?;
    }
    let seconds = cx.settings().federation().token_lifetime / SECOND;
    let expires_at = (cx.now() / SECOND + seconds) * SECOND;
    let token = AccessToken::text(expires_at, &fresh.0);
    let hash = crypto::hashed(&token);
    let changes = [
        changed("issuer", None, Some(&proved.issuer.url)),
        changed("subject", None, Some(&proved.subject)),
        changed("token id", None, proved.id.as_deref()),
        changed("access token", None, Some(AccessToken::handle(&hash))),
        changed("expires", None, Some(&rfc3339(expires_at))),
    ];
    let kept = AccessToken { expires_at, hash, user, org: proved.issuer.org, issuer: proved.issuer.id };
    cx.tx().put(&schema::ACCESS_TOKENS, &kept)?;
    cx.record(grant, changes.into_iter().flatten().collect())?;
    Ok(Issued { token, seconds })
}

/// Takes a token's id, so that no other token with it is taken.
fn once(cx: &mut Acting, proved: &Proved) -> Result<()> {
    let Some(id) = &proved.id else {
        return Err(refused("The token has no id (jti), and tokens of this issuer count once."));
    };
    let id = crypto::hashed(&format!("assertion {} {id}", proved.issuer.id.0));
    if cx.view().get(&schema::USED_TOKENS, &id)?.is_some() {
        return Err(refused("This token was exchanged already, and tokens of this issuer count once (jti).")
            .hint("Ask the issuer for a new one. The wandb client exchanges its token file many times."));
    }
    cx.tx().put(&schema::USED_TOKENS, &UsedToken { id, expires_at: proved.until })
}

/// Who presents this access token at `now`.
///
/// # Errors
/// [`Code::Unauthenticated`] with the reason: whoever holds a token was its owner when it was made.
pub fn resolve(view: &impl Read, presented: &str, now: Millis) -> Result<(Subject, Arc<User>)> {
    let Some((until, hash)) = AccessToken::place(presented) else { return Err(unknown()) };
    let user = alive(view, until, &hash, now)?;
    let org = user.1;
    Ok((Subject { actor: Actor::User(user.0.id), credential: Credential::Token { hash, until, org } }, user.0))
}

/// Whose an access token is, and where it is good, as long as it is good at all.
pub(crate) fn alive(view: &impl Read, until: Millis, hash: &str, now: Millis) -> Result<(Arc<User>, OrgId)> {
    if now >= until {
        return Err(dead(format!("The access token ended at {}.", rfc3339(until))));
    }
    let token = view.shared(&schema::ACCESS_TOKENS, &(until, hash.to_owned()))?.ok_or_else(unknown)?;
    let issuer = view.shared(&schema::ISSUERS, &token.issuer)?.filter(|issuer| issuer.org == token.org);
    if issuer.is_none() || view.shared(&schema::ORGS, &token.org)?.is_none() {
        return Err(dead("The issuer whose token it was exchanged for is not trusted any more."));
    }
    let user = view.shared(&schema::USERS, &token.user)?.ok_or_else(unknown)?;
    match user.status {
        Status::Active => {}
        other => return Err(dead(format!("The account {} is {}.", user.username, other.as_str()))),
    }
    match user.membership(token.org) {
        Some(membership) if !membership.suspended => {}
        Some(_) => return Err(dead(format!("The account {} is suspended in the organization.", user.username))),
        None => {
            return Err(dead(format!("The account {} does not belong to the organization any more.", user.username)));
        }
    }
    Ok((user, token.org))
}

fn unknown() -> Error {
    dead("The access token is not one that was given out here, or it ended.")
}

fn dead(why: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(Code::Unauthenticated, why).hint("Exchange a new token of your issuer at /oidc/token.")
}

/// Whether anything is over at `now`.
pub fn is_any_over(view: &impl Read, now: Millis) -> Result<bool> {
    view.count(&schema::ACCESS_TOKENS, Range::all().until(&(now + 1,)), 1).map(|n| n > 0)
}

/// Removes what is over at `now`, at most a slice of it; gives how many.
pub fn sweep(tx: &mut Tx, now: Millis) -> Result<usize> {
    let over = tx.list(&schema::ACCESS_TOKENS, Range::all().until(&(now + 1,)).limit(SLICE))?.items;
    for token in &over {
        tx.delete(&schema::ACCESS_TOKENS, &(token.expires_at, token.hash.clone()))?;
    }
    Ok(over.len())
}

/// The issuer of an event about an exchange that failed.
pub(crate) fn named(issuer: Option<&Issuer>) -> Named {
    match issuer {
        Some(issuer) => Named::new("issuer", issuer.id, issuer.url.as_str()),
        None => Named::new("issuer", "", ""),
    }
}
